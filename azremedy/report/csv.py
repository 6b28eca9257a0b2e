"""CSV with a header, for spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from azremedy.report.plain import plain

FORMULA = tuple("=+-@\t\r")
"""What a spreadsheet takes for the start of a formula."""


def text(data: Any) -> str:
    """Return a line for each member of a list, below the names of their members; lists have no names."""
    members = data if isinstance(data, list) else [data]
    if members and all(isinstance(member, list) for member in members):
        return written([cell(value) for value in member] for member in members)
    records = [member if isinstance(member, dict) else {"result": member} for member in members]
    names = list(dict.fromkeys(name for record in records for name in record))
    if not names:
        return ""
    return written(
        [[cell(name) for name in names], *([cell(record.get(name)) for name in names] for record in records)]
    )


def written(lines: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def cell(value: Any) -> Any:
    """Return one value; a text that a spreadsheet would run is led by an apostrophe."""
    if isinstance(value, dict | list):
        return plain(json.dumps(value, ensure_ascii=False))
    if not isinstance(value, str):
        return value
    return "'" + plain(value) if value.startswith(FORMULA) else plain(value)
