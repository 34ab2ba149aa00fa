"""The tables of the report: of the paper, of the best, of what was picked, by hand."""

import numpy as np
import pandas as pd
import pytest
from test_report import claim, scores

from stages.reporting.benchmark import headline, paper_table, task_scores
from stages.reporting.claims import claims_table, gain


def many_metrics() -> pd.DataFrame:
    rows = []
    for task, more in (("none", 0.0), ("squad", 10.0), ("mnli", 2.0)):
        for language in ("en", "de"):
            for metric, value in (("f1", 60.0), ("em", 40.0)):
                rows.append((task, "xquad", language, 1, "validation", metric, value + more))
            rows.append((task, "xnli", language, 1, "test", "accuracy", 70.0 + more / 2))
        rows.append((task, "tatoeba", "de", 0, "test", "accuracy", 30.0 + more))
    columns = ["intermediate", "target", "language", "seed", "split", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)


def test_question_answering_is_the_mean_of_em_and_f1() -> None:
    found = task_scores(headline(many_metrics()))
    assert list(found.columns) == ["xnli", "xquad", "tatoeba"]
    assert list(found.index) == ["none", "mnli", "squad"]
    assert found.loc["none"].tolist() == [70.0, 50.0, 30.0]


def test_table_of_the_paper_by_hand() -> None:
    same = {("mnli", "xnli"), ("squad", "xquad")}
    found = paper_table(headline(many_metrics()), same)
    assert found is not None
    rows, caption = found
    assert rows.to_numpy().tolist() == [
        ["none (score)", "70.0", "50.0", "30.0", "50.0"],
        ["mnli", "+1.0*", "+2.0", "+2.0", "+1.7"],
        ["squad", "+5.0", "+10.0*", "+10.0", "+8.3"],
    ]
    assert "3 of its 9 targets, so not XTREME's number" in caption
    assert "validation: xquad" in caption and "selection on test" in caption


def test_a_missing_cell_is_a_dash_and_has_no_mean() -> None:
    scores = many_metrics()
    lost = (scores["intermediate"] == "mnli") & (scores["target"] == "xquad")
    rows, _ = paper_table(headline(scores[~lost]), set())  # type: ignore[misc]
    assert rows.loc[1].tolist() == ["mnli", "+1.0", "–", "+2.0", "–"]
    assert paper_table(headline(scores[scores["intermediate"] != "none"]), set()) is None


def test_shared_training_run_is_one_draw() -> None:
    # XQuAD and MLQA are evaluated on one run: twice the same numbers are no more certain.
    random = np.random.default_rng(0)
    rows = [
        (task, target, seed, 50 + 5 * (task == "mnli") + value)
        for task in ("none", "mnli")
        for seed, value in enumerate(random.normal(size=4))
        for target in ("xquad", "mlqa")
    ]
    table = pd.DataFrame(rows, columns=["intermediate", "target", "seed", "value"])
    runs = table.groupby(["intermediate", "target", "seed"])["value"].mean()
    alone, both = gain(runs, {"xquad": "mnli"}), gain(runs, {"xquad": "mnli", "mlqa": "mnli"})
    assert both == pytest.approx(alone)


def test_what_was_picked_is_corrected_for_the_choice() -> None:
    table = scores([70.0, 71.0, 72.0], [75.0, 76.0, 78.0])
    runs = table.groupby(["intermediate", "target", "seed"])["value"].mean()
    _, low, high = gain(runs, {"xnli": "mnli"})
    _, lower, higher = gain(runs, {"xnli": "mnli"}, choices=9)
    assert lower < low and higher > high


def test_almost_every_task_is_counted() -> None:
    rows = [("none", "tatoeba", 30.0)] + [(f"t{i}", "tatoeba", 31.0 + i) for i in range(9)]
    table = pd.DataFrame(rows, columns=["intermediate", "target", "value"])
    table = table.assign(method="plain", seed=0, language="de")
    found = claims_table(claim("share", "", "tatoeba"), table, set(), stand_in=False).loc[0]
    assert found["verdict"] == "supported" and found["measured"].startswith("9 of 9 tasks gain")
