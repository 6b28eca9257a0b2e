"""
Reapply, restart, redeploy: ever stronger means for a VM whose agent or state is stuck.

A reapply sends the VM's goal state again and interrupts nothing; a restart is downtime of minutes; a redeploy moves
the VM to another host and empties its temporary disk (REDEP21), so it is there only when destructive means are
admitted. Sources: FAIL21, REDEP21, WGA25, ST23.
"""

from __future__ import annotations

from datetime import timedelta

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import Choices, Expect, FixClass, Irreversible, Ladder, Step, Test, View

from ._cures import shows

RUNNING = "PowerState/running"
CHANGING = "statuses.[code=ProvisioningState/updating]"
"""Where an instance view says that a change of the VM goes on."""

MEANS = {
    "reapply": "its goal state is sent again",
    "restart": "it is down for some minutes",
    "redeploy": "it moves to another host",
}
WRITES = frozenset(f"Microsoft.Compute/virtualMachines/{action}/action" for action in MEANS)
"""The rights that the rungs need."""
PATIENCE = timedelta(minutes=15)
"""How long after a rung the agent or the VM may take to recover."""


def is_running(estate: Estate, vm: ArmId) -> bool:
    """Whether the VM's own instance view says that it runs."""
    view = estate.view.get(vm)
    return view is not None and any(status.code.lower() == RUNNING.lower() for status in view.statuses)


def powered(vm: ArmId) -> Expect:
    """Expect the VM to run."""
    return shows(vm, f"statuses.[code={RUNNING}].code", RUNNING, View.INSTANCE_VIEW)


def ladder(
    estate: Estate, vm: ArmId, choices: Choices, *, before: tuple[Expect, ...], until: tuple[Expect, ...]
) -> Ladder:
    """Return the rungs for a VM: a reapply, and where it runs a restart and, if it is admitted, a redeploy."""
    settled: tuple[Expect, ...] = (Expect(vm, CHANGING, Test.ABSENT, view=View.INSTANCE_VIEW),)
    if not is_running(estate, vm):
        return Ladder((rung(vm, "reapply", before, settled),), until, PATIENCE)
    before, settled = (*before, powered(vm)), (*settled, powered(vm))
    actions = ["reapply", "restart", *(["redeploy"] if FixClass.DESTRUCTIVE in choices.allow else [])]
    return Ladder(tuple(rung(vm, action, before, settled) for action in actions), until, PATIENCE)


def rung(vm: ArmId, action: str, before: tuple[Expect, ...], after: tuple[Expect, ...]) -> Step:
    """One means. Its own effect is that the change is over and that a VM which ran runs again."""
    moves = action == "redeploy"
    lost = (
        f"everything on the temporary disk of VM {vm.name}",
        f"the dynamic public IP address of VM {vm.name}, if it has one",
    )
    return Step(
        summary=f"{action} VM {vm.name}: {MEANS[action]}",
        request=Request("POST", vm, action),
        before=before,
        after=after,
        undo=Irreversible("what is lost stays lost" if moves else f"a {action} leaves nothing to take back"),
        within=timedelta(minutes=40 if moves else 20),
        fix_class=FixClass.DESTRUCTIVE if moves else FixClass.GUARDED,
        loses=lost if moves else (),
        changes_vm=vm,
    )
