"""
Lifting the locks on restore points for as long as it takes the service to prune them.

One bracket stands for each lock and for at most so many VMs; inside it each VM is backed up once, which makes the
service clean up. That first backup may fail (T25). A lock that belongs to somebody, stands on the whole subscription
or leaves another one in force is not lifted.

Sources: SEED, T25, LOCK24.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from azremedy import points
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected, group
from azremedy.lifting import LIFTING, lift, place, widest_first
from azremedy.plan import Bracket, ByHand, Choices, Cure, Expect, FixClass, Node, Step
from azremedy.playbook import Finding
from azremedy.resources import Lock

from ._cures import UNCLEAR, admit, by_hand, cure, protection
from ._prune import WRITES as PRUNING
from ._prune import pruning
from ._rehoming import for_good
from ._room import WRITES as BACKING_UP
from ._room import backup, room, until_pruned

WRITES = LIFTING | BACKING_UP | PRUNING
"""The rights that its steps and their ways back may need."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A VM whose points are locked, its findings, the locks to lift, widest first, and the points to delete."""

    protected: Protected
    findings: tuple[Finding[Any], ...]
    locks: tuple[Lock, ...]
    deletions: tuple[Step, ...]
    until: tuple[Expect, ...]


def lifting(
    playbook: str, estate: Estate, findings: Sequence[Finding[Any]], choices: Choices
) -> Iterator[Cure | ByHand]:
    """Yield a cure for each set of locks and at most `bracket_size` VMs, and what is left to people."""
    together: dict[tuple[Lock, ...], list[Locked]] = {}
    for vm, of_vm in group(findings, lambda finding: finding.vm).items():
        match judged(estate, vm, of_vm, choices):
            case Locked() as one:
                together.setdefault(one.locks, []).append(one)
            case reason, allow:
                yield from (by_hand(playbook, finding, reason, allow) for finding in of_vm)
    size = max(1, choices.bracket_size)
    for locks, members in together.items():
        for start in range(0, len(members), size):
            some = members[start : start + size]
            of_some = [finding for one in some for finding in one.findings]
            relief = None if choices.keep_unlocked else relieved(estate, locks, some)
            yield from admit(
                cure(playbook, of_some, bracket(locks, some, choices), relief=relief), of_some, choices
            )


def judged(
    estate: Estate, vm: ArmId, findings: tuple[Finding[Any], ...], choices: Choices
) -> Locked | tuple[str, FixClass | None]:
    """Return what is to be done for a VM, or why nothing is and which class would have to be admitted."""
    one = protection(estate, vm)
    if one is None:
        return UNCLEAR, None
    over = locks_of(estate, one)
    named = {finding.resource for finding in findings}
    locks = tuple(lock for lock in over if lock.id in named)
    if reason := forbidden(locks, over, choices) or hopeless(estate, one):
        return reason, None
    deletions = deletions_of(estate, one, choices)
    if isinstance(deletions, str):
        return deletions, None
    if deletions and FixClass.DESTRUCTIVE not in choices.allow:
        return "deleting its collection needs --allow destructive", FixClass.DESTRUCTIVE
    return Locked(one, findings, locks, deletions, until_pruned(estate, one, locks))


def deletions_of(estate: Estate, one: Protected, choices: Choices) -> tuple[Step, ...] | str:
    """Return what is deleted while the locks are lifted, or why what the user names cannot be."""
    if choices.names(choices.delete_collection, one.id):
        return pruning(estate, one, choices)
    spare = pruning(estate, one, choices) if FixClass.DESTRUCTIVE in choices.allow else ()
    return () if isinstance(spare, str) else spare


def locks_of(estate: Estate, one: Protected) -> tuple[Lock, ...]:
    """Return every lock over the VM's own points, the widest scope first."""
    found = {lock for held in points.service_collections(estate, one) for lock in estate.locks_over(held.id)}
    return tuple(sorted(found, key=widest_first))


def forbidden(locks: tuple[Lock, ...], over: tuple[Lock, ...], choices: Choices) -> str | None:
    """Return why these locks are not for a tool to lift, None where they are."""
    if not locks:
        return "the lock does not stand over its restore points any more: scan again"
    for lock, outer in zip(over, (None, *over), strict=False):
        where = f"lock '{lock.id.name}' on {place(lock.scope)}"
        if lock.owners:
            return f"{where} belongs to a managed application or an Azure service, which alone may lift it"
        if lock.scope.group is None and not choices.lift_subscription_locks:
            return (
                f"{where} guards everything in it: have it moved, or admit it with --lift-subscription-locks"
            )
        if lock not in locks:
            return f"{where} holds as well and is not to be lifted: admit it too, or lift it first"
        if outer and outer.scope == lock.scope and outer.read_only and lock.read_only:
            return f"{where} could not be put back under the other ReadOnly lock there: remove one of them"
    return None


def hopeless(estate: Estate, one: Protected) -> str | None:
    """Return why nobody could tell when a bracket is done, or why it never would be."""
    if points.count(estate, one) is None:
        return "its restore points were not counted, so nobody knows when it is done: let them be read"
    if room(estate, one)[1] < 1:
        return "points that are not Azure Backup's fill the limit: their owner has to delete some"
    return None


def bracket(locks: tuple[Lock, ...], some: Sequence[Locked], choices: Choices) -> Bracket:
    """
    Return the brackets of these locks one inside the other, with the VMs' steps in the innermost.

    A VM whose points are deleted here needs no backup for it, which would only take the room that was made.
    """
    until = tuple(expect for one in some for expect in one.until)
    body: tuple[Node, ...] = (
        *(step for one in some for step in one.deletions),
        *(backup(one.protected) for one in some if not one.deletions),
    )
    outermost, *inner = locks
    for lock in reversed(inner):
        body = (Bracket(lift(lock), body, until, keep_open=choices.keep_unlocked),)
    return Bracket(lift(outermost), body, until, keep_open=choices.keep_unlocked)


def relieved(estate: Estate, locks: tuple[Lock, ...], some: Sequence[Locked]) -> str | None:
    """Return when backups fail again once the locks are back; None where only points of 2018 were under them."""
    if any(lock.read_only for lock in locks):
        return f"the next backup fails again, as a ReadOnly lock forbids every one; {for_good(estate, locks)}"
    growing = [one for one in some if grows(estate, one.protected, locks)]
    days = [points.days_left(one.protected, left(estate, one)) for one in growing]
    if not days:
        return None
    day = (estate.read_at + timedelta(days=min(days))).date().isoformat()
    return f"backups fail again from {day} on, once the lock is back; {for_good(estate, locks)}"


def left(estate: Estate, one: Locked) -> int:
    """Return how many points are left of a VM once the lock is back: one below the limit, or less where some are deleted."""
    full = points.limit(one.protected).value - 1
    lost = sum(len(estate.points.get(step.request.id, (step,))) for step in one.deletions)
    return min(full, (points.count(estate, one.protected) or 0) - lost) if lost else full


def grows(estate: Estate, one: Protected, locks: tuple[Lock, ...]) -> bool:
    """Whether new points come under these locks: they do not go to the VM's own group any more."""
    return any(
        held.id.group != one.id.group and any(lock.scope.covers(held.id) for lock in locks)
        for held in points.service_collections(estate, one)
    )
