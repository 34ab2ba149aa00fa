"""What several tests need: a tiny encoder, a tiny task on disk, the mirror where there is one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).parents[1]
MIRROR = ROOT.parent / "shared" / "hub"

needs_mirror = pytest.mark.skipif(
    not MIRROR.is_dir(), reason="needs a mirror of the hub's data sets beside the repository"
)

ENGINE = {
    "zero_stage": 1,
    "offload": "none",
    "precision": "fp32",
    "accumulation": 1,
    "activation_checkpointing": False,
    "training_tokens": 4096,
    "prediction_tokens": 512,
    "dropout": 0.1,
    "weight_decay": 0.01,
    "epsilon": 1e-8,
    "warmup": 0.1,
    "clip": 1.0,
    "pooling": "segments",
    "encoding": "separate",
    "freeze_embeddings": False,
    "checkpoint_precision": "float32",
    "selection_every": 1000,
    "selection_examples": 50,
    "selection_patience": 30,
    "max_length": 32,
    "batch_size": 8,
    "epochs": 1,
    "max_steps": 4,
    "learning_rate": 1e-3,
    "save_minutes": 10,
}


@pytest.fixture(autouse=True)
def nothing_is_sent_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are logged to disk; a test that looks at the store calls `tracking.deliver`."""
    monkeypatch.setattr("stages.tracking.sender.ensure", lambda: None)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An XLM-R of 2 layers x 32 with a vocabulary of 90 pieces, on disk."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import XLMRobertaConfig, XLMRobertaModel

    folder = tmp_path_factory.mktemp("encoder")
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    letters = [f"▁{c}" for c in "abcdefghijklmnopqrstuvwxyz"] + list("abcdefghijklmnopqrstuvwxyz.")
    pieces = [(piece, -float(i)) for i, piece in enumerate(specials + letters)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=90,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=66,
        type_vocab_size=1,
        randomly_initialised=True,
    )
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture
def pair_task(tmp_path: Path) -> Path:
    """data/ with small XNLI-shaped and MNLI-shaped sets that the label words solve."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = {"entailment": "yes", "neutral": "may", "contradiction": "no"}
    for task, splits in {
        "mnli": {("en", "train"): 64, ("en", "validation"): 30},
        "xnli": {("en", "train"): 64, ("en", "validation"): 30, ("en", "test"): 30},
    }.items():
        if task == "xnli":
            from stages.tasks import find

            splits |= {(language, "test"): 30 for language in find("xnli").languages}
        for (language, split), count in splits.items():
            labels = [list(words)[i % 3] for i in range(count)]
            table = pa.table(
                {
                    "id": [str(i) for i in range(count)],
                    "sentence1": [f"a cat {i % 7 * 'b'} sat." for i in range(count)],
                    "sentence2": [
                        f"{words[label]} it {i % 5 * 'c'} did." for i, label in enumerate(labels)
                    ],
                    "label": labels,
                }
            )
            path = tmp_path / "data" / task / language / f"{split}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path)
        record = tmp_path / "data" / task / "snapshot.json"
        record.write_text(json.dumps({"files": {}}))
    return tmp_path / "data"


@pytest.fixture
def workplace(tmp_path: Path, pair_task: Path, tiny_encoder: Path, monkeypatch) -> Path:
    """A folder with encoded mnli and xnli and an MLflow store of its own."""
    import pyarrow.parquet as pq
    from tokenizers import Tokenizer

    from stages.encoding import encode
    from stages.tasks import find

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    tokenizer = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))
    for name in ("mnli", "xnli"):
        for path in (pair_task / name).rglob("*.parquet"):
            out = tmp_path / "encoded" / path.relative_to(pair_task)
            out.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(encode(pq.read_table(path), find(name), tokenizer), out)
    return tmp_path
