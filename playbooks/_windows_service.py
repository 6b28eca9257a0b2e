"""What playbooks have in common that start a service of Windows which a snapshot needs."""

from __future__ import annotations

from dataclasses import dataclass

from azremedy.arm import ArmId, Request
from azremedy.guest import serving, starting, unserving
from azremedy.plan import Expect, Step, View
from azremedy.resources import WindowsGuest

from ._cures import shows
from ._inside import run

MODES = {"auto": "Automatic", "manual": "Manual", "disabled": "Disabled"}
"""What `Set-Service` calls a start mode, by what Windows does, in lower case."""
HOW = {"Automatic": "by itself", "Manual": "on demand"}
RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Down:
    """How a service starts and its state, in Windows's words (None: there is no such service), and its account."""

    service: str
    start: str | None
    state: str | None
    account: str | None = None


def seen(guest: WindowsGuest, service: str) -> Down:
    """Return what the guest tells of a service."""
    found = guest.service(service)
    account = next((one.value for one in guest.accounts if one.name == service), None)
    return Down(service, found.start, found.state, account) if found else Down(service, None, None)


def disabled(down: Down) -> bool:
    return (down.start or "").lower() == "disabled"


def stopped(down: Down) -> bool:
    return (down.state or "").lower() != RUNNING


def said(down: Down, called: str) -> str:
    """Return what is wrong with a service, which people call so."""
    if down.start is None:
        return f"the service {down.service} ({called}) is not there"
    how = "is disabled" if disabled(down) else "is stopped"
    return f"the service {down.service} ({called}) {how}"


def started(vm: ArmId, down: Down, mode: str) -> tuple[Step, ...] | str:
    """Return the step that has a service start so (`Automatic`, `Manual`) and starts it, or why there is none."""
    before = MODES.get((down.start or "").lower())
    if before is None:
        return f"run in the VM: Set-Service -Name {down.service} -StartupType {mode}; Start-Service -Name {down.service}"
    shown = "Auto" if mode == "Automatic" else mode
    step = run(
        vm,
        serving(down.service, mode),
        f"start the service {down.service} of {vm.name}, and let it start {HOW[mode]}",
        before=shows(vm, f"services.{down.service}.start", down.start, View.WINDOWS_GUEST),
        after=(
            shows(vm, f"services.{down.service}.start", shown, View.WINDOWS_GUEST),
            running(vm, down.service),
        ),
        undo=back(vm, down, before),
    )
    return (step,)


def back(vm: ArmId, down: Down, mode: str) -> Request:
    """Return the way back: the service starts as it did, and is stopped where it was."""
    return (unserving if stopped(down) else starting)(down.service, mode).on(vm)


def running(vm: ArmId, service: str) -> Expect:
    return shows(vm, f"services.{service}.state", "Running", View.WINDOWS_GUEST)
