"""restore-point-limit: a VM has too many restore points, with or without a lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from building import (
    NOW,
    SERVICE_GROUP,
    ago,
    collection,
    collection_id,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    lock,
    points,
    policy,
    policy_id,
    undecided,
    vm,
    vm_id,
)

from azremedy.estate import Estate
from azremedy.playbook import Severity
from azremedy.resources import Collection, RestorePoint, RestorePoints

PLAYBOOK = "restore-point-limit"
LIMIT_REACHED = "UserErrorRpCollectionLimitReached"

held = collection("sql1")
failed = failed_job(LIMIT_REACHED)
enhanced = policy(type="V2", instant_days=7, per_day=1.0)


def fresh(number: int, of: Collection = held) -> RestorePoints:
    """`number` points that were all taken an hour ago."""
    taken = (replace(point, created=ago(hours=1)) for point in points(number, of).points)
    return RestorePoints(of.id, tuple(taken))


def test_finds_the_full_vm_and_shows_the_failed_job() -> None:
    [finding] = found(PLAYBOOK, estate(vm(), failed_item(), failed, held, fresh(18)))

    assert (finding.vm, finding.resource) == (vm_id("sql1"), vm_id("sql1"))
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.failure.job == failed
    assert finding.message == "18 of 18 restore points: backups fail until some are gone"
    assert (finding.evidence.points, finding.evidence.days_left) == (18, 0)
    assert finding.manual is None


def test_the_message_says_in_how_many_days_and_on_which_date_the_limit_is_reached() -> None:
    [two] = found(PLAYBOOK, estate(vm(), item(), held, fresh(16)))
    [one] = found(PLAYBOOK, estate(vm(), item(), held, fresh(17)))

    assert two.message == (
        "16 of 18 restore points: at 1 a day and with none pruned, the limit is reached in 2 days, on 2026-11-24"
    )
    assert one.message.endswith("in 1 day, on 2026-11-23")
    assert (two.evidence.days_left, two.evidence.full_on) == (2, "2026-11-24")


def test_the_forecast_looks_at_the_estates_clock_only() -> None:
    later = estate(vm(), item(), held, fresh(16), read_at=NOW + timedelta(days=100))

    assert found(PLAYBOOK, later)[0].evidence.full_on == "2027-03-04"


def test_points_of_all_collections_count() -> None:
    old = collection("sql1", group="prod", suffix="")
    [finding] = found(PLAYBOOK, estate(vm(), item(), held, fresh(9), old, fresh(9, old)))

    assert finding.evidence.points == 18


@pytest.mark.parametrize(
    ("read", "severity"),
    [
        pytest.param(
            estate(vm(), failed_item(), failed, held, fresh(18)),
            Severity.CORROBORATED,
            id="corroborated where a backup failed for it and it is still full",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, fresh(30), lock(SERVICE_GROUP)),
            Severity.CORROBORATED,
            id="corroborated with a lock too",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, fresh(17)),
            Severity.SUSPECTED,
            id="suspected where a backup failed for it and it is no longer full",
        ),
        pytest.param(
            estate(vm(), item(), held, fresh(18)), Severity.SUSPECTED, id="suspected where no backup failed"
        ),
        pytest.param(
            estate(vm(), item(), failed, held, fresh(18)),
            Severity.SUSPECTED,
            id="suspected where a later backup completed",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("UserErrorUnsupportedDiskSize"), held, fresh(18)),
            Severity.SUSPECTED,
            id="suspected where the backup failed with another code",
        ),
        pytest.param(
            estate(vm(), item(), held, fresh(16)), Severity.SUSPECTED, id="suspected two below the limit"
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, fresh(500), enhanced),
            Severity.CORROBORATED,
            id="corroborated at the platform's limit under an Enhanced policy",
        ),
        pytest.param(
            estate(vm(), item(), held, fresh(500), enhanced),
            Severity.SUSPECTED,
            id="suspected at the platform's limit where no backup failed",
        ),
        pytest.param(
            estate(vm(), item(), held, fresh(497), replace(enhanced, per_day=6.0)),
            Severity.SUSPECTED,
            id="suspected less than a day below the platform's limit",
        ),
        pytest.param(
            estate(vm(), item(), held, points(30, held), enhanced),
            Severity.SUSPECTED,
            id="suspected with overdue points that the Enhanced policy does not explain",
        ),
    ],
)
def test_severity_is(read: Estate, severity: Severity) -> None:
    [finding] = found(PLAYBOOK, read)

    assert finding.severity is severity
    assert (finding.failure is not None) == (severity is Severity.CORROBORATED)


def test_overdue_points_are_counted_and_named() -> None:
    [finding] = found(PLAYBOOK, estate(vm(), item(), held, points(30, held), enhanced))

    assert (finding.evidence.expected, finding.evidence.overdue) == (10, 20)
    assert "30 of 500 restore points, 20 of them overdue" in finding.message


customer = replace(held, id=collection_id("veeam-sql1", "snapshots"))


def test_is_for_a_person_where_all_points_are_someone_elses() -> None:
    [finding] = found(PLAYBOOK, estate(vm(), item(), customer, fresh(20, customer)))

    assert finding.evidence.foreign == 20
    assert finding.manual == "none of these points is Azure Backup's to delete"


other = collection("web1")
hourly = replace(enhanced, per_day=6.0, instant_days=17)
expired = RestorePoints(held.id, points(12, held).points[11:])
undated = RestorePoints(held.id, tuple(RestorePoint(point.id) for point in points(30, held).points))


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(vm(), held, fresh(18)), id="the vm is not protected"),
        pytest.param(estate(vm(), item()), id="there is no collection"),
        pytest.param(estate(vm(), item(), held, fresh(0)), id="the collection is empty"),
        pytest.param(estate(vm(), item(), held), id="the points are not counted"),
        pytest.param(
            estate(vm(), item(), held, fresh(18), customer), id="one of the collections is not counted"
        ),
        pytest.param(estate(vm(), item(), held, fresh(5)), id="there are n+3 of them"),
        pytest.param(estate(vm(), item(), held, fresh(15)), id="there are three less than the limit"),
        pytest.param(
            estate(vm(), failed_item(), failed, held, fresh(5)), id="they were cleaned up after the failure"
        ),
        pytest.param(estate(vm(), item(), other, fresh(18, other)), id="they are another vm's"),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped"), held, fresh(18)),
            id="protection is stopped",
        ),
        pytest.param(estate(vm(), item(), held, fresh(18), enhanced), id="18 under an Enhanced policy"),
        pytest.param(
            estate(vm(), item(), held, points(10, held), enhanced), id="n+3 under an Enhanced policy"
        ),
        pytest.param(
            estate(vm(), item(), held, fresh(60), enhanced), id="many on-demand ones, none of them overdue"
        ),
        pytest.param(
            estate(vm(), item(), held, fresh(105), hourly), id="an hourly policy explains a hundred"
        ),
        pytest.param(
            estate(vm(), item(), customer, points(200, customer), enhanced),
            id="the old ones are the customer's own, far from the platform's limit",
        ),
        pytest.param(
            estate(vm(), item(), held, expired, customer, fresh(200, customer), enhanced),
            id="one of its own is overdue, and the many are the customer's",
        ),
        pytest.param(
            estate(vm(), item(), held, points(40, held), replace(enhanced, instant_days=None)),
            id="what the Enhanced policy explains is not known",
        ),
        pytest.param(
            estate(vm(), item(), held, undated, enhanced), id="nobody knows when the points were taken"
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(PLAYBOOK, healthy) == []
    assert undecided(PLAYBOOK, healthy) == []


unknown_policy = item(policy=policy_id("gone"))


def test_gives_no_verdict_when_the_policy_that_tells_the_limit_is_unread() -> None:
    [gap] = undecided(PLAYBOOK, estate(vm(), unknown_policy, held, fresh(18)))

    assert (gap.playbook, gap.vm) == (PLAYBOOK, vm_id("sql1"))
    assert gap.because == "it has 18 restore points, and its policy, which tells the limit, was not read"


def test_needs_no_policy_where_few_points_or_a_failed_backup_decide() -> None:
    failing = failed_item(policy=policy_id("gone"))

    assert undecided(PLAYBOOK, estate(vm(), unknown_policy, held, fresh(5))) == []
    assert len(found(PLAYBOOK, estate(vm(), failing, failed, held, fresh(18)))) == 1
    assert len(found(PLAYBOOK, estate(vm(), unknown_policy, held, fresh(500)))) == 1
