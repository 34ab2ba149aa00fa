"""Choice, tagging, span, retrieval and mining: each kind of damage is found, clean rows pass."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.guards.tagging import invalid_bio, slipped
from stages.tasks import Task, find
from stages.tasks.schema import DATA, arrow
from stages.validate import validate

Rows = dict[str, list]
Damage = Callable[[Rows], None]


def save(path: Path, head: str, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(rows, schema=arrow(DATA[head])), path)


def judged(task: Task, folder: Path, files: dict[str, Rows]) -> dict[str, dict[str, tuple]]:
    """By file and rule: severity, count, and the first example."""
    for name, rows in files.items():
        save(folder / f"{name}.parquet", task.head, rows)
    found: dict[str, dict[str, tuple]] = {name: {} for name in files}
    for outcome in validate(task, folder, {}, accept_stand_ins=False).outcomes:
        name = outcome.file.removesuffix(".parquet")
        if outcome.severity and name in found:
            first = outcome.examples[0]
            found[name][outcome.rule.name] = (outcome.severity, outcome.count, first)
    return found


def bare(name: str, **changes: object) -> Task:
    """A task of the table in English only, whose rows nobody has verified."""
    return replace(find(name), languages=("en",), rows={}, **changes)  # type: ignore[arg-type]


def put(column: str, row: int, value: object) -> Damage:
    return lambda rows: rows[column].__setitem__(row - 1, value)


# ---- multiple choice


def choices(count: int = 12) -> Rows:
    return {
        "id": [f"item-{n}" for n in range(count)],
        "context": [f"She opened the door of house number {n}." for n in range(count)],
        "question": ["What did she do next?"] * count,
        "options": [[f"She went in to see {c} {n}." for c in "abcd"] for n in range(count)],
        "label": [str(n % 4) for n in range(count)],
    }


CHOICES: list[tuple[str, Damage, str, str]] = [
    ("missing", put("options", 3, ["a", "b", "c"]), "option_count", "3 options"),
    ("too many", put("options", 3, ["a", "b", "c", "d", "e"]), "option_count", "5 options"),
    ("blank", put("options", 3, ["a", "b", " ", "d"]), "blank_options", "option 2"),
    ("null inside", put("options", 3, ["a", None, "c", "d"]), "blank_options", "option 1"),
    ("twice", put("options", 3, ["a", "b", "a", "d"]), "distinct_options", "'a'"),
    ("nothing asked", lambda rows: [put(c, 3, "")(rows) for c in ("context", "question")],
     "something_asked", "'' and ''"),
    ("label", put("label", 3, "4"), "label_set", "label '4'"),
    ("letter", put("label", 3, "A"), "label_set", "label 'A'"),
    ("id", put("id", 3, "item-3"), "unique_ids", "id 'item-3'"),
    ("null", put("question", 3, None), "no_nulls", "question"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "rule", "shows"), [row[1:] for row in CHOICES],
                         ids=[row[0] for row in CHOICES])  # fmt: skip
def test_damaged_choices(tmp_path: Path, damage: Damage, rule: str, shows: str) -> None:
    rows = choices()
    damage(rows)
    files = {"en/train": rows, "en/validation": choices()}
    found = judged(bare("hellaswag"), tmp_path, files)
    assert found["en/validation"] == {}
    severity, _, example = found["en/train"][rule]
    assert severity == "stop"  # one of twelve rows is more than any rule warns of
    assert example.row == 3 and shows in example.found


def test_a_context_may_be_empty_where_a_question_asks(tmp_path: Path) -> None:
    rows = choices()
    rows["context"] = [""] * 12
    assert judged(bare("hellaswag"), tmp_path, {"en/train": rows, "en/validation": rows})[
        "en/train"
    ] == {}  # fmt: skip


# ---- spans


def spans(count: int = 12) -> Rows:
    contexts = [f"In the year {1900 + n} the old mill burned down in Ulm." for n in range(count)]
    answers = [[str(1900 + n)] for n in range(count)]
    return {
        "id": [f"q{n}" for n in range(count)],
        "context": contexts,
        "question": ["When did the mill burn down?"] * count,
        "answers": answers,
        "starts": [[12]] * count,
    }


SPANS: list[tuple[str, Damage, str, str]] = [
    ("offset", put("starts", 4, [11]), "answer_in_context", "it stands at 12"),
    ("negative", put("starts", 4, [-1]), "answer_in_context", "at -1"),
    ("beyond", put("starts", 4, [4_000]), "answer_in_context", "at 4000"),
    ("other answer", put("answers", 4, ["1066"]), "answer_in_context", "'1066' at 12"),
    ("context cut", lambda rows: rows["context"].__setitem__(3, "In the year"),
     "answer_in_context", "'1903'"),
    ("no offset", put("starts", 4, []), "answer_offsets", "1 and 0"),
    ("blank", lambda rows: [put("answers", 4, [""])(rows)], "blank_answers", "''"),
    ("none", lambda rows: [put("answers", 4, [])(rows), put("starts", 4, [])(rows)],
     "answered", "no answer"),
    ("question", put("question", 4, " "), "no_empty_sides", "question ' '"),
    ("id", put("id", 4, "q4"), "unique_ids", "q4"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "rule", "shows"), [row[1:] for row in SPANS],
                         ids=[row[0] for row in SPANS])  # fmt: skip
def test_damaged_spans(tmp_path: Path, damage: Damage, rule: str, shows: str) -> None:
    rows = spans()
    damage(rows)
    found = judged(bare("squad"), tmp_path, {"en/train": rows, "en/validation": spans()})
    assert found["en/validation"] == {}
    severity, count, example = found["en/train"][rule]
    assert (severity, example.row) == ("stop", 4)
    assert count in (1, 2) and shows in example.found


def test_squad2_may_ask_without_an_answer_but_not_always(tmp_path: Path) -> None:
    rows, all_answered = spans(), spans()
    put("answers", 4, [])(rows)
    put("starts", 4, [])(rows)
    found = judged(bare("squad2"), tmp_path, {"en/train": rows, "en/validation": all_answered})
    assert found["en/train"] == {}
    assert found["en/validation"]["unanswerable"][:2] == ("stop", 12)


def test_offsets_count_code_points(tmp_path: Path) -> None:
    rows = spans()
    put("context", 4, "𝔘𝔩𝔪 burned in 1903.")(rows)
    put("starts", 4, [14])(rows)
    assert judged(bare("squad"), tmp_path, {"en/train": rows, "en/validation": rows})[
        "en/train"
    ] == {}  # fmt: skip
    put("starts", 4, [17])(rows)  # UTF-16 units
    found = judged(bare("squad"), tmp_path, {"en/train": rows, "en/validation": rows})
    assert "answer_in_context" in found["en/train"]


def test_ids_of_another_language_are_found(tmp_path: Path) -> None:
    task = replace(find("tydiqa"), languages=("en", "fi"), rows={})
    rows, other = spans(), spans()
    rows["id"] = [f"{'finnish' if n == 5 else 'english'}-{n}" for n in range(12)]
    other["id"] = [f"finnish-{n}" for n in range(12)]
    files = {"en/train": rows, "en/validation": rows, "fi/validation": other}
    found = judged(task, tmp_path, files)
    assert found["en/train"]["id_language"][:2] == ("stop", 1)
    assert found["en/train"]["id_language"][2].row == 6
    assert "id_language" not in found["fi/validation"]


def test_parallel_questions_are_compared_with_english(tmp_path: Path) -> None:
    task = replace(find("xquad"), languages=("en", "de"), rows={})
    german = spans()
    german["answers"][3], german["starts"][3] = ["1903", "1903"], [12, 12]
    german["id"][6], german["id"][7] = german["id"][7], german["id"][6]
    found = judged(task, tmp_path, {"en/validation": spans(), "de/validation": german})
    assert found["de/validation"]["parallel_labels"][2].row == 4
    assert found["de/validation"]["parallel_order"][:2] == ("stop", 2)


# ---- tagging

SENTENCES = [
    ("the old man saw a dog .", "DET ADJ NOUN VERB DET NOUN PUNCT"),
    ("she bought seven red apples in Ulm .", "PRON VERB NUM ADJ NOUN ADP PROPN PUNCT"),
    ("he sleeps .", "PRON VERB PUNCT"),
    ("a dog and a cat ran to the river .",
     "DET NOUN CCONJ DET NOUN VERB ADP DET NOUN PUNCT"),
    ("in Bern the river is old .", "ADP PROPN DET NOUN AUX ADJ PUNCT"),
]  # fmt: skip


def tagged(count: int = 120, seed: int = 1) -> Rows:
    rng = random.Random(seed)
    picked = [rng.choice(SENTENCES) for _ in range(count)]
    return {
        "id": [str(n) for n in range(count)],
        "tokens": [words.split() for words, _ in picked],
        "tags": [tags.split() for _, tags in picked],
    }


def rolled(tags: list[str], step: int = 1) -> list[str]:
    return tags[-step:] + tags[:-step]


TAGGED: list[tuple[str, Damage, str, str]] = [
    ("tag lost", lambda rows: rows["tags"][6].pop(), "tags_aligned", "tags"),
    ("token lost", lambda rows: rows["tokens"][6].pop(), "tags_aligned", "tokens"),
    ("unknown tag", lambda rows: rows["tags"][6].__setitem__(0, "CONJ"), "tag_set", "CONJ"),
    ("tag by index", lambda rows: rows["tags"][6].__setitem__(0, "7"), "tag_set", "7"),
    ("no tokens", lambda rows: [put(c, 7, [])(rows) for c in ("tokens", "tags")],
     "no_empty_sentences", "no token"),
    ("blank token", lambda rows: rows["tokens"][6].__setitem__(0, "\u200b"), "blank_tokens",
     "token 1"),
    ("carriage return", lambda rows: rows["tokens"][6].__setitem__(0, "dog\r"),
     "control_characters", "dog"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "rule", "shows"), [row[1:] for row in TAGGED],
                         ids=[row[0] for row in TAGGED])  # fmt: skip
def test_damaged_tags(tmp_path: Path, damage: Damage, rule: str, shows: str) -> None:
    task = bare("udpos")
    rows = tagged()
    damage(rows)
    files = {"en/train": rows, "en/validation": tagged(), "en/test": tagged()}
    found = judged(task, tmp_path, files)
    assert found["en/test"] == {}
    severity, _, example = found["en/train"][rule]
    assert severity == ("warn" if rule == "blank_tokens" else "stop")
    assert example.row == 7 and shows in example.found


@pytest.mark.parametrize("step", [1, -1])
def test_a_slipped_file_is_found(tmp_path: Path, step: int) -> None:
    rows = tagged()
    rows["tags"] = [rolled(tags, step) for tags in rows["tags"]]
    files = {"en/train": tagged(), "en/validation": tagged(), "en/test": rows}
    found = judged(bare("udpos"), tmp_path, files)
    assert found["en/test"]["tags_in_place"][:2] == ("stop", 120)
    assert "tags_in_place" not in found["en/train"]


@pytest.mark.parametrize("start", [0, 50, 100])
def test_a_slipped_block_is_located(tmp_path: Path, start: int) -> None:
    rows = tagged()
    for row in range(start, start + 20):
        rows["tags"][row] = rolled(rows["tags"][row])
    files = {"en/train": tagged(), "en/validation": tagged(), "en/test": rows}
    severity, count, example = judged(bare("udpos"), tmp_path, files)["en/test"]["tags_in_place"]
    assert severity == "stop" and 18 <= count <= 22
    assert abs(example.row - start - 1) <= 1
    assert f"rows {example.row} to" in example.found


def test_the_direction_of_a_slip() -> None:
    rows = tagged(200)
    rows["tags"][40] = rolled(rows["tags"][40])  # each tag came from the token before
    slip = slipped(rows["tokens"], rows["tags"])
    assert slip.whole == 0
    assert int(slip.nats.argmax()) == 40 and slip.step[40] == 1


@pytest.mark.parametrize("seed", range(8))
def test_tags_in_place_pass(seed: int) -> None:
    rows = tagged(150, seed)
    slip = slipped(rows["tokens"], rows["tags"])
    assert slip.whole == 0 and slip.block[2] < 5 and slip.nats.max() < 5


def test_few_tokens_are_not_judged() -> None:
    slip = slipped([["a", "b"]], [["X", "Y"]])
    assert slip.nats.tolist() == [0.0] and slip.block == (0, 0, 0.0, 0)


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O B-PER I-PER O", None),
        ("B-PER B-PER I-PER", None),
        ("I-PER O", "I-PER after O (token 1)"),
        ("B-PER I-ORG", "I-ORG after B-PER (token 2)"),
        ("O O I-LOC", "I-LOC after O (token 3)"),
    ],
)
def test_bio(tags: str, found: str | None) -> None:
    assert invalid_bio(tags.split()) == found


# ---- retrieval and mining


def sentences(count: int = 30) -> Rows:
    return {
        "id": [str(n) for n in range(count)],
        "sentence": [
            f"Der Zug mit der Nummer {100 + n} kommt heute spät an." for n in range(count)
        ],
        "english": [f"The train with the number {100 + n} is late today." for n in range(count)],
    }


def test_shuffled_translations_are_found(tmp_path: Path) -> None:
    task = replace(find("tatoeba"), languages=("de", "fr"), rows={})
    french = sentences()
    french["sentence"] = [f"Le train numéro {100 + n} arrive en retard." for n in range(30)]
    clean = judged(task, tmp_path, {"de/validation": sentences(), "fr/validation": french})
    assert clean == {"de/validation": {}, "fr/validation": {}}
    french["english"] = french["english"][1:] + french["english"][:1]
    found = judged(task, tmp_path, {"de/validation": sentences(), "fr/validation": french})
    assert found["fr/validation"]["numbers_follow"][:2] == ("stop", 30)
    assert found["de/validation"] == {}


def test_english_in_the_foreign_column_is_found(tmp_path: Path) -> None:
    task = replace(find("tatoeba"), languages=("de", "ru"), rows={})
    rows = sentences()
    rows["sentence"] = rows["english"]
    found = judged(task, tmp_path, {"de/validation": sentences(), "ru/validation": rows})
    assert found["ru/validation"]["script"][:2] == ("stop", 30)
    assert found["ru/validation"]["untranslated"][:2] == ("stop", 30)


def bitext(count: int = 30) -> Rows:
    german, english = sentences(count)["sentence"], sentences(count)["english"]
    return {
        "id": [f"de-{n}" for n in range(count)] + [f"en-{n}" for n in range(count)],
        "side": ["source"] * count + ["english"] * count,
        "sentence": german + english,
        "gold": [[f"en-{n}"] if n % 3 == 0 else [] for n in range(count)] + [[]] * count,
    }


BITEXT: list[tuple[str, Damage, str, str, str]] = [
    ("unknown id", put("gold", 4, ["en-99"]), "gold_known", "en-99", "stop"),
    ("other side", put("gold", 4, ["de-1"]), "gold_known", "de-1", "stop"),
    ("on English", put("gold", 44, ["en-1"]), "gold_on_source", "en-1", "stop"),
    ("side", put("side", 4, "german"), "known_side", "german", "stop"),
    ("id", put("id", 4, "de-4"), "unique_ids", "de-4", "stop"),
    ("blank", put("sentence", 4, " "), "no_empty_sides", "sentence ' '", "stop"),
    ("twice", put("gold", 2, ["en-3"]), "gold_once", "en-3", "warn"),
]


@pytest.mark.parametrize(("damage", "rule", "shows", "severity"), [row[1:] for row in BITEXT],
                         ids=[row[0] for row in BITEXT])  # fmt: skip
def test_damaged_bitext(
    tmp_path: Path, damage: Damage, rule: str, shows: str, severity: str
) -> None:
    task = replace(find("bucc2018"), languages=("de",))
    rows = bitext()
    damage(rows)
    found = judged(task, tmp_path, {"de/dev": bitext(), "de/test": rows})
    assert found["de/dev"] == {}
    assert found["de/test"][rule][0] == severity
    assert shows in found["de/test"][rule][2].found


def test_bitext_without_gold_stops(tmp_path: Path) -> None:
    task = replace(find("bucc2018"), languages=("de",))
    rows = bitext()
    rows["gold"] = [[]] * 60
    found = judged(task, tmp_path, {"de/dev": bitext(), "de/test": rows})
    severity, _, example = found["de/test"]["every_label"]
    assert severity == "stop" and example.found == "no gold pairs"


def test_a_missing_part_of_an_archive_is_a_note(tmp_path: Path) -> None:
    task = replace(find("bucc2018"), languages=("de",))
    save(tmp_path / "de" / "dev.parquet", "mining", bitext())
    verdict = validate(task, tmp_path, {}, accept_stand_ins=False)
    (note,) = [found for found in verdict.findings("note") if found.rule.name == "file_present"]
    assert note.file == "de/test.parquet" and verdict.accepted


# ---- all heads


@pytest.mark.parametrize("name", ["hellaswag", "squad", "udpos", "tatoeba", "bucc2018"])
def test_another_head_is_the_wrong_file(tmp_path: Path, name: str) -> None:
    task = bare(name)
    rows = choices() if task.head != "choice" else spans()
    head = "choice" if task.head != "choice" else "span"
    for language, split in task.files():
        save(tmp_path / language / f"{split}.parquet", head, rows)
    found = validate(task, tmp_path, {}, accept_stand_ins=False).findings("stop")
    assert {outcome.rule.name for outcome in found} >= {"columns"}
    assert len(found) == len(task.files())


def test_repair_names_the_rows_to_leave_out(tmp_path: Path) -> None:
    rows = choices(200)
    put("options", 3, ["a", "b", "c"])(rows)
    put("label", 9, "7")(rows)
    for split in ("train", "validation"):
        save(
            tmp_path / "en" / f"{split}.parquet", "choice", rows if split == "train" else choices()
        )
    severities = {"option_count": "repair", "label_set": "repair"}
    verdict = validate(bare("hellaswag"), tmp_path, severities, accept_stand_ins=False)
    assert verdict.accepted
    assert verdict.dropped() == [
        ("en/train.parquet", 3, "item-2", "option_count"),
        ("en/train.parquet", 9, "item-8", "label_set"),
    ]
    assert pd.Series([one[1] for one in verdict.dropped()]).is_monotonic_increasing
