"""All rules by name, and the severities that params.yaml gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stages import params
from stages.errors import UserError
from stages.guards import (
    alignment,
    characters,
    choice,
    drift,
    language,
    mining,
    origin,
    overlap,
    parallel,
    read,
    script,
    span,
    structure,
    tagging,
    translated,
    translation,
    whole,
)
from stages.guards.rule import SEVERITIES, Rule

ROOMS = (
    origin, read, structure, choice, tagging, span, mining, characters, script, language, parallel,
    alignment, translation, overlap, drift, translated, whole,
)  # fmt: skip
RULES: dict[str, Rule] = {rule.name: rule for room in ROOMS for rule in room.RULES}


def severities_of(settings: Mapping[str, Any], task: str) -> dict[str, str]:
    """The severities that params.yaml sets for `task`.

    Raises
    ------
    UserError
        A rule or severity that does not exist.
    """
    section = (settings.get("validate") or {}).get("severity") or {}
    chosen = params.of_task(section, task)
    for rule, severity in chosen.items():
        if rule not in RULES:
            raise UserError(
                f"params.yaml: validate.severity names the unknown rule {rule!r}; known rules: "
                f"{', '.join(sorted(RULES))}."
            )
        if severity not in SEVERITIES:
            raise UserError(
                f"params.yaml: validate.severity.{rule} is {severity!r}; "
                f"expected one of {', '.join(SEVERITIES)}."
            )
        if severity == "repair" and not RULES[rule].by_row:
            raise UserError(
                f"params.yaml: validate.severity.{rule} is repair, but the rule judges a file as a "
                "whole: there are no rows to leave out. Expected stop, warn or note."
            )
    return chosen
