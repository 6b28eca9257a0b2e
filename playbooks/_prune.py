"""
Deleting restore points that the service does not prune: the last resort, point by point or a whole collection.

Only instant restore is lost where the vault holds a copy; whatever else goes is gone for good, and no soft delete
stands behind it (SBD24, MUA25). So a point is touched only when it is this VM's by its own `vmId`, lies in a
collection that Azure Backup made, and its one recovery point is known beyond doubt. Whatever is unsure stays.

Sources: T25, MOVE20, IR25, SBD24, MUA25, RPT23.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from azremedy import points
from azremedy.arm import Request
from azremedy.estate import Estate, Protected
from azremedy.plan import Choices, Expect, FixClass, Irreversible, Step, Test, View
from azremedy.resources import Collection, RecoveryPoint, RestorePoint

from ._cures import gone, shows

VAULT_TIERS = frozenset({"hardenedrp", "archivedrp"})
SAME_BACKUP = timedelta(minutes=10)
"""A restore point and a recovery point that are this close in time are of one backup; backups are hours apart."""

RECENT = timedelta(days=7)
"""A whole collection goes only where the vault has a copy that is younger."""

WRITES = frozenset(
    {
        "Microsoft.Compute/restorePointCollections/delete",
        "Microsoft.Compute/restorePointCollections/restorePoints/delete",
    }
)
"""The rights that the deletions need."""


def pruning(estate: Estate, one: Protected, choices: Choices) -> tuple[Step, ...] | str:
    """Return the deletions that bring a VM at the limit below it, or why there are none."""
    counted = points.count(estate, one)
    if one.vm is None or not one.vm.vm_id or counted is None:
        return "which of the restore points are this VM's is not known: nothing is deleted"
    if one.item.id not in estate.recovery:
        return (
            "the recovery points in the vault were not read, so nobody knows which restore points have a copy"
        )
    if choices.names(choices.delete_collection, one.id):
        return collections(estate, one)
    needed = counted - points.limit(one).value + 1
    spare = list(expired(estate, one))
    if len(spare) < needed:
        return (
            f"{needed} restore points have to go, and of {len(spare)} it is sure that they are past retention and"
            " in the vault: wait for the clean-up, or name the VM with --delete-collection"
        )
    return tuple(deletion(one, held, point, copy) for held, point, copy in spare[: max(0, needed)])


def expired(estate: Estate, one: Protected) -> Iterator[tuple[Collection, RestorePoint, RecoveryPoint]]:
    """Yield the points past retention that surely have a valid copy in the vault, with it, the oldest first."""
    days = one.policy.instant_days if one.policy else None
    if not days:
        return
    aged = [
        (point.created, held, point)
        for held in points.service_collections(estate, one)
        for point in estate.points.get(held.id, ())
        if point.created and point.created < estate.read_at - timedelta(days=days) and is_of(one, point)
    ]
    for created, held, point in sorted(aged, key=lambda each: (each[0], each[2].id)):
        copy = only_copy(estate, one, created)
        if copy and in_vault(copy) and not copy.file_recovery:
            yield held, point, copy


def is_of(one: Protected, point: RestorePoint) -> bool:
    """Whether a point says of itself that it was taken of this very VM, not of a namesake before it."""
    return one.vm is not None and (point.vm_id or "").lower() == (one.vm.vm_id or "?").lower()


def only_copy(estate: Estate, one: Protected, created: datetime) -> RecoveryPoint | None:
    """Return the recovery point of the backup of this moment, None unless it is the only one, for one point only."""
    copies = [copy for copy in estate.recovery[one.item.id] if near(copy.time, created)]
    if len(copies) != 1:
        return None
    every = (point for held in estate.collections_of[one.id] for point in estate.points.get(held.id, ()))
    return copies[0] if sum(near(point.created, copies[0].time) for point in every) == 1 else None


def near(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= SAME_BACKUP


def in_vault(copy: RecoveryPoint) -> str | None:
    """Return the tier of the vault that holds a valid copy, as ARM spells it."""
    valid = (tier.type for tier in copy.tiers if tier.status.lower() == "valid")
    return next((type_ for type_ in valid if type_.lower() in VAULT_TIERS), None)


def deletion(one: Protected, held: Collection, point: RestorePoint, copy: RecoveryPoint) -> Step:
    """The deletion of one point, while the vault still holds its copy and nobody has it mounted."""
    tier = f"properties.recoveryPointTierDetails.[type={in_vault(copy)}].status"
    return Step(
        summary=f"delete restore point {point.id.name} of VM {one.id.name}",
        request=Request("DELETE", point.id),
        before=(
            shows(held.id, "properties.source.id", str(one.id)),
            shows(point.id, "properties.sourceMetadata.vmId", point.vm_id),
            shows(copy.id, tier, "Valid"),
            shows(copy.id, "properties.isInstantIlrSessionActive", value=False),
        ),
        after=(gone(point.id),),
        undo=Irreversible("a restore point cannot be made again; its copy in the vault stays"),
        within=timedelta(minutes=30),
        fix_class=FixClass.DESTRUCTIVE,
        loses=(f"instant restore from {named(point)}; its copy in the vault stays",),
        changes_vm=one.id,
    )


def collections(estate: Estate, one: Protected) -> tuple[Step, ...] | str:
    """Return the deletion of the fullest collections, as many as it takes, or the check that forbids it."""
    copies = estate.recovery[one.item.id]
    newest = max((copy.time for copy in copies if copy.time and in_vault(copy)), default=None)
    if newest is None or newest < estate.read_at - RECENT:
        return "the vault holds no valid copy of the last 7 days: get a backup into the vault first"
    if any(copy.file_recovery for copy in copies):
        return "a file recovery has one of the points mounted: end it first"
    left = (points.count(estate, one) or 0) - points.limit(one).value + 1
    found: list[Step] = []
    own = [held for held in points.service_collections(estate, one) if estate.points.get(held.id)]
    for held in sorted(own, key=lambda each: (-len(estate.points[each.id]), each.id)):
        if left <= 0:
            break
        if not all(is_of(one, point) for point in estate.points[held.id]):
            return f"collection {held.id.name} holds points of another VM of that name: look at them first"
        found.append(whole(estate, one, held))
        left -= len(estate.points[held.id])
    return (
        tuple(found)
        if left <= 0
        else "points that are not Azure Backup's fill the limit: their owner has to act"
    )


def whole(estate: Estate, one: Protected, held: Collection) -> Step:
    inside = sorted(estate.points[held.id], key=lambda point: point.id)
    only_here = (point for point in inside if not survives(estate, one, point))
    size = "properties.restorePoints"
    return Step(
        summary=f"delete restore point collection {held.id.name} of VM {one.id.name} with its {len(inside)} points",
        request=Request("DELETE", held.id),
        before=(
            shows(held.id, "properties.source.id", str(one.id)),
            Expect(held.id, size, Test.BELOW, len(inside) + 1, View.RESTORE_POINTS),
        ),
        after=(gone(held.id),),
        undo=Irreversible("restore points cannot be made again; copies in the vault stay"),
        within=timedelta(hours=1),
        fix_class=FixClass.DESTRUCTIVE,
        loses=(
            f"instant restore from all {len(inside)} points of collection {held.id.name}",
            *(f"{named(point)}: no copy in the vault is known, it is gone for good" for point in only_here),
        ),
        changes_vm=one.id,
    )


def survives(estate: Estate, one: Protected, point: RestorePoint) -> bool:
    """Whether the vault surely keeps a valid copy of a point."""
    copy = only_copy(estate, one, point.created) if point.created else None
    return copy is not None and in_vault(copy) is not None


def named(point: RestorePoint) -> str:
    return f"restore point {point.id.name}" + (
        f" of {point.created:%Y-%m-%d %H:%M} UTC" if point.created else ""
    )
