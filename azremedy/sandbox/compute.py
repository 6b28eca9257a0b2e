"""Bodies of Microsoft.Compute: VMs, instance views, extensions and disks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from azremedy.sandbox import keys
from azremedy.sandbox.description import Agent, Disk, Extension, Provisioning, Snapshot
from azremedy.sandbox.ground import Ground, digits, guid
from azremedy.sandbox.points import collection, every_points
from azremedy.sandbox.times import ago, lately

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azremedy.arm import Json
    from azremedy.sandbox.description import Policy, Vm

Made = tuple[str, "Json"]

VERSION: Final = {"Windows": "2.7.41491.1172", "Linux": "2.11.1.12"}
"""Current agents."""

STALE: Final = 6.0
"""The age in hours of the last word of an agent that has fallen silent."""

IMAGE: Final[dict[str, Json]] = {
    "Windows": {
        "publisher": "MicrosoftWindowsServer",
        "offer": "WindowsServer",
        "sku": "2022-datacenter-azure-edition",
        "version": "latest",
        "exactVersion": "20348.2762.241006",
    },
    "Linux": {
        "publisher": "Canonical",
        "offer": "ubuntu-24_04-lts",
        "sku": "server",
        "version": "latest",
        "exactVersion": "24.04.202410020",
    },
}

SYSTEM: Final = {
    "Windows": ("Windows Server 2022 Datacenter Azure Edition", "10.0.20348.2762"),
    "Linux": ("ubuntu", "24.04"),
}

POWER: Final = {
    "running": "VM running",
    "stopped": "VM stopped",
    "deallocated": "VM deallocated",
    "starting": "VM starting",
    "stopping": "VM stopping",
    "deallocating": "VM deallocating",
}


BROKEN: Final = "Plugin has reported a failure while it was enabled."
BACKUP: Final = "Microsoft.Azure.RecoveryServices"


def agent_of(vm: Vm) -> Agent:
    return vm.agent if isinstance(vm.agent, Agent) else Agent(state=vm.agent)


def provisioning_of(vm: Vm) -> Provisioning:
    return (
        vm.provisioning if isinstance(vm.provisioning, Provisioning) else Provisioning(state=vm.provisioning)
    )


def snapshot_of(vm: Vm) -> Snapshot:
    return vm.snapshot if isinstance(vm.snapshot, Snapshot) else Snapshot(state=vm.snapshot)


def vm_resources(ground: Ground, vm: Vm, policy: Policy | None) -> Iterator[Made]:
    """Make a VM with all that Compute keeps of it."""
    if not vm.gone:
        yield from there(ground, vm)
    for points in every_points(vm, policy):
        yield from collection(ground, vm, points, policy)


def there(ground: Ground, vm: Vm) -> Iterator[Made]:
    """Make a VM itself, with its extensions and disks."""
    id_ = ground.vm(vm, upper=True)
    yield id_, model(ground, vm)
    yield f"{id_}/instanceView", view(vm)
    for extension in listed(vm):
        yield extension_resource(ground, vm, extension)
    for disk in [] if vm.unmanaged else [None, *vm.disks]:
        if disk is None or not disk.unmanaged:
            yield disk_resource(ground, vm, disk)


def disk_name(ground: Ground, vm: Vm, disk: Disk | None) -> str:
    if disk is not None and disk.part_of is not None:
        old = next((one for one in vm.disks if one.lun == disk.part_of and one.part_of is None), None)
        number = sum(one.part_of == disk.part_of and one.lun <= disk.lun for one in vm.disks)
        return f"{disk_name(ground, vm, old)}-part{number}"
    tail = guid(ground.vm(vm), "disk", disk.lun if disk else "os").replace("-", "")
    return f"{vm.name}_{'OsDisk_1' if disk is None else f'DataDisk_{disk.lun}'}_{tail}"


def model(ground: Ground, vm: Vm) -> Json:
    """Return a VM's model as lists show it."""
    id_ = ground.vm(vm, upper=True)
    setup = f"{vm.os.lower()}Configuration"
    shared: dict[str, Json] = {
        "patchSettings": {"patchMode": "ImageDefault", "assessmentMode": "ImageDefault"}
    }
    shared["provisionVMAgent"] = vm.provision_agent
    if vm.os == "Linux":
        shared["disablePasswordAuthentication"] = True
    os_disk = attached(ground, vm, None)
    found: dict[str, Json] = {
        "name": vm.name,
        "id": id_,
        "type": "Microsoft.Compute/virtualMachines",
        "location": ground.location,
        "properties": {
            "hardwareProfile": {"vmSize": vm.size},
            "provisioningState": provisioning_of(vm).state,
            "vmId": ground.machine(vm),
            "storageProfile": {
                "imageReference": IMAGE[vm.os],
                "osDisk": {"osType": vm.os, **os_disk, **ephemeral(vm)},
                "dataDisks": [attached(ground, vm, disk) for disk in vm.disks],
                "diskControllerType": "SCSI",
            },
            "osProfile": {
                "computerName": vm.name[:15],
                "adminUsername": "azureadmin",
                setup: shared,
                "secrets": [],
                "allowExtensionOperations": vm.extension_operations,
                "requireGuestProvisionSignal": True,
            },
            "networkProfile": {
                "networkInterfaces": [
                    {"id": ground.id(vm.group, "Microsoft.Network/networkInterfaces", f"{vm.name}-nic")}
                ]
            },
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
            "timeCreated": ago(days=400, form="f"),
        },
        "etag": '"3"',
    }
    if vm.offer:
        found["plan"] = {"name": "standard", "product": vm.offer, "publisher": "contoso"}
    if extensions := listed(vm):
        found["resources"] = [{"id": f"{id_}/extensions/{one.name}"} for one in extensions]
    return found


