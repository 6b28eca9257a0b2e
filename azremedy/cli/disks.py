"""Disks that a user names by VM and LUN, and whether these and the SQL servers named fit what was found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import click

from azremedy.errors import AzremedyError

if TYPE_CHECKING:
    from azremedy.plan import Choices
    from azremedy.playbook import Finding, Severity
    from azremedy.scan import Scan

ASKED = {
    "--attach-disks": ({"disk-size"}, "too large"),
    "--detach-disk": ({"disk-size"}, "too large"),
    "--exclude-lun": ({"disk-size", "disk-support"}, "too large or not supported"),
}
"""The playbooks whose cures are asked for by VM and LUN, by flag, and what they find a disk to be."""

Disk = tuple[str, int]
"""A VM, by name or id in lower case, and a LUN."""


def excluded(written: str) -> tuple[Disk, str]:
    """Return the disk and the reason that `VM:LUN=REASON` names."""
    parts = re.fullmatch(r"([^:=]+):([0-9]{1,2})=(.*\S.*)", written.strip())
    if not parts:
        raise click.BadParameter(
            f"{written!r} is not of the form VM:LUN=REASON, such as sql1:3=copied elsewhere."
        )
    return (parts[1].lower().rstrip("/"), int(parts[2])), parts[3].strip()


def named(written: str) -> Disk:
    """Return the disk that `VM:LUN` names."""
    parts = re.fullmatch(r"([^:=]+):([0-9]{1,2})", written.strip())
    if not parts:
        raise click.BadParameter(f"{written!r} is not of the form VM:LUN, such as sql1:3.")
    return parts[1].lower().rstrip("/"), int(parts[2])


def refuse_both(flags: Mapping[str, Collection[Disk]]) -> None:
    """Raise `AzremedyError` for a disk that is named for two cures, by flag."""
    for (flag, disks), (other, others) in combinations(flags.items(), 2):
        for vm, lun in disks:
            if any(same((vm, lun), one) for one in others):
                raise AzremedyError(
                    f"{vm}:{lun} is named by {flag} and by {other}, two cures of one disk: choose one."
                )


def same(one: Disk, other: Disk) -> bool:
    """Whether two names may mean one disk: a VM named by its id may be the one named without it."""
    (vm, lun), (other_vm, other_lun) = one, other
    if "/" in vm and "/" in other_vm:
        return one == other
    return lun == other_lun and vm.rpartition("/")[2] == other_vm.rpartition("/")[2]


def unfitting(choices: Choices, scan: Scan, severity: Severity) -> Iterator[str]:
    """Yield a sentence for each disk that is named and of which the plan has no finding."""
    flags = {
        "--attach-disks": choices.attach_disks,
        "--detach-disk": choices.detach_disks,
        "--exclude-lun": choices.exclude_luns.keys(),
    }
    for flag, disks in flags.items():
        playbooks, wrong = ASKED[flag]
        found = [one.finding for one in scan.diagnoses if one.playbook.id in playbooks]
        for vm, lun in sorted(disks):
            worst = max((one.severity for one in found if fits((vm, lun), one)), default=None)
            if worst is None:
                yield f"{flag} {vm}:{lun} fits no disk that is found to be {wrong}: nothing is done for it"
            elif worst < severity:
                yield f"{flag} {vm}:{lun} fits a finding that is only {worst}: nothing is done for it"
    yield from unfitting_servers(choices, scan)


def unfitting_servers(choices: Choices, scan: Scan) -> Iterator[str]:
    """Yield a sentence for each VM that is named for the key of SQL Server, and on which it is not to be set."""
    found = [one.finding for one in scan.diagnoses if one.playbook.id == "sql-vss"]
    for vm in sorted(choices.vss_copy):
        its = [one for one in found if vm in {one.vm.key, one.vm.name.lower()}]
        if not its:
            yield f"--vss-copy {vm} fits no VM on which SQL Server was found: nothing is done for it"
        elif all((one.evidence.key or "").lower() == "true" for one in its):
            yield f"--vss-copy {vm}: the key is TRUE there already"


def fits(disk: Disk, finding: Finding[object]) -> bool:
    """Whether a name means the disk of a finding."""
    vm, lun = disk
    return vm in {finding.vm.key, finding.vm.name.lower()} and getattr(finding.evidence, "lun", None) == lun
