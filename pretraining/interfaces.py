"""Read the translated messages of free programs: short, plain sentences in most of the languages.

- home-assistant-frontend and homeassistant (PyPI, Apache-2.0)
- kolibri (PyPI, MIT)
- Django (PyPI, BSD-3-Clause)

Rows are those of `pretraining.hub`. A message's meaning is its English text. Places for values
(`{name}`, `%(count)s`), markup and addresses are taken out on both sides; a message with plural
forms inside is left out.
"""

from __future__ import annotations

import gettext
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pretraining.hub import Row

# Codes of the programs, where they are not the language's own. One variety of a language is read.
_CODES = {
    "fil": "tl", "pt": "pt_PT", "pt-BR": "pt", "pt_BR": "pt", "zh-Hans": "zh", "zh_Hans": "zh",
    "es_ES": "es", "fr_FR": "fr", "bg_BG": "bg", "bn_BD": "bn", "hi_IN": "hi", "sw_TZ": "sw",
    "ur_PK": "ur",
}  # fmt: skip
_FRONTEND = re.compile(r"hass_frontend/static/translations/(.*?)([A-Za-z-]+)-[0-9a-f]{32}\.json$")
_CORE = re.compile(r"homeassistant/components/(.+/translations/(?:.+\.)?)([A-Za-z-]+)\.json$")
_KOLIBRI = re.compile(r"kolibri/locale/([^/]+)/LC_MESSAGES/(.+)-messages\.json$")
_DJANGO = re.compile(r"django/(.*)locale/([^/]+)/LC_MESSAGES/(.+)\.mo$")
_PLACES = re.compile(r"\{[^{}]*\}|%\([^)]*\)[a-z]|%[sd]|<[^<>]*>|https?://\S+|\[%[^\]]*\]")
_MARKS = re.compile(r"[*_`#|\\]+")
_PLURAL = re.compile(r"\{[^{}]*,[^{}]*\{|[{}]\s*[{}]")

Messages = dict[str, dict[tuple[str, ...], str]]


def clean(message: str) -> str:
    """Return the message's words, or an empty string if it has plural forms inside."""
    if _PLURAL.search(message):
        return ""
    return " ".join(_MARKS.sub(" ", _PLACES.sub(" ", message)).split())


def flatten(tree: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (keys down to it, text) for every text in nested objects."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from flatten(value, (*place, key))
    elif isinstance(tree, str):
        yield place, tree


def collect(archive: Path, pattern: re.Pattern[str], language: int) -> Messages:
    """Return {language: {place: message}} of the archive's JSON files whose names match.

    language : the pattern's group that holds the language's code, the others name the place.
    """
    messages: Messages = {}
    with zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            if not (match := pattern.match(name)):
                continue
            place = match.groups()[: language - 1] + match.groups()[language:]
            code = _CODES.get(match[language], match[language])
            messages.setdefault(code, {}).update(flatten(json.loads(wheel.read(name)), place))
    return messages


def read_frontend(archive: Path) -> Messages:
    """Return Home Assistant's messages on the screen."""
    return collect(archive, _FRONTEND, 2)


def read_core(archive: Path) -> Messages:
    """Return Home Assistant's messages about devices and services."""
    return collect(archive, _CORE, 2)


def read_kolibri(archive: Path) -> Messages:
    """Return the messages of Kolibri, a program for learning."""
    return collect(archive, _KOLIBRI, 1)


def read_django(archive: Path) -> Messages:
    """Return Django's messages; the English ones are the keys of its catalogues."""
    messages: Messages = {"en": {}}
    with zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            if not (match := _DJANGO.match(name)):
                continue
            with wheel.open(name) as file:
                entries = vars(gettext.GNUTranslations(file))["_catalog"]
            for english, text in entries.items():
                if isinstance(english, str) and english:
                    place = (match[1], match[3], english)
                    messages["en"][place] = english.split("\x04")[-1]
                    messages.setdefault(_CODES.get(match[2], match[2]), {})[place] = text
    return messages


READERS: dict[str, Callable[[Path], Messages]] = {
    "home_assistant_frontend": read_frontend,
    "home_assistant": read_core,
    "kolibri": read_kolibri,
    "django": read_django,
}


def align(messages: Messages, source: str, languages: list[str]) -> Iterator[Row]:
    """Yield every message that another language has under the place of an English one."""
    english = {place: clean(text) for place, text in messages["en"].items()}
    for language in languages:
        for place, text in messages.get(language, {}).items():
            meaning, text = english.get(place, ""), clean(text)
            # Names of products and untranslated messages are equal on both sides.
            if min(len(meaning), len(text)) > 1 and meaning != text and language != "en":
                yield source, f"interface:{meaning}", "en", meaning
                yield source, f"interface:{meaning}", language, text
