"""
A protected item has lost its VM.

Azure Backup knows a VM by its id. A VM that was deleted, or moved to another group or subscription, is gone under that
id, and the policy of its item goes on to ask for backups: `UserErrorVmNotFoundV2`, `BCMV2VMNotFound`, `ResourceNotFound`.
A VM that was moved is another VM for Azure Backup: nothing backs it up until it is protected anew. A VM that was deleted
and made again under its old name bears the old item's id and is not the machine that its recovery points are of: its
restore points name the `vmId` of its predecessor.

The old item holds the last recovery points of what is gone, so that nobody should delete it: its backups are stopped
and its data kept. That is a change of protection, which this tool leaves to people.

An item whose backups are stopped already is as it should be.

Sources: MAN25, V25, FAQ25, V18.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azremedy import points
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity, corroborated
from azremedy.resources import Read, RestorePoint, Vm

from ._cures import singly

ID = "orphaned-item"
STOP = "stop its backups in vault '{vault}' and keep the data, which holds its last recovery points"
PROTECT = "; then protect the VM {where} anew"


@dataclass(frozen=True, slots=True)
class Orphaned:
    """
    The item's vault, the newest point that it holds, and what became of the VM that it names.

    `moved_to` is where the machine is now, by its `vmId`; `namesakes` are VMs of its name in other groups, of which
    nothing more is known; `recreated` says that another machine bears its id.
    """

    vault: ArmId
    last_recovery_point: datetime | None
    moved_to: ArmId | None = None
    namesakes: tuple[ArmId, ...] = ()
    recreated: bool = False


def detect(estate: Estate) -> Iterator[Finding[Orphaned] | NotEvaluated]:
    for protected in estate.protected:
        if protected.vm is None:
            because = unknown(estate, protected)
            yield NotEvaluated(ID, protected.id, because) if because else gone(estate, protected)
        elif (known := newest(estate, protected)) and other(protected.vm, known):
            yield recreated(estate, protected)


def unknown(estate: Estate, protected: Protected) -> str | None:
    """Return why nobody can tell whether the VM of an item is there."""
    if not estate.subscription.id.covers(protected.id):
        return "the VM that its item names lies in another subscription"
    gap = estate.not_read(Read.VMS, protected.id)
    return f"whether the VM still exists was not read: {gap.reason}" if gap else None


def newest(estate: Estate, protected: Protected) -> RestorePoint | None:
    """Return the newest of the service's restore points of a VM that tells whose it is, where they were counted."""
    told = [
        point
        for held in points.service_collections(estate, protected)
        for point in estate.points.get(held.id, ())
        if point.vm_id and point.created
    ]
    return max(told, key=lambda point: (point.created or estate.read_at, point.id.key), default=None)


def other(vm: Vm, point: RestorePoint) -> bool:
    """Whether a point is of another machine than the VM that bears its source's id."""
    return bool(vm.vm_id and point.vm_id) and (vm.vm_id or "").lower() != (point.vm_id or "").lower()


def gone(estate: Estate, protected: Protected) -> Finding[Orphaned]:
    """The VM is not there any more; where its points were counted, they tell whether it moved."""
    item, last = protected.item, newest(estate, protected)
    moved = [vm.id for vm in estate.vms if last and vm.vm_id and not other(vm, last)]
    namesakes = tuple(vm.id for vm in estate.vms if vm.id.name.lower() == item.vm.name.lower())
    became = f"moved to {place(moved[0])}" if moved else "is gone"
    return Finding(
        vm=protected.id,
        resource=item.id,
        message=f"the VM {became}; its item in vault '{item.vault.name}' goes on to ask for backups",
        severity=Severity.BLOCKING,
        evidence=Orphaned(item.vault, item.last_recovery_point, moved[0] if moved else None, namesakes),
        failure=corroborated(estate, protected, "C17")[1],
        manual=STOP.format(vault=item.vault.name)
        + (PROTECT.format(where=f"in {place(moved[0])}") if moved else ""),
    )


def place(vm: ArmId) -> str:
    return f"group '{vm.group.name}'" if vm.group else "another group"


def recreated(estate: Estate, protected: Protected) -> Finding[Orphaned]:
    """The VM that bears the id is not the one that the points are of."""
    item = protected.item
    severity, failure = corroborated(estate, protected, "C17")
    return Finding(
        vm=protected.id,
        resource=item.id,
        message="the VM was made again under its old name: its item and restore points are of its predecessor",
        severity=severity,
        evidence=Orphaned(item.vault, item.last_recovery_point, recreated=True),
        failure=failure,
        manual=STOP.format(vault=item.vault.name) + PROTECT.format(where="that bears its name"),
    )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to do."""
    yield from singly(ID, findings, choices, lambda finding: finding.manual or "")


PLAYBOOK = Playbook(
    id=ID,
    title="A protected item has lost its VM",
    causes=("C17",),
    fix_class=FixClass.MANUAL,
    remedy="Stop the item's backups and keep its data; protect a VM that moved or was made again anew.",
    needs=frozenset(
        {Read.VMS, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL, Read.COLLECTIONS, Read.POLICIES, Read.POINTS}
    ),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
