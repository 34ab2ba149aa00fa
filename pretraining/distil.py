"""Teach the encoder to produce the teacher's vectors, in every language that has lessons.

In:  build/lessons.parquet, build/targets.npy, build/pieces.npy, build/tokenizer/
Out: build/encoder/ (transformers' format, fp16), distil.csv (loss by tokens)

The mean of the encoder's last hidden state regresses the teacher's vector, reduced to the
encoder's width by fixed orthonormal axes: cosines of mean-pooled sentences mean what they mean
in the teacher. Two steps. A bag of words first: the mean of the input embeddings regresses the
targets, which places the words of all languages. Then the whole model, sentences alone and in
pairs (`<s> a </s></s> b </s>`, each segment's mean regresses its own sentence's target).
Method: multilingual knowledge distillation (Reimers and Gurevych 2020), with InfoNCE beside it.
Resumes from build/resume-*.pt, whose name holds a hash of parameters and data.

Alone: python -m pretraining.distil
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from tokenizers import Tokenizer
from torch.nn import functional
from tqdm import tqdm, trange

from pretraining import encoder
from pretraining.draw import Ints, Lessons, weigh
from stages.errors import run
from stages.learning.batches import BOS, EOS, Batch, Ragged, ends_of, lay_out, splice
from stages.learning.encoder import states
from stages.learning.heads.pooling import mean_by_part
from stages.learning.xlmr import XLMR
from stages.writing import replacing, replacing_folder

HERE = Path(__file__).parent
BUILD = HERE / "build"
UNKNOWN = 3
TOKENS_BETWEEN_STATES = 150_000
# Settings that the bag of words does not depend on.
LATER = (
    "tokens",
    "cycles",
    "batch_tokens",
    "learning_rate",
    "warmup",
    "mask_tokens",
    "pair_batches",
)


def stamp(*parts: Any) -> str:
    """Return a short hash of parameters and data, which names the files to resume from."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def loss_of(predicted: Any, target: Any, rows: Any, settings: dict[str, Any]) -> Any:
    """Return 1 - cosine, plus InfoNCE over the batch's other meanings.

    predicted, target : (n, hidden); rows : (n,) ids of the meanings, equal ids are no negatives.
    """
    predicted = functional.normalize(predicted, dim=-1)
    target = functional.normalize(target, dim=-1)
    regress = 1 - (predicted * target).sum(-1).mean()
    scores = predicted @ target.T / settings["temperature"]
    same = rows[:, None] == rows[None, :]
    same.fill_diagonal_(False)
    scores = scores.masked_fill(same, -1e4)
    contrast = functional.cross_entropy(scores, torch.arange(len(scores), device=scores.device))
    return regress + settings["contrast"] * contrast, regress.detach()


def start_bag(lessons: Lessons, targets: Any, model: Any, settings: Any) -> None:
    """Train embeddings and projection alone, on means of embeddings (no padding, no layers)."""
    random = np.random.default_rng(settings["seed"])
    words = model.embeddings.word_embeddings.weight
    norm = model.embeddings.LayerNorm
    steps, size = settings["bag_steps"], settings["bag_batch"]
    dense = torch.optim.AdamW(norm.parameters(), lr=1e-3, weight_decay=0.0)
    sparse = torch.optim.Adam([words], lr=settings["bag_learning_rate"])
    places = model.embeddings.position_embeddings.weight.detach()
    kind = model.embeddings.token_type_embeddings.weight.detach()[0]
    bar = trange(steps, desc="bag of words", mininterval=10)
    mean = 0.0
    for step in bar:
        chosen = lessons.draw(size, random)
        flat, lengths = lessons.ids.take(chosen).values, lessons.ids.lengths[chosen]
        keep = random.random(len(flat)) >= settings["drop_tokens"]
        owner = torch.from_numpy(np.repeat(np.arange(size), lengths)[keep])
        index = torch.from_numpy(flat[keep].astype(np.int64))
        unique, inverse = torch.unique(index, return_inverse=True)
        hidden = norm(words[unique] + places[2] + kind)
        total = torch.zeros(size, hidden.shape[1]).index_add_(0, owner, hidden[inverse])
        target = torch.from_numpy(targets[lessons.target[chosen]].astype(np.float32))
        rows = torch.from_numpy(lessons.target[chosen])
        mean_hidden = total / torch.bincount(owner, minlength=size).clamp(min=1)[:, None]
        loss, regress = loss_of(mean_hidden, target, rows, settings)
        for group in (*dense.param_groups, *sparse.param_groups):
            group.setdefault("start", group["lr"])
            group["lr"] = group["start"] * (1 - step / steps)
        dense.zero_grad()
        sparse.zero_grad()
        loss.backward()
        dense.step()
        sparse.step()
        mean = 0.98 * mean + 0.02 * regress.item() if step else regress.item()
        bar.set_postfix(distance=f"{mean:.4f}", refresh=False)


def lay(ids: Ragged, groups: Ints, drop: float, mask: int, random: np.random.Generator) -> Batch:
    """Lay sequences of one or two texts end to end: `<s> a </s>` or `<s> a </s></s> b </s>`.

    groups : (sequences, texts) lessons. A text is a part, with two special tokens around it; its
    tokens are replaced by <mask> with probability `drop`.
    """
    pieces: list[Any] = [[BOS]]
    for column in groups.T:
        pieces += [[EOS, EOS]] if len(pieces) > 1 else []
        pieces.append(ids.cut(column, ids.lengths[column]))
    tokens, widths = splice(len(groups), *pieces, [EOS])
    dropped = random.random(len(tokens)) < drop
    tokens[dropped & (tokens > EOS)] = mask
    lengths, parts = widths.sum(axis=1), (ids.lengths[groups] + 2).ravel()
    return lay_out(tokens, lengths, parts, np.cumsum(lengths) - lengths)


