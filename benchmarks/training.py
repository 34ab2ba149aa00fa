"""Training speed beside the Hugging Face Trainer: real tokens a second, memory.

    python -m benchmarks.training                                  two CPU cores, the small encoder
    python -m benchmarks.training --device cuda --shape large      a GPU, XLM-R Large's shape, bf16

XNLI's English training rows with their real lengths, 32 pairs a step, sequence classification from
the state of `<s>`, all weights trained, AdamW, clipping at 1, fp32 (bf16 on a GPU). The peers:

padded       the Trainer as run_xnli sets it up: every pair padded to 128 tokens
grouped      the Trainer with dynamic padding, pairs of similar length in one batch
*-plain      the same without dropout of attention weights, which this engine does not apply
ours         this engine, batches of random composition

Needs accelerate for the peers (`pip install accelerate`, in an environment of its own).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from typing import Any

from benchmarks import beside

NAMES = {
    "padded": "Trainer, padded to 128 (run_xnli's default)",
    "padded-plain": "  the same without attention dropout",
    "grouped": "Trainer, dynamic padding, grouped by length",
    "grouped-plain": "  the same without attention dropout",
    "ours": "this engine, random batches",
}
BATCH = 32
WARM = 10  # steps before the clock starts


def theirs(options: argparse.Namespace, grouped: bool, plain: bool) -> tuple[int, float]:
    """Return (real tokens, seconds) of the steps after the first ones."""
    import torch
    from datasets import Dataset
    from transformers import Trainer, TrainerCallback, TrainingArguments

    examples = beside.inputs(
        beside.pairs(options.encoder, options.mirror, "en", "train", options.rows)
    )
    rows = Dataset.from_dict(examples)
    longest = None if grouped else beside.MAX_LENGTH

    def collate(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = longest or max(len(item["input_ids"]) for item in items)
        ids = torch.ones(len(items), width, dtype=torch.long)
        for row, item in enumerate(items):
            ids[row, : len(item["input_ids"])] = torch.tensor(item["input_ids"])
        labels = torch.tensor([item["labels"] for item in items])
        return {"input_ids": ids, "attention_mask": (ids != 1).long(), "labels": labels}

    class Counting(Trainer):
        real: list[torch.Tensor]

        def training_step(self, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
            self.real.append(inputs["attention_mask"].sum())
            return super().training_step(model, inputs, *rest, **named)

    class Clock(TrainerCallback):
        begun = ended = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if options.device == "cuda":
                torch.cuda.synchronize()
            if state.global_step == WARM:
                self.begun = time.perf_counter()
            if state.global_step == WARM + options.steps:
                self.ended = time.perf_counter()

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Counting(
            model=beside.their_model(options, 0.0 if plain else 0.1),
            args=TrainingArguments(
                folder,
                per_device_train_batch_size=BATCH,
                max_steps=WARM + options.steps,
                learning_rate=5e-5,
                train_sampling_strategy="group_by_length" if grouped else "random",
                use_cpu=options.device == "cpu",
                bf16=options.device == "cuda",
                save_strategy="no",
                logging_steps=10**9,
                report_to=[],
                disable_tqdm=True,
            ),
            train_dataset=rows,
            data_collator=collate,
            callbacks=[clock],
        )
        trainer.real = []
        trainer.train()
    return int(sum(trainer.real[WARM:])), clock.ended - clock.begun


def ours(options: argparse.Namespace) -> tuple[int, float]:
    """The same of this engine."""
    from stages.learning.train import train

    # one step more than is timed: the last one ends with an evaluation
    settings = beside.our_settings(
        options, max_steps=WARM + options.steps + 1, batch_size=BATCH, zero_stage=options.zero_stage
    )
    examples = beside.pairs(options.encoder, options.mirror, "en", "train", options.rows)
    development = beside.pairs(options.encoder, options.mirror, "en", "validation", 8)
    head, model = beside.our_model(options, settings)
    seen: dict[int, tuple[float, int]] = {}

    def look(entry: dict[str, float], outcome: Any) -> None:
        seen[int(entry["step"])] = (time.perf_counter(), outcome.tokens)

    train(head, model, examples, development, settings, 1, lambda entry: None, progress=look)
    (begun, before), (ended, after) = seen[WARM], seen[WARM + options.steps]
    return after - before, ended - begun


def main() -> None:
    parser = beside.arguments(__doc__.splitlines()[0], tuple(NAMES))
    parser.add_argument("--steps", type=int, default=40, help="timed; on a GPU a multiple of 10")
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--zero-stage", type=int, default=0)
    options = parser.parse_args()
    if options.run is None:
        found = beside.compare("benchmarks.training", options)
        print(f"training, {options.device}, {options.threads} threads, {options.steps} steps")
        beside.table(found, NAMES, "ours")
        return
    import torch

    if options.device == "cpu":
        torch.set_num_threads(options.threads)
    if options.run == "ours":
        real, seconds = ours(options)
    else:
        real, seconds = theirs(options, "grouped" in options.run, "plain" in options.run)
    memory = beside.memory(options.device)
    print(json.dumps({"tokens": real, "seconds": seconds, "memory": memory}))


if __name__ == "__main__":
    main()
