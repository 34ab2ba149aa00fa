"""Small encoded tasks, written by hand in the schemas of stages/tasks/schema.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.tasks.schema import ENCODED, arrow

TAGS = 17


def write(path: Path, head: str, columns: dict[str, Any]) -> Path:
    """Write one split."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, arrow(ENCODED[head])), path)
    return path


def pair_columns(count: int, seed: int) -> dict[str, Any]:
    """The second sentence begins with token 10, 11 or 12, the label."""
    random = np.random.default_rng(seed)
    labels = [i % 3 for i in range(count)]
    return {
        "id": [str(i) for i in range(count)],
        "sentence1_ids": [random.integers(20, 90, 4).tolist() for _ in labels],
        "sentence2_ids": [[10 + k, *random.integers(20, 90, 2).tolist()] for k in labels],
        "label": labels,
    }


def choice_columns(count: int, options: int, seed: int) -> dict[str, Any]:
    """The right option holds token 10, the others hold token 11."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, options, count).tolist()
    return {
        "id": [str(i) for i in range(count)],
        "context_ids": [random.integers(20, 90, 1 + i % 9).tolist() for i in range(count)],
        "options_ids": [
            [[10 if j == k else 11, *random.integers(20, 90, j).tolist()] for j in range(options)]
            for k in labels
        ],
        "label": labels,
    }


def tagging_columns(count: int, seed: int, longest: int = 9) -> dict[str, Any]:
    """The tag of a word is its first subword modulo the number of tags."""
    random = np.random.default_rng(seed)
    words = [
        [
            random.integers(4, 90, random.integers(1, 4)).tolist()
            for _ in range(random.integers(1, longest + 1))
        ]
        for _ in range(count)
    ]
    return {
        "id": [str(i) for i in range(count)],
        "words": words,
        "tags": [[word[0] % TAGS for word in sentence] for sentence in words],
    }


def span_columns(count: int, seed: int, longest: int = 30, empty: int = 0) -> dict[str, Any]:
    """The context is letters; the answer is the one token 10, written `7`. Every `empty`-th
    question has none."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {name: [] for name in ENCODED["span"]}
    for i in range(count):
        size = int(random.integers(3, longest + 1))
        ids = random.integers(20, 90, size)
        text = "".join(chr(ord("a") + k % 26) for k in ids)
        answers, starts = [], []
        if not empty or i % empty:
            place = int(random.integers(size))
            ids[place] = 10
            text = f"{text[:place]}7{text[place + 1 :]}"
            answers, starts = [text[place]], [place]
        columns["id"].append(str(i))
        columns["question_ids"].append(random.integers(20, 90, 3).tolist())
        columns["context_ids"].append(ids.tolist())
        columns["begins"].append(list(range(size)))
        columns["ends"].append(list(range(1, size + 1)))
        columns["context"].append(text)
        columns["answers"].append(answers)
        columns["starts"].append(starts)
    return columns
