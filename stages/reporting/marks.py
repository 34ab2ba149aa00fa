"""The mark of an intermediate task that is the target's own training data."""

from __future__ import annotations

import pandas as pd

from stages.tasks.table import TASKS
from stages.tasks.translations import KINDS


def same_data() -> set[tuple[str, str]]:
    """Return the pairs of intermediate and target task that are trained on the same rows."""
    pairs = {(str(i), str(t)) for t, task in TASKS.items() for i in task.same_data}
    return pairs | {(i, f"{t}.{kind}") for i, t in pairs for kind in KINDS}


def marked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with a star at every source that is the target's own training data."""
    name = next((n for n in ("source", "intermediate") if n in frame), None)
    if name is None or "target" not in frame:
        return frame
    same = same_data()
    pairs = zip(frame[name], frame["target"], strict=True)
    return frame.assign(**{name: [f"{s}*" if (s, t) in same else s for s, t in pairs]})
