"""When a policy starts its backups. Policies name their time zone in Windows's words (`Romance Standard Time`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from azremedy.arm import Json
from azremedy.resources import Schedule

DAY: Final = timedelta(days=1)
LAG: Final = timedelta(hours=2)
"""How long after its time a scheduled backup may start (FAQ25)."""
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NAMED_UTC: Final = frozenset({"", "utc", "gmt", "coordinated universal time"})
NESTED: Final = ("dailySchedule", "weeklySchedule")
"""Where Enhanced policies keep what Standard ones have at the top."""


def of_policy(properties: Json) -> Schedule | None:
    """Return the schedule in a policy's properties as ARM writes them; None where it names no times that make sense."""
    policy = _record(properties)
    schedule = _record(policy.get("schedulePolicy"))
    parts = [schedule, *(_record(schedule.get(name)) for name in NESTED)]
    days = {str(day).lower() for part in parts for day in _list(part.get("scheduleRunDays"))}
    times = {_clock(text) for part in parts for text in _list(part.get("scheduleRunTimes"))}
    times |= set(_hourly(_record(schedule.get("hourlySchedule"))))
    zone = policy.get("timeZone")
    told = tuple(sorted(one for one in times if one is not None))
    return Schedule(told, tuple(sorted(days)), zone if isinstance(zone, str) else None) if told else None


def starts(schedule: Schedule, since: datetime, until: datetime) -> Iterator[datetime] | None:
    """Yield the scheduled starts from `since` to `until`, in UTC and order; None where the time zone is not known."""
    zone = zone_of(schedule.zone)
    if zone is None:
        return None
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    dates = (first + DAY * number for number in range((last - first).days + 1))
    moments = (
        datetime.combine(date, one, zone).astimezone(UTC)
        for date in dates
        if not schedule.days or DAYS[date.weekday()] in schedule.days
        for one in schedule.times
    )
    return (moment for moment in moments if since <= moment <= until)


def zone_of(name: str | None) -> tzinfo | None:
    """Return the time zone of this name, in Windows's words or the IANA's; UTC where there is no name."""
    if name is None or name.lower() in NAMED_UTC:
        return UTC
    from tzlocal.windows_tz import win_tz  # noqa: PLC0415 - most policies are in UTC, and the table is large

    try:
        return ZoneInfo(win_tz.get(name, name))
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


def _hourly(schedule: dict[str, Any]) -> Iterator[time | None]:
    first = _clock(schedule.get("scheduleWindowStartTime"))
    every, length = schedule.get("interval"), schedule.get("scheduleWindowDuration") or 24
    if first is None or not isinstance(every, int) or not isinstance(length, int) or every < 1:
        return
    yield from (first.replace(hour=(first.hour + hours) % 24) for hours in range(0, min(length, 24), every))


def _clock(text: Json) -> time | None:
    try:
        return datetime.fromisoformat(text).time().replace(tzinfo=None)
    except (TypeError, ValueError):
        return None


def _list(value: Json) -> list[Any]:
    return value if isinstance(value, list) else []


def _record(value: Json) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
