"""Sentences to retrieve and to mine: shuffled, untranslated and damaged ones are found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_guards_heads import Damage, Rows, judged, put, save

from stages.tasks import find
from stages.validate import validate


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
