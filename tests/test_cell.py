"""A cell from training to predictions: the same numbers twice, after a kill, on two ranks."""

from __future__ import annotations

import json
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from cells import learn, two_ranks

from conftest import ENGINE
from stages import tracking
from stages.intermediate import copy_baseline, train_intermediate
from stages.target import train_target
from stages.tasks import find


def test_the_same_seed_gives_the_same_weights_bit_for_bit(workplace, tiny_encoder) -> None:
    losses, weights = learn(workplace, tiny_encoder)
    again_losses, again = learn(workplace, tiny_encoder)
    assert losses == again_losses
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    other, _ = learn(workplace, tiny_encoder, seed=2)
    assert other != losses


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_zero_stages_give_the_same_losses(workplace, tiny_encoder, stage: int) -> None:
    expected, _ = learn(workplace, tiny_encoder, zero_stage=1)
    losses, _ = learn(workplace, tiny_encoder, zero_stage=stage)
    np.testing.assert_allclose(losses, expected, atol=1e-4)


def test_intermediate_writes_an_encoder_that_transformers_reads(workplace, tiny_encoder) -> None:
    from transformers import AutoModel

    settings = ENGINE | {"seed": 1, "freeze_embeddings": True}
    out = workplace / "encoders" / "mnli"
    train_intermediate(find("mnli"), tiny_encoder, workplace / "encoded", out, "test", settings)
    before = AutoModel.from_pretrained(tiny_encoder, add_pooling_layer=False)
    after = AutoModel.from_pretrained(out, add_pooling_layer=False)
    words = "embeddings.word_embeddings.weight"
    changed = {
        name
        for name, value in after.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    }
    assert words not in changed
    assert len(changed) > 20
    index = json.loads((out / "model.safetensors.index.json").read_text())["weight_map"]
    assert [n for n, shard in index.items() if shard == index[words]] == [words]
    assert (out / "tokenizer.json").read_bytes() == (tiny_encoder / "tokenizer.json").read_bytes()


def test_the_baseline_is_the_encoder_itself(workplace, tiny_encoder) -> None:
    copy_baseline(tiny_encoder, workplace / "encoders" / "none")
    for path in tiny_encoder.iterdir():
        assert (workplace / "encoders" / "none" / path.name).read_bytes() == path.read_bytes()


def test_a_target_cell_predicts_every_language_and_logs_itself(workplace, tiny_encoder) -> None:
    import mlflow

    settings = ENGINE | {"keep_models": "none", "max_steps": 30, "epochs": 10, "dropout": 0.0}
    folder = workplace / "cells" / "none-xnli" / "seed-3"
    task = find("xnli")
    train_target(
        "none", task, [task], 3, tiny_encoder, workplace / "encoded", folder, "test", settings
    )
    cell = json.loads((folder / "cell.json").read_text())
    assert (cell["intermediate"], cell["target"], cell["seed"]) == ("none", "xnli", 3)
    assert cell["stand_in"] is True
    assert cell["splits"] == {"xnli": "test"}
    assert not (folder / "model").exists()
    for language in task.languages:
        rows = pq.read_table(folder / "predictions" / "xnli" / f"{language}.parquet")
        assert rows["id"].to_pylist() == [str(i) for i in range(30)]
        best = np.array(rows["logits"].to_pylist()).argmax(1)
        assert rows["prediction"].to_pylist() == [task.labels[i] for i in best]

    tracking.deliver()
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("xtreme-distance").experiment_id
    runs = client.search_runs([experiment])
    (child,) = [run for run in runs if run.data.tags["kind"] == "cell"]
    (parent,) = [run for run in runs if run.data.tags["kind"] == "study"]
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.info.run_name == "none -> xnli · seed 3"
    assert child.info.status == "FINISHED"
    assert child.data.params["learning_rate"] == "0.001"
    assert {f"xnli/{code}/accuracy" for code in task.languages} <= set(child.data.metrics)
    assert len(client.get_metric_history(child.info.run_id, "loss")) == 30
    assert [i.dataset.name for i in child.inputs.dataset_inputs] == ["xnli-train"]
    artifacts = [a.path for a in client.list_artifacts(child.info.run_id, "model")]
    assert "model/config.json" in artifacts


def test_two_ranks_give_the_losses_of_one(workplace, tiny_encoder, tmp_path) -> None:
    expected, _ = learn(workplace, tiny_encoder, dropout=0.0)
    done = two_ranks(
        tmp_path,
        "from cells import learn",
        f"losses, _ = learn(Path({str(workplace)!r}), Path({str(tiny_encoder)!r}), dropout=0.0)",
        "import torch",
        "values = torch.tensor(losses)",
        "torch.distributed.all_reduce(values)",
        "if torch.distributed.get_rank() == 0:",
        f"    out = Path({str(tmp_path / 'losses.json')!r})",
        "    out.write_text(json.dumps((values / 2).tolist()))",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    losses = json.loads((tmp_path / "losses.json").read_text())
    np.testing.assert_allclose(losses, expected, atol=1e-4)
