"""Great Expectations' own Data Docs of one suite, as a page that opens without a network.

Its styles and scripts come from elsewhere: they are taken out, with every address, and a small
style of our own stands in. Times and random names are taken out as well, so that equal data gives
equal bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from stages.guards.rule import short

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;
color:#1b1f24}table{border-collapse:collapse;margin:.5rem 0}
th,td{border:1px solid #d5dae0;padding:.25rem .55rem;text-align:left;vertical-align:top}
.badge{background:#eef1f4;border-radius:3px;padding:0 .3rem}.text-danger{color:#b42318}
.text-success{color:#14532d}.collapse,.navbar,nav,button,input{display:none}
"""
_OUT = (
    re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<(?:link|img|source|meta http)\b[^>]*>", re.IGNORECASE),
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"""\s(?:href|src|action)=(["'])https?:.*?\1""", re.DOTALL),
    re.compile(r"https?://[^\s\"'<>)]+"),
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"),
)
_RANDOM = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def _shown(value: Any) -> Any:
    """Texts cut and escaped: Great Expectations puts cells into its pages as they are."""
    if isinstance(value, str):
        return escape(short(value))
    if isinstance(value, Mapping):
        return {key: _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def docs(name: str, results: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of one suite from its results, as expectations.json holds them."""
    from great_expectations.core.expectation_validation_result import (
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    met = sum(bool(result["success"]) for result in results)
    total = len(results)
    report = expectationSuiteValidationResultSchema.load(
        {
            "success": met == total,
            "results": [{**result, "result": _shown(result["result"])} for result in results],
            "suite_name": name,
            "suite_parameters": {},
            "statistics": {
                "evaluated_expectations": total,
                "successful_expectations": met,
                "unsuccessful_expectations": total - met,
                "success_percent": 100 * met / total if total else None,
            },
            "meta": {"run_id": {"run_name": None, "run_time": "1970-01-01T00:00:00+00:00"}},
        }
    )
    page = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(report))
    for pattern in _OUT:
        page = pattern.sub("", page)
    known: dict[str, str] = {}
    page = _RANDOM.sub(lambda found: known.setdefault(found[0], f"n{len(known)}"), page)
    return page.replace("</head>", f"<style>{STYLE}</style></head>", 1)
