"""A sentence and its translation, found without training: Tatoeba, BUCC 2018."""

from __future__ import annotations

from stages.tasks.record import Source, Task

TATOEBA_NAMES = {
    "af": "afr", "ar": "ara", "bg": "bul", "bn": "ben", "de": "deu", "el": "ell", "es": "spa",
    "et": "est", "eu": "eus", "fa": "pes", "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin",
    "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn", "jv": "jav", "ka": "kat", "kk": "kaz",
    "ko": "kor", "ml": "mal", "mr": "mar", "nl": "nld", "pt": "por", "ru": "rus", "sw": "swh",
    "ta": "tam", "te": "tel", "th": "tha", "tl": "tgl", "tr": "tur", "ur": "urd", "vi": "vie",
    "zh": "cmn",
}  # fmt: skip
TATOEBA_ROWS = dict.fromkeys(TATOEBA_NAMES, 1_000) | {
    "jv": 205, "te": 234, "ta": 307, "sw": 390, "th": 548, "kk": 575, "ml": 687, "ka": 746,
}  # fmt: skip

RECORDS = (
    Task(
        name="tatoeba",
        head="retrieval",
        sources=(
            Source(
                repository="google/xtreme",
                revision="ec5f1f46e9af79639a90684a7a70a956c4998f04",
                columns={"sentence": "source_sentence", "english": "target_sentence"},
                splits={"validation": "validation"},
                configurations={code: f"tatoeba.{name}" for code, name in TATOEBA_NAMES.items()},
                licence="CC BY 2.0",
            ),
        ),
        rows={f"{code}/validation": rows for code, rows in TATOEBA_ROWS.items()},
        languages=tuple(TATOEBA_NAMES),
        evaluated="validation",
    ),
    # the hub holds the gold pairs only, which cannot be mined: the user brings the archives
    Task(
        name="bucc2018",
        head="mining",
        languages=("de", "fr", "ru", "zh"),
        evaluated="test",
        brought="bucc2018",
    ),
)
