"""
Leaving disks out of a VM's backups: the list of LUNs on its protected item, same policy, everything else as it is.

A disk is left out only when the user names VM and LUN and says why. All disks of a VM go in one write, merged with
what the list holds. Sources: SM25, FAQ25, SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from azremedy.arm import ArmId, Json, Request
from azremedy.estate import Estate, Protected, group
from azremedy.plan import ByHand, Choices, Cure, FixClass, Step
from azremedy.playbook import Finding
from azremedy.resources import AttachedDisk, Exclusion, Item

from ._cures import (
    UNCLEAR,
    admit,
    by_hand,
    cure,
    protection,
    shows,
)

TWO_WAYS = (
    "leave it out of the backup with --exclude-lun {vm}:{lun}=REASON; or attach smaller disks with --attach-disks"
    " {vm}:{lun}, copy the data over in the guest, and detach this one with --guest --detach-disk {vm}:{lun}"
)
LIST = "properties.extendedProperties.diskExclusionProperties"


def backed_up(protected: Protected) -> Iterator[AttachedDisk]:
    """Yield the disks that a backup holds: the OS disk and the data disks that the item does not leave out."""
    exclusion = protected.item.exclusion
    for disk in protected.vm.disks if protected.vm else ():
        if disk.lun is None or exclusion is None or (disk.lun in exclusion.luns) is exclusion.inclusion:
            yield disk


def exclusions(
    playbook: str, estate: Estate, findings: Sequence[Finding[Any]], choices: Choices, ways: str = TWO_WAYS
) -> Iterator[Cure | ByHand]:
    """Yield for each VM the cure that leaves the named disks out, and what is left to people; `ways` says what else."""
    for vm, of_vm in group(findings, lambda finding: finding.vm).items():
        named = [finding for finding in of_vm if reason_for(choices, finding)]
        yield from (
            by_hand(playbook, finding, otherwise(choices, finding, ways))
            for finding in of_vm
            if finding not in named
        )
        if not named:
            continue
        one = protection(estate, vm)
        if one is None or one.item.policy is None:
            why = "its item names no policy: give it one in the vault first" if one else UNCLEAR
            yield from (by_hand(playbook, finding, why) for finding in named)
        else:
            reasons = {finding.evidence.lun: reason_for(choices, finding) for finding in named}
            yield from admit(cure(playbook, named, exclude(one.item, vm, reasons)), named, choices)


def reason_for(choices: Choices, finding: Finding[Any]) -> str:
    """Return why the user wants this disk left out, empty where it is not named or may not be."""
    vm, lun = finding.vm, finding.evidence.lun
    by_vm = choices.exclude_luns
    return (
        "" if lun is None else (by_vm.get((vm.key, lun)) or by_vm.get((vm.name.lower(), lun)) or "").strip()
    )


def otherwise(choices: Choices, finding: Finding[Any], ways: str) -> str:
    """Return what a person can do about a disk that is not left out."""
    vm, lun = finding.vm, finding.evidence.lun
    if lun is None:
        return "the OS disk cannot be left out of a backup: move the system to a smaller disk"
    if {(vm.key, lun), (vm.name.lower(), lun)} & choices.exclude_luns.keys():
        return (
            f"LUN {lun} of VM {vm.name} is left out only with a reason: --exclude-lun {vm.name}:{lun}=REASON"
        )
    return ways.format(vm=vm.name, lun=lun)


def exclude(item: Item, vm: ArmId, reasons: dict[int, str]) -> Step:
    """Return the write that adds these LUNs to what is left out, and the reasons in its summary."""
    had = item.exclusion
    new = merged(had, frozenset(reasons))
    stated = "; ".join(f"LUN {lun} ({reason})" for lun, reason in sorted(reasons.items()))
    return Step(
        summary=f"leave out of VM {vm.name}'s backups: {stated}",
        request=Request("PUT", item.id, body=body(item, new)),
        before=(
            shows(item.id, f"{LIST}.diskLunList", list(had.luns) if had else None),
            shows(item.id, f"{LIST}.isInclusionList", had.inclusion if had else None),
            shows(item.id, "properties.policyId", str(item.policy)),
            shows(item.id, "properties.sourceResourceId", str(item.vm)),
        ),
        after=(
            shows(item.id, f"{LIST}.diskLunList", list(new.luns)),
            shows(item.id, f"{LIST}.isInclusionList", new.inclusion),
        ),
        undo=Request("PUT", item.id, body=body(item, had or Exclusion((), inclusion=False))),
        within=timedelta(minutes=15),
        fix_class=FixClass.GUARDED,
    )


def merged(had: Exclusion | None, luns: frozenset[int]) -> Exclusion:
    """Return the list with these LUNs left out: added to those left out, or taken from those kept."""
    if had and had.inclusion:
        return Exclusion(tuple(lun for lun in had.luns if lun not in luns), inclusion=True)
    return Exclusion(tuple(sorted({*(had.luns if had else ()), *luns})), inclusion=False)


def body(item: Item, listed: Exclusion) -> Json:
    """Return the whole writable body of an item with this list."""
    return {
        "properties": {
            "protectedItemType": "Microsoft.Compute/virtualMachines",
            "policyId": str(item.policy),
            "sourceResourceId": str(item.vm),
            "extendedProperties": {
                "diskExclusionProperties": {
                    "diskLunList": list(listed.luns),
                    "isInclusionList": listed.inclusion,
                }
            },
        }
    }
