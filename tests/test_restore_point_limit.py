"""restore-point-limit: a VM has too many restore points, with or without a lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from building import (
    DESTRUCTIVE,
    GUARDED,
    NOW,
    ONLY_INSTANT,
    SERVICE_GROUP,
    ago,
    collection,
    collection_id,
    copies,
    cured,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    lock,
    points,
    policy,
    policy_id,
    undecided,
    vm,
    vm_id,
)

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import Choices, Cure, Expect, FixClass, Irreversible, Step, View, steps
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import Collection, RecoveryPoints, RestorePoint, RestorePoints, Tier

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


full = points(18, held)
kept = copies(full)
sick = estate(vm(), failed_item(), failed, held, full, kept)


def lost(cure: Cure) -> list[str]:
    return [step.request.id.name for step in steps(*cure.nodes)]


def test_deletes_the_oldest_point_that_the_vault_has_a_copy_of_and_no_more_than_it_takes() -> None:
    oldest, copy = full.points[17], kept.points[17]

    assert cured(PLAYBOOK, sick, DESTRUCTIVE).nodes == (
        Step(
            summary="delete restore point AzureBackup_17 of VM sql1",
            request=Request("DELETE", oldest.id),
            before=(
                Expect(held.id, "properties.source.id", Check.EQUALS, str(vm_id())),
                Expect(oldest.id, "properties.sourceMetadata.vmId", Check.EQUALS, "guid-of-sql1"),
                Expect(
                    copy.id,
                    "properties.recoveryPointTierDetails.[type=HardenedRP].status",
                    Check.EQUALS,
                    "Valid",
                ),
                Expect(copy.id, "properties.isInstantIlrSessionActive", Check.EQUALS, value=False),
            ),
            after=(Expect(oldest.id, "", Check.ABSENT),),
            undo=Irreversible("a restore point cannot be made again; its copy in the vault stays"),
            within=timedelta(minutes=30),
            fix_class=FixClass.DESTRUCTIVE,
            loses=(
                "instant restore from restore point AzureBackup_17 of 2026-11-04 23:00 UTC; its copy in the vault stays",
            ),
            changes_vm=vm_id(),
        ),
    )


def test_deletes_as_many_as_are_over_the_limit_the_oldest_first() -> None:
    more = points(20, held)

    assert lost(
        cured(PLAYBOOK, estate(vm(), failed_item(), failed, held, more, copies(more)), DESTRUCTIVE)
    ) == [
        "AzureBackup_19",
        "AzureBackup_18",
        "AzureBackup_17",
    ]


def test_names_the_class_that_would_admit_it() -> None:
    made = left(PLAYBOOK, sick, GUARDED)

    assert (made.allow, made.reason) == (FixClass.DESTRUCTIVE, "its cure needs --allow destructive")


def without(*ages: int) -> RecoveryPoints:
    return RecoveryPoints(kept.item, tuple(one for at, one in enumerate(kept.points) if at not in ages))


def changed(age: int, **changes: object) -> RecoveryPoints:
    points_ = list(kept.points)
    points_[age] = replace(points_[age], **changes)  # type: ignore[arg-type] # any field of it
    return RecoveryPoints(kept.item, tuple(points_))


twin = replace(kept.points[17], id=ArmId(f"{kept.item}/recoveryPoints/twin"))


@pytest.mark.parametrize(
    "unsure",
    [
        pytest.param(without(17), id="has no copy"),
        pytest.param(changed(17, tiers=ONLY_INSTANT), id="is only a snapshot"),
        pytest.param(changed(17, tiers=(Tier("HardenedRP", "Deleted"),)), id="has a copy that was deleted"),
        pytest.param(changed(17, tiers=(Tier("ArchivedRP", "Rehydrated"),)), id="is rehydrated, not valid"),
        pytest.param(changed(17, file_recovery=True), id="is mounted by a file recovery"),
        pytest.param(changed(17, time=None), id="has a copy of unknown time"),
        pytest.param(changed(17, time=ago(hours=8, days=17, minutes=11)), id="is minutes away from its copy"),
        pytest.param(RecoveryPoints(kept.item, (*kept.points, twin)), id="may be either of two copies"),
    ],
)
def test_leaves_alone_a_point_that(unsure: RecoveryPoints) -> None:
    read = replace(sick, recovery_points=(unsure,))

    assert lost(cured(PLAYBOOK, read, DESTRUCTIVE)) == ["AzureBackup_16"]


def test_one_copy_does_not_stand_for_two_points() -> None:
    close = replace(full.points[17], created=ago(hours=8, days=16, minutes=2))
    read = replace(
        sick,
        restore_points=(RestorePoints(held.id, (*full.points[:17], close)),),
        recovery_points=(without(17),),
    )

    assert lost(cured(PLAYBOOK, read, DESTRUCTIVE)) == ["AzureBackup_15"]


def test_a_namesakes_points_are_never_this_vms() -> None:
    foreign = replace(full.points[17], vm_id="guid-of-a-predecessor")
    read = replace(sick, restore_points=(RestorePoints(held.id, (*full.points[:17], foreign)),))

    assert lost(cured(PLAYBOOK, read, DESTRUCTIVE)) == ["AzureBackup_16"]


named = replace(DESTRUCTIVE, delete_collection=frozenset({"sql1"}))


def test_the_whole_collection_goes_when_the_vm_is_named_and_every_loss_is_listed() -> None:
    read = replace(sick, recovery_points=(changed(3, tiers=ONLY_INSTANT),))
    [step] = steps(*cured(PLAYBOOK, read, named).nodes)

    assert step.request == Request("DELETE", held.id)
    assert step.before == (
        Expect(held.id, "properties.source.id", Check.EQUALS, str(vm_id())),
        Expect(held.id, "properties.restorePoints", Check.BELOW, 19, View.RESTORE_POINTS),
    )
    assert step.loses == (
        f"instant restore from all 18 points of collection {held.id.name}",
        "restore point AzureBackup_3 of 2026-11-18 23:00 UTC: no copy in the vault is known, it is gone for good",
    )
    assert isinstance(step.undo, Irreversible)


other_guid = RestorePoints(held.id, (*full.points[:17], replace(full.points[17], vm_id="another")))
foreign = replace(held, id=collection_id("veeam-sql1", "snapshots"))
old_copies = copies(RestorePoints(held.id, full.points[7:]))


@pytest.mark.parametrize(
    ("read", "choices", "reason"),
    [
        pytest.param(replace(sick, recovery_points=()), DESTRUCTIVE, "were not read", id="copies are unread"),
        pytest.param(
            replace(sick, recovery_points=(copies(full, tiers=ONLY_INSTANT),)),
            DESTRUCTIVE,
            "of 0 it is sure",
            id="nothing is in the vault",
        ),
        pytest.param(
            replace(sick, policies=(policy(instant_days=None),)),
            DESTRUCTIVE,
            "of 0 it is sure",
            id="retention is not known",
        ),
        pytest.param(
            replace(sick, policies=(policy(instant_days=30),)),
            DESTRUCTIVE,
            "of 0 it is sure",
            id="nothing is past retention",
        ),
        pytest.param(
            replace(sick, vms=(vm(vm_id=None),)),
            DESTRUCTIVE,
            "is not known",
            id="the vm's own guid is unknown",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, full, kept, lock(SERVICE_GROUP)),
            DESTRUCTIVE,
            "restore-point-lock cures it",
            id="a lock keeps the points",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, fresh(16), kept),
            DESTRUCTIVE,
            "backups still fit",
            id="the limit is not reached",
        ),
        pytest.param(
            replace(sick, recovery_points=(old_copies,)),
            named,
            "no valid copy",
            id="the newest copy is 8 days old",
        ),
        pytest.param(
            replace(sick, recovery_points=(changed(0, file_recovery=True),)),
            named,
            "mounted",
            id="a point is mounted",
        ),
        pytest.param(
            replace(sick, restore_points=(other_guid,)), named, "another VM", id="a point is a predecessor's"
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, foreign, points(2, held), points(18, foreign), kept),
            named,
            "not Azure Backup's",
            id="the points are another tool's",
        ),
    ],
)
def test_leaves_it_to_a_person_where(read: Estate, choices: Choices, reason: str) -> None:
    made = left(PLAYBOOK, read, choices)

    assert reason in made.reason
    assert made.allow is None


def test_a_collection_of_a_longer_name_is_never_deleted() -> None:
    longer = collection("sql12")
    read = estate(
        vm(),
        vm("sql12"),
        failed_item(),
        failed,
        held,
        longer,
        full,
        points(18, longer, "guid-of-sql12"),
        kept,
    )

    assert lost(cured(PLAYBOOK, read, named)) == [held.id.name]
