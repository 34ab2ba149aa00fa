"""Distances: published values, properties, and the committed table against its recipe."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.distances import IDENTITY, join, read, read_sizes, recompute
from stages.errors import UserError
from stages.typology.lang2vec import Vectors, angular
from stages.typology.tokens import token_covariates

LANGUAGES = Path("languages/languages.csv")
# arXiv 1911.02116, table 6 (GiB), and 2/pi * arccos(cosine) of lang2vec's kNN syntax vectors.
GIB = {"en": 300.8, "de": 66.6, "sw": 1.6, "ur": 5.7, "zh": 46.9, "th": 71.7, "ja": 69.3}
SYNTACTIC_KNN = {
    **{"ar": 0.554, "bg": 0.344, "de": 0.283, "el": 0.427, "es": 0.386, "fr": 0.397, "hi": 0.577},
    **{"ru": 0.397, "sw": 0.686, "th": 0.558, "tr": 0.662, "ur": 0.577, "vi": 0.541, "zh": 0.495},
    **{"ja": 0.667, "ko": 0.627},
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return read(LANGUAGES, IDENTITY).set_index("language")


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return Vectors()


def test_angular_by_hand() -> None:
    assert angular(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1.0)
    assert angular(np.array([1.0, 0.0]), np.array([1.0, 1.0])) == pytest.approx(0.5)
    assert angular(np.array([2.0, 0.0]), np.array([5.0, 0.0])) == pytest.approx(0.0, abs=1e-7)
    assert angular(np.zeros(2), np.ones(2)) == 1.0


def test_published_syntactic_distances(table: pd.DataFrame) -> None:
    for language, value in SYNTACTIC_KNN.items():
        assert table.loc[language, "distance_syntactic_knn_angular"] == value, language


def test_published_sizes(table: pd.DataFrame) -> None:
    for language, gib in GIB.items():
        assert 10 ** table.loc[language, "log10_pretraining_gib"] == pytest.approx(gib, rel=1e-4)
    assert np.isnan(table.loc["yo", "log10_pretraining_gib"])
    assert table.loc["yo", "pretraining_source"].startswith("not in XLM-R's CC-100")


def test_every_language_of_every_target_is_there(table: pd.DataFrame) -> None:
    from stages.tasks.table import TASKS

    needed = {code for task in TASKS.values() if task.is_target for code in task.languages}
    assert needed == set(table.index)
    # Each has a family, a script and a tree; of distances only what is known.
    assert table[["family", "script", "classification"]].notna().all().all()


def test_individual_languages_not_macrolanguages(table: pd.DataFrame) -> None:
    codes = table.loc[["ar", "sw", "zh", "ms", "et", "fa"], "iso639_3"]
    assert list(codes) == ["arb", "swh", "cmn", "zsm", "ekk", "pes"]
    assert len(table) == 40 and table["glottocode"].is_unique


def test_too_few_features_are_empty_not_zero(table: pd.DataFrame) -> None:
    assert np.isnan(table.loc["ms", "distance_syntactic_knn_angular"])
    assert np.isnan(table.loc["kk", "distance_phonological_urielplus_angular"])
    assert table.loc["ur", "coverage_syntactic"] == pytest.approx(0.61, abs=0.005)
    others = table.drop(index="en").filter(like="distance_")
    assert (others.min() > 0).all()


def test_genetic_distance_saturates(table: pd.DataFrame) -> None:
    xnli = table.loc["ar bg de el es fr hi ru sw th tr ur vi zh".split()]
    assert (xnli["distance_genetic_family_angular"] == 1.0).sum() == 6


def test_hindi_and_urdu_are_as_far_though_four_features_differ(vectors: Vectors) -> None:
    syntax = vectors.indices("syntactic")
    assert (vectors.completed["hin"] != vectors.completed["urd"])[syntax].sum() == 4
    hindi, urdu = (vectors.knn_angular(code, "eng", "syntactic") for code in ("hin", "urd"))
    assert hindi == pytest.approx(urdu)


def test_places_are_where_they_are(vectors: Vectors) -> None:
    # London to the middle of Germany's south is 1,060 km of half a circumference, 20,015 km.
    x, y, z = vectors.place("eng")
    assert np.degrees(np.arcsin(z)) == pytest.approx(53, abs=1)
    assert vectors.great_circle("eng", "deu") * 20015 == pytest.approx(1060, abs=120)
    assert np.hypot(x, y) ** 2 + z**2 == pytest.approx(1.0)


def test_committed_table_is_its_recipe(table: pd.DataFrame) -> None:
    facts = read(Path("languages/facts.csv"), IDENTITY)
    others = [read(Path(f"languages/{n}.csv"), ["language"]) for n in ("uriel_precomputed",)]
    others.append(read(Path("languages/urielplus.csv"), ["language"]))
    again = recompute(facts, others).set_index("language")
    pd.testing.assert_frame_equal(again, table, check_dtype=False, atol=1e-6)


def test_a_table_of_the_users_joins(table: pd.DataFrame) -> None:
    facts = read(Path("languages/facts.csv"), IDENTITY)
    lexical = pd.DataFrame({"language": ["de", "sw"], "distance_lexical_asjp_ldnd": [0.73, 1.01]})
    joined = recompute(facts, [lexical]).set_index("language")
    assert joined.loc["de", "distance_lexical_asjp_ldnd"] == 0.73
    assert np.isnan(joined.loc["zh", "distance_lexical_asjp_ldnd"])


def test_unknown_code_is_refused(vectors: Vectors) -> None:
    with pytest.raises(UserError, match="no language 'xx'"):
        vectors.distances("xx")


def write(path: Path, **columns: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)


def pairs(path: Path, ids: list[str], first: list[list[int]], second: list[list[int]]) -> None:
    write(path, id=ids, sentence1_ids=first, sentence2_ids=second)


def test_fertility_and_overlap_by_hand(tmp_path: Path) -> None:
    pairs(tmp_path / "xnli/en/test.parquet", ["0", "1"], [[1, 2], [3]], [[4], [1]])
    pairs(tmp_path / "xnli/sw/test.parquet", ["0", "1"], [[1, 9, 9], [8, 8]], [[4, 7], [6, 2, 5]])
    # Other items, be they as many, are not the same text.
    pairs(tmp_path / "xnli/de/test.parquet", ["0", "7"], [[1], [1]], [[1], [1]])
    found = token_covariates(tmp_path)
    assert found.loc["sw", "tokenizer_fertility"] == 10 / 5
    assert found.loc["sw", "subword_overlap_en"] == 3 / 10
    assert found.loc["en"].tolist() == [1.0, 1.0]
    assert "de" not in found.index


def test_fertility_on_pairs_to_retrieve_and_on_questions(tmp_path: Path) -> None:
    write(tmp_path / "tatoeba/ka/validation.parquet", sentence_ids=[[1, 5, 5]], english_ids=[[1]])
    for language, context in (("en", [2, 3]), ("el", [2, 6, 6, 6])):
        write(
            tmp_path / f"xquad/{language}/validation.parquet",
            **{"id": ["a"], "question_ids": [[2]], "context_ids": [context]},
        )
    for language in ("en", "fi"):  # tagged words are no parallel text
        write(tmp_path / f"udpos/{language}/test.parquet", words=[[[1]]], tags=[[0]])
    for language in ("en", "sw"):  # English under the name of the language that it comes from
        write(
            tmp_path / f"xnli.translate-test/{language}/test.parquet",
            **{"id": ["a"], "sentence1_ids": [[1]], "sentence2_ids": [[2]]},
        )
    found = token_covariates(tmp_path)
    assert list(found.index) == ["el", "en", "ka"]
    assert found.loc["ka"].tolist() == [3.0, 1 / 3]
    # English's types are those of all its texts: 1, 2 and 3.
    assert found.loc["el"].tolist() == [5 / 3, 2 / 5]
    # what an earlier study left beside it is not measured
    assert list(token_covariates(tmp_path, ["tatoeba"]).index) == ["ka"]


def test_nothing_parallel_is_an_empty_table(tmp_path: Path) -> None:
    assert token_covariates(tmp_path).empty


def test_own_sizes_replace_those_of_xlmr(tmp_path: Path) -> None:
    table = read(LANGUAGES, IDENTITY)
    path = tmp_path / "pretraining_sizes.csv"
    path.write_text("language,gib\nen,0.1\nde,0.01\nsw,0\n")
    joined = join(table, token_covariates(tmp_path), read_sizes(path), "own").set_index("language")
    assert joined.loc["de", "log10_pretraining_gib"] == -2.0
    assert np.isnan(joined.loc["sw", "log10_pretraining_gib"])
    assert joined.loc["sw", "pretraining_source"] == "not in own"
    assert joined.loc["de", "pretraining_source"] == "own"
    path.write_text("language,gib\nen,many\n")
    with pytest.raises(UserError, match="row 2: gib is 'many'"):
        read_sizes(path)


def test_duplicated_language_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "languages.csv"
    path.write_text("language,name\nen,English\nen,English\n")
    with pytest.raises(UserError, match="row 3: language 'en' occurs twice"):
        read(path, ["language", "name"])
