"""Prediction speed beside the Hugging Face Trainer, over XNLI's 15 test languages.

    python -m benchmarks.prediction                                two CPU cores, the small encoder
    python -m benchmarks.prediction --device cuda --shape large    a GPU, XLM-R Large's shape, bf16

The peer is `Trainer.predict` as run_xnli calls it: every pair padded to 128 tokens, 8 pairs a
batch. This engine fills its batches by a budget of tokens. Both have the same weights; the largest
difference of their logits is printed. `--rows` of each language, evenly spaced.
Needs accelerate for the peer (`pip install accelerate`, in an environment of its own).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import beside

NAMES = {
    "padded": "Trainer.predict, padded to 128, 8 a batch (default)",
    "ours": "this engine, batches filled by tokens",
}
LANGUAGES = "en ar bg de el es fr hi ru sw th tr ur vi zh".split()


def same_head(model: Any, dense: Any, out: Any) -> None:
    """Give the head the weights that both contenders have."""
    import torch

    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for layer in (dense, out):
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=draw) * 0.05)
            layer.bias.zero_()


def theirs(options: argparse.Namespace, examples: list[Any]) -> tuple[list[np.ndarray], float]:
    import torch
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    def collate(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids = torch.ones(len(items), beside.MAX_LENGTH, dtype=torch.long)
        for row, item in enumerate(items):
            ids[row, : len(item["input_ids"])] = torch.tensor(item["input_ids"])
        return {"input_ids": ids, "attention_mask": (ids != 1).long()}

    model = beside.their_model(options, 0.1)
    same_head(model, model.classifier.dense, model.classifier.out_proj)
    rows = [Dataset.from_dict(beside.inputs(some)).remove_columns(["labels"]) for some in examples]
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                folder,
                use_cpu=options.device == "cpu",
                bf16_full_eval=options.device == "cuda",
                report_to=[],
                disable_tqdm=True,
            ),
            data_collator=collate,
        )
        trainer.predict(rows[0].select(range(16)))
        begun = time.perf_counter()
        found = [trainer.predict(some).predictions for some in rows]
        return found, time.perf_counter() - begun


def ours(options: argparse.Namespace, examples: list[Any]) -> tuple[list[np.ndarray], float]:
    from stages.learning import engine as deepspeed_engine

    settings = beside.our_settings(options)
    head, model = beside.our_model(options, settings)
    same_head(model, model.dense, model.out)
    _, world, device = deepspeed_engine.join_ranks()
    engine = deepspeed_engine.start(model.to(device), settings, world)
    head.logits(engine, examples[0].take(np.arange(16)), device)
    begun = time.perf_counter()
    found = [head.logits(engine, some, device) for some in examples]
    return found, time.perf_counter() - begun


def main() -> None:
    parser = beside.arguments(__doc__.splitlines()[0], tuple(NAMES))
    parser.add_argument("--rows", type=int, default=100, help="a language")
    parser.add_argument("--keep", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run is None:
        with tempfile.TemporaryDirectory() as folder:
            sys.argv += ["--keep", folder]
            found = beside.compare("benchmarks.prediction", options)
            rows = f"{options.rows} rows a language"
            print(f"prediction, {options.device}, {options.threads} threads, {rows}")
            beside.table(found, NAMES, "ours")
            kept = {path.stem: np.load(path) for path in Path(folder).glob("*.npy")}
            if len(kept) == 2:
                difference = np.abs(kept["padded"] - kept["ours"]).max()
                print(f"largest difference of a logit: {difference:.1e}")
        return
    import torch

    if options.device == "cpu":
        torch.set_num_threads(options.threads)
    examples = [
        beside.pairs(options.encoder, options.mirror, language, "test", options.rows)
        for language in LANGUAGES
    ]
    lengths = [
        np.minimum(some.first.lengths + some.second.lengths + 4, beside.MAX_LENGTH)
        for some in examples
    ]
    logits, seconds = (ours if options.run == "ours" else theirs)(options, examples)
    np.save(options.keep / f"{options.run}.npy", np.concatenate(logits))
    print(
        json.dumps(
            {
                "tokens": int(np.concatenate(lengths).sum()),
                "seconds": seconds,
                "memory": beside.memory(options.device),
            }
        )
    )


if __name__ == "__main__":
    main()
