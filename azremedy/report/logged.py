"""The logs of one VM, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from azremedy.guest.logs import Logged
from azremedy.report.logs import Logs, known
from azremedy.report.plain import plain
from azremedy.report.screen import local, place, unread
from azremedy.report.table import WIDTH, drawn, whole
from azremedy.resources import LogFile, LogTold


def text(logs: Logs, *, width: int = WIDTH, color: bool = False) -> str:
    """Return the logs as they are read: each with its files and lines, then how to have them whole."""
    return drawn(of(logs), width=width, color=color)


def of(logs: Logs) -> Iterator[RenderableType]:
    told = ", ".join(plain(one) for one in (logs.os, logs.estate.power.get(logs.vm)) if one)
    yield Text(f"{place(logs.vm)} ({told or 'nothing is known of it'}), as of {local(logs.as_of)}", "bold")
    for one in logs.logs:
        yield Text()
        yield from log(one)
    if logs.collect:
        yield Text()
        yield Text("Whole logs, with a command typed in the VM:")
        yield from (whole(f"  {line}") for line in logs.collect)
    if logs.estate.unread:
        yield Text()
        yield unread(logs.estate.unread)


def log(one: Logged) -> Iterator[RenderableType]:
    """Yield a log: what it is, its files, and its lines as plain text."""
    yield Text.assemble((plain(one.log.title), "bold"), f" ({plain(one.log.place)})")
    if not isinstance(one.told, LogTold):
        yield Padding(Text(plain(f"not read: {one.told.reason}"), "yellow"), (0, 0, 0, 2))
        return
    for each in one.told.files:
        yield Padding(Text(file(each), "dim"), (0, 0, 0, 2))
    if not one.told.files and one.log.name != "events":
        yield Padding(Text("there is none", "dim"), (0, 0, 0, 2))
    elif not one.log.names_only:
        yield from lines(one.told)


def file(one: LogFile) -> str:
    when = local(one.changed) if one.changed else "time unknown"
    return f"{plain(one.path)}  {one.size:,} bytes, {when}"


def lines(told: LogTold) -> Iterator[RenderableType]:
    """Yield the lines, and behind one that bears a documented code that code."""
    for line in told.lines:
        code = known(line)
        yield Padding(Text.assemble(plain(line), (f"  <- {code}" if code else "", "red")), (0, 0, 0, 2))
    if not told.lines:
        yield Padding(Text("none of the last lines speaks of a fault", "green"), (0, 0, 0, 2))
