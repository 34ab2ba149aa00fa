"""What the paper's full study costs: tokens from the sets' sizes, time from a speed that is given.

    python -m benchmarks.cost
    python -m benchmarks.cost --training 100000 --prediction 400000     real tokens a second

The study: nine intermediate tasks, the baseline and a multi-task encoder (all nine sets), each
tuned on six training sets that serve seven targets, one seed, and Tatoeba with every encoder;
epochs and lengths as in conf/study/paper.yaml. Sizes are those of the task records (the hub's rows
at the pinned revisions). Tokens a row are measured on the rows of a mirror with the tokenizer of
`--encoder`; a tokenizer with a larger vocabulary, as XLM-R's own, cuts the same text into fewer
tokens. Selection (500 examples every 1,000 steps) counts as prediction. Loading, starting and
saving are not in it, nor is BUCC, whose number of sentences no record holds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from ruamel.yaml import YAML

from benchmarks import beside
from stages.encoding import encode, load
from stages.errors import UserError
from stages.learning.batches import evenly
from stages.learning.heads import head_of
from stages.sources import hub, parquet
from stages.sources.origin import join
from stages.tasks import Task, find, schema

# the licensed set: its size is not verified, its sentences are taken to be as long as UD's
CCG_ROWS, CCG_LIKE = 38_000, "udpos"
ENCODERS = 11  # nine intermediates, the baseline, the multi-task encoder
SELECTION_ROWS, SELECTION_STEPS = 500, 1_000


class Lengths:
    """Tokens of a row as the model sees it, measured on at most `rows` rows of a split."""

    def __init__(self, mirror: Path, encoder: Path, rows: int, settings: dict[str, Any]):
        self.mirror, self.rows, self.settings = mirror, rows, settings
        self.tokenizer = load(encoder / "tokenizer.json")
        self.found: dict[tuple[str, str, str, int], float | None] = {}

    def of(self, task: Task, language: str, splits: tuple[str, ...], length: int) -> float | None:
        """Mean tokens of the first split that the mirror has, None where it has none."""
        for split in splits:
            place = (task.name, language, split, length)
            if place not in self.found:
                self.found[place] = self._measure(task, language, split, length)
            if self.found[place] is not None:
                return self.found[place]
        return None

    def _measure(self, task: Task, language: str, split: str, length: int) -> float | None:
        try:
            parts = [
                parquet.read(
                    task,
                    source,
                    language,
                    hub.locate(task.name, source, language, split, self.mirror),
                )
                for source in task.sources
            ]
        except (UserError, KeyError):
            return None
        rows = join(parts)
        rows = rows.take(evenly(len(rows), self.rows).tolist())
        table = encode(
            pa.table(rows.columns, schema=schema.arrow(schema.DATA[task.head])),
            task,
            self.tokenizer,
        )
        if task.head == "retrieval":
            lengths = [pa.compute.list_value_length(table[c]) for c in table.column_names[1:3]]
            return float(sum(pa.compute.mean(some).as_py() + 2 for some in lengths))
        head = head_of(task, self.settings | {"max_length": length})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.parquet"
            pq.write_table(table, path)
            return float(head.widths(head.read(path)).mean())


def study() -> dict[str, Any]:
    """The paper's study: the sample's defaults, overlaid."""
    found: dict[str, Any] = {}
    for name in ("sample", "paper"):
        text = (beside.ROOT / "conf" / "study" / f"{name}.yaml").read_text()
        for section, values in YAML(typ="safe").load(text).items():
            if isinstance(values, dict):
                found[section] = found.get(section, {}) | values
    return found


def of_task(section: dict[str, Any], name: str) -> dict[str, Any]:
    shared = {key: value for key, value in section.items() if not isinstance(value, dict)}
    return shared | (section.get(name) or {})


def size(task: Task, language: str, split: str) -> int | None:
    """Rows of a split, from the task's record."""
    return task.rows.get(f"{language}/{split}", task.rows.get(split))


