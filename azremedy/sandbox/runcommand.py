"""Run Command: `POST {vm}/runCommand`, a script that the agent runs inside the VM, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from azremedy.agent import numbers
from azremedy.guest import COMMANDS, KEPT
from azremedy.guest.windows import AGENTS as AGENT_SERVICES
from azremedy.sandbox import guest, machines, operations
from azremedy.sandbox.answers import ArmError, not_found
from azremedy.sandbox.compute import VERSION, agent_of, provisioning_of
from azremedy.sandbox.events import due, effect
from azremedy.sandbox.guest import linux, windows
from azremedy.sandbox.guest.disks import attached
from azremedy.sandbox.guest.state import handled, settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Answer, Arm, Call
    from azremedy.sandbox.description import Agent, Vm
    from azremedy.sandbox.guest import Outcome
    from azremedy.sandbox.machines import Machine

VERB: Final = "runcommand"
AGENTS: Final = frozenset({
    "walinuxagent", "waagent", "WALinuxAgent", "python-azure-agent", "python3-azure-agent", "python311-azure-agent",
})  # fmt: skip
"""What distributions call the agent's package."""
SECONDS: Final = 20.0
"""How long a script takes at the least (RCW25)."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What is posted; ARM knows more members, and the sandbox says so of those that it does not."""

    command_id: str
    script: list[str] = []
    parameters: list[Any] = []


def post(arm: Arm, call: Call) -> Answer:
    """Take a script for a VM that runs and has no other one running."""
    key = call.key.removesuffix(f"/{VERB}")
    if key not in arm.store:
        raise not_found(call.path.rpartition("/")[0])
    one = machines.machine(arm, key)
    asked = taken(call, one)
    alone(arm, key)
    if one.vm.power != "running":
        raise ArmError(
            409, "OperationNotAllowed", "The operation requires the VM to be running (or set to run)."
        )
    if not one.vm.extension_operations:
        raise ArmError(
            409,
            "OperationNotAllowed",
            "This operation cannot be performed when extension operations are disallowed. To allow, please ensure VM "
            "Agent is installed on the VM and the osProfile.allowExtensionOperations property is true.",
        )
    before = provisioning_of(one.vm).state
    machines.show(arm, key, machines.provisioned(one, "Updating"))
    id_ = operations.begin(
        arm, call, "compute", SECONDS, ran, target=key, vm=key, script=asked.script, before=before
    )
    return operations.accepted(arm, call, id_)


def taken(call: Call, one: Machine) -> Asked:
    """Return what is asked for, where it is what a VM of this operating system takes."""
    try:
        asked = msgspec.convert(call.json, Asked)
    except msgspec.ValidationError as error:
        raise ArmError(400, "InvalidParameter", f"The request content is no script: {error}.") from error
    if asked.command_id.lower() not in {id_.lower() for id_ in COMMANDS.values()}:
        raise ArmError(404, "NotFound", "The entity was not found in this Azure location.")
    if asked.command_id.lower() != COMMANDS[one.vm.os.lower()].lower():
        raise ArmError(
            400, "InvalidParameter", f"The command '{asked.command_id}' is not one for {one.vm.os}."
        )
    if asked.parameters or not asked.script:
        raise ArmError(400, "InvalidParameter", "The sandbox takes a script of its own, without parameters.")
    return asked


def alone(arm: Arm, key: str) -> None:
    """Refuse a script while another one runs, or while something else is done to the VM."""
    id_ = arm.store.noted(operations.BUSY, key)
    if id_ and arm.store.noted(operations.KIND, id_)["path"].lower().endswith(f"/{VERB}"):
        raise ArmError(
            409,
            "Conflict",
            "Run command extension execution is in progress. Please wait for completion before invoking a run command.",
        )
    operations.not_busy(arm, key)


