"""Retrieval: the hidden state by value, nearest sentences, mined pairs, and what is missing."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import encoded
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from stages import tracking
from stages.errors import UserError
from stages.learning import embed as embedding
from stages.learning.batches import Ragged
from stages.retrieve import mined, retrieve
from stages.tasks import Task, find

SETTINGS = {"layer": 1, "pooling": "mean", "precision": "fp32", "prediction_tokens": 100}
SENTENCES = [[10], [20, 21, 22], list(range(4, 84)), [30, 31], [40, 41, 42, 43]]


def ragged(sentences: list[list[int]]) -> Ragged:
    return Ragged.of(pa.array(sentences, pa.list_(pa.int32())))


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_embeddings_are_the_mean_of_the_hidden_state_of_transformers(
    tiny_encoder: Path, layer: int
) -> None:
    from transformers import XLMRobertaModel

    model = embedding.read(tiny_encoder, layer, "fp32")
    found = embedding.embed(model, ragged(SENTENCES), layer, max_length=64, tokens=30)
    theirs = XLMRobertaModel.from_pretrained(tiny_encoder, add_pooling_layer=False).eval()
    for row, sentence in zip(found, SENTENCES):
        tokens = torch.tensor([[0, *sentence[:62], 2]])
        states = theirs(tokens, output_hidden_states=True).hidden_states
        assert len(states) == 3
        np.testing.assert_allclose(row, states[layer][0].mean(0).detach(), atol=1e-5)


def test_a_layer_that_is_not_there(tiny_encoder: Path) -> None:
    for layer in (3, -1):
        with pytest.raises(UserError, match="has 2 layers: expected a number from 0"):
            embedding.read(tiny_encoder, layer, "fp32")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with encoded Tatoeba (de) and BUCC (zh), and an MLflow store of its own.

    Row i in German are the tokens of English row i + 1; Chinese sentences are English ones.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    english = SENTENCES[1:] + SENTENCES[:1]
    text = [f"sentence {k}" for k in range(5)]
    columns = {
        "id": list("01234"),
        "sentence_ids": SENTENCES,
        "english_ids": english,
        "english": text,
    }
    encoded.write(tmp_path / "encoded/tatoeba/de/validation.parquet", "retrieval", columns)
    # zh-0 .. zh-4 are en-4 .. en-0; the text of zh-3 occurs twice, so its pair is not proposed
    ids = [*(f"zh-{k}" for k in range(5)), "zh-again", *(f"en-{k}" for k in range(5))]
    mining = {
        "id": ids,
        "side": ["source"] * 6 + ["english"] * 5,
        "sentence": ["z0", "z1", "z2", "z3", "z4", "z3", *text],
        "sentence_ids": [*SENTENCES, SENTENCES[3], *SENTENCES[::-1]],
        "gold": [["en-4"], ["en-3"], ["en-2"], ["en-1"], [], [], *([[]] * 5)],
    }
    for split in ("dev", "test"):
        encoded.write(tmp_path / f"encoded/bucc2018/zh/{split}.parquet", "mining", mining)
    return tmp_path


def tasks(evaluated: str = "test") -> list[Task]:
    return [
        dataclasses.replace(find("tatoeba"), languages=("de",)),
        dataclasses.replace(find("bucc2018"), languages=("zh",), evaluated=evaluated),
    ]


def call(place: Path, encoder: Path, wanted: list[Task], **changes: object) -> Path:
    folder = place / "cells" / "seed-0"
    inputs = (encoder, place / "encoded")
    retrieve("mnli", wanted, *inputs, folder, "test", SETTINGS | changes)
    return folder


def test_a_cell_of_retrieval(workplace: Path, tiny_encoder: Path) -> None:
    import mlflow

    folder = call(workplace, tiny_encoder, tasks())
    found = pq.read_table(folder / "predictions/tatoeba/de.parquet").to_pydict()
    # English row i is German row i + 1
    assert found["prediction"] == [1, 2, 3, 4, 0]
    assert found["label"] == [0, 1, 2, 3, 4]
    assert found["sentence"][3] == "sentence 3"
    pairs = pq.read_table(folder / "predictions/bucc2018/zh.parquet").to_pylist()
    by_id = {row["id"]: row for row in pairs}
    assert {key for key, row in by_id.items() if row["label"]} == {
        *("zh-0\ten-4", "zh-1\ten-3", "zh-2\ten-2", "zh-3\ten-1")
    }
    assert by_id["zh-3\ten-1"] == {
        "id": "zh-3\ten-1",
        "label": True,
        "prediction": False,
        "score": None,
    }
    for key in ("zh-0\ten-4", "zh-1\ten-3", "zh-2\ten-2"):
        assert by_id[key]["prediction"] and by_id[key]["score"] > 0
    assert by_id["zh-4\ten-0"]["label"] is False  # a candidate that is no gold pair

    cell = json.loads((folder / "cell.json").read_text())
    assert (cell["intermediate"], cell["target"], cell["seed"]) == ("mnli", "retrieval", 0)
    assert cell["splits"] == {"tatoeba": "validation", "bucc2018": "test"}
    tracking.deliver()
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("xtreme-distance").experiment_id
    (child,) = (r for r in client.search_runs([experiment]) if r.data.tags["kind"] == "cell")
    assert child.info.run_name == "mnli -> retrieval"
    assert child.data.metrics["tatoeba/de/accuracy"] == 0.0
    assert child.data.metrics["bucc2018/zh/f1"] > 70


def test_the_threshold_is_that_of_the_development_part(workplace: Path, tiny_encoder: Path) -> None:
    # a development part without any gold pair: the threshold is 0, all candidates are mined
    path = workplace / "encoded/bucc2018/zh/dev.parquet"
    rows = pq.read_table(path)
    none = pa.array([[]] * rows.num_rows, pa.list_(pa.string()))
    pq.write_table(rows.set_column(4, "gold", none), path)
    folder = call(workplace, tiny_encoder, tasks()[1:])
    pairs = pq.read_table(folder / "predictions/bucc2018/zh.parquet").to_pylist()
    assert all(row["prediction"] for row in pairs if row["score"] is not None)


def test_without_a_test_part_the_development_part_is_scored(
    workplace: Path, tiny_encoder: Path
) -> None:
    (workplace / "encoded/bucc2018/zh/test.parquet").unlink()
    with pytest.raises(UserError, match=r"lacks zh/test\.parquet.*data\.evaluated\.bucc2018: dev"):
        call(workplace, tiny_encoder, tasks())
    folder = call(workplace, tiny_encoder, tasks("dev"))
    cell = json.loads((folder / "cell.json").read_text())
    assert cell["splits"]["bucc2018"] == "dev"


def test_what_cannot_be_retrieved(workplace: Path, tiny_encoder: Path) -> None:
    with pytest.raises(UserError, match=r"lacks af/validation\.parquet, ar/.*data\.languages\.tat"):
        call(workplace, tiny_encoder, [find("tatoeba")])
    with pytest.raises(UserError, match="names xnli, which needs training"):
        call(workplace, tiny_encoder, [find("xnli")])
    with pytest.raises(UserError, match="pooling is 'first'; expected mean"):
        call(workplace, tiny_encoder, tasks(), pooling="first")
    with pytest.raises(UserError, match="has positions for sequences of 64 tokens"):
        call(workplace, tiny_encoder, tasks(), max_length=512)


def test_mined_pairs_by_hand() -> None:
    found = {("a", "x"): 1.5, ("b", "y"): 1.2, ("c", "z"): 1.1}
    table, scores = mined(found, [("a", "x"), ("c", "z"), ("d", "w")], 1.2)
    assert table.to_pydict() == {
        "id": ["a\tx", "b\ty", "c\tz", "d\tw"],
        "label": [True, False, True, True],
        "prediction": [True, True, False, False],
        "score": [1.5, 1.2, 1.1, None],
    }
    assert scores["f1"] == pytest.approx(100 * 2 / 5)  # one right of two mined, three wanted
