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
from commands import Desk, Ended, command, environment, locks, variables
from test_cli_fix import killed_with_a_lock_lifted, posix

from azremedy import journal as journals
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
