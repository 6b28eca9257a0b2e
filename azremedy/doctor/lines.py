"""Lines of a check-up, made of what was seen or of what went wrong."""

from __future__ import annotations

from typing import Any

from azremedy.errors import AzremedyError, ReadError
from azremedy.report.doctor import Line, Status


def fine(check: str, told: str, **details: Any) -> Line:
    """Return a line that says that all is well."""
    return Line(check, Status.OK, told, details=details)


def warning(check: str, told: str, remedy: str, **details: Any) -> Line:
    """Return a line for what stands in nobody's way yet."""
    return Line(check, Status.WARNING, told, remedy, details)


def failed(check: str, error: AzremedyError, remedy: str | None = None, **details: Any) -> Line:
    """Return a line for what went wrong; the error's own sentence says what to do where `remedy` does not."""
    if isinstance(error, ReadError):
        details |= {"status": error.status, "code": error.code}
    return Line(check, Status.FAILED, str(error), remedy, details, error.exit)


def some(names: list[str], most: int = 5) -> str:
    """Return the first of these names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
