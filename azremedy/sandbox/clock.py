"""
The sandbox's own clock.

It may run fast: agents that come back after a minute, jobs and clean-ups are then there in seconds. It is anchored in
the state, so it goes on while no sandbox runs, and never back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Clock:
    """At the real second `real` (since 1970) it showed `shown`, and it has run `speed` times as fast since."""

    real: float
    shown: float
    speed: float = 1.0

    @classmethod
    def going_on(cls, noted: Mapping[str, float] | None, speed: float) -> Clock:
        """Return a clock that goes on where the noted one is now, at this speed."""
        real = time.time()
        if noted is None:
            return cls(real, real, speed)
        before = cls(**noted)
        return before if before.speed == speed else cls(real, before.now(), speed)

    def now(self) -> float:
        """Return the second since 1970 that it shows."""
        return self.shown + (time.time() - self.real) * self.speed

    def today(self) -> datetime:
        """Return the moment that it shows, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    def real_seconds(self, seconds: float) -> float:
        """Return how many seconds a client has to wait while this clock goes on by `seconds`."""
        return seconds / self.speed
