"""Drift: what changed between two snapshots of a task, by id, before anything trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stages.guards.rule import Example, Rule, short
from stages.tasks.schema import DATA

if TYPE_CHECKING:
    import pandas as pd

# what an item asks; the other columns but `id` are what is asked of it
TEXTS = (
    "sentence1",
    "sentence2",
    "context",
    "question",
    "options",
    "tokens",
    "sentence",
    "english",
)
SHOWN = 3  # examples a finding

_PIN = "Look at what changed, then pin it with dvc add, or take the old revision again."
REMOVED_FILES = Rule("drift_files", "stop", "the files of the pinned snapshot", _PIN, by_row=False)
UNREADABLE = Rule("drift_readable", "stop", "files that can be compared", _PIN, by_row=False)
COLUMNS = Rule("drift_columns", "stop", "the columns of the pinned snapshot", _PIN, by_row=False)
ROWS = Rule("drift_rows", "stop", "the ids of the pinned snapshot", _PIN, by_row=False)
TEXT = Rule("drift_texts", "stop", "the texts of the pinned snapshot", _PIN, by_row=False)
LABELS = Rule(
    "drift_labels", "stop", "the labels, tags or answers of the pinned snapshot", _PIN, by_row=False
)
ORDER = Rule("drift_order", "stop", "the order of the pinned snapshot", _PIN, by_row=False)
RULES = (REMOVED_FILES, UNREADABLE, COLUMNS, ROWS, TEXT, LABELS, ORDER)


@dataclass
class Change:
    """What changed in one file; rows are matched by id, repeats of an id in their order.

    `state` is "same", "changed", "added", "removed" or "unreadable". `new_texts` of the `texts`
    changed rows stand nowhere in the old file: where rows are numbered, a lost row moves all later
    ones.
    """

    file: str
    state: str
    before: int = 0
    after: int = 0
    added: int = 0
    removed: int = 0
    texts: int = 0
    new_texts: int = 0
    labels: int = 0
    moved: int = 0
    columns: str = ""
    examples: dict[str, list[Example]] = field(default_factory=dict)

    def findings(self) -> list[tuple[Rule, int, str]]:
        """(rule, rows, what was found) of everything that is not as it was."""
        found = [
            (
                REMOVED_FILES,
                int(self.state == "removed"),
                f"no such file ({self.before} rows gone)",
            ),
            (UNREADABLE, int(self.state == "unreadable"), "a file that cannot be read"),
            (COLUMNS, int(bool(self.columns)), self.columns),
            (ROWS, self.added + self.removed, f"{self.removed} rows removed, {self.added} added"),
            (TEXT, self.texts, f"{self.texts} rows of other text, {self.new_texts} of it new"),
            (LABELS, self.labels, f"{self.labels} rows of another label"),
            (ORDER, self.moved, f"{self.moved} rows in another order"),
        ]
        return [one for one in found if one[1]]


def compare(file: str, before: pd.DataFrame, after: pd.DataFrame, head: str) -> Change:
    """Compare the rows of one file (as `Table.frame` gives them)."""
    change = Change(file, "changed", len(before), len(after))
    schema = list(DATA[head])
    if list(before.columns) != list(after.columns) or "id" not in before or "id" not in after:
        change.columns = f"{', '.join(after.columns)}, before {', '.join(before.columns)}"
    columns = [name for name in schema if name in before and name in after and name != "id"]
    old, new = _rows(before, columns), _rows(after, columns)
    change.removed = len(old.keys() - new.keys())
    change.added = len(new.keys() - old.keys())
    known = {_text(row, columns) for row in old.values()}
    shared = [key for key in old if key in new]
    for key in shared:
        here, there = old[key], new[key]
        if here == there:
            continue
        if _text(here, columns) != _text(there, columns):
            change.texts += 1
            change.new_texts += _text(there, columns) not in known
        if _label(here, columns) != _label(there, columns):
            change.labels += 1
            _show(change, LABELS, key, _label(here, columns), _label(there, columns))
        elif len(change.examples.get(TEXT.name, [])) < SHOWN:
            _show(change, TEXT, key, _text(here, columns), _text(there, columns))
    order = [key for key in new if key in old]
    change.moved = sum(one != other for one, other in zip(shared, order, strict=True))
    for key in list(old.keys() - new.keys())[:SHOWN]:
        _show(change, ROWS, key, "a row", "nothing")
    for key in list(new.keys() - old.keys())[:SHOWN]:
        _show(change, ROWS, key, "nothing", "a row")
    if not change.findings():
        change.state = "same"
    return change


def _rows(frame: pd.DataFrame, columns: list[str]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """The cells of each row by id and how often it occurred before."""
    ids = frame["id"].tolist() if "id" in frame else list(map(str, range(len(frame))))
    seen: dict[str, int] = {}
    rows = {}
    cells = [[_plain(cell) for cell in frame[name]] for name in columns]
    for name, *row in zip(ids, *cells, strict=True):
        times = seen.get(name, 0)
        seen[name] = times + 1
        rows[str(name), times] = tuple(row)
    return rows


def _plain(cell: Any) -> Any:
    return tuple(map(str, cell)) if isinstance(cell, list) else str(cell)


def _text(row: tuple[Any, ...], columns: list[str]) -> tuple[Any, ...]:
    return tuple(cell for cell, name in zip(row, columns, strict=True) if name in TEXTS)


def _label(row: tuple[Any, ...], columns: list[str]) -> tuple[Any, ...]:
    return tuple(cell for cell, name in zip(row, columns, strict=True) if name not in TEXTS)


def _show(change: Change, rule: Rule, key: tuple[str, int], here: Any, there: Any) -> None:
    examples = change.examples.setdefault(rule.name, [])
    if len(examples) < SHOWN:
        found = f"{short(str(there), 80)}, before {short(str(here), 80)}"
        examples.append(Example(None, key[0], found))
