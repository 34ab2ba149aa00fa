"""An answer inside a context: SQuAD v1.1 and v2.0; XQuAD, MLQA and TyDiQA-GoldP.

XQuAD and MLQA are evaluated by the cell that trains SQuAD v1.1, once for both.
"""

from __future__ import annotations

from stages.tasks.record import Source, Task

XQUAD_LANGUAGES = tuple("en ar de el es hi ru th tr vi zh".split())
MLQA_ROWS = {
    "en": (1_148, 11_590), "ar": (517, 5_335), "de": (512, 4_517), "es": (500, 5_253),
    "hi": (507, 4_918), "vi": (511, 5_495), "zh": (504, 5_137),
}  # fmt: skip
TYDIQA_NAMES = {
    "en": "english", "ar": "arabic", "bn": "bengali", "fi": "finnish", "id": "indonesian",
    "ko": "korean", "ru": "russian", "sw": "swahili", "te": "telugu",
}  # fmt: skip
TYDIQA_ROWS = {
    "en": 440, "ar": 921, "bn": 113, "fi": 782, "id": 565, "ko": 276, "ru": 812, "sw": 499,
    "te": 669,
}  # fmt: skip

_XTREME = "ec5f1f46e9af79639a90684a7a70a956c4998f04"
_COLUMNS = {
    "id": "id",
    "context": "context",
    "question": "question",
    "answers": "answers.text",
    "starts": "answers.answer_start",
}

RECORDS = (
    Task(
        name="squad2",
        head="span",
        sources=(
            Source(
                repository="rajpurkar/squad_v2",
                revision="3ffb306f725f7d2ce8394bc1873b24868140c412",
                columns=_COLUMNS,
                splits={"train": "train", "validation": "validation"},
                configurations={"en": "squad_v2"},
                licence="CC BY-SA 4.0",
            ),
        ),
        rows={"train": 130_319, "validation": 11_873},
    ),
    Task(
        name="squad",
        head="span",
        sources=(
            Source(
                repository="rajpurkar/squad",
                revision="7b6d24c440a36b6815f21b70d25016731768db1f",
                columns=_COLUMNS,
                splits={"train": "train", "validation": "validation"},
                configurations={"en": "plain_text"},
                licence="CC BY-SA 4.0",
            ),
        ),
        rows={"train": 87_599, "validation": 10_570},
        tests=("xquad", "mlqa"),
        same_data=frozenset({"xquad", "mlqa"}),
    ),
    Task(
        name="xquad",
        head="span",
        sources=(
            Source(
                repository="google/xtreme",
                revision=_XTREME,
                columns=_COLUMNS,
                splits={"validation": "validation"},
                configurations={code: f"XQuAD.{code}" for code in XQUAD_LANGUAGES},
                licence="CC BY-SA 4.0",
            ),
        ),
        rows={"validation": 1_190},
        languages=XQUAD_LANGUAGES,
        evaluated="validation",
        parallel=True,
        trained_on="squad",
        same_data=frozenset({"squad"}),
    ),
    Task(
        name="mlqa",
        head="span",
        sources=(
            Source(
                repository="google/xtreme",
                revision=_XTREME,
                columns=_COLUMNS,
                splits={"validation": "validation", "test": "test"},
                # MLQA.<context>.<question>: both in the same language
                configurations={code: f"MLQA.{code}.{code}" for code in MLQA_ROWS},
                licence="CC BY-SA 3.0",
            ),
        ),
        rows={
            **{f"{code}/validation": rows for code, (rows, _) in MLQA_ROWS.items()},
            **{f"{code}/test": rows for code, (_, rows) in MLQA_ROWS.items()},
        },
        languages=tuple(MLQA_ROWS),
        evaluated="test",
        trained_on="squad",
        same_data=frozenset({"squad"}),
    ),
    # training rows of nine languages in one file: English is told by its ids
    Task(
        name="tydiqa",
        head="span",
        sources=(
            Source(
                repository="google/xtreme",
                revision=_XTREME,
                columns=_COLUMNS,
                splits={"train": "train", "validation": "validation"},
                configurations=dict.fromkeys(TYDIQA_NAMES, "tydiqa"),
                id_prefixes={code: f"{name}-" for code, name in TYDIQA_NAMES.items()},
                licence="Apache 2.0",
            ),
        ),
        rows={
            "en/train": 3_696,
            **{f"{code}/validation": rows for code, rows in TYDIQA_ROWS.items()},
        },
        languages=tuple(TYDIQA_NAMES),
        evaluated="validation",
    ),
)
