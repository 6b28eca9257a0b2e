"""`attachDetachDataDisks`: disks come to a VM and leave it, and the others are not spoken of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.sandbox import machines, operations, sizes, writes
from azremedy.sandbox.answers import ArmError, not_found
from azremedy.sandbox.compute import provisioning_of
from azremedy.sandbox.events import effect

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.answers import Answer, Arm, Call

VERB: Final = "attachdetachdatadisks"
LUNS: Final = range(64)
SECONDS: Final = 10


def change(arm: Arm, call: Call) -> Answer:
    """Attach and detach managed data disks: all that is named, or nothing."""
    vm, _, _ = call.key.rpartition("/")
    if vm not in arm.store:
        raise not_found(call.path.rpartition("/")[0])
    operations.not_busy(arm, vm)
    given, model = call.json, arm.store.draft(vm)
    coming, leaving = given.get("dataDisksToAttach") or [], given.get("dataDisksToDetach") or []
    if not coming and not leaving:
        raise invalid("dataDisksToAttach", "There is no disk to attach or detach.")
    profile = model["properties"]["storageProfile"]
    profile["dataDisks"] = attached(arm, model, detached(arm, model, leaving), coming)
    arm.store.put(vm, model)
    one = machines.machine(arm, vm)
    machines.attach_state(arm, vm, one.vm)
    before = provisioning_of(one.vm).state
    machines.show(arm, vm, machines.provisioned(one, "Updating"))
    id_ = operations.begin(arm, call, "compute", SECONDS, done, target=vm, vm=vm, before=before)
    return operations.accepted(arm, call, id_)


@effect
def done(arm: Arm, _at: float, *, vm: str, before: str) -> Json:
    """End it with the storage profile of the VM."""
    if vm not in arm.store:
        return None
    machines.show(arm, vm, machines.provisioned(machines.machine(arm, vm), before))
    body: Json = arm.store.get(vm)
    return body["properties"]["storageProfile"]


def detached(arm: Arm, model: Json, leaving: list[Json]) -> list[Json]:
    """Return the data disks that a VM keeps; those that leave hang on no VM any more."""
    kept: list[Json] = model["properties"]["storageProfile"]["dataDisks"]
    for disk in leaving:
        key = disk["diskId"].lower()
        rest = [one for one in kept if one.get("managedDisk", {}).get("id", "").lower() != key]
        if len(rest) == len(kept):
            raise invalid("dataDisksToDetach.diskId", f"Disk {disk['diskId']} is not attached to the VM.")
        writes.own(arm, key, None)
        kept = rest
    return kept


def attached(arm: Arm, model: Json, kept: list[Json], coming: list[Json]) -> list[Json]:
    """Return the data disks of a VM with those that come, each on the LUN that it names or on the first free one."""
    disks = list(kept)
    for disk in coming:
        used = {one["lun"] for one in disks}
        lun = disk["lun"] if "lun" in disk else min(set(LUNS) - used)
        if lun in used:
            raise invalid("dataDisk.lun", f"A disk at LUN {lun} already exists.")
        if lun not in LUNS:
            raise invalid("dataDisk.lun", f"The value '{lun}' of parameter 'dataDisk.lun' is out of range.")
        found: Json = arm.store.get(disk["diskId"].lower())
        if found and (owner := found.get("managedBy")):
            raise ArmError(
                409,
                "ConflictingUserInput",
                f"Disk '{disk['diskId']}' cannot be attached as the disk is already owned by VM '{owner}'.",
            )
        wanted = {**disk, "lun": lun, "managedDisk": {"id": disk["diskId"]}}
        disks.append(writes.attached(arm, model, wanted))
    most = sizes.most(model["properties"]["hardwareProfile"]["vmSize"])
    if coming and len(disks) > most:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"The maximum number of data disks allowed to be attached to a VM of this size is {most}.",
        )
    return disks


def invalid(target: str, message: str) -> ArmError:
    return ArmError(400, "InvalidParameter", message, target=target)
