"""Teach the encoder to produce the teacher's vectors, in every language that has lessons.

In:  build/lessons.parquet, build/targets.npy, build/pieces.npy, build/tokenizer/
Out: build/encoder/ (transformers' format, fp16), distil.csv (by tokens: cosine distance to the
     targets, nats a hidden token)

The mean of the encoder's last hidden state regresses the teacher's vector, reduced to the
encoder's width by fixed orthonormal axes: cosines of mean-pooled sentences mean what they mean
in the teacher. Two steps. A bag of words first: the mean of the input embeddings regresses the
targets, which places the words of all languages. Then the whole model, sentences alone and in
pairs (`<s> a </s></s> b </s>`, each segment's mean regresses its own sentence's target). In pairs
some tokens are hidden, to be found from both sentences: masked language modelling, and
translation language modelling where the second is a translation of the first.
Method: multilingual knowledge distillation (Reimers and Gurevych 2020), with InfoNCE beside it,
and MLM and TLM (Conneau and Lample 2019), MLM as the study's own variants have it.
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
from tqdm import tqdm

from pretraining import encoder
from pretraining.bag import loss_of, start_bag
from pretraining.draw import Ints, Lessons, weigh
from stages.errors import run
from stages.learning.batches import BOS, EOS, Batch, Ragged, ends_of, lay_out, runs, splice
from stages.learning.encoder import states
from stages.learning.heads.masked import LanguageModel
from stages.learning.heads.pooling import mean_by_part
from stages.learning.masking import Vocabulary, mask
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
    "pair_batches",
    "translated_batches",
    "hide",
    "find",
)


def stamp(*parts: Any) -> str:
    """Return a short hash of parameters and data, which names the files to resume from."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def lay(
    ids: Ragged, groups: Ints, rate: float, vocabulary: Vocabulary, random: np.random.Generator
) -> Batch:
    """Lay sequences of one or two texts end to end: `<s> a </s>` or `<s> a </s></s> b </s>`.

    groups : (sequences, texts) lessons. A text is a part, with two special tokens around it.
    rate : the share of a text's tokens that are hidden; the batch's places and labels.
    """
    pieces: list[Any] = [[BOS]]
    for column in groups.T:
        pieces += [[EOS, EOS]] if len(pieces) > 1 else []
        pieces.append(ids.cut(column, ids.lengths[column]))
    tokens, widths = splice(len(groups), *pieces, [EOS])
    lengths, counts = widths.sum(axis=1), ids.lengths[groups].ravel()
    if not rate:
        return lay_out(tokens, lengths, counts + 2, np.cumsum(lengths) - lengths)
    shown, hidden = mask(ids.take(groups.ravel()), rate, vocabulary, random)
    begins = ends_of(counts + 2)[:-1] + 1
    places = hidden.values + np.repeat(begins, hidden.lengths)
    labels = tokens[places]
    tokens[runs(begins, counts)] = shown.values
    return lay_out(tokens, lengths, counts + 2, places, labels)


def prefers_half() -> bool:
    """Tell whether this machine trains faster in bf16: a GPU does, of the CPUs some do."""
    return torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()


def teach(
    lessons: Lessons,
    targets: Any,
    language: LanguageModel,
    settings: dict[str, Any],
    save: Path,
    half: bool | None = None,
) -> list[tuple[int, float, float]]:
    """Train the whole model on `tokens` tokens; returns rows (tokens, distance, missed) of the log.

    language : the encoder with a head that finds hidden tokens.
    half : bf16 inside the encoder; None asks `prefers_half`.

    No dropout: a small model on few tokens does not overfit.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    half = prefers_half() if half is None else half
    language.to(device)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in language.parameters() if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in language.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=settings["learning_rate"], betas=(0.9, 0.98), eps=1e-6, fused=True,
    )  # fmt: skip
    random = np.random.default_rng(settings["seed"] + 1)
    model = language.encoder
    vocabulary = Vocabulary(model.config.vocab_size, model.config.vocab_size - 1)
    done, mean, missed, log, saved = 0, 0.0, 0.0, [], 0
    if save.exists():
        state = torch.load(save, weights_only=False)
        language.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        random.bit_generator.state = state["random"]
        done, mean, missed, log = (state[name] for name in ("done", "mean", "missed", "log"))
        saved = done
    total = settings["tokens"]
    bar = tqdm(total=total, initial=done, desc="tokens", unit_scale=True, mininterval=15)
    while done < total:
        texts = 2 if random.random() < settings["pair_batches"] else 1
        translated = texts == 2 and random.random() < settings["translated_batches"]
        groups = lessons.draw_tokens(settings["batch_tokens"], texts, random, translated)
        rate = settings["hide"] if texts == 2 else 0.0
        batch = lay(lessons.ids, groups, rate, vocabulary, random).to(device)
        share = done / total * settings["cycles"] % 1.0
        for parameters in optimizer.param_groups:
            parameters["lr"] = settings["learning_rate"] * min(
                share / settings["warmup"], 1.0, 1.02 - share
            )
        # variable-length attention on a GPU takes half precision only
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            found = states(model, batch)
            predicted = mean_by_part(found, batch.parts).float()
        rows = lessons.target[groups.ravel()]
        target = torch.from_numpy(targets[rows].astype(np.float32)).to(device)
        loss, regress = loss_of(predicted, target, torch.from_numpy(rows).to(device), settings)
        if rate:
            lost = language.find(found[batch.places].float(), batch.labels) / len(batch.places)
            loss = loss + settings["find"] * lost
            missed = 0.98 * missed + 0.02 * lost.item() if missed else lost.item()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(language.parameters(), 1.0)
        optimizer.step()
        count = batch.tokens.shape[1]
        done += count
        mean = 0.99 * mean + 0.01 * regress.item() if mean else regress.item()
        bar.update(count)
        bar.set_postfix(distance=f"{mean:.4f}", missed=f"{missed:.3f}", refresh=False)
        if done - saved > TOKENS_BETWEEN_STATES or done >= total:
            saved = done
            log.append((done, round(mean, 5), round(missed, 4)))
            state = {
                "model": language.state_dict(), "optimizer": optimizer.state_dict(),
                "random": random.bit_generator.state,
                "done": done, "mean": mean, "missed": missed, "log": log,
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
    language = LanguageModel(model)
    with torch.no_grad():
        language.layer_norm.weight.mul_(0.1)  # the embeddings are large: no word is sure at first
    log = teach(lessons, targets, language, settings, save)
    with replacing_folder(BUILD / "encoder") as folder:
        encoder.save(language, folder)
        shutil.copytree(BUILD / "tokenizer", folder, dirs_exist_ok=True)
    with replacing(HERE / "distil.csv") as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file).writerows([("tokens", "distance", "missed"), *log])


if __name__ == "__main__":
    run(main)
