"""Make a translated file the rows of a task: named as the base's, labels known, nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stages.errors import UserError
from stages.guards.translated import Translated
from stages.sources.origin import Rows
from stages.sources.parquet import distinct, place
from stages.tasks import Task, schema

if TYPE_CHECKING:
    import pandas as pd

SAME = 0.5  # of the source texts must be the base's: published files differ in blanks and quotes
UNLABELLED = "-"  # MNLI's mark of a pair on which the annotators did not agree
ODD = 0.01  # of the rows of a training set may have no label or no text: PAWS-X's has such rows


def fitting(
    task: Task, file: Path, found: Translated, base: Rows | None, where: Path
) -> tuple[Rows, Rows | None]:
    """Return the rows of a file and their source side, with the ids of the base where it is known.

    base : the rows that the file translates, in their own language; `where` is their file.
    Raises
    ------
    UserError
        The file has a row more or less than its source, other source texts, or an unknown label.
    """
    first = _first_line(file, found)
    rows, source = found.rows, found.source
    numbered = found.head == "pair" and rows["id"].tolist() == [
        str(line) for line in range(first, first + len(rows))
    ]
    numbered = numbered or rows["id"].tolist() == [str(n) for n in range(1, len(rows) + 1)]
    taken = None if source is None else Rows({str(name): source[name].tolist() for name in source})
    if numbered and base is not None and _is_base(task, base, rows, source, file, first, where):
        rows = rows.assign(id=base.columns["id"])
        taken = base
    elif numbered:
        ids = [str(number) for number in range(len(rows))]
        rows = rows.assign(id=ids)
        if taken is not None:
            taken.columns["id"] = ids
    elif base is not None:
        taken = _by_id(task, rows, base, file, where) or taken
    result = Rows({name: rows[name].tolist() for name in schema.DATA[task.head]})
    if not numbered:
        result.columns["id"] = distinct(result.columns["id"])
    if task.head == "span":
        return _answers(result), taken
    return _labelled(task, result, taken, file, first)


def _first_line(file: Path, found: Translated) -> int:
    """The line of a file's first row; a TSV numbers its rows by line, a header being line 1."""
    return int(found.rows["id"].iloc[0]) if file.suffix == ".tsv" else 1


def _is_base(
    task: Task,
    base: Rows,
    rows: pd.DataFrame,
    source: pd.DataFrame | None,
    file: Path,
    first: int,
    where: Path,
) -> bool:
    """Whether row i of the file translates row i of the base; an error where it should and not."""
    texts = [name for name in ("sentence1", "sentence2") if source is not None and name in source]
    same: list[bool] = []
    if source is not None:
        ours = zip(*(source[name].map(_plain) for name in texts), strict=True)
        theirs = zip(*(map(_plain, base.columns[name]) for name in texts), strict=True)
        same = [a == b for a, b in zip(ours, theirs, strict=False)]
    if len(rows) != len(base):
        if not task.parallel:
            return False  # a part of the base, or more than a mirror holds of it
        off = next((row for row, equal in enumerate(same) if not equal), min(len(rows), len(base)))
        raise UserError(
            f"{file}: {len(rows)} rows, expected the {len(base)} of {where}; line {first + off} "
            "is the first that is out of place. A row was added or lost: fetch the file again. "
            "Nothing was written."
        )
    if same and sum(same) < SAME * len(same):
        if not task.parallel:
            return False
        off = same.index(False)
        raise UserError(
            f"{file}, line {first + off}: the source side is not row {off + 1} of {where} "
            f"({sum(same)} of {len(same)} rows are). Columns are swapped, or it is another set: "
            "expected source pair, translated pair, label. Nothing was written."
        )
    return bool(same) or task.parallel


def _by_id(task: Task, rows: pd.DataFrame, base: Rows, file: Path, where: Path) -> Rows | None:
    """The rows of the base that a file of questions translates; None where ids are of their own."""
    at = {name: row for row, name in enumerate(base.columns["id"])}
    ids = rows["id"].tolist()
    strange = [name for name in ids if name not in at]
    if len(strange) > len(ids) // 2:
        return None
    if strange and task.evaluated:
        raise UserError(
            f"{file}, id {strange[0]}: not among the {len(base)} rows of {where} ({len(strange)} "
            "such rows). Rows were added: fetch the file again. Nothing was written."
        )
    return base.take([at[name] for name in ids if name in at])


def _labelled(
    task: Task, rows: Rows, source: Rows | None, file: Path, first: int
) -> tuple[Rows, Rows | None]:
    """Rows with a label and both sides; a training set may lack a few, which are counted."""
    texts = [name for name in ("sentence1", "sentence2", "context") if name in rows.columns]
    labels = rows.columns["label"]
    odd = {row for row, label in enumerate(labels) if label == UNLABELLED}
    unknown = [row for row, name in enumerate(labels) if name not in (*task.labels, UNLABELLED)]
    allowed = ODD * len(rows) if task.is_trained else 0
    if len(unknown) > allowed:
        row = unknown[0]
        raise UserError(
            f"{file}, line {first + row}: the label is {labels[row][:60]!r}; expected one of "
            f"{', '.join(task.labels)} ({len(unknown)} of {len(rows)} rows). Columns are swapped, "
            "or the last line is half a line. Nothing was written."
        )
    odd |= set(unknown)
    if task.is_trained:
        blank = [
            row for row in range(len(rows)) if not all(rows.columns[t][row].strip() for t in texts)
        ]
        odd |= set(blank) if len(blank) <= ODD * len(rows) else set()
    if not odd:
        return rows, source
    kept = [row for row in range(len(rows)) if row not in odd]
    if source is not None and len(source) == len(rows):
        source = source.take(kept)
    return rows.take(kept, len(odd)), source


def _answers(rows: Rows) -> Rows:
    """Answers at their place in the translated context; what is nowhere in it is left out.

    A question all of whose answers were lost is dropped and counted.
    """
    answers, starts = rows.columns["answers"], rows.columns["starts"]
    moved, kept = 0, []
    for row, context in enumerate(rows.columns["context"]):
        placed = []
        for answer, start in zip(answers[row], starts[row], strict=True):
            near = place(context, answer, start)
            if not context.startswith(answer, near):
                near = context.find(answer) if context.count(answer) == 1 else -1
            if answer and near >= 0:
                placed.append((answer, near))
                moved += near != start
        if placed or not answers[row]:
            kept.append(row)
        answers[row], starts[row] = [a for a, _ in placed], [s for _, s in placed]
    found = Rows(rows.columns, moved=moved, answered=any(answers))
    return found if len(kept) == len(rows) else found.take(kept, len(rows) - len(kept))


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
