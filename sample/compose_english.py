"""Compose the English intermediate tasks, MNLI and QQP, from `mnli.yaml` and `qqp.yaml`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from random import Random
from typing import Any

from sample.render import fill, tidy
from sample.tables import FOLDER, read

Row = dict[str, Any]
LABELS = ("entailment", "neutral", "contradiction")
Filler = dict[str, tuple[str, str]]  # slot -> (list, entry)


class Lists:
    """The lists of one pattern file and the names of the forms in them."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.forms: dict[str, list[str]] = content["forms"]
        self.entries: dict[str, dict[str, list[str]]] = {
            name: {str(e): e if isinstance(e, list) else [e] for e in listed}
            for name, listed in content["lists"].items()
        }

    def value(self, filler: Filler, slot: str, form: str | None) -> str:
        """The form of what fills a slot; without a name, or for a single form, the first."""
        name, entry = filler[slot]
        forms = self.entries[name][entry]
        return forms[self.forms[name].index(form) if form and len(forms) > 1 else 0]

    def sentence(self, template: str, filler: Filler) -> str:
        return tidy(fill(template, lambda slot, form: self.value(filler, slot, form)), "en")

    def draw(self, wanted: dict[str, str], rng: Random) -> Filler:
        """Fillers for slots; slots of one list get different ones."""
        names = dict.fromkeys(wanted.values())
        pools = {
            name: rng.sample(list(self.entries[name]), len(self.entries[name])) for name in names
        }
        return {slot: (name, pools[name].pop()) for slot, name in wanted.items()}


def mnli(splits: Iterable[tuple[str, int]], seed: int) -> dict[str, list[Row]]:
    """Rows (premise, hypothesis, label, idx); one hypothesis meets all three labels.

    splits : (name, rows), rows a multiple of 3. A premise is used in one split only.
    """
    content = read(FOLDER / "mnli.yaml")
    lists, families = Lists(content), content["families"]
    rng = Random(f"mnli {seed}")
    home: dict[str, str] = {}
    pairs: set[frozenset[str]] = set()
    composed: dict[str, list[Row]] = {}
    for split, rows in splits:
        items: list[Row] = []
        while len(items) < rows:
            family = families[len(items) // 3 % len(families)]
            patterns, filler = rng.choice(family["sets"]), lists.draw(family["draw"], rng)
            hypothesis = lists.sentence(patterns["hypothesis"], filler)
            premises = [lists.sentence(rng.choice(patterns[label]), filler) for label in LABELS]
            new = {frozenset((premise, hypothesis)) for premise in premises}
            if len(new) < 3 or new & pairs or any(home.get(p, split) != split for p in premises):
                continue
            pairs |= new
            home |= dict.fromkeys(premises, split)
            for label, premise in rng.sample(list(enumerate(premises)), 3):
                items.append({"premise": premise, "hypothesis": hypothesis, "label": label})
        composed[split] = [item | {"idx": place} for place, item in enumerate(items)]
    return composed


def qqp(splits: Iterable[tuple[str, int]], seed: int) -> dict[str, list[Row]]:
    """Rows (question1, question2, label, idx); label 1 for two wordings of one question.

    splits : (name, rows), rows even. The fillers of a topic are dealt out to the splits first, so
    no question of one split comes in another; rows of the two labels alternate.
    """
    splits = list(splits)
    content = read(FOLDER / "qqp.yaml")
    lists, topics = Lists(content), content["topics"]
    rng = Random(f"qqp {seed}")
    dealt = {t["name"]: deal(scenes(lists, t["draw"], rng), splits) for t in topics}
    composed: dict[str, list[Row]] = {}
    for split, rows in splits:
        items: list[Row] = []
        seen: set[frozenset[str]] = set()
        while len(items) < rows:
            label = len(items) % 2
            topic = topics[len(items) // 2 % len(topics)]
            pool = dealt[topic["name"]][split]
            filler = rng.choice(pool)
            ask, other_ask = rng.sample(topic["ask"], 2)
            one, two = rng.sample(range(len(ask)), 2)
            first, second = lists.sentence(ask[one], filler), lists.sentence(ask[two], filler)
            if label == 0 and rng.random() < 0.5:
                second = lists.sentence(rng.choice(other_ask), filler)
            elif label == 0:
                near = [f for f in pool if sum(f[s] != filler[s] for s in f) == 1]
                if not near:
                    continue
                second = lists.sentence(rng.choice(ask), rng.choice(near))
            pair = frozenset((first, second))
            if len(pair) < 2 or pair in seen:
                continue
            seen.add(pair)
            question1, question2 = rng.sample([first, second], 2)
            items.append({"question1": question1, "question2": question2, "label": label})
        composed[split] = [item | {"idx": place} for place, item in enumerate(items)]
    return composed


def scenes(lists: Lists, wanted: dict[str, str], rng: Random) -> list[Filler]:
    """All fillers of a topic, shuffled; of two that exchange the slots of one list only one."""
    chosen: dict[frozenset[tuple[str, str]], Filler] = {}
    for entries in product(*(lists.entries[name] for name in wanted.values())):
        filler = dict(zip(wanted, zip(wanted.values(), entries, strict=True), strict=True))
        if len(set(filler.values())) == len(filler):
            chosen.setdefault(frozenset(filler.values()), filler)
    fillers = list(chosen.values())
    rng.shuffle(fillers)
    return fillers


def deal(fillers: list[Filler], splits: list[tuple[str, int]]) -> dict[str, list[Filler]]:
    """Fillers for each split in proportion to its rows, none in two."""
    total, start = sum(rows for _, rows in splits), 0
    dealt = {}
    for place, (split, rows) in enumerate(splits):
        last = place == len(splits) - 1
        end = len(fillers) if last else start + max(2, round(len(fillers) * rows / total))
        dealt[split], start = fillers[start:end], end
    return dealt
