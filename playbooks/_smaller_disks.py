"""
New smaller disks beside one that is too large, for a person to copy the data to: the cure of the origin.

Only for a disk that the user names by VM and LUN. The new ones are of the old one's kind: same sku, place, encryption
at rest, reach over networks, and caching, together no smaller than it. Where that cannot be told from outside, or a
backup would not take what comes of it, it is left to a person. Sources: SEED, SM25, SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from azremedy import addresses, limits, parts
from azremedy.arm import ArmId
from azremedy.estate import Estate, group
from azremedy.plan import ByHand, Choices, Cure
from azremedy.playbook import Finding
from azremedy.resources import AttachedDisk, Disk, Read, Vm

from ._attach import Part, Replaced, afterwards, attach, make
from ._cures import admit, by_hand, cure

KINDS = frozenset({"standard_lrs", "standardssd_lrs", "standardssd_zrs", "premium_lrs", "premium_zrs"})
"""Skus, lower-cased, of disks that are wholly told by their size: no IOPS, throughput or sector size to choose."""
LUNS = range(64)


def attachments(
    playbook: str, estate: Estate, findings: Sequence[Finding[Any]], choices: Choices
) -> Iterator[Cure | ByHand]:
    """Yield for each VM the cure that attaches smaller disks beside those found, and what is left to people."""
    for vm, of_vm in group(findings, lambda finding: finding.vm).items():
        made: list[Replaced] = []
        cured: list[Finding[Any]] = []
        for finding in of_vm:
            found = replaced(estate, finding, choices, [part for one in made for part in one.parts])
            if isinstance(found, str):
                yield by_hand(playbook, finding, found)
            else:
                made.append(found)
                cured.append(finding)
        if made:
            yield from admit(together(playbook, estate, vm, cured, made), cured, choices)


def together(
    playbook: str, estate: Estate, vm: ArmId, findings: Sequence[Finding[Any]], made: Sequence[Replaced]
) -> Cure:
    """Return the cure of a VM: each new disk made, all of them attached in one write, and what people do then."""
    steps = [make(vm, one, part) for one in made for part in one.parts]
    said = tuple(line for one in made for line in afterwards(estate, vm, one))
    return replace(cure(playbook, findings, *steps, attach(vm, made)), afterwards=said)


def named(choices: Choices, finding: Finding[Any]) -> bool:
    """Whether the user asks for smaller disks beside this one."""
    return parts.meant(finding.vm, finding.evidence.lun, choices.attach_disks)


def replaced(
    estate: Estate, finding: Finding[Any], choices: Choices, taken: Sequence[Part]
) -> Replaced | str:
    """Return the new disks beside this one, or why there are none; `taken` are those planned for others of its VM."""
    if parts.meant(finding.vm, finding.evidence.lun, frozenset(choices.exclude_luns)):
        return "it is named both to be left out and to be replaced: name it with one of the two flags"
    if finding.resource == finding.vm:
        return "it is an unmanaged disk, beside which no managed one can hang: move the VM to managed disks"
    if gap := unread(estate):
        return gap
    vm, disk = estate.vm.get(finding.vm), estate.disk.get(finding.resource)
    attached = next((one for one in vm.disks if one.disk == finding.resource), None) if vm else None
    if vm is None or disk is None or attached is None or attached.lun is None or disk.managed_by != vm.id:
        return "it is not proven that this disk hangs on this VM: look at both, and scan again"
    old = Replaced(disk, attached.lun, attached.caching or "None", ())
    return unfit(vm, attached, disk) or divided(estate, vm, old, finding, taken)


def unread(estate: Estate) -> str | None:
    """Return why nobody knows which disks there are, if nobody does: a new one must not meet an old one's name."""
    if not {Read.VMS, Read.DISKS} <= estate.reads:
        return "the disks of the subscription were not asked for"
    gap = estate.any_unread(Read.VMS, Read.DISKS)
    return f"not all disks of the subscription could be read: {gap.reason}" if gap else None


