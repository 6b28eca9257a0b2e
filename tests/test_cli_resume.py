"""`azremedy resume`, and every command that writes, after a run that ended before its time."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from applying import header
from commands import Desk, Ended, command, environment, locks, variables
from hostile import Ward, ward
from scenes import ADMITTED
from test_cli_fix import killed_with_a_lock_lifted, posix
from test_never import CLOSED, LOCKED

from azremedy import journal as journals
from azremedy.cli.looking import Look
from azremedy.journal import Journal
from azremedy.plan import Bracket, Step, steps
from azremedy.sandbox import Sandbox, embedded

pytestmark = posix


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate="demo", speed=2000) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


def journal_in(folder: Path) -> Path:
    [file] = (folder / "state" / "azremedy" / "runs").glob("*.jsonl")
    return file


def rewritten(file: Path, **members: Any) -> None:
    """Write other things into the first line of a journal, about the run itself."""
    first, rest = file.read_text(encoding="utf-8").split("\n", 1)
    head = json.loads(first)
    head["run"] |= members
    file.write_text(f"{json.dumps(head)}\n{rest}", encoding="utf-8")


@pytest.fixture
def stranger() -> Iterator[int]:
    """The id of a process that has nothing to do with any run."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


def test_a_killed_run_is_resumed_although_its_process_id_is_anothers_now(
    run: Desk, sandbox: Sandbox, tmp_path: Path, stranger: int
) -> None:
    before = locks(sandbox)
    killed_with_a_lock_lifted(sandbox, tmp_path)
    rewritten(journal_in(tmp_path), pid=stranger)
    told = run("doctor", "-o", "json")
    [line] = [one for one in json.loads(told.out)["checks"] if one["check"] == "runs"]
    assert [one["openLocks"] for one in line["details"]["unfinished"]] == [1]

    ended = run("resume")

    assert "lifted for" in ended.out, ended.err
    assert locks(sandbox) == before


def test_the_next_run_puts_the_lock_back_although_the_process_id_is_anothers_now(
    run: Desk, sandbox: Sandbox, tmp_path: Path, stranger: int
) -> None:
    before = locks(sandbox)
    killed_with_a_lock_lifted(sandbox, tmp_path)
    rewritten(journal_in(tmp_path), pid=stranger)

    ended = run("fix", "-s", "demo", "--playbook", "egress-route", "--apply", "--yes", "-o", "none")

    assert "did not come to its end: resuming it first" in ended.err
    assert locks(sandbox) == before


@pytest.mark.parametrize("named", [False, True], ids=["resume", "resume RUN"])
def test_who_resumes_never_takes_itself_for_the_run(sandbox: Sandbox, tmp_path: Path, *, named: bool) -> None:
    before = locks(sandbox)
    killed_with_a_lock_lifted(sandbox, tmp_path)
    file = journal_in(tmp_path)
    line = shlex.join(command("resume", *([file.stem] if named else [])))

    # The shell writes its own process id into the journal, and becomes the process that resumes.
    ended = shell(
        f"sed -i 's/\"pid\":[0-9]*/\"pid\":'$$'/' {shlex.quote(str(file))} && exec {line}", sandbox, tmp_path
    )

    assert "lifted for" in ended.out, ended.err
    assert locks(sandbox) == before


def namespaces() -> bool:
    """Whether this machine lets a process be number 1 of its own."""
    try:
        return subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


