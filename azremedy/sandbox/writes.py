"""Writes of Microsoft.Compute other than what is done to a running VM: extensions, disks, the model, restore points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.arm import ArmId
from azremedy.sandbox import machines, operations
from azremedy.sandbox.answers import Answer, ArmError, not_found
from azremedy.sandbox.compute import agent_of, extension_body, listed, provisioning_of, snapshot_of
from azremedy.sandbox.description import Snapshot
from azremedy.sandbox.events import effect
from azremedy.sandbox.ground import guid
from azremedy.sandbox.times import stamp

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call

TIMEOUTS: Final = "timeouts"

CHOSEN: Final = ("encryption", "networkAccessPolicy", "publicNetworkAccess", "diskAccessId")
"""What a new disk is told beside its size."""

SECONDS: Final = {"extension": 10, "point": 5, "collection": 15, "disk": 3, "model": 5}


def delete_extension(arm: Arm, call: Call) -> Answer:
    """Uninstall an extension: in the guest, so the agent has to answer."""
    vm, _, _ = call.key.partition("/extensions/")
    if vm not in arm.store:
        raise not_found(vm)
    if call.key not in arm.store:
        return Answer(204)
    operations.not_busy(arm, vm)
    if machines.machine(arm, vm).vm.power != "running":
        raise ArmError(
            409, "OperationNotAllowed", "Cannot modify extensions in the VM when the VM is not running."
        )
    body = arm.store.draft(call.key)
    before = body["properties"]["provisioningState"]
    body["properties"]["provisioningState"] = "Deleting"
    arm.store.put(call.key, body)
    id_ = operations.begin(
        arm, call, "compute", SECONDS["extension"], extension_gone,
        target=vm, vm=vm, name=body["name"], before=before,
    )  # fmt: skip
    return operations.accepted(arm, call, id_)


@effect
def extension_gone(arm: Arm, _at: float, *, vm: str, name: str, before: str) -> None:
    """End an uninstallation."""
    key = f"{vm}/extensions/{name}".lower()
    if key not in arm.store:
        return
    one = machines.machine(arm, vm)
    if agent_of(one.vm).state != "ready":
        body = arm.store.draft(key)
        body["properties"]["provisioningState"] = before
        arm.store.put(key, body)
        raise ArmError(
            409,
            "VMAgentStatusCommunicationError",
            f"VM '{one.vm.name}' has not reported status for VM agent or extensions.",
        )
    arm.store.delete(key)
    kept = tuple(held for held in one.vm.extensions if held.name.lower() != name.lower())
    if len(kept) == len(one.vm.extensions):
        snapshot = Snapshot(state="absent", listed=snapshot_of(one.vm).listed)
        one = machines.changed(one, snapshot=snapshot)
    show_extensions(arm, vm, machines.changed(one, extensions=kept))


def show_extensions(arm: Arm, key: str, one: machines.Machine) -> None:
    """Let a VM's model name the extensions that it has by now."""
    model = arm.store.draft(key)
    model.pop("resources", None)
    if names := [held.name for held in listed(one.vm)]:
        model["resources"] = [{"id": f"{model['id']}/extensions/{name}"} for name in names]
    arm.store.put(key, model)
    machines.show(arm, key, one)


def delete_point(arm: Arm, call: Call) -> Answer:
    """Delete a restore point."""
    if call.key not in arm.store:
        return Answer(204)
    id_ = operations.begin(arm, call, "compute", SECONDS["point"], gone, id=call.key)
    return operations.accepted(arm, call, deleting(arm, call, id_))


def delete_collection(arm: Arm, call: Call) -> Answer:
    """Delete a collection with its points; with many of them the first attempts time out, where the estate says so."""
    if call.key not in arm.store:
        return Answer(204)
    id_ = operations.begin(arm, call, "compute", SECONDS["collection"], collection_gone, id=call.key)
    return operations.accepted(arm, call, deleting(arm, call, id_))


def deleting(arm: Arm, call: Call, id_: str) -> str:
    body = arm.store.draft(call.key)
    body["properties"]["provisioningState"] = "Deleting"
    arm.store.put(call.key, body)
    return id_


@effect
def gone(arm: Arm, _at: float, *, id: str) -> None:  # noqa: A002 - ARM's word
    arm.store.delete(id)


