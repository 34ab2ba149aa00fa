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
from dataclasses import replace
from pathlib import Path

from stages import params
from stages.errors import UserError, run
from stages.guards import read, translated
from stages.guards.page import page
from stages.guards.rule import Outcome
from stages.guards.rules import severities_of
from stages.guards.translated_set import judge
from stages.writing import replacing_folder

LINES = 40


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
