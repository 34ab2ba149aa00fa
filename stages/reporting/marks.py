"""The mark of an intermediate task that is the target's own training data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stages.tasks.table import TASKS
from stages.tasks.translations import KINDS

Pairs = set[tuple[str, str]]


def same_data(meta: Mapping[str, Any] | None = None) -> Pairs:
    """Return the pairs of source and target that are trained on the same rows.

    meta : scores.meta.json, which knows what the encoders of the study were trained on; without
    it, the pairs of the tasks.
    """
    pairs = {(str(i), str(t)) for t, task in TASKS.items() for i in task.same_data}
    pairs |= {(i, f"{t}.{kind}") for i, t in pairs for kind in KINDS}
    found = (meta or {}).get("same_data", {})
    return pairs | {(source, target) for source in found for target in found[source]}


def marked(frame: pd.DataFrame, same: Pairs | None = None) -> pd.DataFrame:
    """Return a table with a star at every source that is the target's own training data."""
    name = next((n for n in ("source", "intermediate", "encoders") if n in frame), None)
    if name is None or "target" not in frame:
        return frame
    pairs = same_data() if same is None else same
    cells = zip(frame[name], frame["target"], strict=True)
    return frame.assign(**{name: [starred(str(sources), str(t), pairs) for sources, t in cells]})


def starred(sources: str, target: str, same: Pairs) -> str:
    """Return a source, or several of a method (`mnli, qqp`), with a star where it is marked."""
    names = sources.split(", ")
    return ", ".join(f"{one}*" if (one, target) in same else one for one in names)