@effect
def collection_gone(arm: Arm, _at: float, *, id: str) -> None:  # noqa: A002 - ARM's word
    """End the deletion of a collection, or let it time out."""
    left = arm.store.noted(TIMEOUTS, id) or 0
    if left and id in arm.store:
        arm.store.note(TIMEOUTS, id, left - 1)
        body = arm.store.draft(id)
        body["properties"]["provisioningState"] = "Succeeded"
        arm.store.put(id, body)
        raise ArmError(
            408,
            "OperationTimedOut",
            "The deletion of the restore point collection timed out. Please try again.",
        )
    arm.store.delete(id)


def put_disk(arm: Arm, call: Call) -> Answer:
    """Make an empty disk, or change one."""
    given, there = call.json, call.key in arm.store
    body = arm.store.draft(call.key) if there else new_disk(arm, call.path, given)
    size = given.get("properties", {}).get("diskSizeGB", body["properties"]["diskSizeGB"])
    if size < body["properties"]["diskSizeGB"]:
        raise ArmError(409, "OperationNotAllowed", "A disk can grow, but it cannot shrink.")
    body["properties"] |= {"diskSizeGB": size, "diskSizeBytes": size * 2**30}
    sku = {**body["sku"], **given.get("sku", {})}
    body["sku"] = {**sku, "tier": sku["name"].partition("_")[0]}
    arm.store.put(call.key if there else body["id"], {**body, "tags": given.get("tags", {})})
    id_ = operations.begin(arm, call, "compute", SECONDS["disk"], shown, id=call.key)
    updating = {**body, "properties": {**body["properties"], "provisioningState": "Updating"}}
    return operations.accepted(arm, call, id_, body=updating)


def new_disk(arm: Arm, path: str, given: Json) -> Json:
    id_, properties = ArmId(path), given.get("properties", {})
    option = properties.get("creationData", {}).get("createOption")
    if option != "Empty" or not isinstance(properties.get("diskSizeGB"), int):
        raise ArmError(
            400, "InvalidParameter", "The sandbox makes empty disks: createOption Empty, with a diskSizeGB."
        )
    chosen = {name: properties[name] for name in CHOSEN if name in properties}
    return {
        "name": id_.name,
        "id": id_.text,
        "type": "Microsoft.Compute/disks",
        "location": given.get("location", operations.location(arm)),
        **({"zones": given["zones"]} if "zones" in given else {}),
        "sku": {"name": "Standard_LRS", "tier": "Standard"},
        "properties": {
            "creationData": {"createOption": "Empty"},
            "diskSizeGB": properties["diskSizeGB"],
            "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
            "uniqueId": guid(id_.key, arm.now),
            "timeCreated": stamp(arm.now, "f"),
            "provisioningState": "Succeeded",
            "diskState": "Unattached",
            "networkAccessPolicy": "AllowAll",
            "publicNetworkAccess": "Enabled",
            **chosen,
        },
    }


@effect
def shown(arm: Arm, _at: float, *, id: str) -> Json:  # noqa: A002 - ARM's word
    """Return a resource as it is by now: what a write led to."""
    return arm.store.get(id)


def delete_disk(arm: Arm, call: Call) -> Answer:
    """Delete a disk that hangs on no VM."""
    body: Json = arm.store.get(call.key)
    if body is None:
        return Answer(204)
    if owner := body.get("managedBy"):
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Disk {body['name']} is attached to VM {owner} and cannot be deleted.",
        )
    id_ = operations.begin(arm, call, "compute", SECONDS["disk"], gone, id=call.key)
    return operations.accepted(arm, call, id_)


def put_vm(arm: Arm, call: Call) -> Answer:
    """Change a VM's model by PATCH or PUT: its data disks, its tags, whether extensions may be operated."""
    if call.key not in arm.store:
        raise not_found(call.path)
    operations.not_busy(arm, call.key)
    given, model = call.json, arm.store.draft(call.key)
    if call.if_match not in {None, "*", model["etag"]}:
        raise ArmError(412, "PreconditionFailed", "The etag provided in the If-Match header does not match.")
    properties = given.get("properties", {})
    disks = properties.get("storageProfile", {}).get("dataDisks")
    if disks is not None:
        model["properties"]["storageProfile"]["dataDisks"] = attach(arm, model, disks)
    one = machines.machine(arm, call.key)
    allowed = properties.get("osProfile", {}).get("allowExtensionOperations")
    if isinstance(allowed, bool):
        if not allowed and listed(one.vm):
            raise ArmError(
                409,
                "OperationNotAllowed",
                "allowExtensionOperations can be set to false only when no extensions are present on the VM.",
            )
        model["properties"]["osProfile"]["allowExtensionOperations"] = allowed
        one = machines.changed(one, extension_operations=allowed)
    if "tags" in given:
        model["tags"] = given["tags"]
    arm.store.put(call.key, model)
    before = provisioning_of(one.vm).state
    machines.show(arm, call.key, machines.provisioned(one, "Updating"))
    id_ = operations.begin(
        arm, call, "compute", SECONDS["model"], model_done, target=call.key, vm=call.key, before=before
    )
    return operations.accepted(arm, call, id_, status=200, body=arm.store.get(call.key))


