"""Write the sample: a mirror of the hub's repositories, with sentences made here.

In:  the phrase tables in `sample/phrases`, one file a language.
Out: DIR/facebook/xnli, DIR/google-research-datasets/paws-x and DIR/nyu-mll/glue, with the hub's
     configurations, splits, file names, columns and label names, but other, fewer sentences.
Run: python -m sample.write --out DIR [--seed 1]

`datasets.load_dataset("DIR/facebook/xnli", "de", split="test")` reads it as it reads the hub's.
The same tables, seed and pyarrow version give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sample import compose_english, compose_pawsx, compose_xnli
from sample.render import render
from sample.tables import check, languages, load
from stages.errors import UserError, run
from stages.writing import replacing

Rows = list[dict[str, Any]]
Repository = dict[str, dict[str, Rows]]  # configuration -> split -> rows

SEED = 1
XNLI_ROWS = (("test", 300), ("validation", 150), ("train", 1500))
PAWSX_ROWS = (("test", 300), ("validation", 150), ("train", 1500))
MNLI_ROWS = (("validation_matched", 150), ("train", 1500))
QQP_ROWS = (("validation", 150), ("train", 1500))

TEXT, LABEL = {"dtype": "string", "_type": "Value"}, "ClassLabel"
INTEGER = {"dtype": "int32", "_type": "Value"}
NLI_NAMES = ["entailment", "neutral", "contradiction"]
FEATURES: dict[str, dict[str, Any]] = {
    "facebook/xnli": {
        "premise": TEXT,
        "hypothesis": TEXT,
        "label": {"names": NLI_NAMES, "_type": LABEL},
    },
    "google-research-datasets/paws-x": {
        "id": INTEGER,
        "sentence1": TEXT,
        "sentence2": TEXT,
        "label": {"names": ["0", "1"], "_type": LABEL},
    },
    "nyu-mll/glue/mnli": {
        "premise": TEXT,
        "hypothesis": TEXT,
        "label": {"names": NLI_NAMES, "_type": LABEL},
        "idx": INTEGER,
    },
    "nyu-mll/glue/qqp": {
        "question1": TEXT,
        "question2": TEXT,
        "label": {"names": ["not_duplicate", "duplicate"], "_type": LABEL},
        "idx": INTEGER,
    },
}
CARD = """---
license: cc0-1.0
configs:
{configs}---
Not the data of this name on the hub: sentences made from phrase tables, in its layout, so that
the same code reads both. Written by `python -m sample.write`; see `sample/README.md`.
"""


def build(seed: int = SEED) -> dict[str, Repository]:
    """All rows, by repository, configuration and split.

    UserError: a phrase table does not fit the English one.
    """
    for code in sorted({*languages("actions"), *languages("paraphrases")}):
        check(load(code), load("en"))
    return {
        "facebook/xnli": xnli(seed),
        "google-research-datasets/paws-x": pawsx(seed),
        "nyu-mll/glue": {
            "mnli": compose_english.mnli(MNLI_ROWS, seed),
            "qqp": compose_english.qqp(QQP_ROWS, seed),
        },
    }


def xnli(seed: int) -> Repository:
    """Parallel rows in every language with actions; the training set in English only."""
    composed = compose_xnli.compose(XNLI_ROWS, seed)
    return {
        code: {
            split: [
                {
                    "premise": render(item.premise, load(code)),
                    "hypothesis": render(item.hypothesis, load(code)),
                    "label": item.label,
                }
                for item in items
            ]
            for split, items in composed.items()
            if split != "train" or code == "en"
        }
        for code in languages("actions")
    }


def pawsx(seed: int) -> Repository:
    """Parallel rows in every language with paraphrases; the training set in English only."""
    composed = compose_pawsx.compose(PAWSX_ROWS, seed)
    return {
        code: {
            split: [
                {
                    "id": number,
                    "sentence1": render((pair.first,), load(code)),
                    "sentence2": render((pair.second,), load(code)),
                    "label": pair.label,
                }
                for number, pair in enumerate(pairs, start=1)
            ]
            for split, pairs in composed.items()
            if split != "train" or code == "en"
        }
        for code in languages("paraphrases")
    }


def write_rows(rows: Rows, features: Mapping[str, Any], path: Path) -> None:
    """One parquet file with the schema and the `huggingface` metadata of the hub's files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [
        (name, pa.int64() if feature["_type"] == LABEL else pa.type_for_alias(feature["dtype"]))
        for name, feature in features.items()
    ]
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.Table.from_pylist(rows, schema=pa.schema(fields, metadata=metadata))
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def write_card(repository: Repository, path: Path) -> None:
    """The README.md from which `datasets` learns configurations and splits."""
    configs = ""
    for config, splits in sorted(repository.items()):
        configs += f"- config_name: {config}\n  data_files:\n"
        for split in splits:
            configs += f"  - split: {split}\n    path: {config}/{split}-*\n"
    with replacing(path) as temporary:
        temporary.write_text(CARD.format(configs=configs), encoding="utf-8")


def write(out: Path, seed: int = SEED) -> None:
    """Write the whole mirror under `out`. UserError: `out` is a file."""
    if out.exists() and not out.is_dir():
        raise UserError(f"expected a folder as --out, found the file {out}: name another.")
    for name, repository in build(seed).items():
        for config, splits in repository.items():
            features = FEATURES.get(name) or FEATURES[f"{name}/{config}"]
            for split, rows in splits.items():
                write_rows(rows, features, out / name / config / f"{split}-00000-of-00001.parquet")
        write_card(repository, out / name / "README.md")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder of the mirror")
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    write(arguments.out, arguments.seed)


if __name__ == "__main__":
    run(main)
