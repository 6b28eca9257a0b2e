"""restore-point-lock: a lock keeps Azure Backup from pruning its old restore points."""

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
    plans,
    points,
    policy,
    vm,
    vm_id,
)

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import (
    Bracket,
    ByHand,
    Choices,
    Cure,
    Expect,
    FixClass,
    Irreversible,
    Restore,
    Step,
    View,
    steps,
)
from azremedy.plan import Test as Check
from azremedy.playbook import Severity, load
from azremedy.resources import Collection, Lock

ID = "restore-point-lock"
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


def backup_step(name: str = "sql1") -> Step:
    target = item(name)
    body = {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": "now+P7D"}
    return Step(
        summary=f"back VM {name} up, so that the service prunes its points; the first backup may fail",
        request=Request("POST", target.id, "backup", {"properties": body}),
        before=(
            Expect(target.id, "properties.sourceResourceId", Check.EQUALS, str(vm_id(name))),
            Expect(target.id, "properties.protectionState", Check.EQUALS, "Protected"),
        ),
        after=(Expect(target.id, "properties.startTime", Check.NEWER, view=View.NEWEST_JOB),),
        undo=Irreversible("the recovery point expires by itself"),
        within=timedelta(minutes=15),
        fix_class=FixClass.GUARDED,
        triggers_backup=target.id,
    )


def below(number: int, of: Collection = held) -> Expect:
    return Expect(of.id, "properties.restorePoints", Check.BELOW, number, View.RESTORE_POINTS)


def lifted(one: Lock = group_lock, where: str = f"group {SERVICE_GROUP}") -> Step:
    return Step(
        summary=f"lift the {one.level} lock '{one.id.name}' on {where}",
        request=Request("DELETE", one.id),
        before=(
            Expect(one.id, "properties.level", Check.EQUALS, one.level),
            Expect(one.id, "properties.notes", Check.EQUALS, "do not touch"),
            Expect(one.id, "properties.owners", Check.ABSENT),
        ),
        after=(Expect(one.id, "", Check.ABSENT),),
        undo=Restore(),
        within=timedelta(minutes=10),
        fix_class=FixClass.GUARDED,
    )


def bracket_of(cure: Cure) -> Bracket:
    [bracket] = cure.nodes
    assert isinstance(bracket, Bracket)
    return bracket


def requests(cure: Cure) -> list[str]:
    return [f"{step.request.method} {step.request.address.rpartition('/')[2]}" for step in steps(*cure.nodes)]


def test_lifts_the_lock_backs_the_vm_up_and_waits_for_fewer_points_than_the_limit() -> None:
    cure = cured(ID, sick)

    assert bracket_of(cure) == Bracket(lifted(), (backup_step(),), (below(18),))
    assert cure.vms == (vm_id(),)
    assert cure.relief is not None
    assert "2026-11-23" in cure.relief
    assert "--redesign-locks locks the VM" in cure.relief


def test_a_lock_without_notes_is_expected_without_notes() -> None:
    bare = lock(SERVICE_GROUP, notes=None)
    cure = cured(ID, estate(vm(), failed_item(), failed, held, full, bare))

    assert Expect(bare.id, "properties.notes", Check.ABSENT) in bracket_of(cure).open.before


def test_keeps_the_lock_off_on_purpose_and_promises_no_relapse() -> None:
    cure = cured(ID, sick, replace(GUARDED, keep_unlocked=True))

    assert bracket_of(cure).keep_open
    assert cure.relief is None


def test_an_old_group_lock_that_only_covers_points_of_2018_brings_no_relapse() -> None:
    old = collection("sql1", group="prod", suffix="")
    cure = cured(ID, estate(vm(), failed_item(), failed, old, points(18, old), lock("prod")))

    assert cure.relief is None


def test_two_vms_under_one_lock_share_its_bracket_and_more_than_it_may_hold_get_another() -> None:
    names = ("sql1", "sql2", "sql3")
    several = [collection(name) for name in names]
    read = estate(
        *(vm(name) for name in names),
        *(failed_item(name) for name in names),
        *(failed_job(LIMIT_REACHED, name) for name in names),
        *several,
        *(points(18, one, f"guid-of-{name}") for name, one in zip(names, several, strict=True)),
        group_lock,
    )
    first, second = (
        made for made in plans(ID, read, replace(GUARDED, bracket_size=2)) if isinstance(made, Cure)
    )

    assert bracket_of(first) == Bracket(
        lifted(),
        (backup_step("sql1"), backup_step("sql2")),
        (below(18, several[0]), below(18, several[1])),
    )
    assert second.vms == (vm_id("sql3"),)
    assert len(plans(ID, read)) == 1


def test_brackets_stand_one_in_the_other_the_widest_and_of_one_scope_the_read_only_one_outside() -> None:
    inner, wide = lock(held.id, name="inner"), lock(SERVICE_GROUP, "ReadOnly", name="zz")
    cure = cured(ID, estate(vm(), failed_item(), failed, held, full, inner, wide, group_lock))
    outermost = bracket_of(cure)

    assert [step.request.id.name for step in steps(outermost)][:3] == ["zz", "keep", "inner"]
    assert len(cure.findings) == 3
    assert outermost.until == (below(18),)
    assert cure.relief is not None
    assert "the next backup fails again" in cure.relief


def test_under_a_read_only_lock_that_nothing_piled_up_under_a_new_point_is_waited_for() -> None:
    shut = lock(SERVICE_GROUP, "ReadOnly")
    cure = cured(ID, estate(vm(), failed_item(), failed, held, points(3, held), shut))

    assert bracket_of(cure).until == (
        below(18),
        Expect(item().id, "properties.lastRecoveryPoint", Check.NEWER),
    )


def test_what_other_collections_hold_counts_with_room_for_the_point_that_the_backup_adds() -> None:
    own, old = collection("sql1"), collection("sql1", group="prod", suffix="")
    foreign = replace(own, id=collection_id("before-release", "prod"))
    read = estate(
        vm(),
        failed_item(),
        failed,
        own,
        old,
        foreign,
        points(12, own),
        points(3, old),
        points(3, foreign),
        group_lock,
    )

    assert bracket_of(cured(ID, read)).until == (below(11, own),)


@pytest.mark.parametrize(
    ("read", "choices", "reason", "allow"),
    [
        pytest.param(
            sick, Choices(), "needs --allow guarded", FixClass.GUARDED, id="guarded is not admitted"
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, full, lock("")),
            GUARDED,
            "--lift-subscription-locks",
            None,
            id="the lock stands on the subscription",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, full, lock(SERVICE_GROUP, owners=("app",))),
            replace(GUARDED, lift_subscription_locks=True),
            "belongs to a managed application",
            None,
            id="an application owns the lock",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed, held, group_lock),
            GUARDED,
            "were not counted",
            None,
            id="the points were not counted",
        ),
        pytest.param(
            estate(vm(), item(), failed_item(id=ArmId(f"{item().id}2")), held, full, group_lock),
            GUARDED,
            "more than one",
            None,
            id="two vaults back it up",
        ),
        pytest.param(
            estate(item(), held, full, group_lock),
            GUARDED,
            "no vault backs the VM up",
            None,
            id="the vm is gone",
        ),
        pytest.param(
            sick,
            replace(GUARDED, delete_collection=frozenset({"sql1"})),
            "recovery points in the vault were not read",
            None,
            id="a collection is named and nobody knows what the vault holds",
        ),
        pytest.param(
            replace(sick, recovery_points=(copies(full),)),
            replace(GUARDED, delete_collection=frozenset({"sql1"})),
            "needs --allow destructive",
            FixClass.DESTRUCTIVE,
            id="a collection is named and destructive is not admitted",
        ),
    ],
)
def test_leaves_it_to_a_person_where(
    read: Estate, choices: Choices, reason: str, allow: FixClass | None
) -> None:
    made = left(ID, read, choices)

    assert reason in made.reason
    assert made.allow is allow


