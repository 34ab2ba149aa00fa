"""A context, a question and four or five options: HellaSwag, Cosmos QA, CommonsenseQA."""

from __future__ import annotations

from stages.tasks.record import Source, Task

FOUR = ("0", "1", "2", "3")
FIVE = (*FOUR, "4")
_SPLITS = {"train": "train", "validation": "validation"}

RECORDS = (
    Task(
        name="hellaswag",
        head="choice",
        labels=FOUR,
        sources=(
            Source(
                repository="Rowan/hellaswag",
                revision="218ec52e09a7e7462a5400043bb9a69a41d06b76",
                columns={"id": "ind", "context": "ctx", "options": "endings", "label": "label"},
                splits=_SPLITS,
                label_names=FOUR,
                configurations={"en": "default"},
                licence="MIT",
            ),
        ),
        rows={"train": 39_905, "validation": 10_042},
    ),
    Task(
        name="cosmosqa",
        head="choice",
        labels=FOUR,
        sources=(
            Source(
                repository="allenai/cosmos_qa",
                # the hub's own conversion to parquet: its main branch holds a script only, which
                # datasets no longer runs
                revision="ed50fe83db62b355759053b1cd5eef344ee371e0",
                columns={
                    "id": "id",
                    "context": "context",
                    "question": "question",
                    "options": ("answer0", "answer1", "answer2", "answer3"),
                    "label": "label",
                },
                splits=_SPLITS,
                label_names=FOUR,
                configurations={"en": "default"},
                licence="CC BY 4.0",
            ),
        ),
        rows={"train": 25_262, "validation": 2_985},
    ),
    Task(
        name="csqa",
        head="choice",
        labels=FIVE,
        sources=(
            Source(
                repository="tau/commonsense_qa",
                revision="94630fe30dad47192a8546eb75f094926d47e155",
                columns={
                    "id": "id",
                    "question": "question",
                    "options": "choices.text",
                    "option_names": "choices.label",  # the answer is named by one of them
                    "label": "answerKey",
                },
                splits=_SPLITS,  # the test split has no answers
                configurations={"en": "default"},
                licence="MIT",
            ),
        ),
        rows={"train": 9_741, "validation": 1_221},
    ),
)
