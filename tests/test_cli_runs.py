"""What comes after `azremedy fix --apply`, as processes: the proof by a backup, and the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from commands import Desk, document, locks, written
from jsonschema import Draft202012Validator
from sandboxed import estate, vm

from azremedy.report.schema import schema
from azremedy.sandbox import Sandbox, embedded

APPLY = ("--allow", "guarded", "--apply", "--yes", "-o", "json")
EGRESS = ("fix", "-s", "demo", "--playbook", "storage-egress", *APPLY)
LOCKS = ("fix", "-s", "demo", "--playbook", "restore-point-lock", *APPLY)


FAILED = {"completed": 56, "failed": {"code": "UserErrorGuestAgentStatusUnavailable", "hours_ago": 8}}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate="demo", speed=2000) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


def rules(sandbox: Sandbox) -> Any:
    [nsg] = [body for key, body in sandbox.snapshot().items() if key.endswith("/nsg-closed")]
    return [(one["name"], one["properties"]["priority"]) for one in nsg["properties"]["securityRules"]]


def applied(run: Desk, *arguments: str) -> str:
    """Carry a fix out, and return the run's id."""
    ended = run(*arguments)
    assert ended.code == 0, ended.err
    return str(document(ended)["run"])


def test_a_rollback_deletes_the_rule_again_and_nothing_twice(run: Desk, sandbox: Sandbox) -> None:
    before = rules(sandbox)
    id_ = applied(run, *EGRESS)
    assert len(rules(sandbox)) == len(before) + 1
    sandbox.clear()

    ended = run("rollback", id_, "--yes")

    assert ended.code == 0, ended.err
    assert "take back: allow VM web1" in ended.err
    assert rules(sandbox) == before
    assert [one.split()[0] for one in written(sandbox)] == ["DELETE"]
    found = document(run("scan", "-s", "demo", "--playbook", "storage-egress", "-o", "json"))["findings"]
    assert [one["severity"] for one in found if one["vm"].endswith("/web1")] == ["corroborated"]
    sandbox.clear()
    again = run("rollback", id_, "--yes")
    assert (again.code, written(sandbox)) == (0, [])
    assert "nothing is left to take back" in again.err


def test_times_of_runs_are_local_on_screen_and_in_utc_for_programs(run: Desk, sandbox: Sandbox) -> None:
    id_ = applied(run, *EGRESS)
    [listed] = json.loads(run("runs", "-o", "json").out)
    began = datetime.fromisoformat(listed["started"])
    there = timezone(timedelta(hours=5, minutes=45), "+0545")
    zone = {"TZ": "<+0545>-05:45", "COLUMNS": "250"}

    assert began.utcoffset() == timedelta(0)
    for line in (("runs",), ("runs", "show", id_)):
        shown = run(*line, **zone).out
        assert re.search(rf"{began.astimezone(there):%Y-%m-%d %H}:\d\d \+0545", shown), shown
        assert "+00:00" not in shown


def test_a_rollback_waits_for_a_backup_that_is_due_unless_told_otherwise(tmp_path: Path) -> None:
    closed = vm("edge1", extension_operations=False, backup=FAILED)
    with embedded(tmp_path / "sandbox", estate=estate(closed), speed=100) as sandbox:
        run = Desk(sandbox, tmp_path)
        id_ = applied(run, "fix", "-s", "demo", "--playbook", "extension-operations", "--now", *APPLY)
        [policy] = [key for key in sandbox.snapshot() if key.endswith("/backuppolicies/daily")]
        soon = sandbox.now + timedelta(minutes=12)
        times = [f"2024-01-01T{soon:%H:%M}:00Z"]
        sandbox.change(policy, "properties.schedulePolicy.scheduleRunTimes", times)
        sandbox.clear()

        waits = run("rollback", id_, "--yes")
        assert (waits.code, written(sandbox)) == (1, [])
        assert f"its backup of {soon:%H:%M} UTC is due" in waits.out
        assert "--now does not wait" in waits.err

        ended = run("rollback", id_, "--yes", "--now")
        assert ended.code == 0, ended.err + ended.out
        assert [one.split()[0] for one in written(sandbox)] == ["PATCH"]


def test_a_rollback_needs_a_word_and_a_dry_run_sends_nothing(run: Desk, sandbox: Sandbox) -> None:
    id_ = applied(run, *EGRESS)
    sandbox.clear()

    shown, refused = run("rollback", id_, "--dry-run"), run("rollback", id_)

    assert shown.code == 0
    assert shown.out.startswith("take back: allow VM web1")
    assert ": DELETE /subscriptions/" in shown.out
    assert refused.code == 2
    assert "no terminal to ask at; --yes says that it is meant" in refused.err
    assert written(sandbox) == []


