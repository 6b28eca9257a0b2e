"""
A VM has too many restore points, with or without a lock.

Each backup makes an instant restore point, and Azure Backup deletes the expired ones. Under a Standard policy a VM
may have 18 of them over all its collections; the platform allows 500, whoever made them. At the limit every backup
fails with `UserErrorRpCollectionLimitReached`. Points pile up through many on-demand backups, through a clean-up that
does not happen (see `restore-point-lock`), and through points of other tools, which count against the platform's
limit too.

A few more than the policy explains are normal: n+1, even n+3. Under an Enhanced policy the count is suspect only
when there are more than that and some are overdue by days, or when the limit is less than a day away.

Sources: T25, IR25, RP23, RPS22, EP25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Any

from azremedy import limits, points
from azremedy.estate import Estate, Failure, Protected
from azremedy.plan import ByHand, Choices, Cure, FixClass, Step
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity, corroborated
from azremedy.resources import Policy, Read

from ._cures import UNCLEAR, protection, singly
from ._prune import WRITES, pruning

SPARE = 3
"""Points above what the policy explains that are normal (IR25)."""

GRACE = timedelta(days=3)
"""The service prunes within a day of a point's end (IR25); after three it is not going to."""


@dataclass(frozen=True, slots=True)
class Fullness:
    """
    How many points there are, how many at most, and when that is if none is pruned.

    `expected` is what the policy explains (None: not known), `overdue` how many of Azure Backup's own points should be
    gone by now, `foreign` how many of the points are not Azure Backup's.
    """

    points: int
    limit: int
    since: str
    expected: int | None
    overdue: int
    foreign: int
    days_left: int
    full_on: str


def detect(estate: Estate) -> Iterator[Finding[Fullness] | NotEvaluated]:
    for protected in estate.protected:
        counted = points.count(estate, protected)
        if counted is None:
            continue
        seen = measure(estate, protected, counted)
        severity, failure = judge(estate, protected, seen)
        if severity is None:
            continue
        if protected.policy is None and failure is None and counted < limits.POINTS_PLATFORM.value:
            because = f"it has {counted} restore points, and its policy, which tells the limit, was not read"
            yield NotEvaluated(PLAYBOOK.id, protected.id, because)
            continue
        yield Finding(
            vm=protected.id,
            resource=protected.id,
            message=sentence(protected, seen),
            severity=severity,
            evidence=seen,
            failure=failure,
            manual="none of these points is Azure Backup's to delete" if seen.foreign == counted else None,
            due=full_on(estate, seen.days_left) if counted < seen.limit else None,
        )


def measure(estate: Estate, protected: Protected, counted: int) -> Fullness:
    limit, left = points.limit(protected), points.days_left(protected, counted)
    own = [
        point
        for held in points.service_collections(estate, protected)
        for point in estate.points.get(held.id, ())
    ]
    kept = timedelta(days=(protected.policy and protected.policy.instant_days) or 0)
    overdue = [point for point in own if point.created and point.created < estate.read_at - kept - GRACE]
    return Fullness(
        points=counted,
        limit=limit.value,
        since=limit.since.isoformat(),
        expected=expected(protected.policy),
        overdue=len(overdue) if kept else 0,
        foreign=counted - len(own),
        days_left=left,
        full_on=full_on(estate, left).isoformat(),
    )


def full_on(estate: Estate, days: int) -> date:
    return (estate.read_at + timedelta(days=days)).date()


def expected(policy: Policy | None) -> int | None:
    """How many points a policy explains, the normal spare ones included."""
    if policy is None or not policy.per_day or not policy.instant_days:
        return None
    return ceil(policy.per_day * policy.instant_days) + SPARE


def judge(
    estate: Estate, protected: Protected, seen: Fullness
) -> tuple[Severity, Failure | None] | tuple[None, None]:
    """How strong the case is, None where there is none."""
    if seen.points >= seen.limit:
        return corroborated(estate, protected, "C13")
    if seen.limit == limits.POINTS_STANDARD.value:
        near = seen.points >= limits.POINTS_STANDARD_WARNING.value
    else:
        unexplained = seen.expected is not None and seen.points - seen.foreign > seen.expected
        near = (unexplained and seen.overdue > 0) or seen.days_left == 0
    return (Severity.SUSPECTED, None) if near else (None, None)


def sentence(protected: Protected, seen: Fullness) -> str:
    held = f"{seen.points} of {seen.limit} restore points"
    if seen.points >= seen.limit:
        return f"{held}: backups fail until some are gone"
    pace = (protected.policy and protected.policy.per_day) or 1.0
    overdue = f", {seen.overdue} of them overdue" if seen.overdue else ""
    when = f"in {seen.days_left} day{'' if seen.days_left == 1 else 's'}, on {seen.full_on}"
    return f"{held}{overdue}: at {pace:g} a day and with none pruned, the limit is reached {when}"


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Delete the oldest points that the vault has a copy of, one by one, until there is room for a backup."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding, choices))


def means(estate: Estate, finding: Finding[Any], choices: Choices) -> tuple[Step, ...] | str:
    one = protection(estate, finding.vm)
    if finding.manual or one is None:
        return finding.manual or UNCLEAR
    if (points.count(estate, one) or 0) < points.limit(one).value:
        return "backups still fit: make fewer on demand, or keep instant restore points for less long"
    for held in points.service_collections(estate, one):
        for lock in estate.locks_over(held.id):
            return f"lock '{lock.id.name}' keeps them from being pruned: restore-point-lock cures it"
    return pruning(estate, one, choices)


PLAYBOOK = Playbook(
    id="restore-point-limit",
    title="A VM has too many restore points",
    causes=("C13",),
    fix_class=FixClass.DESTRUCTIVE,
    remedy="Wait a day for the clean-up, make fewer on-demand backups, or keep instant restore points for less long.",
    needs=frozenset(
        {
            Read.VMS,
            Read.COLLECTIONS,
            Read.POINTS,
            Read.ITEMS,
            Read.POLICIES,
            Read.JOBS,
            Read.JOB_DETAIL,
        }
    ),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.RECOVERY_POINTS, Read.LOCKS}),
    writes=WRITES,
)
