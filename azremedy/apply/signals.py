"""Signals: a run is told to stop, and what it opened is closed before it does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from azremedy.apply.needs import Stop

HEARD: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""By name, because no system has all of them."""


@contextmanager
def guarded() -> Iterator[Stop]:
    """
    Yield a `Stop` that the first SIGINT, SIGTERM or SIGHUP sets; further ones change nothing while the block lasts.

    To be called from the main thread; elsewhere no signal is heard, and the `Stop` can be set by hand.
    """
    stop = Stop()

    def told(number: int, _frame: FrameType | None) -> None:
        stop.signal = stop.signal or number
        stop.event.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = [getattr(signal, name) for name in HEARD if hasattr(signal, name)]
    before = {number: signal.signal(number, told) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