@effect
def model_done(arm: Arm, _at: float, *, vm: str, before: str) -> Json:
    machines.show(arm, vm, machines.provisioned(machines.machine(arm, vm), before))
    return arm.store.get(vm)


def attach(arm: Arm, model: Json, wanted: list[Json]) -> list[Json]:
    """Return the data disks that a VM has from now on: those it keeps, those it gets; what is not named is detached."""
    luns = [disk.get("lun") for disk in wanted]
    if len(set(luns)) != len(luns) or None in luns:
        raise ArmError(409, "OperationNotAllowed", "Each data disk needs a LUN of its own.")
    kept = {disk["lun"]: disk for disk in model["properties"]["storageProfile"]["dataDisks"]}
    found = [
        kept[disk["lun"]] if same(kept.get(disk["lun"]), disk) else attached(arm, model, disk)
        for disk in wanted
        if not disk.get("toBeDetached")
    ]
    names = {disk["name"] for disk in found}
    for disk in kept.values():
        if disk["name"] not in names and "managedDisk" in disk:
            own(arm, disk["managedDisk"]["id"].lower(), None)
    return found


def same(there: Json | None, wanted: Json) -> bool:
    """Whether a wanted disk is the one that hangs on this LUN already."""
    if there is None:
        return False
    given = wanted.get("managedDisk", {}).get("id") or there.get("managedDisk", {}).get("id", "")
    name = wanted.get("name") or there["name"]
    mine = there.get("managedDisk", {}).get("id", "")
    return bool(given.lower() == mine.lower() and name.lower() == there["name"].lower())


def attached(arm: Arm, model: Json, disk: Json) -> Json:
    """Attach a disk that is there, or a new empty one."""
    vm = ArmId(model["id"])
    if disk.get("createOption") == "Empty":
        group = vm.group.text if vm.group else ""
        name = (
            disk.get("name") or f"{vm.name}_DataDisk_{disk['lun']}_{guid(vm.key, arm.now).replace('-', '')}"
        )
        id_ = f"{group}/providers/Microsoft.Compute/disks/{name}"
        empty = {"creationData": {"createOption": "Empty"}, "diskSizeGB": disk.get("diskSizeGB")}
        body = new_disk(arm, id_, {"properties": empty})
        body["sku"]["name"] = disk.get("managedDisk", {}).get("storageAccountType", "Standard_LRS")
        arm.store.put(id_, body)
    else:
        id_ = disk.get("managedDisk", {}).get("id", "")
        body = arm.store.get(id_.lower())
        if body is None:
            raise ArmError(404, "NotFound", f"Disk {id_} is not found.")
        if body.get("managedBy"):
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Disk {body['name']} is attached to VM {body['managedBy']} already.",
            )
    own(arm, id_.lower(), model["id"])
    return {
        "lun": disk["lun"],
        "name": body["name"],
        "createOption": disk.get("createOption", "Attach"),
        "caching": disk.get("caching", "None"),
        "managedDisk": {"storageAccountType": body["sku"]["name"], "id": body["id"]},
        "deleteOption": disk.get("deleteOption", "Detach"),
        "diskSizeGB": body["properties"]["diskSizeGB"],
        "toBeDetached": False,
    }


def own(arm: Arm, disk: str, vm: str | None) -> None:
    """Let a disk say on which VM it hangs."""
    if disk in arm.store:
        body = arm.store.draft(disk)
        body.pop("managedBy", None)
        body["properties"]["diskState"] = "Attached" if vm else "Unattached"
        arm.store.put(disk, {**body, "managedBy": vm} if vm else body)


def list_snapshot(arm: Arm, vm: str, one: machines.Machine) -> None:
    """Let ARM list Backup's extension, where it does so on this VM."""
    model: Json = arm.store.draft(vm)
    for held in listed(one.vm):
        key = f"{model['id']}/extensions/{held.name}"
        if key.lower() not in arm.store:
            arm.store.put(key, extension_body(key, model["location"], held))
