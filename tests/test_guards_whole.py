"""What only a whole file shows: visual order, texts cut at one length, capitals lost."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from stages.guards.whole import whole
from stages.tasks import find

SENTENCES = [
    f"Der Zug mit der Nummer {n} kam {'sehr ' * (n % 7)}spät in {'Ulm' if n % 2 else 'Bern'} an."
    for n in range(300)
]


def judged(texts: list[str], code: str = "de") -> dict[str, int]:
    short = [f"Kurz, {number}." for number in range(len(texts))]
    frame = pd.DataFrame({"sentence1": texts, "sentence2": short, "file": f"{code}/test.parquet"})
    table, checks = whole(find("xnli"), frame)
    counts = {check.rule.name: int(table[check.rule.name].notna().sum()) for check in checks}
    return {rule: count for rule, count in counts.items() if count}


def test_ordinary_text_passes() -> None:
    """Also where it follows patterns, so that many sentences are equally long."""
    assert judged(SENTENCES) == {}


@pytest.mark.parametrize(
    ("change", "rule", "least"),
    [
        (lambda text: text[::-1], "reading_order", 300),
        (lambda text: text[:60], "cut_at_length", 100),
        (lambda text: text[:60].strip(), "cut_at_length", 100),
    ],
)
def test_damage_of_a_file(change: Callable[[str], str], rule: str, least: int) -> None:
    assert judged([change(text) for text in SENTENCES])[rule] >= least


@pytest.mark.parametrize(("code", "count"), [("de", 300), ("hi", 0)])
def test_lower_case_is_found_where_the_script_has_capitals(code: str, count: int) -> None:
    texts = [text.lower() for text in SENTENCES]
    frame = pd.DataFrame({"sentence1": texts, "sentence2": texts, "file": f"{code}/test.parquet"})
    table, _ = whole(find("xnli"), frame)
    assert int(table["letter_case"].notna().sum()) == count


def test_few_texts_are_not_judged() -> None:
    assert judged([text[::-1].lower() for text in SENTENCES[:40]]) == {}