@effect
def ran(arm: Arm, at: float, *, vm: str, script: list[str], before: str) -> Json:
    """End a script: run it, keep what it changed, and return what it wrote."""
    if vm not in arm.store:
        raise ArmError(404, "NotFound", "The VM is gone.")
    one = machines.provisioned(machines.machine(arm, vm), before)
    if why := mute(one):
        machines.show(arm, vm, one)
        raise ArmError(409, why[0], why[1])
    try:
        outcome = run(one, script, sizes(arm, vm))
    except guest.Uncared as refused:
        machines.show(arm, vm, one)
        raise ArmError(409, "VMExtensionProvisioningError", str(refused)) from refused
    one = machines.changed(one, guest=settled(outcome.guest, one.vm), since=at if outcome.restarts else None)
    one = machines.Machine(handled(one.vm), one.since)
    if outcome.restarts:
        one = machines.changed(one, agent=begun(one.vm))
    if outcome.reboots:
        one = machines.changed(one, agent=machines.silent(agent_of(one.vm)))
        due(arm, at + machines.BOOT, machines.back, vm=vm)
    if outcome.cut:
        one = machines.provisioned(machines.changed(one, agent=machines.silent(agent_of(one.vm))), "Failed")
    machines.show(arm, vm, one)
    if outcome.cut:
        raise ArmError(
            409,
            "VMExtensionProvisioningTimeout",
            "Provisioning of VM extension RunCommand has timed out. The extension stays in transition: the script "
            "stopped the agent that was to report its end.",
        )
    return told(one.vm.os, outcome)


def begun(vm: Vm) -> Agent:
    """Return the agent of a VM once it has started again: the one of its package runs where that is newer."""
    agent = agent_of(vm)
    packages = [version for name, version in guest.whole(vm).packages.items() if version and name in AGENTS]
    told = [agent.version or VERSION[vm.os], *(one.partition("-")[0] for one in packages)]
    newest = max(told, key=lambda one: numbers(one) or ())
    return agent if newest == told[0] else msgspec.structs.replace(agent, version=newest)


def mute(one: Machine) -> tuple[str, str] | None:
    """Return with which error a script ends that nobody inside takes up."""
    config = guest.whole(one.vm).files.get("/etc/waagent.conf") or ""
    if one.vm.os == "Linux" and "\nextensions.enabled=n" in f"\n{config.lower()}":
        return "VMExtensionProvisioningTimeout", "Provisioning of VM extension RunCommandLinux has timed out."
    if agent_of(one.vm).state != "ready" or one.vm.power != "running" or stopped(one.vm):
        silent = (
            f"VM '{one.vm.name}' has not reported status for VM agent or extensions. "
            "Verify that the OS is up and healthy, and that the VM agent is running."
        )
        return "VMAgentStatusCommunicationError", silent
    return None


def stopped(vm: Vm) -> bool:
    """Whether no service of Windows's agent runs: where one does, it still carries out scripts."""
    services = [guest.whole(vm).services.get(name) for name in AGENT_SERVICES]
    return vm.os == "Windows" and not any(held and held.state == "running" for held in services)


def run(one: Machine, script: list[str], disks: Mapping[int, int]) -> Outcome:
    """Run a script in the guest of a VM that has data disks of these sizes, by LUN. Raises `Uncared`."""
    inside = attached(guest.whole(one.vm), disks)
    if one.vm.os == "Windows":
        return windows.run(inside, script)
    return linux.run(inside, agent_of(one.vm).version or VERSION["Linux"], script)


def sizes(arm: Arm, vm: str) -> Mapping[int, int]:
    """Return the size of each managed data disk of a VM in GiB, by LUN."""
    held = {
        one["lun"]: one.get("managedDisk", {}).get("id", "").lower() for one in data_disks(arm.store.get(vm))
    }
    found = {lun: arm.store.get(disk) for lun, disk in held.items()}
    return {lun: body["properties"]["diskSizeGB"] for lun, body in found.items() if body}


def data_disks(model: Json) -> list[Json]:
    disks: list[Json] = model["properties"]["storageProfile"]["dataDisks"]
    return disks


def told(os: str, outcome: Outcome) -> Json:
    """Return the result as ARM words it: one status on Linux, two on Windows."""
    out, err = tail(outcome.out), tail(outcome.err)
    if os == "Linux":
        return {
            "value": [status("ProvisioningState", f"Enable succeeded: \n[stdout]\n{out}\n[stderr]\n{err}")]
        }
    return {"value": [status("ComponentStatus/StdOut", out), status("ComponentStatus/StdErr", err)]}


def status(code: str, message: str) -> Json:
    return {
        "code": f"{code}/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "message": message,
    }


def tail(text: str) -> str:
    """Return the end of an output, as much of it as is kept."""
    return text.encode()[-KEPT:].decode(errors="ignore")
