"""Translate: data/<task>/en/train.parquet  ->  translations/<task>.<language>/

In   the English training set of a task of pairs, choices or questions, a folder with M2M-100 or
     NLLB-200 (translate.model), `translate.*` of params.yaml.
Out  <task>.<language>.train.parquet in the columns of data/, labels and ids kept, with its source
     beside it; record.json (the model, what was dropped and why), verdict.json and index.html of
     the translated-input guards. What they reject goes to translations/rejected/ and ends with
     exit status 1. `snapshot.sources.<task>.<language>` names the folder to a study.
Run  python -m stages.translate mnli id

Sentences are kept in .state/translations/ as soon as they are translated: a run that was killed
goes on, and a sentence that another task has as well is not translated again.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import params
from stages.errors import UserError, run
from stages.guards import read
from stages.guards.page import page
from stages.guards.rules import severities_of
from stages.guards.translated import Translated
from stages.guards.translated_set import judge
from stages.tasks import Task, find, schema
from stages.tasks.translations import LANGUAGES
from stages.translating.answers import found_again, holding, marked
from stages.translating.sentences import joined, split
from stages.writing import replacing_folder

if TYPE_CHECKING:
    import pandas as pd

    from stages.guards.verdict import Verdict

ROOT = Path(".state/translations")
TEXTS: Mapping[str, tuple[str, ...]] = {
    "pair": ("sentence1", "sentence2"),
    "choice": ("context", "question", "options"),
    "span": ("context", "question"),
}
LINES = 10
Row = dict[str, Any]


def sentences(head: str, row: Row) -> Iterator[str]:
    """Yield every sentence whose translation a row needs."""
    for name in TEXTS[head]:
        for text in row[name] if isinstance(row[name], list) else [row[name]]:
            yield from (sentence.text for sentence in split(text))
    if head == "span":
        for answer, start in zip(row["answers"], row["starts"], strict=True):
            place = holding(row["context"], answer, start)
            if place is not None:
                yield marked(place[1], answer, start)


def translated_row(head: str, row: Row, language: str, known: Mapping[str, str]) -> Row | None:
    """Return a row in another language; None where it lost all of its answers."""
    result = dict(row)
    for name in TEXTS[head]:
        if isinstance(row[name], list):
            result[name] = [joined(text, language, known)[0] for text in row[name]]
        else:
            result[name] = joined(row[name], language, known)[0]
    if head != "span":
        return result
    context, starts = joined(row["context"], language, known)
    found = [
        found_again(row["context"], answer, start, context, starts, known)
        for answer, start in zip(row["answers"], row["starts"], strict=True)
    ]
    kept = [one for one in found if one is not None]
    result |= {"answers": [text for text, _ in kept], "starts": [start for _, start in kept]}
    return None if row["answers"] and not kept else result


def translate(
    task: Task, rows: list[Row], language: str, known: Mapping[str, str]
) -> tuple[list[Row], list[Row]]:
    """Return the rows in another language, and the original of each of them."""
    pairs = [(translated_row(task.head, row, language, known), row) for row in rows]
    kept = [(ours, theirs) for ours, theirs in pairs if ours is not None]
    return [ours for ours, _ in kept], [theirs for _, theirs in kept]


def verdict_on(task: Task, name: str, language: str, found: Translated, settings: dict) -> Verdict:
    """Judge a translation by the guards of translated input."""
    severities = severities_of(settings, f"{task.name}.{language}")
    return judge(name, found, language, severities, labels=task.labels)


def write(
    folder: Path, name: str, head: str, found: Translated, verdict: Verdict, record: dict
) -> None:
    """Write translation, source, record and verdict."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert found.source is not None
    for frame, ending in ((found.rows, ""), (found.source, ".source")):
        columns = {column: frame[column].tolist() for column in schema.DATA[head]}
        table = pa.table(columns, schema=schema.arrow(schema.DATA[head]))
        pq.write_table(table, folder / f"{name}.train{ending}.parquet", compression="zstd")
    html = page(name, (name.rpartition(".")[2],), verdict.outcomes, verdict.data)
    (folder / "index.html").write_text(html, encoding="utf-8")
    for content, file in ((record, "record"), (verdict.as_json(), "verdict")):
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (folder / f"{file}.json").write_text(text + "\n", encoding="utf-8")


