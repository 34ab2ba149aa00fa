"""A run goes on from its last sound state, whatever happened to it, and from nobody else's."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cells import learn, two_ranks

from conftest import ENGINE
from stages.errors import UserError
from stages.learning import resume
from stages.learning.resume import State, key

RUN = {"max_steps": 6, "selection_every": 2}


class Killed(Exception):
    """The process would be gone here."""


def killed(workplace: Path, encoder: Path, step: int, **changes: Any) -> None:
    """Train, saving after every step, and die when `step` is reported."""

    def report(entry: dict[str, float]) -> None:
        if entry["step"] == step:
            raise Killed

    with pytest.raises(Killed):
        learn(workplace, encoder, **RUN, report=report, state=drill(), **changes)


def drill(minutes: float = 0) -> State:
    return State("drill", "key", minutes)


def equal(weights: dict[str, torch.Tensor], others: dict[str, torch.Tensor]) -> bool:
    return weights.keys() == others.keys() and all(
        torch.equal(value, others[name]) for name, value in weights.items()
    )


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_a_killed_run_ends_as_one_that_was_not(workplace, tiny_encoder, stage: int) -> None:
    losses, weights = learn(workplace, tiny_encoder, **RUN, zero_stage=stage)
    for step in (2, 4, 5):
        killed(workplace, tiny_encoder, step, zero_stage=stage)
    found, resumed = learn(workplace, tiny_encoder, **RUN, state=drill(), zero_stage=stage)
    assert found == losses
    assert equal(resumed, weights)


OTHER = [{"zero_stage": 3}, {"precision": "bf16"}, {"zero_stage": 2, "offload": "optimizer"}]


@pytest.mark.parametrize("changes", OTHER)
def test_so_do_partitioned_weights_bf16_and_offload(workplace, tiny_encoder, changes) -> None:
    losses, _ = learn(workplace, tiny_encoder, **RUN, **changes)
    killed(workplace, tiny_encoder, 4, **changes)
    found, _ = learn(workplace, tiny_encoder, **RUN, state=drill(), **changes)
    assert found == losses


def test_a_run_goes_on_at_another_stage_and_accumulation(workplace, tiny_encoder) -> None:
    losses, _ = learn(workplace, tiny_encoder, **RUN, dropout=0.0)
    killed(workplace, tiny_encoder, 4, dropout=0.0, zero_stage=2)
    found, _ = learn(
        workplace, tiny_encoder, **RUN, state=drill(), dropout=0.0, zero_stage=0, accumulation=2
    )
    np.testing.assert_allclose(found, losses, atol=1e-4)


def test_two_ranks_begin_and_one_goes_on(workplace, tiny_encoder, tmp_path) -> None:
    losses, _ = learn(workplace, tiny_encoder, **RUN, dropout=0.0)
    done = two_ranks(
        tmp_path,
        "from cells import learn",
        "from test_resume import RUN, drill",
        "def report(entry):",
        "    if entry['step'] == 5:",
        "        os._exit(7)",
        f"learn(Path({str(workplace)!r}), Path({str(tiny_encoder)!r}), **RUN, dropout=0.0,",
        "    report=report, state=drill())",
    )
    assert "exitcode  : 7" in done.stderr, done.stderr[-2000:]
    assert drill().generations()[0].name.startswith("step-00000004.")
    found, _ = learn(workplace, tiny_encoder, **RUN, dropout=0.0, state=drill())
    np.testing.assert_allclose(found, losses, atol=1e-4)


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [truncate, flip])
def test_a_damaged_state_is_named_and_the_one_before_is_used(
    workplace, tiny_encoder, damage, capsys
) -> None:
    losses, weights = learn(workplace, tiny_encoder, **RUN)
    killed(workplace, tiny_encoder, 5)
    newest, before = drill().generations()
    damage(newest)
    begun: list[float] = []
    found, resumed = learn(
        workplace, tiny_encoder, **RUN, state=drill(), report=lambda e: begun.append(e["step"])
    )
    assert (newest.name[:13], before.name[:13], begun[0]) == ("step-00000004", "step-00000003", 4)
    assert f"{newest} is damaged" in capsys.readouterr().err
    assert found == losses
    assert equal(resumed, weights)


def test_without_a_sound_state_a_run_begins_anew(workplace, tiny_encoder, capsys) -> None:
    losses, _ = learn(workplace, tiny_encoder, **RUN)
    killed(workplace, tiny_encoder, 5)
    for path in drill().generations():
        truncate(path)
    found, _ = learn(workplace, tiny_encoder, **RUN, state=drill())
    assert capsys.readouterr().err.count("is damaged") == 2
    assert found == losses


def test_a_full_disk_leaves_the_last_good_state(workplace, tiny_encoder, monkeypatch) -> None:
    killed(workplace, tiny_encoder, 4)
    good = {path: path.read_bytes() for path in drill().generations()}
    opened = Path.open

    def full(path: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if path.suffix == ".tmp":
            return opened(Path("/dev/full"), mode, *arguments, **named)
        return opened(path, mode, *arguments, **named)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UserError, match=r"step 4 could not be written.*No space left.*untouched"):
        learn(workplace, tiny_encoder, **RUN, state=drill())
    assert {path: path.read_bytes() for path in drill().generations()} == good


def test_sigterm_saves_first_and_is_the_systems_again_afterwards(workplace, tiny_encoder) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def report(entry: dict[str, float]) -> None:
        if entry["step"] == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(UserError, match="after step 3 of 6; the state is saved"):
        learn(workplace, tiny_encoder, **RUN, state=drill(minutes=60), report=report)
    assert signal.getsignal(signal.SIGTERM) == before
    (only,) = drill().generations()
    assert only.name.startswith("step-00000003.")


@pytest.mark.parametrize("selection_every", [1, 1000])
def test_what_is_trained_is_not_trained_again(
    workplace, tiny_encoder, selection_every: int
) -> None:
    """Neither from the best of several steps nor from the last, if that alone was looked at."""
    run = RUN | {"selection_every": selection_every}
    _, weights = learn(workplace, tiny_encoder, **run, state=drill(minutes=60))
    steps: list[float] = []
    _, again = learn(
        workplace, tiny_encoder, **run, state=drill(), report=lambda e: steps.append(e["step"])
    )
    assert steps == []
    assert equal(again, weights)


def test_two_generations_are_kept_and_one_other_key(workplace, tiny_encoder) -> None:
    for number, name in enumerate(("a", "b", "c")):
        folder = resume.ROOT / "drill" / name
        folder.mkdir(parents=True)
        os.utime(folder, (number, number))
    killed(workplace, tiny_encoder, 5)
    assert len(drill().generations()) == 2
    (resume.ROOT / "drill/key/step-00000009.tmp").write_text("of a killed process")
    drill().forget_others()
    assert {path.name for path in (resume.ROOT / "drill").iterdir()} == {"c", "key"}
    learn(workplace, tiny_encoder, **RUN, state=drill())
    assert not list((resume.ROOT / "drill/key").glob("*.tmp"))
    drill().clear()
    assert not (resume.ROOT / "drill").exists()


def test_the_state_of_a_finished_cell_stays_until_another_begins(workplace) -> None:
    for cell in ("intermediate-mnli", "target-none-xnli"):
        folder = resume.ROOT / cell / "key"
        folder.mkdir(parents=True)
        for step in (1, 2):
            (folder / f"step-{step:08}.0.pt").touch()
    resume.finish("intermediate-mnli")
    files = [path.name for path in (resume.ROOT / "intermediate-mnli/key").iterdir()]
    assert files == ["step-00000002.0.pt"]
    resume.forget_finished("intermediate-mnli")
    assert (resume.ROOT / "intermediate-mnli").exists()
    resume.finish("intermediate-mnli")
    resume.forget_finished("target-none-xnli")
    assert not (resume.ROOT / "intermediate-mnli").exists()
    assert len(list((resume.ROOT / "target-none-xnli/key").iterdir())) == 2


def test_a_cell_that_begins_anew_is_not_finished(workplace) -> None:
    (resume.ROOT / "target-none-xnli" / "key").mkdir(parents=True)
    resume.finish("target-none-xnli")
    resume.forget_finished("target-none-xnli")  # with a changed parameter, and killed
    resume.forget_finished("target-mnli-xnli")
    assert (resume.ROOT / "target-none-xnli" / "key").exists()


def test_whatever_the_result_depends_on_is_in_the_key(workplace: Path, monkeypatch) -> None:
    data = workplace / "encoded/mnli/en/train.parquet"

    def of(changes: dict[str, Any] | None = None, seed: int = 1) -> str:
        return key({"seed": seed}, ENGINE | (changes or {}), [data])

    first = of()
    assert of({"learning_rate": 2e-3}) != first
    assert of({"precision": "bf16"}) != first
    assert of(seed=2) != first
    how = {"zero_stage": 3, "accumulation": 2, "save_minutes": 1, "keep_models": "all"}
    assert of(how | {"seeds": [1, 2, 3], "checkpoint_precision": "float16"}) == first

    data.write_bytes(data.read_bytes() + b" ")
    other = of()
    assert other != first

    code = workplace / "stages"
    for room in resume.CODE:
        (code / room).mkdir(parents=True)
        (code / room / "module.py").write_text("x = 1\n")
    monkeypatch.setattr(resume, "STAGES", code)
    before = of()
    (code / "scoring/module.py").write_text("x = 2\n")
    assert of() != before


def test_nothing_foreign_is_unpickled(workplace, tiny_encoder) -> None:
    class Harm:
        def __reduce__(self):
            return (json.dumps, ("harm",))

    folder = resume.ROOT / "drill" / "key"
    folder.mkdir(parents=True)
    path = folder / "step-00000001.tmp"
    torch.save({"step": 1, "tensors": {}, "best": {}, "extra": Harm()}, path)
    import hashlib

    checksum = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    path.rename(folder / f"step-00000001.{checksum}.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        learn(workplace, tiny_encoder, **RUN, state=drill())
