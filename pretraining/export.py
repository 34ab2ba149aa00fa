"""Put the trained encoder, its card and its pretraining sizes into one folder.

In:  build/encoder/, build/lessons.parquet, card.md
Out: build/export/ with pretraining_sizes.csv (language, gib) and README.md

To adopt it: copy build/export to encoder/ at the root, then `dvc add encoder` there.

Alone: python -m pretraining.export
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from stages.errors import run
from stages.writing import replacing_folder

HERE = Path(__file__).parent
BUILD = HERE / "build"
GIB = 2**30


def measure(lessons: Any) -> Any:
    """Return (language, gib): UTF-8 bytes of the distinct texts taught, in GiB, largest first.

    Repetitions of a text are not counted; a language that was upsampled did not see more text.
    """
    distinct = lessons[lessons.target >= 0].drop_duplicates(["language", "text"])
    size = distinct.text.map(lambda text: len(text.encode())).groupby(distinct.language).sum()
    return (size / GIB).sort_values(ascending=False).rename("gib").reset_index()


def main() -> None:
    import pandas as pd

    sizes = measure(pd.read_parquet(BUILD / "lessons.parquet"))
    with replacing_folder(BUILD / "export") as folder:
        shutil.copytree(BUILD / "encoder", folder, dirs_exist_ok=True)
        sizes.to_csv(folder / "pretraining_sizes.csv", index=False, float_format="%.8f")
        shutil.copy(HERE / "card.md", folder / "README.md")
        for path in folder.iterdir():
            path.chmod(0o644)
    print(sizes.to_string(index=False))


if __name__ == "__main__":
    run(main)
