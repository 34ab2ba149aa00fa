"""Gains in the runs; encoders and models registered, and back from the registry."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_tracking import client, place

from conftest import ENGINE
from stages import tracking
from stages.errors import UserError
from stages.serving import weights
from stages.tracking.gains import CellName, Place, by_cell, by_place, rows_of

__all__ = ["place"]  # a fixture


def scores(values: dict[tuple[str, str, str], list[float]]) -> list[dict[str, str]]:
    """Rows of scores.csv: (intermediate, target, seed) -> scores of en, de, sw, zh."""
    return [
        {"method": "plain", "intermediate": encoder, "target": target, "language": language,
         "seed": seed, "split": "test", "metric": metric, "value": str(value), "n": "10"}
        for (encoder, target, seed), several in values.items()
        for language, value in zip(("en", "de", "sw", "zh"), several)
        for metric, value in (("accuracy", value), ("other", 0.0))
    ]  # fmt: skip


STUDY = {
    ("none", "xnli", "1"): [80.0, 70.0, 50.0, 60.0],
    ("none", "xnli", "2"): [80.0, 72.0, 50.0, 60.0],
    ("mnli", "xnli", "1"): [82.0, 73.0, 56.0, 64.0],
    ("mnli", "xnli", "3"): [82.0, 73.0, 56.0, 64.0],  # no baseline of this seed
}
FAR = {"en": 0.0, "de": 0.1, "sw": 0.3, "zh": 0.2}


def test_gain_is_over_the_same_seed_without_intermediate_training() -> None:
    rows = rows_of(scores(STUDY))
    cells = by_cell(rows, FAR)
    found = cells[CellName("mnli", "xnli", "1")]
    assert found["gain/xnli/sw"] == 6.0 and found["gain/xnli/en"] == 2.0
    assert found["gain"] == pytest.approx((2 + 3 + 6 + 4) / 4)
    assert (found["english"], found["mean"]) == (82.0, pytest.approx(68.75))
    assert found["zero_shot"] == pytest.approx((73 + 56 + 64) / 3)
    assert found["drop"] == pytest.approx((9 + 26 + 18) / 3)
    # drops 9, 26, 18 at 0.1, 0.3, 0.2: a line of 85 points a unit
    assert found["drop_slope"] == pytest.approx(85.0)
    # gains 2, 3, 6, 4 at 0, 0.1, 0.3, 0.2
    assert found["gain_slope"] == pytest.approx(13.0)
    lone = cells[CellName("mnli", "xnli", "3")]
    assert not [name for name in lone if name.startswith("gain")]
    assert cells[CellName("none", "xnli", "1")]["gain"] == 0.0
    places = by_place(rows, cells)
    assert places[Place("none", "xnli", "de")] == {"score": 71.0, "drop": 9.0, "gain": 0.0}
    assert places[Place("mnli", "xnli", "sw")]["gain"] == 6.0


def test_a_cell_is_named_by_what_it_trains() -> None:
    names = [
        {"method": "plain", "intermediate": "none", "target": target, "language": "de",
         "seed": "0", "split": "test", "metric": "f1", "value": "1", "n": "1"}
        for target in ("xquad", "mlqa", "bucc2018")
    ]  # fmt: skip
    assert [row.cell().target for row in rows_of(names)] == ["squad", "squad", "retrieval"]


def write_study(place: Path, encoder: Path) -> None:
    """A finished study: scores, distances, dvc.lock, two encoders, a model of a target."""
    import csv

    with (place / "scores.csv").open("w", newline="") as stream:
        rows = scores(STUDY)
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    far = "".join(f"{code},{code},F,{value}\n" for code, value in FAR.items())
    head = "language,name,family,distance_syntactic_knn_angular\n"
    (place / "languages.csv").write_text(head + far)
    locked = {}
    for name in ("none", "mnli"):
        shutil.copytree(encoder, place / "encoders" / name, dirs_exist_ok=True)
        locked[f"encoders/{name}"] = name * 4 + ".dir"
    (place / "encoders/mnli/training.json").write_text(json.dumps({"tasks": ["mnli"], "seed": 1}))
    for name, seed, development in (("none", 1, 40.0), ("mnli", 1, 50.0)):
        cell = {"intermediate": name, "target": "xnli", "seed": seed, "development": development}
        folder = place / f"cells/{name}-xnli/seed-{seed}"
        folder.mkdir(parents=True)
        (folder / "cell.json").write_text(json.dumps(cell))
        locked[f"cells/{name}-xnli"] = f"cell{name}.dir"
    write_lock(place, locked)


def write_lock(place: Path, locked: dict[str, str]) -> None:
    stages = {
        path: {"cmd": path, "outs": [{"path": path, "md5": md5}]} for path, md5 in locked.items()
    }
    (place / "dvc.lock").write_text(json.dumps({"stages": stages}))


def test_a_finished_study_is_told_once(place: Path, tiny_encoder: Path) -> None:
    write_study(place, tiny_encoder)
    name = "mnli -> xnli · seed 1"
    tags = {"intermediate": "mnli", "target": "xnli", "seed": "1"}
    with tracking.cell("s", name, tags, {}, {}) as recorder:
        recorder.point(1, {"loss": 1.0})
    sent, registered = tracking.finish("s")
    assert sent.startswith("1 run sent") and registered == "2 model versions registered"
    assert tracking.finish("s") == []
    store = client()
    runs = store.search_runs(["1"], "tags.kind = 'cell'")
    assert len(runs) == 4  # one was logged, three were computed elsewhere
    assert sum(run.data.tags.get("restored") == "true" for run in runs) == 3
    (run,) = [run for run in runs if "restored" not in run.data.tags]
    assert run.data.metrics["gain/xnli/sw"] == 6.0
    assert run.data.tags["dvc_output_md5"] == "cellmnli.dir"
    assert len(run.data.tags["dvc_stage_hash"]) == 32
    assert run.data.params["intermediate"] == "mnli"
    assert len(store.get_metric_history(run.info.run_id, "gain")) == 1
    languages = store.search_runs(["1"], "tags.kind = 'language' and params.language = 'sw'")
    (mnli,) = [run for run in languages if run.data.params["intermediate"] == "mnli"]
    assert (mnli.data.metrics["gain"], mnli.data.metrics["distance"]) == (6.0, 0.3)

    aliases = store.get_registered_model("s-encoder").aliases
    assert aliases["mnli"] == aliases["best"] != aliases["none"] == aliases["baseline"]
    best = store.get_model_version_by_alias("s-encoder", "best")
    assert best.tags["dvc_output_md5"] == "mnlimnlimnlimnli.dir"
    assert "trained on: mnli" in best.description
    # the weights are not copied
    sizes = [path.stat().st_size for path in (place / "mlruns").rglob("*") if path.is_file()]
    assert max(sizes) < 5000


def test_an_encoder_comes_back_with_the_same_vectors(place: Path, tiny_encoder, tmp_path) -> None:
    import mlflow
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    write_study(place, tiny_encoder)
    tracking.finish("s")
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    texts = ["a cat sat.", "b", "it did."]
    found = mlflow.pyfunc.load_model("models:/s-encoder@best").predict(texts)
    model = AutoModel.from_pretrained(tiny_encoder, add_pooling_layer=False).eval()
    tokenizer = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))
    for text, vector in zip(texts, found):
        ids = [0, *tokenizer.encode(text, add_special_tokens=False).ids, 2]
        with torch.no_grad():
            states = model(torch.tensor([ids])).last_hidden_state[0]
        np.testing.assert_allclose(vector, states.mean(0), atol=1e-5)

    path = place / "encoders" / "mnli" / "config.json"
    path.write_text(path.read_text() + "\n")
    with pytest.raises(UserError, match=r"is not the model of this version .* no commit here"):
        mlflow.pyfunc.load_model("models:/s-encoder@mnli")


def test_a_model_comes_back_with_the_predictions_of_its_cell(workplace, tiny_encoder) -> None:
    import mlflow
    import pandas as pd
    import pyarrow.parquet as pq

    from stages.target import train_target
    from stages.tasks import find

    settings = ENGINE | {"keep_models": True, "max_steps": 8, "dropout": 0.0}
    folder = workplace / "cells" / "none-xnli" / "seed-3"
    task = find("xnli")
    train_target(
        "none", task, [task], 3, tiny_encoder, workplace / "encoded", folder, "s", settings
    )
    write_lock(workplace, {"cells/none-xnli": "abc.dir"})
    assert tracking.finish("s")[1:] == ["1 model version registered"]
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    model = mlflow.pyfunc.load_model("models:/s-xnli@baseline")
    rows = pq.read_table(workplace / "data" / "xnli" / "de" / "test.parquet").to_pandas()
    found = model.predict(rows[["sentence1", "sentence2"]])
    expected = pq.read_table(folder / "predictions" / "xnli" / "de.parquet").to_pandas()
    assert list(found["prediction"]) == list(expected["prediction"])
    logits = np.stack(found["logits"].to_list()), np.stack(expected["logits"].to_list())
    np.testing.assert_allclose(*logits, atol=1e-5)
    with pytest.raises(UserError, match=r"reads id, sentence1, sentence2.*sentence2 is missing"):
        model.predict(pd.DataFrame({"sentence1": ["a"]}))


def test_weights_that_are_not_here_come_from_dvc(place: Path, monkeypatch) -> None:
    """From the commit whose dvc.lock names the hash, though the folder holds others by now."""
    fetched: list[Any] = []

    def fetch(root: Path, revision: str | None, path: str, out: Path) -> None:
        fetched.append(revision)
        out.mkdir(exist_ok=True)
        (out / "config.json").write_text("this" if revision else "other")

    monkeypatch.setattr(weights, "_fetch", fetch)
    monkeypatch.setattr(weights, "revisions", lambda md5, root: [None, "0a1b"])
    (place / "encoders").mkdir()
    (place / "encoders" / "config.json").write_text("other")
    record = {"path": "encoders", "dvc_output": "encoders", "dvc_output_md5": "x",
              "files": {"config.json": hashlib.md5(b"this").hexdigest()}}  # fmt: skip
    with weights.folder(record, place) as folder:
        assert (folder / "config.json").read_text() == "this"
    assert fetched == [None, "0a1b"]


def test_views_show_what_the_runs_have(place: Path, tiny_encoder: Path) -> None:
    """Columns and charts of the views in MLflow's UI name parameters and metrics that are there."""
    write_study(place, tiny_encoder)
    tracking.finish("s")
    store = client()
    tags = store.get_experiment("1").tags
    for name in ("cells", "languages"):
        saved = json.loads(tags[f"mlflow.sharedViewState.{name}"])
        assert isinstance(saved["createdAt"], int) and saved["name"] == name.capitalize()
        state = json.loads(saved["state"])
        runs = store.search_runs(["1"], state["searchFilter"], order_by=[state["orderByKey"]])
        there = {f"params.`{key}`" for run in runs for key in run.data.params}
        there |= {f"metrics.`{key}`" for run in runs for key in run.data.metrics}
        assert set(state["selectedColumns"]) <= there
        for chart in state["compareRunCharts"]:
            shown = [chart[axis]["key"] for axis in ("xaxis", "yaxis") if axis in chart]
            shown += chart.get("selectedMetrics", [])
            assert {f"metrics.`{key}`" for key in shown} <= there
