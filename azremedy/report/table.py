"""The table on the screen: plain data, or what a scan says, in columns that fit the width."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from azremedy.report.plain import plain

WIDTH = 120
"""Columns where nobody says how many there are."""

ASIDE = {"id", "type", "etag"}
"""Members that `az` leaves out of its tables too."""


def text(data: Any, *, width: int = WIDTH, color: bool = False) -> str:
    """Return plain data as `az` shows it: a line for each member of a list, a column for each plain member."""
    members = data if isinstance(data, list) else [data]
    records = [record(member) for member in members]
    names = list(dict.fromkeys(name for one in records for name in one))
    table = columns(*names)
    for one in records:
        table.add_row(*(Text(plain(one.get(name, ""))) for name in names))
    return drawn([table] if names else [], width=width, color=color)


def record(member: Any) -> Mapping[str, Any]:
    """Return the columns of one member; what has depth is left out of an object."""
    if isinstance(member, dict):
        flat = {name: value for name, value in member.items() if not isinstance(value, dict | list)}
        return {
            name[:1].upper() + name[1:]: value
            for name, value in flat.items()
            if value is not None and name not in ASIDE
        }
    if isinstance(member, list):
        return {f"Column{number}": value for number, value in enumerate(member, 1)}
    return {} if member is None else {"Result": member}


def columns(*headers: str) -> Table:
    """Return an empty table whose cells break rather than vanish where the width is short."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for header in headers:
        table.add_column(Text(plain(header)), overflow="fold")
    return table


def drawn(parts: Iterable[RenderableType], *, width: int, color: bool) -> str:
    """
    Return these parts one below the other, as the text of a terminal of this width.

    A line that is not to be wrapped (`whole`), such as a command, is as long as it is.
    """
    screen = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    with screen.capture() as captured:
        for part in each(parts):
            if isinstance(part, Text) and part.no_wrap:
                screen.print(part, no_wrap=True, overflow="ignore", crop=False)
            else:
                screen.print(part)
    return "".join(line.rstrip() + "\n" for line in captured.get().splitlines())


def each(parts: Iterable[RenderableType], left: int = 0) -> Iterator[RenderableType]:
    """Yield parts, those of groups and those set in one by one, so that whole lines stay whole wherever they stand."""
    for part in parts:
        match part:
            case Group():
                yield from each(part.renderables, left)
            case Padding():
                yield from each([part.renderable], left + part.left)
            case Text() if part.no_wrap:
                yield Text.assemble(" " * left, part, no_wrap=True)
            case _:
                yield Padding(part, (0, 0, 0, left)) if left else part


def whole(line: str, style: str = "") -> Text:
    """Return a line that is never broken, as one of a command or a script that somebody copies."""
    return Text(line, style, no_wrap=True)


def listed(title: Text, lines: Iterable[str]) -> Group:
    """Return a heading and the lines under it, set in."""
    return Group(title, *(Padding(Text(line), (0, 0, 0, 2)) for line in lines))