def ephemeral(vm: Vm) -> dict[str, Json]:
    """Return what the model says of an OS disk on the host's own storage."""
    local = {"option": "Local", "placement": "ResourceDisk"}
    return {"caching": "ReadOnly", "diffDiskSettings": local} if vm.ephemeral_os else {}


def attached(ground: Ground, vm: Vm, disk: Disk | None) -> Json:
    """Return a disk as the VM's model names it."""
    name = disk_name(ground, vm, disk)
    body: dict[str, Json] = {} if disk is None else {"lun": disk.lun}
    body |= {
        "name": name,
        "createOption": "FromImage" if disk is None else "Attach",
        "caching": "ReadWrite" if disk is None else "None",
    }
    if disk is not None and disk.write_accelerator:
        body["writeAcceleratorEnabled"] = True
    if vm.unmanaged or (disk is not None and disk.unmanaged):
        body["vhd"] = {"uri": f"https://{digits(vm.group)}.blob.core.windows.net/vhds/{name}.vhd"}
    else:
        body["managedDisk"] = {
            "storageAccountType": disk.sku if disk else "Premium_LRS",
            "id": ground.id(vm.group, "Microsoft.Compute/disks", name),
        }
    body |= {"deleteOption": "Detach", "diskSizeGB": disk.size if disk else vm.os_disk}
    return body if disk is None else {**body, "toBeDetached": False}


def disk_resource(ground: Ground, vm: Vm, disk: Disk | None) -> Made:
    name = disk_name(ground, vm, disk)
    id_ = ground.id(vm.group.upper(), "Microsoft.Compute/disks", name)
    size = disk.size if disk else vm.os_disk
    sku = disk.sku if disk else "Premium_LRS"
    properties: dict[str, Json] = {
        "creationData": {"createOption": "Empty"},
        "diskSizeGB": size,
        "diskSizeBytes": size * 2**30,
        "diskIOPSReadWrite": 500,
        "diskMBpsReadWrite": 60,
        "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
        "uniqueId": guid(id_),
        "timeCreated": ago(days=400, form="f"),
        "provisioningState": "Succeeded",
        "diskState": "Attached" if vm.power != "deallocated" else "Reserved",
        "networkAccessPolicy": "AllowAll",
        "publicNetworkAccess": "Enabled",
    }
    if disk is None:
        properties |= {"osType": vm.os, "creationData": {"createOption": "FromImage"}}
    elif disk.max_shares > 1:
        properties["maxShares"] = disk.max_shares
    if disk is not None and disk.data_access_auth:
        properties["dataAccessAuthMode"] = "AzureActiveDirectory"
    if vm.key_vault or (disk is not None and disk.encrypted_in_guest):
        properties["encryptionSettingsCollection"] = {
            "enabled": True,
            "encryptionSettings": keys.settings(ground, vm, name) if vm.key_vault else [],
            "encryptionSettingsVersion": "1.1",
        }
    return id_, {
        "name": name,
        "id": id_,
        "type": "Microsoft.Compute/disks",
        "location": ground.location,
        "managedBy": ground.vm(vm),
        "sku": {"name": sku, "tier": sku.partition("_")[0]},
        "properties": properties,
    }


def listed(vm: Vm) -> tuple[Extension, ...]:
    """Return the extensions that ARM lists; on managed disks Backup's is mostly one that the agent alone reports."""
    snapshot = snapshot_of(vm)
    if vm.backup is None or snapshot.state == "absent" or not (snapshot.listed or vm.unmanaged):
        return vm.extensions
    return (*vm.extensions, backup_extension(vm, snapshot))


