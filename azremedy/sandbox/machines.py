"""
VMs that are restarted, reapplied, redeployed, started and stopped, and what becomes of their agents.

How a VM behaves stands in a note: its description, as far as it has got. What is shown of it is made from that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from azremedy.sandbox import operations
from azremedy.sandbox.answers import ArmError, not_found
from azremedy.sandbox.compute import agent_of, provisioning_of, view
from azremedy.sandbox.description import Agent, Vm
from azremedy.sandbox.events import due, effect

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.answers import Answer, Arm, Call

KIND: Final = "machine"
TYPE: Final = "microsoft.compute/virtualmachines"

BOOT: Final = 20
"""How many seconds after it has started a VM's agent reports."""

STRENGTH: Final = {"reapply": 1, "restart": 2, "start": 2, "redeploy": 3, "never": 9}
"""Means and what they are measured by: an agent is back, a failed state is cured by one at least as strong."""

SECONDS: Final = {
    "reapply": 10,
    "restart": 20,
    "redeploy": 60,
    "start": 20,
    "deallocate": 20,
    "poweroff": 10,
}

ENDS: Final = {"start": "running", "deallocate": "deallocated", "poweroff": "stopped"}
PASSES: Final = {"start": "starting", "deallocate": "deallocating", "poweroff": "stopping"}
NEEDS_POWER: Final = {"restart": ("running",), "redeploy": ("running", "stopped")}


class Machine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A VM's description as it is by now, and the second at which its agent last came up."""

    vm: Vm
    since: float = 0.0


def machine(arm: Arm, key: str) -> Machine:
    """Return how the VM of this lower-cased id behaves."""
    return msgspec.convert(arm.store.noted(KIND, key), Machine)


def show(arm: Arm, key: str, one: Machine) -> None:
    """Note how a VM behaves by now, and let its model and its instance view show it."""
    arm.store.note(KIND, key, msgspec.to_builtins(one))
    model = arm.store.draft(key)
    model["properties"]["provisioningState"] = provisioning_of(one.vm).state
    model["etag"] = f'"{int(model["etag"].strip(chr(34))) + 1}"'
    arm.store.put(key, model)
    arm.store.put(f"{key}/instanceView", view(one.vm, one.since))


def changed(one: Machine, *, since: float | None = None, **members: Any) -> Machine:
    """Return a machine of which some members of the description are others."""
    return Machine(msgspec.structs.replace(one.vm, **members), one.since if since is None else since)


def provisioned(one: Machine, state: str) -> Machine:
    given = provisioning_of(one.vm)
    return changed(one, provisioning=msgspec.structs.replace(given, state=state))


def act(arm: Arm, call: Call) -> Answer:
    """Take a POST that acts on a VM: `{vm}/restart` and its like."""
    key, _, verb = call.key.rpartition("/")
    if key not in arm.store:
        raise not_found(call.path.rpartition("/")[0])
    operations.not_busy(arm, key)
    one = machine(arm, key)
    if one.vm.power not in NEEDS_POWER.get(verb, (one.vm.power,)):
        raise ArmError(
            409, "OperationNotAllowed", f"Cannot {verb} VM '{one.vm.name}' because it is {one.vm.power}."
        )
    before = provisioning_of(one.vm).state
    off = "deallocated" if one.vm.power == "deallocated" else "stopped"
    moving = changed(provisioned(one, "Updating"), power=PASSES.get(verb, one.vm.power))
    if verb in {"restart", "redeploy"}:
        moving = changed(moving, agent=silent(agent_of(one.vm)))
    id_ = operations.begin(
        arm, call, "compute", SECONDS[verb], done, target=key, vm=key, verb=verb, before=before,
        agent=agent_of(one.vm).state if one.vm.power == "running" else off,
    )  # fmt: skip
    show(arm, key, moving)
    return operations.accepted(arm, call, id_)


def silent(agent: Agent) -> Agent:
    return agent if agent.state == "absent" else msgspec.structs.replace(agent, state="not-ready")


@effect
def done(arm: Arm, at: float, *, vm: str, verb: str, before: str, agent: str) -> None:
    """End what was done to a VM: its state, its power, and whether its agent comes back."""
    if vm not in arm.store:
        return
    one = machine(arm, vm)
    state = provisioning_of(one.vm)
    strength = STRENGTH.get(verb, 0)
    cured = before != "Failed" or strength >= STRENGTH[state.cured_by]
    one = provisioned(one, "Succeeded" if cured else "Failed")
    one = changed(one, power=ENDS.get(verb, one.vm.power))
    if one.vm.power == "running":
        one = came_up(arm, at, vm, one, verb, was=agent)
    show(arm, vm, one)
    attach_state(arm, vm, one.vm)
    if not cured:
        raise ArmError(
            409,
            "VMExtensionProvisioningError",
            "VM has reported a failure when processing its extensions; the VM stays in a failed state.",
        )


def came_up(arm: Arm, at: float, key: str, one: Machine, verb: str, *, was: str) -> Machine:
    """Return a running VM; its agent follows in a while where it was well or this brings it back."""
    agent = agent_of(one.vm)
    if agent.state == "absent":
        return one
    if verb == "reapply" and was == "ready":
        return changed(one, since=at)
    off = was in {"stopped", "deallocated"}
    well = was == "ready" or (off and agent.state == "ready")
    if well or STRENGTH.get(verb, 0) >= STRENGTH[agent.back_after]:
        due(arm, at + BOOT, back, vm=key)
    return changed(one, agent=silent(agent)) if verb != "reapply" else one


@effect
def back(arm: Arm, at: float, *, vm: str) -> None:
    """Let the agent of a VM report again, if it still runs."""
    if vm in arm.store and (one := machine(arm, vm)).vm.power == "running":
        agent = msgspec.structs.replace(agent_of(one.vm), state="ready", back_after="restart")
        show(arm, vm, changed(one, agent=agent, since=at))


def attach_state(arm: Arm, key: str, vm: Vm) -> None:
    """Let the disks of a VM say whether it is allocated."""
    for disk in attached(arm.store.get(key)):
        if disk in arm.store:
            body = arm.store.draft(disk)
            state = "Reserved" if vm.power == "deallocated" else "Attached"
            if body["properties"]["diskState"] != state:
                body["properties"]["diskState"] = state
                arm.store.put(disk, body)


def attached(model: Json) -> list[str]:
    """Return the lower-cased ids of the managed disks that a VM's model names."""
    profile = model["properties"]["storageProfile"]
    disks = [profile["osDisk"], *profile["dataDisks"]]
    return [disk["managedDisk"]["id"].lower() for disk in disks if "managedDisk" in disk]