ALONE: Sequence[str] = ("unshare", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")


@pytest.mark.skipif(
    not (sys.platform == "linux" and namespaces()), reason="no namespaces of process ids here"
)
def test_a_run_that_was_process_1_of_a_container_is_resumed_by_process_1_of_the_next(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    before = locks(sandbox)
    killed_with_a_lock_lifted(sandbox, tmp_path, before=ALONE)
    left = journals.read(journal_in(tmp_path))
    assert left.header.pid == 1
    while left.alive:  # the process that was killed takes number 1 with it
        pass

    ended = shell(shlex.join([*ALONE, *command("resume")]), sandbox, tmp_path)

    assert "lifted for" in ended.out, ended.err
    assert locks(sandbox) == before


def test_a_run_of_another_host_is_announced_and_closed_only_by_name(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    before = locks(sandbox)
    killed_with_a_lock_lifted(sandbox, tmp_path)
    file = journal_in(tmp_path)
    rewritten(file, host="an-earlier-container")
    said = f"run {file.stem} of the host an-earlier-container did not come to its end: `azremedy resume {file.stem}`"

    fixed = run("fix", "-s", "demo", "--playbook", "egress-route", "--apply", "--yes", "-o", "none")
    unnamed = run("resume")

    assert said in fixed.err
    assert (unnamed.code, said in unnamed.err) == (5, True)
    assert locks(sandbox) != before
    assert "lifted for" in run("resume", file.stem).out
    assert locks(sandbox) == before
    assert run("resume").code == 0


def begun(made: Ward, seen: Look, step: Step, opens: str | None = None, whole: Any = None) -> None:
    """Leave the journal of a run that died right after it sent this step."""
    file = made.folder / "state" / "azremedy" / "runs" / "run.jsonl"
    with made.session.writer() as writer, Journal.new(header(made.sandbox), file) as journal:
        [group] = seen.plan.groups
        journal.begin((group,))
        writer.get(f"/subscriptions/{made.sandbox.subscription}", {"api-version": "2021-04-01"})
        journal.intend(f"{group.id}/0", group.id, step, body={"whole": whole}, at=writer.now, opens=opens)
        writer.send(step.request)


def test_what_is_not_cured_is_said_and_is_no_success(tmp_path: Path) -> None:
    with ward(tmp_path, LOCKED) as made:
        seen = made.look(ADMITTED, "restore-point-lock")
        [node] = seen.plan.groups[0].nodes
        assert isinstance(node, Bracket)
        before = locks(made.sandbox)
        begun(made, seen, node.open, "close", made.state[node.open.request.id.key])

        ended = made.cli("resume")
        again = made.cli(
            "scan", "-s", "demo", "--playbook", "restore-point-lock", "--fail-on", "corroborated"
        )

        assert locks(made.sandbox) == before
        assert (ended.code, again.code) == (5, 1), ended.err
        assert "unconfirmed  lift the CanNotDelete lock" in ended.out
        assert "still there  sql1: restore-point-lock" in " ".join(ended.out.split("\n"))


def test_a_lock_that_was_left_to_another_of_its_name_is_named_by_resume_and_is_no_success(
    tmp_path: Path,
) -> None:
    with ward(tmp_path, LOCKED) as made:
        seen = made.look(ADMITTED, "restore-point-lock")
        [node] = seen.plan.groups[0].nodes
        assert isinstance(node, Bracket)
        body, before = made.state[node.open.request.id.key], locks(made.sandbox)
        begun(made, seen, node.open, "close", body)
        made.change(body["id"], "", {**body, "properties": {"level": "ReadOnly", "notes": "ours now"}})

        ended = made.cli("resume")

        assert ended.code == 5
        assert "another lock of its name stands there" in ended.err
        assert "az lock create --name" in ended.err
        assert "is NOT BACK: another lock of its name stands there" in ended.out
        [run] = json.loads(made.cli("runs", "-o", "json").out)
        assert run["openLocks"] == 1
        assert made.cli("resume").code == 0  # it was said, and holds up nobody's next run

        made.change(body["id"], "", None)
        assert "lifted for" in made.cli("resume", run["run"]).out
        assert locks(made.sandbox) == before


def test_what_is_cured_is_looked_at_again_and_said(tmp_path: Path) -> None:
    with ward(tmp_path, CLOSED) as made:
        seen = made.look(ADMITTED, "storage-egress")
        [step] = steps(*seen.plan.groups[0].nodes)
        begun(made, seen, step)

        ended = made.cli("resume")

        assert (ended.code, ended.err) == (0, "")
        assert "fixed  web1: storage-egress" in ended.out
        assert ended.out.splitlines()[-1] == "1 write, 1 fixed"


def test_what_cannot_be_looked_at_again_is_incomplete(tmp_path: Path) -> None:
    with ward(tmp_path, CLOSED) as made:
        seen = made.look(ADMITTED, "storage-egress")
        [step] = steps(*seen.plan.groups[0].nodes)
        begun(made, seen, step)
        made.fault("backupProtectedItems", kind="status", status=403, code="AuthorizationFailed", times=50)

        assert made.cli("resume").code == 3


def test_a_run_at_work_is_left_alone(run: Desk, sandbox: Sandbox, tmp_path: Path) -> None:
    killed_with_a_lock_lifted(sandbox, tmp_path)
    file = journal_in(tmp_path)
    lifted = locks(sandbox)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"held"

        named, unnamed = run("resume", file.stem), run("resume")

        assert (named.code, "is at work" in named.err) == (2, True)
        assert (unnamed.code, "no run of this machine is unfinished" in unnamed.err) == (0, True)
        assert locks(sandbox) == lifted
        process.kill()


HOLD = """
import sys
from pathlib import Path
from azremedy.journal import Journal
with Journal.append(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def shell(line: str, sandbox: Sandbox, folder: Path) -> Ended:
    """Run a line of a shell."""
    ended = subprocess.run(
        ["sh", "-c", line],
        env=environment(**variables(sandbox, folder)),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)