def backup_extension(vm: Vm, snapshot: Snapshot) -> Extension:
    state, message = {
        "ready": ("Succeeded", ""),
        "failed": ("Failed", BROKEN),
        "stuck": ("Deleting", "Plugin is being removed."),
    }[snapshot.state]
    kind = "VMSnapshot" if vm.os == "Windows" else "VMSnapshotLinux"
    version = "1.0.91.0" if vm.os == "Windows" else "1.0.9219.0"
    return msgspec.convert(
        {
            "name": kind,
            "publisher": BACKUP,
            "type": kind,
            "version": version,
            "state": state,
            "message": message,
        },
        Extension,
    )


def extension_resource(ground: Ground, vm: Vm, extension: Extension) -> Made:
    id_ = f"{ground.vm(vm, upper=True)}/extensions/{extension.name}"
    return id_, extension_body(id_, ground.location, extension)


def extension_body(id_: str, location: str, extension: Extension) -> Json:
    return {
        "name": extension.name,
        "id": id_,
        "type": "Microsoft.Compute/virtualMachines/extensions",
        "location": location,
        "properties": {
            "autoUpgradeMinorVersion": True,
            "provisioningState": extension.state,
            "publisher": extension.publisher,
            "type": extension.type,
            "typeHandlerVersion": extension.version,
            "settings": {},
        },
    }


def status(code: str, level: str, display: str, message: str | None = None, time: str | None = None) -> Json:
    body = {"code": code, "level": level, "displayStatus": display}
    return body | ({"message": message} if message else {}) | ({"time": time} if time else {})


def view(vm: Vm, since: float = 0) -> Json:
    """Return a VM's instance view: what it reports of itself, as far as it runs; its agent is up `since` then."""
    changed = ago(days=30, form="f")
    state = provisioning_of(vm).state.lower()
    level = "Error" if state == "failed" else "Info"
    code = f"ProvisioningState/{state}" + ("/VMExtensionProvisioningError" if state == "failed" else "")
    message = "One or more extensions failed to provision." if state == "failed" else None
    body: dict[str, Any] = {
        "disks": [],
        "bootDiagnostics": {},
        "hyperVGeneration": "V2",
        "statuses": [
            status(code, level, f"Provisioning {state}", message, changed),
            status(f"PowerState/{vm.power}", "Info", POWER[vm.power]),
        ],
    }
    if vm.power == "running":
        name, version = SYSTEM[vm.os]
        body |= {"computerName": vm.name[:15], "osName": name, "osVersion": version}
        if found := agent(vm, since):
            body["vmAgent"] = found
        if shown := listed(vm):
            body["extensions"] = [extension_view(one) for one in shown]
    return body


def agent(vm: Vm, since: float) -> Json | None:
    """Return what the VM agent says, or None where there is none."""
    given = agent_of(vm)
    if given.state == "absent":
        return None
    if given.state == "not-ready":
        text = "VM status blob is found but not yet populated."
        said = status("ProvisioningState/Unavailable", "Warning", "Not Ready", text, lately())
        return {"vmAgentVersion": "Unknown", "statuses": [said]}
    time = ago(hours=STALE, form="s") if given.state == "stale" else lately(since)
    said = status(
        "ProvisioningState/succeeded",
        "Info",
        "Ready",
        "GuestAgent is running and processing the extensions.",
        time,
    )
    return {
        "vmAgentVersion": given.version or VERSION[vm.os],
        "statuses": [said],
        "extensionHandlers": handlers(vm),
    }


def handlers(vm: Vm) -> list[Json]:
    """Return the extension handlers as the agent reports them; the only place where Backup's shows."""
    found: list[Json] = [
        {
            "type": f"{one.publisher}.{one.type}",
            "typeHandlerVersion": one.version,
            "status": handler_status(
                (one.message or "Plugin enable failed.") if one.state == "Failed" else ""
            ),
        }
        for one in vm.extensions
    ]
    snapshot = snapshot_of(vm)
    if vm.backup is None or snapshot.state == "absent":
        return found
    shown = backup_extension(vm, snapshot)
    said = handler_status(shown.message)
    if snapshot.state == "stuck":
        said = status("ProvisioningState/transitioning", "Warning", "Not Ready", shown.message)
    backup = {"type": f"{BACKUP}.{shown.type}", "typeHandlerVersion": shown.version, "status": said}
    return [*found, backup]


def handler_status(failure: str) -> Json:
    """Return the status of a handler: ready, or failed with these words."""
    if failure:
        return status("ProvisioningState/failed/1", "Error", "Not Ready", failure)
    return status("ProvisioningState/succeeded", "Info", "Ready", "Plugin enabled")


def extension_view(extension: Extension) -> Json:
    state = extension.state.lower()
    level = "Error" if state == "failed" else "Info"
    said = status(f"ProvisioningState/{state}", level, f"Provisioning {state}", extension.message or None)
    return {
        "name": extension.name,
        "type": f"{extension.publisher}.{extension.type}",
        "typeHandlerVersion": extension.version,
        "statuses": [said],
    }
