"""The recipe of the small encoder: what it learns from, and what it must never see."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pretraining import check_leakage, draw, encoder, export, teach

ROOT = Path(__file__).parents[1]


def rows(*values: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=["source", "meaning", "language", "text"])


def test_a_held_sentence_goes_with_all_its_translations() -> None:
    table = rows(
        ("xnli", "a", "en", "He slept."),
        ("xnli", "a", "de", "Er schlief."),
        ("xnli", "b", "en", "She ran."),
        ("words", "c", "de", "schlief"),
    )
    kept, taken = check_leakage.clean(table, [("tatoeba", "er schlief!"), ("PAN-X", "schlief")])
    assert list(kept.meaning) == ["b", "c"]  # single words are vocabulary
    assert list(taken.text) == ["He slept.", "Er schlief."]
    assert set(taken.found_in) == {"tatoeba"}


def test_a_sentence_inside_an_evaluated_paragraph_is_found() -> None:
    table = rows(("squad", "a", "en", "It rained all day."), ("squad", "b", "en", "It rained."))
    kept, _ = check_leakage.clean(table, [("XQuAD", "It was May. It rained all day. Then sun.")])
    assert list(kept.meaning) == ["b"]


def test_an_evaluated_sentence_inside_a_training_text_is_found() -> None:
    table = rows(("cosmos", "a", "en", "It was May. It rained all day."))
    kept, _ = check_leakage.clean(table, [("tatoeba", "It rained all day.")])
    assert kept.empty


def test_targets_are_the_english_side_or_the_sentence_itself_or_none() -> None:
    table = rows(
        ("xnli", "a", "en", "He slept."),
        ("xnli", "a", "sw", "Alilala."),
        ("tydiqa", "k", "ko", "안녕"),
        ("tydiqa", "s", "sw", "Habari"),
    )
    lessons, texts = teach.plan(table, ["en", "ko"], groups=1, seed=1)
    assert texts == ["He slept.", "안녕"]
    assert list(lessons.target) == [0, 0, 1, -1]
    assert list(lessons.kind) == ["english", "parallel", "own", "monolingual"]


def test_a_kind_is_drawn_by_its_share_and_its_languages_by_their_weights() -> None:
    count = 1500
    lessons = pd.DataFrame(
        {
            "kind": ["english"] * 10 + ["parallel"] * 2 * count,
            "language": ["en"] * 10 + ["sw"] * count + ["de"] * count,
        }
    )
    settings = {
        "shares": {"english": 0.25, "parallel": 0.75},
        "language_weights": {"default": 1.0, "sw": 2.0},
        "others_weight": 0.5,
    }
    weights = draw.weigh(lessons, settings, others=[])
    assert weights[:10].sum() == pytest.approx(0.25)
    assert weights[10 : 10 + count].sum() == pytest.approx(0.5)
    assert weights[10 + count :].sum() == pytest.approx(0.25)


def test_batches_hold_every_text_once_within_the_budget() -> None:
    random = np.random.default_rng(0)
    length = random.integers(2, 60, 500)
    batches = draw.batch(length, 256, random)
    assert sorted(np.concatenate(batches)) == list(range(500))
    assert max(len(group) * length[group].max() for group in batches) <= 256


def test_pairs_are_laid_out_as_xlm_r_lays_them_out() -> None:
    torch = pytest.importorskip("torch")
    from pretraining.distil import collate, pool

    first, second = np.array([7, 8], dtype=np.int32), np.array([9], dtype=np.int32)
    random = np.random.default_rng(0)
    ids, segments = collate([[first, second], [second, second]], 0.0, 99, random)
    assert ids.tolist() == [[0, 7, 8, 2, 2, 9, 2], [0, 9, 2, 2, 9, 2, 1]]
    assert segments.tolist() == [[0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1, -1]]
    means = pool(ids[..., None].float(), segments, 2).squeeze(-1)
    assert torch.allclose(
        means, torch.tensor([17 / 4, 11 / 3, 13 / 3, 13 / 3]).float()[[0, 1, 2, 3]]
    )
    masked, _ = collate([[first]], 1.0, 99, random)
    assert masked.tolist() == [[0, 99, 99, 2]]


def test_the_loss_of_a_perfect_student_is_the_least() -> None:
    torch = pytest.importorskip("torch")
    from pretraining.distil import loss_of

    target = torch.eye(4)
    settings = {"contrast": 1.0, "temperature": 0.05}
    perfect, distance = loss_of(target * 3, target, torch.arange(4), settings)
    assert distance.item() == pytest.approx(0.0, abs=1e-6)
    # Three orthogonal negatives at temperature 1/20: log(1 + 3 exp(-20)).
    assert perfect.item() == pytest.approx(np.log1p(3 * np.exp(-20)), abs=1e-6)
    same = torch.zeros(4, dtype=torch.long)  # one meaning four times: nothing to tell apart
    twins, _ = loss_of(torch.ones(4, 4), torch.ones(4, 4), same, settings)
    assert twins.item() == pytest.approx(0.0, abs=1e-5)


def test_reduced_vectors_keep_the_cosines_of_what_the_axes_span() -> None:
    random = np.random.default_rng(0)
    plane = np.linalg.qr(random.normal(size=(8, 3)))[0].T
    vectors = random.normal(size=(40, 3)) @ plane
    axes = encoder.find_axes(vectors, 3, seed=1)
    assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-5)
    reduced = encoder.reduce(vectors, axes).astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.allclose(reduced @ reduced.T, unit @ unit.T, atol=5e-3)  # float16


def test_the_saved_encoder_is_the_trained_one_with_its_embeddings_apart(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file
    from transformers import AutoModel

    torch.manual_seed(0)
    shape = {"layers": 2, "hidden": 16, "heads": 2, "intermediate": 24, "positions": 20}
    model = encoder.create(shape, 50).eval()
    encoder.save(model, tmp_path)
    assert list(load_file(tmp_path / encoder.SHARDS[0])) == [encoder.EMBEDDINGS]
    again = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False, dtype=torch.float32)
    ids = torch.tensor([[0, 5, 9, 2]])
    with torch.no_grad():
        difference = model(ids).last_hidden_state - again.eval()(ids).last_hidden_state
    assert difference.abs().max() < 5e-3  # fp16


def test_sizes_count_distinct_text_in_bytes() -> None:
    lessons = pd.DataFrame(
        [("en", "abc", 0), ("en", "abc", 0), ("ru", "да", 0), ("sw", "untaught", -1)],
        columns=["language", "text", "target"],
    )
    sizes = export.measure(lessons).set_index("language").gib * export.GIB
    assert sizes.to_dict() == pytest.approx({"ru": 4.0, "en": 3.0})


@pytest.fixture
def shipped() -> Path:
    folder = ROOT / "encoder"
    if not (folder / "config.json").exists():
        pytest.skip("encoder/ is not here: run `dvc pull encoder`")
    return folder


def test_the_shipped_encoder_has_the_promised_size_and_tokenizer(shipped: Path) -> None:
    pytest.importorskip("torch")
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(shipped, add_pooling_layer=False)
    weights = sum(path.stat().st_size for path in shipped.glob("*.safetensors"))
    assert weights <= 19e6
    assert (shipped / encoder.SHARDS[1]).stat().st_size <= 6.5e6
    assert model.config.model_type == "xlm-roberta"
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    special = (tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id)
    assert special == (0, 1, 2)
    assert tokenizer.unk_token_id == 3
    assert tokenizer.mask_token_id == len(tokenizer) - 1 == model.config.vocab_size - 1
    pair = tokenizer("a", "b").input_ids
    assert [pair[0], pair[-1]] == [0, 2]
    assert pair.count(2) == 3
    for text in ("日本語の文。", "ಕನ್ನಡ", "Ήταν εδώ", "😀"):
        assert tokenizer.unk_token_id not in tokenizer(text).input_ids


def test_every_target_language_has_a_pretraining_size(shipped: Path) -> None:
    with open(shipped / "pretraining_sizes.csv") as file:
        sizes = {row["language"]: float(row["gib"]) for row in csv.DictReader(file)}
    wanted = "en ar bg de el es fr hi ru sw th tr ur vi zh ja ko".split()
    assert set(wanted) <= set(sizes)
    assert all(size > 0 for size in sizes.values())


def test_the_shipped_index_names_existing_shards(shipped: Path) -> None:
    index = json.loads((shipped / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == set(encoder.SHARDS)
    assert index["weight_map"][encoder.EMBEDDINGS] == encoder.SHARDS[0]
