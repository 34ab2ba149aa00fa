"""Target cells: one training run for several targets, tagging on two ranks, clear refusals."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import encoded
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from cells import two_ranks

from conftest import ENGINE
from stages import params, target, tracking
from stages.errors import UserError
from stages.intermediate import train_intermediate
from stages.learning import encoder as encoders
from stages.learning import engine
from stages.learning.heads import head_of
from stages.learning.train import train
from stages.target import train_target
from stages.tasks import Task, find, missing

SPAN = ENGINE | {"query_length": 8, "doc_stride": 16, "max_length": 40, "keep_models": "none"}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with encoded SQuAD, XQuAD (en, de), MLQA (en, zh) and UD-POS (en, de)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    spans = ["squad/en/train", "squad/en/validation", "xquad/en/validation", "xquad/de/validation"]
    for name in (*spans, "mlqa/en/test", "mlqa/zh/test"):
        columns = encoded.span_columns(40, len(name))
        encoded.write(tmp_path / f"encoded/{name}.parquet", "span", columns)
    for name in ("en/train", "en/validation", "en/test", "de/test"):
        columns = encoded.tagging_columns(40, len(name))
        encoded.write(tmp_path / f"encoded/udpos/{name}.parquet", "tagging", columns)
    return tmp_path


def targets(*names: str) -> list[Task]:
    languages = {"xquad": ("en", "de"), "mlqa": ("en", "zh"), "udpos": ("en", "de")}
    return [dataclasses.replace(find(name), languages=languages[name]) for name in names]


def test_one_training_run_of_squad_serves_xquad_and_mlqa(workplace: Path, tiny_encoder) -> None:
    import mlflow

    folder = workplace / "seed-1"
    squad, both = find("squad"), targets("xquad", "mlqa")
    assert squad.evaluates() == ("xquad", "mlqa")
    train_target("none", squad, both, 1, tiny_encoder, workplace / "encoded", folder, "test", SPAN)
    for name, languages in (("xquad", ("en", "de")), ("mlqa", ("en", "zh"))):
        for language in languages:
            rows = pq.read_table(folder / f"predictions/{name}/{language}.parquet")
            assert rows["id"].to_pylist() == [str(i) for i in range(40)]
            assert all(rows["prediction"].to_pylist()) and all(rows["label"].to_pylist())
    cell = json.loads((folder / "cell.json").read_text())
    assert cell["target"] == "squad"
    assert cell["splits"] == {"xquad": "validation", "mlqa": "test"}
    tracking.deliver()
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("xtreme-distance").experiment_id
    (child,) = (r for r in client.search_runs([experiment]) if r.data.tags["kind"] == "cell")
    assert child.info.run_name == "none -> squad · seed 1"
    assert {"xquad/de/f1", "xquad/de/em", "mlqa/zh/f1"} <= set(child.data.metrics)


def test_the_evaluated_rows_may_be_limited(workplace: Path, tiny_encoder: Path) -> None:
    folder, task = workplace / "seed-1", targets("udpos")[0]
    settings = ENGINE | {"keep_models": "all", "evaluation_examples": 5}
    place = workplace / "encoded"
    train_target("none", task, [task], 1, tiny_encoder, place, folder, "test", settings)
    rows = pq.read_table(folder / "predictions/udpos/de.parquet")
    assert rows["id"].to_pylist() == ["0", "10", "20", "29", "39"]
    gold = pq.read_table(place / "udpos/de/test.parquet", columns=["tags"])["tags"].to_pylist()
    assert rows["label"].to_pylist()[1] == [task.labels[k] for k in gold[10]]
    from safetensors.torch import load_file

    head = load_file(folder / "model" / "head.safetensors")
    assert head["out.weight"].shape == (17, 32)


@pytest.mark.parametrize("name", ["udpos", "squad"])
def test_the_encoder_of_any_head_is_an_xlm_r(workplace: Path, tiny_encoder, name: str) -> None:
    from transformers import AutoModel

    out = workplace / "encoders" / name
    settings = SPAN | {"seed": 1}
    train_intermediate(find(name), tiny_encoder, workplace / "encoded", out, "test", settings)
    _, info = AutoModel.from_pretrained(out, add_pooling_layer=False, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert json.loads((out / "training.json").read_text())["tasks"] == [name]
    encoders.read(out, ENGINE)  # and the next phase reads it


def test_ccg_takes_its_labels_from_the_data(workplace: Path, tiny_encoder: Path) -> None:
    place = workplace / "encoded" / "ccg"
    for split in ("train", "validation"):
        columns = encoded.tagging_columns(20, 3)
        encoded.write(place / "en" / f"{split}.parquet", "tagging", columns)
    (place / "labels.json").write_text(json.dumps([f"S\\N{k}" for k in range(17)]))
    out = workplace / "encoders" / "ccg"
    train_intermediate(
        find("ccg"), tiny_encoder, workplace / "encoded", out, "test", ENGINE | {"seed": 1}
    )
    from safetensors.torch import load_file

    assert load_file(out / "head.safetensors")["out.weight"].shape == (17, 32)


def learn(workplace: Path, encoder: Path, **changes: Any) -> list[float]:
    """Train on tags in this process; return the losses."""
    settings = ENGINE | {"dropout": 0.0} | changes
    torch.manual_seed(1)
    head = head_of(find("udpos"), settings)
    model = head.build(encoders.read(encoder, settings))
    folder = workplace / "encoded/udpos/en"
    data = [head.read(folder / f"{split}.parquet") for split in ("train", "validation")]
    outcome = train(head, model, *data, settings, 1, lambda *_: None)
    return [entry["loss"] for entry in outcome.curve]


def test_the_loss_is_the_mean_over_words_on_any_division(workplace: Path, tiny_encoder) -> None:
    expected = learn(workplace, tiny_encoder)
    # sentences have one to nine words: a mean of the parts' means would be another number
    for changes in ({"accumulation": 2}, {"training_tokens": 40}, {"training_tokens": 1}):
        np.testing.assert_allclose(learn(workplace, tiny_encoder, **changes), expected, atol=1e-5)


def test_two_ranks_give_the_losses_of_one_for_tagging(
    workplace: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    expected = learn(workplace, tiny_encoder)
    done = two_ranks(
        tmp_path,
        "from test_target import learn",
        f"place = Path({str(tiny_encoder)!r})",
        "found = [learn(Path('.'), place, training_tokens=n) for n in (4096, 30)]",
        "import torch",
        "rank = torch.distributed.get_rank()",
        "Path(f'losses-{rank}.json').write_text(json.dumps(found))",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for rank in (0, 1):
        for losses in json.loads((tmp_path / f"losses-{rank}.json").read_text()):
            np.testing.assert_allclose(losses, expected, atol=1e-4)


def test_a_missing_language_is_named_before_training(workplace: Path, tiny_encoder) -> None:
    (workplace / "encoded/mlqa/zh/test.parquet").unlink()
    arguments = (tiny_encoder, workplace / "encoded", workplace / "out", "test", SPAN)
    with pytest.raises(UserError, match=r"mlqa lacks test\.parquet in zh.*data\.languages\.mlqa"):
        train_target("none", find("squad"), targets("xquad", "mlqa"), 1, *arguments)


def run_main(monkeypatch: pytest.MonkeyPatch, *words: str, **changes: Any) -> None:
    settings = {
        "study": "test",
        "engine": {k: v for k, v in SPAN.items() if k not in ("keep_models",)},
        "target": {"seeds": [1], "tasks": ["squad"], "keep_models": "none"},
        "data": {"tasks": list(changes.get("tasks", ["squad", "mlqa"]))},
    }
    monkeypatch.setattr(params, "read", lambda: settings)
    monkeypatch.setattr(sys, "argv", ["target", *words])
    target.main()


def test_what_is_finished_is_the_first_rank_s_to_say(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, tiny_encoder: Path
) -> None:
    # the second of two hosts, whose own disk has nothing of seed 1
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(engine, "join_ranks", lambda: None)
    monkeypatch.setattr(engine, "from_first_rank", lambda value: not value)
    monkeypatch.setattr(target, "train_target", lambda *_: pytest.fail("begun anew"))
    run_main(monkeypatch, "none", "squad", "--encoder", str(tiny_encoder))
    assert not (workplace / "cells").exists()


def test_names_that_are_no_cell(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="mlqa is evaluated by the cell of squad: name squad"):
        run_main(monkeypatch, "none", "mlqa")
    with pytest.raises(UserError, match="squad2 is evaluated in no language"):
        run_main(monkeypatch, "none", "squad2")


def test_a_cell_without_its_data_leaves_a_note(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing.leave(workplace / "encoders" / "ccg", "CCGbank is not there")
    run_main(monkeypatch, "ccg", "squad")
    assert missing.why(workplace / "cells" / "ccg-squad") == "CCGbank is not there"


def test_the_best_model_of_a_cell_is_kept(tmp_path: Path) -> None:
    for seed, development in ((1, 61.5), (2, 70.25), (3, 70.0)):
        (tmp_path / f"seed-{seed}" / "model").mkdir(parents=True)
        text = json.dumps({"development": development})
        (tmp_path / f"seed-{seed}" / "cell.json").write_text(text)
    target.keep_best(tmp_path)
    assert [path.parent.name for path in tmp_path.glob("*/model")] == ["seed-2"]
    assert len(list(tmp_path.glob("*/cell.json"))) == 3
