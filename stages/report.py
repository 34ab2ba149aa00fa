"""Report: scores, languages and statistics -> one HTML page and its figures.

In    scores.csv and scores.meta.json beside it, languages.csv, the folder of correlate; where
      they are, the folder of the published study (--published), published/claims.csv and
      benchmarks/calibration.csv
Out   <out>/report.html, one file that opens without a network; <out>/figures/*.png, *.svg and
      the data of each as *.csv; <out>/claims.csv

Alone: python -m stages.report --scores scores.csv --languages languages.csv \
           --statistics statistics --out report
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages import tracking
from stages.errors import UserError, run
from stages.reporting.answer import answer
from stages.reporting.claims import claims_table
from stages.reporting.drawing import Figure
from stages.reporting.forest import over_distances, slope_forest
from stages.reporting.heat_map import accuracy_maps
from stages.reporting.marks import marked, same_data
from stages.reporting.page import Block, Section, drawn, render, table, text
from stages.reporting.robustness import influence_plot, specification_curve
from stages.reporting.scatter import scatter
from stages.reporting.tables import (
    calibration_block,
    correlation_blocks,
    interaction_block,
    slope_block,
    uncertainty_block,
)
from stages.writing import replacing

TITLE = (
    "Does linguistic distance from English explain how much zero-shot accuracy falls, and does "
    "intermediate training change that?"
)
STAND_IN = (
    "The encoder of this study is a randomly initialised stand-in: it has read no text. Every "
    "number of this study shows that the pipeline runs and says nothing about any language."
)
SAME_DATA = "* the intermediate task is the target's own training data: more epochs, not transfer."
# Figures with more panels than this are not read; the tables hold the rest.
MOST_PANELS = 6


@dataclass(frozen=True)
class Statistics:
    """One folder of correlate."""

    correlations: pd.DataFrame
    robustness: pd.DataFrame
    slopes: pd.DataFrame
    interactions: pd.DataFrame
    uncertainty: pd.DataFrame
    specifications: pd.DataFrame
    influence: pd.DataFrame
    outcomes: pd.DataFrame
    primary: dict[str, object]
    covariates: list[str]

    @classmethod
    def read(cls, folder: Path) -> Statistics:
        """Read a folder of correlate, sources of the target's own training data marked."""
        analysis = folder / "analysis.json"
        if not analysis.is_file():
            raise UserError(f"{analysis} not found: run the correlate stage first.")
        fixed = json.loads(analysis.read_text())
        return cls(
            correlations=marked(read(folder / "partial_correlations.csv")),
            robustness=marked(read(folder / "robustness.csv")),
            slopes=marked(read(folder / "slopes.csv")),
            interactions=marked(read(folder / "interactions.csv")),
            uncertainty=marked(read(folder / "uncertainty.csv")),
            specifications=marked(read(folder / "specifications.csv.gz")),
            influence=marked(read(folder / "influence.csv")),
            outcomes=marked(read(folder / "outcomes.csv")),
            primary=fixed["primary"],
            covariates=fixed["covariates"],
        )

    @property
    def targets(self) -> list[str]:
        """The targets, that of the primary contrast first."""
        names = list(dict.fromkeys(self.outcomes["target"]))
        return sorted(names, key=lambda name: name != self.primary["target"])

    def sources(self, target: str) -> list[str]:
        """The intermediate tasks or models of a target, the primary one and the baseline first."""
        names = list(dict.fromkeys(self.outcomes.loc[self.outcomes["target"] == target, "source"]))
        first = self.primary["intermediate"]
        return sorted(names, key=lambda name: (name != first, name != "none"))

    @property
    def distance(self) -> str:
        """The primary distance, or the first there is."""
        known = list(self.correlations["distance"])
        primary = str(self.primary["distance"])
        return primary if primary in known else known[0]


