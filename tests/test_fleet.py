"""Many subscriptions in one run: side by side within memory and quota, each for itself, and going on where it broke off."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier, Event, Lock, Thread

import pytest
from commands import Desk, Ended, command, environment, variables

from azremedy.arm import ArmId
from azremedy.checkpoint import opened
from azremedy.errors import AzremedyError, Incomplete
from azremedy.fleet import Room, Sized, each
from azremedy.resources import Subscription
from azremedy.sandbox import Sandbox, Throttle, embedded
from azremedy.sandbox.description import Fault
from azremedy.sandbox.generate import fleet

SIZE = 5


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate=fleet(6, SIZE, 1)) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


def subscriptions(number: int) -> list[Subscription]:
    return [Subscription(ArmId(f"/subscriptions/{nth}"), str(nth), None) for nth in range(number)]


def documents(ended: Ended) -> list[dict[str, object]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_findings_are_those_of_one_subscription_after_the_other(run: Desk) -> None:
    together = json.loads(run("scan", "-s", "*", "-o", "json").out)
    names = [one["id"] for one in together["subscriptions"]]
    alone = [json.loads(run("scan", "-s", name, "-o", "json").out) for name in names]

    assert len(names) == 6
    assert sorted(one["fingerprint"] for one in together["findings"]) == sorted(
        one["fingerprint"] for whole in alone for one in whole["findings"]
    )
    assert [one["vms"] for one in together["subscriptions"]] == [SIZE] * 6


def test_lines_are_those_of_the_whole_document_in_the_order_in_which_subscriptions_are_done(
    run: Desk,
) -> None:
    whole = json.loads(run("scan", "-s", "*", "-o", "json").out)["findings"]
    lines = documents(run("scan", "-s", "*", "-o", "jsonl"))

    assert sorted(map(str, lines)) == sorted(map(str, whole))


def test_subscriptions_stand_in_a_file(run: Desk, tmp_path: Path) -> None:
    named = tmp_path / "subscriptions.txt"
    named.write_text(f"# two of ours\ngenerated-{SIZE}-0001\n\ngenerated-{SIZE}-0004  # the other\n", "utf-8")
    made = json.loads(run("scan", "-s", f"@{named}", "-o", "json").out)

    assert [one["name"] for one in made["subscriptions"]] == [
        f"generated-{SIZE}-0001",
        f"generated-{SIZE}-0004",
    ]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "Cannot read the subscriptions in"), (b"# none\n", "names no subscription")]
)
def test_a_file_that_names_none_is_refused(
    run: Desk, tmp_path: Path, content: bytes | None, said: str
) -> None:
    named = tmp_path / "subscriptions.txt"
    if content is not None:
        named.write_bytes(content)
    ended = run("scan", "-s", f"@{named}")

    assert (ended.code, said in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("-s", "@"), "@ names no file"), (("--management-group", ""), "--management-group names none")],
)
def test_a_name_that_is_empty_is_refused(run: Desk, arguments: tuple[str, str], said: str) -> None:
    ended = run("scan", *arguments)

    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_what_cannot_be_read_costs_only_itself(run: Desk, sandbox: Sandbox) -> None:
    lost = fleet(6, SIZE, 1)[3]["subscription"]["id"]
    ended = run("scan", "-s", "*", "-s", "00000000-0000-4000-8000-00000000dead", "-o", "json")
    made = json.loads(ended.out)

    assert ended.code == 3
    assert len(made["subscriptions"]) == 6
    assert [one["what"] for one in made["unread"]] == ["subscription"]
    assert lost in {one["id"] for one in made["subscriptions"]}


def test_a_scan_that_was_killed_goes_on_from_its_checkpoint(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Killed while one of six hangs: the others are not read again."""
    kept = tmp_path / "checkpoint"
    arguments = ["scan", "-s", "*", "-o", "json", "--checkpoint", str(kept)]
    whole = json.loads(run(*arguments[:-2]).out)
    last = whole["subscriptions"][-1]["id"]
    sandbox.faults = [Fault(f"{last}/.*/locks", kind="slow", seconds=100, times=None)]
    scan = subprocess.Popen(
        [*command(), *arguments],
        env=environment(**variables(sandbox, tmp_path)),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 30
    while (not kept.exists() or kept.read_bytes().count(b'"subscription":') < 5) and time.monotonic() < until:
        time.sleep(0.05)
    scan.send_signal(signal.SIGKILL)
    scan.wait()
    sandbox.faults = []
    again = json.loads(run(*arguments).out)

    assert sorted(one["fingerprint"] for one in again["findings"]) == sorted(
        one["fingerprint"] for one in whole["findings"]
    )
    assert {one["id"] for one in again["subscriptions"] if one["calls"]} == {last}
    assert not kept.exists()


@pytest.mark.parametrize("cut", [1, 40, 4000])
def test_a_torn_checkpoint_is_read_as_far_as_it_is_whole(
    run: Desk, sandbox: Sandbox, tmp_path: Path, cut: int
) -> None:
    kept = tmp_path / "checkpoint"
    unreadable = ("-s", "00000000-0000-4000-8000-00000000dead")
    run("scan", "-s", "*", *unreadable, "-o", "json", "--checkpoint", kept)
    content = kept.read_bytes()
    kept.write_bytes(content[:-cut])
    sandbox.clear()
    again = json.loads(run("scan", "-s", "*", *unreadable, "-o", "json", "--checkpoint", kept).out)

    zero = [one["calls"] for one in again["subscriptions"]].count(0)
    assert 0 < zero < 6
    assert kept.exists()


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (b"{}\n", (), "is no checkpoint that this azremedy wrote"),
        (b"\x00\xff", (), "is no checkpoint that this azremedy wrote"),
        (None, ("--deep",), "asked for something else"),
        (None, ("--vault", "vault-001"), "asked for something else"),
        (None, ("--policy", "daily"), "asked for something else"),
    ],
)
def test_what_is_no_checkpoint_of_this_scan_is_refused_and_kept(
    run: Desk, tmp_path: Path, content: bytes | None, arguments: tuple[str, ...], said: str
) -> None:
    kept = tmp_path / "checkpoint"
    if content is None:
        run("scan", "-s", "*", "-s", "00000000-0000-4000-8000-00000000dead", "--checkpoint", kept)
        content = kept.read_bytes()
    else:
        kept.write_bytes(content)
    ended = run("scan", "-s", "*", "--checkpoint", kept, *arguments)

    assert (ended.code, said in ended.err) == (2, True)
    assert kept.read_bytes() == content


