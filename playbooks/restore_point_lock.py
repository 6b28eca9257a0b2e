"""
A lock keeps Azure Backup from pruning its old restore points.

Azure Backup keeps a VM's instant restore points in a restore point collection and deletes the expired ones itself.
A lock on that collection, on the group that holds it or on the whole subscription forbids the deletion. Points then
pile up, and at the limit every backup fails with `UserErrorRpCollectionLimitReached`. In 2018 the collection lay in
the VM's own group; since then the service keeps it in a group of its own (`AzureBackupRG_…`, or one that the policy
names), and a lock on the VM's group is harmless.

A ReadOnly lock forbids creating points as well, so it needs no limit to be reached.

The cure lifts the lock for as long as the service takes to prune, and puts it back: backups then go on until the limit is
reached again, on a day that is named. What lasts is a lock on what it is meant to guard: on the VM, its disks and its
interfaces (`--redesign-locks` moves it there), or restore points in a group of their own, which the backup policy
names; policies this tool does not change.

Sources: SEED, T25, MOVE20, LOCK24, FAQ25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from azremedy import points
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.lifting import place
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import Finding, Playbook, Severity, corroborated
from azremedy.resources import Lock, Read

from ._lift import WRITES, lifting
from ._redesign import redesigned


@dataclass(frozen=True, slots=True)
class LockedPoints:
    """The lock, what it stands on, and how full the VM's collections are (None: not counted)."""

    lock: str
    level: str
    scope: ArmId
    notes: str | None
    collections: tuple[ArmId, ...]
    points: int | None
    limit: int
    days_left: int | None
    fails_from: str | None
    """The day from which backups fail: that of the scan where they do already, None where nobody can tell."""


def detect(estate: Estate) -> Iterator[Finding[LockedPoints]]:
    for protected in estate.protected:
        locked: dict[Lock, list[ArmId]] = {}
        for held in points.service_collections(estate, protected):
            for lock in estate.locks_over(held.id):
                locked.setdefault(lock, []).append(held.id)
        for lock, collections in locked.items():
            yield find(estate, protected, lock, tuple(collections))


def find(
    estate: Estate, protected: Protected, lock: Lock, collections: tuple[ArmId, ...]
) -> Finding[LockedPoints]:
    counted, limit = points.count(estate, protected), points.limit(protected)
    severity, failure = corroborated(estate, protected, "C6")
    full = counted is not None and counted >= limit.value
    if not (full or lock.read_only):
        severity, failure = Severity.SUSPECTED, None
    left = 0 if lock.read_only else None if counted is None else points.days_left(protected, counted)
    due = None if left is None else (estate.read_at + timedelta(days=left)).date()
    day = due.isoformat() if due else None
    return Finding(
        vm=protected.id,
        resource=lock.id,
        message=f"{lock.level} lock '{lock.id.name}' on {place(lock.scope)} keeps Azure Backup from pruning restore points"
        + forecast(counted, limit.value, lock, day),
        severity=severity,
        evidence=LockedPoints(
            lock=lock.id.name,
            level=lock.level,
            scope=lock.scope,
            notes=lock.notes,
            collections=collections,
            points=counted,
            limit=limit.value,
            days_left=None if counted is None else points.days_left(protected, counted),
            fails_from=day,
        ),
        failure=failure,
        manual=by_hand(lock),
        due=None if full or lock.read_only else due,
    )


def forecast(counted: int | None, limit: int, lock: Lock, day: str | None) -> str:
    """Return how full it is, and from when on backups fail where they do not yet."""
    full = "" if counted is None else f" ({counted} of {limit} points)"
    coming = f"; backups fail from {day} on" if day and (counted or 0) < limit else ""
    return f", and new ones from being made{full}" if lock.read_only else full + coming


def by_hand(lock: Lock) -> str | None:
    """Why this lock is not one for a tool to lift."""
    if lock.owners:
        return "the lock belongs to a managed application or an Azure service, which alone may lift it"
    if lock.scope.group is None:
        return "lifting a lock of the whole subscription exposes everything in it"
    return None


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Lift the lock, let one backup a VM make the service prune, put the lock back; or move it where it belongs."""
    means = redesigned if choices.redesign_locks else lifting
    yield from means(PLAYBOOK.id, estate, findings, choices)


PLAYBOOK = Playbook(
    id="restore-point-lock",
    title="A lock keeps old restore points from being pruned",
    causes=("C6",),
    fix_class=FixClass.GUARDED,
    remedy="Lift the lock, let the service prune, put the lock back; for good, lock the VM's group instead.",
    needs=frozenset(
        {
            Read.VMS,
            Read.LOCKS,
            Read.COLLECTIONS,
            Read.ITEMS,
            Read.JOBS,
            Read.JOB_DETAIL,
            Read.POLICIES,
            Read.POINTS,
        }
    ),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.RECOVERY_POINTS, Read.GROUPS}),
    writes=WRITES,
)
