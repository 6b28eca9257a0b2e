"""The backup jobs of a protected VM: what runs, what is due, how many a person has started today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from azremedy.apply.addresses import BACKUP, quoted
from azremedy.arm import ArmId, Json, Reader
from azremedy.paging import listed

BEFORE_START: Final = timedelta(minutes=15)
AFTER_START: Final = timedelta(hours=2)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
ITEMS_OF_VMS: Final = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"
BACKUP_JOB: Final = "Backup"
GOING_ON: Final = ("InProgress", "Cancelling")
"""The states of a job that is not at its end; a filter takes one (JOBS18)."""
STAMP: Final = "%Y-%m-%d %I:%M:%S %p"
NAMED_UTC: Final = frozenset({"", "utc", "gmt", "etc/utc", "coordinated universal time"})
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


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
    for start in due(_policy(reader, item), recent, now):
        seen = any(job.started >= start - BEFORE_START for job in recent)
        if start - BEFORE_START <= now < start + AFTER_START and not seen:
            return f"its backup of {start:%H:%M} UTC is due and has not been seen yet"
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


def due(policy: Json, recent: tuple[Job, ...], now: datetime) -> Iterator[datetime]:
    """
    Yield the scheduled starts around a moment.

    Policies name their time zone in Windows's words. Where that says nothing here, the hours at which scheduled jobs
    did start stand in for it.
    """
    zone = _zone(policy.get("timeZone"))
    if zone is None and (observed := [job.started for job in recent if not job.by_user]):
        yield from (start + DAY * days for start in observed for days in (0, 1, 2))
        return
    here = zone or UTC
    schedule = policy.get("schedulePolicy") or {}
    days, times = _times(schedule)
    for offset in (-1, 0, 1):
        date = now.astimezone(here).date() + DAY * offset
        if not days or DAYS[date.weekday()] in days:
            yield from (datetime.combine(date, one, here).astimezone(UTC) for one in times)


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


def _policy(reader: Reader, item: ArmId) -> Json:
    read = reader.get(quoted(str(item)), {"api-version": BACKUP})
    policy = (read.get("properties") or {}).get("policyId")
    if not policy:
        return {}
    return reader.get(quoted(policy), {"api-version": BACKUP}).get("properties") or {}


def _zone(name: Json) -> tzinfo | None:
    if not isinstance(name, str) or name.lower() in NAMED_UTC:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _times(schedule: Json) -> tuple[frozenset[str], list[time]]:
    """Return the days (none: every day) and the times of day at which a schedule starts."""
    parts = [schedule, *(schedule.get(name) or {} for name in ("dailySchedule", "weeklySchedule"))]
    days = frozenset(day.lower() for part in parts for day in part.get("scheduleRunDays") or ())
    times = [_clock(text) for part in parts for text in part.get("scheduleRunTimes") or ()]
    hourly = schedule.get("hourlySchedule") or {}
    if hourly:
        first = _clock(hourly.get("scheduleWindowStartTime") or "")
        every, length = int(hourly.get("interval") or 24), int(hourly.get("scheduleWindowDuration") or 24)
        times += [first.replace(hour=(first.hour + hours) % 24) for hours in range(0, length, max(every, 1))]
    return days, times


def _clock(text: str) -> time:
    try:
        return datetime.fromisoformat(text).time().replace(tzinfo=None)
    except ValueError:
        return time()
