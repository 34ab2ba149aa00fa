"""The small encoder's training in bf16 and in fp32, taking turns: tokens a second.

python -m benchmarks.half --rounds 3 --tokens 100000
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from pretraining import distil, encoder
from pretraining.draw import Lessons
from stages.learning.batches import Ragged, ends_of
from stages.learning.heads.masked import LanguageModel

TEXTS = 20_000


def lessons_of(vocabulary: int, hidden: int) -> tuple[Lessons, Any]:
    """Texts of 1 to 40 random tokens, three of a meaning, and random targets."""
    random = np.random.default_rng(1)
    lengths = random.integers(1, 41, TEXTS)
    values = random.integers(4, vocabulary - 1, lengths.sum()).astype(np.int32)
    lessons = Lessons(Ragged(values, ends_of(lengths)), np.arange(TEXTS) // 3, np.ones(TEXTS))
    return lessons, random.normal(size=(TEXTS, hidden)).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of both; the median counts")
    parser.add_argument("--tokens", type=int, default=100_000, help="of a round")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    params = yaml.safe_load((distil.HERE / "params.yaml").read_text())
    size = params["vocabulary"]["size"]
    lessons, targets = lessons_of(size, params["encoder"]["hidden"])
    settings = params["distil"] | {"tokens": options.tokens}
    speeds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(options.rounds):
        for half, found in speeds.items():
            language = LanguageModel(encoder.create(params["encoder"], size))
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                log = distil.teach(lessons, targets, language, settings, Path(folder) / "s", half)
                found.append(log[-1][0] / (time.perf_counter() - began))
    fast, slow = (statistics.median(found) for found in speeds.values())
    print(f"bf16 {fast:,.0f} tokens/s, fp32 {slow:,.0f} tokens/s: {fast / slow:.2f} times")


if __name__ == "__main__":
    main()
