"""Brackets: a lifted lock goes back just as it was, whatever happens in between."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from applying import (
    EASY,
    ESTATE,
    LOCK,
    NOTES,
    POINTS_GROUP,
    ROOT,
    Bench,
    allow,
    backup,
    bench,
    bracket,
    expect,
    group,
    header,
    lift,
    outcomes,
    pruned,
    signed_in_by_az,
    vm,
)

from azremedy import journal
from azremedy.apply import ArmClock, Result, Stop, carry_out, check, resume
from azremedy.apply.bracket import command
from azremedy.arm import ArmId
from azremedy.errors import AzremedyError, MissingRights
from azremedy.journal import Journal
from azremedy.plan import Bracket, Outcome
from azremedy.sandbox.description import LockLag

A, S, K, U = Outcome.APPLIED, Outcome.STALE, Outcome.SKIPPED, Outcome.UNCONFIRMED
SHORT = replace(EASY, max_unlocked=timedelta(minutes=10))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def seal(lab: Bench) -> tuple[str, str, object]:
    """What makes the lock the same lock."""
    properties = lab.body(LOCK)["properties"]
    return properties["level"], properties.get("notes"), properties.get("owners")


SEAL = ("CanNotDelete", NOTES, None)


def test_lets_the_service_prune_and_puts_the_lock_back(lab: Bench) -> None:
    before = lab.body(LOCK)

    result = lab.run(group(bracket(lab)))

    assert outcomes(list(result.done)) == [A, A]
    after = lab.body(LOCK)
    assert {**after, "id": after["id"].lower()} == {**before, "id": before["id"].lower()}
    assert [one.split()[0] for one in lab.writes()] == ["DELETE", "POST", "PUT"]
    [unlocked] = result.unlocked
    assert unlocked.lock == LOCK
    assert unlocked.closed
    assert 0 < unlocked.seconds < 3600
    assert lab.journal.finished
    assert lab.journal.open_brackets == ()


def test_says_first_how_to_put_the_lock_back_by_hand(lab: Bench) -> None:
    lab.run(group(bracket(lab)))

    [told] = lab.told
    words = shlex.split(told.partition(": ")[2])
    assert words[:3] == ["az", "lock", "create"]
    assert dict(zip(words[3::2], words[4::2], strict=True)) == {
        "--name": "Keep It",
        "--lock-type": "CanNotDelete",
        "--resource-group": "AzureBackupRG_westeurope_1",
        "--subscription": ROOT.rpartition("/")[2],
        "--notes": NOTES,
    }


def test_goes_back_after_a_body_that_failed(lab: Bench) -> None:
    lab.fault("POST .*/backup$", "status", status=400, code="Nonsense")

    assert outcomes(lab.do(bracket(lab))) == [A, Outcome.FAILED]
    assert seal(lab) == SEAL


def test_goes_back_after_a_body_that_was_stale(lab: Bench) -> None:
    stale = replace(backup(), before=(expect(vm("sql1"), "name", "another"),))

    assert outcomes(lab.do(bracket(lab, stale))) == [A, S]
    assert seal(lab) == SEAL


def test_goes_back_at_the_deadline_in_any_case(lab: Bench) -> None:
    never = bracket(lab, until=(pruned(lab, below=1),))

    result = lab.run(group(never), settings=SHORT)

    assert outcomes(list(result.done)) == [U, A]
    assert "After 0:10:00 without the lock" in (result.done[0].reason or "")
    assert seal(lab) == SEAL
    assert 600 <= result.unlocked[0].seconds < 1200


def test_goes_back_when_the_run_is_told_to_stop(lab: Bench) -> None:
    stop = Stop()
    timer = Timer(0.5, stop.event.set)
    timer.start()

    result = lab.run(group(bracket(lab, until=(pruned(lab, below=1),))), stop=stop)
    timer.join()

    assert result.done[0].outcome is U
    assert seal(lab) == SEAL
    assert result.unlocked[0].closed


def test_is_not_lifted_once_the_run_is_told_to_stop(lab: Bench) -> None:
    stop = Stop()
    stop.event.set()

    assert outcomes(lab.do(bracket(lab), stop=stop)) == [K, K]
    assert lab.writes() == []


@pytest.mark.parametrize("kind", ["drop-before", "drop-after"])
@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_goes_back_whichever_answer_is_lost(lab: Bench, method: str, kind: str) -> None:
    lab.fault(f"{method} .*/locks/", kind)

    result = lab.run(group(bracket(lab)))

    assert outcomes(list(result.done)) == [A, A]
    assert seal(lab) == SEAL
    assert result.unlocked[0].closed


def test_goes_back_although_putting_it_back_fails_for_a_while(lab: Bench) -> None:
    lab.fault("PUT .*/locks/", "status", status=503, times=4)

    assert lab.run(group(bracket(lab))).unlocked[0].closed
    assert seal(lab) == SEAL


def test_that_cannot_go_back_is_said_and_left_to_resume(lab: Bench) -> None:
    lab.fault("PUT .*/locks/", "status", status=403, code="AuthorizationFailed", times=None)

    result = lab.run(group(bracket(lab)))

    assert not result.unlocked[0].closed
    assert "is not back" in lab.told[-1]
    assert "az lock create" in lab.told[-1]
    assert not lab.journal.finished
    [entry] = lab.journal.open_brackets
    assert entry.body["whole"]["properties"]["notes"] == NOTES

    lab.sandbox.faults = []
    with Journal.append(lab.file) as more:
        again = resume(lab.journal, lab.writer, more, EASY, lab.clock, lab.told.append)
    assert again.unlocked[0].closed
    assert seal(lab) == SEAL
    assert lab.journal.finished


THEIRS = {"id": str(LOCK), "name": "Keep It", "properties": {"level": "ReadOnly", "notes": "mine"}}


def never_over(lab: Bench) -> Bracket:
    """A bracket that waits for what does not happen."""
    return bracket(lab, until=(pruned(lab, below=1),))


def test_someone_elses_lock_of_the_same_name_is_left_as_it_is_and_ends_the_wait(lab: Bench) -> None:
    timer = Timer(0.6, lambda: lab.sandbox.change(str(LOCK), "", THEIRS))
    timer.start()

    result = lab.run(group(never_over(lab)))
    timer.join()

    assert (result.done[0].outcome, result.done[0].reason) == (
        U,
        "Somebody made another lock Keep It meanwhile.",
    )
    assert seal(lab) == ("ReadOnly", "mine", None)
    [unlocked] = result.unlocked
    assert (unlocked.closed, unlocked.others) == (False, True)
    assert unlocked.seconds < 0.5 * EASY.max_unlocked.total_seconds()
    assert "another lock of its name" in lab.told[-1]
    assert not lab.journal.finished


def test_a_resume_names_a_lock_that_was_left_to_another_and_puts_it_back_where_that_is_gone(
    lab: Bench,
) -> None:
    timer = Timer(0.6, lambda: lab.sandbox.change(str(LOCK), "", THEIRS))
    timer.start()
    lab.run(group(never_over(lab)))
    timer.join()

    def resumed() -> Result:
        lab.told.clear()
        with Journal.append(lab.file) as more:
            return resume(lab.journal, lab.writer, more, EASY, lab.clock, lab.told.append)

    [left] = resumed().unlocked
    assert (left.closed, left.others, lab.journal.finished) == (False, True, True)
    [told] = lab.told
    assert told.startswith("The lock Keep It is not back: another lock of its name stands there")
    assert "az lock create --name 'Keep It'" in told
    assert seal(lab) == ("ReadOnly", "mine", None)

    lab.sandbox.change(str(LOCK), "", None)
    [back] = resumed().unlocked
    assert (back.closed, seal(lab), lab.told) == (True, SEAL, [])


def test_says_now_and_then_that_it_waits_under_a_lifted_lock(lab: Bench) -> None:
    lab.run(group(never_over(lab)), settings=replace(SHORT, max_unlocked=timedelta(minutes=35)))

    said = [one for one in lab.told if one.startswith("The lock Keep It is off: ")]
    assert 1 <= len(said) <= 3
    assert "is a list of" in said[0]
    assert "It goes back in 2" in said[0]


def test_waits_until_a_lifted_lock_has_let_go(lab: Bench) -> None:
    lab.sandbox.lock_lag = LockLag(lifted=120)
    from applying import gone, step  # noqa: PLC0415 - this test alone deletes a point

    from azremedy.arm import Request  # noqa: PLC0415 - as above

    point = ArmId(next(one for one in lab.sandbox.snapshot() if "/restorepoints/" in one))
    drop = step(Request("DELETE", point), after=(gone(point),))

    done = lab.do(bracket(lab, drop))

    assert outcomes(done) == [A, A]
    assert lab.body(point) is None


def test_a_lock_that_is_slow_to_show_again_is_back(lab: Bench) -> None:
    lab.sandbox.lock_lag = LockLag(placed=60)

    assert lab.run(group(bracket(lab))).unlocked[0].closed


def test_kept_open_on_purpose_stays_open_and_the_journal_says_so(lab: Bench) -> None:
    result = lab.run(group(bracket(lab, keep_open=True)))

    assert outcomes(list(result.done)) == [A, A]
    assert lab.body(LOCK) is None
    assert '"kept open"' in lab.file.read_text("utf-8")
    assert lab.journal.open_brackets == ()
    assert lab.journal.finished


def test_is_not_lifted_where_the_sign_in_may_end_before_it_is_back(
    lab: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour, quarter = replace(EASY, max_unlocked=timedelta(hours=1)), timedelta(minutes=15)
    with signed_in_by_az(lab.sandbox, tmp_path, monkeypatch, in_ci=True) as writer:
        done = lab.do(bracket(lab), writer=writer, settings=hour)
        with pytest.raises(
            MissingRights, match=r"ends in 59 min, and the lock may be off for 4 h: .*--max-unlocked"
        ):
            check(writer, [group(bracket(lab))], timedelta(hours=4))
        check(writer, [group(bracket(lab, keep_open=True))], timedelta(hours=4))
        check(writer, [group(bracket(lab))], quarter)

        assert outcomes(done) == [Outcome.FAILED, K]
        assert lab.writes() == []

        lab.file = tmp_path / "again.jsonl"
        done = lab.do(bracket(lab), writer=writer, settings=replace(EASY, max_unlocked=quarter))
        assert outcomes(done) == [A, A]


def test_is_lifted_where_a_person_signed_in_with_az(
    lab: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with signed_in_by_az(lab.sandbox, tmp_path, monkeypatch, in_ci=False) as writer:
        assert outcomes(lab.do(bracket(lab), writer=writer)) == [A, A]
    assert seal(lab) == SEAL


def test_nothing_opens_under_a_wider_read_only_lock(tmp_path: Path) -> None:
    wide = {"name": "freeze", "scope": "subscription", "level": "ReadOnly"}
    with bench(tmp_path, {**ESTATE, "locks": [*ESTATE["locks"], wide]}) as lab:
        done = lab.do(bracket(lab))

        assert outcomes(done) == [S, K]
        assert "freeze" in (done[0].reason or "")
        assert lab.writes() == []


def test_brackets_close_in_reverse(tmp_path: Path) -> None:
    wide = {"name": "wide", "scope": "subscription", "notes": "all of it"}
    outer = ArmId(f"{ROOT}/providers/Microsoft.Authorization/locks/wide")
    with bench(tmp_path, {**ESTATE, "locks": [*ESTATE["locks"], wide]}) as lab:
        inner = bracket(lab)

        assert outcomes(lab.do(Bracket(lift(outer), (inner,), inner.until))) == [A, A, A]
        names = [one.split("/")[-1] for one in lab.writes()]
        assert names == ["wide", "Keep%20It", "backup", "Keep%20It", "wide"]
        assert lab.body(outer)["properties"]["notes"] == "all of it"


def test_waiting_for_the_service_holds_up_nobody(lab: Bench) -> None:
    slow = group(bracket(lab, until=(pruned(lab, below=1),)), id_="g1")

    result = lab.run(slow, group(allow(), id_="g2"), settings=replace(SHORT, parallel=1))

    assert {one.group: one.outcome for one in result.done if one.step.summary != backup().summary} == {
        "g1": U,
        "g2": A,
    }
    paths = [one for one in lab.writes() if "securityRules" in one or one.startswith("PUT locks")]
    assert paths[0].startswith("PUT securityRules")


def test_no_scope_is_open_while_its_vault_serves_another_bracket(tmp_path: Path) -> None:
    other = {"name": "other", "scope": "network"}
    lock = ArmId(f"{ROOT}/resourceGroups/network/providers/Microsoft.Authorization/locks/other")
    with bench(tmp_path, {**ESTATE, "locks": [*ESTATE["locks"], other]}, speed=100) as lab:
        one = Bracket(lift(), (backup("sql1"), backup("app1")), ())
        two = Bracket(lift(lock), (backup("dc1"),), ())

        result = lab.run(group(one, id_="g1"), group(two, id_="g2"))

        assert {done.outcome for done in result.done} == {A}
        order = [method for method in (sent.split()[0] for sent in lab.writes()) if method != "PUT"]
        assert order in (
            ["DELETE", "POST", "POST", "DELETE", "POST"],
            ["DELETE", "POST", "DELETE", "POST", "POST"],
        )


CHILD = """
import sys
from pathlib import Path
from applying import EASY, Bench, bracket, group, header, pruned
from azremedy.apply import ArmClock, carry_out, guarded
from azremedy.arm import ArmId
from azremedy.azure import ClientSecret, find_cloud, open_writer
from azremedy.journal import Journal, header
from azremedy.plan import Bracket, Expect, Test, View
from applying import backup, lift

