"""The journal: on disk before anything happens, readable after anything happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE
from typing import Any

import pytest
from building import item, lock, vm_id

from azremedy import journal
from azremedy.arm import ArmId, Request
from azremedy.errors import AzremedyError, Exit
from azremedy.journal import Applier, Header, Journal
from azremedy.journal.data import loaded, plain
from azremedy.plan import (
    Bracket,
    Cure,
    Expect,
    FixClass,
    Group,
    Irreversible,
    Ladder,
    Restore,
    Step,
    View,
)
from azremedy.plan import Test as Is

AT = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
LOCK = lock("AzureBackupRG_westeurope_1", name="Keep It").id
BODY = {"id": LOCK.text, "properties": {"level": "CanNotDelete", "notes": "do not touch"}}


def step(request: Request, **changes: Any) -> Step:
    made = Step(
        summary="lift a lock",
        request=request,
        before=(Expect(request.id, "properties.level", Is.EQUALS, "CanNotDelete"),),
        after=(Expect(request.id, "", Is.ABSENT),),
        undo=Restore(),
        within=timedelta(minutes=2),
        fix_class=FixClass.GUARDED,
    )
    return replace(made, **changes)


LIFT = step(Request("DELETE", LOCK))
BACKUP = step(
    Request("POST", item().id, "backup", {"properties": {"until": "now+P7D", "nested": [{"kind": "Step"}]}}),
    after=(Expect(item().id, "properties.startTime", Is.NEWER, view=View.NEWEST_JOB),),
    undo=Irreversible("it expires"),
    triggers_backup=item().id,
    loses=("nothing",),
)
RULE = ArmId(f"{vm_id('sql1')}/x")
NODES = (
    Bracket(LIFT, (BACKUP,), (Expect(LOCK, "properties.restorePoints", Is.BELOW, 18),)),
    Ladder((step(Request("PUT", RULE), undo=Request("DELETE", RULE)),), (), timedelta(hours=1)),
)
GROUP = Group("g1", (Cure("restore-point-lock", (vm_id("sql1"),), ("f1",), NODES, "in two weeks"),), NODES)


def header(**changes: Any) -> Header:
    made = journal.header(
        who="ops@example.com",
        tenant="t",
        subscription="S-1",
        endpoint="https://management.azure.com",
        plan="sha256:1",
        started=AT,
        settings={"stop_after": 2, "settle": timedelta(minutes=3)},
    )
    return replace(made, **changes)


def lifted(file: Path, **changes: Any) -> Journal:
    """A journal of a run that has lifted a lock and knows it."""
    made = Journal.new(header(**changes), file)
    made.begin((GROUP,))
    made.intend("g1/0/open", "g1", LIFT, body={"whole": BODY}, at=AT, opens="close")
    made.note("sent", "g1/0/open", AT, operation=None)
    made.note("confirmed", "g1/0/open", AT, left={"whole": None})
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def test_a_plan_comes_back_as_it_was_with_its_ids_spelled_as_they_were() -> None:
    again = loaded(tuple[Group, ...], json.loads(json.dumps(plain((GROUP,)))))

    assert again == (GROUP,)
    assert again[0].nodes[0].open.request.id.text == LOCK.text
    assert again[0].nodes[0].body[0].before[0].test is Is.EQUALS


def test_reads_back_what_was_written(file: Path) -> None:
    with lifted(file):
        pass

    run = journal.read(file)

    assert run.header == replace(header(), id=run.header.id)
    assert run.groups == (GROUP,)
    [entry] = run.entries
    assert (entry.key, entry.step, entry.body, entry.state) == (
        "g1/0/open",
        LIFT,
        {"whole": BODY},
        "confirmed",
    )
    assert run.open_brackets == (entry,)
    assert not run.finished


@pytest.mark.parametrize("event", ["closed", "kept open"])
def test_a_bracket_that_is_over_is_not_open(file: Path, event: str) -> None:
    with lifted(file) as written:
        written.note("closing", "g1/0/open", AT)
        assert journal.read(file).open_brackets
        written.note(event, "g1/0/open", AT)

    assert journal.read(file).open_brackets == ()


def test_a_lock_that_was_left_to_another_of_its_name_is_still_open(file: Path) -> None:
    with lifted(file) as written:
        written.note("left", "g1/0/open", AT)

    assert [one.key for one in journal.read(file).open_brackets] == ["g1/0/open"]


def test_a_lock_whose_deletion_was_refused_is_not_open(file: Path) -> None:
    with Journal.new(header(), file) as written:
        written.intend("g1/0/open", "g1", LIFT, body={"whole": BODY}, at=AT, opens="close")
        assert journal.read(file).open_brackets
        written.note("failed", "g1/0/open", AT, executed=False, code="AuthorizationFailed")

    assert journal.read(file).open_brackets == ()


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_torn_last_line_is_passed_over_and_written_over(file: Path, cut: int) -> None:
    lifted(file).close()
    whole = file.read_bytes()
    with lifted(file.with_name("other")) as more:
        more.note("closed", "g1/0/open", AT, reason="x" * 400)
    last = file.with_name("other").read_bytes().splitlines(keepends=True)[-1]
    file.write_bytes(whole + last[:cut])

    assert journal.read(file).open_brackets
    with Journal.append(file) as again:
        again.note("closed", "g1/0/open", AT)
    assert journal.read(file).open_brackets == ()


def test_is_on_disk_before_it_goes_on(file: Path) -> None:
    with lifted(file):
        assert file.read_bytes().count(b"\n") == 5


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_is_for_its_owner_alone(file: Path) -> None:
    with lifted(file):
        assert S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nothing_that_is_kept_of_runs_is_for_others(tmp_path: Path) -> None:
    (tmp_path / "s-1.pid").touch(mode=0o644)
    with Applier("S-1", tmp_path), Applier("S-2", tmp_path), lifted(tmp_path / "run.jsonl"):
        modes = {one.name: S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}

    assert modes == dict.fromkeys(("s-1.pid", "s-1.lock", "s-2.pid", "s-2.lock", "run.jsonl"), 0o600)


def test_overwrites_no_journal(file: Path) -> None:
    lifted(file).close()

    with pytest.raises(AzremedyError, match="is there already"):
        Journal.new(header(), file)


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"no json\n", b"[1]\n", b'{"event":"run","schemaVersion":1}\n']
)
def test_what_is_no_journal_is_refused_in_a_sentence(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(AzremedyError, match=r"is not a journal that azremedy wrote|version"):
        journal.read(file)


def test_a_journal_of_another_version_is_refused_by_name(file: Path) -> None:
    file.write_bytes(b'{"event":"run","schemaVersion":2,"run":{}}\n')

    with pytest.raises(AzremedyError, match="of version 2"):
        journal.read(file)


def test_knows_the_unfinished_runs_of_a_subscription_on_which_nobody_is_at_work(tmp_path: Path) -> None:
    lifted(tmp_path / "left.jsonl").close()
    lifted(tmp_path / "elsewhere.jsonl", host="another-host").close()
    lifted(tmp_path / "other.jsonl", subscription="s-2").close()
    with lifted(tmp_path / "finished.jsonl") as written:
        written.finish(AT)
    (tmp_path / "noise.jsonl").write_text("noise\n")

    with lifted(tmp_path / "alive.jsonl"):
        left = journal.unfinished(tmp_path, "s-1")
        assert {(run.path.name, run.here) for run in left} == {
            ("left.jsonl", True),
            ("elsewhere.jsonl", False),
        }
        assert {run.path.name for run in journal.unfinished(tmp_path)} - {"other.jsonl"} == {
            "left.jsonl",
            "elsewhere.jsonl",
        }
    assert len(journal.runs(tmp_path)) == 5


WRITE = """
import sys
from pathlib import Path
from test_journal import lifted
made = lifted(Path(sys.argv[1]))
print("lifted", flush=True)
sys.stdin.read()
"""


def test_a_run_is_alive_as_long_as_its_process_whatever_process_ids_say(file: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == b"lifted"
        assert journal.read(file).header.pid == process.pid
        assert journal.read(file).alive is True
        with pytest.raises(AzremedyError, match="Another azremedy is at work on the journal"):
            Journal.append(file)
    finally:
        process.kill()
        while journal.read(file).alive:  # a process that nobody has waited for yet is dead all the same
            pass
        zombie = process.returncode is None
        process.communicate()

    assert zombie
    for taken in (os.getpid(), os.getppid(), 1):
        file.unlink()
        lifted(file, pid=taken).close()
        assert journal.read(file).alive is False


HOLD = """
import sys
from pathlib import Path
from azremedy.journal import Applier
with Applier("S-1", Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_applier_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert first.stdin is not None
    assert first.stdout is not None
    try:
        assert first.stdout.readline().strip() == b"held"
        with pytest.raises(AzremedyError, match=f"process {first.pid}") as refused, Applier("s-1", tmp_path):
            pass
        assert refused.value.exit is Exit.USAGE
        with Applier("S-2", tmp_path):
            pass
    finally:
        first.kill()
        first.communicate()
    with Applier("S-1", tmp_path):
        pass
