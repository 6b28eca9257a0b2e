"""The backup jobs of a protected VM: what runs, what is due, how many a person has started today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from azremedy import schedule
from azremedy.addressing import BACKUP, quoted
from azremedy.arm import ArmId, Json, Reader
from azremedy.paging import listed
from azremedy.resources import Schedule

BEFORE_START: Final = timedelta(minutes=15)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
ITEMS_OF_VMS: Final = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"
BACKUP_JOB: Final = "Backup"
GOING_ON: Final = ("InProgress", "Cancelling")
"""The states of a job that is not at its end; a filter takes one (JOBS18)."""
STAMP: Final = "%Y-%m-%d %I:%M:%S %p"


@dataclass(frozen=True, slots=True)
class Job:
    """A backup job as the list of a vault gives it."""

    id: ArmId
    container: str
    operation: str
    status: str
    started: datetime
    by_user: bool


def vault(item: ArmId) -> ArmId:
    """Return the vault that holds a protected item."""
    return ArmId("/".join(item.text.split("/")[:9]))


def container(name: str) -> str:
    """Return the part of a container's name that items and jobs share: `iaasvmcontainerv2;<group>;<vm>`."""
    return ";".join(name.lower().split(";")[-3:])


def of_item(item: ArmId) -> str:
    """Return the container of a protected item, told from its id."""
    return container(item.text.split("/")[-3])


def jobs(reader: Reader, item: ArmId, since: datetime, **only: str) -> tuple[Job, ...]:
    """
    Return the jobs of an item that started after a moment, newest first; `only`: of this `operation`, in this `status`.

    Raises `ReadError`.
    """
    until = since + max(reader.now - since, timedelta()) + DAY
    asked = {
        "startTime": since.strftime(STAMP),
        "endTime": until.strftime(STAMP),
        **only,
        "backupManagementType": "AzureIaasVM",
    }
    terms = (f"{name} eq '{value}'" for name, value in asked.items())
    query = {"api-version": BACKUP, "$filter": " and ".join(terms)}
    found = listed(reader, quoted(f"{vault(item)}/backupJobs"), query)
    mine = (job for one in found if (job := _job(one)) and job.container == of_item(item))
    return tuple(sorted(mine, key=lambda job: job.started, reverse=True))


def newest(reader: Reader, item: ArmId) -> Json | None:
    """Return the newest backup job of an item, whole, None where the last week had none."""
    for back in (DAY, WEEK):
        if found := jobs(reader, item, reader.now - back, operation=BACKUP_JOB):
            return reader.get(quoted(str(found[0].id)), {"api-version": BACKUP})
    return None


def running(reader: Reader, item: ArmId) -> Job | None:
    """Return the backup of an item that is going on, None where none is. Raises `ReadError`."""
    since = reader.now - WEEK
    found = (
        job for status in GOING_ON for job in jobs(reader, item, since, operation=BACKUP_JOB, status=status)
    )
    return max(found, key=lambda job: job.started, default=None)


def items_of(reader: Reader, vm: ArmId) -> tuple[ArmId, ...]:
    """Return the protected items of a VM, in whichever vaults of its subscription. Raises `ReadError`."""
    vaults = f"/subscriptions/{vm.subscription}/providers/Microsoft.RecoveryServices/vaults"
    query = {"api-version": BACKUP, "$filter": ITEMS_OF_VMS}
    return tuple(
        ArmId(item["id"])
        for one in listed(reader, quoted(vaults), {"api-version": BACKUP})
        for item in listed(reader, quoted(f"{one['id']}/backupProtectedItems"), query)
        if _protects(item, vm)
    )


def in_the_way(reader: Reader, item: ArmId, *, whatever_the_schedule: bool) -> str | None:
    """
    Return why the VM of an item, or its restore points, must not be changed now; None where nothing speaks against it.

    Whatever job of it runs does: a restore or a migration of its policy reads the same points as a backup.
    """
    now = reader.now
    for status in GOING_ON:
        if running := jobs(reader, item, now - WEEK, status=status):
            return f"{said(running[0])} of it has been running since {running[0].started:%H:%M} UTC"
    if whatever_the_schedule:
        return None
    recent = jobs(reader, item, now - 2 * DAY, operation=BACKUP_JOB)
    for start in due(_schedule(reader, item), recent, now):
        seen = any(job.started >= start - BEFORE_START for job in recent)
        if start - BEFORE_START <= now < start + schedule.LAG and not seen:
            until = f"wait until it is over, at the latest {start + schedule.LAG:%H:%M} UTC, or give --now"
            return f"its backup of {start:%H:%M} UTC is due and has not been seen yet: {until}"
    return None


def triggered_today(reader: Reader, item: ArmId) -> int:
    """Return how many backups of an item people have started on this UTC day."""
    today = reader.now.replace(hour=0, minute=0, second=0, microsecond=0)
    of_today = jobs(reader, item, today, operation=BACKUP_JOB)
    return sum(job.by_user and job.started >= today for job in of_today)


def said(job: Job) -> str:
    """Return what a job is, in words: `a backup`, `a restore`, `a job (ConfigureBackup)`."""
    plain = job.operation.lower()
    return f"a {plain}" if plain in {"backup", "restore"} else f"a job ({job.operation})"


def due(planned: Schedule, recent: tuple[Job, ...], now: datetime) -> Iterator[datetime]:
    """
    Yield the scheduled starts around a moment.

    Where the policy's time zone is not known, the hours at which scheduled jobs did start stand in for it.
    """
    found = schedule.starts(planned, now - DAY, now + DAY)
    if found is not None:
        yield from found
        return
    observed = [job.started for job in recent if not job.by_user]
    yield from (start + DAY * days for start in observed for days in (0, 1, 2))
    if not observed:
        yield from schedule.starts(replace(planned, zone=None), now - DAY, now + DAY) or ()


def _job(body: Json) -> Job | None:
    properties = body.get("properties") or {}
    try:
        started = datetime.fromisoformat(properties["startTime"])
        return Job(
            ArmId(body["id"]),
            container(properties.get("containerName") or ""),
            properties.get("operation") or "unnamed",
            properties.get("status") or "",
            started if started.tzinfo else started.replace(tzinfo=UTC),
            properties.get("isUserTriggered") is True,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _protects(item: Json, vm: ArmId) -> bool:
    properties = item.get("properties") or {}
    named = (properties.get("sourceResourceId"), properties.get("virtualMachineId"))
    return any(isinstance(one, str) and ArmId(one) == vm for one in named)


def _schedule(reader: Reader, item: ArmId) -> Schedule:
    """Return the schedule of an item's policy, one without times where there is none. Raises `ReadError`."""
    read = reader.get(quoted(str(item)), {"api-version": BACKUP})
    policy = (read.get("properties") or {}).get("policyId")
    if not policy:
        return Schedule(())
    found = reader.get(quoted(policy), {"api-version": BACKUP})
    return schedule.of_policy(found.get("properties")) or Schedule(())
