"""Target: encoders/<intermediate>/ + encoded/<target>/  ->  cells/<intermediate>-<target>/

In   the encoder of phase 1 (or `none`), the encoded target task, `target.*` and `engine.*`.
Out  a folder a seed: predictions/<target>/<language>.parquet in every language (id, gold label,
     predicted label, logits, in the data's order), cell.json, and model/ where
     `target.keep_models` is true.
Run  python -m stages.target mnli xnli           (or under torchrun for several ranks)
"""

from __future__ import annotations

import argparse
import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import params
from stages.errors import run
from stages.tasks import find
from stages.writing import replacing_folder

if TYPE_CHECKING:
    import numpy as np


def train_target(
    intermediate: str,
    target: str,
    seed: int,
    encoder: Path,
    encoded: Path,
    folder: Path,
    study: str,
    settings: dict[str, Any],
) -> None:
    """Fine-tune on the target's English training set, predict in all its languages."""
    from stages.learning.cell import learn

    task = find(target)
    with learn(
        task,
        encoder=encoder,
        encoded=encoded,
        study=study,
        settings=settings,
        seed=seed,
        name=f"{intermediate} -> {target} · seed {seed}",
        tags={"intermediate": intermediate, "target": target},
    ) as trained:
        model = folder / "model"
        trained.write(model)
        for language in task.languages:
            ids, gold, logits = trained.predict(language)
            if trained.recorder is None:
                continue
            path = folder / "predictions" / target / f"{language}.parquet"
            write_predictions(path, task.labels, ids, gold, logits)
            accuracy = 100.0 * float((logits.argmax(1) == gold).mean())
            trained.recorder.point(0, {f"{target}/{language}/accuracy": accuracy})
            print(f"  {target}/{language}  accuracy {accuracy:.1f}", flush=True)
        if trained.recorder is None:
            return
        cell = {
            "method": "plain",
            "intermediate": intermediate,
            "target": target,
            "seed": seed,
            "split": task.evaluated,
            "same_data": intermediate in task.same_data,
            "encoder": trained.record["encoder"],
            "stand_in": trained.record["randomly_initialised"],
            "development_accuracy": trained.record["development_accuracy"],
            "best_step": trained.record["best_step"],
        }
        (folder / "cell.json").write_text(json.dumps(cell, indent=1, sort_keys=True) + "\n")
        trained.recorder.artifacts(model, "model")
        if not settings["keep_models"]:
            shutil.rmtree(model)


def write_predictions(
    path: Path,
    labels: tuple[str, ...],
    ids: list[str],
    gold: np.ndarray,
    logits: np.ndarray,
) -> None:
    """Write one language's predictions: labels by name, logits float32 (rows, classes)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    predicted = logits.argmax(1)
    table = pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "label": pa.array([labels[number] for number in gold], pa.string()),
            "prediction": pa.array([labels[number] for number in predicted], pa.string()),
            "logits": pa.array(list(logits), pa.list_(pa.float32())),
        }
    )
    pq.write_table(table, path, compression="zstd")


def main() -> None:
    """Train one target from one encoder, with every seed of the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("intermediate", help="an intermediate task, or none")
    parser.add_argument("target")
    parser.add_argument("--encoder", type=Path, help="encoders/<intermediate> if left out")
    parser.add_argument("--encoded", type=Path, default=Path("encoded"))
    parser.add_argument("--out", type=Path, help="cells/<intermediate>-<target> if left out")
    arguments = parser.parse_args()
    settings = params.read()
    intermediate, target = arguments.intermediate, arguments.target
    encoder = arguments.encoder or Path("encoders") / intermediate
    out = arguments.out or Path("cells") / f"{intermediate}-{target}"
    engine = settings["engine"] | params.of_task(settings["target"], target)
    finished = finished_folder(intermediate, target, encoder, arguments.encoded, engine)
    for seed in settings["target"]["seeds"]:
        folder = finished / f"seed-{seed}"
        if (folder / "cell.json").exists():
            print(f"  {intermediate} -> {target} · seed {seed} was finished before", flush=True)
            continue
        # only the first rank writes
        writing = replacing_folder(folder) if params.first_rank() else nullcontext(folder)
        with writing as place:
            train_target(
                intermediate,
                target,
                seed,
                encoder,
                arguments.encoded,
                place,
                settings["study"],
                engine,
            )
    if params.first_rank():
        with replacing_folder(out) as folder:
            for seed in settings["target"]["seeds"]:
                shutil.move(finished / f"seed-{seed}", folder / f"seed-{seed}")
        shutil.rmtree(finished)


def finished_folder(
    intermediate: str, target: str, encoder: Path, encoded: Path, settings: dict[str, Any]
) -> Path:
    """Where finished seeds wait for the others, so that a kill costs no finished seed."""
    from stages.learning import resume

    facts = {"intermediate": intermediate, "target": target, "settings": settings}
    inputs = [*(encoded / target).rglob("*.parquet"), *encoder.glob("*.safetensors")]
    return resume.ROOT / f"{intermediate}-{target}-{resume.key(facts, inputs)}"


if __name__ == "__main__":
    run(main)
