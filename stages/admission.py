"""Admission: what of params.yaml may stand in a command, what of an encoder may be read.

dvc.yaml puts names of params.yaml into shell commands (`python -m stages.validate ${item.task}`),
so a name with a blank, a quote or a semicolon is refused before any of them runs: by plan, and by
each stage with such a command for itself, whatever it is started by.

Run  python -m stages.admission
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages import params
from stages.errors import UserError, run

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
# a command by design: words, options, paths, but nothing that a shell reads as more than a word
LAUNCHER = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:=,@%+ -]*")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")


def check_names(settings: dict[str, Any]) -> None:
    """Refuse names that a shell would not take as one word.

    Raises
    ------
    UserError
        Says where it stands.
    """
    for place, name in names(settings):
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UserError(
                f"params.yaml: {place} holds {name!r}; expected a name of letters, digits and "
                "._+- (it becomes part of a command and of a path)."
            )
    launcher = settings.get("launcher", "python")
    if not isinstance(launcher, str) or not LAUNCHER.fullmatch(launcher):
        raise UserError(
            f"params.yaml: launcher is {launcher!r}; expected a command of plain words, such as "
            "`torchrun --standalone --nproc-per-node 8`, without quotes and ;&|<>$()`."
        )


def names(settings: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Whatever of params.yaml becomes part of a stage's command: (where it stands, the name)."""
    yield "study", settings.get("study")
    for section in ("data", "translate", "intermediate", "target", "retrieve"):
        for key in ("tasks", "encoders", "variants", "languages"):
            for name in settings.get(section, {}).get(key) or ():
                yield f"{section}.{key}", name


def check_encoder(folder: Path) -> None:
    """Refuse an encoder whose weights are pickles: reading one runs whatever it says.

    Raises
    ------
    UserError
        Says how to convert it.
    """
    if any(folder.glob("*.safetensors")):
        return
    found = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if found:
        raise UserError(
            f"{folder} holds {', '.join(found)} and no *.safetensors: a pickle can run code when "
            "it is read, so it is not read here. Take a revision of the model with safetensors, "
            "or convert it on a machine that may (`save_pretrained` of transformers writes them)."
        )


def main() -> None:
    """Check the names of params.yaml."""
    check_names(params.read())


if __name__ == "__main__":
    run(main)
