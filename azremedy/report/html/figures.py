"""The figures of a scan's page: what is counted, and how long the bars that show it are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from azremedy.arm import ArmId
from azremedy.report.html.findings import SEVERITIES, Row

WIDTH = 240
"""The length of the longest bar."""

WEEK, MONTH = 7, 30
"""The days that a forecast shows at least, and at most."""

PLOT = (48, 16, 560, 192)
"""Left, top, right and bottom of the forecast's plot."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: what it stands for, how many, where it begins and how long it is."""

    name: str
    number: int
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a figure, its pieces from left to right."""

    name: str
    title: str
    numbers: tuple[int, ...]
    parts: tuple[Part, ...]

    @property
    def total(self) -> int:
        return sum(self.numbers)


def bars(counted: Iterable[tuple[str, str, Mapping[str, int]]], kinds: Sequence[str]) -> list[Bar]:
    """Return a bar for each name, title and numbers by kind; the longest fills `WIDTH`."""
    given = [(name, title, tuple(numbers.get(kind, 0) for kind in kinds)) for name, title, numbers in counted]
    longest = max((sum(numbers) for _, _, numbers in given), default=0)
    return [
        Bar(name, title, numbers, tuple(pieces(kinds, numbers, longest))) for name, title, numbers in given
    ]


def pieces(kinds: Sequence[str], numbers: Sequence[int], longest: int) -> Iterator[Part]:
    start = 0.0
    for kind, number in zip(kinds, numbers, strict=True):
        if number:
            length = round(WIDTH * number / longest, 2)
            yield Part(kind, number, round(start, 2), length)
            start += length


def severities(rows: Iterable[Row]) -> Bar:
    """Return all findings by severity in one bar."""
    [bar] = bars([("findings", "findings", Counter(row.of["severity"] for row in rows))], SEVERITIES)
    return bar


def causes(rows: Iterable[Row]) -> list[Bar]:
    """Return the findings of each playbook by severity, the most and worst first."""
    numbers: dict[str, Counter[str]] = {}
    titles: dict[str, str] = {}
    for row in rows:
        playbook = row.of["playbook"]
        titles.setdefault(playbook, row.of.get("title") or playbook)
        numbers.setdefault(playbook, Counter())[row.of["severity"]] += 1
    made = bars(((name, titles[name], held) for name, held in numbers.items()), SEVERITIES)
    return sorted(made, key=lambda bar: ([-number for number in worst(bar)], -bar.total, bar.name))


def worst(bar: Bar) -> tuple[int, int]:
    """Return how many findings of a bar stop backups, and how many are suspected to."""
    blocking, corroborated, suspected, _ = bar.numbers
    return blocking + corroborated, suspected


COVERAGE = ("looked at closely", "from lists only", "not protected")


def coverage(subscriptions: Iterable[Mapping[str, Any]]) -> list[Bar]:
    """Return for each subscription how closely its VMs were looked at; VMs that are gone count while protected."""
    return bars(
        ((one["id"], one["name"], dict(zip(COVERAGE, closely(one), strict=True))) for one in subscriptions),
        COVERAGE,
    )


def closely(one: Mapping[str, Any]) -> tuple[int, int, int]:
    protected, close = one["protected"], one["closeLook"]
    return close, protected - close, max(0, one["vms"] - protected)


@dataclass(frozen=True, slots=True)
class Filling:
    """A VM whose restore points near the limit: how many there are, and the day on which there is no room for more."""

    vm: ArmId
    points: int
    limit: int
    days: int
    on: str

    @property
    def length(self) -> float:
        """How much of a bar of `WIDTH` the points fill."""
        return round(WIDTH * min(self.points, self.limit) / self.limit, 2) if self.limit else WIDTH


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    When VMs reach their limit of restore points, if none is pruned.

    `curve` is the outline of the number of VMs at their limit, day by day; `days` and `counts` label its axes as pairs
    of place and text.
    """

    vms: tuple[Filling, ...]
    curve: str
    days: tuple[tuple[float, str], ...]
    counts: tuple[tuple[float, str], ...]
    horizon: int

    def within(self, days: int) -> int:
        """Return how many VMs are full in so many days."""
        return sum(one.days <= days for one in self.vms)


def forecast(rows: Iterable[Row], finished: str) -> Forecast | None:
    """Return the forecast that the findings' evidence allows; None where no finding tells of restore points."""
    today = datetime.fromisoformat(finished).date()
    soonest: dict[ArmId, Filling] = {}
    for row in rows:
        seen = filling(row, today)
        if seen and (seen.vm not in soonest or seen.days < soonest[seen.vm].days):
            soonest[seen.vm] = seen
    if not soonest:
        return None
    vms = sorted(soonest.values(), key=lambda one: (one.days, -one.points, one.vm))
    return drawn(vms, today)


def filling(row: Row, today: date) -> Filling | None:
    """Return what a finding's evidence says of the VM's restore points; None where it says nothing."""
    match row.of["evidence"]:
        case {"daysLeft": int(days), "points": int(points), "limit": int(limit), **more}:
            return Filling(row.vm, points, limit, days, str(more.get("fullOn") or ahead(today, days)))
        case _:
            return None


def ahead(today: date, days: int) -> str:
    return (today + timedelta(days=days)).isoformat()


def drawn(vms: Sequence[Filling], today: date) -> Forecast:
    left, top, right, bottom = PLOT
    horizon = min(MONTH, max(WEEK, *(one.days for one in vms)))
    most = len(vms)

    def across(day: float) -> float:
        return round(left + (right - left) * day / (horizon + 1), 1)

    def up(number: int) -> float:
        return round(bottom - (bottom - top) * number / most, 1)

    full = [sum(one.days <= day for one in vms) for day in range(horizon + 1)]
    steps = "".join(f"V{up(number)}H{across(day + 1)}" for day, number in enumerate(full))
    every = max(1, horizon // 6)
    return Forecast(
        vms=tuple(vms),
        curve=f"M{left} {bottom}{steps}V{bottom}Z",
        days=tuple(
            (across(day + 0.5), "today" if not day else f"{today + timedelta(days=day):%d %b}")
            for day in range(0, horizon + 1, every)
        ),
        counts=tuple((up(number), str(number)) for number in sorted({0, most // 2, most})),
        horizon=horizon,
    )