def frame(head: str, rows: list[Row]) -> pd.DataFrame:
    """Rows as the guards read them: numbered from 1."""
    import pandas as pd

    lists = [name for name, kind in schema.DATA[head].items() if kind.startswith("list")]
    columns = {
        name: pd.Series([row[name] for row in rows], dtype=object if name in lists else "str")
        for name in schema.DATA[head]
    }
    result = pd.DataFrame(columns)
    result.index = pd.RangeIndex(1, len(result) + 1)
    return result


def check(task: Task, language: str) -> None:
    """Refuse what cannot be translated before a model is read."""
    if task.head not in TEXTS or not task.is_trained or task.translated:
        raise UserError(
            f"{task.name} cannot be translated: expected a task of pairs, choices or questions "
            "with a training set of its own (a tag belongs to a word of its language)."
        )
    if language not in LANGUAGES or language == "en":
        raise UserError(
            f"language {language!r}: expected one of XTREME's besides English: "
            f"{', '.join(LANGUAGES[1:])}."
        )


def main() -> None:
    """Translate one training set into one language, judge it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("language", help="as in XTREME")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--model", type=Path, help="translate.model of params.yaml if left out")
    parser.add_argument("--out", type=Path, help="translations/<task>.<language> if left out")
    arguments = parser.parse_args()
    settings = params.read()
    task, language = find(arguments.task), arguments.language
    check(task, language)
    path = arguments.data / task.name / "en" / "train.parquet"
    try:
        table = read.read(path)
    except read.Unreadable as error:
        raise UserError(f"{path}: {error}. Take the snapshot of {task.name} first.") from None
    rows = table.rows.to_pylist()
    wanted = [sentence for row in rows for sentence in sentences(task.head, row)]

    from stages.translating import memory, translator

    chosen = settings["translate"]
    model = arguments.model or Path(chosen["model"])
    fixed = {name: chosen[name] for name in ("max_length", "length_ratio", "beams")}
    loaded = translator.load(model, chosen["precision"])
    system = translator.Translator(
        *loaded, "en", language, batch_tokens=chosen["batch_tokens"], **fixed
    )
    digest = translator.identity(model, precision=chosen["precision"], **fixed)
    name = f"{task.name}.{language}"
    with memory.open_memory(ROOT / digest / f"en-{language}.jsonl") as known:
        system.translate(wanted, known, name)
        table_of = {sentence: known.get(sentence) or "" for sentence in set(wanted)}
    ours, theirs = translate(task, rows, language, table_of)
    if not ours:
        raise UserError(
            f"{name}: none of the {len(rows)} questions kept an answer in translation: the model "
            f"loses the marks around them. Nothing was written; name another model "
            "(translate.model)."
        )
    answers = sum(len(row["answers"]) for row in rows) if task.head == "span" else 0
    kept = sum(len(row["answers"]) for row in ours) if task.head == "span" else 0
    record = {
        "task": task.name,
        "language": language,
        "source_sha256": table.sha256,
        "model": digest,
        "settings": {**fixed, "precision": chosen["precision"]},
        "rows": len(ours),
        "rows_dropped": len(rows) - len(ours),
        "answers": kept,
        "answers_dropped": answers - kept,
        "sentences": len(table_of),
    }
    found = Translated(task.head, frame(task.head, ours), frame(task.head, theirs))
    verdict = verdict_on(task, name, language, found, settings)
    out = arguments.out or Path("translations") / name
    place = out if verdict.accepted else out.parent / "rejected" / out.name
    shutil.rmtree(out.parent / "rejected" / out.name, ignore_errors=True)
    with replacing_folder(place) as folder:
        write(folder, name, task.head, found, verdict, record)
    print(
        f"{name}: {len(ours)} rows, {record['rows_dropped']} dropped with all of their answers, "
        f"{record['answers_dropped']} of {answers} answers not found again, {system.cut} "
        "translations without an end"
    )
    if not verdict.accepted:
        stops = verdict.findings("stop")[:LINES]
        file = f"{name}.train.parquet"
        lines = [replace(one, file=file).as_line(str(place)) for one in stops]
        raise UserError(
            "\n  ".join([f"the translation {name} is rejected, nothing trains on it:", *lines])
            + f"\nreport: {place / 'index.html'}"
        )
    print(f"{place} accepted; name it in snapshot.sources.{name} and take the snapshot of {name}")


if __name__ == "__main__":
    run(main)
