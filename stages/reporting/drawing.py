"""A figure: drawn once, kept as PNG and SVG with its data as CSV, put into the page as SVG."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stages.writing import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

# Okabe and Ito's colours: told apart with any colour vision; markers tell them apart in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its file name, what it shows in words, both renderings and its data."""

    name: str
    title: str
    caption: str
    svg: str
    png: bytes
    data: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write figures/<name>.svg, figures/<name>.png and data/<name>.csv below a folder."""
        for suffix, content in ((".svg", self.svg.encode()), (".png", self.png)):
            with replacing(folder / "figures" / f"{self.name}{suffix}") as path:
                path.write_bytes(content)
        with replacing(folder / "data" / f"{self.name}.csv") as path:
            self.data.to_csv(path, index=False, float_format="%.4g")


@contextmanager
def canvas(width: float, height: float) -> Iterator[Canvas]:
    """Yield an empty figure of the given inches in the report's style, without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = plt.figure(figsize=(width, height))
        try:
            yield figure
        finally:
            plt.close(figure)


def finish(canvas: Canvas, name: str, title: str, caption: str, data: pd.DataFrame) -> Figure:
    """Return the drawn figure with its renderings; the same drawing gives the same bytes."""
    vector, raster = io.StringIO(), io.BytesIO()
    canvas.savefig(vector, format="svg", metadata={"Date": None})
    canvas.set_layout_engine("none")  # it is laid out now
    canvas.savefig(raster, format="png", dpi=100, metadata={"Software": None})
    return Figure(name, title, caption, inline(vector.getvalue(), name), raster.getvalue(), data)


def inline(svg: str, name: str) -> str:
    """Return an SVG for a page: no prologue, its width the page's, ids unique to the figure."""
    svg = svg[svg.index("<svg") :]
    natural = re.search(r'width="([0-9.]+)pt"', svg)
    size = f"min-width: min(34rem, {natural[1]}pt); max-width: {natural[1]}pt" if natural else ""
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', rf'\1 style="{size}"', svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(xlink:href|href)="#', rf'\1="#{name}-', svg)
    return re.sub(r"url\(#", f"url(#{name}-", svg)
