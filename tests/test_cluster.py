"""A Dask cluster that reads: what travels, what is refused, and what its answers are worth when machines are lost."""

from __future__ import annotations

import io
import json
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from building import estate, failed_item, failed_job, vm
from clustered import Cluster, cluster, until
from commands import Desk, Ended, azremedy, command, environment, variables

from azremedy.cluster.client import Deadline, Watch
from azremedy.cluster.worker import Answer, Order, Seat
from azremedy.errors import AzremedyError
from azremedy.playbook import load, outside
from azremedy.question import Question
from azremedy.sandbox import Sandbox, embedded
from azremedy.sandbox.description import Fault
from azremedy.sandbox.generate import fleet
from azremedy.scan import evaluate
from azremedy.selection import Selection

SUBSCRIPTIONS, SIZE = 12, 20
NOWHERE = "tcp://127.0.0.1:1"
SOON = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
"""Has Dask wait for nobody for long."""

ORDER = Order(
    Question(outside(), timedelta(3), deep=True, selection=Selection.of(["sql1"])),
    "https://management.azure.com", "contoso.com", 8, 60.0,
)  # fmt: skip

slow = pytest.mark.slow


# What travels


class Customs(pickle.Unpickler):
    """Unpickles, and notes what is called or named on the way."""

    def __init__(self, pickled: bytes) -> None:
        super().__init__(io.BytesIO(pickled))
        self.named: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.named.add(f"{module}.{name}")
        return super().find_class(module, name)


def test_what_is_asked_travels_as_data_with_playbooks_by_name() -> None:
    seat = pickle.dumps(Seat(ORDER))
    customs = Customs(seat)
    arrived = customs.load().order

    assert arrived == ORDER
    assert all(here is there for here, there in zip(outside(), arrived.question.playbooks, strict=True))
    assert {one for one in customs.named if not one.startswith("azremedy.")} <= {
        "builtins.frozenset", "copyreg.__newobj__", "copyreg._reconstructor", "builtins.object", "datetime.timedelta",
    }  # fmt: skip
    assert not any("playbooks." in one for one in customs.named)
    assert not re.search(rb"secret|token|credential", seat, re.IGNORECASE)


def test_an_answer_is_the_same_on_the_other_side_and_no_larger_than_it_must_be() -> None:
    """Symptoms are told apart by what they are, not by their text, and so are playbooks."""
    read = estate(vm(), failed_item(), failed_job("ExtensionSnapshotFailedNoNetwork"))
    scan = evaluate(read, outside())
    travelled = pickle.dumps(Answer(scan))
    arrived = pickle.loads(travelled).scan
    [failure] = [one.failure for one in scan.unexplained]
    [again] = [one.failure for one in arrived.unexplained]

    assert arrived == scan
    assert failure
    assert again.symptom is failure.symptom
    assert again.error == failure.error
    assert max(len(one.about) for one in load().values()) > len(travelled) / 4


def test_a_playbook_that_only_one_side_has_cannot_travel() -> None:
    own = next(iter(load().values()))
    other = type(own)(**{name: getattr(own, name) for name in own.__slots__})

    with pytest.raises(TypeError, match="is no shipped playbook"):
        pickle.dumps(Question((other,)))


def test_a_worker_that_joins_late_with_another_azremedy_reads_nothing() -> None:
    seat = Seat(replace(ORDER, version="9.9"))
    seat.setup(SimpleNamespace(address="tcp://10.0.0.4:1"))

    with pytest.raises(
        AzremedyError, match=r"The worker tcp://10\.0\.0\.4:1 runs azremedy .*, and this is 9\.9\."
    ):
        seat.session()


def test_who_answered_a_moment_ago_is_waited_for_and_then_no_longer() -> None:
    watch = Watch(lambda: 0, patience=0.4, deadline=Deadline(None), look=0.05)
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        assert watch.over() is None
        watch.answered()
    began = time.monotonic()
    while (over := watch.over()) is None:
        assert time.monotonic() < began + 5

    assert over.code == "NoWorker"
    assert time.monotonic() > began + 0.4


# What is refused


