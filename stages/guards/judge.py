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
GX_SEVERITY = {"stop": "critical", "repair": "warning", "warn": "warning", "note": "info"}


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
        broken = _broken(file, frame, check, result)
        for name, rows in broken.items():
            count = max(len(rows), 1)
            severity = severity_of(check.rule, severities, count / max(sizes[name], 1))
            if name in check.notes_in:
                severity = "note"
            if severity == "repair" and not rows:
                severity = "stop"  # nothing to leave out
            shown = [_example(frame, index, check) for index in rows[:SHOWN]]
            holds = str(frame[check.holds_in][rows[0]]) if check.holds_in else check.holds
            outcomes.append(
                Outcome(
                    name,
                    check.rule,
                    severity,
                    holds,
                    count,
                    tuple(shown) or (Example(None, None, short(_problem(result))),),
                    _identities(frame, rows) if severity == "repair" else (),
                )
            )
        outcomes += [Outcome(name, check.rule) for name in sizes if name not in broken]
        result["expectation_config"]["kwargs"].pop("batch_id", None)
        for full in ("unexpected_list", "unexpected_index_list"):
            result["result"].pop(full, None)
    return outcomes, results


def _broken(
    file: str, frame: pd.DataFrame, check: Check, result: Mapping[str, Any]
) -> dict[str, list[int]]:
    """By file: the index of every row that breaks the check, none where it is no row's doing."""
    if result["success"]:
        return {}
    indices = result["result"].get("unexpected_index_list")
    if not indices:
        return {file: []}
    if "file" not in frame:
        return {file: list(indices)}
    files: dict[str, list[int]] = {}
    for index, name in zip(indices, frame["file"][indices], strict=True):
        files.setdefault(str(name), []).append(index)
    return files


def _problem(result: Mapping[str, Any]) -> str:
    """What Great Expectations says where it names no row."""
    raised = result["exception_info"]
    if "raised_exception" not in raised:  # by metric, where a metric failed
        raised = next(iter(raised.values()), {})
    return str(raised.get("exception_message") or _observed(result["result"]))


def _identities(frame: pd.DataFrame, rows: list[int]) -> tuple[tuple[int, str], ...]:
    """(row, id) of rows of `frame`."""
    cells = frame.loc[rows]
    numbers = cells.get("row", cells.index)
    names = cells["id"]
    if "id_en" in cells:
        names = names.fillna(cells["id_en"])
    return tuple((int(row), str(name)) for row, name in zip(numbers, names, strict=True))


def _example(frame: pd.DataFrame, index: int, check: Check) -> Example:
    cells: Any = frame.loc[index]
    columns = check.show or [
        value for key, value in check.arguments.items() if key in ("column", "column_A", "column_B")
    ]
    if "id" not in cells:  # a row that stands for a file
        return Example(None, None, ", ".join(short(str(cells[column])) for column in columns))
    identity = cells["id"] if isinstance(cells["id"], str) else cells.get("id_en")
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
