"""What a plan and its outcome look like to a person, and as commands of az."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest
from building import NOW, SUBSCRIPTION, VAULT, lock, vm_id
from jsonschema import Draft202012Validator

from azremedy.apply import shell
from azremedy.arm import ArmId, Request
from azremedy.guest import linux, starting
from azremedy.lifting import lift
from azremedy.plan import (
    Bracket,
    ByHand,
    Cure,
    Done,
    Expect,
    FixClass,
    Group,
    Irreversible,
    Ladder,
    Node,
    Outcome,
    Step,
    Unlocked,
    View,
)
from azremedy.plan import Test as Check
from azremedy.planfile import Refused
from azremedy.planning import Plan
from azremedy.report import az, outcome
from azremedy.report.outcome import Ending, Proof
from azremedy.report.plan import Context, span, text
from azremedy.report.schema import schema
from azremedy.resources import Read, Unread
from azremedy.verify import Verdict, Verified

SQL1 = vm_id("sql1")
LOCK = lock("prod", notes="ask O'Neill first")
RULE = ArmId(f"{SQL1.group}/providers/Microsoft.Network/networkSecurityGroups/nsg1/securityRules/allow")
ITEM = ArmId(f"{VAULT}/backupFabrics/Azure/protectionContainers/c/protectedItems/vm;sql1")
HOSTILE = "\x1b[31mred\x1b[0m\n##vso[task.complete]\u202e [bold]x[/bold]"

backup = Step(
    summary="back sql1 up",
    request=Request("POST", ITEM, "backup", {"properties": {"recoveryPointExpiryTimeInUTC": "now+P7D"}}),
    before=(),
    after=(Expect(ITEM, "properties.startTime", Check.NEWER, view=View.NEWEST_JOB),),
    undo=Irreversible("the point expires by itself"),
    within=timedelta(minutes=15),
    fix_class=FixClass.GUARDED,
    triggers_backup=ITEM,
)
allow = Step(
    summary="allow Storage",
    request=Request("PUT", RULE, body={"properties": {"priority": 190, "destinationPortRanges": ["443"]}}),
    before=(
        Expect(RULE, "", Check.ABSENT),
        Expect(SQL1, "properties.provisioningState", Check.EQUALS, "Succeeded"),
    ),
    after=(
        Expect(RULE, "properties.priority", Check.EQUALS, 190),
        Expect(RULE, "properties.provisioningState", Check.EQUALS, "Succeeded"),
    ),
    undo=Request("DELETE", RULE),
    within=timedelta(minutes=5),
    fix_class=FixClass.GUARDED,
)
redeploy = Step(
    summary="redeploy sql1",
    request=Request("POST", SQL1, "redeploy"),
    before=(),
    after=(),
    undo=Irreversible("it lives on another host then"),
    within=timedelta(minutes=20),
    fix_class=FixClass.DESTRUCTIVE,
    loses=("the temporary disk of sql1",),
    changes_vm=SQL1,
)
few = Expect(SQL1, "properties.restorePoints", Check.BELOW, 18)


def script_of(lines: list[str], width: int) -> list[str]:
    """Return what a dry run on a screen of this width shows as the script of a step, as it would be copied."""
    run = replace(redeploy, request=Request("POST", SQL1, "runCommand", {"script": lines}))
    made = text(Plan((group(run),), ()), Context("prod", NOW, timedelta(hours=4)), width=width).splitlines()
    begin = next(number for number, line in enumerate(made) if line.strip() == "with this script:") + 1
    depth = len(made[begin - 1]) - len(made[begin - 1].lstrip()) + 2
    return [line[depth:] for line in made[begin : begin + len(lines)]]


@pytest.mark.parametrize("width", [60, 300])
def test_a_dry_run_shows_the_very_script_that_is_sent(width: int) -> None:
    for lines in (
        linux.script("update-agent"), linux.script("keep-agent"), linux.script("probe"), starting("IaasVmProvider", "Automatic").lines,
    ):  # fmt: skip
        assert script_of(list(lines), width) == list(lines)


def test_a_script_is_no_command_to_a_build_server_for_all_that() -> None:
    hostile = ["::error::x", "  ::add-mask::y", "a ##vso[task.complete]", "\x1b[31mred"]

    assert script_of(hostile, 300) == [
        r":\x3aerror::x",
        r"  :\x3aadd-mask::y",
        r"a #\x23vso[task.complete]",
        r"\x1b[31mred",
    ]


def group(*nodes: Node, relief: str | None = None) -> Group:
    return Group("ab12", (Cure("restore-point-lock", (SQL1,), ("f1",), nodes, relief),), nodes)


def shown(*nodes: Node, relief: str | None = None) -> list[str]:
    context = Context("prod", NOW, timedelta(hours=4))
    return text(Plan((group(*nodes, relief=relief),), ()), context, width=300).splitlines()


def test_a_bracket_shows_what_is_lifted_what_is_done_and_when_it_is_back() -> None:
    lines = shown(Bracket(lift(LOCK), (backup,), (few,)), relief="until Friday")

    assert [line.strip() for line in lines[2:] if "unlocked for" not in line] == [
        "sql1: restore-point-lock  [ab12]",
        "guarded  lift the CanNotDelete lock 'keep' on group prod",
        f"DELETE {LOCK.id}",
        "- properties.level: CanNotDelete",
        "- properties.notes: ask O'Neill first",
        "+ (gone)",
        "way back: put back as it was read just before",
        "needs: Microsoft.Authorization/locks/delete, Microsoft.Authorization/locks/write",
        "guarded  back sql1 up",
        f"POST {ITEM}/backup",
        "with properties.recoveryPointExpiryTimeInUTC: now+P7D",
        "+ properties.startTime: later than this write",
        "way back: none: the point expires by itself",
        "needs: Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/backup/action",
        "put back once sql1 shows properties.restorePoints: fewer than 18;",
        "relieved only: until Friday",
        "",
        "2 writes (2 guarded) on 1 VM",
    ]
    assert any("unlocked for at most 4 h: if begun now, closed by 2026-11-22" in line for line in lines)


def test_a_write_shows_what_it_adds_and_when_it_is_not_sent() -> None:
    lines = [line.strip() for line in shown(allow)]

    assert "+ properties.priority: 190" in lines
    assert lines.count("+ properties.priority: 190") == 1
    assert "+ properties.destinationPortRanges: ['443']" in lines
    assert "+ properties.provisioningState: Succeeded" in lines
    assert "only while sql1 shows properties.provisioningState: Succeeded" in lines
    assert f"way back: DELETE {RULE}" in lines


def test_what_is_lost_is_said() -> None:
    lines = [line.strip() for line in shown(redeploy)]

    assert "lost for good: the temporary disk of sql1" in lines
    assert "way back: none: it lives on another host then" in lines
    assert "1 write (1 destructive) on 1 VM" in lines


def test_rungs_say_that_the_rest_may_not_be_needed_and_a_lock_that_it_stays_off() -> None:
    ladder = [line.strip() for line in shown(Ladder((allow, redeploy), (few,), timedelta(minutes=5)))]
    kept = [line.strip() for line in shown(Bracket(lift(LOCK), (), (), keep_open=True))]

    assert "one after the other, until it helps:" in ladder
    assert "enough once sql1 shows properties.restorePoints: fewer than 18" in ladder
    assert "it stays lifted, as asked with --keep-unlocked" in kept
    assert not [line for line in kept if line.startswith("put back once")]


def test_what_stays_as_it_is_is_a_condition_and_no_change() -> None:
    steady = Expect(RULE, "properties.access", Check.EQUALS, "Allow")
    lines = [
        line.strip()
        for line in shown(replace(allow, before=(*allow.before, steady), after=(*allow.after, steady)))
    ]

    assert [line for line in lines if "properties.access" in line] == ["only while properties.access: Allow"]


def test_what_is_left_to_people_comes_last_and_in_order() -> None:
    cure = Cure("disk-size", (SQL1,), ("f1",), (allow,), afterwards=("copy it", f"check {HOSTILE}"))
    groups = (Group("ab12", (cure,), (allow,)),)
    lines = text(Plan(groups, ()), Context("prod", NOW, timedelta(hours=4)), width=300).splitlines()
    said = [line.strip() for line in lines[lines.index("  then, by hand, without which it is not cured:") :]]
    commands = az.text(groups, NOW).splitlines()

    assert said[1] == "1. copy it"
    assert said[2].startswith("2. check ")
    assert "\x1b" not in said[2]
    assert said[3:] == ["", "1 write (1 guarded) on 1 VM"]
    assert commands[-4:-2] == ["# then, by hand, without which it is not cured:", "#   1. copy it"]
    assert all(line.startswith(("#", "az ")) for line in commands if line)


def test_what_is_left_and_what_more_could_be_done_are_counted() -> None:
    left = (
        ByHand("disk-size", SQL1, "f1", "too large"),
        ByHand("disk-size", vm_id("sql2"), "f2", "too large"),
        ByHand("agent", SQL1, "f3", "its cure is guarded", FixClass.GUARDED),
        ByHand("agent", SQL1, "f4", "its cure is destructive", FixClass.DESTRUCTIVE),
    )
    gap = Unread(Read.DISKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "x")
    context = Context("prod", NOW, timedelta(hours=4), (gap,))
    lines = [line.strip() for line in text(Plan((), left, 2), context, width=200).splitlines()]

    assert "sql1, sql2: disk-size: too large" in lines
    assert lines[-4:] == [
        "Nothing is planned.",
        "1 more finding with --allow guarded",
        "1 more finding with --allow destructive",
        "up to 2 more findings with --severity suspected",
    ]
    assert any("ARM refused" in line for line in lines)


def test_nothing_from_azure_is_obeyed() -> None:
    held = replace(LOCK, notes=HOSTILE)
    bad = replace(allow, summary=HOSTILE, loses=(HOSTILE,), undo=Irreversible(HOSTILE))
    whole = Plan(
        (group(Bracket(lift(held), (bad,), ()), relief=HOSTILE),), (ByHand("p", SQL1, "f", HOSTILE),)
    )
    said = text(whole, Context(HOSTILE, NOW, timedelta(hours=4)), width=200)
    commands = az.text(whole.groups, NOW)

    for written in (said, commands):
        assert "\x1b" not in written
        assert "\u202e" not in written
        assert "##vso[" not in written
        assert not [line for line in written.splitlines() if line.startswith("::")]
    assert "[bold]x[/bold]" in said


@pytest.mark.skipif(shutil.which("bash") is None, reason="the quotes are bash's")
@pytest.mark.parametrize("word", ["##vso[task.complete]x", "a'b\\##[error]\n::error::x", "::1 ::/0", "plain"])
def test_a_word_for_a_shell_is_the_very_word_and_no_command_of_a_build_server(word: str) -> None:
    quoted = shell.word(word)
    said = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, text=True, check=True)

    assert said.stdout == word
    assert not [mark for mark in ("##vso[", "##[", "::error") if mark in quoted]


def test_colours_are_there_on_request_only() -> None:
    whole = Plan((group(redeploy),), ())
    context = Context("prod", NOW, timedelta(hours=4))

    assert "\x1b[1;31m" in text(whole, context, color=True)
    assert "\x1b" not in text(whole, context)


def test_as_az_lifts_does_and_puts_back() -> None:
    lines = az.text([group(Bracket(lift(LOCK), (redeploy, backup), (few,)), allow)], NOW).splitlines()

    assert [shlex.split(line) for line in lines if line.startswith("az")] == [
        ["az", "lock", "delete", "--ids", LOCK.id.text],
        ["az", "vm", "redeploy", "--ids", SQL1.text],
        [
            "az", "rest", "--method", "post", "--url", f"{ITEM}/backup?api-version=2024-04-01",
            "--body", f'{{"properties": {{"recoveryPointExpiryTimeInUTC": "{NOW + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}"}}}}',
        ],
        [
            "az", "lock", "create", "--name", "keep", "--lock-type", "CanNotDelete",
            "--notes", "ask O'Neill first", "--resource-group", "prod",
            "--subscription", "00000000-0000-4000-8000-000000000001",
        ],
        [
            "az", "rest", "--method", "put", "--url", f"{RULE}?api-version=2024-05-01",
            "--body", '{"properties": {"priority": 190, "destinationPortRanges": ["443"]}}',
        ],
    ]  # fmt: skip
    assert (
        "# wait until sql1 shows properties.restorePoints: fewer than 18, then put back what was lifted"
        in lines
    )


@pytest.mark.parametrize(
    ("scope", "words"), [(SQL1, ["--resource", SQL1.text]), ("", []), ("prod", ["--resource-group", "prod"])]
)
def test_as_az_puts_a_lock_back_where_it_stood(scope: ArmId | str, words: list[str]) -> None:
    [line] = [
        line
        for line in az.text([group(Bracket(lift(lock(scope)), (), ()))], NOW).splitlines()
        if "create" in line
    ]

    said = shlex.split(line)
    assert said[said.index("do not touch") + 1 : said.index("--subscription")] == words


def test_as_az_leaves_off_what_is_to_stay_off() -> None:
    assert "az lock create" not in az.text([group(Bracket(lift(LOCK), (), (), keep_open=True))], NOW)


@pytest.mark.parametrize(
    ("length", "said"),
    [(timedelta(hours=4), "4 h"), (timedelta(minutes=90), "90 min"), (timedelta(days=2), "2 days"),
     (timedelta(seconds=45), "45 s")],
)  # fmt: skip
def test_a_length_of_time_is_in_its_largest_whole_unit(length: timedelta, said: str) -> None:
    assert span(length) == said


ENDING = Ending(
    run="r1",
    subscription="s1",
    done=(
        Done("ab12", allow, Outcome.APPLIED),
        Done("ab12", redeploy, Outcome.FAILED, "ARM refused", "Conflict"),
    ),
    unlocked=(Unlocked(LOCK.id, 61.4, closed=True), Unlocked(lock("other").id, 5, closed=False)),
    verified=(
        Verified("one", SQL1, "f1", Verdict.FIXED),
        Verified("two", SQL1, "f2", Verdict.RELIEVED, "until Friday"),
    ),
    refused=(Refused("cd34", "do it", "it changed"),),
    by_hand=(ByHand("disk-size", SQL1, "f3", "too large"),),
    proofs=(Proof(SQL1, proved=False, job=ArmId("/jobs/1"), error="400 it failed"),),
)


def test_the_document_of_a_run_is_that_of_its_schema() -> None:
    Draft202012Validator.check_schema(schema("run"))
    Draft202012Validator(schema("run")).validate(json.loads(json.dumps(outcome.document(ENDING))))


def test_the_end_of_a_run_says_everything() -> None:
    lines = outcome.text(ENDING, width=200).splitlines()

    assert lines == [
        "Run r1",
        "applied  allow Storage",
        "failed  redeploy sql1: ARM refused",
        "lock 'keep' of prod: lifted for 61 s",
        "lock 'keep' of other is NOT BACK after 5 s: run `azremedy resume r1`",
        "Approved and not carried out:",
        "  cd34 (do it): it changed",
        "By hand:",
        "  sql1: disk-size: too large",
        "fixed  sql1: one",
        "relieved  sql1: two: until Friday",
        "not proved  sql1: 400 it failed",
        "1 write, 1 fixed, 1 relieved, 1 not proved",
    ]


def test_nothing_that_is_copied_is_broken_however_narrow_the_screen() -> None:
    lines = tuple(f"printf '%s\\n' {number} {'and so on ' * 12}>> /tmp/told" for number in range(3))
    script = Request("POST", SQL1, "runCommand", {"commandId": "RunShellScript", "script": list(lines)})
    ran = replace(backup, summary="run a script", request=script)
    context = Context("prod", NOW, timedelta(hours=4))
    shown = text(Plan((group(Ladder((ran,), (), timedelta(minutes=5))),), ()), context, width=40)
    ended = outcome.text(replace(ENDING, unlocked=(Unlocked(LOCK.id, 90, closed=False),)), width=40)

    assert [line.strip() for line in shown.splitlines() if "/tmp/told" in line] == list(lines)
    assert re.search(f"run `azremedy resume {ENDING.run}`$", ended, re.MULTILINE)
