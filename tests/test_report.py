"""The report: what its first screen says, what it marks, and that it needs no network."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.correlate import correlate, present, settings_of
from stages.errors import UserError
from stages.report import STAND_IN, TITLE, report
from stages.reporting.answer import first_sentence, second_sentence
from stages.reporting.benchmark import paper_table
from stages.reporting.best import best_table
from stages.reporting.calibrated import WORLDS, Calibration
from stages.reporting.claims import claims_table, gain
from stages.reporting.drawing import inline
from stages.reporting.folder import Statistics
from stages.reporting.marks import marked, same_data
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
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    scores = read_scores(draw_scores(folder / "scores.csv"))
    languages = read_languages(Path("languages/languages.csv"), set(scores["language"]), [SIZE])
    some = [c for c in languages if not c.startswith("distance_") or "syntactic_knn" in c]
    settings = settings_of({"permutations": 99, "bootstrap": 50})
    settings, _ = present(settings, scores, languages, [SIZE])
    for name, found in correlate(scores, languages[some], [SIZE], settings).items():
        found.to_csv(
            folder / (f"{name}.csv.gz" if name == "specifications" else f"{name}.csv"), index=False
        )
    fixed = {"primary": settings.primary, "distance": settings.distance, "covariates": [SIZE]}
    (folder / "analysis.json").write_text(json.dumps(fixed))
    return folder


def calibration(*failing: tuple[str, str, str]) -> Calibration:
    """The committed table, with some (quantity, what, world) made to fail."""
    table = pd.read_csv("benchmarks/calibration.csv")
    for quantity, what, world in failing:
        rows = (table["quantity"] == quantity) & (table["what"] == what)
        assert (rows & (table["world"] == world)).any()
        table.loc[rows & (table["world"] == world), "verdict"] = "fails"
    return Calibration(table)


def page_of(folder: Path, known: Calibration, stand_in: bool = False) -> tuple:
    scores = pd.read_csv(folder / "scores.csv")
    languages = pd.read_csv("languages/languages.csv").set_index("language")
    own = Statistics.read(folder, known)
    claims = pd.read_csv("published/claims.csv")
    found = report(scores, languages, own, own, claims, known, stand_in)
    page = render(TITLE, found.sections, STAND_IN if stand_in else "")
    return page, found.figures, found.files["claims"]


@pytest.fixture(scope="module")
def made(folder: Path) -> tuple[str, list, pd.DataFrame]:
    return page_of(folder, calibration(), stand_in=True)


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


def test_a_variant_is_marked_as_the_plain_task_is(folder: Path) -> None:
    same = same_data({"same_data": {"multitask+all": ["xnli"], "mlm+csqa-mlm": []}})
    frame = pd.DataFrame(
        {
            "encoders": ["none", "mnli, qqp", "multitask+all, multitask+few", "mlm+csqa-mlm"],
            "target": "xnli",
        }
    )
    wanted = ["none", "mnli*, qqp", "multitask+all*, multitask+few", "mlm+csqa-mlm"]
    assert marked(frame, same)["encoders"].tolist() == wanted
    own = Statistics.read(folder, calibration(), same)
    assert own.methods["encoders"].tolist() == ["none", "mnli*"]
    primary = replace(own, primary={**own.primary, "intermediate": "mnli"})
    assert primary.sources("xnli")[:2] == ["mnli*", "none"]
    rows = [
        (source, target, language, 70.0 + len(source))
        for source in ("none", "multitask+all")
        for target in ("xnli", "pawsx")
        for language in ("en", "de")
    ]
    table = pd.DataFrame(rows, columns=["source", "target", "language", "value"])
    scores = table.assign(seed=1, split="test", metric="accuracy", n=9)
    found = paper_table(scores, same)
    assert found is not None and "more epochs, not transfer" in found[1]
    row = found[0].set_index("intermediate").loc["multitask+all"]
    assert [row["xnli"], row["pawsx"]] == ["+9.0*", "+9.0"]
    made = best_table([], scores, same).set_index("target")["chosen on the target languages"]
    assert made.to_dict() == {"xnli": "multitask+all*", "pawsx": "multitask+all"}


def test_ids_of_inline_figures_are_unique(made: tuple[str, list, pd.DataFrame]) -> None:
    names = re.findall(r'\bid="([^"]+)"', made[0])
    assert len(names) == len(set(names))


def test_every_figure_has_its_data(made: tuple[str, list, pd.DataFrame], tmp_path: Path) -> None:
    names = [figure.name for figure in made[1]]
    assert len(names) == len(set(names)) >= 6
    for figure in made[1]:
        figure.write(tmp_path)
        assert len(pd.read_csv(tmp_path / "data" / f"{figure.name}.csv")) > 0
        png = tmp_path / "figures" / f"{figure.name}.png"
        assert png.read_bytes().startswith(b"\x89PNG")


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
    mean, low, high = gain(runs, {"xnli": "mnli"})
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
    return pd.Series({**found, "p_permutation": 0.03, "model": "within families"})


def test_sentences_follow_their_intervals() -> None:
    words = ("", "xnli", "distance", "size")
    assert "grows with distance" in first_sentence(row(0.5, 2), *words)
    missed = first_sentence(row(-1, 2), *words)
    assert "cannot be told from none" in missed and "below 2.00 would have been missed" in missed
    unknown = first_sentence(row(-1, 2).replace({-1.0: np.nan, 2.0: np.nan}), *words)
    assert "says nothing beyond them" in unknown and "interval" in unknown
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
        Statistics.read(tmp_path, calibration())


WITHIN = "mixed model, within families: points"


def test_committed_calibration_is_complete() -> None:
    table = pd.read_csv("benchmarks/calibration.csv")
    assert table["draws"].min() >= 2000 and set(table["world"]) == set(WORLDS)
    worlds = table.groupby(["quantity", "what"])["world"].nunique()
    assert (worlds == 3).all()
    # What the first screen prints must have held.
    known = calibration()
    assert known.holds("slope, within families", "coverage")
    assert known.holds("p_within_families (pearson)", "false positives")
    for study in ("2 tasks, 2 seeds", "9 tasks, 1 seed"):
        assert known.holds(f"change of slope, {WITHIN} ({study})", "coverage")


def test_verdicts_follow_their_limits() -> None:
    table = pd.read_csv("benchmarks/calibration.csv")
    positives = table[table["what"] == "false positives"]
    assert (positives.loc[positives["verdict"] == "fails", "value"] > 0.06).all()
    assert (positives.loc[positives["verdict"] != "fails", "value"] <= 0.06).all()
    covered = table[table["what"] == "coverage"]
    assert (covered.loc[covered["verdict"] == "fails", "value"] < 0.93).all()
    assert (covered.loc[covered["verdict"] != "fails", "value"] >= 0.93).all()


def test_what_fails_in_one_world_is_not_printed(folder: Path) -> None:
    page = page_of(folder, calibration(("slope, within families", "coverage", "tree")))[0]
    first = page.split("<h2")[0]
    assert "says nothing beyond them" in first
    failing = (f"change of slope, {WITHIN} (9 tasks, 1 seed)", "coverage", "families")
    own = Statistics.read(folder, calibration(failing))
    rows = own.interactions[own.interactions["model"] == WITHIN]
    together = rows["intermediate"] == "all intermediate tasks"
    assert rows.loc[together, "ci_low"].isna().all() and rows["estimate"].notna().all()
    # The p of independent languages fails with families: never in the shown table.
    assert "Only if languages were independent draws" in page
    assert page.index("Only if languages") < page.index("p (Freedman")


def test_without_calibration_nothing_is_inference(folder: Path) -> None:
    page = page_of(folder, Calibration(None))[0]
    assert "says nothing beyond them" in page and "Freedman–Lane) " not in page
    assert "p (Freedman" not in page and "95% (BCa)" not in page
    own = Statistics.read(folder, Calibration(None))
    assert own.slopes["ci_low"].isna().all()
    assert own.robustness["p_within_families"].isna().all()


def test_every_language_of_every_target_is_there(made: tuple[str, list, pd.DataFrame]) -> None:
    part = made[0].split("Every language of every target</h2>")[1].split("<h2")[0]
    for language in XNLI:
        assert f"<td>{language}</td>" in part
    assert "xnli: accuracy in 15 languages" in part and "without English" in part


def test_the_report_says_what_the_guards_left_out() -> None:
    from stages.reporting.guarded import guarded

    counts = {"files": 2, "rows": 90, "warn": 1, "note": 0, "dropped": 3}
    leak = {"rule": "test_in_train", "rows": 7}
    section = guarded(
        {"tasks": {"squad": counts}, "leakage": [leak], "leakage_dropped": {"squad": 5}}
    )
    page = render("t", [section])
    assert "7 test rows have a copy" in page and "5 training rows were left out" in page
