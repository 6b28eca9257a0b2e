"""
The VM was shut down inside the guest and still holds its host.

Azure then reports `PowerState/stopped`: nothing runs, the host stays allocated, and the bill goes on. The 2018 page
names a state that is not reported correctly after such a shutdown as a reason for snapshots that cannot be taken.
Today's service backs stopped VMs up, so this is news, not a fault, until a failed backup says otherwise.

A VM that was stopped through Azure is deallocated, which is fine.

Sources: SEED, T25, SM25, FAQ25, V25, ST23.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate, Protected
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Irreversible, Step, View
from azremedy.playbook import Finding, Playbook, Severity, corroborated
from azremedy.resources import Read

from ._cures import shows, singly

STOPPED = "stopped"
CAUSES = ("C4b", "C8", "C14")
"""What a code has to list to bear this out: the shutdown in the guest itself, or the VM's state."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The power state as Azure reports it."""

    power: str


def detect(estate: Estate) -> Iterator[Finding[Stopped]]:
    for protected in estate.protected:
        if protected.vm and protected.power == STOPPED:
            yield find(estate, protected)


def find(estate: Estate, protected: Protected) -> Finding[Stopped]:
    severity, failure = corroborated(estate, protected, *CAUSES)
    return Finding(
        vm=protected.id,
        resource=protected.id,
        message="the VM is shut down inside the guest, but still allocated and billed",
        severity=severity if failure else Severity.INFO,
        evidence=Stopped(STOPPED),
        failure=failure,
    )


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Start or deallocate it, as its owner says: nothing else tells whether it is meant to be off."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding, choices))


def means(estate: Estate, finding: Finding[Any], choices: Choices) -> tuple[Step] | str:
    vm = finding.vm
    if choices.power not in {"on", "off"}:
        return "whether it is meant to be off only its owner knows: say so with --power on or --power off"
    if estate.power.get(vm) != STOPPED:
        return "the VM is not shut down inside any more: scan again"
    return (start(vm) if choices.power == "on" else deallocate(vm),)


def power(vm: ArmId, state: str) -> Expect:
    return shows(vm, f"statuses.[code=PowerState/{state}].code", f"PowerState/{state}", View.INSTANCE_VIEW)


def start(vm: ArmId) -> Step:
    return Step(
        summary=f"start VM {vm.name}",
        request=Request("POST", vm, "start"),
        before=(power(vm, STOPPED),),
        after=(power(vm, "running"),),
        undo=Request("POST", vm, "powerOff"),
        within=timedelta(minutes=20),
        fix_class=FixClass.GUARDED,
        changes_vm=vm,
    )


def deallocate(vm: ArmId) -> Step:
    return Step(
        summary=f"deallocate VM {vm.name}, which is shut down already",
        request=Request("POST", vm, "deallocate"),
        before=(power(vm, STOPPED),),
        after=(power(vm, "deallocated"),),
        undo=Irreversible("it was off and stays off; started again, it comes to another host"),
        within=timedelta(minutes=20),
        fix_class=FixClass.GUARDED,
        loses=(
            f"everything on the temporary disk of VM {vm.name}",
            f"the dynamic public IP address of VM {vm.name}, if it has one",
        ),
        changes_vm=vm,
    )


PLAYBOOK = Playbook(
    id="vm-power-state",
    title="The VM is shut down inside the guest and still allocated",
    causes=("C4b", "C14"),
    fix_class=FixClass.GUARDED,
    remedy="Deallocate the VM if it is meant to be off, or start it.",
    needs=frozenset({Read.VMS, Read.POWER, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL}),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=frozenset(
        {
            "Microsoft.Compute/virtualMachines/deallocate/action",
            "Microsoft.Compute/virtualMachines/powerOff/action",
            "Microsoft.Compute/virtualMachines/start/action",
        }
    ),
)
