"""Schedules of policies: when the next backup starts, in any time zone that Azure names."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azremedy.resources import Schedule
from azremedy.schedule import of_policy, starts, zone_of

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
TWO = "2026-01-01T02:00:00Z"


def listed(schedule: Schedule, since: datetime = NOON, span: timedelta = DAY) -> list[str] | None:
    found = starts(schedule, since, since + span)
    return None if found is None else [f"{one:%a %H:%M}" for one in found]


@pytest.mark.parametrize(
    ("policy", "times", "days"),
    [
        ({"schedulePolicy": {"scheduleRunFrequency": "Daily", "scheduleRunTimes": [TWO]}}, (time(2),), ()),
        (
            {"schedulePolicy": {"scheduleRunTimes": [TWO], "scheduleRunDays": ["Sunday", "Friday"]}},
            (time(2),),
            ("friday", "sunday"),
        ),
        ({"schedulePolicy": {"dailySchedule": {"scheduleRunTimes": [TWO]}}}, (time(2),), ()),
        (
            {"schedulePolicy": {"weeklySchedule": {"scheduleRunTimes": [TWO], "scheduleRunDays": ["Monday"]}}},
            (time(2),),
            ("monday",),
        ),
        (
            {"schedulePolicy": {"hourlySchedule": {
                "interval": 8, "scheduleWindowStartTime": TWO, "scheduleWindowDuration": 24
            }}},
            (time(2), time(10), time(18)),
            (),
        ),
    ],
    ids=["daily", "weekly", "enhanced daily", "enhanced weekly", "hourly"],
)  # fmt: skip
def test_reads_each_shape_of_a_policy(policy: Any, times: tuple[time, ...], days: tuple[str, ...]) -> None:
    assert of_policy({**policy, "timeZone": "UTC"}) == Schedule(times, days, "UTC")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["schedulePolicy", "dailySchedule", "hourlySchedule", "scheduleRunTimes", "interval"]),
            inner, max_size=4,
        ),
        max_leaves=12,
    )
)  # fmt: skip
def test_nonsense_is_no_schedule(properties: Any) -> None:
    assert of_policy(properties) is None or isinstance(of_policy(properties), Schedule)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule((time(2),)), ["Thu 02:00"]),
        (Schedule((time(2), time(14))), ["Wed 14:00", "Thu 02:00"]),
        (Schedule((time(2),), ("sunday",)), []),
        (Schedule((time(2),), ("thursday",)), ["Thu 02:00"]),
        (Schedule((time(23, 30),), zone="Romance Standard Time"), ["Wed 22:30"]),
        (Schedule((time(19),), ("wednesday",), "Pacific Standard Time"), ["Thu 03:00"]),
        (Schedule((time(2),), zone="Asia/Kolkata"), ["Wed 20:30"]),
        (Schedule((time(2),), zone="Nowhere Standard Time"), None),
        (Schedule((time(2),), zone="../../etc/passwd"), None),
    ],
    ids=str,
)
def test_starts_within_a_day(schedule: Schedule, expected: list[str] | None) -> None:
    assert listed(schedule) == expected


def test_keeps_to_the_clock_on_the_wall_when_it_is_changed() -> None:
    schedule = Schedule((time(2),), zone="Romance Standard Time")
    summer, winter = datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)

    assert listed(schedule, summer) == ["Sat 00:00", "Sun 00:00"]
    assert listed(schedule, winter) == ["Mon 01:00"]


def test_without_a_name_a_zone_is_utc() -> None:
    assert zone_of(None) is zone_of("UTC") is UTC
