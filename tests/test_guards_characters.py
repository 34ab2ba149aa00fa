"""Characters that no reader would notice, found; ordinary text of many languages, passed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.guards import characters

ORDINARY = [
    "The “café” is 5 × 3 m – or £20… naïve?",
    "Er rief laut „Straße, Gruß“ und »Spaß«!",
    "« À ce prix-là » : l’œuvre coûte 5 €…",
    "Ñandú, ÑANDÚ «Ñ» y ¿qué? ¡Años!",
    "Россия и СССР: «Среда» – Рабочий РФ",
    "Это был Срђан; Рђевић.",
    "हालांकि मैं इसके बारे में सोच रहा था। बड़ा",
    "Tôi đã không nói chuyện với anh ta nữa.",
    "ฉันไม่ได้คิดอะไรเกี่ยวกับเรื่องนี้",
    "میں نی اسی دوبارا بات نھی کی ۔",
    "عليكم السلام\u200f",
    "スウェーデンのカールスタッド・ユナイテッド BK（Carlstad United BK）",
    "2005년과 2009년 사이 그가",
    "嗯，我根本没想过，但是我很沮丧？",
    "Why? Who?? What??? R&D, AT&T, a < b > c, C:\\new",
    "« Il a été », dit-il. « Elle est allée » là.",
]
FOREIGN = "Größe – «ça» Москва приехал मैं देखा ฉันไม่ 東京 Việt Ελλάδα"


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_passes(text: str) -> None:
    found = {rule.name: look(text) for rule, look in characters.EVIDENCE}
    assert not {name: evidence for name, evidence in found.items() if evidence}


def misread(text: str, encoding: str) -> str:
    """UTF-8 read as `encoding`, as browsers do it: what has no letter there becomes a control."""
    return "".join(
        bytes([byte]).decode(encoding, "ignore") or chr(byte) for byte in text.encode("utf-8")
    )


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("word", FOREIGN.split())
def test_misread_text_is_found(word: str, encoding: str) -> None:
    text = misread(f"A {word} b {word}.", encoding)
    assert characters.mojibake(text) or characters.control(text), text


def test_cyrillic_misread_as_windows_1251_is_found() -> None:
    assert characters.mojibake(misread("Москва приехал", "cp1251"))


@pytest.mark.parametrize(
    ("look", "text", "shows"),
    [
        (characters.control, "like 1890s m\x1dx", "m\x1dx"),
        (characters.control, "private \ue000 use", "\ue000"),
        (characters.control, "C1 \x85 next", "\x85"),
        (characters.invisible, "soft\u00adhyphen", "\u00ad"),
        (characters.invisible, "a mark \ufeff inside", "\ufeff"),
        (characters.mark, "\ufeffmark at the start", "\ufeff"),
        (characters.lost, "attach\ufffd's office", "\ufffd"),
        (characters.lost, "the caf?teria", "caf?teria"),
        (characters.lost, "?????? ???", "????"),
        (characters.mojibake, "donâ€™t", "â€"),
        (characters.mojibake, "cafÃ© au lait", "Ã©"),
        (characters.markup, "Boys &amp; Girls", "&amp;"),
        (characters.markup, "a<br/>b", "<br/>"),
        (characters.markup, "caf\\u00e9", "\\u00e9"),
    ],
)
def test_evidence_is_shown(look, text: str, shows: str) -> None:  # type: ignore[no-untyped-def]
    evidence = look(text)
    assert evidence is not None and shows in evidence and evidence in text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_composed_text_never_counts_as_decomposed(text: str) -> None:
    assert characters.decomposed(unicodedata.normalize("NFC", text)) is None


def test_decomposed_text_is_found_but_not_hindi_nukta_letters() -> None:
    assert characters.decomposed(unicodedata.normalize("NFD", "một chữ ắ"))
    assert characters.decomposed(unicodedata.normalize("NFD", "한국어"))
    assert characters.decomposed("ब\u095cा") is None
