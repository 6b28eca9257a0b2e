"""From finding to proof and back: every cure there is, on a sandbox that nobody else touches."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from commands import Desk, document
from matrix import SERVICE, flat, key, locks, of, written
from sandboxed import CALM, Lab
from scenes import SCENES, TOLD, Scene, each
from staging import SPEED, Snapshot, Stage, staged

from azremedy.arm import Json, Request
from azremedy.plan import Done, Irreversible, Outcome
from azremedy.playbook import Severity, load
from azremedy.sandbox import embedded

WELL = {Outcome.APPLIED, Outcome.NOT_NEEDED}

OF_A_BACKUP = frozenset({
    "lastBackupTime", "lastBackupStatus", "lastRecoveryPoint", "protectionStatus", "healthStatus", "healthDetails",
})  # fmt: skip
"""What each backup changes of a protected item."""
OF_THE_TIME = frozenset({"etag", "time"})

REVERSIBLE = frozenset({
    "no way to Storage", "no way to Storage, locked", "a disk that is too large", "shut down from inside",
    "protection that was stopped", "extensions that are forbidden", "a disk that VMs share",
    "a disk whose data was copied to smaller ones",
})  # fmt: skip
"""Scenes whose cure a rollback takes back; of the others nothing but locks was changed that could be."""

NO_CURE = frozenset({
    "agent-outdated", "egress-route", "key-vault-access", "orphaned-item", "policy-denial", "unprotected-vm",
}) | {one.id for one in load().values() if one.inside}  # fmt: skip
"""Playbooks that tell a person what to do, and those that look inside VMs (`test_guest_cures.py`)."""


CURED = [one for one in (*SCENES, *TOLD) if one.lasting]


@each(*CURED)
def test_a_cause_is_diagnosed_as_that_cause_and_no_other(scene: Scene, tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate=scene.estate, speed=CALM) as sandbox:
        desk = Desk(sandbox, tmp_path)
        for name in scene.vms:
            made = document(desk("diagnose", "--vm", name, "-s", "demo", "-o", "json"))

            assert [one["cause"] for one in made["causes"] if one["verdict"] == "cause"] == list(scene.causes)
            assert scene.playbook in {one["playbook"] for one in made["findings"]}


@each(*CURED)
def test_a_cause_is_found_shown_cured_proved_and_taken_back(scene: Scene, tmp_path: Path) -> None:
    with staged(scene, tmp_path) as stage, closing(Lab(stage.sandbox, speed=SPEED)) as lab:
        assert found(stage) == set(scene.vms)
        assert [one.path.partition("?")[0].rpartition("/")[2] for one in written(stage.looked)] == (
            ["runCommand"] if scene.guest else []
        )
        assert stage.sandbox.snapshot() == stage.before

        with stage.session.writer() as writer:
            applied = stage.carry_out(writer)
        assert {one.outcome for one in applied.done} <= WELL
        assert found(stage) == set()
        assert {name: lab.said(name=name, vault="vault") for name in scene.vms} == dict.fromkeys(
            scene.vms, "Completed"
        )

        cured = stage.at_rest()
        stage.sandbox.clear()
        back = stage.roll_back()
        sent = [of(one) for one in written(stage.sandbox.requests) if "/locks/" not in one.path]
        assert sent == ways_back(applied.done)
        assert bool(sent) is (scene.id in REVERSIBLE)
        assert [one.reason for one in back.done if one.outcome is not Outcome.APPLIED] == for_good(
            applied.done
        )
        after = stage.at_rest()
        assert differ(stage.before, after) == differ(stage.before, cured) - taken_back(applied.done)
        assert locks(after) == locks(stage.before)


@pytest.mark.parametrize(
    ("scene", "sent"),
    [
        ("a lock on the points of three VMs", "DELETE POST POST POST PUT"),
        ("a lock on the points of two VMs, one at a time", "DELETE POST PUT DELETE POST PUT"),
    ],
)
def test_a_bracket_serves_as_many_vms_as_it_may_and_then_the_next_one_opens(
    scene: str, sent: str, tmp_path: Path
) -> None:
    [chosen] = [one for one in SCENES if one.id == scene]
    with staged(chosen, tmp_path) as stage, stage.session.writer() as writer:
        [group] = stage.look.plan.groups
        applied = stage.carry_out(writer)

        assert [one.method for one in written(stage.sandbox.requests)] == sent.split()
        assert [one.closed for one in applied.unlocked] == [True] * len(group.nodes)


def test_every_playbook_that_cures_has_a_scene() -> None:
    assert {one.playbook for one in SCENES if one.lasting} == load().keys() - NO_CURE


def found(stage: Stage) -> set[str]:
    """Scan, and return the VMs with a cause that a failed job bears out."""
    return {
        one.finding.vm.name
        for one in stage.session.scan().diagnoses
        if one.finding.severity >= Severity.CORROBORATED
    }


def kept(done: Sequence[Done]) -> list[Done]:
    """The steps that a rollback looks at, newest first: those that were sent, without locks that are back."""
    return [
        one
        for one in reversed(done)
        if one.outcome is Outcome.APPLIED and "/locks/" not in one.step.request.id.key
    ]


def ways_back(done: Sequence[Done]) -> list[str]:
    return [key(one.step.undo) for one in kept(done) if isinstance(one.step.undo, Request)]


def for_good(done: Sequence[Done]) -> list[str]:
    """Why steps cannot be taken back."""
    return [one.step.undo.reason for one in kept(done) if isinstance(one.step.undo, Irreversible)]


def taken_back(done: Sequence[Done]) -> set[str]:
    """What shows that a step was taken back: its target, where that is a VM its state, and what else it speaks of."""
    steps = [one.step for one in kept(done) if isinstance(one.step.undo, Request)]
    targets = {one.request.id.key for one in steps}
    beside = {expect.target.key for one in steps for expect in one.after}
    return targets | beside | {f"{one}/instanceview" for one in targets}


def differ(before: Snapshot, after: Snapshot) -> set[str]:
    """Return the ids of what is otherwise, but for locks and what the service makes and removes with each backup."""
    then, now = flat(before), flat(after)
    return {
        one
        for one in then.keys() | now.keys()
        if lasting(then.get(one)) != lasting(now.get(one))
        and "/locks/" not in one
        and ("/protecteditems/" in one or not any(part in one for part in SERVICE))
    }


def lasting(value: Json) -> Json:
    """Return a value without what backups and time change in it, without members that say nothing, ids without case."""
    match value:
        case dict():
            kept = {
                name: lasting(one) for name, one in value.items() if name not in OF_A_BACKUP | OF_THE_TIME
            }
            return {name: one for name, one in kept.items() if one}
        case list():
            # A disk that comes back is named last, wherever it hangs.
            return sorted(
                map(lasting, value), key=lambda one: one.get("lun", -1) if isinstance(one, dict) else -1
            )
        case str():
            return value.lower()
        case _:
            return value
