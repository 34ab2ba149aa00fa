"""Lessons: what a cell learns from. One task, or several with a head each, and unlabelled text."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from stages.errors import UserError
from stages.learning import encoder as encoders
from stages.learning.course import Course, OneTask, total_steps
from stages.learning.heads import Head, head_of
from stages.learning.heads.masked import MLM, Masked, MaskedText
from stages.learning.joint import Joint
from stages.learning.masking import Vocabulary
from stages.learning.mixture import Mixture, shares
from stages.learning.xlmr import XLMR
from stages.tasks import Task
from stages.tasks.variants import TEXT


@dataclass(frozen=True)
class Lesson:
    """`tasks` : what is learnt. `rows` : of their training sets. `files` : what is read of them.

    `batch_sizes` : by what is trained. `head` : of the only task, the one to predict with; None
    where there are several. `build` : makes the model.
    """

    tasks: tuple[Task, ...]
    rows: int
    files: tuple[Path, ...]
    batch_sizes: Mapping[str, int]
    head: Head | None
    build: Callable[[XLMR], nn.Module]
    course: Course
    facts: Mapping[str, Any]

    def check(self, ranks: int, accumulation: int) -> None:
        """Refuse batches that do not divide: all ranks take part in every step of every head.

        Raises
        ------
        UserError
            Names the batch size and what it has to be a multiple of.
        """
        for name, size in self.batch_sizes.items():
            if size % (ranks * accumulation):
                raise UserError(
                    f"batch_size {size} of {name} (params.yaml) does not divide over {ranks} ranks "
                    f"x accumulation {accumulation}; expected a multiple of {ranks * accumulation}."
                )

    def agree(self, key: str) -> None:
        """Refuse ranks that would train other heads, or on other data, than the first: all wait for
        each other in every step, and would do so for ever.

        key : of what this rank reads (`resume.key`).

        Raises
        ------
        UserError
            On every rank; names the rank and what it has.
        """
        ranks: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(ranks, (tuple(self.batch_sizes), key))
        heads, first = ranks[0]
        for rank, (others, other) in enumerate(ranks):
            if others != heads:
                raise UserError(
                    f"rank {rank} has the heads {', '.join(others)}, rank 0 has "
                    f"{', '.join(heads)}: encoded/ is not the same on their machines. Bring it "
                    "there whole (`dvc pull encoded`); nothing was trained."
                )
            if other != first:
                raise UserError(
                    f"rank {rank} reads other data, parameters or code than rank 0: bring its "
                    "machine to the same commit and the same encoded/; nothing was trained."
                )


def one_task(task: Task, encoded: Path, settings: dict[str, Any], seed: int) -> Lesson:
    """Return the lesson of one task."""
    head, course, files = _part([task], encoded, settings, seed)
    facts = {"task": task.name, "version": task.version, "seed": seed}
    sizes = {task.name: settings["batch_size"]}
    rows = len(course.training)
    return Lesson((task,), rows, files, sizes, head, head.build, course, facts)


def variant(
    tasks: Sequence[Task],
    encoder: Path,
    encoded: Path,
    settings: dict[str, Any],
    of_task: Mapping[str, dict[str, Any]],
    seed: int,
    sampling: Mapping[str, Any] | None = None,
    mlm: Mapping[str, Any] | None = None,
) -> Lesson:
    """Return the lesson of several tasks, of one and unlabelled text, or of both.

    Tasks of one base are one training set with one head. Where nothing is left to mix (one base,
    an `mlm.share` of 0) it is the lesson of one task, bit for bit.

    settings : of the run; of_task : of each base. sampling : see `mixture.shares`.
    mlm : `share` of the batches, and what `MaskedText` takes; `languages`, all there are without.
    """
    share = float(mlm["share"]) if mlm else 0.0
    bases: dict[str, list[Task]] = {}
    for task in tasks:
        bases.setdefault(task.base or task.name, []).append(task)
    parts = {name: _part(group, encoded, of_task[name], seed) for name, group in bases.items()}
    heads: dict[str, Head] = {name: head for name, (head, _, _) in parts.items()}
    courses: dict[str, Course] = {name: course for name, (_, course, _) in parts.items()}
    files = [path for _, _, read in parts.values() for path in read]
    sizes = {name: of_task[name]["batch_size"] for name in bases}
    counts = np.array([len(course.training) for _, course, _ in parts.values()])
    facts = {
        "tasks": [(task.name, task.version) for task in tasks],
        "settings": {name: of_task[name] for name in bases},
        "seed": seed,
    }
    if len(bases) == 1 and not share:
        ((head, only, _),) = parts.values()
        rows = len(only.training)
        return Lesson(tuple(tasks), rows, tuple(files), sizes, head, head.build, only, facts)
    chances = shares(sampling or {}, counts)
    facts |= {"sampling": dict(sampling or {}), "mlm": dict(mlm or {})}
    if share:
        masked, text, read = _text(encoder, encoded, settings, mlm or {}, seed)
        heads[MLM], courses[MLM], sizes[MLM] = masked, text, text.size
        files += read
        chances = np.append((1 - share) * chances, share)
    alone = sum(
        total_steps(of_task[name] | {"max_steps": None}, int(count))
        for name, count in zip(bases, counts, strict=True)
    )
    steps = round(alone / (1 - share))
    if settings["max_steps"]:
        steps = min(steps, settings["max_steps"])

    def build(model: XLMR) -> Joint:
        return Joint(model, {name: head.build(model) for name, head in heads.items()})

    course = Mixture(courses, chances, steps, seed)
    return Lesson(tuple(tasks), int(counts.sum()), tuple(files), sizes, None, build, course, facts)


def _part(
    group: Sequence[Task], encoded: Path, settings: dict[str, Any], seed: int
) -> tuple[Head, OneTask, tuple[Path, ...]]:
    """The head, the course and the files of the tasks of one base."""
    head = head_of(labelled(group[0], encoded), settings)
    # English is in several translated sets
    read = [encoded / name for name in dict.fromkeys(n for task in group for n in task.training)]
    developed = encoded / group[0].development
    training = head.read(read)
    course = OneTask(head, training, head.read(developed), settings, seed)
    return head, course, (*read, developed)


def _text(
    encoder: Path, encoded: Path, settings: dict[str, Any], mlm: Mapping[str, Any], seed: int
) -> tuple[Masked, MaskedText, list[Path]]:
    """The head, the course and the files of masked language modelling."""
    there = sorted(path.parent.name for path in (encoded / TEXT).glob("*/train.parquet"))
    languages = mlm.get("languages") or there
    if lost := [code for code in languages if code not in there]:
        raise UserError(
            f"{encoded}/{TEXT} has no train.parquet in {', '.join(lost)}, which mlm.languages "
            f"names; it has {', '.join(there) or 'no language'}. Bring the text "
            "(snapshot.sources.text) or take the languages out."
        )
    if not languages:
        raise UserError(
            f"{encoded}/{TEXT} holds no text for mlm: add text to data.tasks of params.yaml, take "
            "its snapshot and encode it (`dvc repro encode@text`)."
        )
    files = [encoded / TEXT / code / "train.parquet" for code in languages]
    head = Masked(settings, encoders.language_head(encoder))
    texts = dict(zip(languages, map(head.read, files), strict=True))
    vocabulary = Vocabulary(*encoders.vocabulary(encoder))
    return head, MaskedText(head, texts, vocabulary, mlm, seed), files


def labelled(task: Task, encoded: Path) -> Task:
    """The task with its labels: those of CCG are in a file beside the encoded data."""
    if task.labels or task.head != "tagging":
        return task
    labels = json.loads((encoded / task.name / "labels.json").read_text())
    return dataclasses.replace(task, labels=tuple(labels))
