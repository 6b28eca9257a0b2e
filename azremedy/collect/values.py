"""
Single values out of ARM's JSON.

Nothing that ARM may leave out, send as null or send in another type is an error here: what cannot be read as what
it should be is None, or the text as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from azremedy.arm import ArmId, Json

DURATION = re.compile(
    r"(?:(?P<sign>-)?P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>[\d.]+)S)?)?)"
    r"|(?:(?:(?P<d>\d+)\.)?(?P<h>\d+):(?P<m>\d+):(?P<s>[\d.]+))"
)


def text(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None


def number(value: Json) -> int | None:
    """A whole number, also where ARM sends it as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def flag(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def when(value: Json) -> datetime | None:
    """A moment in UTC; ARM's zero dates (year 1 or 1601) are none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year > 1900 else None


def span(value: Json) -> timedelta | None:
    """A duration in either of ARM's spellings: `PT12.4S` or `00:20:23.0896697`."""
    if not isinstance(value, str) or not (match := DURATION.fullmatch(value)):
        return None
    part = {name: float(found) for name, found in match.groupdict().items() if found and name != "sign"}
    return timedelta(
        days=part.get("days", part.get("d", 0)),
        hours=part.get("hours", part.get("h", 0)),
        minutes=part.get("minutes", part.get("m", 0)),
        seconds=part.get("seconds", part.get("s", 0)),
    )


def record(value: Json) -> dict[str, Json]:
    """An object, or an empty one where ARM sends null or nothing."""
    return value if isinstance(value, dict) else {}


def records(value: Json) -> Iterator[dict[str, Json]]:
    """The objects of a list, or none where ARM sends null or nothing."""
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def ref(value: Json) -> ArmId | None:
    """The id in a reference `{"id": …}`."""
    return arm_id(value.get("id")) if isinstance(value, dict) else None


def refs(value: Json) -> tuple[ArmId, ...]:
    return tuple([id_ for one in records(value) if (id_ := ref(one))]) if value else ()


def arm_id(value: Json) -> ArmId | None:
    return ArmId(value) if isinstance(value, str) and value.startswith("/") else None


def texts(*values: Json) -> tuple[str, ...]:
    """Every text of a property's singular and plural forms, in that order."""
    found: list[str] = []
    for value in values:
        found += [
            one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one
        ]
    return tuple(found)
