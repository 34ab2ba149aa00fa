"""params.yaml, the one door to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.errors import UserError

PATH = Path("params.yaml")


def read(path: Path = PATH) -> dict[str, Any]:
    """Return the parameters of the study.

    Raises
    ------
    UserError
        The file is missing or is not YAML.
    """
    try:
        # YAML 1.2, as DVC reads it: 3e-4 is a number there and text in YAML 1.1
        found = YAML(typ="safe").load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} not found: run this from the root of the repository.") from None
    except YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected sections (study, data, engine, ...), found {found!r}.")
    return found


def of_task(section: dict[str, Any], task: str) -> dict[str, Any]:
    """The parameters of one task: its stage's own, overlaid with the task's."""
    shared = {key: value for key, value in section.items() if not isinstance(value, dict)}
    return shared | section.get(task, {})


def first_rank() -> bool:
    """Whether this process is the one that writes (all are, without a launcher)."""
    return os.environ.get("RANK", "0") == "0"
