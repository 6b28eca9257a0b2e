"""Smaller disks beside one that is too large: made and attached on a sandbox, looked at again, and taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import Ended, azremedy
from jsonschema import Draft202012Validator
from matrix import wrong
from scenes import SCENES
from staging import Stage, staged

from azremedy.apply import expect, missing
from azremedy.arm import ArmId, Request
from azremedy.azure import ClientSecret, find_cloud, open_writer
from azremedy.cli.looking import look
from azremedy.plan import Bracket, Done, Irreversible, Outcome
from azremedy.planfile import Asked
from azremedy.report import az
from azremedy.report.schema import schema
from azremedy.sandbox import Fault, embedded
from azremedy.verify import Verdict, verify

SCENE = next(one for one in SCENES if one.choices.attach_disks)
READER = {"name": "vms", "client_id": "5a6db0c5-0000-4000-8000-c11e47000008", "secret": "vms"}
A, S, K = Outcome.APPLIED, Outcome.STALE, Outcome.SKIPPED


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(SCENE, tmp_path) as made:
        yield made


def carry_out(stage: Stage) -> list[Done]:
    with stage.session.writer() as writer:
        return list(stage.carry_out(writer).done)


def back(stage: Stage) -> list[Done]:
    """Take the run back."""
    return list(stage.roll_back().done)


def vm_of(stage: Stage) -> ArmId:
    return stage.steps[-1].request.id


def hanging(stage: Stage) -> dict[int, str]:
    """The names of the VM's data disks by LUN, and whether each says the same."""
    state = stage.at_rest()
    disks = state[vm_of(stage).key]["properties"]["storageProfile"]["dataDisks"]
    for one in disks:
        assert state[one["managedDisk"]["id"].lower()]["managedBy"].lower() == vm_of(stage).key
    return {one["lun"]: one["name"].rpartition("-")[2] for one in disks}


def test_disks_are_made_and_attached_and_the_finding_stays_with_what_people_do_now(stage: Stage) -> None:
    done = carry_out(stage)

    assert [one.outcome for one in done] == [A, A, A]
    old, *new = hanging(stage).values()
    assert new == ["part1", "part2"]
    assert not old.startswith("part")
    [subscription] = stage.session.subscriptions()
    again = look(stage.session, subscription, asked(), SCENE.choices, lambda _: None)
    before = stage.look.scan.diagnoses
    [said] = verify(stage.look.plan.groups, before, again.estate, again.scan.diagnoses, done=done)
    assert said.verdict is Verdict.STILL_THERE
    assert said.reason is not None
    assert [said.reason.index(word) for word in ("(1) copy", "(2) check", "(3) detach")] == sorted(
        said.reason.index(word) for word in ("(1) copy", "(2) check", "(3) detach")
    )
    assert again.plan.groups == ()
    assert ["smaller disks hang beside it" in one.reason for one in again.plan.by_hand] == [True]


def test_the_journal_keeps_of_the_vm_only_what_was_looked_for(stage: Stage) -> None:
    carry_out(stage)
    run = stage.journal
    assert run is not None
    [attached] = [one for one in run.entries if one.step.request.method == "POST"]

    assert set(attached.body) == {"values"}
    assert "azureadmin" in json.dumps(stage.at_rest()[vm_of(stage).key])
    assert "azureadmin" not in stage.file.read_text(encoding="utf-8")


def asked() -> Asked:
    return Asked(playbooks=(SCENE.playbook,), deep=True)


def test_what_was_not_carried_out_is_not_handed_to_people(stage: Stage) -> None:
    vm = vm_of(stage)
    stage.sandbox.change(vm.text, "properties.storageProfile.dataDisks", [])
    done = carry_out(stage)
    before = stage.look.scan.diagnoses
    [said] = verify(stage.look.plan.groups, before, stage.look.estate, before, done=done)

    assert [one.outcome for one in done] == [S, K, K]
    assert (said.verdict, said.reason) == (Verdict.STILL_THERE, before[0].finding.message)


