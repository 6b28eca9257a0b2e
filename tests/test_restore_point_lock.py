"""restore-point-lock: a lock keeps Azure Backup from pruning its old restore points."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from building import (
    NOW,
    SERVICE_GROUP,
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
    vm,
    vm_id,
)

from azremedy.estate import Estate
from azremedy.playbook import Severity
from azremedy.resources import Lock

LIMIT_REACHED = "UserErrorRpCollectionLimitReached"
held = collection("sql1")
full = points(18, held)
group_lock = lock(SERVICE_GROUP)
failed = failed_job(LIMIT_REACHED)
sick = estate(vm(), failed_item(), failed, held, full, group_lock)


def test_finds_the_lock_names_the_vm_and_shows_the_failed_job() -> None:
    [finding] = found("restore-point-lock", sick)

    assert finding.vm == vm_id("sql1")
    assert finding.resource == group_lock.id
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.failure.job == failed
    assert (finding.evidence.points, finding.evidence.limit, finding.evidence.days_left) == (18, 18, 0)
    assert finding.manual is None


@pytest.mark.parametrize(
    "locked",
    [
        pytest.param(lock(held.id), id="on the collection itself"),
        pytest.param(lock(SERVICE_GROUP.upper()), id="on the group, spelt in another case"),
        pytest.param(lock(""), id="on the subscription"),
    ],
)
def test_finds_a_lock(locked: Lock) -> None:
    [finding] = found("restore-point-lock", estate(vm(), failed_item(), failed, held, full, locked))

    assert (finding.resource, finding.severity) == (locked.id, Severity.CORROBORATED)


def test_finds_the_lock_on_the_vms_own_group_where_points_still_lie_as_in_2018() -> None:
    old = collection("sql1", group="prod", suffix="")
    [finding] = found("restore-point-lock", estate(vm(), item(), old, points(3, old), lock("prod")))

    assert finding.severity is Severity.SUSPECTED


def test_finds_the_lock_on_the_group_that_the_policy_names() -> None:
    own = collection("sql1", group="rg-points-1-x")
    named = policy(group_prefix="rg-points-", group_suffix="-x")

    assert (
        len(
            found(
                "restore-point-lock", estate(vm(), item(), named, own, points(3, own), lock("RG-points-1-x"))
            )
        )
        == 1
    )


def test_each_lock_over_the_points_is_a_finding_of_its_own() -> None:
    findings = found("restore-point-lock", estate(vm(), item(), held, full, group_lock, lock("", name="all")))

    assert [finding.evidence.lock for finding in findings] == ["all", "keep"]


@pytest.mark.parametrize(
    ("read", "severity"),
    [
        pytest.param(
            estate(vm(), failed_item(), failed, held, points(17, held), group_lock),
            Severity.SUSPECTED,
            id="suspected once the points are below the limit again",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, points(3, held), lock(SERVICE_GROUP, level="ReadOnly")),
            Severity.CORROBORATED,
            id="corroborated below the limit where the lock is read-only",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, group_lock),
            Severity.SUSPECTED,
            id="suspected while the points are not counted",
        ),
        pytest.param(
            estate(vm(), item(), held, full, group_lock),
            Severity.SUSPECTED,
            id="suspected where the last backup was fine",
        ),
        pytest.param(
            estate(vm(), item(), failed, held, full, group_lock),
            Severity.SUSPECTED,
            id="suspected where a later backup completed",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, full, group_lock, lookback=timedelta(hours=2)),
            Severity.SUSPECTED,
            id="suspected where the failure is older than the look-back",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("UserErrorUnsupportedDiskSize"), held, full, group_lock),
            Severity.SUSPECTED,
            id="suspected where the backup failed with another code",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, full, group_lock, policy(type="V2")),
            Severity.SUSPECTED,
            id="suspected where the policy is Enhanced, whose limit is the platform's",
        ),
    ],
)
def test_severity_is(read: Estate, severity: Severity) -> None:
    [finding] = found("restore-point-lock", read)

    assert finding.severity is severity


def test_a_job_of_another_vm_with_the_same_friendly_name_bears_nothing_out() -> None:
    namesake = failed_job(LIMIT_REACHED, "sql1", container="iaasvmcontainer;iaasvmcontainerv2;test;sql1")
    [finding] = found("restore-point-lock", estate(vm(), failed_item(), namesake, held, full, group_lock))

    assert finding.severity is Severity.SUSPECTED


def test_says_in_how_many_days_the_limit_is_reached() -> None:
    four_a_day = policy(type="V1", per_day=4.0)
    [finding] = found(
        "restore-point-lock", estate(vm(), item(), four_a_day, held, points(10, held), group_lock)
    )

    assert finding.evidence.days_left == 2


@pytest.mark.parametrize(
    ("locked", "why"),
    [
        pytest.param(lock(""), "whole subscription", id="of the subscription"),
        pytest.param(lock(SERVICE_GROUP, owners=("app",)), "belongs to", id="that an application owns"),
    ],
)
def test_leaves_to_a_person_a_lock(locked: Lock, why: str) -> None:
    [finding] = found("restore-point-lock", estate(vm(), item(), held, full, locked))

    assert finding.manual is not None
    assert why in finding.manual


other = collection("web")
customer = replace(held, id=collection_id("veeam-sql1", "snapshots"))
nameless = replace(held, id=collection_id("AzureBackup_sql1_1", "snapshots"))


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(vm(), held, full, group_lock), id="the vm is not protected"),
        pytest.param(estate(vm(), failed_item(), failed, held, full), id="nothing is locked"),
        pytest.param(estate(vm(), item(), held, full, lock("prod")), id="the vm's own group is locked"),
        pytest.param(estate(vm(), item(), held, full, lock(vm_id("sql1"))), id="the vm itself is locked"),
        pytest.param(
            estate(vm(), item(), other, group_lock), id="the locked group holds another vm's points"
        ),
        pytest.param(
            estate(vm(), item(), held, full, lock("AzureBackupRG_westeurope_11")),
            id="a group with a longer name",
        ),
        pytest.param(
            estate(vm(), item(), customer, lock("snapshots")), id="the points are the customer's own"
        ),
        pytest.param(
            estate(vm(), item(), nameless, lock("snapshots")), id="the name is Backup's and the group is not"
        ),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped"), held, full, group_lock),
            id="protection is stopped",
        ),
        pytest.param(
            estate(vm(), item(soft_deleted=True), held, full, group_lock), id="the item is soft-deleted"
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found("restore-point-lock", healthy) == []


def test_verdicts_look_at_the_estates_clock_only() -> None:
    later = replace(sick, read_at=NOW + timedelta(days=30))
    [finding] = found("restore-point-lock", later)

    assert finding.severity is Severity.SUSPECTED
