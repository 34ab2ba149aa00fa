"""Turn an abstract clause into a sentence of one language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from sample.tables import GENDERED, SLOT, Table
from stages.errors import UserError

OPTIONAL = {"where", "when", "tail"}
FEMININE = set("mother sister grandmother aunt girl anna maria sara nina elena".split())


@dataclass(frozen=True)
class Clause:
    """One sentence without a language: a template and what fills its slots.

    template : path in the phrase table (`actions.cake.did`);
    slots : (slot, path) pairs, sorted; a path without a dot stands for itself (a year).
    """

    template: str
    slots: tuple[tuple[str, str], ...]

    @property
    def feminine(self) -> bool:
        """Whether the grammatical subject, slot `who` or else `a`, is a woman."""
        slots = dict(self.slots)
        return slots.get("who", slots.get("a", "")).split(".")[-1] in FEMININE


Text = tuple[Clause, ...]


def say(template: str, **slots: str | None) -> Clause:
    """A clause; slots that are None stay empty."""
    return Clause(template, tuple(sorted((k, v) for k, v in slots.items() if v is not None)))


def fill(template: str, value: Callable[[str, str | None], str]) -> str:
    """Replace `{slot}` and `{slot.form}` by value(slot, form)."""
    return SLOT.sub(lambda match: value(match[1], match[2]), template)


def tidy(sentence: str, code: str) -> str:
    """Mend what empty slots leave, begin with a capital, and normalise to NFC."""
    sentence = re.sub(" +", " ", sentence).strip()
    sentence = re.sub(r" ([,.،。，।۔?])", r"\1", sentence)
    first = "İ" if code == "tr" and sentence[0] == "i" else sentence[0].upper()
    return unicodedata.normalize("NFC", first + sentence[1:])


def render(text: Text, table: Table) -> str:
    """The sentences of `text` in the language of `table`."""
    return table.between.join(sentence(clause, table) for clause in text)


def sentence(clause: Clause, table: Table) -> str:
    """One sentence.

    UserError: the template has a slot that the clause does not fill.
    """
    slots = dict(clause.slots)

    def value(slot: str, form: str | None) -> str:
        if slot not in slots:
            if slot in OPTIONAL:
                return ""
            raise UserError(
                f"expected {clause.template} of {table.code}.yaml to use the slots "
                f"{sorted(slots)}, found {slot}."
            )
        path = slots[slot]
        return table.form(path, form) if "." in path else path

    template = table.form(clause.template, None)
    template = GENDERED.sub(lambda match: match[2 if clause.feminine else 1], template)
    return tidy(fill(template, value), table.code)
