"""The published accuracies, analysed as the study's own."""

from __future__ import annotations

import pandas as pd

from stages.reporting.answer import answer
from stages.reporting.folder import Statistics
from stages.reporting.forest import over_distances
from stages.reporting.page import Report, Section, text
from stages.reporting.scatter import scatter
from stages.reporting.slopes import slope_block

# Figures with more panels than this are not read; the tables hold the rest.
MOST_PANELS = 6


def literature(made: Report, published: Statistics, languages: pd.DataFrame) -> Section:
    """Return the section on the published accuracies, analysed by the same code."""
    sentences, limits = answer(published)
    target = published.targets[0]
    sources = published.sources(target)
    figure = scatter(
        *(published.outcomes, languages, target, sources[:MOST_PANELS], published.distance),
        *(published.covariates, "published"),
    )
    tables = (published.correlations, published.robustness)
    forest = over_distances(*tables, target, sources[:3], "published_")
    return Section(
        "The literature, analysed the same way",
        [
            text("Published accuracies of models trained by others (XLM-R and mBERT)."),
            text(sentences[0], "answer"),
            text("Limits. " + " ".join(limits), "small"),
            *made.show(figure),
            *made.show(forest, folded="The literature: every distance"),
            *slope_block(published.slopes[published.slopes["target"] == target], target),
        ],
    )