def test_the_way_back_detaches_the_new_disks_alone_and_deletes_none(stage: Stage) -> None:
    carry_out(stage)
    stage.sandbox.clear()
    done = back(stage)

    assert [one.outcome for one in done] == [A, K, K]
    assert list(hanging(stage)) == [0]
    state = stage.at_rest()
    for put in stage.steps[:-1]:
        assert isinstance(put.undo, Irreversible)
        made = state[put.request.id.key]
        assert ("managedBy" in made, made["properties"]["diskState"]) == (False, "Unattached")


def test_nothing_is_taken_back_once_a_person_has_detached_the_old_disk(stage: Stage) -> None:
    carry_out(stage)
    vm = vm_of(stage)
    old = next(one for one in stage.look.estate.vm[vm].disks if one.lun == 0)
    with stage.session.writer() as writer:
        disks = {"dataDisksToDetach": [{"diskId": str(old.disk)}]}
        writer.send(Request("POST", vm, "attachDetachDataDisks", disks))
    assert list(hanging(stage)) == [1, 2]

    assert [one.outcome for one in back(stage)] == [S, K, K]
    assert list(hanging(stage)) == [1, 2]


@pytest.mark.parametrize("way", ["drop-after", "truncate"])
def test_an_attach_whose_answer_was_lost_is_found_by_reading_and_not_sent_again(
    stage: Stage, way: Any
) -> None:
    stage.sandbox.faults = [Fault(match="attachDetachDataDisks", kind=way)]
    done = carry_out(stage)

    assert [one.outcome for one in done] == [A, A, A]
    assert list(hanging(stage)) == [0, 1, 2]
    assert sum("attachDetach" in one.path for one in stage.sandbox.requests) == 1


def test_only_what_was_otherwise_before_tells_that_a_post_was_carried_out(stage: Stage) -> None:
    attach = stage.steps[-1]
    still = tuple(one for one in attach.after if one in attach.before)

    assert len(still) == 2
    assert expect.telling(attach)
    assert not expect.telling(replace(attach, after=still))


def test_a_detach_whose_answer_was_lost_is_found_by_reading(stage: Stage) -> None:
    carry_out(stage)
    stage.sandbox.faults = [Fault(match="attachDetachDataDisks", kind="drop-after")]

    assert [one.outcome for one in back(stage)] == [A, K, K]
    assert list(hanging(stage)) == [0]


@pytest.mark.parametrize(
    ("path", "value", "outcomes"),
    [
        pytest.param(
            "properties.storageProfile.dataDisks.[lun=0].lun", 9, [S, K, K], id="the old disk moved"
        ),
        pytest.param("properties.storageProfile.dataDisks", None, [S, K, K], id="it is gone"),
    ],
)
def test_nothing_is_made_once_the_old_disk_hangs_elsewhere(
    stage: Stage, path: str, value: Any, outcomes: list[Outcome]
) -> None:
    stage.sandbox.change(vm_of(stage).text, path, value)

    assert [one.outcome for one in carry_out(stage)] == outcomes
    assert not [key for key in stage.at_rest() if "-part" in key]


def test_nothing_is_attached_once_a_lun_is_taken(stage: Stage) -> None:
    disk = {
        "lun": 2,
        "name": "theirs",
        "managedDisk": {"id": f"{vm_of(stage).group}/providers/x/disks/theirs"},
    }
    held = stage.at_rest()[vm_of(stage).key]["properties"]["storageProfile"]["dataDisks"]
    stage.sandbox.change(vm_of(stage).text, "properties.storageProfile.dataDisks", [*held, disk])
    done = carry_out(stage)

    assert [one.outcome for one in done] == [A, A, S]
    assert done[-1].reason is not None
    assert "[lun=2]" in done[-1].reason


def test_a_read_only_lock_of_the_group_is_lifted_around_it(tmp_path: Path) -> None:
    keep = {"name": "keep", "scope": "shop", "level": "ReadOnly"}
    with staged(replace(SCENE, estate={**SCENE.estate, "locks": [keep]}), tmp_path) as stage:
        [node] = stage.look.plan.groups[0].nodes
        assert isinstance(node, Bracket)
        assert [one.outcome for one in carry_out(stage)] == [A, A, A, A]
        assert list(hanging(stage)) == [0, 1, 2]
        assert list(wrong(stage)) == []


