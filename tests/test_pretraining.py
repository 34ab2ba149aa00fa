"""The recipe of the small encoder: what it learns from, and what it must never see."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pretraining import check_leakage, draw, encoder, export, teach, vocabulary
from stages.learning import encoder as encoders
from stages.learning.batches import Ragged
from stages.learning.heads.masked import LanguageModel
from stages.learning.masking import Vocabulary
from stages.learning.unpadded import Layout, ends_of

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


@pytest.mark.parametrize(
    ("source", "english", "kind"),
    [
        ("xnli", "Yes.", "parallel"),
        ("annotations", "a red apple in a bowl", "phrase"),
        ("interface", "Turn off", "phrase"),
        ("interface", "Turn off the light", "interface"),
        ("verses", "It was so.", "verse"),
    ],
)
def test_messages_have_a_share_of_their_own(source: str, english: str, kind: str) -> None:
    table = rows((source, "a", "en", english), (source, "a", "sw", "Habari"))
    lessons, _ = teach.plan(table, ["en"], groups=1, seed=1)
    assert list(lessons.kind) == ["verse" if source == "verses" else "english", kind]


def test_marks_that_mean_the_same_are_the_same_tokens(tmp_path: Path) -> None:
    import sentencepiece
    from tokenizers import Tokenizer

    texts = ["“Ja” – „ja“… l’eau", "«Да» — да… 'x'", "ja-ja: “ja” l‘eau"]
    lines = [vocabulary.unify(text) for text in texts]
    assert lines[1] == "\"Да\" - да… 'x'"
    settings = {"seed": 1, "size": 280, "character_coverage": 1.0}
    vocabulary.train(iter(lines * 50), tmp_path / "v", settings)
    vocabulary.convert(tmp_path / "v.model", tmp_path / "t")
    tokenizer = Tokenizer.from_file(str(tmp_path / "t" / "tokenizer.json"))
    model = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "v.model"))
    for text, line in zip(texts, lines, strict=True):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert ids == tokenizer.encode(line, add_special_tokens=False).ids == model.encode(line)


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


def ragged(*rows: list[int]) -> Ragged:
    return Ragged(np.concatenate(rows).astype(np.int32), ends_of(np.array([len(r) for r in rows])))


def test_groups_fill_the_budget_of_tokens() -> None:
    random = np.random.default_rng(0)
    ids = ragged(*([7] * n for n in random.integers(1, 60, 500)))
    lessons = draw.Lessons(ids, np.arange(500), np.ones(500))
    for texts in (1, 2):
        for _ in range(20):
            groups = lessons.draw_tokens(1024, texts, random)
            used = (ids.lengths[groups] + 2).sum()
            assert groups.shape[1] == texts
            assert 1024 - texts * 62 < used <= 1024
    long = draw.Lessons(ragged([7] * 90), np.zeros(1, dtype=int), np.ones(1))
    assert long.draw_tokens(64, 1, random).tolist() == [[0]]  # one at least


def test_pairs_are_laid_out_as_xlm_r_lays_them_out() -> None:
    from pretraining.distil import lay

    ids, random = ragged([7, 8], [9]), np.random.default_rng(0)
    words = Vocabulary(100, 99)
    pairs = lay(ids, np.array([[0, 1], [1, 1]]), 0.0, words, random)
    assert pairs.tokens.tolist() == [[0, 7, 8, 2, 2, 9, 2, 0, 9, 2, 2, 9, 2]]
    assert pairs.parts.tolist() == [4, 3, 3, 3]
    assert pairs.layout.ends.tolist() == [0, 7, 13]
    single = lay(ids, np.array([[0], [1]]), 0.0, words, random)
    assert single.tokens.tolist() == [[0, 7, 8, 2, 0, 9, 2]]
    assert single.parts.tolist() == [4, 3]


def test_hidden_tokens_are_named_where_they_were() -> None:
    from pretraining.distil import lay

    random = np.random.default_rng(0)
    ids = ragged(*(list(random.integers(4, 99, n)) for n in random.integers(1, 30, 60)))
    groups = random.integers(0, 60, (40, 2))
    open_, hidden = (lay(ids, groups, rate, Vocabulary(100, 99), random) for rate in (0.0, 0.15))
    assert hidden.tokens.shape == open_.tokens.shape
    assert (open_.tokens[0, hidden.places] == hidden.labels).all()
    changed = (open_.tokens != hidden.tokens)[0].nonzero()[:, 0]
    assert set(changed.tolist()) <= set(hidden.places.tolist())
    assert 0.7 < (hidden.tokens[0, hidden.places] == 99).float().mean() < 0.9
    assert (hidden.labels > 3).all()  # no <s>, no </s>


def test_a_translation_is_another_lesson_of_the_same_meaning() -> None:
    target = np.array([3, 1, 3, 2, 3, 1])
    lessons = draw.Lessons(ragged(*([7] for _ in target)), target, np.ones(6))
    random = np.random.default_rng(0)
    drawn = np.repeat(np.arange(6), 60)
    found = lessons.translate(drawn, random)
    assert (target[found] == target[drawn]).all()
    assert [sorted(set(found[drawn == row].tolist())) for row in range(6)] == [
        [2, 4], [5], [0, 4], [3], [0, 2], [1],
    ]  # fmt: skip
    pairs = lessons.draw_tokens(3000, 2, random, translated=True)
    alone = target[pairs[:, 0]] == 2  # has no translation: any lesson goes with it
    assert (target[pairs[~alone, 0]] == target[pairs[~alone, 1]]).all()
    assert len(set(target[pairs[alone, 1]])) == 3


def test_a_run_that_goes_on_ends_with_the_weights_of_one_that_was_not_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from pretraining import distil

    random = np.random.default_rng(0)
    ids = ragged(*(random.integers(4, 49, n) for n in random.integers(1, 9, 40)))
    lessons = draw.Lessons(ids, np.arange(40), np.ones(40))
    targets = random.normal(size=(40, 16)).astype(np.float16)
    settings = {
        "seed": 1, "tokens": 4000, "batch_tokens": 200, "pair_batches": 0.5,
        "translated_batches": 0.5, "hide": 0.2, "find": 0.1,
        "cycles": 1, "learning_rate": 1e-3, "warmup": 0.1, "contrast": 0.2, "temperature": 0.05,
    }  # fmt: skip
    shape = {"layers": 1, "hidden": 16, "heads": 2, "intermediate": 24, "positions": 30}
    monkeypatch.setattr(distil, "TOKENS_BETWEEN_STATES", 1000)

    def run(save: Path) -> tuple[list, dict]:
        torch.manual_seed(3)
        model = LanguageModel(encoder.create(shape, 50))
        return distil.teach(lessons, targets, model, settings, save), model.state_dict()

    log, whole = run(tmp_path / "a.pt")
    assert log[-1][1] < log[0][1]  # it learns
    real, kept = distil.replacing, []

    def stop(path: Path) -> object:
        if kept:
            raise KeyboardInterrupt
        kept.append(path)
        return real(path)

    monkeypatch.setattr(distil, "replacing", stop)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b.pt")
    monkeypatch.setattr(distil, "replacing", real)
    again, resumed = run(tmp_path / "b.pt")
    assert again == log
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_loss_of_a_perfect_student_is_the_least() -> None:
    import torch

    from pretraining.bag import loss_of

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
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModel

    torch.manual_seed(0)
    shape = {"layers": 2, "hidden": 16, "heads": 2, "intermediate": 24, "positions": 20}
    language = LanguageModel(encoder.create(shape, 50))
    encoder.save(language, tmp_path)
    model = language.encoder.eval()
    assert list(load_file(tmp_path / encoder.SHARDS[0])) == [encoder.EMBEDDINGS]
    again = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False, dtype=torch.float32)
    ids = torch.tensor([[0, 5, 9, 2]])
    layout = Layout.of(np.array([4]), np.array([0]))
    with torch.no_grad():
        ours = model(ids[0], torch.arange(2, 6), layout)
        difference = ours - again.eval()(ids).last_hidden_state[0]
    assert difference.abs().max() < 5e-3  # fp16
    head = encoders.language_head(tmp_path)
    assert set(head) == {n for n in language.state_dict() if not n.startswith("encoder.")}


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
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(shipped, add_pooling_layer=False)
    weights = sum(path.stat().st_size for path in shipped.glob("*.safetensors"))
    assert weights <= 19e6
    assert (shipped / encoder.SHARDS[1]).stat().st_size <= 6.6e6
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