def unfit(vm: Vm, attached: AttachedDisk, disk: Disk) -> str | None:
    """Return why no disk like this one is made, if none is."""
    reasons = (
        ((disk.max_shares or 1) > 1, "it is a shared disk: all VMs that share it have to move together"),
        (
            (disk.sku or "").lower() not in KINDS,
            f"a disk of the kind {disk.sku or 'unknown'} needs settings, such as IOPS, that its owner knows",
        ),
        (attached.write_accelerated, "it has Write Accelerator, which its owner has to spread over disks"),
        (
            (disk.data_access_auth or "none").lower() != "none",
            "access to it is under Microsoft Entra, and no disk of that kind can be backed up",
        ),
        (disk.extended_location is not None, "it lies in an edge zone"),
        (not disk.location, "where it lies is not known"),
        (
            (vm.provisioning_state or "").lower() != "succeeded",
            f"the VM's provisioning state is {vm.provisioning_state}: cure that first",
        ),
    )
    return next((why for holds, why in reasons if holds), None)


def divided(
    estate: Estate, vm: Vm, old: Replaced, finding: Finding[Any], taken: Sequence[Part]
) -> Replaced | str:
    """Return a disk with as many equal parts as keep its limit, or why there is no room for them."""
    number = -(-finding.evidence.size // finding.evidence.limit)
    size = -(-finding.evidence.size // number)
    names = [parts.part_of(old.disk.id, one) for one in range(1, number + 1)]
    if there := [estate.disk[one] for one in names if one in estate.disk]:
        return already(vm, old.disk, there)
    if why := crowded(estate, vm, number, len(data_disks(vm)) + len(taken) + number):
        return why
    luns = free(estate, vm, taken)[:number]
    if len(luns) < number:
        return f"it takes {number} more disks, and there are not as many free LUNs that are backed up"
    made = (Part(one, lun, size) for one, lun in zip(names, luns, strict=True))
    return replace(old, parts=tuple(made))


def crowded(estate: Estate, vm: Vm, number: int, total: int) -> str | None:
    """Return why a VM cannot have `number` more data disks, which would be `total`, if it cannot."""
    most = estate.sizes.get(addresses.plain(vm.location), {}).get((vm.size or "").lower())
    if total > limits.DATA_DISKS.value:
        return f"it takes {number} more disks, and a VM is backed up with {limits.DATA_DISKS} at most"
    if most is None:
        return f"how many data disks a VM of the size {vm.size or 'unknown'} takes is not known"
    if total > most:
        return f"it takes {number} more disks, and a VM of the size {vm.size} takes {most} in all: resize it first"
    return None


def already(vm: Vm, old: Disk, there: Sequence[Disk]) -> str:
    """Return what is left to do where smaller disks were made before."""
    names = ", ".join(f"'{one.id.name}'" for one in there)
    if all(one.managed_by == vm.id for one in there):
        lun = next((one.lun for one in vm.disks if one.disk == old.id), None)
        return (
            f"smaller disks hang beside it: {names}; copy its data to them, then check and detach"
            f" '{old.id.name}' with --guest --detach-disk {vm.id.name}:{lun}"
        )
    return f"disks of the names that its parts would have are there: {names}; attach them, or delete them if empty"


def data_disks(vm: Vm) -> list[AttachedDisk]:
    return [one for one in vm.disks if one.lun is not None]


def free(estate: Estate, vm: Vm, taken: Sequence[Part]) -> list[int]:
    """Return the LUNs on which nothing hangs, and that no list leaves out of the VM's backups, ascending."""
    lists = [item.exclusion for item in estate.items_of.get(vm.id, ()) if item.exclusion]
    left_out = {lun for one in lists if not one.inclusion for lun in one.luns}
    used = {one.lun for one in data_disks(vm)} | {part.lun for part in taken}
    return [lun for lun in LUNS if lun not in used | left_out]
