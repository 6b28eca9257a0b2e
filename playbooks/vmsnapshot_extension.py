"""
The backup extension has failed, is stuck or is not ready.

Azure Backup installs an extension in the VM, `VMSnapshot` on Windows and `VMSnapshotLinux` on Linux, and talks to it
through the VM agent. When its handler has failed, or it hangs while it is being removed, no application-consistent
snapshot can be taken. Uninstalling it is harmless: the next backup installs it again.

On managed disks ARM hides the extension and cannot delete it; there the documented cure is to reinstall it inside the
guest: on Linux its folder is moved aside and the VM backed up, on Windows the VM is restarted, too.

A handler that is not there is normal before the first backup. One that is in the middle of an operation is left alone
for three hours; the extension itself drops commands that are older than 140 minutes. What an agent that is not ready
last said of its extensions is old news, and `agent-unresponsive` speaks instead. Extensions of other vendors are not
looked at.

Sources: SEED, T19, V25, MAN25, SNAPW, EXT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate, Protected
from azremedy.plan import ByHand, Choices, Cure, FixClass, Irreversible, Step, View
from azremedy.playbook import GUEST_READS, Finding, Playbook, corroborated
from azremedy.resources import InstanceView, Read, Status, Vm

from ._cures import AGENT_READY, gone, shows, singly
from ._inside import WRITES
from ._reinstall import reinstall
from ._room import WRITES as BACKUP

PUBLISHER = "microsoft.azure.recoveryservices."
NAMES = frozenset({"vmsnapshot", "vmsnapshotlinux"})
TYPES = frozenset(PUBLISHER + name for name in NAMES)

MOVING = frozenset({"transitioning", "updating", "creating", "installing", "deleting", "uninstalling"})
BROKEN = frozenset({"failed", "error", "unresponsive", "unavailable"})
STUCK_AFTER = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class BrokenExtension:
    """The extension and what is said of it. `listed`: ARM lists it, so that it can be deleted through ARM."""

    type: str
    version: str | None
    code: str
    level: str | None
    display: str | None
    message: str | None
    listed: bool


def detect(estate: Estate) -> Iterator[Finding[BrokenExtension]]:
    for protected in estate.protected:
        view = estate.view.get(protected.id)
        if protected.vm is None or view is None or not protected.needs_guest or not agent_ready(view):
            continue
        _, failure = corroborated(estate, protected, "C5")
        for type_, version, status in statuses(view):
            if bad(status, estate.read_at, failed=failure is not None):
                listed = is_listed(protected.vm, view)
                yield find(
                    estate,
                    protected,
                    BrokenExtension(
                        type=type_,
                        version=version,
                        code=status.code,
                        level=status.level,
                        display=status.display,
                        message=status.message,
                        listed=listed,
                    ),
                )
                break


def agent_ready(view: InstanceView) -> bool:
    return view.agent is not None and view.agent.code.lower() == "provisioningstate/succeeded"


def statuses(view: InstanceView) -> Iterator[tuple[str, str | None, Status]]:
    """Yield type, version and status of Azure Backup's extension, as the agent says and as ARM does."""
    for handler in view.handlers:
        if handler.type.lower() in TYPES and handler.status:
            yield handler.type, handler.version, handler.status
    for extension in view.extensions:
        if is_backup(extension.type, extension.name):
            yield from (
                (extension.type or extension.name, extension.version, status) for status in extension.statuses
            )


def is_backup(type_: str | None, name: str) -> bool:
    """Whether an extension is Azure Backup's, by its type, or by its name where ARM gives no type."""
    if type_:
        return type_.lower() in TYPES | NAMES
    return name.lower() in NAMES


def bad(status: Status, now: datetime, *, failed: bool) -> bool:
    """Whether a status is that of a broken extension; one that moves is broken only when it has for too long."""
    state = status.code.lower().split("/")[1:2]
    if any(word in BROKEN for word in state) or (status.level or "").lower() == "error":
        return True
    if any(word in MOVING for word in state):
        if status.time is None:
            return failed and state in (["deleting"], ["uninstalling"])
        return now - status.time > STUCK_AFTER
    return (status.display or "").lower() == "not ready"


def is_listed(vm: Vm, view: InstanceView) -> bool:
    return any(extension.name.lower() in NAMES for extension in vm.extensions) or any(
        is_backup(extension.type, extension.name) for extension in view.extensions
    )


def find(estate: Estate, protected: Protected, broken: BrokenExtension) -> Finding[BrokenExtension]:
    severity, failure = corroborated(estate, protected, "C5")
    version = f" {broken.version}" if broken.version else ""
    said = f"{broken.display} ({broken.code})" if broken.display else broken.code
    return Finding(
        vm=protected.id,
        resource=protected.id,
        message=f"backup extension {broken.type}{version} is in state {said}",
        severity=severity,
        evidence=broken,
        failure=failure,
    )


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Uninstall the extension where ARM lists it and a ready agent can do so, else move it aside inside the VM."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding))


def means(estate: Estate, finding: Finding[Any]) -> tuple[Step, ...] | str:
    vm, view = estate.vm.get(finding.vm), estate.view.get(finding.vm)
    extension = own_extension(vm, view) if vm and view else None
    if extension is None:
        return reinstall(estate, finding.vm)
    if view is None or not agent_ready(view):
        return "the agent, which uninstalls it, is not ready: get that ready first"
    return (uninstall(finding.vm, extension, finding.evidence.type),)


def own_extension(vm: Vm, view: InstanceView) -> ArmId | None:
    """Return the id of Azure Backup's extension where ARM lists it, and nobody else's of that name."""
    types = {ArmId(f"{vm.id}/extensions/{one.name}"): one.type for one in view.extensions}
    own = re.compile(rf"{re.escape(vm.id.key)}/extensions/\w[\w.-]{{0,79}}", re.ASCII)
    for extension in (*vm.extensions, *types):
        if own.fullmatch(extension.key) and is_backup(types.get(extension), extension.name):
            return extension
    return None


def uninstall(vm: ArmId, extension: ArmId, type_: str) -> Step:
    return Step(
        summary=f"uninstall extension {extension.name} of VM {vm.name}",
        request=Request("DELETE", extension),
        before=(
            shows(extension, "properties.publisher", PUBLISHER.rstrip(".")),
            shows(extension, "properties.type", type_.rpartition(".")[2]),
            shows(vm, f"{AGENT_READY}.code", "ProvisioningState/succeeded", View.INSTANCE_VIEW),
        ),
        after=(gone(extension),),
        undo=Irreversible("the next backup installs it again"),
        within=timedelta(minutes=30),
        fix_class=FixClass.GUARDED,
        changes_vm=vm,
    )


PLAYBOOK = Playbook(
    id="vmsnapshot-extension",
    title="The backup extension is broken",
    causes=("C5",),
    fix_class=FixClass.GUARDED,
    remedy="Uninstall the extension; the next backup installs it again.",
    needs=GUEST_READS,
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES | BACKUP | {"Microsoft.Compute/virtualMachines/extensions/delete"},
)
