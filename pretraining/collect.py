"""Collect the sentences that the encoder may learn from.

In:  hub data sets (or a mirror of the hub) and packages, see params.yaml
Out: build/sentences.parquet with source, meaning, language, text; build/packages/

Alone: python -m pretraining.collect
"""

from __future__ import annotations

import itertools
import os
import unicodedata
from pathlib import Path
from typing import Any

import yaml

from pretraining import hub, interfaces, packages, verses
from stages.errors import run
from stages.writing import replacing

HERE = Path(__file__).parent
BUILD = HERE / "build"


def collect(sources: dict[str, Any], languages: list[str], folder: Path) -> list[hub.Row]:
    """Read every source; returns unique (source, meaning, language, text), texts in NFC."""
    where = os.environ.get("PRETRAINING_HUB", sources["hub"])
    named = ("annotations", "declaration", "words", "dialogues", "verses", *interfaces.READERS)
    archives = {name: packages.fetch(sources[name], folder) for name in named}
    rows = itertools.chain(
        hub.read_xnli(where),
        hub.read_pawsx(where),
        hub.read_english(where, sources["english_sentences"]),
        hub.read_tydiqa(where),
        packages.read_annotations(archives["annotations"], languages),
        packages.read_declaration(archives["declaration"], languages),
        packages.read_words(archives["words"], languages, sources["words_per_language"]),
        packages.read_dialogues(archives["dialogues"], languages),
        verses.read(archives["verses"], languages),
        *(
            interfaces.align(read(archives[name]), "interface", languages)
            for name, read in interfaces.READERS.items()
        ),
    )
    kept: dict[tuple[str, str, str], hub.Row] = {}
    for source, meaning, language, text in rows:
        text = " ".join(unicodedata.normalize("NFC", text).split())
        if text:
            kept.setdefault((meaning, language, text), (source, meaning, language, text))
    return list(kept.values())


def main() -> None:
    import pandas as pd

    params = yaml.safe_load((HERE / "params.yaml").read_text())
    languages = params["languages"]["taught"] + params["languages"]["others"]
    rows = collect(params["sources"], languages, BUILD / "packages")
    table = pd.DataFrame(rows, columns=["source", "meaning", "language", "text"])
    with replacing(BUILD / "sentences.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    print(table.groupby(["source", "language"]).size().unstack(0, fill_value=0).to_string())


if __name__ == "__main__":
    run(main)
