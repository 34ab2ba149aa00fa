"""Every distance with every outcome of every source and target, and how far each can be trusted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stages.statistics.bootstrap import bca_interval
from stages.statistics.collinearity import variance_inflation
from stages.statistics.designs import Design, designs
from stages.statistics.identifiability import unidentifiable
from stages.statistics.influence import leave_one_family_out, leave_one_language_out
from stages.statistics.moments import ranks
from stages.statistics.multiplicity import comparable, holm, max_t
from stages.statistics.partial_correlation import by_pingouin, closed_forms
from stages.statistics.permutation import observed_r, orders, p_and_largest, random_orders
from stages.statistics.power import detectable_correlation
from stages.statistics.remarks import coverage, extremes, notes, ties
from stages.statistics.settings import Settings
from stages.statistics.within_families import Family, variance_left, within

METHODS = ("pearson", "spearman")
# Above so many rows pingouin's overhead takes minutes; its closed form is used instead.
MOST_BY_PINGOUIN = 3000
KEYS = ["intermediate", "target", "outcome", "distance", "covariates", "method"]
RESULTS = ["n", "r", "ci_low", "ci_high", "p", "p_permutation", "p_adjusted"]
COLUMNS = [*KEYS, *RESULTS, "identifiable", "note"]
BESIDE = [
    *["primary", "r_alone", "bca_low", "bca_high", "exact", "p_holm"],
    *["r_within_families", "within_low", "within_high"],
    *["p_within_families", "p_within_families_adjusted"],
    *["without_language_low", "without_language_low_name"],
    *["without_language_high", "without_language_high_name"],
    *["without_family_low", "without_family_low_name"],
    *["without_family_high", "without_family_high_name"],
    *["vif", "coverage", "detectable_r"],
]


def correlation_tables(
    outcomes: pd.DataFrame, languages: pd.DataFrame, covariates: list[str], settings: Settings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return partial_correlations.csv and, row for row, robustness.csv.

    The second holds what stands beside each: r without covariates, the BCa interval, r, interval
    and p by permutation within families, the ranges without one language and without one family,
    variance inflation, the distance's coverage and the detectable correlation.
    """
    distances = [str(name) for name in languages if str(name).startswith("distance_")]
    rows: list[dict[str, object]] = []
    cases = list(designs(outcomes, languages, distances, covariates))
    family = Family(sum(len(d.distances) * len(d.outcomes) for d in cases) * len(METHODS))
    for design in cases:
        for method in METHODS:
            rows += design_rows(design, method, settings, family)
    table = pd.DataFrame(rows, columns=[*dict.fromkeys([*COLUMNS, *BESIDE, "z", "z_within"])])
    adjust(table, family)
    table = table.sort_values(KEYS, kind="stable")
    table = table.sort_values("primary", ascending=False, kind="stable").reset_index(drop=True)
    return table[COLUMNS], table[[*KEYS, *BESIDE]]


def design_rows(
    design: Design, method: str, settings: Settings, family: Family
) -> list[dict[str, object]]:
    """Return the rows of one design and method; what cannot be computed has its reason."""
    n, k = design.x.shape[0], design.z.shape[1]
    reasons = [reason_of(design, i) for i in range(len(design.distances))]
    sound = n > k + 3
    x, y, z = design.x, design.y, design.z
    if method == "spearman":
        x, y, z = ranks(x), ranks(y), ranks(z)
    sound = sound and np.linalg.matrix_rank(z - z.mean(axis=0)) == k
    varies_x = [sound and variance_left(column, z) > 1e-9 for column in x.T]
    varies_y = [sound and variance_left(column, z) > 1e-9 for column in y.T]
    rows: list[dict[str, object]] = []
    detectable = detectable_correlation(n, k)
    for i, name in enumerate(design.distances):
        for j, column in enumerate(design.outcomes):
            key = row_key(design, name, column, method)
            if varies_x[i] and varies_y[j]:
                continue
            reason = reasons[i] or (
                f"the {'outcome' if varies_x[i] else 'distance'} is constant, or told by the "
                f"covariates, over the {n} languages"
            )
            rows.append(
                {
                    **key,
                    "n": n,
                    "identifiable": False,
                    "note": notes(reason, design.lacking),
                    "primary": is_primary(key, settings),
                    "coverage": coverage(design.languages, name),
                    "detectable_r": detectable,
                }
            )
    if any(varies_x) and any(varies_y):
        rows += computed_rows(
            design, method, settings, family, np.array(varies_x), np.array(varies_y), reasons
        )
    return rows


