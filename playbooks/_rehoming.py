"""
Where locks on restore points belong instead: on what they are meant to guard, and not where the service cleans up.

A lock on the service's group guards restore points and nothing else, and what it is meant for is the VM. A lock on the
VM itself, on its disks and its interfaces keeps those and the groups that hold them from being deleted (LOCK24), and is
harmless to backups. What another lock guards already needs none of its own. A lock of the whole subscription becomes
one on each of its groups but those in which the service keeps restore points.

Sources: FAQ25, SM25, LOCK24.
"""

from __future__ import annotations

from collections.abc import Iterator

from azremedy import points
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.plan import Guarded
from azremedy.resources import Lock, Read

DELETION = "CanNotDelete"
LOCKS = "providers/Microsoft.Authorization/locks"


def under(estate: Estate, locks: tuple[Lock, ...]) -> tuple[Protected, ...]:
    """Return the VMs whose restore points one of these locks stands over."""
    return tuple(
        one for one in estate.protected if one.vm and any(covered(lock, estate, one) for lock in locks)
    )


def covered(lock: Lock, estate: Estate, one: Protected) -> bool:
    return any(lock.scope.covers(held.id) for held in points.service_collections(estate, one))


def whole(locks: tuple[Lock, ...]) -> bool:
    """Whether one of these locks stands on the whole subscription."""
    return any(lock.scope.group is None for lock in locks)


def guarded(estate: Estate, locks: tuple[Lock, ...]) -> tuple[ArmId, ...]:
    """Return what these locks are meant to guard: the VMs with what they are made of, or every group but the service's."""
    if whole(locks):
        groups = (held.id for held in estate.groups)
        return tuple(one for one in groups if not points.is_service_group(one.name, estate.policies))
    parts = (part for one in under(estate, locks) if one.vm for part in (one.id, *disks(one), *one.vm.nics))
    return tuple(dict.fromkeys(part for part in parts if estate.subscription.id.covers(part)))


def disks(one: Protected) -> Iterator[ArmId]:
    yield from (disk.disk for disk in one.vm.disks if disk.disk) if one.vm else ()


def staying(estate: Estate, target: ArmId, locks: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Return the locks over something once these are gone."""
    return tuple(lock for lock in estate.locks_over(target) if lock not in locks)


def replacing(estate: Estate, locks: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Return the locks that take the place of these: one for each thing to be guarded that no other lock guards."""
    outermost = locks[0]
    return tuple(
        Lock(ArmId(f"{target}/{LOCKS}/{outermost.id.name}"), DELETION, outermost.notes)
        for target in guarded(estate, locks)
        if not staying(estate, target, locks)
    )


def relied_on(estate: Estate, locks: tuple[Lock, ...]) -> tuple[Lock, ...]:
    """Return the locks that guard already what would otherwise need one: they have to be there when these go."""
    held = (staying(estate, target, locks) for target in guarded(estate, locks))
    return tuple(dict.fromkeys(some[0] for some in held if some))


def simulated(estate: Estate, locks: tuple[Lock, ...], new: tuple[Lock, ...]) -> tuple[Guarded, ...]:
    """Return what is guarded before and after, thing by thing: what is meant to be, and the points that are pruned."""
    pruned = (held.id for one in under(estate, locks) for held in points.service_collections(estate, one))
    scopes = (lock.scope for lock in locks if whole((lock,)))
    things = dict.fromkeys((*guarded(estate, locks), *pruned, *scopes))
    return tuple(
        Guarded(
            thing,
            level(estate.locks_over(thing)),
            level((*staying(estate, thing, locks), *(lock for lock in new if lock.scope.covers(thing)))),
        )
        for thing in things
    )


def level(locks: tuple[Lock, ...]) -> str | None:
    """Return the strictest level of several locks, as it is the one that counts."""
    if not locks:
        return None
    return next((lock.level for lock in locks if lock.read_only), locks[0].level)


def unknown(estate: Estate, locks: tuple[Lock, ...]) -> str | None:
    """Return why nobody knows what would have to be guarded instead, or why it could not be."""
    if whole(locks):
        gap = estate.any_unread(Read.GROUPS)
        if gap or not estate.groups:
            return (
                f"the groups of the subscription were not read: {gap.reason if gap else 'ask for them again'}"
            )
    for lock in locks:
        if lock.read_only and any(lock.scope.covers(target) for target in guarded(estate, locks)):
            return (
                f"the ReadOnly lock '{lock.id.name}' forbids the locks that would take its place: its owner has to"
                " replace it, which leaves a moment without"
            )
    return None


def for_good(estate: Estate, locks: tuple[Lock, ...]) -> str:
    """Return what lasts: other locks, which `--redesign-locks` places, or another group for the points."""
    number = len(guarded(estate, locks))
    what = (
        f"each of the {number} other groups"
        if whole(locks)
        else f"the VM with its disks and NICs ({number} in all)"
    )
    return f"for good, --redesign-locks locks {what} instead, or let the policy name an unlocked group for restore points"
