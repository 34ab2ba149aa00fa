"""Compose paraphrase pairs without a language, in the manner of PAWS.

Both sentences have nearly the same words. A paraphrase tells the same in another order or with
the converse verb; the other pair has two roles, places or colours exchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from sample.compose_xnli import NAMES
from sample.render import Clause, say

DIFFERENT, SAME = range(2)
VARIANTS = 3
CITIES = "london paris rome vienna madrid berlin oslo cairo tokyo delhi".split()
LISTS = {
    "names": NAMES,
    "cities": CITIES,
    "instruments": "piano violin guitar cello harp".split(),
    "buses": "red blue green white".split(),
}
# pattern: slots with the list that fills them, and the two slots whose exchange alters the meaning
PATTERNS: dict[str, tuple[dict[str, str], tuple[str, str]]] = {
    "travel": ({"a": "names", "x": "cities", "y": "cities"}, ("x", "y")),
    "move": ({"a": "names", "x": "cities", "y": "cities"}, ("x", "y")),
    "teach": ({"a": "names", "b": "names", "x": "cities", "i": "instruments"}, ("a", "b")),
    "succeed": ({"a": "names", "b": "names", "x": "cities"}, ("a", "b")),
    "duo": (
        {"a": "names", "b": "names", "x": "cities", "i": "instruments", "j": "instruments"},
        ("a", "b"),
    ),
    "buses": ({"c": "buses", "d": "buses", "x": "cities", "y": "cities"}, ("c", "d")),
    "tower": ({"x": "cities", "y": "cities"}, ("x", "y")),
    "stay": ({"a": "names", "x": "cities", "y": "cities"}, ("x", "y")),
    "bridge": ({"x": "cities", "y": "cities"}, ("x", "y")),
    "sell": ({"a": "names", "b": "names", "x": "cities"}, ("a", "b")),
    "museum": ({"x": "cities", "y": "cities"}, ("x", "y")),
}
UNDATED = {"duo", "buses"}


@dataclass(frozen=True)
class Pair:
    """A labelled pair without a language; label 1 for a paraphrase."""

    first: Clause
    second: Clause
    label: int
    pattern: str


def draw(pattern: str, rng: Random) -> dict[str, str]:
    """Fillers for the slots of a pattern; slots of one list get different ones."""
    wanted, _ = PATTERNS[pattern]
    pools = {
        name: rng.sample(LISTS[name], len(LISTS[name])) for name in dict.fromkeys(wanted.values())
    }
    slots = {slot: f"{name}.{pools[name].pop()}" for slot, name in wanted.items()}
    if pattern not in UNDATED:
        slots["year"] = str(rng.randrange(1950, 2020))
    return slots


def exchanged(pattern: str, slots: dict[str, str]) -> dict[str, str]:
    """The same fillers with the two telling slots exchanged."""
    _, (one, other) = PATTERNS[pattern]
    return slots | {one: slots[other], other: slots[one]}


def compose(splits: Iterable[tuple[str, int]], seed: int) -> dict[str, list[Pair]]:
    """Pairs of every split, in the order given.

    splits : (name, rows), rows even. A scene makes two neighbouring pairs, one of each label, and
    no scene with the same fillers, in whatever slots, comes again.
    """
    rng = Random(f"paws-x {seed}")
    seen: set[tuple[str, frozenset[str]]] = set()
    composed: dict[str, list[Pair]] = {}
    for split, rows in splits:
        pairs: list[Pair] = []
        while len(pairs) < rows:
            pattern = list(PATTERNS)[len(pairs) // 2 % len(PATTERNS)]
            slots = draw(pattern, rng)
            other = exchanged(pattern, slots)
            key = (pattern, frozenset(slots.values()))
            if key in seen:
                continue
            seen.add(key)
            one, another, _ = rng.sample(range(VARIANTS), VARIANTS)
            template = f"paraphrases.{pattern}"
            first = say(f"{template}.{one}", **slots)
            same = say(f"{template}.{another}", **slots)
            different = say(f"{template}.{rng.choice([one, another])}", **other)
            for second, label in rng.sample([(same, SAME), (different, DIFFERENT)], 2):
                left, right = rng.sample([first, second], 2)
                pairs.append(Pair(left, right, label, pattern))
        composed[split] = pairs
    return composed
