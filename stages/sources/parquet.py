"""Read the hub's parquet files into the columns of data/, one reader a head.

Labels are mapped by name, by the file's own list of names where it carries one. A row that does
not fit is named with its file and number (counted from 1), and nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from stages.errors import UserError
from stages.sources.origin import Origin, Rows
from stages.sources.shards import Shards
from stages.tasks import Source, Task

# How far an answer may be from its offset: the hub's XTREME configurations had their contexts
# and answers stripped of blanks at the ends, and their offsets left as they were.
REACH = 16
NO_TEXT = ("", "NS")  # PAWS-X writes NS where nothing was translated


def read(task: Task, source: Source, language: str, origins: Sequence[Origin]) -> Rows:
    """Return the rows of one split in the columns of data/ (see schema.DATA).

    Raises
    ------
    UserError
        A file is no parquet, a column is missing, or a row does not fit.
    """
    shards = Shards(source, origins)
    rows = READERS[task.head](task, language, shards)
    if len(task.sources) > 1:
        rows.columns["id"] = [f"{source.name}-{name}" for name in rows.columns["id"]]
    return rows


def _pair(task: Task, language: str, shards: Shards) -> Rows:
    names = shards.names("label", task.labels)
    values = shards.column("label")
    unlabelled = shards.source.unlabelled
    kept = [row for row, value in enumerate(values) if unlabelled is None or value != unlabelled]
    rows = Rows(
        {
            "id": shards.ids(),
            "sentence1": shards.texts("sentence1"),
            "sentence2": shards.texts("sentence2"),
            "label": [
                shards.name(row, value, names) if unlabelled is None or value != unlabelled else ""
                for row, value in enumerate(values)
            ],
        }
    )
    return rows if len(kept) == len(values) else rows.take(kept, len(values) - len(kept))


def _choice(task: Task, language: str, shards: Shards) -> Rows:
    options = shards.lists("options", str)
    for row, found in enumerate(options):
        if len(found) != len(task.labels):
            raise shards.wrong(row, f"expected {len(task.labels)} options", found)
    answers = shards.column("label")
    if "option_names" in shards.source.columns:
        labels = []
        for row, names in enumerate(shards.lists("option_names", str)):
            if len(names) != len(task.labels) or names.count(answers[row]) != 1:
                raise shards.wrong(row, f"expected one of {', '.join(names)}", answers[row])
            labels.append(task.labels[names.index(answers[row])])
    else:
        names_ = shards.names("label", task.labels)
        labels = [shards.name(row, value, names_) for row, value in enumerate(answers)]
    return Rows(
        {
            "id": shards.ids(),
            "context": shards.texts("context"),
            "question": shards.texts("question"),
            "options": options,
            "label": labels,
        }
    )


def _tagging(task: Task, language: str, shards: Shards) -> Rows:
    names = shards.names("tags", task.labels)
    tokens, tags = shards.lists("tokens", str), shards.lists("tags", (int, str))
    for row, (words, found) in enumerate(zip(tokens, tags, strict=True)):
        if not words or len(words) != len(found):
            raise shards.wrong(row, f"expected a tag a word ({len(words)} words)", found)
    named = [[shards.name(row, value, names) for value in found] for row, found in enumerate(tags)]
    return Rows({"id": shards.ids(), "tokens": without_prefix(tokens, language), "tags": named})


def without_prefix(tokens: list[list[str]], language: str) -> list[list[str]]:
    """Strip `xx:`, which stands before every word of PAN-X's own distribution.

    The hub's words are clean, and some hold a colon: only where the whole file carries the
    prefix is it one, and it ends at the first colon of a word.
    """
    prefix = f"{language}:"
    if not all(word.startswith(prefix) for words in tokens for word in words):
        return tokens
    return [[word.removeprefix(prefix) for word in words] for words in tokens]


def _span(task: Task, language: str, shards: Shards) -> Rows:
    ids, contexts = shards.ids(), shards.texts("context")
    answers, starts = shards.lists("answers", str), shards.lists("starts", int)
    questions = shards.texts("question")
    prefix = shards.source.id_prefixes.get(language)
    kept = [row for row, name in enumerate(ids) if prefix is None or name.startswith(prefix)]
    if not kept:
        raise UserError(
            f"{shards.origins[0].path}: expected rows whose id begins with {prefix}, found "
            f"{', '.join(sorted({name.split('-')[0] for name in ids})) or 'no row'}. A study whose "
            f"source lacks a language says so: data.languages.{task.name}."
        )
    moved = 0
    for row in kept:
        if len(answers[row]) != len(starts[row]):
            raise shards.wrong(row, f"expected {len(answers[row])} offsets", starts[row])
        # an empty text marks an answer that was taken out of the file
        found = [(a, s) for a, s in zip(answers[row], starts[row], strict=True) if a]
        placed = [(a, place(contexts[row], a, s)) for a, s in found]
        moved += sum(before != after for before, after in zip(found, placed, strict=True))
        answers[row], starts[row] = [a for a, _ in placed], [s for _, s in placed]
    rows = Rows(
        {
            "id": ids,
            "context": contexts,
            "question": questions,
            "answers": answers,
            "starts": starts,
        },
        moved=moved,
    ).take(kept)
    if prefix is not None:
        rows.columns["id"] = distinct(rows.columns["id"])
        rows = replace(rows, others=_others(shards.source, language, ids))
    return replace(rows, answered=any(rows.columns["answers"]))


def _others(source: Source, language: str, ids: list[str]) -> dict[str, int]:
    """Rows of each other language in a file of several, the most frequent first."""
    codes = {prefix: code for code, prefix in source.id_prefixes.items()}
    names = Counter(name.partition("-")[0] for name in ids)
    found = {codes.get(f"{name}-", name): count for name, count in names.most_common()}
    return {code: count for code, count in found.items() if code != language}


def place(context: str, answer: str, start: int) -> int:
    """Return where `answer` is: at `start`, or at the nearest place within REACH of it.

    start : code points. An answer that is not there keeps its offset, for the validation to judge.
    """
    for distance in range(REACH + 1):
        for near in (start - distance, start + distance):
            if near >= 0 and context.startswith(answer, near):
                return near
    return start


def distinct(ids: list[str]) -> list[str]:
    """Give the second and later rows of an id a suffix of their own.

    TyDiQA as XTREME prepares it keeps the last part of an id only, which many rows share.
    """
    seen: Counter[str] = Counter()
    result = []
    for name in ids:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return result


def _retrieval(task: Task, language: str, shards: Shards) -> Rows:
    # lines of a text file, some with their line break
    return Rows(
        {
            "id": shards.ids(),
            "sentence": [text.strip() for text in shards.texts("sentence")],
            "english": [text.strip() for text in shards.texts("english")],
        }
    )


def _text(task: Task, language: str, shards: Shards) -> Rows:
    """The different texts of all columns; blanks and the sign of a missing translation are left."""
    columns = shards.column("text")
    texts: dict[str, str] = {}
    for row, found in enumerate(columns):
        for number, text in enumerate(found):
            if not isinstance(text, str):
                raise shards.wrong(row, "expected text", text)
            if text.strip() not in NO_TEXT:
                texts.setdefault(text.strip(), f"{row}-{number}")
    return Rows({"id": list(texts.values()), "text": list(texts)})


READERS: Mapping[str, Callable[[Task, str, Shards], Rows]] = {
    "pair": _pair,
    "choice": _choice,
    "tagging": _tagging,
    "span": _span,
    "retrieval": _retrieval,
    "text": _text,
}
