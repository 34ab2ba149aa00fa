"""Compose: conf/study/<study>.yaml  ->  params.yaml, as `dvc exp run -S study=...` does.

Run  python -m stages.compose real [snapshot.mirror=/path ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from stages.errors import UserError, run
from stages.params import PATH
from stages.writing import replacing

CONF = Path("conf")


def compose(study: str, conf: Path = CONF, changes: Sequence[str] = ()) -> str:
    """Return params.yaml of a study as text, with `changes` such as `target.seeds=[1,2]`.

    Raises
    ------
    UserError
        There is no such study, or a change does not fit it.
    """
    known = sorted(path.stem for path in (conf / "study").glob("*.yaml"))
    if study not in known:
        raise UserError(f"unknown study {study!r}; {conf}/study holds {', '.join(known)}.")
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf

    with initialize_config_dir(str(conf.resolve()), version_base=None):
        try:
            return OmegaConf.to_yaml(compose("config", overrides=[f"study={study}", *changes]))
        except HydraException as error:
            raise UserError(
                f"{' '.join(changes)}: {str(error).splitlines()[0]} Expected section.key=value of "
                f"{conf}/study/{study}.yaml."
            ) from error


def main() -> None:
    """Write params.yaml."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    parser.add_argument("changes", nargs="*", help="section.key=value")
    arguments = parser.parse_args()
    text = compose(arguments.study, changes=arguments.changes)
    with replacing(PATH) as temporary:
        temporary.write_text(text)
    print(f"{PATH} is now the study {arguments.study}; next: make snapshot, dvc repro")


if __name__ == "__main__":
    run(main)
