"""Parallelism: the same items in every language, in the same order, with the same labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stages.guards.rule import PLACEHOLDER, Check, Rule
from stages.guards.texts import TEXTS
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

LEAST_SHARED = 0.98  # of the ids, where one side is an accepted stand-in

IDS = Rule(
    "parallel_ids",
    "stop",
    "the ids of the English file",
    "Rows are missing or added: take the snapshot of both files again.",
    by_row=False,  # a missing row cannot be left out
)
ORDER = Rule(
    "parallel_order",
    "stop",
    "the order of the English file",
    "Rows were moved: restore the order of the source, then take the snapshot again.",
)
LABELS = Rule(
    "parallel_labels",
    "stop",
    "the label of the same item in English",
    "Labels or rows slipped: compare both files at this row with their source.",
)
RULES = (IDS, ORDER, LABELS)


def pair(task: Task, frame: pd.DataFrame, english: pd.DataFrame) -> pd.DataFrame:
    """One row an item of either file, matched by id.

    Indexed by row (from 1, of the language's file, else of English). Columns: `id`, `id_en`,
    `id_in_place` (the English id at this place among the shared items), `label`, `label_en`
    (missing where a side is a placeholder: published PAWS-X labels those rows at will), and the
    texts of both. The label of a question is the number of its answers.
    """
    import pandas as pd

    if task.head == "span":
        frame, english = (
            one.assign(label=one["answers"].map(lambda cell: str(len(cell or [])))).astype(
                {"label": "str"}
            )
            for one in (frame, english)
        )
    here = frame.drop_duplicates("id").rename_axis("row").reset_index()
    there = english.drop_duplicates("id").rename_axis("row_en").reset_index()
    texts = list(TEXTS[task.head])
    odd = here[texts].apply(lambda column: column.str.match(PLACEHOLDER)).eq(True).any(axis=1)
    here = here.assign(placeholder=odd)[["row", "id", "label", "placeholder", *texts]]
    there = there[["row_en", "id", "label", *texts]]
    there = there.rename(columns={name: f"{name}_en" for name in ("id", "label", *texts)})
    pairs = here.merge(there, left_on="id", right_on="id_en", how="outer", sort=False)
    pairs = pairs.sort_values(["row", "row_en"], ignore_index=True)
    shared = pairs["id"].notna() & pairs["id_en"].notna()
    pairs["id_in_place"] = pd.Series(pd.NA, index=pairs.index, dtype="str")
    in_english_order = pairs[shared].sort_values("row_en")["id_en"].to_numpy()
    pairs.loc[shared, "id_in_place"] = in_english_order
    pairs["label_en"] = pairs["label_en"].mask(~shared | (pairs["placeholder"] == True))  # noqa: E712
    pairs["row"] = pairs["row"].fillna(pairs["row_en"]).astype(int)
    return pairs.drop(columns=["placeholder", "row_en"]).set_index("row")


def lenient(pairs: pd.DataFrame) -> bool:
    """Whether nearly all items are shared: an accepted stand-in may lack the others."""
    return bool((pairs["id"].notna() & pairs["id_en"].notna()).mean() >= LEAST_SHARED)


def parallel(stand_ins: frozenset[str]) -> list[Check]:
    """The checks on what `pair` returns; in the files `stand_ins` missing ids are a note."""
    either = {"ignore_row_if": "either_value_is_missing"}
    order = {"column_A": "id", "column_B": "id_in_place", **either}
    labels = {"column_A": "label", "column_B": "label_en", **either}
    return [
        Check(
            IDS,
            "ExpectColumnValuesToNotBeNull",
            {"column": "id"},
            "every id of the English file",
            show=("id_en",),
            notes_in=stand_ins,
        ),
        Check(
            IDS,
            "ExpectColumnValuesToNotBeNull",
            {"column": "id_en"},
            "no id that English lacks",
            show=("id",),
            notes_in=stand_ins,
        ),
        Check(ORDER, "ExpectColumnPairValuesToBeEqual", order),
        Check(LABELS, "ExpectColumnPairValuesToBeEqual", labels),
    ]
