"""Several heads on one encoder, and unlabelled text: the same on every rank, stage and restart."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cells import learn, two_ranks
from test_resume import Killed, drill, equal
from variants import MLM, TASKS, learn_variant, lesson, with_mask, write_tasks

from stages.errors import UserError
from stages.learning.engine import join_ranks
from stages.learning.mixture import Mixture, shares

RUN = {"max_steps": 8, "selection_every": 3}


@pytest.fixture
def place(workplace: Path) -> Path:
    return write_tasks(workplace)


@pytest.fixture
def encoder(workplace: Path, tiny_encoder: Path) -> Path:
    return with_mask(tiny_encoder, workplace / "encoder")


def losses(curve: list[dict[str, float]]) -> list[float]:
    return [entry["loss"] for entry in curve]


def test_tasks_come_by_their_rule() -> None:
    counts = np.array([1_000, 100, 10])
    assert shares({"by": "uniform"}, counts).tolist() == [1 / 3] * 3
    np.testing.assert_allclose(shares({}, counts), counts / 1_110)
    # min(n, 400) to the power of a half: 20, 10, sqrt(10)
    rule = {"by": "temperature", "temperature": 2, "cap": 400}
    wanted = np.array([20, 10, 10**0.5])
    np.testing.assert_allclose(shares(rule, counts), wanted / wanted.sum())


def test_what_a_step_trains_on_depends_on_the_seed_and_the_step_alone(encoder, place) -> None:
    first, again = (lesson(encoder, place, mlm=MLM, **RUN).course for _ in range(2))
    longer = lesson(encoder, place, mlm=MLM, max_steps=300).course
    other = lesson(encoder, place, mlm=MLM, seed=2, max_steps=300).course
    assert isinstance(longer, Mixture) and isinstance(other, Mixture)
    for step in reversed(range(8)):  # in any order
        draws = [course.draw(step) for course in (first, again, longer)]
        assert len({draw.part for draw in draws}) == 1
        batches = [draw.batch(draw.rows[:4]) for draw in draws]
        assert all(torch.equal(b.tokens, batches[0].tokens) for b in batches)
        assert all(torch.equal(b.labels, batches[0].labels) for b in batches)
    assert other.order.tolist() != longer.order.tolist()
    # a part's own steps follow each other: its second batch begins where its first ended
    number = int(longer.order[0])
    here = np.flatnonzero(longer.order == number)
    assert longer.turns[here].tolist() == list(range(len(here)))
    mlm = (longer.order == len(TASKS)).mean()
    assert abs(mlm - MLM["share"]) < 3 * (0.4 * 0.6 / 300) ** 0.5


def test_every_head_learns_and_selection_is_their_mean(encoder, place) -> None:
    curve, weights = learn_variant(encoder, place, mlm=MLM, max_steps=24, selection_every=24)
    end = curve[-1]
    measured = [end[f"development/{name}"] for name in TASKS]
    assert end["development"] == pytest.approx(np.mean(measured))
    start = lesson(encoder, place, mlm=MLM)
    torch.manual_seed(1)
    from conftest import ENGINE
    from stages.learning import encoder as encoders

    before = dict(start.build(encoders.read(encoder, ENGINE)).named_parameters())
    assert before.keys() == weights.keys()
    for name in (*TASKS, "mlm"):
        changed = [
            not torch.equal(before[key], value)
            for key, value in weights.items()
            if key.startswith(f"heads.{name}.") and value.ndim > 1
        ]
        assert all(changed) and changed, name


@pytest.mark.parametrize("stage", [0, 2, 3])
def test_zero_stages_give_the_same_losses_whatever_the_head(encoder, place, stage: int) -> None:
    expected, _ = learn_variant(encoder, place, mlm=MLM, zero_stage=1, **RUN)
    found, _ = learn_variant(encoder, place, mlm=MLM, zero_stage=stage, **RUN)
    np.testing.assert_allclose(losses(found), losses(expected), atol=1e-4)


@pytest.mark.parametrize("stage", [0, 2])
def test_a_killed_variant_ends_as_one_that_was_not(encoder, place, stage: int) -> None:
    curve, weights = learn_variant(encoder, place, mlm=MLM, zero_stage=stage, **RUN)
    for step in (3, 6):

        def report(entry: dict[str, float], last: int = step) -> None:
            if entry["step"] == last:
                raise Killed

        with pytest.raises(Killed):
            learn_variant(
                encoder, place, mlm=MLM, zero_stage=stage, report=report, state=drill(), **RUN
            )
    assert drill().generations()
    again, resumed = learn_variant(encoder, place, mlm=MLM, zero_stage=stage, state=drill(), **RUN)
    assert again == curve
    assert equal(resumed, weights)


@pytest.mark.parametrize("stage", [0, 3])
def test_two_ranks_give_the_losses_of_one_whatever_the_head(
    encoder, place, tmp_path, stage: int
) -> None:
    expected, _ = learn_variant(encoder, place, mlm=MLM, dropout=0.0, zero_stage=stage, **RUN)
    done = two_ranks(
        tmp_path,
        "from variants import MLM, learn_variant",
        "import torch",
        f"curve, _ = learn_variant(Path({str(encoder)!r}), Path({str(place)!r}), mlm=MLM,",
        f"    dropout=0.0, zero_stage={stage}, **{RUN!r})",
        "if torch.distributed.get_rank() == 0:",
        f"    Path({str(tmp_path / 'curve.json')!r}).write_text(json.dumps(curve))",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "curve.json").read_text())
    np.testing.assert_allclose(losses(found), losses(expected), atol=1e-4)
    assert [entry.get("development") for entry in found] == pytest.approx(
        [entry.get("development") for entry in expected]
    )


def test_a_share_of_0_is_the_plain_method_bit_for_bit(workplace, tiny_encoder) -> None:
    expected, weights = learn(workplace, tiny_encoder)
    curve, found = learn_variant(tiny_encoder, workplace / "encoded", ["mnli"], {"share": 0})
    assert losses(curve) == expected
    assert found.keys() == weights.keys()
    assert equal(found, weights)


def test_tasks_of_one_base_are_one_training_set_with_one_head(encoder, place) -> None:
    from conftest import ENGINE
    from stages.learning.lesson import variant
    from stages.tasks import find
    from stages.tasks.variants import method

    (place / "mnli.id").mkdir()
    (place / "mnli.id" / "id").symlink_to(place / "mnli" / "en")
    tasks = [find("mnli"), find("mnli.id")]
    found = variant(tasks, encoder, place, ENGINE, {"mnli": ENGINE}, 1, None, None)
    assert found.rows == 2 * 48
    assert found.head is not None and not isinstance(found.course, Mixture)
    assert method(tasks, None) == "translated"
    assert method([*tasks, find("csqa")], {"share": 0.1}) == "multitask+translated+mlm"
    assert method([find("mnli")], {"share": 0}) == "plain"


@pytest.mark.parametrize(
    ("tasks", "lost", "left_out"),
    [
        (["mnli", "mnli.id"], "mnli.id", True),  # plain training under another name
        (["mnli", "csqa"], "csqa", True),
        (["mnli", "csqa", "ccg"], "ccg", False),
    ],
)
def test_a_variant_without_what_makes_it_is_left_out(
    workplace, monkeypatch, tasks, lost, left_out
) -> None:
    from stages import intermediate, params
    from stages.tasks import missing

    missing.leave(workplace / "encoded" / lost, "bring it")
    stage = {"tasks": ["mnli"], "variants": {"both": {"tasks": tasks}}, "seed": 1}
    settings = {"study": "test", "engine": {}, "intermediate": stage, "data": {"tasks": tasks}}
    trained = []
    monkeypatch.setattr(params, "read", lambda: settings)
    monkeypatch.setattr(intermediate, "train_variant", lambda *arguments: trained.append(arguments))
    monkeypatch.setattr(sys, "argv", ["intermediate", "both"])
    intermediate.main()
    assert bool(missing.why(workplace / "encoders/both")) is left_out
    assert [[task.name for task in run[1]] for run in trained] == (
        [] if left_out else [["mnli", "csqa"]]
    )


def test_a_batch_that_one_rank_would_not_have_is_refused(encoder, place) -> None:
    found = lesson(encoder, place, mlm={**MLM, "batch_size": 9})
    with pytest.raises(UserError, match=r"batch_size 9 of mlm .* 2 ranks x accumulation 2.* of 4"):
        found.check(2, 2)


def test_a_head_that_only_one_rank_has_is_refused_on_both(encoder, place, tmp_path) -> None:
    join_ranks()
    lesson(encoder, place).agree("key")
    done = two_ranks(
        tmp_path,
        "from variants import TASKS, lesson",
        "from stages.errors import UserError",
        "from stages.learning.engine import join_ranks",
        "rank, *_ = join_ranks()",  # leaves the group at exit
        "def said(tasks, key):",
        "    found = lesson(",
        f"        Path({str(encoder)!r}), Path({str(place)!r}), tasks, max_steps=8",
        "    )",
        "    try:",
        "        found.agree(key)",
        "    except UserError as error:",
        "        return str(error)",
        "found = [said(TASKS, 'key'), said(TASKS[:4 - rank], 'key'), said(TASKS, f'key {rank}')]",
        f"(Path({str(tmp_path)!r}) / f'said-{{rank}}.json').write_text(json.dumps(found))",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for rank in (0, 1):
        same, heads, data = json.loads((tmp_path / f"said-{rank}.json").read_text())
        assert same is None
        assert heads.startswith(
            "rank 1 has the heads mnli, csqa, udpos, rank 0 has mnli, csqa, udpos, squad: encoded/"
        )
        assert data.startswith("rank 1 reads other data, parameters or code than rank 0")


def test_text_that_is_not_there_is_named(encoder, place) -> None:
    with pytest.raises(UserError, match=r"no train\.parquet in yo, .* it has sw, th"):
        lesson(encoder, place, mlm={**MLM, "languages": ["sw", "yo"]})
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = place / "text/sw/train.parquet"
    pq.write_table(pa.table({"ids": pa.array([[5], []], pa.list_(pa.int32()))}), path)
    with pytest.raises(UserError, match=r"text/sw/train\.parquet, row 1: no text"):
        lesson(encoder, place, mlm=MLM)
    for path in (place / "text").rglob("*.parquet"):
        path.unlink()
    with pytest.raises(UserError, match=r"holds no text for mlm: add text to data\.tasks"):
        lesson(encoder, place, mlm=MLM)


def test_an_encoder_without_a_mask_is_refused(tiny_encoder, place) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.json: no token <mask>"):
        lesson(tiny_encoder, place, mlm=MLM)
