"""The translated messages and the small talk that the small encoder learns from."""

from __future__ import annotations

import json
import sqlite3
import struct
import zipfile
from pathlib import Path

import pytest

from pretraining import interfaces, packages, verses
from stages.errors import UserError


def archive(path: Path, **files: bytes | str) -> Path:
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
    return path


def catalogue(entries: dict[str, str]) -> bytes:
    """A .mo file: GNU gettext's format, written here from its description."""
    entries = {"": "Content-Type: text/plain; charset=UTF-8\n", **dict(sorted(entries.items()))}
    keys, values = ([t.encode() for t in side] for side in (entries, entries.values()))
    place = 28 + 16 * len(entries)
    tables: list[bytes] = []
    for texts in (keys, values):
        for text in texts:
            tables.append(struct.pack("<II", len(text), place))
            place += len(text) + 1
    head = struct.pack("<IIIIIII", 0x950412DE, 0, len(entries), 28, 28 + 8 * len(entries), 0, place)
    return head + b"".join(tables) + b"".join(t + b"\0" for t in (*keys, *values))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Turn {name} on", "Turn on"),
        ("%(count)s files of %s", "files of"),
        ("See [the page]({url}) at https://a.example/b now", "See [the page]( ) at now"),
        ("**Done**: <b>saved</b>", "Done : saved"),
        ("{n, plural, one {hour} other {hours}}", ""),
        ("{n, number, integer} {n, plural, one {day} other {days}}", ""),
        ("A {n, number} of them", "A of them"),
    ],
)
def test_a_message_keeps_its_words(message: str, words: str) -> None:
    assert interfaces.clean(message) == words


def test_messages_of_both_sides_meet_under_their_place(tmp_path: Path) -> None:
    digits = "0" * 32
    place = "hass_frontend/static/translations/"
    frontend = archive(
        tmp_path / "f.whl",
        **{
            f"{place}en-{digits}.json": json.dumps({"a": "Open it", "b": "Wi-Fi", "c": "Gone"}),
            f"{place}pt-BR-{digits}.json": json.dumps({"a": "Abra", "b": "Wi-Fi"}),
            f"{place}todo/en-{digits}.json": json.dumps({"a": "Add {x} to it"}),
            f"{place}todo/pt-BR-{digits}.json": json.dumps({"a": "Junte {x} a isso"}),
            f"{place}pt-{digits}.json": json.dumps({"a": "another Portuguese"}),
        },
    )
    found = list(interfaces.align(interfaces.read_frontend(frontend), "interface", ["en", "pt"]))
    assert ("interface", "interface:Open it", "pt", "Abra") in found
    assert ("interface", "interface:Add to it", "pt", "Junte a isso") in found
    assert not any(text in ("Wi-Fi", "Gone") for _, _, _, text in found)
    assert {language for _, _, language, _ in found} == {"en", "pt"}


def test_messages_of_a_device_are_nested(tmp_path: Path) -> None:
    place = "homeassistant/components/lamp/translations/"
    core = archive(
        tmp_path / "c.whl",
        **{
            f"{place}en.json": json.dumps({"step": {"user": {"title": "The lamp"}}}),
            f"{place}sensor.en.json": json.dumps({"step": {"user": {"title": "The sensor"}}}),
            f"{place}fi.json": json.dumps({"step": {"user": {"title": "Lamppu"}}}),
            f"{place}sensor.fi.json": json.dumps({"step": {"user": {"title": "Anturi"}}}),
        },
    )
    found = [row[1:] for row in interfaces.align(interfaces.read_core(core), "x", ["fi"])]
    assert ("interface:The lamp", "fi", "Lamppu") in found
    assert ("interface:The sensor", "fi", "Anturi") in found
    assert len(found) == 4


def test_catalogues_are_keyed_by_english(tmp_path: Path) -> None:
    django = archive(
        tmp_path / "d.whl",
        **{
            "django/conf/locale/sw/LC_MESSAGES/django.mo": catalogue(
                {"Enter a number.": "Ingiza nambari.", "month\x04May": "Mei"}
            )
        },
    )
    found = list(interfaces.align(interfaces.read_django(django), "interface", ["sw"]))
    assert ("interface", "interface:Enter a number.", "sw", "Ingiza nambari.") in found
    assert ("interface", "interface:May", "sw", "Mei") in found


def test_dialogues_are_read_line_by_line(tmp_path: Path) -> None:
    corpus = archive(
        tmp_path / "t.whl",
        **{
            "chatterbot_corpus/data/german/a.yml": "conversations:\n- [Hallo, Guten Tag]\n- [3]\n",
            "chatterbot_corpus/data/swedish/a.yml": "conversations:\n- [Hej]\n",
        },
    )
    found = list(packages.read_dialogues(corpus, ["de", "sw"]))
    assert [row[2:] for row in found] == [("de", "Hallo"), ("de", "Guten Tag")]


def test_a_wheel_is_found_under_the_name_that_pip_gives_it(tmp_path: Path) -> None:
    wheel = archive(tmp_path / "two_words-1.0-py3-none-any.whl")
    assert packages.fetch("two-words==1.0", tmp_path) == wheel


def test_verses_of_one_place_have_one_meaning(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / "bible.db")
    database.execute("CREATE TABLE bible (bbName, bNumber, cNumber, vNumber, vText)")
    database.executemany(
        "INSERT INTO bible VALUES (?, ?, ?, ?, ?)",
        [
            ("4", 1, 1, 1, "Don`t sleep."),
            ("r", 1, 1, 1, "(1:2) Не спи.*"),
            ("r", 1, 1, 2, ""),
            ("4", 19, 1, 1, "A psalm."),
            ("k", 1, 1, 1, "Sleep not."),
        ],
    )
    database.commit()
    wheel = archive(tmp_path / "b.whl", **{verses.DATABASE: (tmp_path / "bible.db").read_bytes()})
    assert list(verses.read(wheel, ["en", "ru", "sw"])) == [
        ("verses", "verses:1:1:1", "en", "Don't sleep."),
        ("verses", "verses:1:1:1", "ru", "Не спи."),
    ]


def test_another_package_has_no_verses(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"bible\.db"):
        list(verses.read(archive(tmp_path / "x.whl", a="b"), ["en"]))
