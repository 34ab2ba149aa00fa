"""Registry: encoders and target models as registered versions, whose weights stay in DVC.

A version holds a card and a pointer of a few kilobytes: path, DVC's hash, and the hash of every
file. `mlflow.pyfunc.load_model` follows it (stages/serving/): to the folder itself if it is that
one, else to DVC's cache or remote. So weights of gigabytes are kept, and sent, once.

    <study>-encoder    a version an encoder; aliases: each encoder's name, `baseline`, `best`
    <study>-<target>   a version a model that was kept; aliases: `<encoder>-<seed>`, `baseline`,
                       `best`

`best` is the highest English development score, never a test score.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from stages.tracking.compare import Runs
from stages.tracking.lock import Locked

BASELINE = "none"
LOADER = "stages.serving.loader"


@dataclass(frozen=True)
class Candidate:
    """A model folder that dvc.lock pins; `development` in percent, None where nothing is known."""

    name: str
    alias: str
    intermediate: str
    task: str
    seed: str
    folder: Path
    output: str
    development: float | None


def register(client: Any, study: str, version: str, root: Path = Path()) -> int:
    """Register what dvc.lock pins and is here; return the number of new versions."""
    locked, runs = Locked.read(root), Runs(client, study, version)
    there = runs.of("cell", "intermediate", "target", "seed")
    new = 0
    by_name: dict[str, list[tuple[Candidate, str]]] = {}
    for candidate in candidates(study, locked, root):
        number = _version(client, candidate, locked)
        if number is None:
            key = (candidate.intermediate, candidate.task, candidate.seed)
            run = there.get(key) or there.get((candidate.task, "none", candidate.seed))
            number = _register(client, candidate, locked, run, runs.parent, version, root)
            new += 1
        by_name.setdefault(candidate.name, []).append((candidate, number))
    for name, known in by_name.items():
        _name(client, name, known)
    return new


def candidates(study: str, locked: Locked, root: Path) -> list[Candidate]:
    """The encoders and models in this folder that dvc.lock pins."""
    found, scores = [], _development(root)
    for output in sorted(locked.outputs):
        folder = root / output
        if output.startswith("encoders/") and (folder / "config.json").exists():
            name = output.split("/", 1)[1]
            seed = str(_json(folder / "training.json").get("seed", ""))
            of = [value for (encoder, _, _), value in scores.items() if encoder == name]
            value = fmean(of) if of else None
            found.append(
                Candidate(f"{study}-encoder", name, name, name, seed, folder, output, value)
            )
        for model in sorted(folder.glob("seed-*/model/config.json")) if folder.is_dir() else []:
            cell = _json(model.parents[1] / "cell.json")
            encoder, task, seed = cell["intermediate"], cell["target"], str(cell["seed"])
            value = scores.get((encoder, task, seed))
            name, alias = f"{study}-{task}", f"{encoder}-{seed}"
            found.append(Candidate(name, alias, encoder, task, seed, model.parent, output, value))
    return found


def _version(client: Any, candidate: Candidate, locked: Locked) -> str | None:
    """The version that is registered already."""
    where = f"name = '{candidate.name}' and tags.dvc_output_md5 = '{_md5(candidate, locked)}'"
    for version in client.search_model_versions(where):
        if version.tags.get("alias") == candidate.alias:
            return str(version.version)
    return None


def _register(
    client: Any,
    candidate: Candidate,
    locked: Locked,
    run: Any,
    parent: str,
    data_version: str,
    root: Path,
) -> str:
    from mlflow.exceptions import MlflowException

    run_id = run.info.run_id if run else parent
    folder = f"model-{candidate.name}-{candidate.alias}"
    text = card(candidate, data_version)
    with tempfile.TemporaryDirectory() as place:
        write_pointer(Path(place), candidate, _md5(candidate, locked), run_id, text, root)
        client.log_artifacts(run_id, place, folder)
    try:
        client.create_registered_model(candidate.name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {
        **locked.tags(candidate.output),
        "alias": candidate.alias,
        "intermediate": candidate.intermediate,
        "seed": candidate.seed,
        "data_version": data_version,
    }
    tags = {key: value for key, value in tags.items() if value}
    source = f"{client.get_run(run_id).info.artifact_uri}/{folder}"
    made = client.create_model_version(candidate.name, source, run_id, tags=tags, description=text)
    return str(made.version)


def _name(client: Any, name: str, known: list[tuple[Candidate, str]]) -> None:
    """Point the aliases of a registered model at its versions of now."""
    has = client.get_registered_model(name).aliases
    wanted = {candidate.alias: number for candidate, number in known}
    scored = [pair for pair in known if pair[0].development is not None]
    plain = [pair for pair in known if pair[0].intermediate == BASELINE]
    for alias, some in (("best", scored), ("baseline", plain)):
        if some:
            wanted[alias] = max(some, key=lambda pair: pair[0].development or 0.0)[1]
    for alias, number in wanted.items():
        if str(has.get(alias)) != number:
            client.set_registered_model_alias(name, alias, number)


def write_pointer(
    place: Path, candidate: Candidate, md5: str, run_id: str, text: str, root: Path
) -> None:
    """Write the folder that MLflow loads: MLmodel, weights.json, the card."""
    from mlflow import pyfunc
    from mlflow.models import Model

    files = {
        path.relative_to(candidate.folder).as_posix(): _file_md5(path)
        for path in sorted(candidate.folder.rglob("*"))
        if path.is_file()
    }
    record = {
        "path": candidate.folder.relative_to(root).as_posix(),
        "dvc_output": candidate.output,
        "dvc_output_md5": md5,
        "files": files,
        "task": None if candidate.output.startswith("encoders/") else candidate.task,
    }
    (place / "weights.json").write_text(json.dumps(record, indent=1) + "\n")
    (place / "README.md").write_text(text)
    model = Model(run_id=run_id, artifact_path=candidate.alias)
    pyfunc.add_to_model(model, loader_module=LOADER, data="weights.json")
    model.save(str(place / "MLmodel"))


def card(candidate: Candidate, data_version: str) -> str:
    """What a person has to know about a version."""
    record = _json(candidate.folder / "training.json")
    settings = record.get("settings", {})
    kept = ("learning_rate", "batch_size", "epochs", "max_length", "precision")
    about = {
        "trained on": ", ".join(record.get("tasks", ()))
        or "nothing: the encoder as it was pretrained",
        "after": candidate.intermediate if candidate.task != candidate.intermediate else None,
        "seed": record.get("seed"),
        "rows": record.get("rows"),
        "steps": record.get("steps"),
        "best step": record.get("best_step"),
        "English development score": record.get("development"),
        "encoder": record.get("encoder"),
        **{name: settings.get(name) for name in kept},
        "weights": f"`{candidate.folder.as_posix()}` in DVC, safetensors",
        "data version": data_version,
    }
    lines = [f"- {name}: {value}" for name, value in about.items() if value is not None]
    if record.get("randomly_initialised"):
        lines.append("- began as a randomly initialised stand-in: its figures mean nothing")
    return f"# {candidate.name}: {candidate.alias}\n\n" + "\n".join(lines) + "\n"


def _development(root: Path) -> dict[tuple[str, str, str], float]:
    """English development scores of the cells that are here."""
    found = {}
    for path in (root / "cells").glob("*/seed-*/cell.json"):
        cell = _json(path)
        if cell.get("development") is not None:
            key = (cell["intermediate"], cell["target"], str(cell["seed"]))
            found[key] = float(cell["development"])
    return found


def _md5(candidate: Candidate, locked: Locked) -> str:
    return locked.outputs[candidate.output][0]


def _file_md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}
