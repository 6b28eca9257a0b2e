"""
When the pruning of restore points is over, and the backup that starts it.

The service cleans up after it has tried a backup, whichever way that ends (T25); the clean-up is over once a fresh read
shows room for another point.

Sources: T25, RP23.
"""

from __future__ import annotations

from datetime import timedelta

from azremedy import points
from azremedy.arm import ArmId, Request
from azremedy.estate import Estate, Protected
from azremedy.plan import Expect, FixClass, Irreversible, Step, Test, View
from azremedy.resources import Lock

from ._cures import shows

KEEP_FOR = "now+P7D"
"""When a restore point of an on-demand backup expires."""

WRITES = frozenset(
    {"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/backup/action"}
)
"""The right that the backup needs."""


def room(estate: Estate, one: Protected) -> tuple[ArmId, int]:
    """
    Return the fullest of the VM's own collections, and below how many points it has to come for another backup.

    The other collections count with what they hold, and where there are several with one more, for the point that the
    backup adds.
    """
    held = {each.id: len(estate.points[each.id]) for each in estate.collections_of[one.id]}
    own = points.service_collections(estate, one)
    fullest = min(own, key=lambda each: (-held[each.id], each.id)).id
    others = sum(held.values()) - held[fullest]
    return fullest, points.limit(one).value - others - (len(held) > 1)


def until_pruned(estate: Estate, one: Protected, locks: tuple[Lock, ...]) -> tuple[Expect, ...]:
    """
    Expect the fullest collection to have room again.

    Where it has, and a ReadOnly lock forbade the backup itself, a new recovery point is what is waited for too.
    """
    fullest, most = room(estate, one)
    few = Expect(fullest, "properties.restorePoints", Test.BELOW, most, View.RESTORE_POINTS)
    if not any(lock.read_only for lock in locks) or len(estate.points[fullest]) >= most:
        return (few,)
    return few, Expect(one.item.id, "properties.lastRecoveryPoint", Test.NEWER)


def backup(one: Protected) -> Step:
    item = one.item
    body = {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": KEEP_FOR}
    return Step(
        summary=f"back VM {one.id.name} up, so that the service prunes its points; the first backup may fail",
        request=Request("POST", item.id, "backup", {"properties": body}),
        before=(
            shows(item.id, "properties.sourceResourceId", str(item.vm)),
            shows(item.id, "properties.protectionState", item.protection_state),
        ),
        after=(Expect(item.id, "properties.startTime", Test.NEWER, view=View.NEWEST_JOB),),
        undo=Irreversible("the recovery point expires by itself"),
        within=timedelta(minutes=15),
        fix_class=FixClass.GUARDED,
        triggers_backup=item.id,
    )
