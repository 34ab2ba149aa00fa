"""The sample's text: right scripts and marks, rendering, and the phrase tables it is made from."""

from __future__ import annotations

import copy
import re
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from sampled import PAWSX_LANGUAGES, XNLI_LANGUAGES, built, sentences, sets

from sample.render import render, say, tidy
from sample.tables import check, load
from stages.errors import UserError

__all__ = ["built", "sets"]  # fixtures

SCRIPTS = {
    "ar": "ARABIC",
    "bg": "CYRILLIC",
    "el": "GREEK",
    "hi": "DEVANAGARI",
    "ja": "HIRAGANA|KATAKANA|CJK",
    "ko": "HANGUL",
    "ru": "CYRILLIC",
    "th": "THAI",
    "ur": "ARABIC",
    "zh": "CJK",
}
STOPS = {"hi": "।", "ja": "。", "th": "", "ur": "۔", "zh": "。"}
COMMAS = {"ar": "،", "ja": "、", "th": "", "ur": "،", "zh": "，"}


# ---------------------------------------------------------------------------- text


def test_every_sentence_is_whole_and_normal(sets: Any) -> None:
    for task, language, split, rows in sets:
        for text in sentences(rows):
            where = (task, language, split, text)
            assert text and text == text.strip(), where
            assert unicodedata.is_normalized("NFC", text), where
            assert not re.search(r"[{}|\[\]_]|  | [.,،。।۔?]|\.\.", text), where
            assert text[0] == text[0].upper(), where
            stop = "?" if task == "qqp" else STOPS.get(language, ".")
            assert text.endswith(stop), where
            assert not set(text) & (set(",،，、.。।۔?") - {stop, COMMAS.get(language, ",")}), where


@pytest.mark.parametrize("language", sorted({*XNLI_LANGUAGES, *PAWSX_LANGUAGES}))
def test_script(sets: Any, language: str) -> None:
    script = re.compile(SCRIPTS.get(language, "LATIN"))
    for _, code, _, rows in sets:
        if code == language:
            for text in sentences(rows):
                # category M as well: the marks of Thai and Devanagari are no letters
                letters = [char for char in text if unicodedata.category(char)[0] in "LM"]
                assert letters, text
                assert all(script.match(unicodedata.name(char)) for char in letters), text


@pytest.mark.parametrize(
    ("language", "letters"),
    [
        ("bg", "ъ"),
        ("de", "äöüß"),
        ("el", "άέήίόύώς"),
        ("es", "áéíóúñ"),
        ("fr", "àâéèêœ'"),
        ("ru", "ыэ"),
        ("tr", "çğıöşü"),
        ("ur", "ٹڈڑےںہگ"),
        ("vi", "đơưạảấầệễ"),
    ],
)
def test_letters_of_the_language_are_used(sets: Any, language: str, letters: str) -> None:
    used = {
        char for _, code, _, rows in sets if code == language for char in "".join(sentences(rows))
    }
    assert set(letters) <= used


def test_unspaced_languages(sets: Any) -> None:
    for _, language, _, rows in sets:
        if language in ("ja", "zh"):
            assert not any(" " in text for text in sentences(rows))
        if language == "th":  # Thai has no full stop: one space parts two sentences
            assert not any(" " in row["two"] for row in rows)
            assert max(row["one"].count(" ") for row in rows) == 1


def test_lengths(sets: Any) -> None:
    for task, language, _, rows in sets:
        if language not in ("ja", "th", "zh"):
            lengths = [len(text.split()) for text in sentences(rows)]
            assert min(lengths) >= (5 if language == "en" else 3), (task, language)
            assert max(lengths) <= (20 if language == "en" else 22), (task, language)
        else:
            lengths = [len(text) for text in sentences(rows)]
            assert min(lengths) >= 6 and max(lengths) <= 90, (task, language)


