"""Judge a translated set before anything uses it: translate-train, translate-test, our own.

In   a file (TSV, JSONL, SQuAD's JSON or a parquet of data/: see stages/guards/translated.py),
     the language it is in, and its source where the file does not carry it.
Out  <out>/<name of the file>/: verdict.json, expectations.json, index.html. Exit status 1 where a
     finding stops.
Run  python -m stages.translations FILE --language id [--source FILE] [--source-language en]
     [--labels entailment neutral contradiction] [--out validation/translations]

Rows and source are matched by id, by their place where the ids are those of rows. Without a source
the file is judged by itself.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stages import params
from stages.errors import UserError, run
from stages.guards import (
    alignment,
    characters,
    choice,
    language,
    parallel,
    read,
    script,
    span,
    structure,
    texts,
    translated,
    translation,
    whole,
)
from stages.guards.page import page
from stages.guards.rule import Outcome, severity_of
from stages.guards.rules import severities_of
from stages.guards.verdict import Verdict
from stages.tasks import Task
from stages.writing import replacing_folder

if TYPE_CHECKING:
    import pandas as pd

LINES = 40
NLI = ("entailment", "neutral", "contradiction")
BINARY = ("0", "1")
FOUR = ("0", "1", "2", "3")
FIVE = (*FOUR, "4")


def judge(
    name: str,
    found: translated.Translated,
    code: str,
    severities: Mapping[str, str],
    source: pd.DataFrame | None = None,
    source_code: str = "en",
    labels: tuple[str, ...] = (),
) -> Verdict:
    """Judge a translated set of language `code`, against its source where there is one."""
    task = Task(
        name=name,
        head=found.head,
        labels=labels or _labels(found),
        languages=tuple(dict.fromkeys((code, source_code, *language.XTREME))),
        parallel=True,
    )
    verdict = Verdict(task, dict(severities))
    file = f"{code}/{name}"
    verdict.outcomes.append(Outcome(file, translated.READABLE))
    severity = severity_of(translated.LINES, severities) if found.count_broken else None
    verdict.outcomes.append(
        Outcome(file, translated.LINES, severity, "", found.count_broken, tuple(found.broken))
    )
    rows = texts.readable(found.head, found.rows.assign(file=file, row=found.rows.index))
    checks = structure.content(task)
    own = {"span": span.translated, "choice": choice.choice}.get(found.head)
    for guard in (own, characters.characters, script.script, language.language, whole.whole):
        if guard is not None:
            rows, more = guard(task, rows)
            checks += more
    rows = texts.plain(found.head, rows).reset_index(drop=True)
    verdict.judge("rows", rows, checks)
    source = found.source if source is None else source
    if source is not None:
        _pairs(verdict, file, found, source)
    return verdict


def _pairs(verdict: Verdict, file: str, found: translated.Translated, source: pd.DataFrame) -> None:
    """Judge every row against its source."""
    task = verdict.task
    ours, theirs = (texts.readable(task.head, frame) for frame in (found.rows, source))
    if len(ours) == len(theirs) and not set(ours["id"]) & set(theirs["id"]):
        theirs = theirs.assign(id=ours["id"].to_numpy())  # numbered by row on either side
    pairs = parallel.pair(task, ours, theirs)
    checks = parallel.parallel(frozenset())
    for guard in (alignment.alignment, translation.translation):
        pairs, more = guard(task, pairs)
        checks += more
    pairs = pairs.assign(file=file, row=pairs.index).reset_index(drop=True)
    verdict.judge("pairs with the source", pairs, checks)


def _labels(found: translated.Translated) -> tuple[str, ...]:
    """The set of labels that the file's own labels belong to."""
    if found.head == "choice":
        return FIVE if found.rows["options"].map(len).median() == 5 else FOUR
    if found.head != "pair":
        return ()
    seen = set(found.rows["label"])
    return max((NLI, BINARY), key=lambda names: len(seen & set(names)))


def _line(outcome: Outcome, path: Path) -> str:
    """One line for the terminal, with the path as the user gave it."""
    return replace(outcome, file=path.name).as_line(str(path.parent))


def main() -> None:
    """Read, judge, write the report, say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--language", required=True, help="of the translation, as in XTREME")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--source-language", default="en")
    parser.add_argument("--labels", nargs="+", default=())
    parser.add_argument("--out", type=Path, default=Path("validation/translations"))
    arguments = parser.parse_args()
    path: Path = arguments.file
    settings = params.read() if params.PATH.exists() else {}
    severities = severities_of(settings, "translations")
    source = None
    try:
        found = translated.load(path, arguments.language)
        if arguments.source:
            source = translated.load(arguments.source, arguments.source_language).rows
    except read.Unreadable as error:
        raise UserError(
            f"{path}: {error.rule.name}: expected {error.rule.holds}; found {error}"
        ) from None
    if source is not None and list(source.columns) != list(found.rows.columns):
        raise UserError(
            f"{arguments.source}: expected the source of {path}, with the columns "
            f"{', '.join(found.rows.columns)}; found {', '.join(source.columns)}."
        )
    verdict = judge(
        path.name, found, arguments.language, severities, source, arguments.source_language,
        tuple(arguments.labels),
    )  # fmt: skip
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    verdict.data[path.name] = {"sha256": digest, "rows": len(found.rows)}
    with replacing_folder(arguments.out / path.name) as folder:
        html = page(path.name, (arguments.language,), verdict.outcomes, verdict.data)
        (folder / "index.html").write_text(html, encoding="utf-8")
        for content, name in ((verdict.results, "expectations"), (verdict.as_json(), "verdict")):
            text = json.dumps(content, ensure_ascii=False, indent=1)
            (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    report = arguments.out / path.name / "index.html"
    for severity in ("repair", "warn"):
        for outcome in verdict.findings(severity)[:LINES]:
            print(_line(outcome, path))
    stops = [_line(outcome, path) for outcome in verdict.findings("stop")[:LINES]]
    if stops:
        raise UserError("\n  ".join([f"{path} is rejected:", *stops]) + f"\nreport: {report}")
    notes = len(verdict.findings("note"))
    print(f"{path} accepted: {len(found.rows)} rows, {notes} notes; report: {report}")


if __name__ == "__main__":
    run(main)
