"""
Detaching a disk that is too large, once its data was copied to smaller ones: the last step of the origin's cure.

Only for a disk that the user names, and only where its VM has just proved it from inside: the new disks are formatted
and mounted and hold what the lists of the old one say, and the guest has let go of the old one. It is detached, never
deleted: what is on it stays, and the way back attaches it again. Sources: SEED, SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from azremedy import parts
from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, Test
from azremedy.playbook import Finding
from azremedy.resources import AttachedDisk, Disk, DiskCopy, GuestDisk, Read

from ._attach import ATTACH, at
from ._cures import admit, by_hand, cure, shows

GIB = 1 << 30
SAMPLE = 16
"""Files of which a checksum must have been compared, where there are as many."""
USED = {
    "mounted": "it is mounted",
    "namespace": "it is mounted for some program, such as a container",
    "fstab": "/etc/fstab, /etc/crypttab or a unit of systemd names it, or what is not there",
    "lvm": "LVM has it",
    "md": "md (software RAID) has it",
    "crypt": "it is encrypted or holds an encrypted volume",
    "other": "it holds a file system or a layer of another kind than ext, XFS, FAT or NTFS",
    "online": "it is online in Windows",
}
"""What a guest does with a disk, by the word of the check."""


def detachments(
    playbook: str, estate: Estate, findings: Sequence[Finding[Any]], choices: Choices
) -> Iterator[Cure | ByHand]:
    """Yield for each of these disks the cure that detaches it, or why a person has to look at it first."""
    for finding in findings:
        means = proven(estate, finding)
        if isinstance(means, str):
            yield by_hand(playbook, finding, f"it is not detached: {means}")
        else:
            yield from admit(cure(playbook, [finding], means), [finding], choices)


def proven(estate: Estate, finding: Finding[Any]) -> Step | str:
    """Return the write that detaches the disk of a finding, or why its copy is not proven."""
    vm, disk = estate.vm.get(finding.vm), estate.disk.get(finding.resource)
    old = parts.on_lun(vm, finding.evidence.lun) if vm else None
    if (
        vm is None
        or disk is None
        or old is None
        or old.disk is None
        or old.disk != disk.id
        or disk.managed_by != vm.id
    ):
        return "it is not proven that this disk hangs on this VM: look at both, and scan again"
    if old.write_accelerated or (disk.max_shares or 1) > 1:
        return "it is shared, or has Write Accelerator: attaching it again as it was is for a person"
    new = parts.beside(vm, disk.id)
    if not new:
        return f"no smaller disks hang beside it: attach them with --attach-disks {vm.id.name}:{old.lun}"
    copy = next((one for one in estate.copies if one.vm == vm.id and one.old.lun == old.lun), None)
    if copy is None:
        gap = estate.not_read(Read.GUEST, vm.id)
        return gap.reason if gap else "its copy was not checked: --guest lets azremedy ask inside the VM"
    why = left_out(estate, vm.id, new) or unproven(estate, copy, disk, new)
    return why or detach(vm.id, old.disk, finding.evidence.lun, old.caching or "None", new)


def left_out(estate: Estate, vm: ArmId, new: Sequence[AttachedDisk]) -> str | None:
    """Return which of the new disks a backup leaves out, if one does."""
    for item in estate.items_of.get(vm, ()):
        held = item.exclusion
        luns = [str(one.lun) for one in new if held and (one.lun in held.luns) is not held.inclusion]
        if luns:
            return f"backups leave out of the new disks: LUN {', '.join(luns)}"
    return None


def unproven(estate: Estate, copy: DiskCopy, disk: Disk, new: Sequence[AttachedDisk]) -> str | None:
    """Return the first thing that the check of a copy leaves open, None where it proves copy and release."""
    if [one.lun for one in copy.new] != [one.lun for one in new]:
        return "other disks were checked than hang beside it now: check again"
    sizes = [disk.size, *(size(estate, one) for one in new)]
    for told, gib in zip((copy.old, *copy.new), sizes, strict=True):
        if gib is None or told.size != gib * GIB:
            return f"the guest shows no single disk of {gib} GiB on LUN {told.lun}"
    return next(
        (why for one in copy.new if (why := unready(one))),
        different(copy) or in_use(copy),
    )


def size(estate: Estate, one: AttachedDisk) -> int | None:
    record = estate.disk.get(one.disk) if one.disk else None
    return record.size if record else None


def unready(one: GuestDisk) -> str | None:
    if not one.filesystems:
        return f"the new disk on LUN {one.lun} is not formatted"
    return None if one.mounts else f"the new disk on LUN {one.lun} is not mounted"


def different(copy: DiskCopy) -> str | None:
    """Return in which way the new disks do not hold what is listed."""
    lun = copy.old.lun
    if not copy.files:
        return f"no list of its files (azremedy-lun{lun}.files, in order, not empty) lies on a new disk"
    if copy.missing:
        return f"of {copy.files} files, {copy.missing} are not on the new disks, or have another size"
    if copy.sample < min(copy.files, SAMPLE):
        return f"checksums of {min(copy.files, SAMPLE)} files are needed in azremedy-lun{lun}.sums, not {copy.sample}"
    return f"of {copy.sample} checksums, {copy.differ} differ" if copy.differ else None


def in_use(copy: DiskCopy) -> str | None:
    """Return what the guest still does with the old disk."""
    if copy.old.uses:
        return f"the guest has not let go of it: {'; '.join(USED[one] for one in copy.old.uses)}"
    if copy.os == "linux" and not copy.old.filesystems:
        return "the guest shows no file system on it, so it may be used in some way that shows nowhere"
    return None


def detach(vm: ArmId, disk: ArmId, lun: int, caching: str, new: Sequence[AttachedDisk]) -> Step:
    """Return the write that detaches a disk and touches no other; its way back attaches it where it was, as it was."""
    back = {"diskId": str(disk), "lun": lun, "caching": caching}
    still = [shows(vm, at(one.lun), str(one.disk)) for one in new if one.lun is not None]
    ready = shows(vm, "properties.provisioningState", "Succeeded")
    return Step(
        summary=f"detach disk '{disk.name}' (LUN {lun}) from VM {vm.name}; the disk and what is on it stay",
        request=Request("POST", vm, ATTACH, {"dataDisksToDetach": [{"diskId": str(disk)}]}),
        before=(
            shows(vm, at(lun), str(disk)),
            shows(disk, "managedBy", str(vm)),
            *still,
            ready,
        ),
        after=(
            Expect(vm, at(lun), Test.ABSENT),
            Expect(disk, "managedBy", Test.ABSENT),
            shows(disk, "properties.diskState", "Unattached"),
            *still,
            ready,
        ),
        undo=Request("POST", vm, ATTACH, {"dataDisksToAttach": [back]}),
        within=timedelta(minutes=15),
        fix_class=FixClass.DESTRUCTIVE,
        changes_vm=vm,
    )
