"""The page: sections of text, tables and figures in one HTML file that needs no network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from stages.reporting.drawing import Figure

TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Cell:
    text: str
    number: bool = False


@dataclass(frozen=True)
class Block:
    """A paragraph, a figure or a table; the latter two folded away under `summary` if given."""

    kind: str
    text: str = ""
    style: str = ""
    figure: Figure | None = None
    header: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)
    caption: str = ""
    summary: str = ""


@dataclass(frozen=True)
class Section:
    title: str
    blocks: list[Block]

    @property
    def anchor(self) -> str:
        return "".join(c if c.isalnum() else "-" for c in self.title.lower())


def text(words: str, style: str = "") -> Block:
    return Block("text", text=words, style=style)


def drawn(figure: Figure, summary: str = "") -> Block:
    return Block("figure", figure=figure, summary=summary)


@dataclass
class Report:
    """What a report is made of: sections, figures, and tables that are files as well."""

    sections: list[Section] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    files: dict[str, pd.DataFrame] = field(default_factory=dict)

    def show(self, *drawings: Figure | None, folded: str = "") -> list[Block]:
        """Return the blocks of figures that could be drawn, and keep these."""
        made = [drawing for drawing in drawings if drawing is not None]
        self.figures += made
        return [drawn(drawing, folded) for drawing in made]


def table(data: pd.DataFrame, caption: str = "", decimals: int = 3, summary: str = "") -> Block:
    """Return a table; floats with fixed decimals, missing values as a dash.

    summary : where given, the table is folded away under these words (and unfolds on paper)
    """
    rows = [
        [cell(value, decimals) for value in row] for row in data.itertuples(index=False, name=None)
    ]
    header = [str(name) for name in data.columns]
    return Block("table", header=header, rows=rows, caption=caption, summary=summary)


def cell(value: object, decimals: int) -> Cell:
    if isinstance(value, float):
        return Cell("–" if value != value else f"{value:.{decimals}f}".replace("-", "−"), True)
    if isinstance(value, bool) or not isinstance(value, int):
        return Cell("" if value is None else str(value))
    return Cell(str(value), True)


def render(title: str, sections: list[Section], stand_in: str = "") -> str:
    """Return the page."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text())
    return template.render(title=title, sections=sections, stand_in=stand_in)
