"""The loop: its schedule, its attention, what it refuses, what it imports, what it counts."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from cells import learn
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from conftest import ROOT
from stages.errors import UserError
from stages.learning import xlmr
from stages.learning.engine import rate
from stages.learning.flops import forward_flops, matmul_peak
from stages.learning.linear import ROWS, Linear, missing_rows
from stages.learning.progress import Progress
from stages.learning.unpadded import Layout, attend, by_sdpa
from stages.learning.xlmr import XLMR, Config, draw

SHAPE = Config(90, 32, 3, 4, 64, 66)


def test_the_learning_rate_is_that_of_transformers() -> None:
    from transformers import get_linear_schedule_with_warmup

    parameter = torch.nn.Parameter(torch.zeros(1))
    for steps, warmup in ((20, 0.1), (7, 0.5), (3, 0.0)):
        optimizer = torch.optim.SGD([parameter], lr=0.3)
        schedule = get_linear_schedule_with_warmup(optimizer, round(warmup * steps), steps)
        for step in range(steps):
            wanted = {"learning_rate": 0.3, "warmup": warmup}
            assert rate(step, steps, wanted) == pytest.approx(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()


def test_a_step_takes_the_rate_of_its_number(workplace, tiny_encoder) -> None:
    rates: list[float] = []
    learn(workplace, tiny_encoder, report=lambda entry: rates.append(entry["learning_rate"]))
    wanted = {"learning_rate": 1e-3, "warmup": 0.1}
    assert rates == [rate(step, 4, wanted) for step in range(4)]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.randoms())
@settings(max_examples=60, deadline=None)
def test_a_layout_reads_what_the_batch_names(lengths: list[int], random) -> None:
    total = sum(lengths)
    places = np.array(sorted(random.sample(range(total), random.randint(1, total))))
    layout = Layout.of(np.array(lengths), places)
    assert layout.ends.tolist() == np.cumsum([0, *lengths]).tolist()
    order = torch.arange(total) if layout.order is None else layout.order
    back = torch.arange(total) if layout.back is None else layout.back
    assert order[back].tolist() == list(range(total))
    read = order[layout.places]
    read = read if layout.read_back is None else read[layout.read_back]
    assert read.tolist() == places.tolist()
    for pattern, queries in ((layout.all, total), (layout.read, len(places))):
        assert sum(run.count * run.queries for run in pattern.runs) == queries
        assert pattern.key_ends[-1] == total
        for run in pattern.runs:
            # a run's keys are whole sequences
            first = order[run.key : run.key + run.count * run.keys : run.keys]
            assert set(first.tolist()) <= set(layout.ends.tolist())
    # no two runs that could be one
    kinds = [run.keys for run in layout.all.runs]
    assert len(set(kinds)) == len(kinds)


def test_attention_of_runs_is_that_of_every_sequence_and_so_are_its_gradients() -> None:
    torch.manual_seed(0)
    lengths = np.array([3, 5, 3, 1, 64, 5])
    layout = Layout.of(lengths, np.array([0, 2, 8, 76]))
    query = torch.randn(4, 4, 8, requires_grad=True)
    keys, values = (torch.randn(81, 4, 8, requires_grad=True) for _ in range(2))
    outputs = []
    for method in (attend, by_sdpa):
        mixed = method(query, keys, values, layout.read)
        outputs.append([mixed, *torch.autograd.grad((mixed**2).sum(), (query, keys, values))])
    for got, expected in zip(*outputs):
        torch.testing.assert_close(got, expected, atol=1e-6, rtol=1e-5)
    # the keys of a sequence that asks for nothing get no gradient
    assert outputs[0][2].abs().sum(dim=(1, 2)).count_nonzero() < 81


def test_variable_length_flash_attention_takes_what_the_gpu_path_gives_it() -> None:
    from torch.nn.attention.varlen import varlen_attn

    layout = Layout.of(np.array([3, 5]), np.array([0, 3]))
    pattern = layout.read
    tensors = [torch.empty(n, 4, 8, device="meta", dtype=torch.bfloat16) for n in (2, 8, 8)]
    ends = (pattern.query_ends.to("meta"), pattern.key_ends.to("meta"))
    inspect.signature(varlen_attn).bind(*tensors, *ends, pattern.most_queries, pattern.most_keys)
    mixed = varlen_attn(*tensors, *ends, pattern.most_queries, pattern.most_keys)
    assert mixed.shape == (2, 4, 8)
    assert pattern.query_ends.dtype == torch.int32


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, Layout]:
    lengths = np.array([7, 3, 7, 64, 2])
    tokens = torch.from_numpy(np.random.default_rng(seed).integers(4, 90, lengths.sum()))
    positions = torch.from_numpy(np.concatenate([np.arange(n) + 2 for n in lengths]))
    return tokens, positions, Layout.of(lengths, np.cumsum(lengths) - lengths)


def test_the_last_layer_for_what_is_read_equals_the_whole() -> None:
    torch.manual_seed(0)
    model = draw(XLMR(SHAPE)).eval()
    tokens, positions, layout = batch()
    whole = model(tokens, positions, layout)
    places = layout.ends[:-1].long()
    torch.testing.assert_close(
        model(tokens, positions, layout, read=True), whole[places], atol=1e-6, rtol=1e-5
    )
    torch.testing.assert_close(
        model(tokens, positions, layout, read=True, layer=0),
        model(tokens, positions, layout, layer=0)[places],
    )


def test_few_queries_ask_the_states_themselves(monkeypatch) -> None:
    torch.manual_seed(0)
    model = draw(XLMR(SHAPE))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_()
    found = []
    for short in (True, False):
        monkeypatch.setattr(xlmr, "_is_short", lambda query, *_, s=short: s and len(query) == 5)
        model.zero_grad()
        outputs = model(*batch(), read=True)
        (outputs**2).sum().backward()
        gradients = [p.grad for p in model.parameters()]
        assert all(gradient is not None for gradient in gradients)
        found.append([outputs, *gradients])
    for got, expected in zip(*found):
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


def test_recomputed_layers_drop_the_same_again() -> None:
    torch.manual_seed(0)
    model = draw(XLMR(SHAPE, dropout=0.3))
    gradients = []
    for checkpointing in (False, True):
        model.checkpointing = checkpointing
        model.zero_grad()
        torch.manual_seed(5)
        (model(*batch()) ** 2).sum().backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*gradients))


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_dropout_drops_at_its_rate_and_keeps_the_mean(probability: float) -> None:
    source = np.random.SFC64(3)
    states = torch.ones(1000, 401)
    dropped = xlmr.drop(states, probability, source)
    share = float((dropped == 0).float().mean())
    # three standard deviations of a proportion
    assert abs(share - probability) < 3 * (probability * (1 - probability) / states.numel()) ** 0.5
    level = round(probability * 65536)
    assert set(dropped.unique().tolist()) == {0.0, np.float32(65536 / (65536 - level))}
    assert not torch.equal(xlmr.drop(states, probability, source), dropped)


def product(inputs: int = 48, outputs: int = 96) -> Linear:
    torch.manual_seed(0)
    made = Linear(inputs, outputs)
    torch.nn.init.normal_(made.weight, std=0.1)
    torch.nn.init.normal_(made.bias)
    return made


def test_a_product_by_onednn_is_that_of_torch_and_so_are_its_gradients() -> None:
    ours = product()
    found = []
    for multiply in (ours, lambda rows: functional.linear(rows, ours.weight, ours.bias)):
        inputs = torch.randn(2 * ROWS, 48, generator=torch.Generator().manual_seed(1))
        inputs.requires_grad_()
        outputs = multiply(inputs)
        gradients = torch.autograd.grad((outputs**2).sum(), (inputs, ours.weight, ours.bias))
        found.append([outputs, *gradients])
    assert "OneDNN" in type(ours(inputs).grad_fn).__name__
    for got, expected in zip(*found):
        torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("rows", [ROWS, 3 * ROWS, 70])
def test_what_follows_a_product_is_the_same_with_and_without_gradients(rows: int) -> None:
    ours, inputs, states = product(), torch.randn(rows, 48), torch.randn(rows, 96)
    plain = functional.linear(inputs, ours.weight, ours.bias)
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients):
            found = ours.then_gelu(inputs), ours.then_add(inputs, states)
        torch.testing.assert_close(found[0], functional.gelu(plain), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found[1], states + plain, atol=1e-5, rtol=1e-5)


def test_rows_are_added_up_to_a_number_that_comes_back_and_change_nothing(monkeypatch) -> None:
    assert [missing_rows(rows, torch.zeros(1)) for rows in (1, ROWS, ROWS + 1)] == [
        ROWS - 1, 0, ROWS - 1,
    ]  # fmt: skip
    assert missing_rows(1, torch.zeros(1, dtype=torch.bfloat16)) == 0
    model = draw(XLMR(SHAPE))
    found = []
    for added in (missing_rows, lambda rows, weight: 0):
        monkeypatch.setattr(xlmr, "missing_rows", added)
        model.zero_grad()
        outputs = [model(*batch()), model(*batch(), read=True)]
        sum((some**2).sum() for some in outputs).backward()
        found.append([*outputs, *(p.grad for p in model.parameters())])
    for got, expected in zip(*found):
        assert got.shape == expected.shape
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


def test_flops_by_hand() -> None:
    lengths = np.array([3, 5])
    layout = Layout.of(lengths, np.array([0, 3]))
    one_layer = Config(90, 10, 1, 2, 20, 66)
    # 8 tokens x 2 x (4 x 10 x 10 + 2 x 10 x 20) and 4 x 10 x (3 x 3 + 5 x 5)
    whole = 8 * 2 * 800 + 40 * 34
    assert forward_flops(one_layer, layout, read=False) == whole
    # keys and values of 8 tokens, the rest of 2; 3 and 5 pairs
    read = 8 * 2 * 200 + 2 * 2 * 600 + 40 * 8
    assert forward_flops(one_layer, layout, read=True) == read
    two = Config(90, 10, 2, 2, 20, 66)
    assert forward_flops(two, layout, read=True) == whole + read


def test_a_product_of_matrices_has_a_peak() -> None:
    assert matmul_peak(torch.device("cpu"), torch.float32, size=64) > 1e6


def test_a_line_of_progress_says_what_is_left_how_fast_and_how_full() -> None:
    progress = Progress("mnli", 100, ranks=2, peak=1e9)
    outcome = SimpleNamespace(tokens=500, flops=1e9)
    progress.first = (10.0, 20, 500, 1e9)
    outcome.tokens, outcome.flops = 1500, 5e9
    entry = {"step": 40.0, "loss": 0.5, "development": 61.25}
    # 20 steps in 20 s: 60 s for the other 60; 1,000 tokens on each of two ranks; 4e9 in 20 s
    assert progress.line(30.0, entry, outcome) == (
        "  mnli  step 40/100  loss 0.500  60 s left  100 tokens/s  20% of peak  "
        "English development 61.2"
    )


def test_a_loss_that_is_no_number_stops_with_advice(workplace, tiny_encoder) -> None:
    with pytest.raises(UserError, match=r"at step [1-4]: lower learning_rate .*it is 1e\+30"):
        learn(workplace, tiny_encoder, learning_rate=1e30, clip=0.0, warmup=0.0, zero_stage=0)


def test_offload_needs_a_stage_that_has_it(workplace, tiny_encoder) -> None:
    with pytest.raises(UserError, match=r"set engine\.zero_stage to 1, 2 or 3"):
        learn(workplace, tiny_encoder, offload="optimizer", zero_stage=0)


def test_offload_does_not_change_the_losses(workplace, tiny_encoder) -> None:
    expected, _ = learn(workplace, tiny_encoder)
    losses, _ = learn(workplace, tiny_encoder, offload="optimizer")
    np.testing.assert_allclose(losses, expected, atol=1e-4)


def test_a_cell_starts_without_what_it_does_not_need(workplace, tiny_encoder, tmp_path) -> None:
    script = tmp_path / "start.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        f"sys.path[:0] = [{str(ROOT / 'tests')!r}, {str(ROOT)!r}]\n"
        "from cells import learn\n"
        "import stages.intermediate, stages.learning.cell\n"
        f"learn(Path({str(workplace)!r}), Path({str(tiny_encoder)!r}))\n"
        "heavy = 'mlflow transformers tokenizers torch._dynamo torch._inductor sympy'\n"
        "print([name for name in heavy.split() if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "[]", done.stderr[-2000:]