def teach(
    lessons: Lessons, targets: Any, model: XLMR, settings: dict[str, Any], save: Path
) -> list[tuple[int, float]]:
    """Train the whole model on `tokens` tokens; returns rows (tokens, distance) of the log.

    No dropout: a small model on few tokens does not overfit.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=settings["learning_rate"], betas=(0.9, 0.98), eps=1e-6, fused=True,
    )  # fmt: skip
    random = np.random.default_rng(settings["seed"] + 1)
    mask = model.config.vocab_size - 1
    done, mean, log, saved = 0, 0.0, [], 0
    if save.exists():
        state = torch.load(save, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        random.bit_generator.state = state["random"]
        done, mean, log = state["done"], state["mean"], state["log"]
        saved = done
    total = settings["tokens"]
    bar = tqdm(total=total, initial=done, desc="tokens", unit_scale=True, mininterval=15)
    while done < total:
        texts = 2 if random.random() < settings["pair_batches"] else 1
        groups = lessons.draw_tokens(settings["batch_tokens"], texts, random)
        batch = lay(lessons.ids, groups, settings["mask_tokens"], mask, random).to(device)
        share = done / total * settings["cycles"] % 1.0
        rate = settings["learning_rate"] * min(share / settings["warmup"], 1.0, 1.02 - share)
        for parameters in optimizer.param_groups:
            parameters["lr"] = rate
        # variable-length attention on a GPU takes half precision
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            predicted = mean_by_part(states(model, batch), batch.parts).float()
        rows = lessons.target[groups.ravel()]
        target = torch.from_numpy(targets[rows].astype(np.float32)).to(device)
        loss, regress = loss_of(predicted, target, torch.from_numpy(rows).to(device), settings)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        count = batch.tokens.shape[1]
        done += count
        mean = 0.99 * mean + 0.01 * regress.item() if mean else regress.item()
        bar.update(count)
        bar.set_postfix(distance=f"{mean:.4f}", refresh=False)
        if done - saved > TOKENS_BETWEEN_STATES or done >= total:
            saved = done
            log.append((done, round(mean, 5)))
            state = {
                "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "random": random.bit_generator.state, "done": done, "mean": mean, "log": log,
            }  # fmt: skip
            with replacing(save) as temporary:
                torch.save(state, temporary)
    return log


def prepare(params: dict[str, Any]) -> tuple[Lessons, Any, int]:
    """Read and tokenize the lessons; returns them, the targets and the vocabulary's size."""
    table = pd.read_parquet(BUILD / "lessons.parquet")
    table = table[table.target >= 0].reset_index(drop=True)
    tokenizer = Tokenizer.from_file(str(BUILD / "tokenizer" / "tokenizer.json"))
    limit = params["distil"]["max_length"] - 2
    encoded = tokenizer.encode_batch(list(table.text), add_special_tokens=False)
    cut = [e.ids[:limit] or [UNKNOWN] for e in encoded]
    ids = Ragged(
        np.fromiter(itertools.chain.from_iterable(cut), dtype=np.int32),
        ends_of(np.fromiter(map(len, cut), dtype=np.int64)),
    )
    weight = weigh(table, params["distil"], params["languages"]["others"])
    lessons = Lessons(ids, table.target.to_numpy(np.int64), weight)
    return lessons, np.load(BUILD / "targets.npy", mmap_mode="r"), tokenizer.get_vocab_size()


def main() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    params = yaml.safe_load((HERE / "params.yaml").read_text())
    settings = params["distil"]
    lessons, targets, size = prepare(params)
    torch.manual_seed(settings["seed"])
    model = encoder.create(params["encoder"], size)
    axes = encoder.find_axes(targets, params["encoder"]["hidden"], settings["seed"])
    pieces = encoder.reduce(np.load(BUILD / "pieces.npy"), axes).astype(np.float32)
    targets = encoder.reduce(targets, axes)
    with torch.no_grad():
        spread = 0.3 / pieces[4:-1].std()
        model.embeddings.word_embeddings.weight[4:-1] = torch.from_numpy(pieces[4:-1]) * spread
    data = hashlib.sha256((BUILD / "lessons.parquet").read_bytes()).hexdigest()
    early = {name: value for name, value in settings.items() if name not in LATER}
    bag = BUILD / f"resume-{stamp(params['encoder'], early, data)}-bag.pt"
    save = BUILD / f"resume-{stamp(params['encoder'], settings, data)}.pt"
    if bag.exists():
        model.load_state_dict(torch.load(bag))
    else:
        start_bag(lessons, targets, model, settings)
        with replacing(bag) as temporary:
            torch.save(model.state_dict(), temporary)
    log = teach(lessons, targets, model, settings, save)
    with replacing_folder(BUILD / "encoder") as folder:
        encoder.save(model, folder)
        shutil.copytree(BUILD / "tokenizer", folder, dirs_exist_ok=True)
    with replacing(HERE / "distil.csv") as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file).writerows([("tokens", "distance"), *log])


if __name__ == "__main__":
    run(main)