def test_nothing_is_planned_for_a_vm_too_small_for_what_it_takes(tmp_path: Path) -> None:
    disks = [{"lun": lun, "size": 40960 if lun == 0 else 32} for lun in range(3)]
    vms = [{**SCENE.estate["vms"][0], "disks": disks}]
    small = replace(SCENE, estate={**SCENE.estate, "vms": vms})
    with pytest.raises(AssertionError, match="takes 4 in all: resize it first"), staged(small, tmp_path):
        pass


def test_it_goes_by_the_rights_at_the_group_where_there_is_no_disk_yet(tmp_path: Path) -> None:
    roles = [{"role": "Virtual Machine Contributor", "scope": "shop/archive1"}]
    described = {**SCENE.estate, "identities": [{**READER, "roles": roles}]}
    with staged(replace(SCENE, estate=described), tmp_path) as stage:
        cloud = find_cloud(stage.sandbox.url, ca=stage.sandbox.ca, environ={})
        secret = ClientSecret(stage.sandbox.tenant, READER["client_id"], READER["secret"])
        with open_writer(cloud, secret=secret, ca=stage.sandbox.ca, environ={}) as writer:
            lacking = missing(writer, stage.look.plan.groups)

    [(right, scope)] = lacking
    assert (right, scope) == ("Microsoft.Compute/disks/write", vm_of(stage).group)


def test_as_az_everything_is_quoted_and_people_come_last(stage: Stage) -> None:
    lines = az.text(stage.look.plan.groups, stage.sandbox.now).splitlines()
    commands = [line for line in lines if line.startswith("az ")]

    assert [line.split()[:4] for line in commands] == [
        *[["az", "rest", "--method", "put"]] * 2, ["az", "rest", "--method", "post"],
    ]  # fmt: skip
    assert "attachDetachDataDisks?api-version=2024-07-01'" in commands[-1]
    after = lines[lines.index(commands[-1]) + 1 :]
    assert [line.split()[1:3] for line in after if line.startswith("#   ")] == [
        ["1.", "copy"], ["2.", "check"], ["3.", "detach"],
    ]  # fmt: skip


ASKING = ("-s", "demo", "--playbook", "disk-size", "--allow", "guarded", "--attach-disks", "archive1:0")


def test_from_the_command_line_it_is_shown_done_looked_at_again_and_taken_back(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate="demo", speed=2000) as sandbox:
        variables = {
            "AZREMEDY_CLOUD": sandbox.url,
            "AZURE_TENANT_ID": sandbox.tenant,
            "AZURE_CLIENT_ID": sandbox.client_id,
            "AZURE_CLIENT_SECRET": sandbox.client_secret,
            "REQUESTS_CA_BUNDLE": str(sandbox.ca),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "LOCALAPPDATA": str(tmp_path / "state"),
            "HOME": str(tmp_path),
        }

        def run(*arguments: str | Path) -> Ended:
            return azremedy(*arguments, **variables)

        def disks() -> list[Any]:
            held: Mapping[str, Any] = sandbox.snapshot()
            [vm] = [one for key, one in held.items() if key.endswith("/virtualmachines/archive1")]
            found: list[Any] = vm["properties"]["storageProfile"]["dataDisks"]
            return [one["lun"] for one in found]

        plan = tmp_path / "plan.json"
        shown = run("fix", *ASKING, "--save", plan)
        assert shown.code == 0, shown.err
        assert "then, by hand, without which it is not cured:" in shown.out
        assert disks() == [0]
        ended = run("fix", "--apply", "--plan", plan, "--yes", "--now", "-o", "json")
        assert ended.code == 1, ended.err
        made = json.loads(ended.out)
        Draft202012Validator(schema("run")).validate(made)
        assert [one["outcome"] for one in made["steps"]] == ["applied"] * 3
        assert [(one["verdict"], one["reason"][:20]) for one in made["verified"]] == [
            ("still there", "by hand now: (1) cop")
        ]
        assert disks() == [0, 1, 2]
        assert "Nothing is planned" in run("fix", *ASKING).out
        taken = run("rollback", made["run"], "--yes")
        assert taken.code == 0, taken.err
        assert disks() == [0]
