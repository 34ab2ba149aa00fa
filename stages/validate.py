"""Validate one task: data/<task>/  ->  validation/<task>/, or stop everything that depends on it.

In   data/<task>/<language>/<split>.parquet and snapshot.json; `validate.severity` and
     `snapshot.accept_stand_ins` of params.yaml.
Out  verdict.json, expectations.json (Great Expectations' own results) and its Data Docs,
     dropped.parquet (the rows that severity `repair` leaves out; encode honours it) and index.html,
     a readable summary; validation/index.html, that of all tasks judged so far. A
     rejected set ends with exit status 1 and leaves the same files in validation/rejected/<task>/,
     which is no output of the stage, so that DVC keeps them.
Run  python -m stages.validate xnli [--data data] [--out validation]
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import params
from stages.errors import UserError, run
from stages.guards import (
    alignment,
    characters,
    choice,
    docs,
    grid,
    language,
    mining,
    origin,
    parallel,
    read,
    repair,
    script,
    span,
    structure,
    tagging,
    texts,
    translation,
    whole,
)
from stages.guards.page import page
from stages.guards.rule import Check, Outcome, severity_of
from stages.guards.rules import severities_of
from stages.guards.verdict import Verdict
from stages.tasks import Task, missing
from stages.writing import replacing, replacing_folder

if TYPE_CHECKING:
    import pandas as pd

    Guard = Callable[[Task, pd.DataFrame], tuple[pd.DataFrame, list[Check]]]

LINES = 40  # problems of a severity shown in the terminal; the page shows all
BY_HEAD = {"choice": choice.choice, "tagging": tagging.tagging, "mining": mining.mining}
AGAIN = "Take the snapshot again."
LABELS = "labels.json"  # beside the data, where the labels come from it (CCG)


def validate(
    task: Task, folder: Path, severities: dict[str, str], accept_stand_ins: bool
) -> Verdict:
    """Judge every file that a study of `task` reads from `folder` (data/<task>).

    `severities` overrides the default severity of rules by name.
    """
    task = _labelled(task, folder)
    verdict = Verdict(task, severities)
    record, problem = origin.read_record(folder)
    verdict.outcomes += origin.origin(task, record, problem, severities)
    entries = record.get("files", {})
    tables = {}
    for code, split in task.files():
        name = f"{code}/{split}.parquet"
        table = _table(verdict, folder, name)
        if table is not None:
            tables[name] = table
    if not tables:
        return verdict
    expected = {
        f"{code}/{split}.parquet": task.expected(code, split) for code, split in task.files()
    }
    rows, checks = structure.files(task, tables, entries, expected, accept_stand_ins)
    outcomes = verdict.judge("files", rows, checks)
    broken = {found.file for found in outcomes if found.severity and found.rule in structure.SHAPE}
    frames = {  # on other columns no other rule makes sense
        name: table.frame() for name, table in tables.items() if name not in broken
    }
    if frames:
        unanswered = {name for name, entry in entries.items() if entry.get("answered") is False}
        _rows(verdict, _joined(frames), frozenset(unanswered))
        stand_ins = {name for name, entry in entries.items() if entry["rows"] != entry["expected"]}
        _pairs(verdict, frames, stand_ins if accept_stand_ins else set(), _sources(task, folder))
    return verdict


def _sources(task: Task, folder: Path) -> dict[str, pd.DataFrame]:
    """What a machine translated, by the file that translates it, where the snapshot knew it."""
    sources = {}
    for code, split in task.files():
        beside = folder / code / f"{split}.source.parquet"
        if task.translated and beside.is_file():
            try:
                sources[f"{code}/{split}.parquet"] = read.read(beside).frame()
            except read.Unreadable as error:
                raise UserError(f"{beside}: {error}. {AGAIN}") from None
    return sources


def _labelled(task: Task, folder: Path) -> Task:
    """The task with the labels that its data brings, where the record has none."""
    if task.labels or not (folder / LABELS).is_file():
        return task
    try:
        names = json.loads((folder / LABELS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{folder / LABELS}: not readable ({error}). {AGAIN}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{folder / LABELS}: expected a list of labels. {AGAIN}")
    return replace(task, labels=tuple(names))


def _table(verdict: Verdict, folder: Path, name: str) -> read.Table | None:
    try:
        table = read.read(folder / name)
    except read.Unreadable as error:
        severity = severity_of(error.rule, verdict.severities)
        if error.rule is read.PRESENT and verdict.task.head == "mining" and _any(folder):
            severity = "note"  # an archive may hold one part only; what is there is mined
        verdict.outcomes.append(Outcome(name, error.rule, severity, "", 1, error.examples))
        return None
    verdict.outcomes += [Outcome(name, rule) for rule in read.RULES]
    verdict.data[name] = {"sha256": table.sha256, "rows": table.rows.num_rows}
    return table


def _any(folder: Path) -> bool:
    return any(folder.glob("*/*.parquet"))


def _joined(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All rows of all files, with columns `file` and `row`."""
    import pandas as pd

    parts = [frame.assign(file=name, row=frame.index) for name, frame in frames.items()]
    return pd.concat(parts, ignore_index=True)


