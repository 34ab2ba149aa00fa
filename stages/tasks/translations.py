"""Machine-translated sets of a task, `<base>.<kind>`: records made on demand from the base's.

kind             what it is
a language code  the training set in that language: `mnli.id`
translate-train  the training set in every language, English too: `xnli.translate-train`
translate-test   the tests translated to English, by the language that they come from
pseudo           the English test translated to XTREME's 40 languages: n = 39 beside 14 of XNLI
translated       the English development set translated, for tasks that have no other test

Labels, head and metric are the base's. What is evaluated is predicted by the cell of the base, and
its English is the base's own: the drop is measured from the same number.
"""

from __future__ import annotations

import dataclasses

from stages.tasks.record import Task
from stages.tasks.taggings import PANX_TEST

LANGUAGES = tuple(PANX_TEST)  # XTREME's, English first
TRAIN, TEST, PSEUDO, TRANSLATED = "translate-train", "translate-test", "pseudo", "translated"
KINDS = (TRAIN, TEST, PSEUDO, TRANSLATED)


def is_translated(name: str) -> bool:
    """Whether a target of that name was translated by a machine."""
    return "." in name


def base_of(name: str) -> str:
    """The task that `name` translates; a task of its own is its own base."""
    return name.partition(".")[0]


def derive(base: Task, kind: str) -> Task | None:
    """Return the record of a translated set of `base`; None where there is no such kind."""
    name = f"{base.name}.{kind}"
    record = dataclasses.replace(
        base, name=name, sources=(), rows={}, tests=(), held_out=0, brought=name, base=base.name,
        evaluated=None, parallel=False,
    )  # fmt: skip
    if base.is_trained and (kind == TRAIN or (kind in LANGUAGES and kind != "en")):
        everywhere = base.languages if base.is_target else LANGUAGES
        return dataclasses.replace(record, languages=everywhere if kind == TRAIN else (kind,))
    tested = dataclasses.replace(record, trained_on=base.trained_on or base.name)
    if kind == TRANSLATED and base.is_trained:
        return dataclasses.replace(tested, languages=LANGUAGES, evaluated="validation")
    if kind in (TEST, PSEUDO) and base.is_target and base.head in ("pair", "span"):
        languages = base.languages if kind == TEST else LANGUAGES
        return dataclasses.replace(
            tested, languages=languages, evaluated=base.evaluated, parallel=base.parallel,
            written_in="en" if kind == TEST else None,
        )  # fmt: skip
    return None
