"""`azremedy fix` as a process: what is shown is what is written, and nothing else is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from stat import S_IMODE

import click
import pytest
import yaml
from commands import Desk, Ended, command, document, environment, locks, variables, written
from jsonschema import Draft202012Validator

from azremedy import planfile
from azremedy.cli.fix import fix
from azremedy.report.schema import schema
from azremedy.sandbox import Sandbox, embedded

GUARDED = ("--allow", "guarded")
LOCKS = ("--playbook", "restore-point-lock")
AGENT = ("--playbook", "agent-unresponsive", "--settle", "1s")
LIMIT = ("--playbook", "restore-point-limit", "--vm", "web2", "--allow", "destructive")
posix = pytest.mark.skipif(os.name == "nt", reason="signals are another matter on Windows")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate="demo", speed=2000) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


FORMLESS = {
    "--apply", "--yes", "--allow", "--severity", "--now", "--lift-subscription-locks", "--keep-unlocked", "--guest",
    "--vss-copy", "--redesign-locks", "--confirm", "--delete-collection", "--exclude-lun", "--attach-disks",
    "--power", "--resume-protection", "--detach-disk", "--verbose-agent-log",
}  # fmt: skip


def test_what_makes_a_run_less_careful_has_no_environment_form() -> None:
    formless = {
        option.opts[0] for option in fix.params if isinstance(option, click.Option) and not option.envvar
    }

    assert formless == FORMLESS


def test_a_dry_run_shows_each_write_and_sends_none(run: Desk, sandbox: Sandbox) -> None:
    before = sandbox.snapshot()
    ended = run("fix", "-s", "demo", *GUARDED)

    assert (ended.code, ended.err) == (0, "")
    assert "lift CanNotDelete lock" in ended.out.replace("\n", " ") or "lift the CanNotDelete" in ended.out
    assert "writes (" in ended.out
    assert "with --allow destructive" in ended.out
    assert written(sandbox) == []
    assert sandbox.snapshot() == before


def test_a_dry_run_plans_nothing_that_was_not_admitted(run: Desk) -> None:
    made = document(run("fix", "-s", "demo", *LOCKS, "-o", "json"))

    assert made["groups"] == []
    assert made["further"]["guarded"] == 1
    assert [one["allow"] for one in made["byHand"]] == ["guarded"]


def test_a_report_of_a_dry_run_shows_under_each_finding_what_cures_it(run: Desk, tmp_path: Path) -> None:
    page, kept = tmp_path / "fix.html", tmp_path / "fix.json"
    ended = run(
        "fix", "-s", "demo", *GUARDED, "-o", "json", "--report", f"html={page}", "--report", f"json={kept}"
    )
    again = run("report", kept, "-o", "html")

    assert json.loads(kept.read_text(encoding="utf-8"))["plan"] == document(ended)
    assert "<del><bdi>- properties.level: CanNotDelete</bdi></del>" in page.read_text(encoding="utf-8")
    assert again == Ended(0, page.read_text(encoding="utf-8"), "")


def test_json_yaml_and_the_saved_plan_are_the_document_of_the_schema(run: Desk, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    ended = run("fix", "-s", "demo", *GUARDED, "--dry-run", "-o", "json", "--save", kept)
    made = document(ended)

    Draft202012Validator(schema("plan")).validate(made)
    assert os.name == "nt" or S_IMODE(kept.stat().st_mode) == 0o600
    assert planfile.load(kept).sha256 == made["sha256"]
    assert json.loads(kept.read_text(encoding="utf-8")) == made
    assert "--apply --plan" in ended.err
    other = yaml.safe_load(run("fix", "-s", "demo", *GUARDED, "-o", "yaml").out)
    assert other["groups"] == made["groups"]
    assert run("fix", "-s", "demo", "-o", "none", "--quiet") == Ended(0, "", "")


def test_as_az_prints_commands(run: Desk) -> None:
    ended = run("fix", "-s", "demo", *LOCKS, *GUARDED, "--as", "az")

    assert ended.code == 0
    assert [line.split()[:3] for line in ended.out.splitlines() if line.startswith("az")] == [
        ["az", "lock", "delete"], ["az", "rest", "--method"], ["az", "lock", "create"]
    ]  # fmt: skip


def test_a_locked_collection_is_relieved_and_the_lock_is_back(run: Desk, sandbox: Sandbox) -> None:
    before = locks(sandbox)
    ended = run("fix", "-s", "demo", *LOCKS, *GUARDED, "--apply", "--yes", "-o", "json")
    ending = document(ended)

    assert ended.code == 0
    Draft202012Validator(schema("run")).validate(ending)
    assert [one["outcome"] for one in ending["steps"]] == ["applied", "applied"]
    assert [one["verdict"] for one in ending["verified"]] == ["relieved"]
    assert "backups fail again from" in ending["verified"][0]["reason"]
    assert [one["closed"] for one in ending["unlocked"]] == [True]
    assert locks(sandbox) == before
    assert "az lock create --name keep-everything" in ended.err
    again = document(run("scan", "-s", "demo", *LOCKS, "-o", "json"))
    assert [one["severity"] for one in again["findings"]] == ["suspected"]


def test_a_silent_agent_is_fixed_and_looked_at_again(run: Desk, sandbox: Sandbox) -> None:
    ended = run("fix", "-s", "demo", *AGENT, *GUARDED, "--apply", "--yes", "-o", "json")
    ending = document(ended)

    assert ended.code == 0
    assert {one["verdict"] for one in ending["verified"]} == {"fixed"}
    assert all("/virtualmachines/dc1/" in one.lower() for one in written(sandbox))
    assert document(run("scan", "-s", "demo", *AGENT[:2], "-o", "json"))["findings"] == []
    [listed] = json.loads(run("runs", "-o", "json").out)
    assert (listed["run"], listed["state"], listed["openLocks"]) == (ending["run"], "finished", 0)
    assert listed["who"].startswith(f"application {sandbox.client_id} (local user ")
    shown = json.loads(run("runs", "show", ending["run"], "-o", "json").out)
    assert [one["outcome"] for one in shown["steps"]] == ["confirmed"] * len(written(sandbox))
    back = run("rollback", ending["run"], "--dry-run")
    assert "stays: reapply VM dc1" in back.out


def test_a_saved_plan_is_carried_out_as_it_was_approved(run: Desk, sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    planned = run("fix", "-s", "demo", *LOCKS, *GUARDED, "--save", kept, "-o", "json")
    ended = run("fix", "--apply", "--plan", kept, "--yes", "-o", "json")

    assert (planned.code, ended.code) == (0, 0)
    steps = [
        f"{one['method']} {one['resource']}" + (f"/{one['action']}" if one["action"] else "")
        for one in document(ended)["steps"]
    ]
    assert len(steps) == 2
    assert [one.lower() for one in written(sandbox)][:2] == [one.lower() for one in steps]


def test_a_plan_that_the_world_has_left_behind_is_refused(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    kept = tmp_path / "plan.json"
    run("fix", "-s", "demo", *LOCKS, *GUARDED, "--save", kept)
    [lock] = [key for key in locks(sandbox) if "keep-everything" in key]
    sandbox.change(lock, "properties.notes", "somebody was here")
    ended = run("fix", "--apply", "--plan", kept, "--yes", "-o", "json")

    assert ended.code == 6
    assert "before" in document(ended)["refused"][0]["reason"]
    assert written(sandbox) == []


def test_an_altered_plan_is_refused_before_anything_is_read(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    kept = tmp_path / "plan.json"
    run("fix", "-s", "demo", *LOCKS, *GUARDED, "--save", kept)
    kept.write_text(
        kept.read_text(encoding="utf-8").replace("keep-everything", "production"), encoding="utf-8"
    )
    sandbox.clear()
    ended = run("fix", "--apply", "--plan", kept, "--yes")

    assert ended.code == 6
    assert "was altered" in ended.err
    assert list(sandbox.requests) == []


def test_a_plan_of_another_subscription_or_cloud_is_refused(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    kept = tmp_path / "plan.json"
    made = document(run("fix", "-s", "demo", *LOCKS, *GUARDED, "-o", "json"))
    for member, value in (
        ("cloud", "https://localhost:1"),
        ("tenant", "other"),
        ("expires", made["created"]),
    ):
        doctored = {**made, member: value}
        kept.write_bytes(planfile.dump({**doctored, "sha256": planfile.digest(doctored)}))
        ended = run("fix", "--apply", "--plan", kept, "--yes")
        assert ended.code == 6, ended.err
    assert written(sandbox) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--apply", "--yes"], "--apply needs --subscription"),
        (["--apply", "-s", "demo", *LOCKS, *GUARDED], "no terminal to ask at"),
        (["--apply", "-s", "demo", *LOCKS, *GUARDED, "--yes", "--max-changes", "1"], "the plan has 2 writes"),
        (["--apply", "--dry-run", "-s", "demo"], "two ways to say"),
        (["-s", "demo", "--yes"], "--yes means nothing without --apply"),
        (["-s", "demo", "--prove"], "--prove means nothing without --apply"),
        (["--apply", "-s", "demo", "--as", "az"], "--as means nothing with --apply"),
        (["--apply", "-s", "demo", "--report", "html=x.html"], "--report means nothing with --apply"),
        (["-s", "demo", "--exclude-lun", "sql1"], "is not of the form VM:LUN=REASON"),
        (["-s", "demo", "--exclude-lun", "sql1:0= "], "is not of the form VM:LUN=REASON"),
        (["-s", "demo", "--attach-disks", "sql1"], "is not of the form VM:LUN"),
        (["-s", "demo", "--attach-disks", "sql1:0=why"], "is not of the form VM:LUN"),
        (
            [
                "-s",
                "demo",
                "--attach-disks",
                "Archive1:0",
                "--exclude-lun",
                "/subscriptions/x/archive1:00=why",
            ],
            "archive1:0 is named by --attach-disks and by --exclude-lun",
        ),
        (["-s", "demo", "--vm", "sql9"], "No VM 'sql9' is there"),
        (["-s", "demo", "--resume-protection", "slq1"], "No VM 'slq1' is there. Did you mean 'sql1'?"),
        (["-s", "demo", "--delete-collection", "slq1"], "No VM 'slq1' is there. Did you mean 'sql1'?"),
        (["-s", "demo", "--exclude-lun", "slq1:0=why"], "No VM 'slq1' is there. Did you mean 'sql1'?"),
        (["-s", "demo", "--attach-disks", "slq1:0"], "No VM 'slq1' is there. Did you mean 'sql1'?"),
        (["-s", "demo", "--apply", "--yes", "--delete-collection", "slq1"], "Did you mean 'sql1'?"),
        (["-s", "demo", "--playbook", "restore-point-locks"], "Did you mean 'restore-point-lock'?"),
        (["-s", "demo", "--wave", ""], "'' is no number of VMs and no share of them"),
        (["-s", "demo", "--wave", "1,,100%"], "'' is no number of VMs and no share of them"),
        (["-s", "demo", "--wave", "5 %,100%"], "'5 %' is no number"),
        (["-s", "demo", "--wave", "0,100%"], "0 of the VMs is no wave"),
        (["-s", "demo", "--wave", "0%,100%"], "0% of the VMs is no wave"),
        (["-s", "demo", "--wave", "5,1,100%"], "1 comes after 5: each wave reaches more VMs"),
        (["-s", "demo", "--wave", "1,50%,2,50%,100%"], "50% comes after 50%"),
        (["-s", "demo", "--wave", "1,101%"], "101% is more than all VMs"),
        (["-s", "demo", "--wave", "1,5%"], "it ends with 5%: end it with 100%"),
        (
            ["-s", "demo", "--wave", "1,100%", "--guest", "--detach-disk", "archive1:0"],
            "--detach-disk means nothing with --wave",
        ),
        (["--apply", "-s", "demo", *LIMIT, "--yes"], "--yes is not enough: name it with --confirm web2"),
        (["--apply", "-s", "demo", *LIMIT, "--yes", "--confirm", "web1"], "name it with --confirm web2"),
    ],
)
def test_what_must_not_run_is_refused_in_one_sentence(
    arguments: list[str], said: str, run: Desk, sandbox: Sandbox
) -> None:
    ended = run("fix", *arguments)

    assert ended.code == 2, ended.err
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert written(sandbox) == []


def test_a_disk_that_is_named_and_fits_nothing_is_said(run: Desk) -> None:
    named = ("--attach-disks", "archive1:0", "--attach-disks", "archive1:7", "--exclude-lun", "sql1:0=why")
    ended = run("fix", "-s", "demo", "--playbook", "disk-size", *GUARDED, *named, "-o", "json")

    assert ended.code == 0
    assert ended.err.splitlines() == [
        "azremedy: --attach-disks archive1:7 fits no disk that is found to be too large: nothing is done for it",
        "azremedy: --exclude-lun sql1:0 fits a finding that is only info: nothing is done for it",
    ]
    assert len(document(ended)["groups"]) == 1


def test_flags_that_stand_in_the_plan_mean_nothing_beside_it(run: Desk, tmp_path: Path) -> None:
    kept = tmp_path / "plan.json"
    run("fix", "-s", "demo", *LOCKS, *GUARDED, "--save", kept)

    for flags in (
        GUARDED,
        ("--vm", "sql1"),
        ("--attach-disks", "sql1:0"),
        ("--delete-collection", "sql1"),
        ("--keep-unlocked",),
        ("--wave", "1,100%"),
    ):
        ended = run("fix", "--apply", "--plan", kept, "--yes", *flags)
        assert ended.code == 2
        assert "means nothing with --plan" in ended.err


def test_a_build_server_lifts_no_lock_without_a_journal_that_is_kept(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    lifting = ("fix", "-s", "demo", *LOCKS, *GUARDED, "--apply", "--yes", "-o", "none")
    refused = run(*lifting, CI="true")

    assert refused.code == 2
    assert "--journal PATH" in refused.err
    assert written(sandbox) == []
    assert run(*lifting, "--journal", tmp_path / "run.jsonl", CI="true").code == 0
    assert (tmp_path / "run.jsonl").stat().st_size > 0


def test_what_was_named_may_be_destroyed(run: Desk) -> None:
    named = ("--yes", "--confirm", "WEB2", "-o", "json")
    ended = run("fix", "-s", "demo", *LIMIT, *GUARDED, "--apply", *named)
    ending = document(ended)

    assert ended.code == 0, ended.err
    assert {one["method"] for one in ending["steps"]} >= {"DELETE"}
    assert all(
        "/restorepoints/" in one["resource"].lower() for one in ending["steps"] if one["method"] == "DELETE"
    )


def test_a_deleted_collection_whose_lock_is_back_is_relieved_and_not_fixed(
    run: Desk, sandbox: Sandbox
) -> None:
    before = locks(sandbox)
    named = ("--vm", "sql1", "--delete-collection", "sql1", "--allow", "destructive", *GUARDED)
    ended = run("fix", "-s", "demo", *LOCKS, *named, "--apply", "--yes", "--now", "-o", "json")
    [verified] = document(ended)["verified"]

    assert ended.code == 0, ended.err
    assert locks(sandbox) == before
    assert verified["verdict"] == "relieved"
    day = re.match(r"backups fail again from (\S+) on, once the lock is back", verified["reason"])
    assert day
    assert datetime.fromisoformat(f"{day[1]}T00:00Z") > sandbox.now + timedelta(days=10)


def test_rights_are_asked_for_before_the_first_write(run: Desk, sandbox: Sandbox) -> None:
    auditor = {
        "AZURE_CLIENT_ID": "5a6db0c5-0000-4000-8000-c11e47000002", "AZURE_CLIENT_SECRET": "sandbox-auditor"
    }  # fmt: skip
    ended = run("fix", "-s", "demo", *LOCKS, *GUARDED, "--apply", "--yes", "-o", "none", **auditor)

    assert ended.code == 5
    assert "Microsoft.Authorization/locks/delete" in ended.err
    assert written(sandbox) == []


def test_what_is_left_by_hand_is_exit_code_1(run: Desk) -> None:
    ended = run("fix", "-s", "demo", "--playbook", "egress-route", "--apply", "--yes", "-o", "json")

    assert ended.code == 1
    assert [one["playbook"] for one in document(ended)["byHand"]] == ["egress-route"]


def killed_with_a_lock_lifted(sandbox: Sandbox, folder: Path, before: Sequence[str] = ()) -> None:
    """Start a run (behind the command `before`), and kill it as soon as its lock is gone."""
    there = len(locks(sandbox))
    lifting = command("fix", "-s", "demo", *LOCKS, *GUARDED, "--apply", "--yes", "-o", "none")
    with subprocess.Popen(
        [*before, *lifting], env=environment(**variables(sandbox, folder)), stderr=subprocess.DEVNULL
    ) as process:
        while len(locks(sandbox)) == there:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
    assert len(locks(sandbox)) < there


@posix
def test_a_run_that_was_killed_with_a_lock_lifted_is_resumed(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = locks(sandbox)
    killed_with_a_lock_lifted(sandbox, tmp_path)
    [listed] = json.loads(run("runs", "-o", "json").out)
    assert (listed["state"], listed["openLocks"]) == ("unfinished", 1)

    ended = run("resume")
    assert locks(sandbox) == before
    assert "lifted for" in ended.out
    [listed] = json.loads(run("runs", "-o", "json").out)
    assert (listed["state"], listed["openLocks"]) == ("finished", 0)
    assert "no run of this machine is unfinished" in run("resume").err


@posix
def test_the_next_run_first_puts_back_what_another_left_lifted(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = locks(sandbox)
    killed_with_a_lock_lifted(sandbox, tmp_path)
    ended = run("fix", "-s", "demo", "--playbook", "egress-route", "--apply", "--yes", "-o", "none")

    assert "did not come to its end: resuming it first" in ended.err
    assert locks(sandbox) == before


def test_a_run_that_is_not_there_is_named_and_no_one_is_asked_twice(run: Desk) -> None:
    for line in (("runs", "show", "r1"), ("rollback", "r1", "--dry-run"), ("resume", "r1"), ("prove", "r1")):
        ended = run(*line)
        assert ended.code == 2
        assert "There is no run 'r1' on this machine." in ended.err


@posix
@pytest.mark.parametrize(
    ("arguments", "typed", "code"),
    [
        ([*LOCKS, *GUARDED], "n\n", 2),
        ([*LOCKS, *GUARDED], "y\n", 0),
        ([*LIMIT], "y\nweb1\n", 2),
        ([*LIMIT], "y\nweb2\n", 0),
        ([*LIMIT, "--yes"], "web2\n", 0),
    ],
)
def test_a_person_at_a_terminal_is_asked(
    arguments: list[str], typed: str, code: int, sandbox: Sandbox, tmp_path: Path
) -> None:
    ours, theirs = os.openpty()
    os.write(ours, typed.encode())
    try:
        ended = subprocess.run(
            command("fix", "-s", "demo", "--apply", "-o", "none", *arguments),
            env=environment(**variables(sandbox, tmp_path)),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert ended.returncode == code, ended.stderr
    assert ("Carry out" in ended.stderr) is ("--yes" not in arguments)
    assert ("Type its name" in ended.stderr) is ("destructive" in arguments)
    assert bool(written(sandbox)) is (code == 0)


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_stop_puts_the_lock_back_first(
    number: signal.Signals, code: int, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = locks(sandbox)
    held = ("fix", "-s", "demo", *LOCKS, *GUARDED, "--apply", "--yes", "-o", "none")
    with subprocess.Popen(
        command(*held), env=environment(**variables(sandbox, tmp_path)), stderr=subprocess.PIPE, text=True
    ) as process:
        while len(locks(sandbox)) == len(before):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)

    assert process.returncode == code, said
    assert locks(sandbox) == before
    assert "azremedy resume" in said
