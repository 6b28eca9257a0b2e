"""
What a scan will take, before it is made: requests and time, from what Resource Graph counts or a checkpoint holds.

The calls follow from how a subscription is read (design, "Reading"): so many lists, so many for each vault, and two or three
for each VM whose last backup failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from time import monotonic
from typing import Final

from azremedy.arm import ArmId, PostingReader
from azremedy.collect import kql, sources
from azremedy.collect.graph import AT_ONCE, ROOM, first_number, guid_of, parts
from azremedy.errors import ReadError
from azremedy.resources import PER_VAULT, Read, Subscription

PAGE: Final = 200
"""VMs, states and protected items that ARM puts on a page (ARM24)."""
ROWS: Final = 1_000
BUCKET, REFILL = 250, 25
"""Reads of a subscription that ARM grants at once, and how many flow back each second (ARM24)."""
QUERIES: Final = 3
"""Queries of Resource Graph each second (ARG25)."""

FURTHER: Final = 0.15
"""Reads for each VM whose backup failed beside its view and its job: its restore points, what runs, keys."""
LOCKED: Final = 150
"""
Protected VMs of which one is suspect although its last backup went well, its points locked above all: its view and its points
are read. No count tells of it; one is expected in each subscription at least.
"""
PER_VM: Final = 6
"""Rows of Resource Graph that a VM has with its disks, interface, extensions, collection and item."""
IN_TURN: Final = 5
"""Answers that a subscription waits for one after the other, however many requests are in flight."""
PAUSE: Final = timedelta(minutes=10)
"""Between two subscriptions of a checkpoint: a scan was interrupted, and nobody read."""

COUNTED: Final = {
    "vms": kql.counted("resources", kql.equal("type", kql.VM)),
    "vaults": kql.counted("resources", kql.equal("type", kql.VAULT)),
    "protected": kql.counted("recoveryservicesresources", kql.equal("type", kql.ITEM), kql.OF_VMS),
    "failed": kql.counted(
        "recoveryservicesresources",
        kql.equal("type", kql.ITEM),
        kql.OF_VMS,
        kql.equal("properties.lastBackupStatus", "Failed"),
    ),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How it will be read: the kinds, how closely, from where, and with how many requests at once."""

    reads: frozenset[Read]
    deep: bool
    source: str
    in_flight: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What Resource Graph counts in the subscriptions, and the seconds in which its quickest answer came."""

    vms: int
    vaults: int
    protected: int
    failed: int
    latency: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    What is to be expected of the `subscriptions` that are still to be read.

    `seconds` is None where nothing tells it; `counts` where a checkpoint was asked and not Resource Graph.
    """

    subscriptions: int
    done: int
    calls: int
    seconds: float | None
    counts: Counts | None = None

    @property
    def basis(self) -> str:
        return "resource graph" if self.counts else "checkpoint"


def counts(reader: PostingReader, subscriptions: Sequence[Subscription]) -> Counts:
    """Ask Resource Graph for its counts. Raises `ReadError` that says so, and what tells as well."""
    guids = [guid_of(one) for one in subscriptions]
    took: list[float] = []

    def number(query: str) -> int:
        found = 0
        for part in parts(guids):
            began = monotonic()
            found += first_number(reader, query, part)
            took.append(monotonic() - began)
        return found

    with ThreadPoolExecutor(len(COUNTED)) as threads:
        try:
            told = dict(zip(COUNTED, threads.map(number, COUNTED.values()), strict=True))
        except ReadError as error:
            reason = (
                f"Azure Resource Graph, whose counts an estimate rests on, does not tell them: {error.reason.rstrip('.')}. "
                "The --checkpoint of a scan that has read some of the subscriptions tells as well."
            )
            raise ReadError(reason, status=error.status, code=error.code) from error
    return Counts(**told, latency=min(took))


def from_counts(counted: Counts, subscriptions: int, plan: Plan) -> Estimate:
    """Return what a scan of these subscriptions takes, each taken to be as large as the others, with one list of them."""
    queries = sum(swept(counted, subscriptions)) if plan.source == "graph" else 0
    lists = sum(listed(counted, subscriptions, plan))
    calls = 1 + queries + round(lists + sum(closer(counted, subscriptions, plan)))
    each = (calls - queries) / subscriptions
    flowing = max(0.0, (each - BUCKET) / REFILL)
    seconds = max(calls * counted.latency / plan.in_flight, flowing, queries / QUERIES)
    return Estimate(subscriptions, 0, calls, seconds + IN_TURN * counted.latency, counted)


def swept(counted: Counts, subscriptions: int) -> Iterator[int]:
    """Yield the queries of a sweep through Resource Graph: the census, those of each part, and further pages."""
    if subscriptions > 1:
        yield max(up(subscriptions, AT_ONCE), up(counted.vms, ROWS))
    yield 4 * max(up(subscriptions, AT_ONCE), up(counted.vms, ROOM))
    yield PER_VM * counted.vms // ROWS


def listed(counted: Counts, subscriptions: int, plan: Plan) -> Iterator[float]:
    """Yield the requests for lists: those of subscriptions, their further pages, and those of vaults."""
    kinds = {one.read for one in sources.of_subscription(ArmId("/subscriptions/any"))}
    per_vault = len(plan.reads & PER_VAULT - {Read.RUNNING_JOBS})
    asked = kinds & (plan.reads | ({Read.VAULTS} if per_vault else set()))
    vaults = counted.vaults
    if plan.source == "graph":
        asked &= {Read.LOCKS, Read.VAULTS, Read.GROUPS}
        yield subscriptions
        vaults = min(vaults, counted.failed)
    yield subscriptions * len(asked)
    paged = len(asked & {Read.VMS, Read.POWER})
    yield subscriptions * paged * further(counted.vms, subscriptions)
    yield vaults * (per_vault + further(counted.protected, counted.vaults))


def closer(counted: Counts, subscriptions: int, plan: Plan) -> Iterator[float]:
    """Yield the requests for single VMs, and with `deep` for what runs in vaults."""
    view, points = Read.VIEW in plan.reads, Read.POINTS in plan.reads
    yield counted.failed * (Read.JOB_DETAIL in plan.reads)
    if plan.deep:
        yield counted.protected * (view + points)
        yield counted.vaults * (Read.RUNNING_JOBS in plan.reads)
    else:
        well = counted.protected - counted.failed
        locked = min(well, max(subscriptions, counted.protected / LOCKED)) if Read.LOCKS in plan.reads else 0
        yield counted.failed * (view + FURTHER * points) + locked * (view + points)


def further(things: int, places: int) -> int:
    """Return the pages after the first that a list has, where so many things lie in so many places."""
    return max(0, up(up(things, places), PAGE) - 1) if places else 0


def up(number: int, by: int) -> int:
    return -(-number // by)


def from_checkpoint(done: Sequence[tuple[datetime, int]], left: int) -> Estimate:
    """Return what the subscriptions that are left take if they are like those that are done: when, with how many calls."""
    calls = sum(number for _, number in done) / len(done)
    moments = sorted(at for at, _ in done)
    gaps = [(after - before).total_seconds() for before, after in pairwise(moments) if after - before < PAUSE]
    seconds = sum(gaps) / len(gaps) * left if gaps else None
    return Estimate(left, len(done), round(calls * left), seconds)