RENDERED = [
    (
        "en: actions.cake.did who=people.girl where=places.cafe when=times.spring",
        "The little girl baked an apple cake in the café in spring.",
    ),
    (
        "de: actions.doctor.did who=people.aunt where=places.park when=times.monday",
        "Meine Tante rief am Montag im Park den Arzt an.",
    ),
    ("de: actions.tea.did who=people.boy", "Der kleine Junge trank Tee."),
    ("fr: comparisons.taller a=names.anna b=names.omar", "Anna est plus grande qu'Omar."),
    (
        "fr: paraphrases.travel.0 a=names.adam x=cities.oslo y=cities.cairo year=1971",
        "En 1971, Adam a voyagé en train d'Oslo au Caire.",
    ),
    ("es: counts.chairs who=people.uncle n=numbers.several", "Mi tío compró varias sillas."),
    (
        "el: relations.house.gets a=names.maria b=names.elena when=times.autumn",
        "Η Μαρία αγόρασε το παλιό σπίτι από την Έλενα το φθινόπωρο.",
    ),
    ("bg: counts.chairs who=people.mother n=numbers.six", "Майка ми купи шест стола."),
    (
        "ru: counts.keys who=people.grandmother n=numbers.at_least_nine",
        "Моя бабушка нашла не меньше девяти ключей.",
    ),
    (
        "ru: counts.keys who=people.grandfather n=numbers.six",
        "Мой дедушка нашёл шесть ключей.",
    ),
    (
        "ar: relations.house.gives a=names.sara b=names.adam when=times.monday",
        "باعت سارة البيت القديم لآدم يوم الاثنين.",
    ),
    (
        "hi: actions.cake.decided who=people.aunt when=times.evening tail=tails.weather",
        "मेरी चाची ने शाम के समय सेब का केक बनाने का फ़ैसला किया, हालाँकि मौसम ख़राब था।",
    ),
    ("ur: comparisons.older a=names.anna b=names.omar", "اینا عمر میں عمر سے بڑی ہے۔"),
    (
        "sw: counts.books who=people.mother n=numbers.at_least_nine",
        "Mama yangu alinunua angalau vitabu tisa.",
    ),
    (
        "tr: states.one thing=things.street.it p=things.street.noisy",
        "Nehrin kenarındaki sokak gürültülüydü.",
    ),
    ("vi: kinds.fruit.none who=people.boy", "Cậu bé đã không mua trái cây nào."),
    (
        "zh: counts.lamps who=people.father n=numbers.ten where=places.market",
        "我爸爸在市场卖了十盏灯。",
    ),
    (
        "ko: paraphrases.duo.0 a=names.adam b=names.anna x=cities.rome i=instruments.harp "
        "j=instruments.violin",
        "로마에서 아담은 하프를 연주했고 안나는 바이올린을 연주했다.",
    ),
    (
        "ja: paraphrases.sell.1 a=names.anna b=names.omar x=cities.delhi year=1999",
        "オマールは1999年にアンナからデリーの家を買った。",
    ),
]


@pytest.mark.parametrize(("abstract", "expected"), RENDERED)
def test_rendered(abstract: str, expected: str) -> None:
    language, template, *slots = abstract.replace(":", "", 1).split()
    clause = say(template, **dict(slot.split("=") for slot in slots))
    assert render((clause,), load(language)) == unicodedata.normalize("NFC", expected)


def test_turkish_capital_i() -> None:
    assert tidy("ilkbaharda geldi.", "tr") == "İlkbaharda geldi."
    assert tidy("in spring .", "en") == "In spring."


def test_two_sentences_are_joined_as_the_language_does() -> None:
    text = tuple(say("comparisons.older", a="names.sara", b=f"names.{n}") for n in ("omar", "nina"))
    assert render(text, load("en")) == "Sara is older than Omar. Sara is older than Nina."
    assert render(text, load("zh")) == "萨拉比奥马尔年纪大。萨拉比妮娜年纪大。"
    assert render(text, load("th")) == "ซาร่าอายุมากกว่าโอมาร์ ซาร่าอายุมากกว่านีน่า"


# ---------------------------------------------------------------------------- tables


@pytest.mark.parametrize("language", sorted({*XNLI_LANGUAGES, *PAWSX_LANGUAGES}))
def test_no_two_keys_of_a_list_look_alike(language: str) -> None:
    """Two places with one name would turn a contradiction into an entailment."""
    for section in ("people", "names", "places", "times", "tails", "numbers", "cities", "buses"):
        entries = load(language).phrases.get(section, {})
        assert len({str(value) for value in entries.values()}) == len(entries), section


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("places", "park"), None, "places.park: missing"),
        (("places", "moon"), "auf dem Mond", "places.moon: unknown to English"),
        (("actions", "tea", "not"), "Kein Tee.", "actions.tea.not: expected the slots ['who']"),
        (("places", "park"), ["im Park", "am Park"], "places.park: expected as many forms"),
        (("tails", "weather"), ", [weil|", "tails.weather: a bracket is open"),
        (("instruments", "harp"), ["Harfe"], "instruments.harp: expected as many forms"),
    ],
)
def test_a_faulty_table_is_refused(path: tuple[str, ...], value: Any, message: str) -> None:
    phrases = copy.deepcopy(load("de").phrases)
    inner = phrases
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    with pytest.raises(UserError, match=re.escape(message)):
        check(replace(load("de"), phrases=phrases), load("en"))


def test_an_unknown_language_and_an_unknown_form_are_refused() -> None:
    with pytest.raises(UserError, match="found no such file"):
        load("xx")
    table = replace(load("fr"), phrases={**load("fr").phrases, "x": "{a.dative}"})
    with pytest.raises(UserError, match=r"expected one of the forms \['plain', 'of', 'than'\]"):
        render((say("x", a="names.anna"),), table)
    with pytest.raises(UserError, match=r"expected the phrase places\.moon in phrases/fr\.yaml"):
        render((say("states.one", thing="places.moon", p="places.moon"),), load("fr"))
