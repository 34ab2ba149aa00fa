"""Validate one task: data/<task>/  ->  validation/<task>/, or stop everything that depends on it.

In   data/<task>/<language>/<split>.parquet and snapshot.json; `validate.severity` and
     `snapshot.accept_stand_ins` of params.yaml.
Out  verdict.json, expectations.json (Great Expectations' own results) and index.html, a readable
     summary. A rejected set ends with exit status 1 and leaves the same three files in
     validation/rejected/<task>/, which is no output of the stage, so that DVC keeps them.
Run  python -m stages.validate xnli [--data data] [--out validation]
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import params
from stages.errors import UserError, run
from stages.guards import (
    alignment,
    characters,
    language,
    origin,
    parallel,
    read,
    script,
    structure,
    translation,
)
from stages.guards.page import page
from stages.guards.rule import SEVERITIES, Outcome, Rule, severity_of
from stages.guards.verdict import Verdict
from stages.tasks import Task, find
from stages.writing import replacing_folder

if TYPE_CHECKING:
    import pandas as pd

LINES = 40  # problems of a severity shown in the terminal; the page shows all
ROOMS = (
    origin, read, structure, characters, script, language, parallel, alignment, translation,
)  # fmt: skip
RULES: dict[str, Rule] = {rule.name: rule for room in ROOMS for rule in room.RULES}


def validate(
    task: Task, folder: Path, severities: dict[str, str], accept_stand_ins: bool
) -> Verdict:
    """Judge every file that a study of `task` reads from `folder` (data/<task>).

    `severities` overrides the default severity of rules by name.
    """
    verdict = Verdict(task, severities)
    record, problem = origin.read_record(folder)
    verdict.outcomes += origin.origin(task, record, problem, severities)
    entries = record.get("files", {})
    frames = {}
    for code, split in task.files():
        name = f"{code}/{split}.parquet"
        frame = _frame(verdict, folder, name)
        if frame is not None:
            rows = structure.rows(task, split, entries.get(name, {}), accept_stand_ins)
            outcomes = verdict.judge(name, frame, [*structure.shape(task), *rows])
            if not any(found.severity and found.rule in structure.SHAPE for found in outcomes):
                frames[name] = frame  # on other columns no other rule makes sense
    if frames:
        _rows(verdict, _joined(frames))
    if task.parallel:
        stand_ins = {name for name, entry in entries.items() if entry["rows"] != entry["expected"]}
        _parallel(verdict, frames, stand_ins if accept_stand_ins else set())
    return verdict


def _frame(verdict: Verdict, folder: Path, name: str) -> pd.DataFrame | None:
    try:
        frame, digest = read.read(folder / name)
    except read.Unreadable as error:
        severity = severity_of(error.rule, verdict.severities)
        verdict.outcomes.append(Outcome(name, error.rule, severity, "", 1, error.examples))
        return None
    verdict.outcomes += [Outcome(name, rule) for rule in read.RULES]
    verdict.data[name] = {"sha256": digest, "rows": len(frame)}
    return frame


def _joined(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All rows of all files, with columns `file` and `row`."""
    import pandas as pd

    parts = [frame.assign(file=name, row=frame.index) for name, frame in frames.items()]
    return pd.concat(parts, ignore_index=True)


def _rows(verdict: Verdict, frame: pd.DataFrame) -> None:
    """Judge every row of every file by itself."""
    checks = structure.content(verdict.task)
    guards = [characters.characters, script.script]
    if language.available():
        guards.append(language.language)
    for guard in guards:
        frame, more = guard(verdict.task, frame)
        checks += more
    verdict.judge("rows of all files", frame, checks)


def _parallel(verdict: Verdict, frames: Mapping[str, pd.DataFrame], stand_ins: set[str]) -> None:
    """Judge every language against English, if there is an English file."""
    original = f"en/{verdict.task.evaluated}.parquet"
    pairs = {}
    for name, frame in frames.items():
        if original in frames and not name.startswith("en/"):
            pairs[name] = parallel.pair(verdict.task, frame, frames[original])
    excused = frozenset(
        name
        for name, pair in pairs.items()
        if {name, original} & stand_ins and parallel.lenient(pair)
    )
    if pairs:
        checks = parallel.parallel(excused)
        for guard in (alignment.alignment, translation.translation):
            guarded = {name: guard(verdict.task, pair) for name, pair in pairs.items()}
            pairs = {name: frame for name, (frame, _) in guarded.items()}
            checks += guarded[next(iter(guarded))][1]
        verdict.judge("pairs with English", _joined(pairs), checks)


def write(verdict: Verdict, out: Path) -> Path:
    """Write the three files to `out`/<task>, or to `out`/rejected/<task>; return that folder."""
    name = verdict.task.name
    accepted, rejected = out / name, out / "rejected" / name
    kept, stale = (accepted, rejected) if verdict.accepted else (rejected, accepted)
    with replacing_folder(kept) as folder:
        html = page(name, verdict.task.languages, verdict.outcomes, verdict.data)
        (folder / "index.html").write_text(html, encoding="utf-8")
        _dump(verdict.results, folder / "expectations.json")
        _dump(verdict.as_json(), folder / "verdict.json")
    shutil.rmtree(stale, ignore_errors=True)  # a verdict on other data must not be read
    return kept


def _dump(content: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


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
    return chosen


def main() -> None:
    """Read params.yaml, validate one task, print what was found, reject or accept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--out", type=Path, default=Path("validation"))
    arguments = parser.parse_args()
    settings = params.read()
    task = find(arguments.task)
    folder = arguments.data / task.name
    if not folder.is_dir():
        raise UserError(
            f"{folder} not found: pull the data (dvc pull) or take a snapshot "
            f"(python -m stages.snapshot --tasks {task.name})."
        )
    accept_stand_ins = bool((settings.get("snapshot") or {}).get("accept_stand_ins", False))
    verdict = validate(task, folder, severities_of(settings, task.name), accept_stand_ins)
    for line in _lines(verdict.findings("warn"), folder):
        print(line)
    notes = len(verdict.findings("note"))
    report = write(verdict, arguments.out) / "index.html"
    if not verdict.accepted:
        head = f"{folder} is rejected, nothing that depends on it runs:"
        lines = _lines(verdict.findings("stop"), folder)
        raise UserError("\n  ".join([head, *lines]) + f"\nreport: {report}")
    print(f"{task.name} accepted: {len(verdict.data)} files, {notes} notes; report: {report}")


def _lines(findings: list[Outcome], folder: Path) -> list[str]:
    lines = [finding.as_line(str(folder)) for finding in findings[:LINES]]
    more = len(findings) - LINES
    return [*lines, f"and {more} more in the report"] if more > 0 else lines


if __name__ == "__main__":
    run(main)
