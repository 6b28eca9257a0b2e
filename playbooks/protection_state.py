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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from azremedy.arm import ArmId, Request
from azremedy.estate import INACTIVE, Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass, Step
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity
from azremedy.resources import Item, Read

from ._cures import shows, singly

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


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Resume the protection of a VM that the user names, under the policy that it had."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding, choices))


def means(estate: Estate, finding: Finding[Any], choices: Choices) -> tuple[Step] | str:
    item = next((one for one in estate.items if one.id == finding.resource), None)
    if not choices.names(choices.resume_protection, finding.vm):
        return f"{DELIBERATE}; then name the VM with --resume-protection"
    if item is None or item.vm != finding.vm or not inactive(item):
        return "its item is not as it was found: scan again"
    if item.soft_deleted:
        return "its item is soft-deleted: undelete it in the vault first"
    if item.policy is None:
        return "its item names no policy any more: resume it with one in the vault"
    return (resume(item),)


def resume(item: Item) -> Step:
    kind = {"protectedItemType": "Microsoft.Compute/virtualMachines", "sourceResourceId": str(item.vm)}
    state = "properties.protectionState"
    return Step(
        summary=f"resume backups of VM {item.vm.name} in vault '{item.vault.name}'",
        request=Request("PUT", item.id, body={"properties": {**kind, "policyId": str(item.policy)}}),
        before=(
            shows(item.id, state, item.protection_state),
            shows(item.id, "properties.policyId", str(item.policy)),
            shows(item.id, "properties.sourceResourceId", str(item.vm)),
        ),
        after=(shows(item.id, state, "Protected" if item.last_recovery_point else "IRPending"),),
        undo=Request("PUT", item.id, body={"properties": {**kind, "protectionState": item.protection_state}}),
        within=timedelta(minutes=15),
        fix_class=FixClass.GUARDED,
    )


PLAYBOOK = Playbook(
    id=ID,
    title="Backups of the VM are stopped, paused, suspended or deleted",
    causes=("C15",),
    fix_class=FixClass.MANUAL,
    remedy="Find out why it was stopped; then undelete and resume it, or leave it.",
    needs=frozenset({Read.VMS, Read.VAULTS, Read.ITEMS}),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=frozenset(
        {"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/write"}
    ),
)
