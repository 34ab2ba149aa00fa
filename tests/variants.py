"""Train a variant in this process, on the tiny encoder: pairs, choices, tags, spans and text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import encoded
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from conftest import ENGINE
from stages.learning import encoder as encoders
from stages.learning.lesson import Lesson, variant
from stages.learning.train import follow
from stages.tasks import find

TASKS = ("mnli", "csqa", "udpos", "squad")
MLM = {"share": 0.4, "exponent": 0.3}


def write_tasks(folder: Path) -> Path:
    """Write small encoded tasks of four heads, and text in two languages, into folder/encoded."""
    columns = {
        "mnli": ("pair", lambda n, seed: encoded.pair_columns(n, seed)),
        "csqa": ("choice", lambda n, seed: encoded.choice_columns(n, 5, seed)),
        "udpos": ("tagging", lambda n, seed: encoded.tagging_columns(n, seed)),
        "squad": ("span", lambda n, seed: encoded.span_columns(n, seed, longest=20)),
    }
    place = folder / "encoded"
    shutil.rmtree(place / "mnli", ignore_errors=True)
    for name, (head, make) in columns.items():
        for split, count in (("train", 48), ("validation", 16)):
            path = place / name / "en" / f"{split}.parquet"
            encoded.write(path, head, make(count, len(split)))
    random = np.random.default_rng(5)
    for language, count in (("sw", 40), ("th", 10)):
        lengths = random.integers(1, 70, count)
        ids = [random.integers(4, 89, n).tolist() for n in lengths]
        path = place / "text" / language / "train.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table({"ids": pa.array(ids, pa.list_(pa.int32()))}), path)
    return place


def with_mask(encoder: Path, out: Path) -> Path:
    """A copy of the tiny encoder whose last token is <mask>."""
    if not out.exists():
        shutil.copytree(encoder, out)
        tokenizer = json.loads((out / "tokenizer.json").read_text())
        tokenizer["added_tokens"] = [{"id": 89, "content": "<mask>"}]
        (out / "tokenizer.json").write_text(json.dumps(tokenizer))
    return out


def lesson(
    encoder: Path, place: Path, tasks: Any = TASKS, mlm: Any = None, seed: int = 1, **changes: Any
) -> Lesson:
    """The lesson of a variant of `tasks`."""
    settings = ENGINE | {"query_length": 4, "doc_stride": 8} | changes
    of_task = dict.fromkeys(tasks, settings)
    sampling = {"by": "uniform"}
    records = [find(name) for name in tasks]
    return variant(records, encoder, place, settings, of_task, seed, sampling, mlm)


def learn_variant(
    encoder: Path, place: Path, tasks: Any = TASKS, mlm: Any = None, seed: int = 1, **changes: Any
) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    """Train; return (curve, weights)."""
    report, state = changes.pop("report", lambda entry: None), changes.pop("state", None)
    settings = ENGINE | changes
    found = lesson(encoder, place, tasks, mlm, seed, **changes)
    torch.manual_seed(seed)
    model = found.build(encoders.read(encoder, settings))
    outcome = follow(found.course, model, settings, seed, report, state)
    weights = {n: p.detach().clone() for n, p in outcome.engine.module.named_parameters()}
    return outcome.curve, weights
