"""What a check-up says: one line for each thing that was looked at, how it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rich.text import Text

from azremedy import __version__
from azremedy.errors import Exit
from azremedy.report.plain import plain
from azremedy.report.table import WIDTH, columns, drawn

SCHEMA_VERSION = 1


class Status(StrEnum):
    """How something is: `warning` stands in nobody's way today, `failed` does."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


COLORS = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "bold red"}
ORDER = list(Status)


@dataclass(frozen=True, slots=True)
class Line:
    """
    One thing that was looked at.

    `told` says how it is, in words; `details` say the same for programs. `exit` is what a line that failed ends in.
    """

    check: str
    status: Status
    told: str
    remedy: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    exit: Exit = Exit.CLEAN


def status(lines: Sequence[Line]) -> Status:
    """Return how it is on the whole: as the worst of these lines."""
    return max((one.status for one in lines), key=ORDER.index, default=Status.OK)


def rows(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return the lines as flat records."""
    return [
        {"check": one.check, "status": one.status.value, "told": one.told, "remedy": one.remedy}
        for one in lines
    ]


def document(lines: Sequence[Line]) -> dict[str, Any]:
    """Return a check-up as `schemas/doctor.json` describes it."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "status": status(lines).value,
        "checks": [row | {"details": dict(one.details)} for row, one in zip(rows(lines), lines, strict=True)],
    }


def of_lines(form: str, lines: Sequence[Line]) -> Any:
    """Return what a format shows of a check-up: all of it, its lines, or one flat row for each."""
    whole = document(lines)
    if form in {"csv", "tsv"}:
        return rows(lines)
    return whole["checks"] if form == "jsonl" else whole


def text(lines: Sequence[Line], *, width: int = WIDTH, color: bool = False) -> str:
    """Return the lines as a table."""
    table = columns("Check", "Status", "What is so", "What to do")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    table.expand = True
    table.columns[2].ratio, table.columns[3].ratio = 3, 2
    for one in lines:
        shown = Text(one.status.value, COLORS[one.status])
        table.add_row(Text(one.check), shown, Text(plain(one.told)), Text(plain(one.remedy or "")))
    return drawn([table], width=width, color=color)
