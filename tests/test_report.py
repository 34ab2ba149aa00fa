"""The report: what its first screen says, what it marks, and that it needs no network."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.correlate import correlate, settings_of
from stages.errors import UserError
from stages.report import Statistics, report
from stages.reporting.answer import first_sentence, second_sentence
from stages.reporting.claims import claims_table, gain
from stages.reporting.drawing import inline
from stages.reporting.marks import marked
from stages.reporting.page import Section, render, table, text
from stages.statistics.checking import read_languages, read_scores

SIZE = "log10_pretraining_gib"
XNLI = "en ar bg de el es fr hi ru sw th tr ur vi zh".split()


def draw_scores(path: Path) -> Path:
    random = np.random.default_rng(0)
    rows = [
        (source, "xnli", name, seed, (88 if name == "en" else 75) + random.normal(), 5010)
        for source in ("none", "mnli")
        for seed in (1, 2)
        for name in XNLI
    ]
    columns = ["intermediate", "target", "language", "seed", "value", "n"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("study")
    scores = read_scores(draw_scores(folder / "scores.csv"))
    languages = read_languages(Path("languages/languages.csv"), set(scores["language"]), [SIZE])
    some = [c for c in languages if not c.startswith("distance_") or "syntactic_knn" in c]
    settings = settings_of({"permutations": 99, "bootstrap": 50})
    for name, found in correlate(scores, languages[some], [SIZE], settings).items():
        found.to_csv(
            folder / (f"{name}.csv.gz" if name == "specifications" else f"{name}.csv"), index=False
        )
    fixed = {"primary": settings.primary, "covariates": [SIZE]}
    (folder / "analysis.json").write_text(json.dumps(fixed))
    own = Statistics.read(folder)
    claims = pd.read_csv("published/claims.csv")
    return report(scores, languages, own, own, claims, None, stand_in=True)  # type: ignore


def test_page_opens_without_a_network(made: tuple[str, list, pd.DataFrame]) -> None:
    page = made[0]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script" not in page and "@import" not in page and "url(http" not in page


def test_first_screen_marks_the_stand_in_and_answers(made: tuple[str, list, pd.DataFrame]) -> None:
    first = made[0].split("<h2")[0]
    assert "randomly initialised stand-in" in first
    assert first.count('class="answer"') == 2 and first.count("<svg") == 1
    assert "95% interval" in first and "Limits." in first


def test_training_on_the_targets_own_data_is_marked(made: tuple[str, list, pd.DataFrame]) -> None:
    assert "mnli*" in made[0] and "more epochs, not transfer" in made[0]
    frame = pd.DataFrame({"source": ["mnli", "mnli"], "target": ["xnli", "pawsx"]})
    assert marked(frame)["source"].tolist() == ["mnli*", "mnli"]


def test_ids_of_inline_figures_are_unique(made: tuple[str, list, pd.DataFrame]) -> None:
    names = re.findall(r'\bid="([^"]+)"', made[0])
    assert len(names) == len(set(names))


def test_every_figure_has_its_data(made: tuple[str, list, pd.DataFrame], tmp_path: Path) -> None:
    names = [figure.name for figure in made[1]]
    assert len(names) == len(set(names)) >= 6
    for figure in made[1]:
        figure.write(tmp_path)
        assert len(pd.read_csv(tmp_path / f"{figure.name}.csv")) > 0
        assert (tmp_path / f"{figure.name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_stand_in_supports_no_claim(made: tuple[str, list, pd.DataFrame]) -> None:
    assert set(made[2]["verdict"]) <= {"undecided", "not run"}


def claim(measure: str, task: str = "mnli", target: str = "xnli") -> pd.DataFrame:
    columns = ["claim", "claimed", "measure", "intermediate", "target"]
    return pd.DataFrame([["a claim", "+1", measure, task, target]], columns=columns)


def scores(none: list[float], mnli: list[float]) -> pd.DataFrame:
    rows = [("none", s, v) for s, v in enumerate(none)] + [
        ("mnli", s, v) for s, v in enumerate(mnli)
    ]
    frame = pd.DataFrame(rows, columns=["intermediate", "seed", "value"])
    return frame.assign(method="plain", target="xnli", language="en")


def test_gain_by_hand() -> None:
    from scipy import stats

    none, mnli = [70.0, 71.0, 72.0], [75.0, 76.0, 78.0]
    runs = scores(none, mnli).groupby(["intermediate", "target", "seed"])["value"].mean()
    expected = stats.ttest_ind(mnli, none, equal_var=False).confidence_interval()
    mean, low, high = gain(runs, "mnli", ["xnli"])
    assert mean == pytest.approx(np.mean(mnli) - 71)
    assert (low, high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("measure", "mnli", "verdict"),
    [
        ("gain", [75.0, 75.1], "supported"),
        ("gain", [65.0, 65.1], "contradicted"),
        ("gain", [68.0, 73.0], "undecided"),
        ("gain", [75.0], "undecided"),
        ("no gain", [75.0, 75.1], "contradicted"),
        ("no gain", [69.0, 69.1], "supported"),
    ],
)
def test_verdicts(measure: str, mnli: list[float], verdict: str) -> None:
    found = claims_table(claim(measure), scores([70.0, 70.1], mnli), set(), stand_in=False)
    assert found["verdict"].tolist() == [verdict]


def test_what_was_not_run_says_so() -> None:
    found = claims_table(claim("gain", "squad"), scores([70.0], [71.0]), set(), stand_in=False)
    assert found.loc[0, ["verdict", "why"]].tolist() == [
        "not run",
        "the study has no intermediate task squad",
    ]


def row(low: float, high: float) -> pd.Series:
    found = {"estimate": (low + high) / 2, "ci_low": low, "ci_high": high, "detectable": 2.0}
    return pd.Series({**found, "p": 0.04, "p_permutation": 0.03, "model": "paired change"})


def test_sentences_follow_their_intervals() -> None:
    assert "grows with distance" in first_sentence(row(0.5, 2), "", "xnli", "distance", True)
    missed = first_sentence(row(-1, 2), "", "xnli", "distance", True)
    assert "cannot be told from none" in missed and "below 2.00 would have been missed" in missed
    shared = {"target": "xnli", "identifiable": True, "intermediate": "mnli"}
    flatter = pd.DataFrame([{**row(-2, -1), **shared}])
    assert "flatter" in second_sentence(flatter, "xnli")
    assert "was not run" in second_sentence(pd.DataFrame(), "xnli")
    lost = pd.DataFrame([{**row(-2, -1), **shared, "identifiable": False}])
    assert "not identifiable" in second_sentence(lost, "xnli")


def test_text_is_escaped_and_gaps_are_dashes() -> None:
    block = table(pd.DataFrame({"a": [1.0, float("nan")], "b": ["<x>", "y"]}))
    page = render("t", [Section("s", [text("a < b"), block])])
    assert "a &lt; b" in page and "&lt;x&gt;" in page and "–" in page


def test_inline_svg_keeps_its_references() -> None:
    svg = '<?xml?><svg width="10pt" height="5pt"><g id="a"/><use href="#a"/></svg>'
    assert 'id="f-a"' in inline(svg, "f") and 'href="#f-a"' in inline(svg, "f")


def test_missing_statistics_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="run the correlate stage first"):
        Statistics.read(tmp_path)
