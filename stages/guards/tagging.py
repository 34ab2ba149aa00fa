"""Tagging: one known tag a token, and tags that belong to these tokens and not to their neighbours.

A token column that slipped against its tag column keeps its length, so counts cannot see it. What a
token's tag usually is can: with p(tag | token) estimated from the file itself (each token's own
tag left out; rare tokens by their shape), the tags of a row must fit its tokens better in place
than moved by one. Rows add up: the maximum-sum run of rows is short and small unless a block is
moved, and a file in which all rows are tells more about its tags when they are moved back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stages.guards.alignment import largest_run
from stages.guards.choice import visible
from stages.guards.rule import Check, Rule
from stages.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

CLIP = 4.0  # nats a token
ROW_CLIP = 8.0  # nats a row of a block
SURE = 12.0  # nats of a run of tokens in one row; up to .5% of published PAN-X rows have more
BLOCK_SURE = 32.0  # nats of a run of rows; at most 25 in any published UD-POS or PAN-X file
MARGIN = 0.045  # nats a token by which tags tell more when moved; at most .037 in published files
LEAST_TOKENS = 400  # of a file, to estimate from
SHAPE_WEIGHT, TAG_WEIGHT = 1.0, 1.0  # pseudo-counts of the shape's and of the file's distribution

LENGTHS = Rule(
    "tags_aligned",
    "stop",
    "as many tags as tokens",
    "A token was lost or split on the way: mend the row at its source.",
)
NO_TOKENS = Rule("no_empty_sentences", "stop", "at least one token", "Mend the row at its source.")
BLANK = Rule(
    "blank_tokens",
    "warn",
    "tokens that are not blank",
    "Tokenizers see nothing there: the token counts as unknown.",
    stop_above=0.02,
)
TAGS = Rule(
    "tag_set",
    "stop",
    "tags of the task, by name",
    "Map the tag by name at the source, never by index, then take the snapshot again.",
)
FOLLOW = Rule(
    "tags_follow",
    "warn",
    "tags that fit their own tokens better than the next ones",
    "The tokens slipped against their tags, or the tags are odd: compare the row with its source.",
    stop_above=0.02,
)
BLOCK = Rule(
    "tags_in_place",
    "stop",
    "rows whose tags fit their own tokens better than the next ones",
    "The token column slipped against its tag column: compare the rows with their source.",
)
BIO = Rule(
    "valid_bio",
    "note",
    "every I- after a B- or I- of its type",
    "Scored by seqeval as the start of an entity; published sets hold some.",
    stop_above=0.1,  # 4% of published Japanese and Chinese PAN-X
)
PREFIX = Rule(
    "language_prefix",
    "stop",
    "words without the language before them",
    "PAN-X's own files say `de:Wort`: strip the prefix at the first colon.",
)
RULES = (LENGTHS, NO_TOKENS, BLANK, TAGS, FOLLOW, BLOCK, BIO, PREFIX)


def invalid_bio(tags: list[str]) -> str | None:
    """The first I- tag that continues nothing, with its place (from 1), or None."""
    before = "O"
    for place, tag in enumerate(tags, 1):
        if tag.startswith("I-") and before[1:] != tag[1:]:
            return f"{tag} after {before} (token {place})"
        before = tag
    return None


def shape(token: str) -> int:
    """A coarse class of tokens: punctuation, number, capitalised, other; by their last letter."""
    if not token.isalpha():
        letters = [letter for letter in token if letter.isalnum()]
        if not letters:
            return 0
        if any(letter.isdigit() for letter in letters):
            return 1
    last = ord(token[-1].casefold()[0]) % 61
    return 2 + 2 * last + (not token[0].isupper())


@dataclass(frozen=True)
class Slip:
    """How much better the tags of a file fit neighbouring tokens.

    nats, step : for each row, of its best run of tokens, and the way there (1: the tags belong to
    the tokens before, -1: to those after).
    block : start, stop (excluded), nats and step of the best run of rows.
    whole : step of the whole file, 0 where its tags are in place.
    """

    nats: np.ndarray
    step: np.ndarray
    block: tuple[int, int, float, int] = (0, 0, 0.0, 0)
    whole: int = 0


def slipped(tokens: list[list[str]], tags: list[list[str]]) -> Slip:
    """Measure one file; each row is as long in `tokens` as in `tags`."""
    import pandas as pd

    lengths = np.array([len(row) for row in tokens])
    count = int(lengths.sum())
    best, way = np.zeros(len(tokens)), np.zeros(len(tokens), int)
    if count < LEAST_TOKENS:
        return Slip(best, way)
    words, names = pd.factorize(np.array([t for row in tokens for t in row], object))
    shapes = np.array([shape(str(name)) for name in names])[words]
    labels, known = pd.factorize(np.array([t for row in tags for t in row], object))
    owner = np.repeat(np.arange(len(tokens)), lengths)
    here = _nats(words, shapes, labels, len(known), own=True)
    block, whole = (0, 0, 0.0, 0), 0
    for step in (-1, 1):
        inside = np.zeros(count, bool)  # the neighbour is in the same row
        inside[max(0, -step) : count - max(0, step)] = owner[:-1] == owner[1:]
        rows = np.flatnonzero(inside)
        if not len(rows):
            continue
        moved = labels[rows + step]
        told, told_moved = (
            _nats(words[rows], shapes[rows], some, len(known), own=True).mean() + _entropy(some)
            for some in (labels[rows], moved)
        )
        if told_moved > told + MARGIN:
            whole = step
        there = _nats(words, shapes, labels, len(known), own=False, asked=(rows, moved))
        gains = np.zeros(count)
        gains[rows] = np.clip(there - here[rows], -CLIP, CLIP)
        total = np.bincount(owner, gains, len(tokens))
        start, stop, nats = largest_run(np.clip(total, -ROW_CLIP, ROW_CLIP))
        if nats > block[2]:
            block = (start, stop, nats, step)
        runs = _largest_runs(gains, owner, len(tokens))
        better = runs > best
        best[better], way[better] = runs[better], step
    return Slip(best, way, block, whole)


def _nats(
    words: np.ndarray,
    shapes: np.ndarray,
    labels: np.ndarray,
    kinds: int,
    own: bool,
    asked: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """log p(label | word), itself left out, of each token or of `asked` (rows, labels)."""
    rows, target = asked if asked else (slice(None), labels)

    def counts(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = np.bincount(keys * kinds + labels, minlength=(keys.max() + 1) * kinds)
        return pairs[keys[rows] * kinds + target], np.bincount(keys)[keys[rows]]

    tag = np.bincount(labels, minlength=kinds)[target] / len(labels)
    less = 1 if own else 0
    seen, all_ = counts(shapes)
    by_shape = (seen - less + TAG_WEIGHT * tag) / (all_ - less + TAG_WEIGHT)
    seen, all_ = counts(words)
    return np.log((seen - less + SHAPE_WEIGHT * by_shape) / (all_ - less + SHAPE_WEIGHT))


def _entropy(labels: np.ndarray) -> float:
    """Nats of an average label."""
    share = np.bincount(labels) / len(labels)
    return float(-(share[share > 0] * np.log(share[share > 0])).sum())


def _largest_runs(values: np.ndarray, owner: np.ndarray, rows: int) -> np.ndarray:
    """The largest sum of consecutive values in each row (at least 0)."""
    sums = np.cumsum(values)
    # rows are pushed apart so that a minimum is never taken over from the row before
    apart = (np.abs(values).sum() + 1.0) * owner
    before = np.concatenate([[0.0], sums[:-1]]) - apart
    found = np.zeros(rows)
    np.maximum.at(found, owner, sums - apart - np.minimum.accumulate(before))
    return found


def tagging(task: Task, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Check]]:
    """Return `frame` (with a column `file`) with a column of evidence a rule, and the checks."""
    import pandas as pd

    allowed = set(task.labels)
    bio = any(label.startswith("B-") for label in task.labels)
    slips = (FOLLOW.name, BLOCK.name)
    found: dict[str, list[str | None]] = {rule.name: [] for rule in RULES if rule.name not in slips}
    prefixes = frame["file"].str.partition("/")[0] + ":"
    for tokens, tags, prefix in zip(frame["tokens"], frame["tags"], prefixes, strict=True):
        tokens, tags = tokens or [], tags or []
        uneven = len(tokens) != len(tags)
        blank = [place for place, token in enumerate(tokens, 1) if not visible(token)]
        odd = [] if allowed.issuperset(tags) else [tag for tag in tags if tag not in allowed]
        found[LENGTHS.name].append(f"{len(tokens)} tokens, {len(tags)} tags" if uneven else None)
        found[NO_TOKENS.name].append(None if tokens else "no token")
        found[BLANK.name].append(f"token {blank[0]}" if blank else None)
        found[TAGS.name].append(repr(odd[0]) if odd else None)
        found[BIO.name].append(invalid_bio(tags) if bio and not odd else None)
        prefixed = bool(tokens) and str(tokens[0]).startswith(prefix)
        prefixed = prefixed and all(str(token).startswith(prefix) for token in tokens)
        found[PREFIX.name].append(tokens[0] if prefixed else None)
    columns = {name: pd.Series(cells, frame.index, dtype="str") for name, cells in found.items()}
    for name in slips:
        columns[name] = pd.Series(None, frame.index, dtype="str")
    sound = frame[columns[LENGTHS.name].isna() & columns[NO_TOKENS.name].isna()]
    for _, rows in sound.groupby("file", sort=False).groups.items():
        here = sound.loc[rows]
        for name, cells in zip(slips, _evidence(here), strict=True):
            columns[name][rows] = pd.Series(cells, rows, dtype="str")
    checks = [Check(rule, "ExpectColumnValuesToBeNull", {"column": rule.name}) for rule in RULES]
    return frame.assign(**columns), checks


def _evidence(frame: pd.DataFrame) -> tuple[list[str | None], list[str | None]]:
    """For the rows of one file, what slipped row by row, and in a block or altogether."""
    slip = slipped(frame["tokens"].tolist(), frame["tags"].tolist())
    place = {1: "one place before", -1: "one place after"}
    texts = [" ".join(map(str, words[:12])) for words in frame["tokens"]]
    alone: list[str | None] = [
        f"tags that fit the tokens {place[step]} ({nats:.0f} nats): {text}" if nats > SURE else None
        for nats, step, text in zip(slip.nats, slip.step, texts, strict=True)
    ]
    together: list[str | None] = [None] * len(frame)
    start, stop, nats, step = slip.block
    if slip.whole:
        together = [f"all tags fit the tokens {place[slip.whole]}: {text}" for text in texts]
    elif nats > BLOCK_SURE:
        where = frame["row"].tolist() if "row" in frame else frame.index.tolist()
        message = (
            f"rows {where[start]} to {where[stop - 1]}, whose tags fit the tokens {place[step]} "
            f"({nats:.0f} nats)"
        )
        together[start:stop] = [message] * (stop - start)
    return alone, together
