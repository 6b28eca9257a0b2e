"""How Azure Backup's extension is installed anew inside a VM, where ARM hides it (MAN25)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.guest import HANDLER_ASIDE, HANDLER_BACK
from azremedy.guest import reinstall as reinstall_script
from azremedy.plan import Expect, Irreversible, Step, Test, View

from ._cures import AGENT_READY, UNCLEAR, protection, shows
from ._inside import run
from ._room import backup

UNASKED = (
    "ARM hides this extension on managed disks: give --guest, and it is taken out inside the VM and the VM backed up,"
    " which installs it anew (Windows is restarted for it); or do so by hand, while no backup runs"
)
MISSING = "nothing of the extension is left in the guest: back the VM up, which installs it anew"
READY = "ProvisioningState/succeeded"
TYPE = "Microsoft.Azure.RecoveryServices.VMSnapshot"
KEPT = (
    "the next backup installs it again; its folder is kept beside as VMSnapshot_old, and the keys of the registry (the"
    " agent's, BcdrAgent, BcdrAgentPersistentKeys), as they were, in C:\\WindowsAzure\\azremedy-before-reinstall-*.reg"
)


def reinstall(estate: Estate, vm: ArmId) -> tuple[Step, ...] | str:
    """Return the steps that install the extension anew from inside a VM that was asked, or why there are none."""
    guest, one = estate.guest.get(vm), protection(estate, vm)
    if guest is None:
        return UNASKED
    if one is None:
        return UNCLEAR
    if guest.windows:
        held = guest.windows.setting("extension")
        return (out_of_windows(vm, held), again(one, TYPE)) if held else MISSING
    held_by = guest.linux.snapshot if guest.linux else 0
    return (out_of_linux(vm, held_by), again(one, f"{TYPE}Linux")) if held_by else MISSING


def out_of_linux(vm: ArmId, folders: int) -> Step:
    return run(
        vm,
        HANDLER_ASIDE,
        f"move the folder of {vm.name}'s backup extension aside, to /var/lib/waagent/azremedy-aside",
        before=shows(vm, "snapshot", folders, View.LINUX_GUEST),
        after=shows(vm, "snapshot", 0, View.LINUX_GUEST),
        undo=HANDLER_BACK.on(vm),
    )


def out_of_windows(vm: ArmId, held: str) -> Step:
    """Return the step after which the agent, which was stopped before the key went, answers without it: the VM is back."""
    return run(
        vm,
        reinstall_script(),
        f"take the backup extension out of {vm.name}, and RESTART the VM",
        before=shows(vm, "settings.extension", held, View.WINDOWS_GUEST),
        after=(
            Expect(vm, f"{AGENT_READY}.time", Test.NEWER, view=View.INSTANCE_VIEW),
            shows(vm, "settings.extension", None, View.WINDOWS_GUEST),
        ),
        undo=Irreversible(KEPT),
    )


def again(one: Protected, handler: str) -> Step:
    """Return the backup that installs the extension anew, and is awaited until that is ready."""
    made = backup(one)
    ready = shows(
        one.id, f"vmAgent.extensionHandlers.[type={handler}].status.code", READY, View.INSTANCE_VIEW
    )
    return replace(
        made,
        summary=f"back VM {one.id.name} up, which installs its backup extension anew",
        after=(*made.after, ready),
        within=timedelta(hours=2),
    )
