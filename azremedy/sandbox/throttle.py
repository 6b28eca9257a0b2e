"""ARM's token buckets: per subscription, principal and kind of request."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Throttle:
    """The size of a bucket and how many requests flow back into it each second; ARM's own by default."""

    size: int = 250
    refill: float = 25.0


@dataclass(slots=True)
class Buckets:
    """What is left in each bucket. Without a `Throttle` they never empty."""

    throttle: Throttle | None
    _left: dict[object, tuple[float, float]] = field(default_factory=dict)

    def take(self, key: object) -> tuple[int, int]:
        """Take one request; return how many are left and, where none was, the seconds to wait (else 0)."""
        if self.throttle is None:
            return 11_999, 0
        now = time.monotonic()
        left, at = self._left.get(key, (float(self.throttle.size), now))
        left = min(float(self.throttle.size), left + (now - at) * self.throttle.refill)
        if left < 1:
            self._left[key] = left, now
            return 0, max(1, math.ceil((1 - left) / self.throttle.refill))
        self._left[key] = left - 1, now
        return int(left - 1), 0
