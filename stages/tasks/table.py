"""The table of tasks. Adding a task is adding a record.

Row counts: XTREME (arXiv 2003.11080), Phang et al. 2020 (arXiv 2005.13013) and the data cards.
"""

from __future__ import annotations

from stages.errors import UserError
from stages.tasks.record import Source, Task

XNLI_LANGUAGES = tuple("en ar bg de el es fr hi ru sw th tr ur vi zh".split())
PAWSX_LANGUAGES = tuple("en de es fr ja ko zh".split())
NLI = ("entailment", "neutral", "contradiction")

_RECORDS = (
    Task(
        name="mnli",
        head="pair",
        labels=NLI,
        metric="accuracy",
        source=Source(
            repository="nyu-mll/glue",
            revision="bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c",
            columns={"sentence1": "premise", "sentence2": "hypothesis", "label": "label"},
            splits={"train": "train", "validation": "validation_matched"},
            label_names=NLI,
            configurations={"en": "mnli"},
            licence="MultiNLI terms (OANC, CC BY, CC BY-SA per genre)",
        ),
        rows={"train": 392_702, "validation": 9_815},
        same_data=frozenset({"xnli"}),
    ),
    Task(
        name="qqp",
        head="pair",
        labels=("not_duplicate", "duplicate"),
        metric="accuracy",
        source=Source(
            repository="nyu-mll/glue",
            revision="bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c",
            columns={"sentence1": "question1", "sentence2": "question2", "label": "label"},
            splits={"train": "train", "validation": "validation"},
            label_names=("not_duplicate", "duplicate"),
            configurations={"en": "qqp"},
            licence="Quora terms",
        ),
        rows={"train": 363_846, "validation": 40_430},
    ),
    Task(
        name="xnli",
        head="pair",
        labels=NLI,
        metric="accuracy",
        source=Source(
            repository="facebook/xnli",
            revision="b8dd5d7af51114dbda02c0e3f6133f332186418e",
            columns={"sentence1": "premise", "sentence2": "hypothesis", "label": "label"},
            splits={"train": "train", "validation": "validation", "test": "test"},
            label_names=NLI,
            configurations={code: code for code in XNLI_LANGUAGES},
            licence="CC BY-NC 4.0",
        ),
        rows={"train": 392_702, "validation": 2_490, "test": 5_010},
        languages=XNLI_LANGUAGES,
        evaluated="test",
        parallel=True,
        same_data=frozenset({"mnli"}),
    ),
    Task(
        name="pawsx",
        head="pair",
        labels=("0", "1"),
        metric="accuracy",
        source=Source(
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
        rows={"train": 49_401, "validation": 2_000, "test": 2_000},
        languages=PAWSX_LANGUAGES,
        evaluated="test",
        parallel=True,
    ),
)

TASKS: dict[str, Task] = {record.name: record for record in _RECORDS}


def find(name: str) -> Task:
    """Return the record of task `name`.

    Raises
    ------
    UserError
        The name is not in the table.
    """
    try:
        return TASKS[name]
    except KeyError:
        raise UserError(
            f"unknown task {name!r}; known tasks: {', '.join(sorted(TASKS))}."
        ) from None
