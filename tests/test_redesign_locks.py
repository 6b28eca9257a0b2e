"""fix --redesign-locks: a lock on restore points moves to what it is meant to guard, and nothing is left unguarded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from building import (
    GUARDED,
    SERVICE_GROUP,
    SUBSCRIPTION,
    attached,
    collection,
    cured,
    disk_id,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    lock,
    nic_id,
    plans,
    points,
    policy,
    vm,
    vm_id,
)
from commands import azremedy, variables
from matrix import locks, written
from sandboxed import Lab
from scenes import ADMITTED, POINTS_LOCK, Scene, full
from scenes import estate as described
from scenes import lock as described_lock
from staging import SPEED, Stage, staged

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass, Guarded, Outcome, Step, View
from azremedy.playbook import Finding, load
from azremedy.report.html.dryrun import planned
from azremedy.resources import Lock, Read, ResourceGroup, Unread
from azremedy.sandbox import Fault, embedded
from azremedy.verify import Verdict

ID = "restore-point-lock"
MOVING = replace(GUARDED, redesign_locks=True)
FAILED = failed_job("UserErrorRpCollectionLimitReached")

held = collection("sql1")
counted = points(18, held)
over = lock(SERVICE_GROUP)
sick = failed_item(), FAILED, held, counted, over


def placed(made: Cure) -> list[ArmId]:
    """What a cure places locks on, in order."""
    return [one.request.id.scope for one in of(made, "PUT")]


def moving(read: Estate, failing: Sequence[Finding[Any]]) -> list[Cure | ByHand]:
    """What is planned for some of the findings."""
    plan = load()[ID].plan
    assert plan is not None
    return list(plan(read, failing, MOVING))


def of(made: Cure, method: str) -> list[Step]:
    return [one for one in made.nodes if isinstance(one, Step) and one.request.method == method]


def test_places_the_new_locks_before_the_old_one_goes_and_then_has_the_service_prune() -> None:
    machine = vm(disks=(*vm().disks, attached("data1", 0)))
    made = cured(ID, estate(machine, *sick), MOVING)

    assert [one.request.method for one in made.nodes if isinstance(one, Step)] == [
        *["PUT"] * 4,
        "DELETE",
        "POST",
    ]
    assert placed(made) == [vm_id(), disk_id("sql1-os"), disk_id("data1"), nic_id("sql1-nic")]
    [deletion] = of(made, "DELETE")
    assert deletion.request.id == over.id
    assert deletion.summary.endswith("for good")
    named = {one.target for one in deletion.before if one.path == "properties.level"}
    assert named == {over.id, *(one.request.id for one in of(made, "PUT"))}
    assert made.relief is None


def test_a_new_lock_says_what_the_old_one_said_and_can_be_taken_away_again() -> None:
    first = of(cured(ID, estate(vm(), *sick), MOVING), "PUT")[0]

    assert first.request.body == {"properties": {"level": "CanNotDelete", "notes": "do not touch"}}
    assert first.request.id.name == over.id.name
    assert first.undo == replace(first.request, method="DELETE", body=None)
    assert first.fix_class is FixClass.GUARDED


def test_waits_with_the_backup_until_there_is_room_again() -> None:
    [backup] = of(cured(ID, estate(vm(), *sick), MOVING), "POST")

    assert [one.view for one in backup.after] == [View.NEWEST_JOB, View.RESTORE_POINTS]
    assert backup.within == MOVING.max_unlocked


def test_guards_each_vm_whose_points_were_locked_not_only_those_that_failed() -> None:
    well = collection("web1")
    read = estate(vm(), vm("web1"), item("web1"), well, points(2, well, "guid-of-web1"), *sick)
    failing = [one for one in found(ID, read) if one.vm == vm_id("sql1")]
    [made] = moving(read, failing)

    assert isinstance(made, Cure)
    assert {vm_id("sql1"), vm_id("web1")} <= set(placed(made))
    assert made.vms == (vm_id("sql1"),)
    assert [one.request.id for one in of(made, "POST")] == [sick[0].id]


@pytest.mark.parametrize(
    ("already", "new"),
    [
        pytest.param([lock("prod")], [], id="the vm's group is locked"),
        pytest.param([lock("prod", "ReadOnly")], [], id="its group is read-only"),
        pytest.param([lock(vm_id())], [disk_id("sql1-os"), nic_id("sql1-nic")], id="the vm is locked"),
        pytest.param(
            [lock(vm_id("sql")), lock("prod1")],
            [vm_id(), disk_id("sql1-os"), nic_id("sql1-nic")],
            id="what only sounds like it is locked",
        ),
    ],
)
def test_places_no_lock_where_another_one_guards_already(
    already: Sequence[Lock], new: Sequence[ArmId]
) -> None:
    assert placed(cured(ID, estate(vm(), *sick, *already), MOVING)) == list(new)


def test_relies_on_a_lock_that_is_there_only_as_long_as_it_is() -> None:
    there = lock("prod", name="production")
    [deletion] = of(cured(ID, estate(vm(), *sick, there), MOVING), "DELETE")

    assert (there.id, "CanNotDelete") in {(one.target, one.value) for one in deletion.before}


def test_shows_what_is_guarded_before_and_after() -> None:
    made = cured(ID, estate(vm(), *sick, lock(disk_id("sql1-os"), "ReadOnly", "own")), MOVING)

    assert made.guards == (
        Guarded(vm_id(), None, "CanNotDelete"),
        Guarded(disk_id("sql1-os"), "ReadOnly", "ReadOnly"),
        Guarded(nic_id("sql1-nic"), None, "CanNotDelete"),
        Guarded(held.id, "CanNotDelete", None),
    )


def test_a_read_only_lock_becomes_one_that_lets_backups_pass() -> None:
    read_only = lock(SERVICE_GROUP, "ReadOnly")
    made = cured(ID, estate(vm(), failed_item(), FAILED, held, counted, read_only), MOVING)

    assert {one.request.body["properties"]["level"] for one in of(made, "PUT")} == {"CanNotDelete"}
    assert made.guards[-1] == Guarded(held.id, "ReadOnly", None)


GROUPS = [
    ResourceGroup(ArmId(f"{SUBSCRIPTION}/resourceGroups/{name}"))
    for name in ("prod", "network", SERVICE_GROUP, "rp1x", "rpx")
]
everywhere = lock("", name="all")
subscription = estate(
    vm(),
    failed_item(),
    FAILED,
    held,
    counted,
    everywhere,
    policy(group_prefix="rp", group_suffix="x"),
    *GROUPS,
)
ADMITTING = replace(MOVING, lift_subscription_locks=True)


def test_a_lock_of_the_subscription_becomes_one_on_each_group_but_the_services() -> None:
    made = cured(ID, subscription, ADMITTING)

    assert [one.name for one in placed(made)] == ["prod", "network", "rpx"]
    assert Guarded(ArmId(SUBSCRIPTION), "CanNotDelete", None) in made.guards
    assert Guarded(held.id, "CanNotDelete", None) in made.guards


@pytest.mark.parametrize(
    ("read", "choices", "reason"),
    [
        pytest.param(
            subscription, MOVING, "--lift-subscription-locks", id="the subscription's is not admitted"
        ),
        pytest.param(
            replace(subscription, locks=(lock("", "ReadOnly", "all"),)),
            ADMITTING,
            "forbids the locks that would take its place",
            id="a read-only one forbids its own replacement",
        ),
        pytest.param(
            replace(subscription, unread=(Unread(Read.GROUPS, ArmId(SUBSCRIPTION), "forbidden"),)),
            ADMITTING,
            "were not read: forbidden",
            id="the groups were not read",
        ),
        pytest.param(replace(subscription, groups=()), ADMITTING, "were not read", id="no group is known"),
        pytest.param(
            estate(vm(), failed_item(), FAILED, held, counted, replace(over, owners=("app",))),
            MOVING,
            "which alone may lift it",
            id="it belongs to an application",
        ),
        pytest.param(
            estate(vm(), failed_item(), FAILED, held, over),
            MOVING,
            "were not counted",
            id="points were not counted",
        ),
        pytest.param(
            estate(vm(), *sick), replace(MOVING, allow=Choices().allow), "--allow guarded", id="not admitted"
        ),
    ],
)
def test_leaves_it_to_a_person_where(read: Estate, choices: Choices, reason: str) -> None:
    assert reason in left(ID, read, choices).reason


def test_leaves_a_lock_that_another_lock_outlives_to_a_person() -> None:
    owned = lock(held.id, name="owned", owners=("app",))
    made = plans(ID, estate(vm(), *sick, owned), MOVING)

    assert not any(isinstance(one, Cure) for one in made)


def test_a_lock_over_points_of_2018_only_is_lifted_and_put_back() -> None:
    old = collection("sql1", group="prod", suffix="")
    made = cured(ID, estate(vm(), failed_item(), FAILED, old, points(18, old), lock("prod")), MOVING)

    assert made.guards == ()
    assert of(made, "PUT") == []


def test_what_is_relieved_names_the_lasting_answer() -> None:
    made = cured(ID, estate(vm(), *sick))

    assert made.relief is not None
    assert "--redesign-locks locks the VM with its disks and NICs (3 in all) instead" in made.relief
    assert "let the policy name an unlocked group" in made.relief


def test_the_forecast_names_the_day_from_which_backups_fail() -> None:
    read = estate(vm(), item(), held, points(12, held), over)
    [coming] = found(ID, read)
    [now] = found(ID, estate(vm(), *sick))
    [uncounted] = found(ID, estate(vm(), item(), held, over))
    [closed] = found(ID, estate(vm(), item(), held, points(2, held), lock(SERVICE_GROUP, "ReadOnly")))

    assert coming.message.endswith("(12 of 18 points); backups fail from 2026-11-28 on")
    assert (coming.evidence.fails_from, now.evidence.fails_from) == ("2026-11-28", "2026-11-22")
    assert (uncounted.evidence.fails_from, closed.evidence.fails_from) == (None, "2026-11-22")
    assert "backups fail from" not in now.message + uncounted.message


SHARED = described(full("sql1"), full("sql2"), locks=[POINTS_LOCK, described_lock("shop", name="Production")])
ALONE = described(full("sql1"), locks=[POINTS_LOCK])
WHOLE = described(full("sql1"), locks=[described_lock("subscription", name="All")])
CHOSEN = replace(ADMITTED, redesign_locks=True)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(Scene("moved", ID, ALONE, CHOSEN), tmp_path) as made:
        yield made


def test_backups_go_on_and_the_vm_cannot_be_deleted(stage: Stage) -> None:
    with closing(Lab(stage.sandbox, speed=SPEED)) as lab, stage.session.writer() as writer:
        done = stage.carry_out(writer).done
        said = lab.said(vault="vault")
        refused = pytest.raises(Exception, match="ScopeLocked")
        with refused:
            lab.compute.disks.begin_delete("shop", lab.compute.disks.list().next().name).result()

    assert {one.outcome for one in done} == {Outcome.APPLIED}
    assert stage.verdicts() == {Verdict.FIXED}
    assert said == "Completed"


def test_what_is_guarded_already_costs_no_lock(tmp_path: Path) -> None:
    with staged(Scene("moved", ID, SHARED, CHOSEN), tmp_path) as stage, stage.session.writer() as writer:
        stage.carry_out(writer)
        sent = [one.method for one in written(stage.sandbox.requests)]

    assert sent == ["DELETE", "POST", "POST"]


def test_a_lock_of_the_whole_subscription_moves_to_its_groups(tmp_path: Path) -> None:
    scene = Scene("moved", ID, WHOLE, replace(CHOSEN, lift_subscription_locks=True))
    with staged(scene, tmp_path) as stage, stage.session.writer() as writer:
        done = stage.carry_out(writer).done
        now = {ArmId(one).scope.name for one in locks(stage.at_rest())}

    assert {one.outcome for one in done} == {Outcome.APPLIED}
    assert now == {"shop", "network", "backup"}


def test_a_new_lock_that_vanished_keeps_the_old_one(stage: Stage) -> None:
    [group] = stage.look.plan.groups
    without = tuple(one for one in group.nodes if not (isinstance(one, Step) and one.request.method == "PUT"))
    stage.look = replace(stage.look, plan=replace(stage.look.plan, groups=(replace(group, nodes=without),)))
    with stage.session.writer() as writer:
        done = stage.carry_out(writer).done

    assert [one.outcome for one in done] == [Outcome.STALE, Outcome.SKIPPED]
    assert locks(stage.at_rest()) == locks(stage.before)


def test_a_rollback_places_the_old_lock_before_it_takes_a_new_one_away(stage: Stage) -> None:
    with stage.session.writer() as writer:
        stage.carry_out(writer)
    stage.sandbox.clear()
    stage.roll_back()

    assert [one.method for one in written(stage.sandbox.requests)] == ["PUT", "DELETE", "DELETE", "DELETE"]
    assert locks(stage.at_rest()) == locks(stage.before)


def test_a_rollback_that_cannot_place_the_old_lock_takes_no_new_one_away(stage: Stage) -> None:
    with stage.session.writer() as writer:
        stage.carry_out(writer)
    moved = locks(stage.at_rest())
    stage.sandbox.faults = [Fault(match="^PUT .*/locks/", status=403, code="Forbidden", times=None)]
    back = stage.roll_back()
    stage.sandbox.faults = []

    assert locks(stage.at_rest()) == moved
    assert {one.outcome for one in back.done} == {Outcome.FAILED, Outcome.SKIPPED}
    assert sum("nothing is left unguarded" in (one.reason or "") for one in back.done) == 3


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with embedded(tmp_path_factory.mktemp("sandbox"), estate=ALONE, speed=SPEED) as running:
        yield variables(running, tmp_path_factory.mktemp("state"))


FIX = ("fix", "-s", "demo", "--playbook", ID, "--allow", "guarded")


def test_a_dry_run_shows_what_is_guarded_before_and_after(signed_in: dict[str, Any]) -> None:
    shown = azremedy(*FIX, "--redesign-locks", **signed_in).out
    plan = json.loads(azremedy(*FIX, "--redesign-locks", "-o", "json", **signed_in).out)
    commands = azremedy(*FIX, "--redesign-locks", "--as", "az", **signed_in).out

    assert "what the locks guard, before and after:" in shown
    assert "no lock -> CanNotDelete: VM sql1, disk " in shown
    assert "CanNotDelete -> no lock: collection AzureBackup_sql1_" in shown
    assert "only while Keep It on VM sql1 shows properties.level: CanNotDelete" in " ".join(shown.split())
    [group] = plan["groups"]
    assert [one["after"] for one in group["guards"]] == ["CanNotDelete"] * 3 + [None]
    assert plan["choices"]["redesignLocks"] is True
    [on_the_page] = planned(plan)
    assert any(one.text.startswith("no lock -> CanNotDelete: VM sql1") for one in on_the_page.lines)
    assert commands.count("az lock create") == 3
    assert commands.index("az lock create") < commands.index("az lock delete")


@pytest.mark.parametrize("beside", [["--keep-unlocked"], ["--delete-collection", "sql1"]])
def test_refuses_flags_about_locks_that_are_lifted(beside: list[str], signed_in: dict[str, Any]) -> None:
    ended = azremedy(*FIX, "--redesign-locks", *beside, **signed_in)

    assert ended.code == 2
    assert f"{beside[0]} is about locks that are lifted: choose one" in ended.err
