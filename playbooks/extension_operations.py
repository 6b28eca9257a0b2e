"""
The VM takes no extensions.

Azure Backup works through an extension that it installs in the VM. A VM whose model says
`allowExtensionOperations: false` takes none: the extension is neither installed nor told to make a snapshot, and
application-consistent backups fail. A VM that was made without the VM agent (`provisionVMAgent: false`) forbids
extensions until somebody installs the agent by hand and allows them; such an agent reports like any other, and then
the VM is no finding. Some appliances forbid extensions on purpose: those are backed up crash-consistently, which asks
nothing of the guest.

ARM can allow extension operations at any time, also where the agent was installed by hand. It cannot change
`provisionVMAgent` of a VM that is there, nor install an agent; and it lets extension operations be forbidden again
only as long as it lists no extension on the VM.

Sources: AW25, V25, SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from azremedy.arm import ArmId, Json, Request
from azremedy.estate import Estate, Protected
from azremedy.plan import ByHand, Choices, Cure, First, FixClass, Step, View
from azremedy.playbook import GUEST_READS, Finding, Playbook, corroborated
from azremedy.resources import InstanceView, Read, Vm

from ._cures import AGENT_READY, agent_missing, shows, singly

INSTALL = (
    "ARM cannot install the VM agent: install it in the guest, then allow extension operations, or"
    " back the VM up crash-consistently"
)
NO_AGENT = "no ready VM agent reports: install or cure it first, as without it no extension works"
APPLIANCE = (
    "the VM comes from the marketplace offer '{}', whose publisher may forbid extensions on purpose: ask there first,"
    " or back the VM up crash-consistently"
)


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What the VM's model says of extensions and of its agent, and the marketplace offer that it was made from."""

    allow_extension_operations: bool | None
    provision_agent: bool | None
    offer: str | None = None


def detect(estate: Estate) -> Iterator[Finding[Forbidden]]:
    for protected in estate.protected:
        vm = protected.vm
        if vm is None or not protected.needs_guest:
            continue
        if agent_missing(vm, estate.view.get(vm.id)):
            yield find(
                estate, protected, vm, "the VM was made without the VM agent, and none was installed since"
            )
        elif vm.allow_extension_operations is False:
            without = "the VM allows no extension operations, and its backups need the backup extension"
            yield find(estate, protected, vm, without)


def find(estate: Estate, protected: Protected, vm: Vm, message: str) -> Finding[Forbidden]:
    severity, failure = corroborated(estate, protected, "C23")
    return Finding(
        vm=protected.id,
        resource=vm.id,
        message=message,
        severity=severity,
        evidence=Forbidden(vm.allow_extension_operations, vm.provision_agent, vm.offer),
        failure=failure,
        manual=by_hand(vm, estate.view.get(vm.id)),
    )


def by_hand(vm: Vm, view: InstanceView | None) -> str | None:
    """Why ARM alone cannot cure this VM."""
    if vm.allow_extension_operations is not False or agent_missing(vm, view):
        return INSTALL
    return APPLIANCE.format(vm.offer) if vm.offer else None


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Allow extension operations where an agent waits for them, or once the agent was brought back."""
    for said in singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding)):
        if isinstance(said, Cure) and not ready(estate.view.get(said.vms[0])):
            yield replace(said, first=First("agent-unresponsive", NO_AGENT))
        else:
            yield said


def means(estate: Estate, finding: Finding[Any]) -> tuple[Step] | str:
    vm, view = estate.vm.get(finding.vm), estate.view.get(finding.vm)
    if vm is None:
        return "the VM is gone: scan again"
    if reason := by_hand(vm, view):
        return reason
    return (allow(vm.id),) if view else NO_AGENT


def ready(view: InstanceView | None) -> bool:
    return bool(view and view.agent and view.agent.code.lower() == "provisioningstate/succeeded")


def allow(vm: ArmId) -> Step:
    path = "properties.osProfile.allowExtensionOperations"
    return Step(
        summary=f"allow extension operations on VM {vm.name}",
        request=Request("PATCH", vm, body=saying(allowed=True)),
        before=(
            shows(vm, path, value=False),
            shows(vm, f"{AGENT_READY}.code", "ProvisioningState/succeeded", View.INSTANCE_VIEW),
        ),
        after=(shows(vm, path, value=True), shows(vm, "properties.provisioningState", "Succeeded")),
        undo=Request("PATCH", vm, body=saying(allowed=False)),
        within=timedelta(minutes=15),
        fix_class=FixClass.GUARDED,
        changes_vm=vm,
    )


def saying(*, allowed: bool) -> Json:
    return {"properties": {"osProfile": {"allowExtensionOperations": allowed}}}


PLAYBOOK = Playbook(
    id="extension-operations",
    title="The VM takes no extensions",
    causes=("C23",),
    fix_class=FixClass.GUARDED,
    remedy="Allow extension operations once the VM agent is installed, or back the VM up crash-consistently.",
    needs=GUEST_READS,
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=frozenset({"Microsoft.Compute/virtualMachines/write"}),
)
