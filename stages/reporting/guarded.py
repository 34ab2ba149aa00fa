"""What the guards found in the data of the study, and what they left out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stages.reporting.page import Section, table, text


def guarded(summary: Mapping[str, Any]) -> Section:
    """Return the section on the data.

    summary : inspection/summary.json, counts by task, leaks, and the rows left out for them
    """
    leaked = summary["leakage_dropped"]
    rows = [
        {
            "task": task,
            "files": counts["files"],
            "rows": counts["rows"],
            "findings that warn": counts["warn"],
            "notes": counts["note"],
            "rows left out as broken": counts["dropped"],
            "training rows left out as leaked": leaked.get(task, 0),
        }
        for task, counts in summary["tasks"].items()
    ]
    test_rows = sum(one["rows"] for one in summary["leakage"] if one["rule"] == "test_in_train")
    words = (
        f"{test_rows} test rows have a copy, exact or near, in a training set; "
        f"{sum(leaked.values())} training rows were left out for it. "
        "Every finding, with its row: inspection/index.html."
    )
    return Section("The data", [text(words), table(pd.DataFrame(rows))])
