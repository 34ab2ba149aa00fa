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
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pretraining import encoder
from pretraining.draw import Lessons, batch, weigh
from stages.errors import run
from stages.writing import replacing, replacing_folder

HERE = Path(__file__).parent
BUILD = HERE / "build"
BOS, PAD, EOS = 0, 1, 2
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
    import torch
    from torch.nn import functional

    predicted = functional.normalize(predicted, dim=-1)
    target = functional.normalize(target, dim=-1)
    regress = 1 - (predicted * target).sum(-1).mean()
    scores = predicted @ target.T / settings["temperature"]
    same = rows[:, None] == rows[None, :]
    same.fill_diagonal_(False)
    scores = scores.masked_fill(same, -1e4)
    contrast = functional.cross_entropy(scores, torch.arange(len(scores)))
    return regress + settings["contrast"] * contrast, regress.detach()


def start_bag(lessons: Lessons, targets: Any, model: Any, settings: Any) -> None:
    """Train embeddings and projection alone, on means of embeddings (no padding, no layers)."""
    import torch
    from tqdm import trange

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
        parts = [lessons.ids[i] for i in chosen]
        flat = np.concatenate(parts)
        lengths = np.fromiter(map(len, parts), dtype=np.int64)
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


def collate(parts: list[list[Any]], drop: float, mask: int, random: Any) -> tuple[Any, Any]:
    """Return ids (n, length) and segments (n, length): 0, then 1; -1 where padded.

    A part is a sentence's ids, one or two to a sequence, as `<s> a </s>` or
    `<s> a </s></s> b </s>`. Tokens are replaced by <mask> with probability `drop`.
    """
    import torch

    length = max(sum(map(len, sequence)) + 2 * len(sequence) for sequence in parts)
    ids = np.full((len(parts), length), PAD, dtype=np.int64)
    segments = np.full((len(parts), length), -1, dtype=np.int64)
    for row, sequence in enumerate(parts):
        position = 0
        for number, sentence in enumerate(sequence):
            end = position + len(sentence) + 2
            ids[row, position] = EOS if number else BOS
            words = sentence.astype(np.int64)
            words[random.random(len(words)) < drop] = mask
            ids[row, position + 1 : end - 1] = words
            ids[row, end - 1] = EOS
            segments[row, position:end] = number
            position = end
    return torch.from_numpy(ids), torch.from_numpy(segments)


def pool(hidden: Any, segments: Any, count: int) -> Any:
    """Return the means of each segment: (n, length, d) and (n, length) to (count * n, d)."""
    import torch

    means = []
    for number in range(count):
        chosen = (segments == number).unsqueeze(-1).to(hidden.dtype)
        means.append((hidden * chosen).sum(1) / chosen.sum(1).clamp(min=1))
    return torch.cat(means)


def teach(lessons: Lessons, targets: Any, model: Any, settings: Any, save: Path) -> Any:
    """Train the whole model on `tokens` tokens; returns rows (tokens, distance) of the log."""
    import torch
    from tqdm import tqdm

    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}],
        lr=settings["learning_rate"], betas=(0.9, 0.98), eps=1e-6,
    )  # fmt: skip
    random = np.random.default_rng(settings["seed"] + 1)
    mask = model.config.vocab_size - 1
    done, mean, log, began = 0, 0.0, [], 0
    if save.exists():
        state = torch.load(save, weights_only=False)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        random.bit_generator.state = state["random"]
        torch.set_rng_state(state["torch"])
        done, mean, log = state["done"], state["mean"], state["log"]
    model.eval()  # no dropout: a small model on few tokens does not overfit
    bar = tqdm(
        total=settings["tokens"], initial=done, desc="tokens", unit_scale=True, mininterval=15
    )
    began = done
    while done < settings["tokens"]:
        pairs = random.random() < settings["pair_batches"]
        chosen = lessons.draw(20000 if pairs else 10000, random)
        length = lessons.length[chosen] + 2
        if pairs:
            half = len(chosen) // 2
            first, second = chosen[:half], chosen[half:]
            length = length[:half] + length[half:]
        for group in batch(length, settings["batch_tokens"], random):
            if pairs:
                parts = [[lessons.ids[first[i]], lessons.ids[second[i]]] for i in group]
                rows = lessons.target[np.concatenate([first[group], second[group]])]
            else:
                parts = [[lessons.ids[chosen[i]]] for i in group]
                rows = lessons.target[chosen[group]]
            ids, segments = collate(parts, settings["mask_tokens"], mask, random)
            share = done / settings["tokens"] * settings["cycles"] % 1.0
            rate = settings["learning_rate"] * min(share / settings["warmup"], 1.0, 1.02 - share)
            for parameters in optimizer.param_groups:
                parameters["lr"] = rate
            hidden = model(ids, attention_mask=(segments >= 0).long()).last_hidden_state
            target = torch.from_numpy(targets[rows].astype(np.float32))
            predicted = pool(hidden, segments, 2 if pairs else 1)
            loss, regress = loss_of(predicted, target, torch.from_numpy(rows), settings)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            real = int((segments >= 0).sum())
            done += real
            mean = 0.99 * mean + 0.01 * regress.item() if mean else regress.item()
            bar.update(real)
            bar.set_postfix(distance=f"{mean:.4f}", refresh=False)
            if done >= settings["tokens"]:
                break
        if done - began > 150_000 or done >= settings["tokens"]:
            began = done
            log.append((done, round(mean, 5)))
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(), "random": random.bit_generator.state,
                "torch": torch.get_rng_state(), "done": done, "mean": mean, "log": log,
            }  # fmt: skip
            with replacing(save) as temporary:
                torch.save(state, temporary)
    return log


def prepare(params: dict[str, Any]) -> tuple[Lessons, Any, int]:
    """Read and tokenize the lessons; returns them, the targets and the vocabulary's size."""
    import pandas as pd
    from tokenizers import Tokenizer

    table = pd.read_parquet(BUILD / "lessons.parquet")
    table = table[table.target >= 0].reset_index(drop=True)
    tokenizer = Tokenizer.from_file(str(BUILD / "tokenizer" / "tokenizer.json"))
    limit = params["distil"]["max_length"] - 2
    encoded = tokenizer.encode_batch(list(table.text), add_special_tokens=False)
    ids = [np.array(e.ids[:limit] or [3], dtype=np.int32) for e in encoded]
    weight = weigh(table, params["distil"], params["languages"]["others"])
    lessons = Lessons(ids, table.target.to_numpy(np.int64), weight)
    return lessons, np.load(BUILD / "targets.npy", mmap_mode="r"), tokenizer.get_vocab_size()


def main() -> None:
    import torch

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
        encoder.save(model.eval(), folder)
        shutil.copytree(BUILD / "tokenizer", folder, dirs_exist_ok=True)
    with replacing(HERE / "distil.csv") as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file).writerows([("tokens", "distance"), *log])


if __name__ == "__main__":
    run(main)
