"""
The writes that attach new smaller disks to a VM, and what is left to people then.

They are attached by `attachDetachDataDisks`, which names these disks alone: a PATCH of the VM would send the list of all
its disks, and detach what somebody attached in between. No disk is ever detached here but by the way back, and
none is deleted. Sources: SEED, SDK.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from azremedy.arm import ArmId, Json, Request
from azremedy.estate import Estate
from azremedy.plan import Expect, FixClass, Irreversible, Step, Test
from azremedy.resources import Disk

from ._cures import gone, shows

ATTACH = "attachDetachDataDisks"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the new disks: its id, the LUN on which it will hang, and how large it is in GiB."""

    id: ArmId
    lun: int
    size: int


@dataclass(frozen=True, slots=True)
class Replaced:
    """A disk that is too large, its LUN and how it is cached, and the new ones beside it."""

    disk: Disk
    lun: int
    caching: str
    parts: tuple[Part, ...]


def make(vm: ArmId, old: Replaced, part: Part) -> Step:
    """Return the write that makes an empty disk like the old one; put off with the attach where a backup is near."""
    return Step(
        summary=f"make the empty disk '{part.id.name}' of {part.size} GiB, like '{old.disk.id.name}'",
        request=Request("PUT", part.id, body=body(old.disk, part.size)),
        before=(gone(part.id), *hangs(vm, old)),
        after=(
            shows(part.id, "properties.provisioningState", "Succeeded"),
            shows(part.id, "properties.diskSizeGB", part.size),
        ),
        undo=Irreversible(
            "it may hold data by then: once it is detached and looked at, a person may delete it"
        ),
        within=timedelta(minutes=10),
        fix_class=FixClass.GUARDED,
        changes_vm=vm,
    )


def body(old: Disk, size: int) -> Json:
    """Return what makes an empty disk like this one, `size` GiB large, as far as the old one tells."""
    encryption = {"type": old.encryption, "diskEncryptionSetId": text(old.encryption_set)}
    properties = {
        "creationData": {"createOption": "Empty"},
        "diskSizeGB": size,
        "encryption": told(encryption),
        "networkAccessPolicy": old.network_access,
        "publicNetworkAccess": old.public_access,
        "diskAccessId": text(old.disk_access),
    }
    place = {"location": old.location, "zones": list(old.zones)}
    return {**told(place), "sku": {"name": old.sku}, "properties": told(properties)}


def told(members: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in members.items() if value}


def text(id_: ArmId | None) -> str | None:
    return str(id_) if id_ else None


def attach(vm: ArmId, made: Sequence[Replaced]) -> Step:
    """Return the write that attaches the new disks and touches no other; its way back detaches them alone."""
    parts = [(one, part) for one in made for part in one.parts]
    disks = [{"diskId": str(part.id), "lun": part.lun, "caching": one.caching} for one, part in parts]
    still = tuple(expect for one in made for expect in hangs(vm, one))
    return Step(
        summary=f"attach to VM {vm.name}: {places(part for _, part in parts)}",
        request=Request("POST", vm, ATTACH, {"dataDisksToAttach": disks}),
        before=(
            *still,
            *(Expect(vm, at(part.lun), Test.ABSENT) for _, part in parts),
            *(shows(part.id, "properties.diskState", "Unattached") for _, part in parts),
        ),
        after=(
            *still,
            *(shows(vm, at(part.lun), str(part.id)) for _, part in parts),
            *(shows(part.id, "managedBy", str(vm)) for _, part in parts),
            shows(vm, "properties.provisioningState", "Succeeded"),
        ),
        undo=Request(
            "POST", vm, ATTACH, {"dataDisksToDetach": [{"diskId": str(part.id)} for _, part in parts]}
        ),
        within=timedelta(minutes=15),
        fix_class=FixClass.GUARDED,
        changes_vm=vm,
    )


def at(lun: int) -> str:
    """Return where a VM's model names the disk on a LUN."""
    return f"properties.storageProfile.dataDisks.[lun={lun}].managedDisk.id"


def hangs(vm: ArmId, old: Replaced) -> tuple[Expect, Expect]:
    """
    Expect the old disk to hang on its LUN of this VM.

    Once a person has detached it, the new ones are in use: this makes the way back stale.
    """
    return shows(vm, at(old.lun), str(old.disk.id)), shows(old.disk.id, "managedBy", str(vm))


def places(parts: Iterable[Part]) -> str:
    return ", ".join(f"disk '{part.id.name}' (LUN {part.lun})" for part in parts)


def afterwards(estate: Estate, vm: ArmId, one: Replaced) -> Iterator[str]:
    """Yield what people do once the new disks hang beside an old one, in order."""
    old, new = f"disk '{one.disk.id.name}'", places(one.parts)
    if one.disk.encrypted_in_guest:
        yield f"encrypt in the guest, as {old} is (Azure Disk Encryption): {new}"
    yield f"copy the data of {old} (LUN {one.lun}), in the guest of VM {vm.name}, to: {new}"
    yield f"check the copy, and let whatever uses {old} use the new ones"
    if any(item.exclusion and item.exclusion.inclusion for item in estate.items_of.get(vm, ())):
        luns = ", ".join(str(part.lun) for part in one.parts)
        yield f"add to the LUNs that the backups of VM {vm.name} are limited to: {luns}"
    yield (
        f"detach {old} from VM {vm.name} (--guest --detach-disk {vm.name}:{one.lun} checks the copy first), and keep it"
        " until a backup of the new ones has completed"
    )
