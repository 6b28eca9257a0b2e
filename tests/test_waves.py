"""`--wave`: a canary, then more; each bracket whole in one wave, and none begun after one that went wrong."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from building import vm_id
from commands import Desk, command, document, environment, locks, variables, written
from hypothesis import given, strategies
from jsonschema import Draft202012Validator

from azremedy.apply import Result
from azremedy.arm import ArmId, Request
from azremedy.cli.afterwards import gone_wrong
from azremedy.plan import Bracket, Cure, Done, FixClass, Group, Irreversible, Node, Outcome, Step
from azremedy.planning.waves import as_approved, numbered, units
from azremedy.report.schema import schema
from azremedy.sandbox import Sandbox, embedded
from azremedy.sandbox.description import Fault
from azremedy.verify import Verdict, Verified
from azremedy.waves import Amount, amounts

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")

ID = "5a6db0c5-0000-4000-8000-000000000001"
WAVES = ("--wave", "1,50%,100%")
FIX = ("fix", "-s", ID, "--allow", "guarded", "-o", "json")
NAMES = [f"web{number}" for number in range(1, 7)]


def full(name: str) -> dict[str, Any]:
    """A VM whose restore points are at their limit, under the lock."""
    failed = {"code": "UserErrorRpCollectionLimitReached", "hours_ago": 8}
    backup = {"vault": "vault", "policy": "daily", "completed": 32, "failed": failed}
    points = {"count": 18, "every": 24, "newest": 32}
    return {"name": name, "group": "shop", "points": points, "backup": backup}


ESTATE: Mapping[str, Any] = {
    "vaults": [{"name": "vault", "group": "backup", "policies": [{"name": "daily"}]}],
    "vnets": [{"name": "vnet", "subnets": [{"name": "servers", "prefix": "10.0.0.0/22"}]}],
    "locks": [{"name": "keep", "scope": "AzureBackupRG_westeurope_1"}],
    "vms": [full(name) for name in NAMES],
}
"""Six VMs whose points one lock keeps."""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate=ESTATE, speed=2000) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


def names(of: Mapping[str, Any]) -> list[str]:
    return sorted(ArmId(vm).name for vm in of["vms"])


def short(writes: list[str]) -> list[str]:
    """Writes as the lock or the VM that they are for."""
    return [
        f"{one.split()[0]} {one.rpartition(';')[2].split('/')[0]}" if ";" in one else one.split()[0]
        for one in writes
    ]


LIFTED, BACK = ["DELETE"], ["PUT"]


def backups(*numbers: int) -> list[str]:
    return [f"POST web{number}" for number in numbers]


ALL_WAVES = [
    *LIFTED, *backups(1), *BACK,
    *LIFTED, *backups(2, 3), *BACK,
    *LIFTED, *backups(4, 5, 6), *BACK,
]  # fmt: skip


def step(name: str, target: ArmId) -> Step:
    return Step(
        summary=name,
        request=Request("POST", target, name),
        before=(),
        after=(),
        undo=Irreversible("a test"),
        within=timedelta(minutes=1),
        fix_class=FixClass.GUARDED,
    )


def cure(*vms: str, nodes: tuple[Node, ...] = ()) -> Cure:
    return Cure(
        "a-playbook",
        tuple(map(vm_id, vms)),
        tuple(vms),
        nodes or tuple(step("restart", vm_id(vm)) for vm in vms),
    )


LOCK = vm_id("lock")


def lifting(*vms: str, keep_open: bool = False) -> Cure:
    body = tuple(step("backup", vm_id(vm)) for vm in vms)
    return cure(*vms, nodes=(Bracket(step("lift", LOCK), body, (), keep_open=keep_open),))


def waves(cures: list[Cure], written: str) -> list[list[str]]:
    """Return the names of the VMs of each wave."""
    found: dict[int, list[str]] = {}
    for vm, number in numbered(units(cures), amounts(written)).items():
        found.setdefault(number, []).append(vm.name)
    assert list(found) == list(range(1, len(found) + 1))
    return list(found.values())


def test_amounts_are_cumulative_and_shares_are_rounded_up() -> None:
    assert amounts("1, 5%,100%") == (Amount(1), Amount(5, percent=True), Amount(100, percent=True))
    assert [str(one) for one in amounts("1,5%,100%")] == ["1", "5%", "100%"]
    assert [Amount(5, percent=True).of(vms) for vms in (1, 20, 21, 1000)] == [1, 1, 2, 50]
    assert Amount(7).of(3) == 3
    assert waves([cure(name) for name in "abcdefghij"], "1,25%,100%") == [["a"], ["b", "c"], list("defghij")]


def test_a_wave_for_which_nobody_is_left_is_none() -> None:
    assert waves([cure("a"), cure("b")], "1,5%,10%,100%") == [["a"], ["b"]]
    assert waves([cure("a")], "1,5%,100%") == [["a"]]


def test_vms_that_one_step_is_for_come_together_and_not_as_the_canary_where_another_can() -> None:
    shared = step("power", vm_id("shared"))
    moved = [cure("a", nodes=(shared,)), cure("b", nodes=(shared,)), cure("c")]

    assert waves(moved, "1,100%") == [["c"], ["a", "b"]]
    assert waves(moved[:2], "1,100%") == [["a", "b"]]
    assert waves([cure("a", "b"), cure("b", "c"), cure("d")], "1,100%") == [["d"], ["a", "b", "c"]]


def test_a_lock_that_is_put_back_can_be_lifted_for_one_vm_and_one_that_stays_off_only_for_all() -> None:
    assert waves([lifting("a", "b", "c")], "1,100%") == [["a"], ["b", "c"]]
    assert waves([lifting("a", "b", keep_open=True), lifting("c", keep_open=True)], "1,100%") == [
        ["a", "b", "c"]
    ]


@given(
    sizes=strategies.lists(strategies.integers(1, 7), min_size=1, max_size=12),
    shares=strategies.sets(strategies.integers(1, 99), max_size=3),
    first=strategies.integers(1, 9),
)
def test_everybody_comes_once_with_all_of_their_unit_and_the_canary_is_no_larger_than_it_has_to_be(
    sizes: list[int], shares: set[int], first: int
) -> None:
    made = [tuple(vm_id(f"vm{unit}-{one}") for one in range(size)) for unit, size in enumerate(sizes)]
    found = numbered(made, amounts(",".join([str(first), *(f"{one}%" for one in sorted(shares)), "100%"])))
    canary = sum(wave == 1 for wave in found.values())

    assert found.keys() == {vm for unit in made for vm in unit}
    assert all(len({found[vm] for vm in unit}) == 1 for unit in made)
    assert set(found.values()) == set(range(1, max(found.values()) + 1))
    assert canary <= max(first, min(sizes))


def test_who_was_approved_for_a_wave_stays_in_it_and_who_was_for_none_comes_last() -> None:
    found = as_approved(units([cure("a"), cure("b"), cure("new")]), {vm_id("a"): 3, vm_id("b"): 2})

    assert {vm.name: number for vm, number in found.items()} == {"a": 3, "b": 2, "new": 4}


def test_a_dry_run_shows_who_is_in_which_wave_and_each_bracket_is_whole_in_one(
    run: Desk, sandbox: Sandbox
) -> None:
    ended = run(*FIX, *WAVES)
    made = document(ended)
    text = run(*FIX[:-2], *WAVES).out

    assert ended.code == 0, ended.err
    Draft202012Validator(schema("plan")).validate(made)
    assert [(group["wave"], names(group)) for group in made["groups"]] == [
        (1, ["web1"]), (2, ["web2", "web3"]), (3, ["web4", "web5", "web6"])
    ]  # fmt: skip
    assert [len(group["steps"]) for group in made["groups"]] == [1, 1, 1]
    assert made["choices"]["waves"] == ["1", "50%", "100%"]
    assert (
        len(
            {one["finding"] for one in made["byHand"]}
            | {one for group in made["groups"] for one in group["findings"]}
        )
        == 12
    )
    assert [line for line in text.splitlines() if line.startswith("Wave")] == [
        "Wave 1, 1 VM: web1", "Wave 2, 2 VMs: web2, web3", "Wave 3, 3 VMs: web4, web5, web6"
    ]  # fmt: skip
    assert "# wave 2: begin it once" in run(*FIX[:-2], *WAVES, "--as", "az").out
    assert written(sandbox) == []


def test_a_report_and_pseudonyms_tell_the_waves_too(run: Desk, tmp_path: Path) -> None:
    page = tmp_path / "fix.html"
    assert run(*FIX, *WAVES, "--report", f"html={page}").code == 0
    masked = document(run(*FIX, *WAVES, "--mask"))

    assert "in wave 2, once the one before is over and has helped" in page.read_text(encoding="utf-8")
    assert [(group["wave"], len(group["vms"])) for group in masked["groups"]] == [(1, 1), (2, 2), (3, 3)]
    assert "web1" not in json.dumps(masked)


def test_waves_are_carried_out_one_after_the_other_and_nothing_is_unlocked_between_them(
    run: Desk, sandbox: Sandbox
) -> None:
    before = locks(sandbox)
    ended = run(*FIX, *WAVES, "--apply", "--yes")
    ending = document(ended)

    assert ended.code == 0, ended.err
    Draft202012Validator(schema("run")).validate(ending)
    assert short(written(sandbox)) == ALL_WAVES
    assert locks(sandbox) == before
    assert [(one["wave"], names(one), one["begun"]) for one in ending["waves"]] == [
        (1, ["web1"], True), (2, ["web2", "web3"], True), (3, ["web4", "web5", "web6"], True)
    ]  # fmt: skip
    assert len([one for one in ending["verified"] if one["playbook"] == "restore-point-lock"]) == 6
    assert "wave 1 of 3 is over, the next one begins" in ended.err
    [listed] = json.loads(run("runs", "-o", "json").out)
    assert (listed["wave"], listed["state"]) == ("3 of 3", "finished")
    shown = json.loads(run("runs", "show", ending["run"], "-o", "json").out)
    assert [one["wave"] for one in shown["steps"]] == [1, 1, 2, 2, 2, 3, 3, 3, 3]


def test_vms_that_share_nothing_come_in_waves_too(tmp_path: Path) -> None:
    down = [silent("dc1"), silent("dc2"), silent("dc3")]
    with embedded(tmp_path / "sandbox", estate={**ESTATE, "vms": down}, speed=2000) as sandbox:
        agents = (*FIX, "--playbook", "agent-unresponsive", "--settle", "1s", "--apply", "--yes", "--now")
        ended = Desk(sandbox, tmp_path)(*agents, "--wave", "1,100%")
        writes = [one.lower().partition("/virtualmachines/")[2].partition("/")[0] for one in written(sandbox)]

    assert ended.code == 0, ended.err
    assert [names(one) for one in document(ended)["waves"]] == [["dc1"], ["dc2", "dc3"]]
    canary = writes.count("dc1")
    assert set(writes[:canary]) == {"dc1"}
    assert set(writes[canary:]) == {"dc2", "dc3"}


def silent(name: str) -> dict[str, Any]:
    """A VM whose agent comes back after a restart."""
    failed = {"code": "UserErrorGuestAgentStatusUnavailable", "hours_ago": 8}
    backup = {"vault": "vault", "policy": "daily", "completed": 32, "failed": failed}
    return {"name": name, "group": "shop", "agent": "not-ready", "backup": backup}


def test_a_canary_that_goes_wrong_keeps_the_next_wave_from_beginning(run: Desk, sandbox: Sandbox) -> None:
    before = locks(sandbox)
    sandbox.faults = [Fault(match="POST .*web1/backup", kind="status", status=400)]
    ended = run(*FIX, *WAVES, "--apply", "--yes")
    ending = document(ended)

    assert ended.code == 5, ended.err
    assert short(written(sandbox)) == [*LIFTED, *backups(1), *BACK]
    assert [one["begun"] for one in ending["waves"]] == [True, False, False]
    assert ending["waves"][1]["reason"] == (
        "1 group went wrong or did not help by the end of wave 1, and the run stops after 1."
    )
    assert {one["verdict"] for one in ending["verified"] if "web6" in one["vm"]} == {"still there"}
    assert locks(sandbox) == before


def test_an_error_budget_admits_some_that_go_wrong(run: Desk, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault(match="POST .*web[1]/backup", kind="status", status=400)]
    ended = run(*FIX, *WAVES, "--apply", "--yes", "--stop-after", "2")

    assert ended.code == 5
    assert [one["begun"] for one in document(ended)["waves"]] == [True, True, True]


@pytest.mark.parametrize(
    ("verdict", "afterwards", "wrong"),
    [
        (Verdict.FIXED, (), False),
        (Verdict.RELIEVED, (), False),
        (Verdict.STILL_THERE, (), True),
        (Verdict.UNDECIDABLE, (), True),
        (Verdict.STILL_THERE, ("copy the data",), False),
    ],
)
def test_a_cure_that_does_not_help_has_gone_wrong_though_all_its_writes_went_well(
    verdict: Verdict, afterwards: tuple[str, ...], wrong: bool
) -> None:
    made = replace(cure("a"), afterwards=afterwards)
    group = Group("g1", (made,), made.nodes, wave=1)
    result = Result((Done("g1", step("restart", vm_id("a")), Outcome.APPLIED),))
    verified = [Verified("a-playbook", vm_id("a"), "a", verdict)]

    assert list(gone_wrong([group], result, verified)) == ["g1"] * wrong


def test_a_proof_that_fails_keeps_the_next_wave_from_beginning(run: Desk, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault(match="POST .*web3/backup", kind="status", status=400, nth=2)]
    ended = run(*FIX, *WAVES, "--apply", "--yes", "--prove", "--stop-after", "9")
    ending = document(ended)

    assert ended.code == 5, ended.err
    assert [(ArmId(one["vm"]).name, one["proved"]) for one in ending["proofs"]] == [
        ("web1", True), ("web2", True), ("web3", False)
    ]  # fmt: skip
    assert short(written(sandbox)) == [*ALL_WAVES[:3], *backups(1), *ALL_WAVES[3:7], *backups(2, 3)]
    assert [one["begun"] for one in ending["waves"]] == [True, True, False]
    assert ending["waves"][2]["reason"] == "Wave 2 is not proved: the backup of web3 did not complete."


def test_a_wave_of_which_nothing_is_known_keeps_the_next_from_beginning(run: Desk, sandbox: Sandbox) -> None:
    lists = ("fix", "-s", ID, "--allow", "guarded", *WAVES, "-o", "none")
    sandbox.clear()
    run(*lists)
    once = sum("/backupProtectedItems" in one.path for one in sandbox.requests)
    sandbox.faults = [Fault(match="GET .*/backupProtectedItems", status=403, nth=once + 1, times=None)]
    ended = run(*FIX, *WAVES, "--apply", "--yes")
    ending = document(ended)

    assert ended.code == 3, ended.err
    assert [one["begun"] for one in ending["waves"]] == [True, False, False]
    assert {one["verdict"] for one in ending["verified"] if one["vm"].endswith("web1")} == {"undecidable"}


@posix
def test_a_signal_in_a_wave_puts_its_lock_back_and_no_further_one_begins(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = locks(sandbox)
    with subprocess.Popen(
        command(*FIX, *WAVES, "--apply", "--yes"), env=environment(**variables(sandbox, tmp_path)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while short(written(sandbox)) != ALL_WAVES[:2]:
            assert process.poll() is None
            time.sleep(0.005)
        process.terminate()
        out, said = process.communicate(timeout=60)

    assert process.returncode == 143, said
    assert locks(sandbox) == before
    assert short(written(sandbox)) == ALL_WAVES[:3]
    assert [one["begun"] for one in json.loads(out)["waves"]] == [True, False, False]
    [listed] = json.loads(run("runs", "-o", "json").out)
    assert listed["wave"] == "1 of 3"


@posix
def test_a_plan_goes_on_with_the_next_wave_after_the_process_was_killed_between_two(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    before, kept = locks(sandbox), tmp_path / "plan.json"
    assert run(*FIX, *WAVES, "--save", kept).code == 0
    applying = ("fix", "--apply", "--plan", kept, "--yes", "-o", "json")
    with subprocess.Popen(
        command(*applying, "--prove"), env=environment(**variables(sandbox, tmp_path)), stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while short(written(sandbox)) != [*ALL_WAVES[:3], *backups(1)]:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    assert locks(sandbox) == before
    killed, proving = json.loads(run("runs", "-o", "json").out)
    assert (killed["state"], killed["wave"], proving["wave"]) == ("unfinished", "1 of 3", None)

    resumed = run("resume")
    assert resumed.code == 1, "the findings of the other waves are still there"
    assert f"run {killed['run']} ended with wave 1 of 3" in resumed.err
    assert locks(sandbox) == before
    sandbox.clear()
    ended = run(*applying)
    ending = document(ended)

    assert ended.code == 0, ended.err
    assert f"going on with this plan after run {killed['run']}" in ended.err
    assert short(written(sandbox)) == [*backups(1), *ALL_WAVES[3:]], "the proof that is missing comes first"
    assert [(ArmId(one["vm"]).name, one["proved"]) for one in ending["proofs"]] == [("web1", True)]
    assert {one["verdict"] for one in ending["verified"] if one["playbook"] == "restore-point-lock"} == {
        "relieved"
    }
    assert ending["refused"] == []
    assert [(one["wave"], names(one)) for one in ending["waves"]] == [
        (2, ["web2", "web3"]), (3, ["web4", "web5", "web6"])
    ]  # fmt: skip
    assert locks(sandbox) == before


def stuck(name: str) -> dict[str, Any]:
    """A VM whose last write failed, which a reapply cures."""
    failed = {"code": "UserErrorVmProvisioningStateFailed", "hours_ago": 8}
    backup = {"vault": "vault", "policy": "daily", "completed": 56, "failed": failed}
    return {
        "name": name, "group": "shop", "provisioning": {"state": "Failed", "cured_by": "reapply"},
        "backup": backup,
    }  # fmt: skip


def test_a_lock_that_is_not_back_keeps_the_next_wave_from_beginning_and_cures_nothing(tmp_path: Path) -> None:
    mixed = {**ESTATE, "vms": [full("aaa1"), stuck("bad1"), stuck("bad2")]}
    with embedded(tmp_path / "sandbox", estate=mixed, speed=2000) as sandbox:
        sandbox.faults = [Fault(match="PUT /.*locks/keep", status=409, times=None)]
        ended = Desk(sandbox, tmp_path)(
            *FIX, "--wave", "1,100%", "--apply", "--yes", "--stop-after", "9", "--prove"
        )
        writes = set(short(written(sandbox)))
    ending = document(ended)

    assert ended.code == 5, ended.err
    assert writes == {"DELETE", "POST aaa1", "PUT"}
    assert [one["begun"] for one in ending["waves"]] == [True, False]
    assert ending["waves"][1]["reason"] == "The lock keep of AZUREBACKUPRG_WESTEUROPE_1 is not back."
    said = {one["playbook"]: (one["verdict"], one["reason"]) for one in ending["verified"]}
    assert said["restore-point-lock"] == (
        "undecidable", "the lock keep that was lifted for it is not back"
    )  # fmt: skip
    assert ending["proofs"] == []


def killed(sandbox: Sandbox, folder: Path, after: list[str], *arguments: str | Path, **more: str) -> None:
    """Run a command until these writes reached ARM, and kill it."""
    with subprocess.Popen(
        command(*arguments), env=environment(**variables(sandbox, folder), **more),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while short(written(sandbox)) != after:
            assert process.poll() is None, short(written(sandbox))
            time.sleep(0.005)
        process.kill()


@posix
def test_the_same_command_puts_back_what_the_journal_it_names_says_is_lifted_and_refuses_no_finished_wave(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    before, kept, journal = locks(sandbox), tmp_path / "plan.json", tmp_path / "run.jsonl"
    assert run(*FIX, *WAVES, "--save", kept).code == 0
    again = ("fix", "--apply", "--plan", kept, "--yes", "--journal", journal, "-o", "json")
    killed(sandbox, tmp_path, [*ALL_WAVES[:3], *LIFTED], *again, CI="true")
    assert locks(sandbox) != before

    ended = run(*again, CI="true")

    assert "did not come to its end: resuming it first" in ended.err
    assert locks(sandbox) == before
    ending = document(ended)
    assert [one["group"] for one in ending["refused"]] == []
    assert ended.code == 0, ended.err
    assert short(written(sandbox)) == [*ALL_WAVES[:3], *LIFTED, *BACK, *ALL_WAVES[3:]]
    assert json.loads(run("runs", "-o", "json").out) == []
    third = run(*again, CI="true")
    assert third.code == 0, third.err
    assert document(third)["refused"] == []


def test_a_file_that_is_no_journal_of_this_plan_is_left_as_it_is(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    kept, journal = tmp_path / "plan.json", tmp_path / "run.jsonl"
    one = ("--apply", "--yes", "--journal", journal)
    assert run(*FIX, "--vm", "web1", "--save", kept).code == 0
    assert run(*FIX, "--vm", "web2", *one).code == 0
    sandbox.clear()
    before = journal.read_bytes()

    for arguments in (("fix", "--plan", kept, *one), (*FIX, *one)):
        ended = run(*arguments)
        assert (ended.code, written(sandbox)) == (2, [])
        assert f"{journal} is there already: name a new file for the journal." in ended.err
    assert journal.read_bytes() == before


def saved(run: Desk, folder: Path, *waves: str) -> tuple[str | Path, ...]:
    """Keep a plan, and return the command that carries it out."""
    kept = folder / "plan.json"
    assert run(*FIX, *waves, "--save", kept).code == 0
    return ("fix", "--apply", "--plan", kept, "--yes", "-o", "json")


def test_a_canary_that_went_wrong_is_not_stepped_over_by_the_same_command_again(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    applying = saved(run, tmp_path, "--wave", "2,100%")
    sandbox.faults = [Fault(match="POST .*web2/backup", status=409, times=None)]
    first = run(*applying)
    assert first.code == 5, first.err
    sandbox.faults = []
    sandbox.clear()

    again = run(*applying, "--stop-after", "9")

    assert (again.code, written(sandbox)) == (6, []), "a part of it was done, and is planned otherwise now"
    [second] = [one for one in document(again)["waves"] if one["wave"] == 2]
    assert not second["begun"]
    assert second["reason"] == (
        f"No further wave of this plan begins after run {document(first)['run']}. 1 group went wrong or did not help by "
        "the end of wave 1, and the run stops after 1. Mend that by hand, and make a new plan."
    )
    assert second["reason"] in again.err


def test_a_proof_that_failed_is_not_forgotten_by_the_same_command_without_it(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    applying = saved(run, tmp_path, "--wave", "1,100%")
    sandbox.faults = [Fault(match="POST .*web1/backup", kind="status", status=400, nth=2)]
    assert run(*applying, "--prove").code == 5
    sandbox.clear()

    again = run(*applying)

    assert (again.code, written(sandbox)) == (5, [])
    assert "Wave 1 is not proved: the backup of web1 did not complete. Mend that by hand" in again.err


@posix
def test_a_wave_of_which_a_part_is_refused_keeps_all_later_ones_from_beginning(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    before, applying = locks(sandbox), saved(run, tmp_path, *WAVES)
    killed(sandbox, tmp_path, [*ALL_WAVES[:3], *LIFTED, *backups(2)], *applying)
    assert run("resume").code == 5
    assert locks(sandbox) == before
    sandbox.clear()

    again = run(*applying)
    text = run(*applying[:-2])

    assert (again.code, written(sandbox)) == (6, [])
    assert len(document(again)["refused"]) == 1
    assert "A part of wave 2 is refused, and no later one begins. Mend that by hand" in again.err
    assert [(one["wave"], one["begun"]) for one in document(again)["waves"]] == [(3, False)]
    assert "wave 3 of 3 (3 VMs): not begun: A part of wave 2 is refused" in text.out
