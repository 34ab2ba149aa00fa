"""Compose inference items without a language: one hypothesis, and a premise for each label.

A family is a function of a random generator that returns a hypothesis and the premises that
entail it, leave it open and contradict it. As every hypothesis meets all three labels, it says
nothing about the label by itself. Two sentences of an item tell of the same event, the
convention of SNLI and MNLI: who baked in the garden did not bake at school.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from sample.render import Text, say

ENTAILMENT, NEUTRAL, CONTRADICTION = range(3)
Group = tuple[Text, Text, Text, Text]  # hypothesis, then a premise for label 0, 1, 2

PEOPLE = "mother father sister brother grandmother grandfather aunt uncle girl boy".split()
NAMES = "anna maria sara nina elena david adam daniel omar martin".split()
PLACES = {
    "cake": "kitchen school cafe",
    "letter": "garden park kitchen library office cafe station beach",
    "newspaper": "garden park kitchen library office cafe station beach",
    "bicycle": "garden park school station market",
    "picture": "garden park kitchen school beach cafe",
    "song": "garden kitchen school station beach market",
    "tea": "garden park kitchen office cafe station market",
    "photos": "garden park school station beach market",
    "dishes": "kitchen school cafe office",
    "doctor": "garden park kitchen office library station beach market",
    "counts": "market station school",
    "keys": "garden park kitchen school library office station beach",
    "pens": "park school library office cafe station",
    "kinds": "market station",
    "instrument": "garden park kitchen school cafe station beach",
}
ACTIONS = "cake letter newspaper bicycle picture song tea photos dishes doctor".split()
OPEN_AIR, CLOSED = "garden park beach".split(), "kitchen library office".split()

DAYS = "monday wednesday saturday weekend".split()
HOURS = "eight_am morning seven_pm evening".split()
SEASONS = "spring autumn".split()
TIMES = DAYS + HOURS + SEASONS
POINTS = [time for time in TIMES if time != "weekend"]
BROADER = {"saturday": "weekend", "eight_am": "morning", "seven_pm": "evening"}

TAILS = {
    ENTAILMENT: "succeeded as_planned".split(),
    NEUTRAL: "weather fine_day enough_time".split(),
    CONTRADICTION: "no_time impossible too_late".split(),
}
THINGS = {
    "soup": ("hot cold", "cheap expensive", "thick thin"),
    "room": ("big small", "bright dark", "clean dirty"),
    "train": ("fast slow", "full empty", "new old"),
    "street": ("wide narrow", "quiet noisy", "clean dirty"),
    "suitcase": ("heavy light", "new old", "cheap expensive"),
}
COUNTS = "books chairs cups keys pens lamps".split()
LOW, HIGH = "six seven".split(), "nine ten".split()
RELATIONS = "house bicycle parcel spanish".split()
SCALES = ("older younger", "taller shorter", "earlier later", "faster slower")
KINDS = "flowers fruit clothes instrument".split()


def places_of(key: str) -> list[str]:
    return [f"places.{place}" for place in PLACES[key].split()]


def time(rng: Random, among: list[str] = POINTS) -> str:
    return f"times.{rng.choice(among)}"


def place(rng: Random) -> Group:
    """Where it happened: the same place, none or a wider one, another one."""
    who, action = f"people.{rng.choice(PEOPLE)}", rng.choice(ACTIONS)
    stated, there = rng.sample(places_of(action), 2)
    here, unclear = stated, None
    outside = [p for p in OPEN_AIR if p in PLACES[action].split()]
    inside = [p for p in CLOSED if p in PLACES[action].split()]
    if outside and inside and rng.random() < 0.5:
        here, there = f"places.{rng.choice(outside)}", f"places.{rng.choice(inside)}"
        stated, unclear = rng.choice([("places.outdoors", None), (here, "places.outdoors")])

    def did(where: str | None, dated: bool = True) -> Text:
        when = time(rng) if dated else None
        return (say(f"actions.{action}.did", who=who, where=where, when=when),)

    return (
        did(stated, dated=False),
        did(here, dated=here == stated or rng.random() < 0.5),
        did(unclear, dated=not unclear or rng.random() < 0.5),
        did(there, dated=rng.random() < 0.5),
    )


def moment(rng: Random) -> Group:
    """When it happened: the same or a narrower time, an unrelated or wider one, another one."""
    who, action, stated = f"people.{rng.choice(PEOPLE)}", rng.choice(ACTIONS), rng.choice(TIMES)
    family = next(family for family in (DAYS, HOURS, SEASONS) if stated in family)
    now = rng.choice([stated, *[t for t in family if BROADER.get(t) == stated] * 2])
    then = rng.choice([t for t in family if t != stated and not overlapping(t, stated)])
    unclear: list[str | None] = [None, *(t for t in POINTS if t not in family)]
    if stated in BROADER:
        unclear += [BROADER[stated]] * 4
    sometime = rng.choice(unclear)

    def did(when: str | None, placed: bool = True) -> Text:
        where = rng.choice(places_of(action)) if placed else None
        when = f"times.{when}" if when else None
        return (say(f"actions.{action}.did", who=who, where=where, when=when),)

    return (
        did(stated, placed=False),
        did(now, placed=now == stated or rng.random() < 0.5),
        did(sometime, placed=not sometime or rng.random() < 0.5),
        did(then, placed=rng.random() < 0.5),
    )


def overlapping(one: str, other: str) -> bool:
    """Whether two times of one kind can both be true of one event."""
    return one == other or BROADER.get(one) == other or BROADER.get(other) == one


def outcome(rng: Random) -> Group:
    """Whether a plan was carried out; half of the hypotheses deny it."""
    who, action = f"people.{rng.choice(PEOPLE)}", rng.choice(ACTIONS)

    def decided(label: int) -> Text:
        where, when = rng.choice(places_of(action)), time(rng)
        where_or_when = {"where": where} if rng.random() < 0.5 else {"when": when}
        tail = f"tails.{rng.choice(TAILS[label])}"
        return (say(f"actions.{action}.decided", who=who, tail=tail, **where_or_when),)

    yes, unknown, no = (decided(label) for label in (ENTAILMENT, NEUTRAL, CONTRADICTION))
    if rng.random() < 0.3:
        where = rng.choice(places_of(action))
        yes = (say(f"actions.{action}.did", who=who, where=where, when=time(rng)),)
    if rng.random() < 0.5:
        return (say(f"actions.{action}.did", who=who),), yes, unknown, no
    return (say(f"actions.{action}.not", who=who),), no, unknown, yes


def state(rng: Random) -> Group:
    """What a thing was like: among its two properties, on another scale, the opposite."""
    thing = rng.choice(list(THINGS))
    scale, *rest = rng.sample([pair.split() for pair in THINGS[thing]], 3)
    stated, opposite = rng.sample(scale, 2)
    first, second = (rng.choice(pair) for pair in rest)

    def noticed(*properties: str) -> Text:
        p, q = (f"things.{thing}.{name}" for name in rng.sample(properties, 2))
        who = f"people.{rng.choice(PEOPLE)}"
        return (say("states.two", who=who, thing=f"things.{thing}.it", p=p, q=q),)

    hypothesis = say("states.one", thing=f"things.{thing}.it", p=f"things.{thing}.{stated}")
    return (
        (hypothesis,),
        noticed(stated, rng.choice([first, second])),
        noticed(first, second),
        noticed(opposite, rng.choice([first, second])),
    )


def count(rng: Random) -> Group:
    """How many: an exact number or a lower bound against a number, an unclear one, another."""
    who, what = f"people.{rng.choice(PEOPLE)}", rng.choice(COUNTS)
    places = places_of(what if what in PLACES else "counts")

    def had(n: str, adjuncts: bool = True) -> Text:
        where, when = (rng.choice(places), time(rng)) if adjuncts else (None, None)
        return (say(f"counts.{what}", who=who, n=f"numbers.{n}", where=where, when=when),)

    if rng.random() < 0.4:
        bound = had("at_least_nine", adjuncts=False)
        return bound, had(rng.choice(HIGH)), had("several"), had(rng.choice(LOW))
    stated, other = rng.sample(LOW + HIGH, 2)
    vague = rng.choice(["several", "at_least_nine"]) if stated in HIGH else "several"
    other = rng.choice([other, "at_least_nine"]) if stated in LOW else other
    return had(stated, adjuncts=False), had(stated), had(vague), had(other)


def exchange(rng: Random) -> Group:
    """Who gave and who got: the converse verb, another matter, the roles turned round."""
    a, b = (f"names.{name}" for name in rng.sample(NAMES, 2))
    what, verb, converse = rng.choice(RELATIONS), *rng.sample(["gives", "gets"], 2)

    def told(verb: str, a: str, b: str, dated: bool = True) -> Text:
        return (say(f"relations.{what}.{verb}", a=a, b=b, when=time(rng) if dated else None),)

    if what in ("house", "parcel") and rng.random() < 0.3:
        given = told("gives", a, b) if rng.random() < 0.5 else told("gets", b, a)
        return told("other", a, b, dated=False), told("other", a, b), given, told("other", b, a)
    return (
        told(verb, a, b, dated=False),
        told(converse, b, a) if rng.random() < 0.75 else told(verb, a, b),
        told("other", a, b) if rng.random() < 0.5 else told("other", b, a),
        told(converse, a, b) if rng.random() < 0.5 else told(verb, b, a),
    )


def comparison(rng: Random) -> Group:
    """Who is more: the converse, another scale or only a shared bound, the reverse."""
    a, b, c = (f"names.{name}" for name in rng.sample(NAMES, 3))
    scale, another = rng.sample(SCALES, 2)
    more, less = rng.sample(scale.split(), 2)

    def is_(word: str, a: str, b: str) -> Text:
        return (say(f"comparisons.{word}", a=a, b=b),)

    def either(a: str, b: str) -> Text:
        return rng.choice([is_(more, a, b), is_(less, b, a)])

    def both(one: Text, two: Text) -> Text:
        return one + two if rng.random() < 0.5 else two + one

    hypothesis = is_(more, a, b)
    if rng.random() < 0.25:
        unrelated = is_(rng.choice(another.split()), *rng.choice([(a, b), (b, a)]))
        return hypothesis, is_(less, b, a), unrelated, either(b, a)
    return (
        hypothesis,
        both(either(a, c), either(c, b)),
        both(either(a, c), either(b, c)),
        both(either(b, c), either(c, a)),
    )


def kind(rng: Random) -> Group:
    """What sort of thing: a narrower sort, a wider one or none named, none of the sort."""
    who, what = f"people.{rng.choice(PEOPLE)}", rng.choice(KINDS)
    places = places_of(what if what in PLACES else "kinds")

    def told(which: str, adjuncts: bool = True) -> Text:
        where, when = (rng.choice(places), time(rng)) if adjuncts else (None, None)
        return (say(f"kinds.{what}.{which}", who=who, where=where, when=when),)

    def vague() -> Text:
        template = "vague.music" if what == "instrument" else "vague.shopping"
        return (say(template, who=who, where=rng.choice(places), when=time(rng)),)

    one = rng.choice(["one", "another"])
    wider = told("general") if rng.random() < 0.67 else vague()
    return rng.choice(
        [
            (told(one, adjuncts=False), told(one), wider, told("none")),
            (told("general", adjuncts=False), told(one), vague(), told("none")),
            (told("none", adjuncts=False), told("none"), vague(), told(one)),
        ]
    )


Family = Callable[[Random], Group]
FAMILIES: tuple[Family, ...] = (place, moment, outcome, state, count, exchange, comparison, kind)


@dataclass(frozen=True)
class Item:
    """A labelled pair without a language."""

    premise: Text
    hypothesis: Text
    label: int
    family: str


def compose(splits: Iterable[tuple[str, int]], seed: int) -> dict[str, list[Item]]:
    """Items of every split, in the order given.

    splits : (name, rows), rows a multiple of 3; each split is balanced, and so is any prefix of
    whole groups. A premise is used in one split only, and a pair of sentences in either order
    only once.
    """
    rng = Random(f"xnli {seed}")
    home: dict[Text, str] = {}
    pairs: set[frozenset[Text]] = set()
    composed: dict[str, list[Item]] = {}
    for split, rows in splits:
        items: list[Item] = []
        while len(items) < rows:
            family = FAMILIES[len(items) // 3 % len(FAMILIES)]
            hypothesis, *premises = family(rng)
            new = {frozenset((premise, hypothesis)) for premise in premises}
            if len(new) < 3 or new & pairs or any(home.get(p, split) != split for p in premises):
                continue
            pairs |= new
            home |= dict.fromkeys(premises, split)
            labelled = list(enumerate(premises))
            rng.shuffle(labelled)
            items += [Item(p, hypothesis, label, family.__name__) for label, p in labelled]
        composed[split] = items
    return composed
