"""Run checks through Great Expectations."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from stages.guards.rule import Check, Example, Outcome, quoted, severity_of, short

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 5  # examples a finding
GX_SEVERITY = {"stop": "critical", "warn": "warning", "note": "info"}


@cache
def _batches() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("data")
    return source.add_dataframe_asset("file").add_batch_definition_whole_dataframe("rows")


def judge(
    file: str,
    frame: pd.DataFrame,
    checks: Sequence[Check],
    severities: Mapping[str, str],
) -> tuple[list[Outcome], list[dict[str, Any]]]:
    """Run `checks` on the rows of `file`, or of several files at once.

    `frame` is indexed by row number from 1, or has the columns `file` and `row`: a run costs 10 ms
    an expectation whatever its rows. Returns an outcome a check and file, and Great Expectations'
    own results in the order of the checks, without times, so that equal data gives equal results.
    """
    batch = _batches()  # sets the environment before the import
    import great_expectations.expectations as gxe
    from great_expectations import ExpectationSuite

    suite = ExpectationSuite(name=file)
    for number, check in enumerate(checks):
        meta = {"rule": check.rule.name, "number": number}
        severity = GX_SEVERITY[severity_of(check.rule, severities)]
        expectation = getattr(gxe, check.expectation)
        suite.add_expectation(expectation(**check.arguments, meta=meta, severity=severity))
    report = batch.get_batch({"dataframe": frame}).validate(
        suite, result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False}
    )
    results = sorted(
        report.to_json_dict()["results"],
        key=lambda result: result["expectation_config"]["meta"]["number"],
    )
    sizes = dict(frame["file"].value_counts(sort=False)) if "file" in frame else {file: len(frame)}
    outcomes = []
    for check, result in zip(checks, results, strict=True):
        for name, (count, examples) in _broken(file, frame, check, result).items():
            share = count / max(sizes[name], 1)
            severity = severity_of(check.rule, severities, share)
            if name in check.notes_in:
                severity = "note"
            outcomes.append(Outcome(name, check.rule, severity, check.holds, count, examples))
        broken = {outcome.file for outcome in outcomes if outcome.rule is check.rule}
        outcomes += [Outcome(name, check.rule) for name in sizes if name not in broken]
        result["expectation_config"]["kwargs"].pop("batch_id", None)
        for full in ("unexpected_list", "unexpected_index_list"):
            result["result"].pop(full, None)
    return outcomes, results


def _broken(
    file: str, frame: pd.DataFrame, check: Check, result: Mapping[str, Any]
) -> dict[str, tuple[int, tuple[Example, ...]]]:
    """By file: how many rows break the check, and the first of them."""
    if result["success"]:
        return {}
    detail = result["result"]
    indices = detail.get("unexpected_index_list")
    if not indices:
        raised = result["exception_info"]
        if "raised_exception" not in raised:  # by metric, where a metric failed
            raised = next(iter(raised.values()), {})
        problem = raised.get("exception_message")
        return {file: (1, (Example(None, None, short(problem or _observed(detail))),))}
    if "file" not in frame:
        files = {file: list(indices)}
    else:
        files = {}
        for index, name in frame.loc[indices, "file"].items():
            files.setdefault(str(name), []).append(index)
    return {
        name: (len(found), tuple(_example(frame, index, check) for index in found[:SHOWN]))
        for name, found in files.items()
    }


def _example(frame: pd.DataFrame, index: int, check: Check) -> Example:
    cells: Any = frame.loc[index]
    columns = check.show or [
        value for key, value in check.arguments.items() if key in ("column", "column_A", "column_B")
    ]
    identity = cells["id"] if isinstance(cells.get("id"), str) else cells.get("id_en")
    return Example(
        int(cells.get("row", index)),
        str(identity),
        # a column of evidence is named after its rule, which the finding names already
        ", ".join(
            quoted(cells[column])
            if column == check.rule.name
            else f"{column} {quoted(cells[column])}"
            for column in columns
        ),
    )


def _observed(detail: Mapping[str, Any]) -> str:
    value = detail.get("observed_value", "nothing")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
