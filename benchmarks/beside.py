"""What the comparisons with the Hugging Face Trainer share: rows, models, one process a contender.

Every contender runs in a process of its own, one after another, with the same rows, the same
number of threads and the same weights of the encoder; each prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
MIRROR = ROOT.parent / "shared" / "hub"
MAX_LENGTH = 128
LABELS = ("entailment", "neutral", "contradiction")
# XLM-R Large; its weights are not needed to measure its speed
LARGE = {
    "vocab_size": 250002,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "max_position_embeddings": 514,
    "layer_norm_eps": 1e-5,
}


def arguments(description: str, contenders: tuple[str, ...]) -> argparse.ArgumentParser:
    """The options that both comparisons have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--encoder", type=Path, default=ROOT / "encoder")
    parser.add_argument("--mirror", type=Path, default=MIRROR, help="holds facebook/xnli")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--shape", choices=["encoder", "large"], default="encoder", help="large: XLM-R Large"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=1, help="of all contenders; the best counts")
    parser.add_argument("--contenders", nargs="+", choices=contenders, default=contenders)
    parser.add_argument("--run", choices=contenders, help=argparse.SUPPRESS)
    return parser


def sentences(mirror: Path, language: str, split: str) -> tuple[list[str], list[str], list[int]]:
    """Premises, hypotheses and labels of one split of XNLI, as the mirror has them."""
    files = sorted((mirror / "facebook" / "xnli" / language).glob(f"{split}-*.parquet"))
    if not files:
        sys.exit(f"{mirror}/facebook/xnli/{language}: no {split} split; name another with --mirror")
    table = pq.read_table(files)
    return (
        table["premise"].to_pylist(),
        table["hypothesis"].to_pylist(),
        table["label"].to_pylist(),
    )


def tokens(encoder: Path, texts: list[str]) -> list[list[int]]:
    """Token ids without special tokens."""
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    return [encoding.ids for encoding in found.encode_batch(texts, add_special_tokens=False)]


def pairs(encoder: Path, mirror: Path, language: str, split: str, rows: int | None = None) -> Any:
    """The same rows for this engine: at most `rows` of them, evenly spaced."""
    import numpy as np

    from stages.learning.batches import Ragged, ends_of, evenly
    from stages.learning.heads.pair import Pairs

    first, second, labels = sentences(mirror, language, split)
    kept = evenly(len(labels), rows)
    sides = []
    for texts in (first, second):
        ids = tokens(encoder, [texts[row] for row in kept])
        values = np.array([token for row in ids for token in row], dtype=np.int32)
        sides.append(Ragged(values, ends_of(np.array([len(row) for row in ids]))))
    names = np.array([str(row) for row in kept])
    return Pairs(names, *sides, np.array([labels[row] for row in kept]))


def inputs(examples: Any) -> dict[str, list[Any]]:
    """The same rows for transformers: `<s> a </s></s> b </s>`, cut as its tokenizer cuts."""
    from stages.learning.heads.pair import assemble

    found = []
    for row in range(len(examples)):
        import numpy as np

        batch = assemble(examples, np.array([row]), MAX_LENGTH, "joint")
        found.append(batch.tokens[0].tolist())
    return {
        "input_ids": found,
        "attention_mask": [[1] * len(row) for row in found],
        "labels": examples.labels.tolist(),
    }


def config(options: argparse.Namespace) -> dict[str, Any]:
    """The shape of the model, as in config.json."""
    shape: dict[str, Any] = json.loads((options.encoder / "config.json").read_text())
    return shape | (LARGE if options.shape == "large" else {})


def their_model(options: argparse.Namespace, attention_dropout: float) -> Any:
    """XLM-R with its head for three classes, fp32, as run_xnli makes it."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification

    torch.manual_seed(0)
    changes = {"num_labels": 3, "attention_probs_dropout_prob": attention_dropout, "dtype": None}
    if options.shape == "large":
        shape = XLMRobertaConfig(**(config(options) | changes))
        return XLMRobertaForSequenceClassification(shape).float()
    return XLMRobertaForSequenceClassification.from_pretrained(
        options.encoder,
        num_labels=3,
        attention_probs_dropout_prob=attention_dropout,
        dtype=torch.float32,
    )


def our_model(options: argparse.Namespace, settings: dict[str, Any]) -> tuple[Any, Any]:
    """The head and the same model: encoder, state of `<s>`, dense layer, three classes."""
    import torch

    from stages.learning import encoder as encoders
    from stages.learning.heads import head_of
    from stages.learning.xlmr import XLMR, Config, draw
    from stages.tasks import find

    torch.manual_seed(0)
    head = head_of(find("xnli"), settings)
    if options.shape == "large":
        names = Config.__dataclass_fields__
        shape = Config(**{k: v for k, v in config(options).items() if k in names})
        encoder = draw(XLMR(shape, settings["dropout"], settings["activation_checkpointing"]))
    else:
        encoder = encoders.read(options.encoder, settings)
    return head, head.build(encoder)


def our_settings(options: argparse.Namespace, **changes: Any) -> dict[str, Any]:
    """Parameters of a run that does what run_xnli does."""
    return {
        "zero_stage": 0,
        "precision": "bf16" if options.device == "cuda" else "fp32",
        "accumulation": 1,
        "activation_checkpointing": False,
        "prediction_tokens": 65536 if options.device == "cuda" else 4096,
        "dropout": 0.1,
        "weight_decay": 0.0,
        "epsilon": 1e-8,
        "warmup": 0.0,
        "clip": 1.0,
        "pooling": "first",
        "encoding": "joint",
        "freeze_embeddings": False,
        "selection_every": 10**9,
        "selection_examples": 8,
        "selection_patience": 1,
        "max_length": MAX_LENGTH,
        "batch_size": 32,
        "epochs": 100,
        "learning_rate": 5e-5,
    } | changes


def memory(device: str) -> float:
    """Peak of this process in MiB: of the GPU's memory, or of its own."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def compare(module: str, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Run every contender in a process of its own; return the fastest round of each."""
    threads = str(options.threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "DS_ACCELERATOR": options.device,
    }
    if options.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    best: dict[str, dict[str, float]] = {}
    for _ in range(options.rounds):
        for name in options.contenders:
            command = [sys.executable, "-m", module, *sys.argv[1:], "--run", name]
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{name}: {done.stderr[-3000:]}")
            found = json.loads(done.stdout.splitlines()[-1])
            found["speed"] = found["tokens"] / found["seconds"]
            if name not in best or found["speed"] > best[name]["speed"]:
                best[name] = found
            print(f"  {name}: {found['speed']:,.0f} tokens/s", file=sys.stderr, flush=True)
    return best


def table(found: dict[str, dict[str, float]], names: dict[str, str], ours: str) -> None:
    """Print a line a contender: speed, how much faster this engine is, memory."""
    print(f"{'':52} {'real tokens/s':>13} {'this engine':>12} {'peak MiB':>9}")
    for name, row in found.items():
        ratio = f"{found[ours]['speed'] / row['speed']:.2f} times" if ours in found else ""
        print(f"{names[name]:52} {row['speed']:13,.0f} {ratio:>12} {row['memory']:9,.0f}")
