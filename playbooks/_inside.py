"""What playbooks that judge the inside of a VM have in common: which VMs told something, and whose backups need it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate, Protected
from azremedy.guest import ACTION, Script
from azremedy.plan import Expect, FixClass, Irreversible, Step, View
from azremedy.resources import Guest, LinuxGuest, Vm, WindowsGuest

from ._cures import AGENT_READY, shows
from ._ladder import powered

WRITES = frozenset({f"Microsoft.Compute/virtualMachines/{ACTION}/action"})
"""The right that a script inside a VM needs."""
PATIENCE = timedelta(minutes=20)
"""How long a script and the look at what came of it may take."""


def asked(estate: Estate) -> Iterator[tuple[Protected, Vm, Guest]]:
    """Yield each protected VM that told what is inside it, and whose backups need that."""
    for protected in estate.protected:
        guest = estate.guest.get(protected.id)
        if guest and protected.vm and protected.needs_guest:
            yield protected, protected.vm, guest


def of_windows(estate: Estate) -> Iterator[tuple[Protected, Vm, WindowsGuest]]:
    for protected, vm, guest in asked(estate):
        if guest.windows:
            yield protected, vm, guest.windows


def of_linux(estate: Estate) -> Iterator[tuple[Protected, Vm, LinuxGuest]]:
    for protected, vm, guest in asked(estate):
        if guest.linux:
            yield protected, vm, guest.linux


def run(
    vm: ArmId,
    script: Script,
    summary: str,
    *,
    before: Expect | tuple[Expect, ...],
    after: Expect | tuple[Expect, ...],
    undo: Request | Irreversible,
) -> Step:
    """
    Return the step that runs a script of azremedy's inside a VM, between two looks there.

    It is sent only to an agent that is ready. Whether it went well is seen by asking inside again, or by what the agent
    reports where the script has that restarted.
    """
    ready = shows(vm, f"{AGENT_READY}.code", "ProvisioningState/succeeded", View.INSTANCE_VIEW)
    return Step(
        summary=summary,
        request=script.on(vm),
        before=(powered(vm), ready, *(before if isinstance(before, tuple) else (before,))),
        after=after if isinstance(after, tuple) else (after,),
        undo=undo,
        within=PATIENCE,
        fix_class=FixClass.GUARDED,
        changes_vm=vm,
    )
