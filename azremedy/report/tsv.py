"""Tab-separated values as `az` writes them: no header, one line a member, for shells and `cut`."""

from __future__ import annotations

from typing import Any

from azremedy.report.plain import plain


def text(data: Any) -> str:
    """Return a line for each member of a list; a list inside a line is its length, an object is nothing."""
    members = data if isinstance(data, list) else [data]
    return "".join(line(member) + "\n" for member in members)


def line(member: Any) -> str:
    """Return one member as a line."""
    if isinstance(member, bool):
        return str(member).lower()
    if isinstance(member, dict):
        return "\t".join(map(field, member.values()))
    if isinstance(member, list):
        return "\t".join(map(field, member))
    return field(member)


def field(value: Any) -> str:
    """Return one value; its own tabs and line ends are escaped."""
    if isinstance(value, list):
        return str(len(value))
    return "" if isinstance(value, dict) else plain(value)
