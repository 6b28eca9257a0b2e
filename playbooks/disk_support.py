"""
A disk is of a kind that Azure Backup does not take.

Ultra disks and Premium SSD v2 are backed up under an Enhanced policy only. A disk that VMs share, and one whose data is
exported only to whom Entra ID authorises, is not backed up at all, and fails the backup of its VM; nor is a VM with
more than 32 data disks. These are blocking. A shared disk may be left out of the backup under an Enhanced policy.

Two kinds are information. An ephemeral OS disk is supported by the backup documents and not by those on restore points.
Write Accelerator is supported, and the VM then needs a way to the internet, even where the disk is left out:
`storage-egress` looks at that way.

Disks that the protected item leaves out are not looked at otherwise. The Enhanced policy cannot be taken back and
costs more, so that this tool changes no policy.

Sources: SM25, EP25, MIG25, RP23.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy import limits
from azremedy.estate import Estate, Protected
from azremedy.limits import Support
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity, corroborated
from azremedy.resources import AttachedDisk, Disk, Read

from ._cures import by_hand
from ._exclusion import backed_up, exclusions

ID = "disk-support"
LEAVE_OUT = (
    "leave it out of the backup with --exclude-lun {vm}:{lun}=REASON, or back its data up in the guest"
)


@dataclass(frozen=True, slots=True)
class UnsupportedDisk:
    """A disk, what the documents say of its kind, since when and where. `lun` is None for the OS disk or the whole VM."""

    disk: str
    lun: int | None
    kind: str
    says: str
    since: str
    source: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What is wrong with a disk (None: with all of them together), how bad that is, and what a person does."""

    disk: AttachedDisk | None
    kind: str
    support: Support
    severity: Severity
    manual: str | None = None


def detect(estate: Estate) -> Iterator[Finding[UnsupportedDisk] | NotEvaluated]:
    for protected in estate.protected:
        found: list[Judged] = []
        for disk in backed_up(protected):
            record = estate.disk.get(disk.disk) if disk.disk else None
            if because := unknown(protected, disk, record):
                yield NotEvaluated(ID, protected.id, because)
            elif one := judged(protected, disk, record):
                found.append(one)
        yield from (find(estate, protected, one) for one in (*found, *of_all(protected)))


def unknown(protected: Protected, disk: AttachedDisk, record: Disk | None) -> str | None:
    """Return what is not known of a disk and would decide."""
    if disk.lun is not None and disk.managed and record is None:
        return f"whether disk '{disk.name}' is shared is not known: it is not in the list of disks"
    if enhanced_only(disk, record) and protected.policy is None:
        return f"whether disk '{disk.name}' is supported depends on the policy, which was not read"
    return None


def judged(protected: Protected, disk: AttachedDisk, record: Disk | None) -> Judged | None:
    """Return the worst that is wrong with a disk that is backed up."""
    enhanced = protected.policy is not None and (protected.policy.type or "").upper() == "V2"
    if record and (record.max_shares or 1) > 1:
        first = None if enhanced else "move it to an Enhanced policy in its vault, then leave the disk out"
        return Judged(disk, "shared", limits.SHARED, Severity.BLOCKING, first)
    if record and (record.data_access_auth or "none").lower() != "none":
        ask = "have the disk's owner turn data access authentication off, or back its data up in the guest"
        return Judged(disk, "under data access authentication", limits.DATA_ACCESS, Severity.BLOCKING, ask)
    if enhanced_only(disk, record) and not enhanced:
        move = "move the VM to an Enhanced policy in its vault: it costs more and cannot be taken back"
        return Judged(disk, sku(disk, record), limits.ENHANCED_ONLY, Severity.BLOCKING, move)
    if disk.ephemeral:
        keep = "nothing on it outlives the VM: back up the data disks, or take an OS disk that stays"
        return Judged(disk, "ephemeral", limits.EPHEMERAL, Severity.INFO, keep)
    return None


def of_all(protected: Protected) -> Iterator[Judged]:
    """Yield what is wrong with the disks of a VM together, and what holds of one even where it is left out."""
    data = [disk for disk in backed_up(protected) if disk.lun is not None]
    if len(data) > limits.DATA_DISKS.value:
        fewer = (
            f"leave disks out until {limits.DATA_DISKS.value} are backed up, or spread the data over more VMs"
        )
        many = Support(f"no more than {limits.DATA_DISKS}", limits.DATA_DISKS.since, limits.DATA_DISKS.source)
        yield Judged(None, f"{len(data)} data disks", many, Severity.BLOCKING, fewer)
    for disk in protected.vm.disks if protected.vm else ():
        if disk.write_accelerated:
            way = "see that the VM has a way to the internet when it is backed up"
            yield Judged(disk, "under Write Accelerator", limits.WRITE_ACCELERATOR, Severity.INFO, way)


def enhanced_only(disk: AttachedDisk, record: Disk | None) -> bool:
    return sku(disk, record).lower() in {"ultrassd_lrs", "premiumv2_lrs"}


def sku(disk: AttachedDisk, record: Disk | None) -> str:
    return (record.sku if record else None) or disk.sku or ""


def find(estate: Estate, protected: Protected, one: Judged) -> Finding[UnsupportedDisk]:
    """A failed backup bears out what blocks; that the documents disagree on a disk it does not decide."""
    _, failure = corroborated(estate, protected, "C12")
    name = one.disk.name if one.disk else protected.id.name
    lun = one.disk.lun if one.disk else None
    where = f"disk '{name}' ({'OS disk' if lun is None else f'LUN {lun}'}) is" if one.disk else "the VM has"
    return Finding(
        vm=protected.id,
        resource=(one.disk.disk if one.disk else None) or protected.id,
        message=f"{where} {one.kind}; Azure Backup takes {one.support.says}",
        severity=one.severity,
        evidence=UnsupportedDisk(
            name, lun, one.kind, one.support.says, one.support.since.isoformat(), one.support.source
        ),
        failure=failure if one.severity is Severity.BLOCKING else None,
        manual=one.manual,
    )


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Leave the shared disks out that the user names, each with a reason."""
    yield from (by_hand(ID, finding, finding.manual) for finding in findings if finding.manual)
    left_out = [finding for finding in findings if not finding.manual]
    yield from exclusions(ID, estate, left_out, choices, LEAVE_OUT)


PLAYBOOK = Playbook(
    id=ID,
    title="A disk is of a kind that Azure Backup does not take",
    causes=("C12",),
    fix_class=FixClass.GUARDED,
    remedy="Move the VM to an Enhanced policy, or leave the disk out of the backup and state why.",
    needs=frozenset({Read.VMS, Read.DISKS, Read.ITEMS, Read.POLICIES, Read.JOBS, Read.JOB_DETAIL}),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=frozenset(
        {"Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/write"}
    ),
)
