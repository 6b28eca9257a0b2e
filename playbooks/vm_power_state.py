"""
The VM was shut down inside the guest and still holds its host.

Azure then reports `PowerState/stopped`: nothing runs, the host stays allocated, and the bill goes on. The 2018 page
names a state that is not reported correctly after such a shutdown as a reason for snapshots that cannot be taken.
Today's service backs stopped VMs up, so this is news, not a fault, until a failed backup says otherwise.

A VM that was stopped through Azure is deallocated, which is fine.

Sources: SEED, T25, SM25, FAQ25, V25, ST23.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from azremedy.estate import Estate, Protected
from azremedy.plan import FixClass
from azremedy.playbook import Finding, Playbook, Severity, corroborated
from azremedy.resources import Read

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


PLAYBOOK = Playbook(
    id="vm-power-state",
    title="The VM is shut down inside the guest and still allocated",
    causes=("C4b",),
    fix_class=FixClass.GUARDED,
    remedy="Deallocate the VM if it is meant to be off, or start it.",
    needs=frozenset({Read.VMS, Read.POWER, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL}),
    permissions=frozenset({"Microsoft.Compute/virtualMachines/read"}),
    detect=detect,
    about=__doc__ or "",
)
