"""What MLflow loads a registered version with: `mlflow.pyfunc.load_model("models:/...")`.

    encoder = mlflow.pyfunc.load_model("models:/sample-encoder@best")
    encoder.predict(["A sentence.", "Another one."])        -> float32 (n, size)
    model = mlflow.pyfunc.load_model("models:/sample-xnli@best")
    model.predict(pandas.DataFrame({"sentence1": [...], "sentence2": [...]}))

Weights are safetensors; nothing is unpickled.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from stages.errors import UserError
from stages.serving import weights

if TYPE_CHECKING:
    import pandas as pd

TOKENS = 4096  # of a batch


def _load_pyfunc(path: str) -> Any:
    """Called by MLflow with the path of weights.json."""
    record = json.loads(Path(path).read_text())
    with weights.folder(record) as folder:
        return Encoder(folder) if record["task"] is None else Model(folder)


class Encoder:
    """Sentences to vectors: the mean of the last layer's states."""

    def __init__(self, folder: Path):
        from stages.encoding import load
        from stages.learning import embed
        from stages.learning import encoder as encoders

        layers = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
        self.layer, self.max_length = layers, encoders.longest(folder)
        self.model = embed.read(folder, layers, "fp32")
        self.tokenizer = load(folder / "tokenizer.json")

    def predict(self, texts: Any, params: dict[str, Any] | None = None) -> np.ndarray:
        """texts : a list, or a table whose first column holds them. Returns float32 (n, size)."""
        from stages.learning import embed
        from stages.learning.batches import Ragged

        some = texts.iloc[:, 0] if hasattr(texts, "iloc") and texts.ndim == 2 else texts
        encoded = self.tokenizer.encode_batch([str(t) for t in some], add_special_tokens=False)
        return embed.embed(
            self.model,
            Ragged.of(_lists([e.ids for e in encoded])),
            self.layer,
            self.max_length,
            4096,
        )


class Model:
    """Rows of the task's data (see stages/tasks/schema.py) to predictions, as a cell makes them."""

    def __init__(self, folder: Path):
        from safetensors.torch import load_file

        from stages.encoding import load
        from stages.learning import encoder as encoders
        from stages.learning.heads import head_of
        from stages.tasks import find

        record = json.loads((folder / "training.json").read_text())
        settings = record["settings"] | {"activation_checkpointing": False}
        self.task = find(record["tasks"][0])
        if not self.task.labels and self.task.head == "tagging":
            raise UserError(f"{self.task.name} has no labels of its own; it is not served.")
        self.head = head_of(self.task, settings)
        module = self.head.build(encoders.read(folder, settings))
        head = {k: v.float() for k, v in load_file(folder / "head.safetensors").items()}
        missing, unknown = module.load_state_dict(head, strict=False)
        if unknown or any(not name.startswith("encoder.") for name in missing):
            raise UserError(f"{folder}/head.safetensors does not fit the task {self.task.name}.")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.engine = Engine(module.to(self.device)).eval()
        self.tokenizer = load(folder / "tokenizer.json")

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row a row: id, prediction, and what else the head has to say."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from stages.encoding import encode
        from stages.tasks.schema import DATA, arrow

        columns = DATA[self.task.head]
        rows = rows.copy()
        if "id" in columns and "id" not in rows:
            rows["id"] = [str(number) for number in range(len(rows))]
        known = "label" in rows
        if "label" in columns and not known:
            rows["label"] = self.task.labels[0]
        if lacking := [name for name in columns if name not in rows]:
            raise UserError(
                f"a model of {self.task.name} reads {', '.join(columns)}; {', '.join(lacking)} is "
                "missing."
            )
        table = pa.Table.from_pandas(rows[list(columns)], arrow(columns), preserve_index=False)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "rows.parquet"
            pq.write_table(encode(table, self.task, self.tokenizer), path)
            found = self.head.predict(self.engine, self.head.read(path), self.device).to_pandas()
        return found if known else found.drop(columns="label")


class Engine(nn.Module):
    """A module where the heads expect an engine."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, batch: Any) -> Any:
        """What the module says of a batch."""
        return self.module(batch)


def _lists(rows: list[list[int]]) -> Any:
    import pyarrow as pa

    return pa.chunked_array([pa.array(rows, pa.list_(pa.int32()))])
