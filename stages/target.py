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
from typing import Any

from stages import params
from stages.errors import run
from stages.tasks import find
from stages.writing import replacing_folder


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
    import pyarrow.parquet as pq

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
            predictions, scores = trained.predict(task, language)
            if trained.recorder is None:
                continue
            path = folder / "predictions" / target / f"{language}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(predictions, path, compression="zstd")
            place = f"{target}/{language}"
            trained.recorder.point(0, {f"{place}/{name}": v for name, v in scores.items()})
            values = "  ".join(f"{name} {value:.1f}" for name, value in scores.items())
            print(f"  {place}  {values}", flush=True)
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
            "development": trained.record["development"],
            "best_step": trained.record["best_step"],
        }
        (folder / "cell.json").write_text(json.dumps(cell, indent=1, sort_keys=True) + "\n")
        trained.recorder.artifacts(model, "model")
        if not settings["keep_models"]:
            shutil.rmtree(model)


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
