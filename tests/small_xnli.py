"""A small copy of XNLI's shape on disk, with the stage of validation pointed at it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from stages import validate as stage
from stages.errors import UserError
from stages.tasks import Task, find

LABELS = ("entailment", "neutral", "contradiction")
ROWS = 30
HUB = Path(__file__).parents[2] / "shared" / "hub"

GERMAN = ("Der Zug mit der Nummer {} kam heute spät.", "Zug {} war pünktlich am Ort.")
FRENCH = ("Le train numéro {} est arrivé en retard.", "Le train {} est arrivé à l'heure.")

Damage = Callable[[pd.DataFrame], pd.DataFrame]


def english(rows: int, split: str) -> pd.DataFrame:
    numbers = range(rows)
    return pd.DataFrame(
        {
            "id": [str(number) for number in numbers],
            "sentence1": [f"The {split} train number {number} was late." for number in numbers],
            "sentence2": [f"Train {number} arrived on time." for number in numbers],
            "label": [LABELS[number * 7 % 5 % 3] for number in numbers],
        }
    )


class Study:
    """A small copy of XNLI's shape in three languages, with the stage pointed at it."""

    task: Task

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "data" / "xnli"
        self.fill(ROWS)
        self.params("")

    def fill(self, rows: int, languages: tuple[str, ...] = ("en", "de", "fr")) -> None:
        xnli = find("xnli")
        splits = {"train": "train", "test": "test"}
        self.task = task = replace(
            xnli,
            languages=languages,
            rows=dict.fromkeys(splits, rows),
            sources=(replace(xnli.source, splits=splits),),
        )
        files = {}
        for language, split in task.files():
            frame = english(rows, split)
            if language != "en":
                first, second = FRENCH if language == "fr" else GERMAN
                frame["sentence1"] = [first.format(number) for number in range(rows)]
                frame["sentence2"] = [second.format(number) for number in range(rows)]
            self.save(f"{language}/{split}", frame)
            files[f"{language}/{split}.parquet"] = {"rows": rows, "expected": rows}
        self.record = {
            "repository": task.source.repository,
            "revision": task.source.revision,
            "files": files,
        }
        self.save_record()

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"

    def save(self, name: str, frame: pd.DataFrame) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(self.path(name), index=False)

    def damage(self, name: str, change: Damage) -> None:
        frame = pd.read_parquet(self.path(name))
        changed = change(frame)
        self.save(name, frame if changed is None else changed)

    def save_record(self) -> None:
        (self.folder / "snapshot.json").write_text(json.dumps(self.record))

    def params(self, validate: str, accept: bool = False) -> None:
        text = f"snapshot:\n  accept_stand_ins: {str(accept).lower()}\n{validate}"
        (self.root / "params.yaml").write_text(text)

    def run(self) -> dict:
        """Run the stage; return the verdict, whichever way it went."""
        stage.main()
        return self.verdict()

    def verdict(self, rejected: bool = False) -> dict:
        folder = self.root / "validation" / ("rejected" if rejected else "")
        return json.loads((folder / self.task.name / "verdict.json").read_text())

    def rejection(self) -> str:
        with pytest.raises(UserError) as caught:
            stage.main()
        return str(caught.value)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    made = Study(tmp_path)
    monkeypatch.setattr(stage.params, "task", lambda settings, name: made.task)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["validate", "xnli"])
    return made


def put(column: str, row: int, value: object) -> Damage:
    """Damage that puts `value` into `row` (from 1) of `column`."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[row - 1, column] = value
        return frame

    return change
