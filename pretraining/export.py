"""Put the trained encoder where studies read it, with its card and its pretraining sizes.

In:  build/encoder/, build/lessons.parquet, card.md
Out: ../encoder/ with pretraining_sizes.csv (language, gib) and README.md; swapped in at once

Alone: python -m pretraining.export
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from stages.errors import run

HERE = Path(__file__).parent
BUILD = HERE / "build"
ENCODER = HERE.parent / "encoder"
GIB = 2**30


def measure(lessons: Any) -> Any:
    """Return (language, gib): UTF-8 bytes of the distinct texts taught, in GiB, largest first.

    Repetitions of a text are not counted; a language that was upsampled did not see more text.
    """
    distinct = lessons[lessons.target >= 0].drop_duplicates(["language", "text"])
    size = distinct.text.map(lambda text: len(text.encode())).groupby(distinct.language).sum()
    sizes = (size / GIB).sort_values(ascending=False).rename("gib").reset_index()
    return sizes


def main() -> None:
    import pandas as pd

    sizes = measure(pd.read_parquet(BUILD / "lessons.parquet"))
    folder = ENCODER.with_name("encoder.building")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BUILD / "encoder", folder)
    sizes.to_csv(folder / "pretraining_sizes.csv", index=False, float_format="%.8f")
    shutil.copy(HERE / "card.md", folder / "README.md")
    for path in folder.iterdir():
        path.chmod(0o644)
    old = ENCODER.with_name("encoder.old")
    shutil.rmtree(old, ignore_errors=True)
    if ENCODER.exists():
        os.replace(ENCODER, old)
    os.replace(folder, ENCODER)
    shutil.rmtree(old, ignore_errors=True)
    print(sizes.to_string(index=False))


if __name__ == "__main__":
    run(main)
