"""Chunk F1 as of seqeval 0.0.12, XTREME's metric for PAN-X and UD-POS, and token accuracy.

A tag is read as its first letter (B, I, E, S, O or anything else) and its type: what follows the
last hyphen, or the whole tag where there is none. Bare UPOS tags thus form chunks too: equal
neighbours are one chunk, except those that begin with S (SCONJ, SYM), each a chunk of its own.
Later versions of seqeval cut bare tags after their first letter and give other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Chunk = tuple[str, int, int]


def chunk_f1(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """Return the micro-averaged F1 of chunks, in percent; 0 where no chunk is right.

    gold, predicted : n sentences each, a list of tags a sentence (`B-PER`, `O`, `NOUN`).
    A chunk is right if its type, its first and its last token are. Positions run through the
    whole file, as in seqeval: a sentence with too few or too many tags shifts all that follow,
    so check lengths first (`token_accuracy` does).
    Raises ValueError where the numbers of sentences differ or a tag is empty.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold sentences but {len(predicted)} predicted")
    expected = set(chunks(gold))
    found = set(chunks(predicted))
    correct = len(expected & found)
    return 200.0 * correct / (len(expected) + len(found)) if correct else 0.0


def token_accuracy(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """Return the share of tokens whose tag is right, in percent.

    Raises ValueError where the number of sentences, or of tags in a sentence, differs, or where
    there is no token at all.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold sentences but {len(predicted)} predicted")
    correct = total = 0
    for row, (tags, guesses) in enumerate(zip(gold, predicted, strict=True)):
        if len(tags) != len(guesses):
            raise ValueError(f"sentence {row} has {len(tags)} tags but {len(guesses)} predictions")
        correct += sum(tag == guess for tag, guess in zip(tags, guesses, strict=True))
        total += len(tags)
    if not total:
        raise ValueError("token accuracy of no tokens is undefined")
    return 100.0 * correct / total


def chunks(sentences: Sequence[Sequence[str]]) -> Iterator[Chunk]:
    """Yield (type, first token, last token) of every chunk; tokens are counted from the start.

    One position between two sentences belongs to neither: it is the `O` that closes a chunk.
    """
    before, kind_before, first, position = "O", "", 0, 0
    for sentence in sentences:
        for tag in (*sentence, "O"):
            if not tag:
                raise ValueError(f"an empty tag at position {position}")
            letter, kind = tag[0], tag.rsplit("-", 1)[-1]
            changed = kind != kind_before
            if _ends(before, letter, changed):
                yield kind_before, first, position - 1
            if _starts(before, letter, changed):
                first = position
            before, kind_before = letter, kind
            position += 1


def _ends(before: str, letter: str, changed: bool) -> bool:
    """Whether a chunk ends between two tags, given their letters and whether the types differ."""
    return (
        before in "ES" or (before in "BI" and letter in "BSO") or (before not in "O." and changed)
    )


def _starts(before: str, letter: str, changed: bool) -> bool:
    """Whether a chunk starts between two tags."""
    return (
        letter in "BS" or (before in "ESO" and letter in "EI") or (letter not in "O." and changed)
    )
