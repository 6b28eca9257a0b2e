"""
No vault backs the VM up.

It may be meant so; this is news, not a fault. VMs of a scale set and VMs that another Azure service manages are theirs
to look after. A VM that a vault knows, whatever the state of its item, is not one of these: `protection-state` speaks
of backups that were stopped.

That no vault names a VM is certain only when every vault was read.

Sources: SDK, SBD24.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity
from azremedy.resources import Read, Vm

from ._cures import singly

ID = "unprotected-vm"


@dataclass(frozen=True, slots=True)
class Unprotected:
    """Where the VM is, and the vaults of its region: only those can back it up."""

    location: str
    vaults: tuple[ArmId, ...]


def detect(estate: Estate) -> Iterator[Finding[Unprotected] | NotEvaluated]:
    gap = estate.any_unread(Read.VAULTS, Read.ITEMS)
    for vm in estate.vms:
        if vm.id in estate.items_of or looked_after(vm) or leaving(vm):
            continue
        if gap:
            yield NotEvaluated(ID, vm.id, f"a vault may back it up: {gap.read} not read: {gap.reason}")
        else:
            yield find(estate, vm)


def looked_after(vm: Vm) -> bool:
    """Whether a scale set or another Azure service made this VM and replaces it as it likes."""
    return vm.scale_set is not None or bool(vm.managed_by)


def leaving(vm: Vm) -> bool:
    return (vm.provisioning_state or "").lower() == "deleting"


def find(estate: Estate, vm: Vm) -> Finding[Unprotected]:
    near = tuple(vault.id for vault in estate.vaults if region(vault.location) == region(vm.location))
    return Finding(
        vm=vm.id,
        resource=vm.id,
        message="no vault backs the VM up",
        severity=Severity.INFO,
        evidence=Unprotected(vm.location, near),
    )


def region(location: str) -> str:
    """ARM writes `westeurope` and `West Europe` for the same region."""
    return location.replace(" ", "").lower()


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to do."""
    advice = "whether it is to be backed up only its owner knows: enable backup in a vault of its region"
    yield from singly(PLAYBOOK.id, findings, choices, lambda _: advice)


PLAYBOOK = Playbook(
    id=ID,
    title="No vault backs the VM up",
    causes=(),
    fix_class=FixClass.MANUAL,
    remedy="Enable backup in a vault of the VM's region, unless it is meant to go without.",
    needs=frozenset({Read.VMS, Read.VAULTS, Read.ITEMS}),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
