"""Unlabelled text in many languages, for masked language modelling beside an intermediate task.

The user brings it (`snapshot.sources.text`). Without, it is the texts of the validation sets of
XNLI and PAWS-X, which this study evaluates nothing on besides English: little, but in 17 languages
and pinned.
"""

from __future__ import annotations

from stages.tasks import pairs
from stages.tasks.record import Source, Task
from stages.tasks.taggings import PANX_TEST


def _unlabelled(source: Source, columns: tuple[str, ...], name: str) -> Source:
    return Source(
        repository=source.repository,
        revision=source.revision,
        columns={"text": columns},
        splits={"train": "validation"},
        configurations=source.configurations,
        licence=source.licence,
        name=name,
    )


_SOURCES = {record.name: record.source for record in pairs.RECORDS}

RECORDS = (
    Task(
        name="text",
        head="text",
        sources=(
            _unlabelled(_SOURCES["xnli"], ("premise", "hypothesis"), "xnli"),
            _unlabelled(_SOURCES["pawsx"], ("sentence1", "sentence2"), "pawsx"),
        ),
        languages=tuple(PANX_TEST),
        brought="text",
    ),
)
