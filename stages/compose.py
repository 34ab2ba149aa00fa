"""Compose: conf/study/<study>.yaml  ->  params.yaml, as `dvc exp run -S study=...` does.

Run  python -m stages.compose real
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages.errors import UserError, run
from stages.params import PATH
from stages.writing import replacing

CONF = Path("conf")


def compose(study: str, conf: Path = CONF) -> str:
    """Return params.yaml of a study as text.

    Raises
    ------
    UserError
        There is no such study.
    """
    known = sorted(path.stem for path in (conf / "study").glob("*.yaml"))
    if study not in known:
        raise UserError(f"unknown study {study!r}; {conf}/study holds {', '.join(known)}.")
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(conf.resolve()), version_base=None):
        return OmegaConf.to_yaml(compose("config", overrides=[f"study={study}"]))


def main() -> None:
    """Write params.yaml."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study")
    arguments = parser.parse_args()
    text = compose(arguments.study)
    with replacing(PATH) as temporary:
        temporary.write_text(text)
    print(f"{PATH} is now the study {arguments.study}; next: make snapshot, dvc repro")


if __name__ == "__main__":
    run(main)
