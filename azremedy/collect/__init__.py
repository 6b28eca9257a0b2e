"""
From a reader to an estate: lists over the whole subscription first, then each vault, then each suspect.

`collect` asks for no more than the playbooks need, keeps pages and lists in flight together, and turns whatever has
no usable answer into an `Unread` of the estate. Nothing that a subscription holds can make it raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from azremedy.arm import ArmId, Reader
from azremedy.collect.given import NOTHING, Doubts, given, settled
from azremedy.collect.governance import read_assignments
from azremedy.collect.graph import Graph
from azremedy.collect.keys import read_key_vaults
from azremedy.collect.rows import Swept
from azremedy.collect.suspects import suspects
from azremedy.collect.sweep import Progress, Sweep
from azremedy.estate import Estate
from azremedy.resources import Read, Subscription, Unread

__all__ = ["Graph", "Progress", "Reading", "Swept", "collect"]


@dataclass(frozen=True, slots=True)
class Reading:
    """An estate and what it cost: the number of requests by kind."""

    estate: Estate
    calls: Mapping[Read, int]


def collect(
    reader: Reader,
    subscription: Subscription,
    *,
    reads: frozenset[Read] = frozenset(Read),
    lookback: timedelta = timedelta(days=7),
    deep: bool = False,
    wanted: Callable[[Estate], Callable[[ArmId], bool]] = lambda _: lambda _: True,
    workers: int = 16,
    progress: Progress | None = None,
    listed: Callable[[Estate], object] = lambda _: None,
    sized: Callable[[int], object] = lambda _: None,
    swept: Swept | None = None,
    doubts: Doubts = lambda _: (),
) -> Reading:
    """
    Read one subscription.

    `reads` are the kinds that the playbooks need; what those rest on (the vaults of items) is read with them. Nothing is
    asked inside VMs.
    `wanted` tells of the estate's VMs which may be read one by one. At most `workers` requests are in flight.
    `sized` is told how many VMs there are as soon as their list is read, `listed` gets the estate as soon as all lists are.
    With `swept` only those lists are read that Resource Graph cannot stand in for, and those of vaults that hold a VM
    which `doubts` names.
    """
    with pool(workers) as requests, pool(workers) as lists:
        sweep = Sweep(reader, requests, lists, progress)
        reads -= {Read.GUEST}
        known = given(sweep, subscription, reads, swept) if swept else NOTHING
        found = sweep.everything(subscription, reads, lookback, sized, known)
        estate = Estate(subscription, reader.now, lookback, reads=reads, from_graph=known.reads, **found)
        if swept:
            estate = estate.changed(graph_at=swept.at)
        listed(estate)
        estate = settled(sweep, estate, known, doubts)
        looked_at = suspects(estate, wanted(estate), deep=deep)
        estate = sweep.closer(estate, looked_at)
        if Read.RUNNING_JOBS in reads:
            estate = sweep.running(estate, looked_at, deep=deep)
        if Read.KEY_VAULTS in reads:
            estate = read_key_vaults(sweep, estate, looked_at, deep=deep)
        if Read.POLICY_ASSIGNMENTS in reads:
            estate = read_assignments(sweep, estate, looked_at)
        if Read.POINTS in reads:
            estate = sweep.counted(estate, looked_at, deep=deep)
    asked = {Read.GRAPH: swept.queries} if swept and swept.queries else {}
    estate = estate.changed(unread=tuple(sorted(sweep.unread, key=by_read)))
    return Reading(estate, {**asked, **sweep.calls})


@contextmanager
def pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield threads that are left behind when the reading is broken off: what waits is dropped, not asked."""
    threads = ThreadPoolExecutor(workers)
    try:
        yield threads
    except BaseException:
        threads.shutdown(wait=False, cancel_futures=True)
        raise
    threads.shutdown()


def by_read(gap: Unread) -> tuple[str, str]:
    return gap.read.name, gap.scope.key
