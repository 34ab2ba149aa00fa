"""Report: scores, languages and statistics -> one HTML page and its figures.

In    scores.csv and scores.meta.json beside it, languages.csv, the folder of correlate; where
      they are, the folder of the published study (--published), published/claims.csv and
      benchmarks/calibration.csv
Out   <out>/report.html, one file that opens without a network; <out>/figures/*.png and *.svg,
      the data of each in <out>/data/*.csv; <out>/claims.csv and <out>/benchmark.csv

Alone: python -m stages.report --scores scores.csv --languages languages.csv \
           --statistics statistics --out report
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from stages import tracking
from stages.errors import run
from stages.reporting.answer import answer
from stages.reporting.benchmark import headline, paper_table, task_scores
from stages.reporting.best import CAPTION as BEST
from stages.reporting.best import best_table
from stages.reporting.calibrated import Calibration
from stages.reporting.claims import claims_table
from stages.reporting.correlations import correlation_blocks
from stages.reporting.folder import Statistics, read
from stages.reporting.forest import over_distances, slope_forest
from stages.reporting.guarded import guarded
from stages.reporting.heat_map import means_map
from stages.reporting.literature import MOST_PANELS, literature
from stages.reporting.marks import Pairs, same_data
from stages.reporting.methods import method_blocks
from stages.reporting.page import Report, Section, render, table, text
from stages.reporting.robustness import influence_plot, specification_curve
from stages.reporting.scatter import scatter
from stages.reporting.slopes import interaction_blocks, slope_block, uncertainty_block
from stages.reporting.tables import calibration_block
from stages.reporting.targets import target_blocks
from stages.reporting.translated import human, translated_section
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


def report(
    scores: pd.DataFrame,
    languages: pd.DataFrame,
    own: Statistics,
    published: Statistics | None,
    claims: pd.DataFrame | None,
    calibration: Calibration,
    stand_in: bool,
    guards: dict[str, Any] | None = None,
    meta: dict[str, Any] | None = None,
) -> Report:
    """Return the report of a study.

    scores : as scores.csv; languages : indexed by language; stand_in : whether the encoder has
        read no text, so that no claim can be judged; guards : inspection/summary.json;
        meta : scores.meta.json
    """
    made = Report()
    headlines = headline(scores)
    same = same_data(meta)
    few = {name: own.sources(name)[:MOST_PANELS] for name in own.targets}
    made.sections.append(first_screen(made, languages, own, few))
    made.sections += results(made, human(headlines), claims, stand_in, meta or {}, same)
    if (section := translated_section(headlines, own, same)) is not None:
        made.sections.append(section)
    if published is not None:
        made.sections.append(literature(made, published, languages))
    made.sections += analysis(made, languages, own, few, calibration)
    made.sections.append(
        Section("Every language of every target", target_blocks(scores, headlines, same))
    )
    made.figures += [block.figure for block in made.sections[-1].blocks if block.figure]
    if guards is not None:
        made.sections.append(guarded(guards))
    note = (
        "Every method was tried on data whose truth is known. An interval or a p is printed as "
        "inference where it fails in none of the three worlds; what needs independent languages "
        "is folded under that heading; the rest has its estimate alone."
    )
    made.sections.append(
        Section("Do these statistics hold?", [text(note), *calibration_block(calibration)])
    )
    return made


def first_screen(
    made: Report, languages: pd.DataFrame, own: Statistics, few: dict[str, list[str]]
) -> Section:
    """Return the answer, one figure and the limits."""
    sentences, limits = answer(own)
    target = own.targets[0]
    if any(name.endswith("*") for names in few.values() for name in names):
        limits.append(SAME_DATA)
    shared = (own.distance, own.covariates)
    first = scatter(own.outcomes, languages, target, few[target][:3], *shared, "answer")
    blocks = [text(sentence, "answer") for sentence in sentences]
    return Section("", [*blocks, *made.show(first), text("Limits. " + " ".join(limits), "small")])


def results(
    made: Report,
    headlines: pd.DataFrame,
    claims: pd.DataFrame | None,
    stand_in: bool,
    meta: dict[str, Any],
    same: Pairs,
) -> list[Section]:
    """Return the table of the paper, the best of each target, the claims of the literature."""
    sections = []
    found = paper_table(headlines, same)
    blocks = []
    if found is not None:
        shown, caption = found
        made.files["benchmark"] = shown
        blocks.append(table(shown, caption))
    means = task_scores(headlines)
    blocks += made.show(means_map(means), folded="Scores by intermediate task and target, as a map")
    sections.append(Section("Intermediate task by target", blocks))
    best = best_table(meta.get("development", []), headlines, same)
    if len(best):
        made.files["best"] = best
        sections.append(Section("The best of each target", [table(best, BEST, 1)]))
    if claims is not None:
        trained = meta.get("intermediate", {})
        judged = claims_table(claims, headlines, same, stand_in, trained)
        made.files["claims"] = judged
        note = "A verdict follows the interval, and says nothing beyond this encoder and budget."
        sections.append(Section("Claims of the literature", [table(judged, note)]))
    return sections


def analysis(
    made: Report,
    languages: pd.DataFrame,
    own: Statistics,
    few: dict[str, list[str]],
    calibration: Calibration,
) -> list[Section]:
    """Return the sections on slopes, distances and what the result hangs on."""
    target = own.targets[0]
    source = few[target][0]
    others = own.targets[1:]
    shared = (own.distance, own.covariates)
    own_tables = (own.correlations, own.robustness)
    # Of the targets that are not primary, as much as one line of panels shows.
    panels = {t: few[t] if t == target else few[t][:3] for t in own.targets}
    drops = [scatter(own.outcomes, languages, t, panels[t], *shared) for t in own.targets]
    forests = [over_distances(*own_tables, t, panels[t][:4]) for t in own.targets]
    return [
        Section(
            "Does intermediate training flatten the slope?",
            [
                *made.show(slope_forest(own.slopes, own.interactions, target)),
                *interaction_blocks(own.interactions, target),
                *slope_block(own.slopes, target),
                *uncertainty_block(own.uncertainty),
            ],
        ),
        Section("Method by method", method_blocks(own.methods, target)),
        Section(
            "Drop against distance, by intermediate task",
            [
                *made.show(drops[0]),
                *(
                    block
                    for t, drop in zip(others, drops[1:], strict=True)
                    for block in made.show(drop, folded=f"{t}: drop against distance")
                ),
            ],
        ),
        Section(
            "Every distance",
            [
                *made.show(forests[0]),
                *(
                    block
                    for t, forest in zip(others, forests[1:], strict=True)
                    for block in made.show(forest, folded=f"{t}: every distance")
                ),
                *correlation_blocks(*own_tables, calibration, target, source, own.distance),
            ],
        ),
        Section(
            "What the result hangs on",
            made.show(
                specification_curve(own.specifications, source, target, own.primary),
                influence_plot(own.influence, source, target),
            ),
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scores", type=Path, default=Path("scores.csv"))
    parser.add_argument("--languages", type=Path, default=Path("languages.csv"))
    parser.add_argument("--statistics", type=Path, default=Path("statistics"))
    parser.add_argument("--published", type=Path, default=Path("published_statistics"))
    parser.add_argument("--claims", type=Path, default=Path("published/claims.csv"))
    parser.add_argument("--calibration", type=Path, default=Path("benchmarks/calibration.csv"))
    parser.add_argument("--guards", type=Path, default=Path("inspection/summary.json"))
    parser.add_argument("--out", type=Path, default=Path("report"))
    parser.add_argument("--study", help="log to the MLflow run of this study as well")
    arguments = parser.parse_args()
    beside = arguments.scores.with_suffix(".meta.json")
    meta = json.loads(beside.read_text()) if beside.is_file() else {}
    stand_in = bool(meta.get("stand_in"))
    known = arguments.calibration
    calibration = Calibration(read(known) if known.is_file() else None)
    folder = arguments.published
    made = report(
        read(arguments.scores),
        read(arguments.languages).set_index("language"),
        Statistics.read(arguments.statistics, calibration, same_data(meta)),
        Statistics.read(folder, calibration) if folder.is_dir() else None,
        read(arguments.claims) if arguments.claims.is_file() else None,
        calibration,
        stand_in,
        json.loads(arguments.guards.read_text()) if arguments.guards.is_file() else None,
        meta,
    )
    for figure in made.figures:
        figure.write(arguments.out)
    for name, rows in made.files.items():
        with replacing(arguments.out / f"{name}.csv") as path:
            rows.to_csv(path, index=False)
    with replacing(arguments.out / "report.html") as path:
        path.write_text(render(TITLE, made.sections, STAND_IN if stand_in else ""))
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
