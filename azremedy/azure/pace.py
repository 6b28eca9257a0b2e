"""The run's time: how long it may take, how it waits, and how ARM says when to come back."""

from __future__ import annotations

import math
import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from threading import Event
from typing import TYPE_CHECKING, Final, final

from azremedy.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST: Final = 120.0
"""Seconds that ARM is waited for at most, whatever it asks."""


@final
class Pace:
    """
    The clock of one run, shared by its threads.

    `deadline` is in seconds from now, None for no end. `now` (seconds, monotonic) and `sleep` can be handed in.
    """

    def __init__(
        self,
        deadline: float | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._over = Event()
        self._sleep = sleep or self._over.wait
        self.deadline = deadline
        self.now = now
        self._end = math.inf if deadline is None else now() + deadline

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self._end - self.now()

    def check(self) -> None:
        """Raise `ReadError` when the run is over."""
        if self._over.is_set():
            raise ReadError("The run was ended before this was read.", code="Ended")
        if self.left <= 0:
            raise self._late()

    def sleep(self, seconds: float) -> None:
        """Wait, or raise `ReadError` at once where the wait would end after the deadline."""
        if seconds >= self.left:
            raise self._late()
        self._sleep(seconds)
        self.check()

    def end(self) -> None:
        """Wake up everyone who waits: nothing more is asked."""
        self._over.set()

    def _late(self) -> ReadError:
        return ReadError(
            f"The deadline of {self.deadline:g} s left no time to read this.", code="DeadlineReached"
        )


def date(headers: Mapping[str, str], name: str = "Date") -> datetime | None:
    """The time in a header, in UTC; None where there is none or no sense in it."""
    told = headers.get(name)
    return _moment(told) if told else None


@lru_cache(64)
def _moment(told: str) -> datetime | None:
    """Return the time that a header tells; all answers of a second tell the same."""
    try:
        moment = parsedate_to_datetime(told)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait, at most `LONGEST`; None where it asks nothing that makes sense."""
    for name, unit in (("x-ms-retry-after-ms", 0.001), ("retry-after-ms", 0.001), ("Retry-After", 1.0)):
        seconds = _number(headers.get(name)) * unit
        if 0 < seconds < math.inf:
            return min(seconds, LONGEST)
    until, sent = date(headers, "Retry-After"), date(headers)
    if until is None:
        return None
    seconds = until.timestamp() - (sent.timestamp() if sent else time.time())
    return min(seconds, LONGEST) if seconds > 0 else None


def backoff(attempt: int) -> float:
    """Seconds to wait after the `attempt`th failure (1, 2, …) when nobody says how long: doubling, with jitter."""
    return random.uniform(0.25, 0.5) * min(2.0**attempt, 60.0)  # noqa: S311 - spreads threads, hides nothing


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan
