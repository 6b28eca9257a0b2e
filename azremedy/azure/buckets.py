"""
ARM's token buckets, as far as a client can know them.

ARM grants each principal so many requests a subscription and kind, and lets them flow back at a rate that differs by
kind, contract and year (ARM24). It tells how many are left, never the rate. So what is known to be left is spent at
once; where nothing is, one request after a while looks what has flowed back, and does its own work with it.
"""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from azremedy.azure.pace import Pace

LOOK: Final = 1.0
"""Seconds after which an empty bucket is looked at: longer than the time in which the slowest known one gains a token."""

SLICE: Final = 0.05
"""Seconds that others wait while one looks."""

FIRST: Final = 8
"""Requests that leave before the first answer tells what is left."""

SUBSCRIPTION: Final = re.compile(r"/subscriptions/([^/?]+)", re.IGNORECASE)


class Bucket:
    """
    What is left for one kind of request in one subscription, shared by the threads of a run.

    Each `take` is followed by one `learn`, whatever becomes of the request. Answers come in any order, so what one tells
    is less what left after its request, and less what is still under way.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._lock = Lock()
        self._left: int | None = FIRST
        self._told = False
        self._sent = 0
        self._flying = 0
        self._looking = True
        self._look_at = 0.0
        self._closed_until = 0.0

    def take(self) -> int:
        """Wait until a request may leave, and return its number. Raises `ReadError` where that would be too late."""
        while isinstance(found := self._number(), float):
            self._pace.sleep(found)
        return found

    def _number(self) -> int | float:
        """Take a token and return the request's number, or return the seconds after which there may be one."""
        with self._lock:
            now = self._pace.now()
            if now < self._closed_until:
                return self._closed_until - now
            if self._left is not None and self._left < 1:
                if self._looking:
                    return SLICE
                if now < self._look_at:
                    return self._look_at - now
                self._looking = True
            self._left = None if self._left is None else max(self._left - 1, 0)
            self._flying += 1
            self._sent += 1
            return self._sent

    def learn(self, number: int, remaining: int | None, closed_for: float | None = None) -> None:
        """Take in what the answer to a request tells: how many are left, and for how long ARM takes no more."""
        with self._lock:
            now = self._pace.now()
            self._flying -= 1
            self._looking = False
            if closed_for:
                self._closed_until = max(self._closed_until, now + closed_for)
                self._left, self._look_at = 0, self._closed_until
            elif remaining is not None:
                after = max(self._flying, self._sent - number)
                self._left, self._told = max(remaining - after, 0), True
                self._look_at = now + LOOK
            elif not self._told:
                self._left = None


class Buckets:
    """The buckets of a run, each made when it is first asked for."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._lock = Lock()
        self._known: dict[tuple[str, str], Bucket] = {}

    def of(self, url: str, kind: str) -> Bucket:
        """Return the bucket for one kind of request (`reads`, `writes`, `deletes`) to an address of ARM."""
        found = SUBSCRIPTION.search(url)
        key = found[1].lower() if found else "", kind
        with self._lock:
            return self._known.setdefault(key, Bucket(self._pace))