def test_a_scan_of_one_machine_never_imports_dask(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate=fleet(2, SIZE, 1)) as sandbox:
        script = (
            "import sys; from azremedy.cli import run; code = run(sys.argv[1:]);"
            "print(code, sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
        )
        ended = subprocess.run(
            [sys.executable, "-P", "-c", script, "scan", "-s", "*"],
            env=environment(**variables(sandbox, tmp_path)),
            capture_output=True,
            text=True,
            check=True,
        )

    assert ended.stderr.startswith("0 ")
    assert not re.search("'(dask|distributed|cloudpickle)'", ended.stderr)


def test_without_its_extra_it_says_what_to_install(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate=fleet(1, SIZE, 1)) as sandbox:
        script = (
            "import sys; sys.modules['distributed'] = None\n"
            "from azremedy.cli import run; sys.exit(run(sys.argv[1:]))"
        )
        ended = subprocess.run(
            [sys.executable, "-P", "-c", script, "scan", "-s", "*", "--scheduler", NOWHERE],
            env=environment(**variables(sandbox, tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )

    assert ended.returncode == 2
    assert ended.stderr == (
        "azremedy: --scheduler needs distributed, which is not installed: pip install 'azremedy[fleet]'\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--guest"], "--guest keeps its journal on the machine that asks"),
        (["--cloud", "sandbox"], "--cloud sandbox is in reach of this machine only"),
        (["--estate", "x.json"], "--scheduler means nothing with --estate"),
        (["--scheduler", "host:8786"], "is not of the form tcp://HOST:PORT or tls://HOST:PORT"),
        (["--scheduler", "tcp://host"], "is not of the form tcp://HOST:PORT or tls://HOST:PORT"),
        (["--scheduler", "tcp://user@host:1"], "is not of the form tcp://HOST:PORT or tls://HOST:PORT"),
    ],
)
def test_what_makes_no_sense_beside_it_is_refused_in_one_sentence(arguments: list[str], said: str) -> None:
    ended = azremedy("scan", "--scheduler", NOWHERE, *arguments)

    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert said in ended.err


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        (NOWHERE, 3, f"No Dask scheduler answers at {NOWHERE}"),
        ("tls://127.0.0.1:1", 2, "tls://127.0.0.1:1 needs the certificates of Dask's own settings"),
    ],
)
def test_a_scheduler_that_is_not_there_is_one_sentence(
    tmp_path: Path, address: str, code: int, said: str
) -> None:
    with embedded(tmp_path / "sandbox", estate=fleet(1, SIZE, 1)) as sandbox:
        ended = Desk(sandbox, tmp_path)("scan", "-s", "*", "--scheduler", address, **SOON)

    assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1), ended.err
    assert said in ended.err


# Two workers, each a process


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Cluster]]:
    folder = tmp_path_factory.mktemp("place")
    with (
        embedded(folder / "sandbox", estate=fleet(SUBSCRIPTIONS, SIZE, 1)) as sandbox,
        cluster(folder / "cluster") as joined,
    ):
        for _ in range(2):
            joined.join(variables(sandbox, folder))
        yield sandbox, joined


@pytest.fixture
def run(place: tuple[Sandbox, Cluster], tmp_path: Path) -> Desk:
    sandbox, _ = place
    sandbox.faults = []
    sandbox.clear()
    return Desk(sandbox, tmp_path)


@pytest.fixture
def afar(place: tuple[Sandbox, Cluster]) -> tuple[str, str]:
    return "--scheduler", place[1].address


def settled(document: str) -> Any:
    """A scan's document without moments, and with the requests that found the subscriptions charged to none."""
    made = json.loads(document)
    for one in made["subscriptions"]:
        one["calls"] -= one["callsByKind"].pop("subscription", 0)
    return {key: value for key, value in made.items() if key not in ("startedAt", "finishedAt")}


@slow
def test_findings_are_those_of_one_machine_in_content_and_order(run: Desk, afar: tuple[str, str]) -> None:
    here, there = run("scan", "-s", "*", "-o", "json"), run("scan", "-s", "*", "-o", "json", *afar)

    assert (there.code, there.err) == (0, "")
    assert len(json.loads(there.out)["findings"]) > 5
    assert settled(there.out) == settled(here.out)
    assert sum(one["calls"] for one in json.loads(there.out)["subscriptions"]) == sum(
        one["calls"] for one in json.loads(here.out)["subscriptions"]
    )


