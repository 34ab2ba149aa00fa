"""Retrieve: encoders/<intermediate>/ + encoded/<task>/  ->  cells/<intermediate>-retrieval/

In   the encoder of phase 1 (or `none`) as it is, the encoded sentences, `retrieve.*`, and the
     precision and token budget of `engine.*`. Nothing is trained.
Out  seed-0/predictions/tatoeba/<language>.parquet: id, label (the row of the right foreign
     sentence), prediction (the row of the nearest one), sentence (English).
     seed-0/predictions/bucc2018/<language>.parquet: id (`<source>TAB<english>`), label (gold pair
     or not), prediction (mined or not), score (margin; null for a gold pair that is no candidate).
     seed-0/cell.json.
Run  python -m stages.retrieve mnli
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import params, tracking
from stages.errors import UserError, run
from stages.tasks import Task, missing
from stages.tasks.variants import origin
from stages.writing import replacing_folder

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from stages.learning.batches import Ragged

    Embed = Callable[[Ragged], np.ndarray]


def search(rows: pa.Table, embed: Embed) -> tuple[pa.Table, dict[str, float]]:
    """Find the nearest foreign sentence of every English one (Tatoeba); return predictions, scores.

    rows : id, sentence_ids, english_ids, english (the text).
    """
    import numpy as np
    import pyarrow as pa

    from stages.learning.batches import Ragged
    from stages.scoring.accuracy import accuracy
    from stages.scoring.tatoeba import nearest

    sides = [embed(Ragged.of(rows[name])) for name in ("sentence_ids", "english_ids")]
    gold, found = np.arange(rows.num_rows), nearest(*sides)
    predictions = pa.table(
        {"id": rows["id"], "label": gold, "prediction": found, "sentence": rows["english"]}
    )
    return predictions, {"accuracy": accuracy(gold.tolist(), found.tolist())}


def candidates_of(rows: pa.Table, embed: Embed) -> tuple[dict[Any, float], list[Any]]:
    """Mine one part of BUCC; return the margins of the candidate pairs, and the gold pairs.

    rows : id, side, sentence, sentence_ids, gold.
    """
    import numpy as np
    import pyarrow.compute as pc

    from stages.learning.batches import Ragged
    from stages.scoring.bucc import candidates, unique_rows

    inputs: list[Any] = []
    for side in ("source", "english"):
        part = rows.filter(pc.equal(rows["side"], side))
        texts = part["sentence"].to_pylist()
        kept = np.array(unique_rows(texts), dtype=np.int64)
        inputs += [part["id"].to_pylist(), texts, embed(Ragged.of(part["sentence_ids"]).take(kept))]
    found = candidates(*inputs)
    gold = [
        (source, english)
        for source, pairs in zip(rows["id"].to_pylist(), rows["gold"].to_pylist(), strict=True)
        for english in pairs
    ]
    return found, gold


def mined(
    found: dict[Any, float], gold: Sequence[Any], threshold: float
) -> tuple[pa.Table, dict[str, float]]:
    """Keep the candidates from `threshold` on; return predictions and scores."""
    import pyarrow as pa

    from stages.scoring.bucc import bucc_f1, extract

    right, kept = set(gold), set(extract(found, threshold))
    missed = [pair for pair in dict.fromkeys(gold) if pair not in found]
    pairs = [*found, *missed]
    predictions = pa.table(
        {
            "id": ["\t".join(pair) for pair in pairs],
            "label": [pair in right for pair in pairs],
            "prediction": [pair in kept for pair in pairs],
            "score": pa.array([*found.values(), *[None] * len(missed)], pa.float64()),
        }
    )
    return predictions, {"f1": bucc_f1(right, kept), "threshold": threshold}


def retrieve(
    intermediate: str,
    tasks: Sequence[Task],
    encoder: Path,
    encoded: Path,
    folder: Path,
    study: str,
    settings: dict[str, Any],
    left_out: dict[str, str] | None = None,
) -> None:
    """Embed, search and mine every language of `tasks`; write the cell into `folder`.

    left_out : why a target of the study is not among `tasks`.
    """
    check_inputs(tasks, encoded)
    import pyarrow.parquet as pq

    from stages.learning import embed as embedding
    from stages.learning import encoder as encoders

    if settings.get("pooling", "mean") != "mean":
        raise UserError(f"params.yaml: retrieve.pooling is {settings['pooling']!r}; expected mean.")
    max_length = settings.get("max_length") or encoders.longest(encoder)
    encoders.check_length(encoder, max_length)
    model = embedding.read(encoder, settings["layer"], settings["precision"])
    stand_in = encoders.is_stand_in(encoder)
    done = {"tokens": 0, "seconds": 0.0}

    def embed(texts: Ragged) -> np.ndarray:
        begun = time.monotonic()
        budget = settings["prediction_tokens"]
        found = embedding.embed(model, texts, settings["layer"], max_length, budget)
        done["tokens"] += int((texts.lengths + 2).clip(max=max_length).sum())
        done["seconds"] += time.monotonic() - begun
        return found

    method, sources = origin(intermediate, encoder)
    with tracking.cell(
        study,
        f"{intermediate} -> retrieval",
        {
            "intermediate": intermediate,
            "target": "retrieval",
            "seed": "0",
            "method": method,
            "stand_in_encoder": str(stand_in).lower(),
        },
        settings,
        {task.name: encoded / task.name for task in tasks},
    ) as recorder:
        for task in tasks:
            for language in task.languages:
                place = encoded / task.name / language
                rows = pq.read_table(place / f"{task.evaluated}.parquet")
                if task.head == "retrieval":
                    predictions, scores = search(rows, embed)
                else:
                    predictions, scores = mine(place, rows, task.evaluated == "dev", embed)
                path = folder / "predictions" / task.name / f"{language}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(predictions, path, compression="zstd")
                name = f"{task.name}/{language}"
                recorder.point(0, {f"{name}/{metric}": v for metric, v in scores.items()})
                values = "  ".join(f"{metric} {value:.1f}" for metric, value in scores.items())
                print(f"  {name}  {values}", flush=True)
        rate = done["tokens"] / max(done["seconds"], 1e-9)
        recorder.point(0, {"seconds/embedding": done["seconds"], "tokens_per_second": rate})
    cell = {
        "method": method,
        "intermediate": intermediate,
        "tasks": sources,
        "target": "retrieval",
        "seed": 0,
        "split": tasks[0].evaluated,
        "splits": {task.name: task.evaluated for task in tasks},
        "same_data": False,
        "encoder": encoders.name(encoder),
        "stand_in": stand_in,
        "development": None,
        "best_step": 0,
        "layer": settings["layer"],
        "left_out": left_out or {},
    }
    (folder / "cell.json").write_text(json.dumps(cell, indent=1, sort_keys=True) + "\n")


def mine(
    place: Path, rows: pa.Table, on_development: bool, embed: Embed
) -> tuple[pa.Table, dict[str, float]]:
    """Mine one language of BUCC with the threshold of its development part.

    place : the language's encoded folder. rows : of the part that is scored, which is the
    development part itself where the study has no other.
    """
    import pyarrow.parquet as pq

    from stages.scoring.bucc import best_threshold

    found, gold = candidates_of(pq.read_table(place / "dev.parquet"), embed)
    threshold = best_threshold(found, gold)
    if not on_development:
        found, gold = candidates_of(rows, embed)
    return mined(found, gold, threshold)


def check_inputs(tasks: Sequence[Task], encoded: Path) -> None:
    """Refuse to start where a language or a split is missing.

    Raises
    ------
    UserError
        Names what is missing and how to leave it out.
    """
    for task in tasks:
        if task.head not in ("retrieval", "mining"):
            raise UserError(
                f"params.yaml: retrieve.tasks names {task.name}, which needs training; name it in "
                "target.tasks."
            )
        splits = {"dev", task.evaluated} if task.head == "mining" else {task.evaluated}
        missing = [
            f"{language}/{split}.parquet"
            for language in task.languages
            for split in sorted(map(str, splits))
            if not (encoded / task.name / language / f"{split}.parquet").exists()
        ]
        if missing:
            advice = (
                f"; or score the development part (data.evaluated.{task.name}: dev)"
                if task.head == "mining"
                else ""
            )
            raise UserError(
                f"{encoded}/{task.name} lacks {', '.join(missing)}: encode them (`dvc repro "
                f"encode@{task.name}`); or name the languages that there are in "
                f"data.languages.{task.name} of params.yaml{advice}."
            )


def main() -> None:
    """Search and mine with one encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("intermediate", help="an intermediate task, or none")
    parser.add_argument("--encoder", type=Path, help="encoders/<intermediate> if left out")
    parser.add_argument("--encoded", type=Path, default=Path("encoded"))
    parser.add_argument("--out", type=Path, help="cells/<intermediate>-retrieval if left out")
    arguments = parser.parse_args()
    settings = params.read()
    wanted = settings.get("retrieve", {})
    if not wanted.get("tasks"):
        raise UserError("params.yaml: retrieve.tasks is empty; name tatoeba or bucc2018 there.")
    out = arguments.out or Path("cells") / f"{arguments.intermediate}-retrieval"
    encoder = arguments.encoder or Path("encoders") / arguments.intermediate
    tasks, left_out = [], {}
    for name in wanted["tasks"]:
        reason = missing.why(arguments.encoded / name)
        if reason:
            print(f"  {name}: left out. {reason}", flush=True)
            left_out[name] = reason
        else:
            tasks.append(params.task(settings, name))
    if reason := missing.why(encoder):
        missing.leave(out, reason)
        return
    if not tasks:
        missing.leave(out, f"no data for {', '.join(wanted['tasks'])}.")
        return
    engine = {key: settings["engine"][key] for key in ("precision", "prediction_tokens")}
    with replacing_folder(out) as folder:
        retrieve(
            arguments.intermediate,
            tasks,
            encoder,
            arguments.encoded,
            folder / "seed-0",
            settings["study"],
            engine | {key: value for key, value in wanted.items() if key != "tasks"},
            left_out,
        )


if __name__ == "__main__":
    run(main)
