"""Distances from English in URIEL+ (Khan et al. 2025), where the package urielplus is installed.

It is no dependency of the project: it writes into its own package folder and needs minutes. The
committed languages/urielplus.csv comes from
    pip install urielplus==1.3.2
    python -m stages.typology.urielplus --facts languages/facts.csv --out languages/urielplus.csv
Angular distance over the features that both languages have in URIEL+'s integrated databases
(union of sources), for the languages with at least a quarter of the kind's features shared.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

KINDS = {"syntactic": "S_", "phonological": "P_", "inventory": "INV_"}
MINIMUM_COVERAGE = 0.25


def distances(codes: dict[str, str], reference: str) -> dict[str, dict[str, float]]:
    """Return the distances of each language by kind, NaN below the coverage gate.

    codes : glottocode by language; reference : the glottocode of English
    """
    from urielplus.urielplus import URIELPlus

    uriel = URIELPlus()
    uriel.set_cache(False)
    uriel.integrate_databases()
    names = [str(name) for name in uriel.feats[1]]
    known = {
        str(code): row.max(axis=1) > -1
        for code, row in zip(uriel.langs[1], uriel.data[1], strict=True)
        if str(code) in {*codes.values(), reference}
    }
    found: dict[str, dict[str, float]] = {}
    for language, code in codes.items():
        row: dict[str, float] = {}
        for kind, prefix in KINDS.items():
            columns = np.array([name.startswith(prefix) for name in names])
            # Of what is known of English: a kind holds features that few languages ever report.
            share = (known[code] & known[reference])[columns].sum() / known[reference][
                columns
            ].sum()
            measured = code != reference and share >= MINIMUM_COVERAGE
            row[f"distance_{kind}_urielplus_angular"] = (
                float(uriel.new_distance(kind, [reference, code]))
                if measured
                else 0.0
                if code == reference
                else float("nan")
            )
            row[f"coverage_{kind}_urielplus"] = float(share)
        row["distance_genetic_urielplus_angular"] = (
            float(uriel.new_distance("genetic", [reference, code])) if code != reference else 0.0
        )
        found[language] = row
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--facts", type=Path, default=Path("languages/facts.csv"))
    parser.add_argument("--out", type=Path, default=Path("languages/urielplus.csv"))
    arguments = parser.parse_args()
    with arguments.facts.open() as file:
        codes = {row["language"]: row["glottocode"] for row in csv.DictReader(file)}
    rows = distances(codes, codes["en"])
    columns = list(rows["en"])
    with arguments.out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["language", *columns])
        for language, row in rows.items():
            values = ["" if np.isnan(row[name]) else f"{row[name]:.4f}" for name in columns]
            writer.writerow([language, *values])
    print(f"{arguments.out}: {len(rows)} languages")


if __name__ == "__main__":
    main()
