"""
A disk is larger than Azure Backup takes.

In 2018 a disk over 1023 GB could not be backed up. The limit rose to 4 TB and 32 TB, and is 64 TB in today's support
matrix; the troubleshooting page still prints 32 TB. Disks that Azure Disk Encryption encrypts inside the guest end at
4 TB. So a disk over 64 TB, or an encrypted one over 4 TB, is blocking; one over 32 TB is suspected; and one over
1023 GB is reported as information, because the origin asks for it and because old regions and old policies may
still hold to it. A backup that failed with `UserErrorUnsupportedDiskSize` bears out the disks that exceed the most.

Disks that the protected item leaves out are not looked at.

The cure leaves a disk out of the backups, or attaches as many new, equal, smaller ones beside it as the limit asks
for; each only for the disk that the user names. First comes what needs no copy: the limits of today, where only an
old one is exceeded; leaving the disk out; for kinds of disks that a Standard policy does not take, an Enhanced one.
What is attached is empty: a person copies the data in the guest and lets it go of the old disk. The old one is then
detached, never deleted, where the VM has just proved both from inside (`--guest`). Until then backups go on to fail. The
dry run and `azremedy diagnose` print what a person does in the guest meanwhile, with the commands.

Sources: SEED, T25, IR25, SM25, FAQ25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy import limits, parts
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.limits import Limit
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity, corroborated
from azremedy.resources import AttachedDisk, Read

from ._detach import detachments
from ._exclusion import backed_up, exclusions
from ._smaller_disks import attachments, named


@dataclass(frozen=True, slots=True)
class LargeDisk:
    """A disk and the limit that it exceeds, in GiB, with the limit's date and source. `lun` is None for the OS disk."""

    disk: str
    lun: int | None
    size: int
    limit: int
    since: str
    source: str
    encrypted_in_guest: bool


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A disk over a limit, and how bad that is by itself."""

    disk: AttachedDisk
    size: int
    encrypted: bool
    limit: Limit
    severity: Severity


def detect(estate: Estate) -> Iterator[Finding[LargeDisk] | NotEvaluated]:
    for protected in estate.protected:
        found: list[Exceeded] = []
        for disk in backed_up(protected):
            record = estate.disk.get(disk.disk) if disk.disk else None
            size = record.size if record and record.size is not None else disk.size
            encrypted = record is not None and record.encrypted_in_guest
            if size is None:
                yield NotEvaluated(PLAYBOOK.id, protected.id, f"the size of disk '{disk.name}' is not known")
            elif exceeded := exceeds(disk, size, encrypted=encrypted):
                found.append(exceeded)
            if disk.managed and record is None and size and size > limits.DISK_ADE.value:
                because = f"whether disk '{disk.name}' is encrypted in the guest is not known"
                yield NotEvaluated(PLAYBOOK.id, protected.id, because)
        if found:
            yield from find(estate, protected, found)


def exceeds(disk: AttachedDisk, size: int, *, encrypted: bool) -> Exceeded | None:
    """Return the highest limit that a disk exceeds."""
    tiers = (
        (limits.DISK, Severity.BLOCKING, True),
        (limits.DISK_ADE, Severity.BLOCKING, encrypted),
        (limits.DISK_PRINTED, Severity.SUSPECTED, True),
        (limits.DISK_2018, Severity.INFO, True),
    )
    for limit, severity, holds in tiers:
        if holds and size > limit.value:
            return Exceeded(disk, size, encrypted, limit, severity)
    return None


def find(estate: Estate, protected: Protected, found: list[Exceeded]) -> Iterator[Finding[LargeDisk]]:
    """Yield a finding a disk; unmanaged disks have no resource of their own, and the VM stands for the largest."""
    _, failure = corroborated(estate, protected, "C7")
    worst = max(one.severity for one in found)
    seen: set[ArmId] = set()
    for one in sorted(found, key=lambda one: (-one.severity, -one.size)):
        resource = one.disk.disk or protected.id
        if resource in seen:
            continue
        seen.add(resource)
        borne_out = failure if one.severity is worst else None
        yield Finding(
            vm=protected.id,
            resource=resource,
            message=sentence(one),
            severity=max(one.severity, Severity.CORROBORATED) if borne_out else one.severity,
            evidence=LargeDisk(
                disk=one.disk.name,
                lun=one.disk.lun,
                size=one.size,
                limit=one.limit.value,
                since=one.limit.since.isoformat(),
                source=one.limit.source,
                encrypted_in_guest=one.encrypted,
            ),
            failure=borne_out,
            manual="the OS disk cannot be left out of a backup" if one.disk.lun is None else None,
        )


def sentence(one: Exceeded) -> str:
    place = "OS disk" if one.disk.lun is None else f"LUN {one.disk.lun}"
    encrypted = " of an encrypted disk" if one.limit is limits.DISK_ADE else ""
    return (
        f"disk '{one.disk.name}' ({place}) has {one.size} GiB, over the limit{encrypted} of {one.limit}"
        f" ({one.limit.since.isoformat()})"
    )


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Attach smaller disks beside those that the user names, detach them, or leave them out with a reason."""
    copied = [one for one in findings if parts.meant(one.vm, one.evidence.lun, choices.detach_disks)]
    beside = [one for one in findings if one not in copied and named(choices, one)]
    others = [one for one in findings if one not in (*copied, *beside)]
    yield from detachments(PLAYBOOK.id, estate, copied, choices)
    yield from attachments(PLAYBOOK.id, estate, beside, choices)
    yield from exclusions(PLAYBOOK.id, estate, others, choices)


PLAYBOOK = Playbook(
    id="disk-size",
    title="A disk is larger than Azure Backup takes",
    causes=("C7",),
    fix_class=FixClass.GUARDED,
    remedy="Spread the data over smaller disks, or leave the disk out of the backup and state why.",
    needs=frozenset({Read.VMS, Read.DISKS, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL}),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS, Read.VM_SIZES}),
    writes=frozenset(
        {
            "Microsoft.Compute/disks/write",
            "Microsoft.Compute/virtualMachines/attachDetachDataDisks/action",
            "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/write",
        }
    ),
)
