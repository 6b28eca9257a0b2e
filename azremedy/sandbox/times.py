"""
Times of an estate, as ages.

A sandbox that was seeded last week must show the same failures today, eight hours old. So a time is stored as an
age, in a mark that no name in Azure can hold, and turned into a date when it is served.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

MARK = "\ue000"
"""The first character of an age: private use, so it stands in no ARM answer."""

STEP = 300
"""Served times move in steps of this many seconds, so that rendered answers can be kept meanwhile."""

_AGE = re.compile(f"{MARK}(-?[0-9]+)([Zfs])".encode())


def ago(*, hours: float = 0, days: float = 0, minutes: float = 0, form: str = "Z") -> str:
    """
    Return the mark of a time this long ago; negative is to come.

    `form` is how ARM spells it: `Z` and `f` with seven digits of a second (Backup's `Z`, Compute's `+00:00`),
    `s` in whole seconds.
    """
    return f"{MARK}{round((days * 24 + hours) * 3600 + minutes * 60)}{form}"


def epoch() -> int:
    """Return the second since 1970 from which ages are counted now."""
    return int(time.time()) // STEP * STEP


def render(text: bytes, now: int) -> bytes:
    """Return `text` with every age in it turned into a date."""

    def date(found: re.Match[bytes]) -> bytes:
        age, form = int(found[1]), found[2]
        day = datetime.fromtimestamp(now - age, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        if form == b"s":
            return f"{day}+00:00".encode()
        fraction = age * 7919 % 10_000_000
        return f"{day}.{fraction:07d}{'Z' if form == b'Z' else '+00:00'}".encode()

    return _AGE.sub(date, text)
