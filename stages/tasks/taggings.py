"""A tag a word: CCG supertags, UD-POS, PAN-X.

Rows of the hub's XTREME configurations: its data card.
"""

from __future__ import annotations

from stages.tasks.record import Source, Task

UPOS = tuple(
    "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split()
)
ENTITIES = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")

UDPOS_NAMES = {
    "en": "English", "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "de": "German",
    "el": "Greek", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "kk": "Kazakh", "ko": "Korean",
    "mr": "Marathi", "nl": "Dutch", "pt": "Portuguese", "ru": "Russian", "ta": "Tamil",
    "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip
UDPOS_TEST = {
    "af": 425, "ar": 1680, "bg": 1116, "de": 22458, "el": 2809, "en": 5440, "es": 3147,
    "et": 3760, "eu": 1799, "fa": 600, "fi": 4422, "fr": 9465, "he": 491, "hi": 2684,
    "hu": 449, "id": 1557, "it": 3518, "ja": 2372, "kk": 1047, "ko": 4276, "mr": 47,
    "nl": 1471, "pt": 2681, "ru": 11336, "ta": 120, "te": 146, "th": 1000, "tl": 55,
    "tr": 4785, "ur": 535, "vi": 800, "yo": 100, "zh": 5528,
}  # fmt: skip
PANX_ROWS = {
    10_000: "en ar bg de el es et eu fa fi fr he hu id it ja ka ko nl pt ru th tr vi zh",
    1_000: "af bn hi kk ml mr ms sw ta te tl ur",
    100: "jv my yo",
}
PANX_TEST = {code: rows for rows, codes in PANX_ROWS.items() for code in codes.split()}

_XTREME = "ec5f1f46e9af79639a90684a7a70a956c4998f04"
_SPLITS = {"train": "train", "validation": "validation", "test": "test"}

RECORDS = (
    # sections 02-21 and 00 of CCGbank (LDC2005T13): licensed, so the user brings it
    # supertags form no chunks
    Task(name="ccg", head="tagging", brought="ccgbank", main_metric="token_accuracy"),
    # The hub chose its treebanks by names that also match Ancient Greek, Swiss German, Classical
    # Chinese, Old French and Old Russian: in el, de, zh, fr and ru it holds more than XTREME does.
    # snapshot.sources.treebanks names UD 2.5 itself, converted by XTREME's rules.
    Task(
        name="udpos",
        head="tagging",
        labels=UPOS,
        sources=(
            Source(
                repository="google/xtreme",
                revision=_XTREME,
                columns={"tokens": "tokens", "tags": "pos_tags"},
                splits=_SPLITS,
                label_names=UPOS,
                configurations={code: f"udpos.{name}" for code, name in UDPOS_NAMES.items()},
                licence="each treebank's own (Universal Dependencies 2.5)",
            ),
        ),
        rows={
            "en/train": 21_253,
            "en/validation": 3_974,
            **{f"{code}/test": rows for code, rows in UDPOS_TEST.items()},
        },
        languages=tuple(UDPOS_NAMES),
        evaluated="test",
        brought="treebanks",
    ),
    Task(
        name="panx",
        head="tagging",
        labels=ENTITIES,
        sources=(
            Source(
                repository="google/xtreme",
                revision=_XTREME,
                columns={"tokens": "tokens", "tags": "ner_tags"},
                splits=_SPLITS,
                label_names=ENTITIES,
                configurations={code: f"PAN-X.{code}" for code in PANX_TEST},
                licence="WikiANN's, from Wikipedia (CC BY-SA)",
            ),
        ),
        rows={
            "en/train": 20_000,
            **{f"{code}/validation": rows for code, rows in PANX_TEST.items()},
            **{f"{code}/test": rows for code, rows in PANX_TEST.items()},
        },
        languages=tuple(PANX_TEST),
        evaluated="test",
    ),
)
