"""Two sentences and a class: MNLI, ANLI+, QQP; XNLI and PAWS-X."""

from __future__ import annotations

from stages.tasks.record import Source, Task

XNLI_LANGUAGES = tuple("en ar bg de el es fr hi ru sw th tr ur vi zh".split())
PAWSX_LANGUAGES = tuple("en de es fr ja ko zh".split())
NLI = ("entailment", "neutral", "contradiction")

_PREMISE = {"sentence1": "premise", "sentence2": "hypothesis", "label": "label"}
_GLUE = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"

_MNLI = Source(
    repository="nyu-mll/glue",
    revision=_GLUE,
    columns=_PREMISE,
    splits={"train": "train", "validation": "validation_matched"},
    label_names=NLI,
    configurations={"en": "mnli"},
    licence="MultiNLI terms (OANC, CC BY, CC BY-SA per genre)",
    name="mnli",
)
_SNLI = Source(
    repository="stanfordnlp/snli",
    revision="cdb5c3d5eed6ead6e5a341c8e56e669bb666725b",
    columns=_PREMISE,
    splits={"train": "train", "validation": "validation"},
    label_names=NLI,
    unlabelled=-1,  # the annotators did not agree
    configurations={"en": "plain_text"},
    licence="CC BY-SA 4.0",
    name="snli",
)


def _anli(number: int) -> Source:
    return Source(
        repository="facebook/anli",
        revision="8e4813d81f46d313dac7892e1c28076917cfcdf9",
        columns={"id": "uid", **_PREMISE},
        splits={"train": f"train_r{number}", "validation": f"dev_r{number}"},
        label_names=NLI,
        configurations={"en": "plain_text"},
        licence="CC BY-NC 4.0",
        name=f"anli_r{number}",
    )


RECORDS = (
    # one set of all rows: shuffled, its parts come in proportion to their sizes
    Task(
        name="anli",
        head="pair",
        labels=NLI,
        sources=(_SNLI, _MNLI, _anli(1), _anli(2), _anli(3)),
        # SNLI's 549,367 labelled of 550,152 rows + MNLI + 16,946 + 45,460 + 100,459
        rows={"train": 1_104_934, "validation": 9_842 + 9_815 + 3_200},
        same_data=frozenset({"xnli"}),
    ),
    Task(
        name="mnli",
        head="pair",
        labels=NLI,
        sources=(_MNLI,),
        rows={"train": 392_702, "validation": 9_815},
        same_data=frozenset({"xnli"}),
    ),
    Task(
        name="qqp",
        head="pair",
        labels=("not_duplicate", "duplicate"),
        sources=(
            Source(
                repository="nyu-mll/glue",
                revision=_GLUE,
                columns={"sentence1": "question1", "sentence2": "question2", "label": "label"},
                splits={"train": "train", "validation": "validation"},
                label_names=("not_duplicate", "duplicate"),
                configurations={"en": "qqp"},
                licence="Quora terms",
            ),
        ),
        rows={"train": 363_846, "validation": 40_430},
    ),
    Task(
        name="xnli",
        head="pair",
        labels=NLI,
        sources=(
            Source(
                repository="facebook/xnli",
                revision="b8dd5d7af51114dbda02c0e3f6133f332186418e",
                columns=_PREMISE,
                splits={"train": "train", "validation": "validation", "test": "test"},
                label_names=NLI,
                configurations={code: code for code in XNLI_LANGUAGES},
                licence="CC BY-NC 4.0",
            ),
        ),
        rows={"train": 392_702, "validation": 2_490, "test": 5_010},
        languages=XNLI_LANGUAGES,
        evaluated="test",
        parallel=True,
        same_data=frozenset({"mnli", "anli"}),
    ),
    Task(
        name="pawsx",
        head="pair",
        labels=("0", "1"),
        sources=(
            Source(
                repository="google-research-datasets/paws-x",
                revision="4cd8187c404bda33cb1f62b49b001115862acf37",
                columns={
                    "id": "id",
                    "sentence1": "sentence1",
                    "sentence2": "sentence2",
                    "label": "label",
                },
                splits={"train": "train", "validation": "validation", "test": "test"},
                label_names=("0", "1"),
                configurations={code: code for code in PAWSX_LANGUAGES},
                licence="free use with credit",
            ),
        ),
        rows={"train": 49_401, "validation": 2_000, "test": 2_000},
        languages=PAWSX_LANGUAGES,
        evaluated="test",
        parallel=True,
    ),
)
