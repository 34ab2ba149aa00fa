"""Translation: the same tokens as transformers', nothing translated twice, nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.seq2seq import tiny_m2m
from stages.errors import UserError
from stages.translating import memory, sentences
from stages.translating.answers import found_again, marked
from stages.translating.languages import FLORES, named
from stages.translating.translator import Translator, _Progress, batches, load

SENTENCES = [
    f"The {noun} with number {count} {verb} in the {place} this evening."
    for count, (noun, verb, place) in enumerate(
        (n, v, p)
        for n in ("train", "small ship", "old mayor of the town", "boy")
        for v in ("arrived", "was not seen", "slept")
        for p in ("station", "harbour behind the hills")
    )
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_m2m(tmp_path_factory.mktemp("model"), SENTENCES)


@pytest.fixture(scope="module")
def loaded(model: Path) -> tuple[Any, Any]:
    return load(model, "fp32")


def system(loaded: tuple[Any, Any], **settings: Any) -> Translator:
    return Translator(*loaded, "en", "id", **settings)


def test_greedy_is_generate_row_by_row(loaded: tuple[Any, Any]) -> None:
    import torch

    from stages.translating.decode import greedy

    network, tokenizer = loaded
    tokenizer.src_lang = "en"
    first = tokenizer.get_lang_id("id")
    ids = [tokenizer(text)["input_ids"] for text in SENTENCES]
    limits = [5 + 3 * (row % 6) for row in range(len(ids))]
    found = greedy(network, ids, first, limits)
    for row, limit, ours in zip(ids, limits, found, strict=True):
        theirs = network.generate(
            input_ids=torch.tensor([row]), attention_mask=torch.ones(1, len(row), dtype=torch.long),
            forced_bos_token_id=first, num_beams=1, do_sample=False, max_new_tokens=limit + 1,
        )[0].tolist()  # fmt: skip
        assert theirs[:2] == [2, first]
        expected = [token for token in theirs[2:] if token != 2]
        assert ours == expected


def test_a_sentence_is_translated_once_and_the_same_in_any_batch(
    loaded: tuple[Any, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "en-id.jsonl"
    with memory.open_memory(path) as known:
        system(loaded, batch_tokens=64).translate(SENTENCES, known, "mnli.id")
        one = {text: known.get(text) for text in SENTENCES}
    assert "0 more are known" in capsys.readouterr().out
    with memory.open_memory(path) as known:
        before = path.read_bytes()
        system(loaded).translate([*SENTENCES, "The boy slept."], known, "xnli.id")
        assert f"1 sentences, {len(SENTENCES)} more are known" in capsys.readouterr().out
    assert path.read_bytes().startswith(before) and path.read_bytes().count(b"\n") == 25
    with memory.open_memory(tmp_path / "other") as known:
        system(loaded, batch_tokens=1).translate(SENTENCES, known, "alone")
        assert {text: known.get(text) for text in SENTENCES} == one


def test_half_a_line_at_the_end_is_translated_again(
    loaded: tuple[Any, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "en-id.jsonl"
    with memory.open_memory(path) as known:
        system(loaded).translate(SENTENCES[:6], known, "mnli.id")
        whole = {text: known.get(text) for text in SENTENCES[:6]}
    content = path.read_bytes()
    path.write_bytes(content[:-7])
    with memory.open_memory(path) as known:
        assert len(known) == 5
        assert "line 6: half a line of a run that was killed" in capsys.readouterr().out
        system(loaded).translate(SENTENCES[:6], known, "mnli.id")
        assert {text: known.get(text) for text in SENTENCES[:6]} == whole
    assert path.read_bytes().count(b"\n") == 6


@pytest.mark.parametrize("damage", [lambda line: line[:-9] + b"\n", lambda line: b"[]\n"])
def test_a_changed_line_in_the_middle_is_named(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "en-id.jsonl"
    with memory.open_memory(path) as known:
        known.add(["one", "two", "three"], ["satu", "dua", "tiga"])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + damage(lines[1]) + lines[2])
    before = path.read_bytes()
    words = "line 2: expected a translation and its checksum"
    with pytest.raises(UserError, match=words), memory.open_memory(path):
        pass
    assert path.read_bytes() == before


def test_a_checksum_tells_a_changed_translation(tmp_path: Path) -> None:
    path = tmp_path / "en-id.jsonl"
    with memory.open_memory(path) as known:
        known.add(["one", "two"], ["satu", "dua"])
    path.write_bytes(path.read_bytes().replace(b"satu", b"sato"))
    with pytest.raises(UserError, match="line 1"), memory.open_memory(path):
        pass


def test_two_processes_do_not_share_a_file(tmp_path: Path) -> None:
    with (
        memory.open_memory(tmp_path / "a"),
        pytest.raises(UserError, match="another translation"),
        memory.open_memory(tmp_path / "a"),
    ):
        pass


def test_a_language_without_a_token_is_refused(loaded: tuple[Any, Any]) -> None:
    with pytest.raises(UserError, match=r"no token for eu \(eus_Latn, __eu__\): nothing was"):
        Translator(*loaded, "en", "eu")
    assert named(loaded[1], "id")[1] == loaded[1].get_lang_id("id")
    assert len(FLORES) == 40


def test_a_source_in_an_unknown_script_is_refused(loaded: tuple[Any, Any], tmp_path: Path) -> None:
    with memory.open_memory(tmp_path / "a") as known:
        with pytest.raises(UserError, match="does not know"):
            system(loaded).translate(["Поезд пришёл."], known, "x")
        assert len(known) == 0


def test_a_long_sentence_is_translated_in_parts(loaded: tuple[Any, Any], tmp_path: Path) -> None:
    long = " ".join(SENTENCES).replace(".", ",")
    found = system(loaded, max_length=40)
    parts = found.parts(long)
    assert " ".join(parts) == long
    assert all(len(loaded[1](part)["input_ids"]) <= 40 for part in parts)
    with memory.open_memory(tmp_path / "a") as known:
        found.translate([long], known, "x")
        expected = [known.get(part) for part in parts]
        assert expected == [None] * len(parts)
        assert known.get(long) == " ".join(found.decode(found.encode(parts)[1]))


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 200))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    found = list(batches(lengths, budget))
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        widest = max(lengths[row] for row in batch)
        assert len(batch) == 1 or widest * len(batch) <= budget


def test_progress_tells_the_time_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    now = iter([0.0, 6.0, 7.0, 24.0])
    tell = _Progress("mnli.id", 400, lambda: next(now))
    tell(100, 3)
    tell(10, 1)  # within the five seconds: no line
    tell(290, 8)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  mnli.id: 3 sentences, 25%, 0 sentences/s, 18 s left"
    assert lines[1].endswith("12 sentences, 100%, 0 sentences/s, 0 s left")
    assert len(lines) == 2


@given(st.text(alphabet="aB .!?\n\"'1(", max_size=80))
def test_sentences_and_blanks_make_the_text(text: str) -> None:
    found = sentences.split(text)
    assert "".join(one.text + one.after for one in found) == text.strip()
    assert all(text.startswith(one.text, one.start) for one in found)
    assert all(one.text == one.text.strip() and one.text for one in found)


def test_sentences_are_joined_with_their_blanks_where_the_language_has_them() -> None:
    known = {"He came.": "Er kam.", "She left.": "Sie ging."}
    assert sentences.joined("He came.  She left.", "de", known) == ("Er kam.  Sie ging.", [0, 9])
    assert sentences.joined("He came.  She left.", "zh", known)[0] == "Er kam.Sie ging."


CONTEXT = "Rain fell. The king met the old king in Rome. All slept."
KING = CONTEXT.index("king in Rome")


def known_with(mark: str) -> dict[str, str]:
    sentence = sentences.split(CONTEXT)[1]
    return {
        "Rain fell.": "Regen fiel.",
        sentence.text: "Der König traf in Rom den alten König.",
        "All slept.": "Alle schliefen.",
        marked(sentence, "king", KING): mark,
    }


def again(mark: str) -> tuple[str, int] | None:
    known = known_with(mark)
    text, starts = sentences.joined(CONTEXT, "de", known)
    return found_again(CONTEXT, "king", KING, text, starts, known)


def test_an_answer_is_found_again_by_its_marks() -> None:
    assert marked(sentences.split(CONTEXT)[1], "king", KING) == (
        "The king met the old [[ king ]] in Rome."
    )
    text = "Regen fiel. Der König traf in Rom den alten König. Alle schliefen."
    found = again("Der König traf in Rom den alten [[ König ]].")
    assert found == ("König", text.rindex("König"))  # the second, as in the original


@pytest.mark.parametrize(
    "mark",
    [
        "Der König traf in Rom den alten König.",  # the marks were lost
        "Der König traf in Rom den alten [[ König.",
        "Der König traf in Rom den [[ Herrscher ]].",  # said otherwise without marks
        "[[ Der ]] König traf in Rom den alten [[ König ]].",
        "Der ]] König traf [[ in Rom.",
        "Der König traf in Rom den alten [[ ]].",
    ],
)
def test_an_answer_that_is_lost_is_none(mark: str) -> None:
    assert again(mark) is None


def test_memory_keeps_any_text(tmp_path: Path) -> None:
    texts = ["a\nb", "\u2028", '"quoted\\"', "\x00", "ünïcode", ""]
    with memory.open_memory(tmp_path / "a") as known:
        known.add(texts, texts[::-1])
    with memory.open_memory(tmp_path / "a") as known:
        assert [known.get(text) for text in texts] == texts[::-1]
    assert len((tmp_path / "a").read_bytes().split(b"\n")) == len(texts) + 1
    assert json.loads((tmp_path / "a").read_bytes().split(b"\n")[0])[2] == ""