def computed_rows(
    design: Design,
    method: str,
    settings: Settings,
    family: Family,
    some_x: np.ndarray,
    some_y: np.ndarray,
    reasons: list[str | None],
) -> list[dict[str, object]]:
    """Return the rows of the columns that vary."""
    n, k = design.x.shape[0], design.z.shape[1]
    names = [name for name, some in zip(design.distances, some_x, strict=True) if some]
    columns = [column for column, some in zip(design.outcomes, some_y, strict=True) if some]
    why = [reason for reason, some in zip(reasons, some_x, strict=True) if some]
    x, y, z = design.x[:, some_x], design.y[:, some_y], design.z
    rx, ry, rz = (ranks(x), ranks(y), ranks(z)) if method == "spearman" else (x, y, z)
    tested = np.array([reason is None for reason in why])

    chosen, exact = orders(n, settings.permutations, settings.seed)
    p_permutation, largest = p_and_largest(rx, ry, rz, chosen, exact, None, tested)
    low, high = bca_interval(x, y, z, method, settings.bootstrap, settings.seed)
    r = observed_r(rx, ry, rz)
    alone = observed_r(rx, ry, np.zeros((n, 0)))
    z_values = comparable(r, n - k - 2)
    detectable = detectable_correlation(n, k)
    inflation = [variance_inflation(pd.Series(x[:, i]), pd.DataFrame(z)) for i in range(len(names))]
    covered = [coverage(design.languages, name) for name in names]
    inside = within(design, rx, ry, rz, tested, method, settings, family)
    without = leave_one_language_out(x, y, z, method)
    families = design.families
    others = leave_one_family_out(x, y, z, families, method) if families else {}
    if tested.any():
        if exact:  # the family needs as many permutations of every design
            drawn = random_orders(n, settings.permutations, settings.seed)
            largest = p_and_largest(rx, ry, rz, drawn, False, None, tested)[1]
        family.add("languages", comparable(largest, n - k - 2))
    data = pd.DataFrame(np.column_stack([x, z]), columns=[*names, *design.covariates])
    rows = []
    closed = closed_forms(r, n, k, method)
    alone_out = extremes("language", design.languages.index, without)
    family_out = extremes("family", others, np.array([*others.values()]).reshape(-1, *r.shape))
    tied = [ties(column) for column in x.T]
    for j, column in enumerate(columns):
        data["outcome"] = y[:, j]
        for i, name in enumerate(names):
            if family.size > MOST_BY_PINGOUIN:
                found = {"n": n, **{key: float(values[i, j]) for key, values in closed.items()}}
            else:
                one = by_pingouin(data, name, "outcome", design.covariates, method)
                found = dict(vars(one))
            key = row_key(design, name, column, method)
            rows.append(
                {
                    **key,
                    **found,
                    "p_permutation": p_permutation[i, j],
                    "identifiable": why[i] is None,
                    "note": notes(why[i], design.lacking, tied[i]),
                    "primary": is_primary(key, settings),
                    "r_alone": alone[i, j],
                    "bca_low": low[i, j],
                    "bca_high": high[i, j],
                    "exact": exact,
                    **{name: column[i, j] for name, column in inside.items()},
                    **{key: values[i, j] for key, values in alone_out.items()},
                    **{key: values[i, j] for key, values in family_out.items()},
                    "vif": inflation[i],
                    "coverage": covered[i],
                    "detectable_r": detectable,
                    "z": z_values[i, j],
                }
            )
    return rows


def adjust(table: pd.DataFrame, family: Family) -> None:
    """Fill the adjusted p-values over the exploratory family, in place.

    The primary contrast is a family of its own; what is not identifiable is no test. p_adjusted
    and p_within_families_adjusted are max-T's, p_holm is Holm's.
    """
    tested = table["identifiable"].astype(bool) & table["r"].notna()
    primary = tested & table["primary"].astype(bool)
    exploratory = table.index[tested & ~primary]
    for name in ("p_adjusted", "p_holm"):
        table.loc[primary, name] = table.loc[primary, "p_permutation"]
    table.loc[primary, "p_within_families_adjusted"] = table.loc[primary, "p_within_families"]
    if len(exploratory):
        p = table.loc[exploratory, "p_permutation"].to_numpy(float)
        table.loc[exploratory, "p_holm"] = holm(p)
        z = table.loc[exploratory, "z"].to_numpy(float)
        table.loc[exploratory, "p_adjusted"] = max_t(z, family.largest["languages"])
    inside = exploratory[table.loc[exploratory, "z_within"].notna()]
    if len(inside):
        z = table.loc[inside, "z_within"].to_numpy(float)
        table.loc[inside, "p_within_families_adjusted"] = max_t(z, family.largest["within"])


def reason_of(design: Design, position: int) -> str | None:
    """Return why an effect of one distance is not identifiable in these languages."""
    index = design.languages.index
    return unidentifiable(
        pd.Series(design.x[:, position], index=index),
        pd.DataFrame(design.z, index=index, columns=design.covariates),
        design.languages.get("family"),
    )


def row_key(design: Design, name: str, column: tuple[str, str], method: str) -> dict[str, object]:
    return {
        "intermediate": column[0],
        "target": design.target,
        "outcome": column[1],
        "distance": name,
        "covariates": "+".join(design.covariates) or "-",
        "method": method,
    }


def is_primary(key: dict[str, object], settings: Settings) -> bool:
    """Tell whether a row is the contrast fixed before any result."""
    fixed = dict(settings.primary)
    named = fixed.pop("covariates", None)
    if isinstance(named, list) and key["covariates"] != ("+".join(map(str, named)) or "-"):
        return False
    return all(key.get(name) == value for name, value in fixed.items())