def _rows(verdict: Verdict, frame: pd.DataFrame, unanswered: frozenset[str]) -> None:
    """Judge every row of every file by itself."""
    task = verdict.task
    frame = texts.readable(task.head, frame)
    checks = structure.content(task)
    own: list[Guard] = [BY_HEAD[task.head]] if task.head in BY_HEAD else []
    if task.head == "span":
        own = [partial(span.span, unanswered=unanswered)]
    for guard in (*own, characters.characters, script.script, language.language, whole.whole):
        frame, more = guard(task, frame)
        checks += more
    verdict.judge("rows of all files", texts.plain(task.head, frame), checks)


def _pairs(
    verdict: Verdict,
    frames: Mapping[str, pd.DataFrame],
    stand_ins: set[str],
    sources: Mapping[str, pd.DataFrame],
) -> None:
    """Judge every text that has an English side, or a source of any language, against it."""
    task, checks = verdict.task, []
    pairs: dict[str, pd.DataFrame] = {}
    if task.head == "retrieval":
        for name, frame in frames.items():
            pairs[name] = frame.assign(id_en=frame["id"], sentence_en=frame["english"])
    elif task.head == "mining":
        pairs = {name: mining.gold_pairs(frame) for name, frame in frames.items()}
    elif task.translated:
        for name in sources.keys() & frames.keys():
            ours, theirs = (texts.readable(task.head, one[name]) for one in (frames, sources))
            pairs[name] = parallel.pair(task, ours, theirs)
        checks = parallel.parallel(frozenset())
    elif task.parallel:
        original = f"en/{task.evaluated}.parquet"
        for name, frame in frames.items():
            if original in frames and not name.startswith("en/"):
                pairs[name] = parallel.pair(task, frame, frames[original])
        excused = frozenset(
            name
            for name, pair in pairs.items()
            if {name, original} & stand_ins and parallel.lenient(pair)
        )
        checks = parallel.parallel(excused)
    if not pairs:
        return
    for guard in (alignment.alignment, translation.translation):
        guarded = {name: guard(task, pair) for name, pair in pairs.items()}
        pairs = {name: frame for name, (frame, _) in guarded.items()}
        checks += guarded[next(iter(guarded))][1]
    verdict.judge("pairs with English", _joined(pairs), checks)


def write(verdict: Verdict, out: Path) -> Path:
    """Write the files to `out`/<task>, or to `out`/rejected/<task>; return that folder."""
    name = verdict.task.name
    accepted, rejected = out / name, out / "rejected" / name
    kept, stale = (accepted, rejected) if verdict.accepted else (rejected, accepted)
    with replacing_folder(kept) as folder:
        suites = [f"docs/{suite.replace(' ', '-')}.html" for suite in verdict.results]
        html = page(name, verdict.task.languages, verdict.outcomes, verdict.data, suites)
        (folder / "index.html").write_text(html, encoding="utf-8")
        for suite, results in verdict.results.items():
            (folder / "docs").mkdir(exist_ok=True)
            text = docs.docs(suite, results)
            (folder / "docs" / f"{suite.replace(' ', '-')}.html").write_text(text, encoding="utf-8")
        repair.write(verdict.dropped(), folder / repair.DROPPED)
        _dump(verdict.results, folder / "expectations.json")
        _dump(verdict.as_json(), folder / "verdict.json")
    shutil.rmtree(stale, ignore_errors=True)  # a verdict on other data must not be read
    with replacing(out / "index.html") as temporary:
        temporary.write_text(grid.page(grid.verdicts(out), None), encoding="utf-8")
    return kept


def _dump(content: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Read params.yaml, validate one task, print what was found, reject or accept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("validation"))
    arguments = parser.parse_args()
    settings = params.read()
    task = params.task(settings, arguments.task)
    folder = arguments.data / task.name
    if reason := missing.why(folder):
        missing.leave(arguments.out / task.name, reason)
        return
    if not folder.is_dir():
        raise UserError(
            f"{folder} not found: pull the data (dvc pull) or take a snapshot "
            f"(python -m stages.snapshot --tasks {task.name})."
        )
    accept_stand_ins = bool((settings.get("snapshot") or {}).get("accept_stand_ins", False))
    verdict = validate(task, folder, severities_of(settings, task.name), accept_stand_ins)
    for severity in ("repair", "warn"):
        for line in _lines(verdict.findings(severity), folder):
            print(line)
    notes = len(verdict.findings("note"))
    report = write(verdict, arguments.out) / "index.html"
    if not verdict.accepted:
        head = f"{folder} is rejected, nothing that depends on it runs:"
        lines = _lines(verdict.findings("stop"), folder)
        raise UserError("\n  ".join([head, *lines]) + f"\nreport: {report}")
    dropped = len(verdict.dropped())
    left_out = f"{dropped} rows left out, " if dropped else ""
    print(
        f"{task.name} accepted: {len(verdict.data)} files, {left_out}{notes} notes; "
        f"report: {report}"
    )


def _lines(findings: list[Outcome], folder: Path) -> list[str]:
    lines = [finding.as_line(str(folder)) for finding in findings[:LINES]]
    more = len(findings) - LINES
    return [*lines, f"and {more} more in the report"] if more > 0 else lines


if __name__ == "__main__":
    run(main)