def report(
    scores: pd.DataFrame,
    languages: pd.DataFrame,
    own: Statistics,
    published: Statistics | None,
    claims: pd.DataFrame | None,
    calibration: pd.DataFrame | None,
    stand_in: bool,
) -> tuple[str, list[Figure], pd.DataFrame | None]:
    """Return the page, its figures and the judged claims.

    scores : as scores.csv; languages : indexed by language
    """
    figures: list[Figure] = []

    def show(*drawings: Figure | None) -> list[Block]:
        made = [drawing for drawing in drawings if drawing is not None]
        figures.extend(made)
        return [drawn(drawing) for drawing in made]

    targets = own.targets
    target = targets[0]
    few = {name: own.sources(name)[:MOST_PANELS] for name in targets}
    source = few[target][0]
    sentences, limits = answer(own.slopes, own.interactions, own.correlations, own.primary)
    if any(name.endswith("*") for names in few.values() for name in names):
        limits.append(SAME_DATA)
    first = scatter(
        own.outcomes, languages, target, few[target][:3], own.distance, own.covariates, "answer"
    )
    sections = [
        Section(
            "",
            [
                *(text(sentence, "answer") for sentence in sentences),
                *show(first),
                text("Limits. " + " ".join(limits), "small"),
            ],
        )
    ]
    if published is not None:
        sections.append(literature(published, languages, show))
    others = [
        scatter(own.outcomes, languages, t, few[t], own.distance, own.covariates) for t in targets
    ]
    sections += [
        Section(
            "Does intermediate training flatten the slope?",
            [
                *show(slope_forest(own.slopes, own.interactions, target)),
                *([interaction_block(own.interactions, target)] if len(own.interactions) else []),
                slope_block(own.slopes),
                *([uncertainty_block(own.uncertainty)] if len(own.uncertainty) else []),
            ],
        ),
        Section("Drop against distance, by intermediate task", show(*others)),
        Section(
            "Every distance",
            [
                *show(*(over_distances(own.correlations, t, few[t][:4]) for t in targets)),
                *correlation_blocks(own.correlations, own.robustness),
            ],
        ),
        Section(
            "What the result hangs on",
            show(
                specification_curve(own.specifications, source, target, own.primary),
                influence_plot(own.influence, source, target),
            ),
        ),
        Section("Accuracy", show(*accuracy_maps(with_source(scores, own.outcomes)))),
    ]
    judged = None
    if claims is not None:
        judged = claims_table(claims, with_method(scores), same_data(), stand_in)
        note = "A verdict follows the interval over seeds, and says nothing beyond this encoder."
        sections.insert(1, Section("Claims of the literature", [table(judged, note)]))
    if calibration is not None:
        note = "Every method was tried on data whose truth is known."
        sections.append(
            Section("Do these statistics hold?", [text(note), calibration_block(calibration)])
        )
    return render(TITLE, sections, STAND_IN if stand_in else ""), figures, judged


def literature(published: Statistics, languages: pd.DataFrame, show) -> Section:  # type: ignore
    """Return the section on the published accuracies, analysed by the same code."""
    sentences, limits = answer(
        published.slopes, published.interactions, published.correlations, published.primary
    )
    target = published.targets[0]
    sources = published.sources(target)
    figure = scatter(
        *(published.outcomes, languages, target, sources[:MOST_PANELS], published.distance),
        *(published.covariates, "published"),
    )
    slopes = published.slopes[published.slopes["target"] == target]
    return Section(
        "The literature, analysed the same way",
        [
            text("Published accuracies of models trained by others (XLM-R and mBERT)."),
            text(sentences[0], "answer"),
            text("Limits. " + " ".join(limits), "small"),
            *show(
                figure, over_distances(published.correlations, target, sources[:3], "published_")
            ),
            slope_block(slopes),
        ],
    )


def with_method(scores: pd.DataFrame) -> pd.DataFrame:
    """Return scores with the columns that others' tables may lack."""
    scores = scores if "method" in scores else scores.assign(method="plain")
    return scores if "seed" in scores else scores.assign(seed=0)


def with_source(scores: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of the targets analysed, each with its source's name."""
    names = outcomes[["method", "intermediate", "target", "source"]].drop_duplicates()
    return with_method(scores).merge(names, on=["method", "intermediate", "target"])


def read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise UserError(f"{path} not found: run the stage that writes it first.") from None
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scores", type=Path, default=Path("scores.csv"))
    parser.add_argument("--languages", type=Path, default=Path("languages.csv"))
    parser.add_argument("--statistics", type=Path, default=Path("statistics"))
    parser.add_argument("--published", type=Path, default=Path("published_statistics"))
    parser.add_argument("--claims", type=Path, default=Path("published/claims.csv"))
    parser.add_argument("--calibration", type=Path, default=Path("benchmarks/calibration.csv"))
    parser.add_argument("--out", type=Path, default=Path("report"))
    parser.add_argument("--study", help="log to the MLflow run of this study as well")
    arguments = parser.parse_args()
    meta = arguments.scores.with_suffix(".meta.json")
    stand_in = bool(json.loads(meta.read_text())["stand_in"]) if meta.is_file() else False
    page, figures, judged = report(
        read(arguments.scores),
        read(arguments.languages).set_index("language"),
        Statistics.read(arguments.statistics),
        Statistics.read(arguments.published) if arguments.published.is_dir() else None,
        read(arguments.claims) if arguments.claims.is_file() else None,
        read(arguments.calibration) if arguments.calibration.is_file() else None,
        stand_in,
    )
    for figure in figures:
        figure.write(arguments.out / "figures")
    if judged is not None:
        with replacing(arguments.out / "claims.csv") as path:
            judged.to_csv(path, index=False)
    with replacing(arguments.out / "report.html") as path:
        path.write_text(page)
    if arguments.study:
        correlations = read(arguments.statistics / "partial_correlations.csv")
        tracking.publish(arguments.study, findings(correlations), arguments.out)
    print(f"{arguments.out / 'report.html'}: open it in a browser")


def findings(correlations: pd.DataFrame) -> dict[str, float]:
    """Return the partial correlations of the drop in points as metrics, by cell and distance."""
    chosen = correlations[
        (correlations["outcome"] == "drop")
        & (correlations["method"] == "pearson")
        & correlations["r"].notna()
    ]
    cells = chosen["intermediate"] + "-" + chosen["target"] + "/" + chosen["distance"]
    return dict(zip("partial_r/" + cells, chosen["r"].astype(float), strict=True))


if __name__ == "__main__":
    run(main)