def test_a_rollback_puts_back_a_lock_that_was_left_off_on_purpose(run: Desk, sandbox: Sandbox) -> None:
    before = locks(sandbox)
    id_ = applied(run, *LOCKS, "--keep-unlocked")
    assert len(locks(sandbox)) == len(before) - 1

    ended = run("rollback", id_, "--yes")

    assert ended.code == 0, ended.err
    assert locks(sandbox) == before
    assert "stays: back VM sql1 up" in ended.err


def test_a_lock_that_was_left_off_on_purpose_is_said_to_stay_off(run: Desk, sandbox: Sandbox) -> None:
    before = locks(sandbox)
    ended = run(*LOCKS[:-2], "--keep-unlocked")

    assert len(locks(sandbox)) == len(before) - 1
    assert "stays off as asked with --keep-unlocked" in ended.out
    assert "lifted for" not in ended.out


def test_a_rollback_lifts_a_lock_again_where_the_run_had_to_and_says_so(run: Desk, sandbox: Sandbox) -> None:
    subscription = f"/subscriptions/{sandbox.subscription}"
    frozen = f"{subscription}/resourceGroups/network/providers/Microsoft.Authorization/locks/frozen"
    lock = {"id": frozen, "name": "frozen", "type": "Microsoft.Authorization/locks"}
    sandbox.change(frozen, "", {**lock, "properties": {"level": "ReadOnly", "notes": "the network team"}})
    before, closed = locks(sandbox), rules(sandbox)
    id_ = applied(run, *EGRESS)
    assert locks(sandbox) == before
    sandbox.clear()

    ashore = run("rollback", id_, "--yes", "--allow", "guarded", CI="true")
    assert ashore.code == 2
    assert "Give --journal PATH" in ashore.err
    assert written(sandbox) == []
    ended = run("rollback", id_, "--yes", "--allow", "guarded")

    assert ended.code == 0, ended.err
    assert "lift the ReadOnly lock 'frozen' on group network" in ended.err
    assert "az lock create --name frozen" in ended.err
    assert (locks(sandbox), rules(sandbox)) == (before, closed)
    assert [one.split()[0] for one in written(sandbox)] == ["DELETE", "DELETE", "PUT"]


def test_a_rollback_leaves_what_others_changed_since(run: Desk, sandbox: Sandbox) -> None:
    id_ = applied(run, *EGRESS)
    [nsg] = [key for key in sandbox.snapshot() if key.endswith("/nsg-closed")]
    [(name, _)] = [one for one in rules(sandbox) if one[0].startswith("azremedy")]
    sandbox.change(nsg, f"properties.securityRules.[name={name}].properties.priority", 150)
    sandbox.clear()

    ended = run("rollback", id_, "--yes")

    assert ended.code == 5
    assert "stays: take back:" in ended.err
    assert written(sandbox) == []


def test_a_cure_is_proved_by_a_backup_in_the_same_command(run: Desk, sandbox: Sandbox) -> None:
    ended = run(*EGRESS, "--prove")
    ending = document(ended)

    assert ended.code == 0, ended.err
    Draft202012Validator(schema("run")).validate(ending)
    [proof] = ending["proofs"]
    assert (proof["vm"].rpartition("/")[2], proof["proved"], proof["error"]) == ("web1", True, None)
    assert sandbox.snapshot()[proof["job"].lower()]["properties"]["status"] == "Completed"
    assert [one["state"] for one in json.loads(run("runs", "-o", "json").out)] == ["finished", "finished"]
    assert [one["outcome"] for one in ending["steps"]] == ["applied", "applied"]
    assert ending["steps"][-1]["summary"] == "back VM web1 up, to prove that it can be"


def test_a_proof_names_its_own_run_and_counts_its_own_writes(run: Desk, sandbox: Sandbox) -> None:
    id_ = applied(run, *EGRESS)
    sandbox.clear()

    ended = run("prove", id_)

    [_, proving] = json.loads(run("runs", "-o", "json").out)
    assert ended.code == 0, ended.err
    assert [one.split()[0] for one in written(sandbox)] == ["POST"]
    assert ended.out.splitlines()[0] == f"Run {proving['run']}"
    assert ended.out.splitlines()[-1] == "1 write, 1 proved"
    assert f"azremedy: run {proving['run']}, journal " in ended.err
    assert proving["run"] != id_


def test_a_cure_that_does_not_hold_fails_its_proof_in_the_words_of_the_job(
    run: Desk, sandbox: Sandbox
) -> None:
    id_ = applied(run, *EGRESS)
    proved = run("prove", id_)
    assert proved.code == 0, proved.err
    assert "web1" in proved.out
    run("rollback", id_, "--yes")

    failed = run("prove", id_)

    assert failed.code == 5
    assert "not proved  web1: 400249 Snapshot operation failed due to no network connectivity" in failed.out