def test_who_waits_for_a_checkpoint_keeps_out_all_that_come_after(tmp_path: Path) -> None:
    """One scan looks for the lock while another has it, gets it as that one ends, and a third one comes."""
    fcntl = pytest.importorskip("fcntl")
    kept = tmp_path / "checkpoint"
    with opened(kept, {}):
        waits = (tmp_path / "checkpoint.lock").open("rb+")
    with waits:
        fcntl.flock(waits, fcntl.LOCK_EX | fcntl.LOCK_NB)

        with pytest.raises(AzremedyError, match="Another scan goes on from"), opened(kept, {}):
            pass


def test_a_throttled_fleet_takes_the_time_of_its_buckets_and_provokes_hardly_a_429(tmp_path: Path) -> None:
    """Four subscriptions, each with a bucket of 12 that gains 4 a second: no longer together than one would take."""
    with embedded(tmp_path / "sandbox", estate=fleet(4, 40, 1), throttle=Throttle(12, 4)) as sandbox:
        began = time.monotonic()
        ended = Desk(sandbox, tmp_path)("scan", "-s", "*", "-o", "json")
        took = time.monotonic() - began
        answers = [one.status for one in sandbox.requests]
    calls = max(one["calls"] for one in json.loads(ended.out)["subscriptions"])

    assert ended.code == 0
    assert answers.count(429) < 0.05 * len(answers)
    assert took < 1.5 * (calls - 12) / 4 + 3


def test_memory_is_shared_by_size() -> None:
    """Of a hundred places one counts for ten until it is known: eleven are let in at first, small ones make room."""
    room, inside, most, lock = Room(100, 10), 0, 0, Lock()
    small, first = Event(), Barrier(11)

    def one(nth: int) -> None:
        nonlocal inside, most
        with room.entered(ArmId(f"/subscriptions/{nth}")) as sized:
            with lock:
                inside += 1
                most = max(most, inside)
            if nth < 10:
                first.wait(5)
            small.wait(5)
            sized(1)
            with lock:
                inside -= 1

    threads = [Thread(target=one, args=(nth,)) for nth in range(10)]
    for thread in threads:
        thread.start()
    first.wait(5)
    late = Thread(target=one, args=(10,))
    late.start()
    time.sleep(0.05)
    assert most == 10
    small.set()
    for thread in (*threads, late):
        thread.join(5)
    assert inside == 0


@pytest.mark.parametrize(("vms", "more"), [(1, 16), (30, 1), (90, 0)])
def test_what_is_known_of_some_subscriptions_is_expected_of_others(vms: int, more: int) -> None:
    room = Room(100, 10)
    with ExitStack() as stack:
        inside = [stack.enter_context(room.entered(ArmId(f"/subscriptions/{nth}"))) for nth in range(3)]
        inside[0](vms)
        let_in: list[int] = []

        def enter(nth: int) -> None:
            with room.entered(ArmId(f"/subscriptions/{nth}")):
                let_in.append(nth)
                end.wait(5)

        end = Event()
        threads = [Thread(target=enter, args=(nth,)) for nth in range(3, 23)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        assert len(let_in) == more
        end.set()
    for thread in threads:
        thread.join(5)


def test_a_subscription_larger_than_the_room_is_read_alone() -> None:
    room = Room(100, 10)
    with room.entered(ArmId("/subscriptions/1")) as sized:
        sized(5_000)
        waiting = Thread(target=lambda: room.entered(ArmId("/subscriptions/2")).__enter__())
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive()


def test_what_is_raised_ends_all_and_keeps_nobody_waiting() -> None:
    def look(subscription: Subscription, sized: Sized) -> None:
        sized(10**9)
        if subscription.name == "0":
            raise AzremedyError("stop")

    with pytest.raises(AzremedyError, match="stop"):
        list(each(subscriptions(40), look))


def test_a_gap_is_yielded_in_place_of_a_result() -> None:
    def look(subscription: Subscription, _: Sized) -> str:
        if subscription.name == "1":
            raise Incomplete("not this one")
        return subscription.name

    told = {one.name: str(result) for one, result in each(subscriptions(3), look)}
    assert told == {"0": "0", "1": "not this one", "2": "2"}
