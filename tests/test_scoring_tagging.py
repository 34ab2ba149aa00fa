"""Chunk F1 as of seqeval 0.0.12, by hand-worked values and properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.scoring.tagging import chunk_f1, chunks, token_accuracy

UPOS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split()
TAGS = st.sampled_from([*UPOS, "O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
FILES = st.lists(st.lists(TAGS, max_size=6), max_size=5)


def test_the_example_of_seqeval():
    gold = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    predicted = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
    assert chunk_f1(gold, predicted) == 50
    assert token_accuracy(gold, predicted) == 80


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-PER I-PER O B-LOC", [("PER", 0, 1), ("LOC", 3, 3)]),
        ("I-PER I-PER", [("PER", 0, 1)]),  # a chunk needs no B
        ("B-PER I-LOC", [("PER", 0, 0), ("LOC", 1, 1)]),  # a change of type cuts
        ("B-PER B-PER", [("PER", 0, 0), ("PER", 1, 1)]),
        ("I-PER B-PER I-PER", [("PER", 0, 0), ("PER", 1, 2)]),
        ("NOUN NOUN VERB", [("NOUN", 0, 1), ("VERB", 2, 2)]),  # equal neighbours merge
        ("SCONJ SCONJ SYM SYM", [("SCONJ", 0, 0), ("SCONJ", 1, 1), ("SYM", 2, 2), ("SYM", 3, 3)]),
        ("NOUN NUM", [("NOUN", 0, 0), ("NUM", 1, 1)]),  # one first letter, two types
        ("INTJ INTJ", [("INTJ", 0, 1)]),  # I of INTJ is not the I of a chunk's inside
        ("B-A-PER I-PER", [("PER", 0, 1)]),  # the type follows the last hyphen
        ("E-PER E-PER S-LOC", [("PER", 0, 0), ("PER", 1, 1), ("LOC", 2, 2)]),
    ],
)
def test_chunks(tags, expected):
    assert list(chunks([tags.split()])) == expected


def test_bare_tags_by_hand():
    # Gold NOUN 0-1, VERB 2; predicted NOUN 0, VERB 1-2: no chunk right, two tokens of three.
    gold, predicted = [["NOUN", "NOUN", "VERB"]], [["NOUN", "VERB", "VERB"]]
    assert chunk_f1(gold, predicted) == 0
    assert token_accuracy(gold, predicted) == pytest.approx(200 / 3)
    # SCONJ does not merge: one of two chunks right on either side.
    assert chunk_f1([["SCONJ", "SCONJ"]], [["SCONJ", "NOUN"]]) == 50


def test_the_type_of_a_bare_tag_is_the_whole_tag():
    # Newer versions read CCONJ and SCONJ as two kinds of chunk CONJ and call this right.
    assert chunk_f1([["CCONJ"]], [["SCONJ"]]) == 0


def test_a_sentence_ends_a_chunk():
    assert list(chunks([["NOUN"], ["NOUN"]])) == [("NOUN", 0, 0), ("NOUN", 2, 2)]
    assert chunk_f1([["NOUN", "NOUN"]], [["NOUN"]]) == 0


def test_a_sentence_of_another_length_shifts_the_rest():
    gold, predicted = [["NOUN"], ["VERB"]], [["NOUN", "X"], ["VERB"]]
    assert chunk_f1(gold, predicted) == pytest.approx(40)  # NOUN only: 1 of 2, 1 of 3
    with pytest.raises(ValueError, match="sentence 0 has 1 tags but 2 predictions"):
        token_accuracy(gold, predicted)


def test_nothing_to_find():
    assert chunk_f1([["O", "O"]], [["O", "O"]]) == 0
    assert chunk_f1([], []) == 0
    with pytest.raises(ValueError, match="no tokens"):
        token_accuracy([[]], [[]])


@pytest.mark.parametrize("score", [chunk_f1, token_accuracy])
def test_sentences_must_be_as_many(score):
    with pytest.raises(ValueError, match="1 gold sentences but 2 predicted"):
        score([["O"]], [["O"], ["O"]])


def test_an_empty_tag_is_refused():
    with pytest.raises(ValueError, match="empty tag"):
        chunk_f1([["O", ""]], [["O", "O"]])


@given(FILES)
def test_a_file_agrees_with_itself(file):
    assert chunk_f1(file, file) == (100 if list(chunks(file)) else 0)


@given(st.lists(st.lists(st.tuples(TAGS, TAGS), max_size=6), max_size=5), st.randoms())
def test_f1_is_symmetric_and_blind_to_the_order_of_sentences(file, random):
    def split(sentences):
        return [[[pair[side] for pair in line] for line in sentences] for side in (0, 1)]

    gold, predicted = split(file)
    score = chunk_f1(gold, predicted)
    assert score == pytest.approx(chunk_f1(predicted, gold))
    random.shuffle(file)
    assert score == pytest.approx(chunk_f1(*split(file)))
    assert 0 <= score <= 100
