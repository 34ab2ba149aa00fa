"""Sentences a second: the stage's translator against transformers' pipeline with its defaults.

    python -m benchmarks.translation [--sentences 192] [--transformers DIR]

One randomly initialised M2M-100 (4 + 4 layers of 256), the same sentences, greedy decoding on both
sides, and every translation exactly 20 tokens long: the token that ends a sentence has a logit of
0, which is never the largest. So both sides do the same work, and the translations are compared.

The pipeline takes one sentence at a time unless it is told otherwise, in the order given. It is in
no transformers of version 5: --transformers names a folder with the packages of version 4
(`pip install --target DIR --no-deps transformers==4.57.3 tokenizers==0.22.1
huggingface_hub==0.36.0`). Without it its work is done by hand: tokenizer, `generate`, tokenizer.
Arms alternate, each in a process of its own; the median of three rounds is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.seq2seq import tiny_m2m

TOKENS = 20  # of a translation: what Translator allows where length_ratio is 0
ROUNDS = 3
WARM_UP = 8  # sentences


def made_up(count: int) -> list[str]:
    """Different sentences as long as MNLI's: 3 to 60 words of random letters."""
    source = random.Random(1)
    words = ["".join(source.choices("aeioulnrstmdk", k=source.randint(1, 9))) for _ in range(900)]
    lengths = [min(60, max(3, round(source.lognormvariate(2.6, 0.6)))) for _ in range(count)]
    return [" ".join(source.choices(words, k=length)) + "." for length in lengths]


def read(folder: Path) -> tuple[Any, Any]:
    """Return the model and its tokenizer, in either version of transformers."""
    import torch
    from transformers import M2M100ForConditionalGeneration, M2M100Tokenizer

    model = M2M100ForConditionalGeneration.from_pretrained(folder).eval()
    with torch.no_grad():  # tied: the embedding of the last token is its row of the output
        model.get_input_embeddings().weight[model.config.eos_token_id] = 0
    files = str(folder / "vocab.json"), str(folder / "spm.model")
    return model, M2M100Tokenizer(*files, src_lang="en", tgt_lang="id")


def ours(model: Any, tokenizer: Any, sentences: list[str]) -> list[str]:
    """Translate as the stage does, onto the disk."""
    from stages.translating import memory
    from stages.translating.translator import Translator

    with (
        tempfile.TemporaryDirectory() as folder,
        memory.open_memory(Path(folder) / "en-id.jsonl") as known,
    ):
        Translator(model, tokenizer, "en", "id", length_ratio=0).translate(sentences, known, "x")
        return [plain(known.get(sentence) or "") for sentence in sentences]


def pipeline(model: Any, tokenizer: Any, sentences: list[str]) -> list[str]:
    """Translate by transformers' pipeline, or by what it does."""
    import transformers

    # the token of the language counts as a new one
    settings = {"num_beams": 1, "min_new_tokens": TOKENS + 1, "max_new_tokens": TOKENS + 1}
    if int(transformers.__version__.split(".")[0]) < 5:
        pipe = transformers.pipeline(
            "translation", model=model, tokenizer=tokenizer, src_lang="en", tgt_lang="id",
            device="cpu",
        )  # fmt: skip
        return [plain(one["translation_text"]) for one in pipe(sentences, **settings)]
    first = tokenizer.get_lang_id("id")
    result = []
    for sentence in sentences:
        inputs = tokenizer(sentence, return_tensors="pt")
        found = model.generate(**inputs, forced_bos_token_id=first, **settings)
        result.append(plain(tokenizer.decode(found[0], skip_special_tokens=True)))
    return result


def plain(text: str) -> str:
    """Return a translation as it is compared: versions write <unk> and the blanks beside it
    differently."""
    return "".join(text.removeprefix("__id__").replace("<unk>", "").split())


ARMS = {"ours": ours, "pipeline": pipeline}


def measure(arm: str, folder: Path, sentences: list[str]) -> None:
    """Time one arm in this process and print what came out."""
    import torch
    import transformers

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    model, tokenizer = read(folder)
    ARMS[arm](model, tokenizer, made_up(len(sentences) + WARM_UP)[-WARM_UP:])
    start, before = time.perf_counter(), time.process_time()
    found = ARMS[arm](model, tokenizer, sentences)
    seconds, busy = time.perf_counter() - start, time.process_time() - before
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()[:12]
    rates = {"rate": len(sentences) / seconds, "busy": len(sentences) / busy}
    print(json.dumps({**rates, "digest": digest, "transformers": transformers.__version__}))


def main() -> None:
    """Alternate the arms, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=192)
    parser.add_argument("--transformers", help="a folder with transformers 4, for the pipeline")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sentences = made_up(arguments.sentences)
    if arguments.arm:
        measure(arguments.arm, arguments.folder, sentences)
        return
    rates: dict[str, list[dict[str, Any]]] = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder:
        tiny_m2m(Path(folder), sentences, pieces=4000, width=256, layers=4, heads=4)
        for _ in range(ROUNDS):
            for arm in ARMS:
                environment = dict(os.environ)
                if arm == "pipeline" and arguments.transformers:
                    environment["PYTHONPATH"] = arguments.transformers
                command = [sys.executable, "-m", "benchmarks.translation", "--arm", arm,
                           "--folder", folder, "--sentences", str(arguments.sentences)]  # fmt: skip
                run = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=False
                )
                if run.returncode:
                    sys.exit(run.stderr)
                rates[arm].append(json.loads(run.stdout.splitlines()[-1]))
    middle = {arm: statistics.median(one["rate"] for one in found) for arm, found in rates.items()}
    for arm, found in rates.items():
        every = ", ".join(f"{one['rate']:.1f}" for one in found)
        print(f"{arm:9} {middle[arm]:8.1f} sentences/s  ({every}; transformers "
              f"{found[0]['transformers']}, translations {found[0]['digest']})")  # fmt: skip
    busy = {arm: statistics.median(one["busy"] for one in found) for arm, found in rates.items()}
    print(
        f"ratio     {middle['ours'] / middle['pipeline']:8.1f}  "
        f"({busy['ours'] / busy['pipeline']:.1f} in seconds of the processor)"
    )


if __name__ == "__main__":
    main()
