"""Read the phrase tables in `sample/phrases` and refuse a table that could not be rendered.

A table is one YAML file a language. English is the reference: a language must have the same keys
in every section it has, and each of its templates the same slots as the English one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from stages.errors import UserError

FOLDER = Path(__file__).parent / "phrases"
SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
GENDERED = re.compile(r"\[([^|\[\]]*)\|([^|\[\]]*)\]")
HEADER = ("language", "spaces", "between_sentences", "forms")
PAWSX_SECTIONS = ("names", "cities", "instruments", "buses", "paraphrases")


@dataclass(frozen=True)
class Table:
    """The phrases of one language.

    code : two letters; spaces : whether words are written apart; between : what stands between
    two sentences; forms : section -> names of the forms that a list in that section gives.
    """

    code: str
    spaces: bool
    between: str
    forms: dict[str, list[str]]
    phrases: dict[str, Any]

    def entry(self, path: str) -> Any:
        """The entry at `path`, such as `actions.cake.did` or `paraphrases.travel.0`."""
        found: Any = self.phrases
        for key in path.split("."):
            try:
                found = found[int(key)] if isinstance(found, list) else found[key]
            except (KeyError, IndexError, ValueError, TypeError):
                raise UserError(
                    f"expected the phrase {path} in {FOLDER.name}/{self.code}.yaml, but {key} is "
                    "missing: add it, after the English one."
                ) from None
        return found

    def form(self, path: str, form: str | None) -> str:
        """One form of an entry; without a name the first; a plain string serves for every form."""
        entry = self.entry(path)
        if isinstance(entry, str):
            return entry
        names = self.forms.get(section_of(path), [])
        if form is not None and form not in names:
            raise UserError(
                f"expected one of the forms {names} of {path} in {FOLDER.name}/{self.code}.yaml, "
                f"found {form}: name it under `forms`, or correct the template."
            )
        return str(entry[names.index(form) if form else 0])


def section_of(path: str) -> str:
    """The name under `forms` that holds for an entry: properties of things have their own."""
    section, *rest = path.split(".")
    return "properties" if section == "things" and rest[-1] != "it" else section


@cache
def load(code: str) -> Table:
    """The table of language `code` (`de`), unchecked.

    UserError: there is no such file, or it is no YAML.
    """
    path = FOLDER / f"{code}.yaml"
    content = read(path)
    spaces = content.get("spaces") != "false"
    return Table(
        code=code,
        spaces=spaces,
        between=content.get("between_sentences", " " if spaces else ""),
        forms=content.get("forms") or {},
        phrases={key: value for key, value in content.items() if key not in HEADER},
    )


def read(path: Path) -> dict[str, Any]:
    """The content of one YAML file."""
    try:
        # BaseLoader keeps every word a word: "on" is Turkish for ten, not a truth value
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except FileNotFoundError:
        raise UserError(f"expected the phrase table {path}, found no such file.") from None
    except yaml.YAMLError as error:
        raise UserError(f"expected YAML in {path}, found: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"expected a mapping in {path}, found {type(content).__name__}.")
    return content


def languages(section: str) -> list[str]:
    """The codes of all languages whose table has `section`, sorted."""
    codes = sorted(path.stem for path in FOLDER.glob("??.yaml"))
    return [code for code in codes if section in load(code).phrases]


def entries(phrases: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every entry with its path; a list of forms counts as one, paraphrases as three."""
    if isinstance(phrases, dict):
        for key, value in phrases.items():
            yield from entries(value, f"{path}.{key}" if path else str(key))
    elif isinstance(phrases, list) and path.startswith("paraphrases."):
        for place, value in enumerate(phrases):
            yield path + f".{place}", value
    else:
        yield path, phrases


def check(table: Table, reference: Table) -> None:
    """Compare a language with the reference. UserError: names every entry that does not fit."""
    mine, theirs = dict(entries(table.phrases)), dict(entries(reference.phrases))
    wanted = {path for path in theirs if path.split(".")[0] in sections(table)}
    faults = [f"{path}: missing" for path in sorted(wanted - mine.keys())]
    faults += [f"{path}: unknown to English" for path in sorted(mine.keys() - theirs.keys())]
    for path in sorted(wanted & mine.keys()):
        faults += [f"{path}: {fault}" for fault in faults_of(path, mine[path], theirs[path], table)]
    if faults:
        raise UserError(
            f"expected {FOLDER.name}/{table.code}.yaml to have the entries and slots of "
            f"{reference.code}.yaml, found:\n  " + "\n  ".join(faults)
        )


def sections(table: Table) -> set[str]:
    """A table with actions must have every section that inference needs; likewise PAWS-X."""
    inference = set(load("en").phrases) - set(PAWSX_SECTIONS) | {"names"}
    wanted = set()
    wanted |= inference if "actions" in table.phrases else set()
    wanted |= set(PAWSX_SECTIONS) if "paraphrases" in table.phrases else set()
    return wanted


def faults_of(path: str, entry: Any, reference: Any, table: Table) -> Iterator[str]:
    """What is wrong with one entry."""
    texts = entry if isinstance(entry, list) else [entry]
    if not all(isinstance(text, str) for text in texts):
        yield f"expected text, found {entry!r}: put it in quotes"
        return
    if isinstance(entry, list) and len(entry) != len(table.forms.get(section_of(path), [])):
        yield f"expected as many forms as `forms` names, found {entry}"
    if isinstance(reference, str) and "{" in reference:
        slots, wanted = ({m[1] for m in SLOT.finditer(text)} for text in (entry, reference))
        if slots != wanted:
            yield f"expected the slots {sorted(wanted)}, found {sorted(slots)}"
    for text in texts:
        if re.search(r"[][{}|]", SLOT.sub("", GENDERED.sub("", text))):
            yield f"a bracket is open in {text!r}: slots are {{a}} or {{a.form}}, genders [m|f]"