@slow
def test_lines_come_as_subscriptions_are_done(run: Desk, afar: tuple[str, str]) -> None:
    here, there = (run("scan", "-s", "*", "-o", "jsonl", *more).out.splitlines() for more in ((), afar))

    assert len(there) > 5
    assert sorted(there) == sorted(here)


@slow
def test_two_scans_share_a_cluster_and_keep_out_of_each_others_way(
    run: Desk, place: tuple[Sandbox, Cluster], afar: tuple[str, str]
) -> None:
    deep = run("scan", "-s", "*", "-o", "json", "--deep").out
    alone = run("scan", "-s", "*", "-o", "json").out
    run.sandbox.faults = [Fault("/locks", kind="slow", seconds=0.3, times=None)]
    inner: list[Ended] = []
    outer = meanwhile(
        run, place[1], lambda: inner.append(run("scan", "-s", "*", "-o", "json", "--deep", *afar))
    )

    assert [outer.code, inner[0].code] == [0, 0], outer.err
    assert settled(outer.out) == settled(alone)
    assert settled(inner[0].out) == settled(deep) != settled(alone)


@slow
def test_a_subscription_that_cannot_be_read_costs_only_itself(run: Desk, afar: tuple[str, str]) -> None:
    lost = fleet(SUBSCRIPTIONS, SIZE, 1)[3]["subscription"]["id"]
    run.sandbox.faults = [Fault(f"{lost}/", status=403, code="AuthorizationFailed", times=None)]
    here, there = (run("scan", "-s", "*", "-o", "json", *more) for more in ((), afar))

    assert (there.code, there.err) == (3, here.err)
    assert json.loads(there.out)["unread"] == json.loads(here.out)["unread"] != []


@slow
def test_names_that_are_mistyped_masks_and_saved_estates_are_what_they_are_on_one_machine(
    run: Desk, afar: tuple[str, str], tmp_path: Path
) -> None:
    one = f"generated-{SIZE}-0001"
    mistyped = [run("scan", "-s", "*", "--vm", "vm-9999", *more) for more in ((), afar)]
    masked = [run("scan", "-s", "*", "--mask", "-o", "csv", *more) for more in ((), afar)]
    saved = [tmp_path / name for name in ("here", "there")]
    for file, more in zip(saved, ((), afar), strict=True):
        assert run("scan", "-s", one, "--save-estate", file, *more).code == 0
    here, there = (json.loads(file.read_bytes())["estate"] for file in saved)

    assert [ended.code for ended in mistyped] == [2, 2]
    assert mistyped[0].err == mistyped[1].err
    assert "generated" not in masked[1].out
    assert len(masked[1].out.splitlines()) == len(masked[0].out.splitlines()) > 5
    assert {**here, "readAt": None, "read_at": None} == {**there, "readAt": None, "read_at": None}


@slow
def test_a_scan_that_was_killed_goes_on_from_its_checkpoint(
    run: Desk, place: tuple[Sandbox, Cluster], afar: tuple[str, str], tmp_path: Path
) -> None:
    """Killed while one of twelve hangs; nothing of it is left in the cluster when the next one comes."""
    kept = tmp_path / "checkpoint"
    arguments = ["scan", "-s", "*", "-o", "json", *afar]
    whole = run(*arguments)
    last = json.loads(whole.out)["subscriptions"][-1]["id"]
    run.sandbox.faults = [Fault(f"{last}/.*/locks", kind="slow", seconds=100, times=None)]
    scan = subprocess.Popen(
        [*command(), *arguments, "--checkpoint", str(kept)],
        env=environment(**variables(run.sandbox, tmp_path)),
        stdout=subprocess.DEVNULL,
    )
    until(lambda: kept.exists() and kept.read_bytes().count(b'"subscription":') == SUBSCRIPTIONS - 1)
    scan.kill()
    scan.wait()
    run.sandbox.faults = []
    again = run(*arguments, "--checkpoint", kept)

    assert json.loads(again.out)["findings"] == json.loads(whole.out)["findings"]
    assert {one["id"] for one in json.loads(again.out)["subscriptions"] if one["calls"]} == {last}
    assert not kept.exists()
    for log in map(place[1].log, range(2)):
        assert log.count("Starting Worker plugin Client-azremedy") > 2
        assert log.count("Removing Worker plugin Client-azremedy") == log.count(
            "Starting Worker plugin Client-a"
        )


@slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_calls_off_what_is_under_way(
    run: Desk, place: tuple[Sandbox, Cluster], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    run.sandbox.faults = [Fault("/subscriptions/", kind="slow", seconds=1, times=None)]
    scan = subprocess.Popen(
        command("scan", "-s", "*", "--in-flight", "1", "--scheduler", place[1].address),
        env=environment(**variables(run.sandbox, tmp_path)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    until(lambda: sum("/subscriptions/" in one.path for one in run.sandbox.requests) > 3)
    scan.send_signal(number)
    _, said = scan.communicate(timeout=20)
    before = len(run.sandbox.requests)
    time.sleep(4)

    assert scan.returncode == code
    assert said.decode().count("\n") <= 1
    assert len(run.sandbox.requests) - before <= 2, "one of each worker was at ARM already"


@slow
def test_nothing_secret_goes_over_the_wire(run: Desk, place: tuple[Sandbox, Cluster], tmp_path: Path) -> None:
    with listening(place[1].address) as (address, heard):
        ended = run("scan", "-s", "*", "-o", "json", "--scheduler", address, AZREMEDY_TEST="of-this-machine")
    wire = bytes(heard)
    first = json.loads(ended.out)["subscriptions"][0]["id"]

    assert ended.code == 0
    assert first.encode() in wire
    assert run.sandbox.url.encode() in wire
    for secret in (
        run.sandbox.client_secret,
        "eyJ",
        "Bearer",
        "of-this-machine",
        str(run.sandbox.ca),
        "XDG_",
    ):
        assert secret.encode() not in wire


@contextmanager
def listening(address: str) -> Iterator[tuple[str, bytearray]]:
    """Stand between a client and its scheduler; yield the address, and what is heard there in both directions."""
    host, _, port = address.removeprefix("tcp://").partition(":")
    heard = bytearray()

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while given := source.recv(65536):
                heard.extend(given)
                target.sendall(given)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def serve(door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, far = door.accept()[0], socket.create_connection((host, int(port)))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pass_on, args=pair, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=serve, args=(door,), daemon=True).start()
        yield f"tcp://127.0.0.1:{door.getsockname()[1]}", heard


# Machines that are lost


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Desk, Cluster]]:
    with (
        embedded(tmp_path / "sandbox", estate=fleet(SUBSCRIPTIONS, SIZE, 1)) as sandbox,
        cluster(tmp_path / "cluster", DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1") as joined,
    ):
        yield Desk(sandbox, tmp_path), joined


def meanwhile(desk: Desk, joined: Cluster, does: Callable[[], None], *flags: str, **more: str) -> Ended:
    """Scan everything on the cluster while something is done to it."""
    scan = subprocess.Popen(
        command("scan", "-s", "*", "-o", "json", "--scheduler", joined.address, *flags),
        env=environment(**variables(desk.sandbox, desk.folder), **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        does()
        out, err = scan.communicate(timeout=60)
    finally:
        scan.kill()
    return Ended(scan.returncode, out, err)


@slow
def test_what_a_lost_worker_had_is_done_again_by_others(fresh: tuple[Desk, Cluster]) -> None:
    desk, joined = fresh
    here = desk("scan", "-s", "*", "-o", "json")
    calls = sum(one["calls"] for one in json.loads(here.out)["subscriptions"])
    workers = [joined.join(variables(desk.sandbox, desk.folder), threads=2) for _ in range(3)]
    desk.sandbox.faults = [Fault("/locks", kind="slow", seconds=0.5, times=None)]
    desk.sandbox.clear()

    def kill() -> None:
        until(lambda: sum("/locks" in one.path for one in desk.sandbox.requests) >= 4)
        workers[0].send_signal(signal.SIGKILL)

    there = meanwhile(desk, joined, kill)

    assert (there.code, there.err) == (0, "")
    assert settled(there.out) == settled(here.out)
    assert workers[0].wait() == -signal.SIGKILL
    assert sum(desk.sandbox.calls().values()) > calls


@slow
def test_a_subscription_that_every_worker_is_lost_with_is_a_gap(fresh: tuple[Desk, Cluster]) -> None:
    """A worker has a second one in hand, which is lost with it each time and is not to blame: it is tried alone."""
    desk, joined = fresh
    fatal = fleet(SUBSCRIPTIONS, SIZE, 1)[5]["subscription"]["id"]
    environ = variables(desk.sandbox, desk.folder)
    desk.sandbox.faults = [Fault(f"{fatal}/.*/locks", kind="slow", seconds=100, times=None)]
    worker = joined.join(environ, threads=1)

    def kill() -> None:
        nonlocal worker
        for _ in range(2 * 2):
            until(lambda: sum(f"{fatal}/" in one.path for one in desk.sandbox.requests) > 2)
            desk.sandbox.clear()
            worker.send_signal(signal.SIGKILL)
            worker = joined.join(environ, threads=1)

    ended = meanwhile(desk, joined, kill)
    made = json.loads(ended.out)

    assert ended.code == 3
    assert [(one["scope"], one["what"], one["code"]) for one in made["unread"]] == [
        (f"/subscriptions/{fatal}", "subscription", "WorkersLost")
    ]
    assert "2 workers were lost one after the other" in made["unread"][0]["reason"]
    assert len(made["subscriptions"]) == SUBSCRIPTIONS - 1


@slow
@pytest.mark.parametrize(("lost", "code"), [("worker", "NoWorker"), ("scheduler", "SchedulerLost")])
def test_where_nobody_is_left_to_read_what_was_read_is_shown(
    fresh: tuple[Desk, Cluster], lost: str, code: str
) -> None:
    desk, joined = fresh
    hangs = fleet(SUBSCRIPTIONS, SIZE, 1)[5]["subscription"]["id"]
    desk.sandbox.faults = [Fault(f"{hangs}/.*/locks", kind="slow", seconds=100, times=None)]
    worker = joined.join(variables(desk.sandbox, desk.folder), threads=4)

    def kill() -> None:
        until(lambda: b"/locks" in str(desk.sandbox.requests).encode())
        time.sleep(3)
        (worker if lost == "worker" else joined.scheduler).send_signal(signal.SIGKILL)

    ended = meanwhile(desk, joined, kill, **SOON)
    made = json.loads(ended.out)

    assert ended.code == 3, ended.err
    assert hangs in {one["scope"].rpartition("/")[2] for one in made["unread"]}
    assert {one["code"] for one in made["unread"]} == {code}
    assert len(made["subscriptions"]) + len(made["unread"]) == SUBSCRIPTIONS


@slow
def test_a_deadline_holds_whatever_the_workers_do(fresh: tuple[Desk, Cluster]) -> None:
    desk, joined = fresh
    joined.join(variables(desk.sandbox, desk.folder), threads=2)
    desk.sandbox.faults = [Fault("/locks", kind="slow", seconds=100, times=None)]
    began = time.monotonic()
    ended = desk("scan", "-s", "*", "-o", "json", "--scheduler", joined.address, "--deadline", "3s")

    assert ended.code == 3, ended.err
    assert time.monotonic() - began < 20
    assert {one["code"] for one in json.loads(ended.out)["unread"]} == {"DeadlineReached"}


@slow
@pytest.mark.parametrize("when", ["before", "amid"])
@pytest.mark.parametrize("who", ["worker", "scheduler"])
def test_a_deadline_holds_though_a_machine_hangs(fresh: tuple[Desk, Cluster], who: str, when: str) -> None:
    desk, joined = fresh
    _, hangs = (joined.join(variables(desk.sandbox, desk.folder), threads=2) for _ in range(2))
    desk.sandbox.faults = [Fault("/locks", kind="slow", seconds=0.5, times=None)]
    desk.sandbox.clear()

    def stop() -> None:
        until(lambda: when == "before" or any("/locks" in one.path for one in desk.sandbox.requests))
        (hangs if who == "worker" else joined.scheduler).send_signal(signal.SIGSTOP)

    began = time.monotonic()
    ended = meanwhile(desk, joined, stop, "--deadline", "4s" if when == "before" else "12s")

    assert time.monotonic() - began < 50
    assert (ended.code, "Traceback" in ended.err) == (3, False), ended.err
    if (who, when) == ("scheduler", "before"):
        assert ended.err.startswith("azremedy: No Dask scheduler answers")
        return
    made = json.loads(ended.out)
    assert {one["code"] for one in made["unread"]} == {"DeadlineReached"}
    whole = [one for one in made["unread"] if one["what"] == "subscription"]
    assert len(made["subscriptions"]) + len(whole) == SUBSCRIPTIONS
    if who == "worker":
        assert (len(made["subscriptions"]) > 0) is (when == "amid")


# Machines that do not fit together


@slow
def test_a_worker_signs_in_with_what_its_own_environment_offers(fresh: tuple[Desk, Cluster]) -> None:
    desk, joined = fresh
    joined.join({**variables(desk.sandbox, desk.folder), "AZURE_CLIENT_SECRET": "wrong"})
    ended = desk("scan", "-s", "*", "--scheduler", joined.address)

    assert (ended.code, ended.out, ended.err.count("\n")) == (4, "", 1), ended.err
    assert re.match(r"azremedy: On the worker tcp://127\.0\.0\.1:\d+: .*AADSTS7000215", ended.err)


@slow
def test_a_scheduler_without_workers_is_one_sentence(fresh: tuple[Desk, Cluster]) -> None:
    desk, joined = fresh
    ended = desk("scan", "-s", "*", "--scheduler", joined.address, **SOON)

    assert (ended.code, ended.out) == (3, "")
    assert (
        ended.err == f"azremedy: No worker is at the Dask scheduler at {joined.address}: start some first.\n"
    )


@slow
@pytest.mark.parametrize(("has", "said"), [(None, "is not installed"), ("9.9", "is 9.9")])
def test_a_worker_with_another_azremedy_is_refused(
    fresh: tuple[Desk, Cluster], tmp_path: Path, has: str | None, said: str
) -> None:
    """Its packages are those of this interpreter, but for azremedy."""
    desk, joined = fresh
    packages = tmp_path / "packages"
    packages.mkdir()
    for one in Path(pytest.__file__).parents[1].iterdir():
        if "azremedy" not in one.name:
            (packages / one.name).symlink_to(one)
    if has:
        made = packages / f"azremedy-{has}.dist-info"
        made.mkdir()
        (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: azremedy\nVersion: {has}\n")
    joined.join({"PYTHONPATH": str(packages)}, python=(sys.executable, "-S"))
    ended = desk("scan", "-s", "*", "--scheduler", joined.address)

    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert re.search(rf"On the worker tcp://\S+ azremedy {re.escape(said)}, and here it is", ended.err)


@slow
def test_it_goes_over_tls_with_dasks_own_settings(tmp_path: Path) -> None:
    authority, prefix = trustme.CA(), "DASK_DISTRIBUTED__COMM__TLS__"
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    tls = {
        f"{prefix}CA_FILE": str(tmp_path / "ca.pem"),
        **{f"{prefix}{who}__{what}": str(tmp_path / "own.pem") for who in ("SCHEDULER", "WORKER", "CLIENT") for what in ("KEY", "CERT")},
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
    }  # fmt: skip
    with (
        embedded(tmp_path / "sandbox", estate=fleet(3, SIZE, 1)) as sandbox,
        cluster(tmp_path / "cluster", protocol="tls", **tls) as joined,
    ):
        joined.join({**variables(sandbox, tmp_path), **tls})
        desk = Desk(sandbox, tmp_path)
        told = desk("scan", "-s", "*", "-o", "json", "--scheduler", joined.address, **tls)
        plain = ("--scheduler", joined.address.replace("tls", "tcp"))
        refused = desk("scan", "-s", "*", *plain, **tls)
        untold = desk("scan", "-s", "*", *plain, **SOON)

    assert joined.address.startswith("tls://")
    assert (told.code, told.err) == (0, "")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "ask for encryption" in refused.err
    assert (untold.code, untold.err.count("\n")) == (3, 1), untold.err
