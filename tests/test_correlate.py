"""correlate on anybody's tables: the interface, and every bad input caught with what to do."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import pytest

from stages.correlate import correlate, present, settings_of
from stages.errors import UserError
from stages.statistics.checking import read_languages, read_scores
from stages.statistics.correlation_table import COLUMNS
from stages.statistics.multiverse import INDEPENDENT
from stages.statistics.outcomes import degradation, log_odds

LANGUAGES = [f"l{i:02}" for i in range(14)]
SMALL = {"permutations": 199, "bootstrap": 100}
SIZE = "log10_pretraining_gib"


def tables(folder: Path, n: int = 14, seeds: int = 2, sources: int = 3) -> tuple[Path, Path]:
    random = np.random.default_rng(0)
    names = LANGUAGES[:n]
    x, z = random.random(n), random.random(n)
    rows = []
    for source in ["none", "mnli", "qqp"][:sources]:
        for seed in range(seeds):
            rows.append((source, "xnli", "en", seed, 88.0, 5010))
            drop = 5 + 10 * x - 2 * z + random.normal(size=n)
            rows += [
                (source, "xnli", name, seed, 88 - d, 5010)
                for name, d in zip(names, drop, strict=True)
            ]
    scores = pd.DataFrame(
        rows, columns=["intermediate", "target", "language", "seed", "value", "n"]
    )
    languages = pd.DataFrame(
        {
            "language": ["en", *names],
            "family": ["A", *("A" if i % 2 else f"f{i}" for i in range(n))],
            "distance_syntactic_knn_angular": [0, *x],
            "distance_other_made_up": [0, *random.random(n)],
            SIZE: [2, *z],
        }
    )
    scores.to_csv(folder / "scores.csv", index=False)
    languages.to_csv(folder / "languages.csv", index=False)
    return folder / "scores.csv", folder / "languages.csv"


def change(path: Path, **columns: object) -> Path:
    pd.read_csv(path).assign(**columns).to_csv(path, index=False)
    return path


def run_on(scores: Path, languages: Path, covariates: tuple[str, ...] = (SIZE,)) -> dict:
    table = read_scores(scores)
    known = read_languages(languages, set(table["language"]), list(covariates))
    settings, _ = present(settings_of(SMALL), table, known, list(covariates))
    return correlate(table, known, list(covariates), settings)


def test_interface(tmp_path: Path) -> None:
    found = run_on(*tables(tmp_path))
    correlations = found["partial_correlations"]
    assert list(correlations.columns) == COLUMNS
    # 2 distances x 2 methods x (3 outcomes of each source + the change of the two trained ones)
    assert len(correlations) == 2 * 2 * (3 * 3 + 2)
    assert correlations["identifiable"].all() and correlations["r"].between(-1, 1).all()
    assert len(found["robustness"]) == len(correlations)
    first = correlations.iloc[0]
    assert (first["intermediate"], first["outcome"], first["method"]) == ("none", "drop", "pearson")
    models = set(found["interactions"]["model"])
    assert "mixed model, within families: points" in models and "paired change" in models


def test_outcomes_by_hand() -> None:
    rows = [("none", "en", 80.0), ("none", "sw", 60.0), ("mnli", "en", 90.0), ("mnli", "sw", 75.0)]
    scores = pd.DataFrame(rows, columns=["intermediate", "language", "value"])
    scores = scores.assign(method="plain", target="xnli", seed=1, n=1000)
    found = degradation(scores).set_index("source")
    assert found.loc["none", "drop"] == 20 and found.loc["mnli", "drop"] == 15
    assert found.loc["none", "relative_drop"] == 25.0
    assert found.loc["none", "logit_drop"] == pytest.approx(np.log(4) - np.log(1.5))
    assert found.loc["mnli", "change"] == 5 and np.isnan(found.loc["none", "change"])


def test_log_odds_of_nought_and_all_are_half_an_item() -> None:
    odds = log_odds(np.array([0.0, 100.0]), np.array([100.0, 100.0]))
    assert odds == pytest.approx([np.log(0.005 / 0.995), -np.log(0.005 / 0.995)])


def test_only_four_columns_are_needed(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path, seeds=1)
    columns = ["intermediate", "target", "language", "value"]
    pd.read_csv(scores)[columns].to_csv(scores, index=False)
    found = run_on(scores, languages)
    assert found["partial_correlations"]["r"].notna().all()


def test_without_covariates_and_without_families(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path)
    pd.read_csv(languages).drop(columns=["family", SIZE]).to_csv(languages, index=False)
    found = run_on(scores, languages, ())
    assert set(found["partial_correlations"]["covariates"]) == {"-"}
    assert found["robustness"]["p_within_families"].isna().all()


def test_six_languages_are_not_identifiable_and_say_so(tmp_path: Path) -> None:
    found = run_on(*tables(tmp_path, n=6, seeds=1))["partial_correlations"]
    assert not found["identifiable"].any()
    assert found["note"].str.startswith("not identifiable: 6 languages").all()


def test_four_languages_are_not_computed(tmp_path: Path) -> None:
    found = run_on(*tables(tmp_path, n=4, seeds=1))["partial_correlations"]
    assert found["r"].isna().all()
    assert found["note"].str.contains("needs more than 4 languages").all()


def test_a_covariate_that_is_constant_somewhere_is_not_held_there(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path)
    table = pd.read_csv(languages)
    table["of_a"] = (table["family"] == "A").astype(float)  # within families nothing is left of it
    table.to_csv(languages, index=False)
    found = run_on(scores, languages, (SIZE, "of_a"))["specifications"]
    held = found[found["covariates"].str.contains("of_a")]
    assert set(held["kinship"]) == {INDEPENDENT}
    # it is constant in the family and without it
    assert set(held["languages"]) == {"all", "without the two smallest"}
    one = held[(held["method"] == "pearson") & (held["outcome"] == "drop")].iloc[0]
    rows = degradation(read_scores(scores)).merge(table, on="language")
    rows = rows[rows["source"] == one["source"]]
    r = pingouin.partial_corr(rows, x=one["distance"], y="drop", covar=[SIZE, "of_a"])["r"].iloc[0]
    assert one["r"] == pytest.approx(r, abs=1e-6)


def test_missing_distances_leave_their_languages_out_aloud(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path, seeds=1)
    table = pd.read_csv(languages)
    table.loc[3, "distance_other_made_up"] = np.nan
    table.to_csv(languages, index=False)
    found = run_on(scores, languages)["partial_correlations"]
    other = found[found["distance"] == "distance_other_made_up"]
    assert set(other["n"]) == {13}
    assert other["note"].str.contains("without 1 for want of a distance: l02").all()


def test_a_metric_that_is_not_chosen_may_be_low(tmp_path: Path) -> None:
    path, _ = tables(tmp_path, seeds=1)
    scores = pd.read_csv(path).assign(metric="f1")
    exact = scores.assign(metric="em", value=np.where(scores["language"] == "l03", 1.0, 0.0))
    pd.concat([exact, scores]).to_csv(path, index=False)
    assert set(read_scores(path)["metric"]) == {"f1"}


BAD_SCORES = {
    "fractions": (lambda t: t.assign(value=t["value"] / 100), "multiply 'value' by 100"),
    "empty value": (lambda t: t.assign(value=[np.nan, *t["value"][1:]]), "row 2: 'value' is empty"),
    "no number": (lambda t: t.assign(value=["high", *t["value"][1:]]), "row 2: 'value' is 'high'"),
    "above 100": (lambda t: t.assign(value=[120, *t["value"][1:]]), "row 2: value 120.0 is not a"),
    "twice": (lambda t: pd.concat([t, t.head(1)]), "a second score for"),
    "no English": (lambda t: t[t["language"] != "en"], "no 'en' row"),
    "unknown": (lambda t: t.replace({"l03": "xx"}), "no row for xx"),
    "ara": (lambda t: t.replace({"l03": "ara"}), "two-letter code 'ar'"),
    "swa": (lambda t: t.replace({"l03": "swa"}), "two-letter code 'sw'"),
    "zho": (lambda t: t.replace({"l03": "zho"}), "two-letter code 'zh'"),
    "no column": (lambda t: t.drop(columns="target"), "no column target"),
    "no rows": (lambda t: t.head(0), "no rows"),
}


@pytest.mark.parametrize("name", BAD_SCORES)
def test_bad_scores(tmp_path: Path, name: str) -> None:
    scores, languages = tables(tmp_path)
    mend, message = BAD_SCORES[name]
    mend(pd.read_csv(scores).astype({"value": object})).to_csv(scores, index=False)
    with pytest.raises(UserError, match=message):
        run_on(scores, languages)


BAD_LANGUAGES = {
    "ara": (lambda t: t.replace({"l03": "ara"}), "row 6: language 'ara': expected .* 'ar'"),
    "swh": (lambda t: t.replace({"l03": "swh"}), "two-letter code 'sw'"),
    "zho": (lambda t: t.replace({"l03": "zho"}), "two-letter code 'zh'"),
    "infinite": (lambda t: t.assign(**{SIZE: np.inf}), "'inf', expected a number"),
    "constant": (lambda t: t.assign(**{SIZE: 1.0}), "a constant explains nothing"),
    "empty": (lambda t: t.assign(**{SIZE: np.nan}), "empty for every language"),
    "no covariate": (lambda t: t.drop(columns=SIZE), f"no column {SIZE}"),
    "text": (lambda t: t.assign(**{SIZE: "large"}), "'large', expected a number"),
    "twice": (lambda t: pd.concat([t, t.tail(1)]), "row 17: language 'l13' occurs twice"),
    "no distance": (lambda t: t.filter(regex="^(?!distance)"), "no column that starts with"),
}


@pytest.mark.parametrize("name", BAD_LANGUAGES)
def test_bad_languages(tmp_path: Path, name: str) -> None:
    scores, languages = tables(tmp_path)
    mend, message = BAD_LANGUAGES[name]
    mend(pd.read_csv(languages)).to_csv(languages, index=False)
    with pytest.raises(UserError, match=message):
        run_on(scores, languages)


def test_collinear_covariates(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path)
    change(languages, again=2 * pd.read_csv(languages)[SIZE] + 1)
    with pytest.raises(UserError, match="collinear"):
        run_on(scores, languages, (SIZE, "again"))


def test_command_fails_with_one_line_and_writes_nothing(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path)
    change(scores, value=0.5)
    command = [sys.executable, "-m", "stages.correlate", "--scores", str(scores)]
    command += ["--languages", str(languages), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()


def test_equal_tables_are_equal_files(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path)
    command = [sys.executable, "-m", "stages.correlate", "--scores", str(scores)]
    command += ["--languages", str(languages), "--out"]
    for name in ("once", "again"):
        subprocess.run([*command, str(tmp_path / name)], check=True, capture_output=True)
    once = {path.name: path.read_bytes() for path in (tmp_path / "once").iterdir()}
    again = {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()}
    assert "specifications.csv.gz" in once and once == again


def test_unknown_primary_key() -> None:
    with pytest.raises(UserError, match="expected KEY=VALUE"):
        settings_of({}, ["colour=blue"])
    assert settings_of({}, ["intermediate=mnli"]).primary["intermediate"] == "mnli"


def primary_of(folder: Path, **changes: str) -> tuple:
    scores, languages = tables(folder)
    if "rename" in changes:
        table = pd.read_csv(languages)
        table.rename(columns={"distance_syntactic_knn_angular": changes.pop("rename")}).to_csv(
            languages, index=False
        )
    table = read_scores(scores)
    known = read_languages(languages, set(table["language"]), [SIZE])
    settings = settings_of({"primary": changes, **SMALL})
    return present(settings, table, known, [SIZE])


MISSPELT = {
    "distance": "distance_syntactic_knn_angulr",
    "target": "xnIi",
    "intermediate": "mnIi",
    "outcome": "dropp",
    "method": "kendall",
}


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_primary_contrast_is_refused(tmp_path: Path, name: str) -> None:
    known = {"distance": "distance_syntactic_knn_angular, distance_other_made_up"}
    expected = rf"correlate.primary.{name} is '{MISSPELT[name]}'.*one of .*{known.get(name, '')}"
    with pytest.raises(UserError, match=expected):
        primary_of(tmp_path, **{name: MISSPELT[name]})


def test_a_table_of_others_without_the_default_distance_says_so(tmp_path: Path) -> None:
    settings, said = primary_of(tmp_path, rename="distance_lexical_mine")
    assert settings.distance == "distance_lexical_mine"
    assert any("no distance 'distance_syntactic_knn_angular'" in words for words in said)
    assert any("slopes are those on distance_lexical_mine" in words for words in said)
    assert primary_of(tmp_path)[1] == []


def test_an_unknown_key_of_the_primary_contrast_is_refused() -> None:
    with pytest.raises(UserError, match=r"correlate.primary.distanse: expected one of target"):
        settings_of({"primary": {"distanse": "distance_x"}})


def test_a_missing_covariate_leaves_its_language_out_aloud(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path)
    table = pd.read_csv(languages)
    table.loc[3, SIZE] = np.nan
    table.to_csv(languages, index=False)
    found = run_on(scores, languages)
    said = "without 1 for want of a covariate: l02"
    for name in ("partial_correlations", "slopes", "interactions"):
        assert set(found[name]["n"]) == {13}, name
        assert found[name]["note"].str.contains(said).all(), name


def test_a_language_that_one_source_lacks_is_left_out_of_that_source_aloud(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path, seeds=1)
    table = pd.read_csv(scores)
    lost = (table["language"] == "l05") & (table["intermediate"] == "mnli")
    table[~lost].to_csv(scores, index=False)
    found = run_on(scores, languages)
    drops = found["partial_correlations"].query("outcome == 'drop'")
    mnli = drops[drops["intermediate"] == "mnli"]
    assert set(mnli["n"]) == {13}
    assert mnli["note"].str.contains("without 1 for want of a comparable score: l05").all()
    assert set(drops.loc[drops["intermediate"] == "none", "n"]) == {14}
    assert found["interactions"]["note"].str.contains("comparable score: l05").all()


def test_retrieval_needs_no_english_and_equal_pools(tmp_path: Path) -> None:
    _, languages = tables(tmp_path)
    random = np.random.default_rng(0)
    rows = [
        (source, "tatoeba", name, "accuracy", 40 + 10 * random.random(), 300 if i < 2 else 1000)
        for source in ("none", "mnli")
        for i, name in enumerate(LANGUAGES)
    ]
    columns = ["intermediate", "target", "language", "metric", "value", "n"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "scores.csv", index=False)
    found = run_on(tmp_path / "scores.csv", languages)
    outcomes = found["outcomes"].set_index(["source", "language"])
    assert outcomes.loc[("none", "l05"), "drop"] == pytest.approx(
        100 - outcomes.loc[("none", "l05"), "value"]
    )
    said = "without 2 for want of a comparable score: l00 l01"
    assert found["partial_correlations"]["note"].str.contains(said).all()
    assert set(found["slopes"]["n"]) == {12} and found["slopes"]["note"].str.contains(said).all()


def test_f1_is_no_share_of_items(tmp_path: Path) -> None:
    scores, languages = tables(tmp_path)
    counted = run_on(scores, languages)
    assert counted["interactions"]["model"].str.contains("log odds").any()
    assert counted["uncertainty"]["se_items"].notna().all()
    change(scores, metric="f1")
    found = run_on(scores, languages)
    assert not found["interactions"]["model"].str.contains("log odds").any()
    assert found["uncertainty"]["se_items"].isna().all()
