"""What is being read, on stderr, while it is read."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from azremedy.ci import in_ci
from azremedy.cli.output import note, voice
from azremedy.report.plain import plain

if TYPE_CHECKING:
    from azremedy.resources import Read

EVERY = 10.0
"""Seconds between two lines in the log of a build server."""

Show = Callable[[str], None]


@contextmanager
def progress(*, quiet: bool) -> Iterator[Show]:
    """Yield what shows a line: on a terminal in one place, in a build server's log now and then, else nowhere."""
    if quiet:
        yield lambda _: None
    elif in_ci(os.environ):
        yield now_and_then()
    elif sys.stderr and sys.stderr.isatty():
        with in_place() as show:
            yield show
    else:
        yield lambda _: None


def now_and_then() -> Show:
    last = time.monotonic()

    def show(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            note(f"azremedy: {line}")

    return show


@contextmanager
def in_place() -> Iterator[Show]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.text import Text  # noqa: PLC0415 - as above

    with Console(stderr=True).status(Text("connecting")) as status:
        yield lambda line: status.update(Text(voice.through(line), no_wrap=True, overflow="ellipsis"))


def counting(subscriptions: int, show: Show) -> Callable[[], None]:
    """Return what is told of each subscription that is done: how many are, and how long the rest may take."""
    began, done = time.monotonic(), 0

    def tell() -> None:
        nonlocal done
        done += 1
        seconds = (time.monotonic() - began) / done * (subscriptions - done)
        left = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
        show(f"{done} of {subscriptions} subscriptions read, about {left} left")

    return tell


def reading(name: str, show: Show) -> Callable[[Read, int], None]:
    """Return what is told of each request for a subscription, from any thread."""
    numbers: dict[Read, int] = {}

    def tell(read: Read, number: int) -> None:
        numbers[read] = number
        show(f"reading {plain(name)}: {sum(list(numbers.values()))} requests, {number} for {read}")

    return tell
