"""How Azure Backup's extension is installed anew inside a VM, where ARM hides it (MAN25)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.guest import HANDLER_ASIDE, HANDLER_BACK
from azremedy.plan import Expect, Step, View
from azremedy.resources import Vm

from ._cures import UNCLEAR, protection, shows
from ._inside import run
from ._room import backup

IN_THE_GUEST = (
    "ARM hides this extension on managed disks: reinstall it in the guest (stop the agent, move the extension's folder"
    " away, start the agent), restart the VM, and back it up"
)
UNASKED = (
    "ARM hides this extension on managed disks: give --guest, and its folder is moved aside inside the VM and the VM"
    " backed up, which installs it anew; or do so by hand, while no backup runs"
)
NO_FOLDER = "there is no folder of the extension in /var/lib/waagent: back the VM up, which installs it anew"
READY = "ProvisioningState/succeeded"
TYPE = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"


def hidden(vm: Vm) -> str | None:
    """Return what a person has to do where ARM hides the extension and no script of azremedy's cures that."""
    return None if vm.linux else IN_THE_GUEST


def reinstall(estate: Estate, machine: Vm) -> tuple[Step, ...] | str:
    """Return the steps that install the extension anew from inside a Linux VM that was asked, or why there are none."""
    if by_hand := hidden(machine):
        return by_hand
    vm = machine.id
    guest, one = estate.guest.get(vm), protection(estate, vm)
    if guest is None or guest.linux is None:
        return UNASKED
    if one is None:
        return UNCLEAR
    if not guest.linux.snapshot:
        return NO_FOLDER
    aside = run(
        vm,
        HANDLER_ASIDE,
        f"move the folder of {vm.name}'s backup extension aside, to /var/lib/waagent/azremedy-aside",
        before=folders(vm, guest.linux.snapshot),
        after=folders(vm, 0),
        undo=HANDLER_BACK.on(vm),
    )
    again = backup(one)
    ready = shows(vm, f"vmAgent.extensionHandlers.[type={TYPE}].status.code", READY, View.INSTANCE_VIEW)
    return aside, replace(
        again,
        summary=f"back VM {vm.name} up, which installs its backup extension anew",
        after=(*again.after, ready),
        within=timedelta(hours=2),
    )


def folders(vm: ArmId, number: int) -> Expect:
    return shows(vm, "snapshot", number, View.LINUX_GUEST)