def test_a_subscription_lock_is_lifted_when_asked_for() -> None:
    wide = lock("")
    read = estate(vm(), failed_item(), failed, held, full, wide)
    cure = cured(ID, read, replace(GUARDED, lift_subscription_locks=True))

    assert bracket_of(cure).open == lifted(wide, "the whole subscription")


def test_a_lock_that_was_not_handed_in_stays_and_nothing_else_is_lifted() -> None:
    read = estate(vm(), failed_item(), failed, held, full, group_lock, lock(held.id, name="inner"))
    [finding] = [one for one in found(ID, read) if one.resource == group_lock.id]
    plan = load()[ID].plan
    assert plan is not None
    [made] = plan(read, [finding], GUARDED)

    assert isinstance(made, ByHand)
    assert "lock 'inner'" in made.reason


def test_two_read_only_locks_of_one_scope_could_not_be_put_back() -> None:
    two = (lock(SERVICE_GROUP, "ReadOnly", name="a"), lock(SERVICE_GROUP, "ReadOnly", name="b"))
    made = plans(ID, estate(vm(), failed_item(), failed, held, full, *two))

    assert {type(one) for one in made} == {ByHand}


def test_foreign_points_that_fill_the_limit_are_their_owners() -> None:
    foreign = replace(held, id=collection_id("veeam", "prod"))
    read = estate(
        vm(), failed_item(), failed, held, foreign, points(2, held), points(18, foreign), group_lock
    )

    assert "not Azure Backup's" in left(ID, read).reason


def test_destructive_first_deletes_the_oldest_points_that_the_vault_has_until_there_is_room() -> None:
    read = replace(sick, recovery_points=(copies(full),))
    cure = cured(ID, read, DESTRUCTIVE)

    assert requests(cure) == ["DELETE keep", "DELETE AzureBackup_17"]
    assert requests(cured(ID, read)) == ["DELETE keep", "POST backup"]


def test_destructive_without_enough_sure_copies_deletes_nothing() -> None:
    read = replace(sick, recovery_points=(copies(full, tiers=ONLY_INSTANT),))

    assert requests(cured(ID, read, DESTRUCTIVE)) == ["DELETE keep", "POST backup"]


def test_the_whole_collection_goes_only_by_name() -> None:
    read = replace(sick, recovery_points=(copies(full),))
    cure = cured(ID, read, replace(DESTRUCTIVE, delete_collection=frozenset({"sql1"})))

    assert requests(cure) == ["DELETE keep", f"DELETE {held.id.name}"]


@pytest.mark.parametrize("name", ["a b;c", "50%", "x#y?z", "ü", "[red]"])
def test_a_lock_of_any_name_is_lifted_under_its_own_id(name: str) -> None:
    odd = lock(SERVICE_GROUP, name=name)

    assert (
        bracket_of(cured(ID, estate(vm(), failed_item(), failed, held, full, odd))).open.request.id == odd.id
    )