url, ca, tenant, client, secret, collection, subscription, file, speed = sys.argv[1:]
cloud = find_cloud(url, ca=ca, environ={})
until = Expect(ArmId(collection), "properties.restorePoints", Test.BELOW, 1, View.RESTORE_POINTS)
with guarded() as stop, open_writer(
    cloud, secret=ClientSecret(tenant, client, secret), ca=ca, environ={}
) as writer:
    writer.get(collection, {"api-version": "2024-07-01"})
    made = header(
        who="test", tenant=tenant, subscription=subscription, endpoint=url, plan="none", started=writer.now
    )
    with Journal.new(made, Path(file)) as written:
        result = carry_out(
            [group(Bracket(lift(), (backup(),), (until,)))], writer, written, EASY,
            ArmClock(writer, float(speed)), lambda words: print(words, file=sys.stderr), stop=stop,
        )
    print("closed", all(one.closed for one in result.unlocked), "signal", stop.signal)
"""


def child(lab: Bench) -> subprocess.Popen[str]:
    """A process that lifts the lock and waits for what never comes; returned once the lock is off."""
    sandbox = lab.sandbox
    arguments = (
        sandbox.url,
        sandbox.ca,
        sandbox.tenant,
        sandbox.client_id,
        sandbox.client_secret,
        pruned(lab).target,
        sandbox.subscription,
        lab.file,
        lab.speed,
    )
    started = subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 30
    while not any(one.startswith("POST") and one.endswith("backup") for one in lab.writes()):
        assert time.monotonic() < until, started.communicate()
        assert started.poll() is None, started.communicate()
        time.sleep(0.05)
    return started


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process that is told to stop")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_closes_what_was_opened_and_a_second_one_changes_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    with bench(tmp_path, speed=100) as lab:
        running = child(lab)
        lab.fault("PUT .*/locks/", "slow", seconds=0.5)
        running.send_signal(number)
        time.sleep(0.2)
        running.send_signal(number)
        out, err = running.communicate(timeout=30)

        assert (running.returncode, out) == (0, f"closed True signal {number.value}\n"), err
        assert seal(lab) == SEAL
        assert lab.journal.open_brackets == ()


def test_a_killed_run_is_closed_by_resume(tmp_path: Path) -> None:
    with bench(tmp_path, speed=100) as lab:
        running = child(lab)
        running.kill()
        running.communicate()
        assert lab.body(LOCK) is None
        [run] = journal.unfinished(tmp_path, lab.sandbox.subscription)
        assert [one.step.request.id.text for one in run.open_brackets] == [LOCK.text]

        with Journal.append(run.path) as more:
            result = resume(run, lab.writer, more, EASY, ArmClock(lab.writer, lab.speed), lab.told.append)

        assert seal(lab) == SEAL
        assert lab.body(LOCK)["id"].lower() == LOCK.key
        assert result.unlocked[0].closed
        assert lab.journal.finished
        assert POINTS_GROUP in str(LOCK)
        assert sum(one.endswith("backup") for one in lab.writes()) == 1


def test_goes_back_although_the_journal_cannot_be_written_any_more(lab: Bench) -> None:
    with Journal.new(header(lab.sandbox), lab.file) as written:
        full = Full(written, after="sent")
        with pytest.raises(AzremedyError, match="no space left"):
            carry_out([group(bracket(lab))], lab.writer, full, EASY, lab.clock, lab.told.append)

    assert seal(lab) == SEAL
    assert lab.journal.open_brackets, "a resume will look at it again"


class Full:
    """A journal whose disk is full once it has noted an event of that name."""

    def __init__(self, journal: Journal, after: str) -> None:
        self.begin, self.intend, self.finish = journal.begin, journal.intend, journal.finish
        self._journal, self._after, self._full = journal, after, False

    def note(self, event: str, key: str, at: datetime, **members: Any) -> None:
        if self._full:
            raise AzremedyError("The journal cannot be written: no space left on device.")
        self._journal.note(event, key, at, **members)
        self._full = event == self._after


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        pytest.param(ROOT, "", id="subscription"),
        pytest.param(f"{ROOT}/resourceGroups/a b", " --resource-group 'a b'", id="group"),
        pytest.param(str(vm("sql1")), f" --resource {vm('sql1')}", id="resource"),
    ],
)
def test_the_command_names_the_scope_and_carries_no_escape(scope: str, words: str) -> None:
    lock = ArmId(f"{scope}/providers/Microsoft.Authorization/locks/keep")
    body = {"properties": {"level": "ReadOnly", "notes": "\x1b[2J$(rm)"}}

    assert command(lock, body) == (
        f"az lock create --name keep --lock-type ReadOnly --notes $'\\x1b[2J$(rm)'{words}"
        f" --subscription {ROOT.rpartition('/')[2]}"
    )
