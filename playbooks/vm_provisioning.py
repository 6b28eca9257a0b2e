"""
The VM is in a failed provisioning state, or stuck in a change.

Azure Backup does not back up a VM whose last change failed: `UserErrorVmProvisioningStateFailed`. Mostly an extension
failed, of whatever vendor, and took the whole VM with it. Reapplying the VM sends its goal state again and is the mild
first step; a failed extension of another vendor is its owner's to repair.

`Updating` is what every VM shows while a change runs. Only one that has shown it for more than an hour is stuck.

Sources: T25, T19, V18, V25, ST23, FAIL21; the hour is this tool's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from azremedy.estate import Estate, Protected
from azremedy.plan import ByHand, Choices, Cure, FixClass, Ladder
from azremedy.playbook import Finding, Playbook, corroborated
from azremedy.resources import InstanceView, Read, Status, Vm

from ._cures import shows, singly
from ._ladder import WRITES, ladder

PROVISIONING = "provisioningstate/"
FAILED = PROVISIONING + "failed"
CHANGING = frozenset({"creating", "updating", "migrating", "deleting"})

STUCK_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Unprovisioned:
    """
    The state and what Azure says of it.

    `error` is the last part of the status code `ProvisioningState/failed/…`, `since` when the VM came into the
    state, `extensions` are those that failed, visible or not. All are empty where the instance view was not read.
    """

    state: str
    error: str | None
    message: str | None
    since: datetime | None
    extensions: tuple[str, ...]


def detect(estate: Estate) -> Iterator[Finding[Unprovisioned]]:
    for protected in estate.protected:
        vm = protected.vm
        if vm is None or vm.provisioning_state is None:
            continue
        view = estate.view.get(protected.id)
        status = stated(view, vm.provisioning_state)
        if vm.provisioning_state.lower() == "failed":
            yield find(estate, protected, vm, "", evidence(vm, view, status))
        elif since := stuck_since(vm, status, estate.read_at):
            hours = (estate.read_at - since) // timedelta(hours=1)
            yield find(estate, protected, vm, f" for {hours} h", evidence(vm, view, status))


def stated(view: InstanceView | None, state: str) -> Status | None:
    """Return the status in which the instance view bears this provisioning state out."""
    code = PROVISIONING + state.lower()
    statuses = view.statuses if view else ()
    return next((one for one in statuses if f"{one.code.lower()}/".startswith(f"{code}/")), None)


def stuck_since(vm: Vm, status: Status | None, now: datetime) -> datetime | None:
    changing = (vm.provisioning_state or "").lower() in CHANGING
    if changing and status and status.time and now - status.time > STUCK_AFTER:
        return status.time
    return None


def evidence(vm: Vm, view: InstanceView | None, status: Status | None) -> Unprovisioned:
    parts = status.code.split("/") if status else []
    return Unprovisioned(
        state=vm.provisioning_state or "",
        error=parts[2] if len(parts) > 2 else None,
        message=status.message if status else None,
        since=status.time if status else None,
        extensions=failed_extensions(view) if view else (),
    )


def failed_extensions(view: InstanceView) -> tuple[str, ...]:
    """Return the names of the extensions that failed; those that ARM hides by their type."""
    listed = [one.name for one in view.extensions if any(failed(status) for status in one.statuses)]
    seen = {(one.type or "").lower() for one in view.extensions}
    hidden = [one.type for one in view.handlers if failed(one.status) and one.type.lower() not in seen]
    return tuple(listed + hidden)


def failed(status: Status | None) -> bool:
    return status is not None and f"{status.code.lower()}/".startswith(f"{FAILED}/")


def find(
    estate: Estate, protected: Protected, vm: Vm, duration: str, seen: Unprovisioned
) -> Finding[Unprovisioned]:
    severity, failure = corroborated(estate, protected, "C8")
    error = f" ({seen.error})" if seen.error else ""
    extensions = f"; failed extensions: {', '.join(seen.extensions)}" if seen.extensions else ""
    return Finding(
        vm=protected.id,
        resource=vm.id,
        message=f"the VM is in provisioning state {seen.state}{duration}{error}{extensions}",
        severity=severity,
        evidence=seen,
        failure=failure,
    )


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Reapply, then restart, then redeploy a VM whose last change failed; one that still changes is let alone."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding, choices))


def means(estate: Estate, finding: Finding[Any], choices: Choices) -> tuple[Ladder] | str:
    vm, state = estate.vm.get(finding.vm), "properties.provisioningState"
    if vm is None or (vm.provisioning_state or "").lower() != "failed":
        return "a change may still go on: wait for it, or ask who started it"
    failing, well = shows(vm.id, state, vm.provisioning_state), shows(vm.id, state, "Succeeded")
    return (ladder(estate, vm.id, choices, before=(failing,), until=(well,)),)


PLAYBOOK = Playbook(
    id="vm-provisioning",
    title="The VM is in a failed provisioning state, or stuck in a change",
    causes=("C8",),
    fix_class=FixClass.GUARDED,
    remedy="Reapply the VM; have a failed extension of another vendor repaired by its owner.",
    needs=frozenset({Read.VMS, Read.VIEW, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL}),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
