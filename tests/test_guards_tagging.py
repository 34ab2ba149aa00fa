"""Tagged sentences: what is no BIO and what slipped are found, each place by name."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from test_guards_heads import Damage, Rows, bare, judged, put

from stages.guards.tagging import invalid_bio, slipped

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