def training(lengths: Lengths, section: dict[str, Any], name: str) -> tuple[float, float, float]:
    """Return rows x epochs, mean tokens, and tokens that selection predicts."""
    task, settings = find(name), of_task(section, name)
    rows = size(task, "en", "train") or CCG_ROWS
    like = find(CCG_LIKE) if name == "ccg" else task
    width = lengths.of(like, "en", ("train", "validation"), settings["max_length"])
    if width is None:
        raise UserError(f"{lengths.mirror}: no English rows of {like.name}.")
    seen = rows * settings["epochs"]
    looks = seen / settings["batch_size"] / SELECTION_STEPS + 1
    return seen, width, looks * SELECTION_ROWS * width


def prediction(lengths: Lengths, task: Task, length: int) -> Iterator[tuple[str, int, float]]:
    """Rows and mean tokens of every language; the mean of the others where it is not measured."""
    splits = (str(task.evaluated), "test", "validation")
    widths = {code: lengths.of(task, code, splits, length) for code in task.languages}
    known = mean(width for width in widths.values() if width is not None)
    rows = {code: size(task, code, str(task.evaluated)) for code in task.languages}
    usual = mean(count for count in rows.values() if count is not None)
    for code in task.languages:
        yield code, int(rows[code] or usual), widths[code] or known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, default=beside.MIRROR)
    parser.add_argument("--encoder", type=Path, default=beside.ROOT / "encoder")
    parser.add_argument("--rows", type=int, default=300, help="measured of every split")
    parser.add_argument("--training", type=float, help="real tokens a second, training")
    parser.add_argument("--prediction", type=float, help="real tokens a second, prediction")
    options = parser.parse_args()
    settings = study()
    lengths = Lengths(options.mirror, options.encoder, options.rows, settings["engine"])
    trained = predicted = 0.0
    millions = 1e-6
    print(f"{'phase 1':12} {'rows x epochs':>14} {'tokens a row':>13} {'million tokens':>15}")
    for name in settings["intermediate"]["tasks"]:
        seen, width, selecting = training(lengths, settings["intermediate"], name)
        # once for itself, once in the multi-task encoder
        trained += 2 * seen * width
        predicted += 2 * selecting
        print(f"{name:12} {seen:14,.0f} {width:13.1f} {seen * width * millions:15,.1f}")
    print(f"{'multi-task':12} {'':14} {'':13} {trained / 2 * millions:15,.1f}")
    print(f"\n{'each of 11':12} {'rows x epochs':>14} {'tokens a row':>13} {'million tokens':>15}")
    for name in settings["target"]["tasks"]:
        seen, width, selecting = training(lengths, settings["target"], name)
        trained += ENCODERS * seen * width
        predicted += ENCODERS * selecting
        print(f"{name:12} {seen:14,.0f} {width:13.1f} {seen * width * millions:15,.1f}")
    print(f"\n{'each of 11':12} {'test rows':>14} {'tokens a row':>13} {'million tokens':>15}")
    targets = [
        (find(target), of_task(settings["target"], name)["max_length"])
        for name in settings["target"]["tasks"]
        for target in find(name).evaluates()
    ]
    for task, length in [*targets, (find("tatoeba"), 512)]:
        found = list(prediction(lengths, task, length))
        rows = sum(count for _, count, _ in found)
        some = sum(count * width for _, count, width in found)
        predicted += ENCODERS * some
        print(f"{task.name:12} {rows:14,.0f} {some / rows:13.1f} {some * millions:15,.1f}")
    print(f"\ntraining {trained * millions:,.0f} million tokens", end="")
    print(f", prediction {predicted * millions:,.0f} million tokens")
    print(f"(ccg: {CCG_ROWS:,} rows as long as UD's English sentences, neither verified)")
    if options.training and options.prediction:
        hours = (trained / options.training + predicted / options.prediction) / 3600
        print(f"{hours:.1f} hours")
    else:
        print(
            "no time: give --training and --prediction, as benchmarks.training and "
            "benchmarks.prediction measured them (--device cuda --shape large)"
        )


if __name__ == "__main__":
    main()
