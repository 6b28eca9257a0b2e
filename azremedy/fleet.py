"""
Many subscriptions, several at once: each is read and judged by itself, and told as soon as it is done.

How many are in memory together follows from their size, so that a thousand small ones wait for one another as little as
they must, and two large ones are read in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from threading import Condition
from typing import TypeVar

from azremedy.arm import ArmId
from azremedy.errors import Incomplete
from azremedy.resources import Subscription

T = TypeVar("T")
Sized = Callable[[int], None]
"""To be called with the number of VMs of a subscription once that is known."""

AT_ONCE = 64
"""Subscriptions that are read at once at most: each has threads of its own, which wait for ARM most of the time."""

ROOM = 25_000
"""VMs that are in memory at once; a subscription of more is read alone."""

UNKNOWN = 1_000
"""VMs that a subscription counts for until its own are known, as long as none is; then for the mean of this and those known."""


def each(
    subscriptions: Sequence[Subscription],
    look: Callable[[Subscription, Sized], T],
    *,
    at_once: int = AT_ONCE,
) -> Iterator[tuple[Subscription, T | Incomplete]]:
    """
    Yield each subscription with what `look` returns for it, as soon as it does.

    One that cannot be read costs only itself: its `Incomplete` is yielded. Anything else that is raised ends all.
    """
    room = Room()

    def one(subscription: Subscription) -> T | Incomplete:
        with room.entered(subscription.id) as sized:
            try:
                return look(subscription, sized)
            except Incomplete as error:
                return error

    if len(subscriptions) < 2:
        yield from ((subscription, one(subscription)) for subscription in subscriptions)
        return
    threads = ThreadPoolExecutor(min(at_once, len(subscriptions)))
    try:
        running = {threads.submit(one, subscription): subscription for subscription in subscriptions}
        for done in as_completed(running):
            yield running.pop(done), done.result()
            del done
    finally:
        room.close()
        threads.shutdown(wait=False, cancel_futures=True)


class Room:
    """The memory that subscriptions share while they are read, counted in VMs."""

    def __init__(self, room: int = ROOM, unknown: int = UNKNOWN) -> None:
        self._room, self._unknown = room, unknown
        self._held: dict[ArmId, int | None] = {}
        self._known: dict[ArmId, int] = {}
        self._changed = Condition()
        self._closed = False

    @contextmanager
    def entered(self, subscription: ArmId) -> Iterator[Sized]:
        """Hold room for a subscription while the block lasts; wait for it, unless there is nobody to wait for."""
        with self._changed:
            self._changed.wait_for(self._free)
            if self._closed:
                raise Incomplete("The run was ended before this was read.")
            self._held[subscription] = None
        try:
            yield lambda vms: self._hold(subscription, vms)
        finally:
            self._hold(subscription, None)

    def close(self) -> None:
        """Let nobody wait any longer: nothing more is read."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _free(self) -> bool:
        unknown = sum(vms is None for vms in self._held.values())
        expected = (self._unknown + sum(self._known.values())) / (1 + len(self._known))
        taken = sum(vms or 0 for vms in self._held.values()) + expected * (unknown + 1)
        return self._closed or not self._held or taken <= self._room

    def _hold(self, subscription: ArmId, vms: int | None) -> None:
        with self._changed:
            if vms is None:
                del self._held[subscription]
            else:
                self._held[subscription] = self._known[subscription] = vms
            self._changed.notify_all()
