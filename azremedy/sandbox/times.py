"""
Times of an estate, as ages.

A sandbox that was seeded last week must show the same failures today, eight hours old. So a time of the seed is stored
as an age, in a mark that no name in Azure can hold, and turned into a date when it is served. Once somebody has
written, the ages count from then: what was done there happened after what had failed before.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

MARK = "\ue000"
"""The first character of an age: private use, so it stands in no ARM answer."""

STEP = 300
"""Served times move in steps of this many seconds, so that rendered answers can be kept meanwhile."""

_AGE = re.compile(f"{MARK}(-?[0-9]+)([Zfsl])".encode())


def ago(*, hours: float = 0, days: float = 0, minutes: float = 0, form: str = "Z") -> str:
    """
    Return the mark of a time this long ago; negative is to come.

    `form` is how ARM spells it: `Z` and `f` with seven digits of a second (Backup's `Z`, Compute's `+00:00`),
    `s` in whole seconds.
    """
    return f"{MARK}{round((days * 24 + hours) * 3600 + minutes * 60)}{form}"


def lately(since: float = 0) -> str:
    """Return the mark of a time that is always a minute ago at most a few, and never before `since`."""
    return f"{MARK}{math.ceil(since)}l"


def stamp(moment: float, form: str = "Z") -> str:
    """Return a second since 1970 as ARM writes it; `form` as in `ago`."""
    whole = math.floor(moment)
    day = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if form == "s":
        return f"{day}+00:00"
    return f"{day}.{round((moment - whole) * 10**6):06d}0{'Z' if form == 'Z' else '+00:00'}"


def seconds(text: str) -> float:
    """Return the second since 1970 of a time as ARM writes it."""
    return datetime.fromisoformat(text).timestamp()


def step(now: float) -> int:
    """Return the second since 1970 from which ages are counted at this one."""
    return int(now) // STEP * STEP


def render(text: bytes, since: int, now: int | None = None) -> bytes:
    """Return `text` with every age in it turned into a date: those of the seed before `since`, lively ones before `now`."""
    latest = (since if now is None else now) - 60

    def date(found: re.Match[bytes]) -> bytes:
        age, form = int(found[1]), found[2]
        if form == b"l":
            return stamp(max(age, latest), "s").encode()
        day = datetime.fromtimestamp(since - age, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        if form == b"s":
            return f"{day}+00:00".encode()
        fraction = age * 7919 % 10_000_000
        return f"{day}.{fraction:07d}{'Z' if form == b'Z' else '+00:00'}".encode()

    return _AGE.sub(date, text)
