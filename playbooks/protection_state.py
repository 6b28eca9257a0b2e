"""
A vault knows the VM, and its backups are stopped, paused, suspended or deleted.

Such an item takes no backups: `UserErrorBcmDatasourceNotPresent`. Somebody may have stopped it on purpose, for cost or
by law, so nothing here is ever resumed silently. An item that was soft-deleted has to be undeleted before it can be
resumed, and goes for good when its time is over.

An old item next to one that backs the same VM up is what a move to another vault leaves behind, and an item whose VM
is gone keeps recovery points on purpose: both are fine.

Sources: T25, SBD24, SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from azremedy.arm import ArmId
from azremedy.estate import INACTIVE, Estate
from azremedy.plan import FixClass
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity
from azremedy.resources import Item, Read

ID = "protection-state"
DELIBERATE = "the stop may be deliberate: who stopped it decides whether it is resumed"


@dataclass(frozen=True, slots=True)
class Inactive:
    """The item's state, and what the vault still holds of the VM."""

    vault: ArmId
    state: str | None
    soft_deleted: bool
    last_recovery_point: datetime | None


def detect(estate: Estate) -> Iterator[Finding[Inactive] | NotEvaluated]:
    backed_up = {protected.item.vm for protected in estate.protected}
    for item in estate.items:
        if not inactive(item) or item.vm in backed_up:
            continue
        if item.vm in estate.vm:
            yield find(item, estate.vm[item.vm].id)
        elif gap := estate.not_read(Read.VMS, item.vm):
            yield NotEvaluated(ID, item.vm, f"whether the VM still exists was not read: {gap.reason}")


def inactive(item: Item) -> bool:
    return item.soft_deleted or (item.protection_state or "").lower() in INACTIVE


def find(item: Item, vm: ArmId) -> Finding[Inactive]:
    state = "soft-deleted" if item.soft_deleted else item.protection_state
    return Finding(
        vm=vm,
        resource=item.id,
        message=f"vault '{item.vault.name}' takes no backups of the VM: its item is {state}",
        severity=Severity.BLOCKING,
        evidence=Inactive(item.vault, item.protection_state, item.soft_deleted, item.last_recovery_point),
        manual=DELIBERATE,
    )


PLAYBOOK = Playbook(
    id=ID,
    title="Backups of the VM are stopped, paused, suspended or deleted",
    causes=("C15",),
    fix_class=FixClass.MANUAL,
    remedy="Find out why it was stopped; then undelete and resume it, or leave it.",
    needs=frozenset({Read.VMS, Read.VAULTS, Read.ITEMS}),
    permissions=frozenset(
        {
            "Microsoft.Compute/virtualMachines/read",
            "Microsoft.RecoveryServices/Vaults/read",
            "Microsoft.RecoveryServices/Vaults/backupProtectedItems/read",
        }
    ),
    detect=detect,
    about=__doc__ or "",
)
