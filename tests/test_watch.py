"""`azremedy watch`: from scan to scan only what changed is told, and what cannot be read is never gone."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from stat import S_IMODE
from threading import Event
from typing import Any

import pytest
from commands import Desk, command, environment, variables
from jsonschema import Draft202012Validator
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from azremedy.cli.scan import scan
from azremedy.cli.watch import LEFT_OUT, watch
from azremedy.errors import AzremedyError
from azremedy.report.schema import schema
from azremedy.sandbox import Sandbox, embedded
from azremedy.sandbox.description import Fault
from azremedy.sandbox.generate import fleet
from azremedy.watch.telling import Command, Lines, Webhook

posix = pytest.mark.skipif(os.name == "nt", reason="signals are another matter on Windows")

ONCE = ("watch", "-s", "demo", "--once", "-o", "jsonl")
EVERY = ("watch", "-s", "*", "--once", "-o", "jsonl")
STATUS = "properties.instanceView.statuses"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate="demo") as running:
        yield running


@pytest.fixture
def several(tmp_path: Path) -> Iterator[Sandbox]:
    """Three subscriptions, with something to find in one of them at least."""
    with embedded(tmp_path / "sandbox", estate=fleet(3, 20, 1)) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


def told(out: str) -> list[dict[str, Any]]:
    """The news on standard output, each as the schema says."""
    made = [json.loads(line) for line in out.splitlines()]
    for one in made:
        Draft202012Validator(schema("watch"), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
            one
        )
    return made


def short(findings: list[Mapping[str, Any]]) -> list[str]:
    return sorted(f"{one['vm'].rpartition('/')[2]} {one['playbook']}" for one in findings)


def key(sandbox: Sandbox, ending: str) -> str:
    [found] = [one for one in sandbox.snapshot() if one.endswith(ending)]
    return found


def subscriptions(sandbox: Sandbox) -> list[str]:
    """Their GUIDs."""
    return [one.rpartition("/")[2] for one in sandbox.snapshot() if one.count("/") == 2]


def disable(sandbox: Sandbox, subscription: str) -> None:
    """Take a subscription out of what `*` shows."""
    sandbox.change(f"/subscriptions/{subscription}", "state", "Disabled")


def open_nsg(sandbox: Sandbox) -> None:
    """Do what cures web1."""
    sandbox.change(key(sandbox, "/networksecuritygroups/nsg-closed"), "properties.securityRules", [])


@dataclass
class Hook:
    """A real HTTP server on loopback that keeps what it is told, and answers as it is told to."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    url: str = ""


@contextmanager
def listening() -> Iterator[Hook]:
    hook = Hook()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/json"
            assert self.headers["Authorization"] is None
            hook.got.append((self.path, json.loads(content)))
            status, headers = hook.answers.pop(0) if hook.answers else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the base class has
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        hook.url = f"http://127.0.0.1:{server.server_port}/hooks/S3CRET?sig=S3CRET"
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


def test_the_first_scan_tells_all_and_the_next_one_nothing(run: Desk) -> None:
    first, second = run(*ONCE), run(*ONCE)
    [news] = told(first.out)

    assert (first.code, second.code) == (0, 0)
    assert news["since"] is None
    assert len(news["new"]) == 15
    assert news["summary"] == {"blocking": 1, "corroborated": 11, "suspected": 0, "info": 3}
    assert second.out == ""
    assert second.err == "azremedy: nothing new: 1 blocking, 11 corroborated, 3 info\n"


def test_only_what_changed_is_told(run: Desk, sandbox: Sandbox) -> None:
    [first] = told(run(*ONCE).out)
    open_nsg(sandbox)
    [gone] = told(run(*ONCE).out)
    sandbox.change(key(sandbox, "/virtualmachines/web2"), "properties.provisioningState", "Failed")
    [new] = told(run(*ONCE).out)

    assert (short(gone["gone"]), gone["new"], gone["since"]) == (["web1 storage-egress"], [], first["at"])
    assert (short(new["new"]), new["gone"]) == (["web2 vm-provisioning"], [])


def test_what_resource_graph_tells_first_is_watched_too(run: Desk, sandbox: Sandbox) -> None:
    graph = (*ONCE, "--source", "graph")
    [first] = told(run(*graph).out)
    open_nsg(sandbox)
    [news] = told(run(*graph).out)

    assert len(first["new"]) == 15
    assert (short(news["gone"]), news["new"]) == (["web1 storage-egress"], [])


def test_what_cannot_be_read_is_told_as_unread_and_is_never_gone(run: Desk, sandbox: Sandbox) -> None:
    run(*ONCE)
    open_nsg(sandbox)
    sandbox.faults = [Fault(match="GET .*/networkSecurityGroups", status=403, times=None)]
    blind, still = run(*ONCE), run(*ONCE)
    [news] = told(blind.out)

    assert (blind.code, still.code, still.out) == (3, 3, "")
    assert news["gone"] == []
    assert [one["what"] for one in news["unread"]] == ["network security groups"]
    assert "web1 storage-egress" in short(news["unseen"])
    sandbox.faults = []
    [seen] = told(run(*ONCE).out)
    assert short(seen["gone"]) == ["web1 storage-egress"]
    assert seen["readAgain"] == [f"network security groups of {news['unread'][0]['scope'].lower()}"]


def test_vms_of_which_nobody_knows_whether_they_are_protected_are_not_gone_either(
    run: Desk, sandbox: Sandbox
) -> None:
    [first] = told(run(*ONCE).out)
    sandbox.faults = [Fault(match="GET .*/backupProtectedItems", status=403, times=None)]
    [news] = told(run(*ONCE).out)

    assert (news["gone"], news["new"]) == ([], [])
    assert {*short(news["unseen"])} > {"sql1 restore-point-lock", "web1 storage-egress"}
    sandbox.faults = []
    [again] = told(run(*ONCE).out)
    assert (again["new"], again["gone"]) == ([], [])
    assert first["summary"] == again["summary"]


def test_a_subscription_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate=fleet(3, 20, 1)) as sandbox:
        run, every = Desk(sandbox, tmp_path), ("watch", "-s", "*", "--once", "-o", "jsonl")
        [first] = told(run(*every).out)
        lost, other = (one["id"] for one in first["subscriptions"][:2])
        sandbox.faults = [Fault(match=f"GET /subscriptions/{lost}/", status=403, times=None)]
        broken = next(one for one in sandbox.snapshot() if f"{other}/" in one and is_vm(one))
        sandbox.change(broken, "properties.provisioningState", "Failed")
        ended = run(*every, "--metrics", tmp_path / "m.prom")
        [news] = told(ended.out)
        families = text_string_to_metric_families((tmp_path / "m.prom").read_text())  # type: ignore[no-untyped-call]  # prometheus-client types all but this

    assert ended.code == 3
    assert news["gone"] == []
    assert {one["scope"].split("/")[2] for one in news["unread"]} == {lost}
    assert {one["vm"].lower() for one in news["new"]} == {broken}
    noughts = {
        sample.name
        for family in families
        for sample in family.samples
        if sample.value == 0 and sample.labels.get("subscription") == lost
    }
    assert noughts == set()


def is_vm(key: str) -> bool:
    return "/virtualmachines/" in key and key.count("/") == 8


class TestASubscription:
    """One that is not shown any more is unread: nobody takes it for healthy, and for gone even less."""

    def test_that_is_not_shown_any_more_is_told_as_unread_once_until_it_is_shown_again(
        self, several: Sandbox, tmp_path: Path
    ) -> None:
        run, file = Desk(several, tmp_path), tmp_path / "m.prom"
        [first] = told(run(*EVERY).out)
        lost = first["new"][0]["vm"].split("/")[2]
        disable(several, lost)
        hidden, still = (run(*EVERY, "--metrics", file) for _ in range(2))
        [news] = told(hidden.out)

        assert (hidden.code, still.code, still.out) == (3, 3, "")
        assert [(one["what"], one["scope"]) for one in news["unread"]] == [
            ("subscription", f"/subscriptions/{lost}")
        ]
        assert news["gone"] == []
        assert {one["vm"].split("/")[2] for one in news["unseen"]} == {lost}
        assert (
            f"is not, or not as enabled: look at the roles of this identity, or give --forget {lost}"
            in hidden.err
        )
        values = metrics(file)
        assert (values["azremedy_scan_whole",], values["azremedy_unread_subscriptions",]) == (0, 1)
        several.change(f"/subscriptions/{lost}", "state", "Enabled")
        shown = run(*EVERY)
        [again] = told(shown.out)
        assert (shown.code, again["readAgain"]) == (0, [f"subscription of /subscriptions/{lost}"])
        assert (again["new"], again["gone"]) == ([], [])

    def test_that_left_its_management_group_is_unread(self, several: Sandbox, tmp_path: Path) -> None:
        run, (lost, kept, _) = Desk(several, tmp_path), subscriptions(several)
        under = ("watch", "--management-group", several.tenant, "-s", kept, "--once", "-o", "jsonl")
        run(*under)
        disable(several, lost)
        [news] = told(run(*under).out)
        several.faults = [Fault(match="GET .*/managementGroups", status=403, times=None)]
        [blind] = told(run(*under).out)
        several.faults = []
        ended = run(*under)
        [again] = told(ended.out)

        assert [one["scope"] for one in news["unread"]] == [f"/subscriptions/{lost}"]
        assert [one["what"] for one in blind["unread"]] == ["management groups"]
        assert (blind["readAgain"], blind["gone"]) == ([], [])
        assert [one.partition(" of ")[0] for one in again["readAgain"]] == ["management groups"]
        assert (ended.code, again["unread"], again["new"]) == (3, [], [])

    def test_is_forgotten_when_that_is_said(self, several: Sandbox, tmp_path: Path) -> None:
        run = Desk(several, tmp_path)
        [first] = told(run(*EVERY).out)
        lost = first["new"][0]["vm"].split("/")[2]
        disable(several, lost)
        run(*EVERY)
        forgotten, after = run(*EVERY, "--forget", lost), run(*EVERY)
        mistaken = run(*EVERY, "--forget", "demo")

        assert [(one.code, one.out) for one in (forgotten, after)] == [(0, "")] * 2
        assert lost not in "".join(one.read_text() for one in (tmp_path / "state").rglob("watch/*.json"))
        assert (mistaken.code, "give its GUID" in mistaken.err) == (2, True)

    def test_that_left_a_file_of_names_is_forgotten_and_was_not_read_again(
        self, several: Sandbox, tmp_path: Path
    ) -> None:
        run, names = Desk(several, tmp_path), tmp_path / "names.txt"
        good, other, dead = (*subscriptions(several)[:2], "00000000-0000-0000-0000-00000000dead")
        watched = ("watch", "-s", f"@{names}", "--once", "-o", "jsonl")
        names.write_text(f"{good}\n{other}\n{dead}")
        assert run(*watched).code == 3
        names.write_text(good)
        ended = run(*watched)

        assert (ended.code, ended.out) == (0, ""), ended.err
        kept = "".join(one.read_text() for one in (tmp_path / "state").rglob("watch/*.json"))
        assert not any(one in kept for one in (other, dead))

    def test_that_is_not_shown_any_more_is_named_to_nobody_under_a_mask(
        self, several: Sandbox, tmp_path: Path
    ) -> None:
        run = Desk(several, tmp_path)
        [first] = told(run(*EVERY).out)
        lost, vm = first["new"][0]["vm"].split("/")[2::6]
        run(*EVERY, "--mask")
        disable(several, lost)
        ended = run(*EVERY, "--mask")

        assert len(told(ended.out)[0]["unread"]) == 1
        for name in (lost, vm):
            assert name not in ended.out + ended.err

    def test_in_which_less_is_read_than_before_has_nothing_that_is_read_again(
        self, run: Desk, sandbox: Sandbox
    ) -> None:
        sandbox.faults = [Fault(match="GET .*/backupProtectedItems", status=403, times=None)]
        [first] = told(run(*ONCE).out)
        sandbox.faults = [Fault(match="GET .*/vaults$", status=403, times=None)]
        [news] = told(run(*ONCE).out)
        sandbox.faults = []
        [again] = told(run(*ONCE).out)

        assert {one["what"] for one in first["unread"]} == {"protected items"}
        assert ([one["what"] for one in news["unread"]], news["readAgain"]) == (["vaults"], [])
        assert {one.split(" of ")[0] for one in again["readAgain"]} == {"vaults", "protected items"}


def test_a_scan_that_comes_to_nothing_is_told_once_and_so_is_its_end(run: Desk, sandbox: Sandbox) -> None:
    [first] = told(run(*ONCE).out)
    sandbox.faults = [Fault(match="GET .*/subscriptions", status=403, times=None)]
    failed, again = run(*ONCE), run(*ONCE)
    [news] = told(failed.out)

    assert (failed.code, again.code, again.out) == (3, 3, "")
    assert news["failure"]["exitCode"] == 3
    assert news["summary"] is None
    assert re.fullmatch(r"[-0-9]{10}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", news["at"])
    assert "nothing is known, as before" in again.err
    sandbox.faults = []
    [recovered] = told(run(*ONCE).out)
    assert (recovered["recovered"], recovered["new"], recovered["gone"]) == (True, [], [])
    assert recovered["since"] == first["at"]


def test_a_secret_that_is_refused_is_exit_code_4(run: Desk) -> None:
    ended = run(*ONCE, AZURE_CLIENT_SECRET="another")

    assert ended.code == 4
    assert told(ended.out)[0]["failure"]["exitCode"] == 4


DUE = {
    "vaults": [{"name": "vault", "group": "backup", "policies": [{"name": "daily"}]}],
    "vnets": [{"name": "vnet", "subnets": [{"name": "servers", "prefix": "10.0.0.0/22"}]}],
    "locks": [{"name": "keep", "scope": "AzureBackupRG_westeurope_1"}],
    "vms": [
        {
            "name": "web1",
            "group": "shop",
            "points": {"count": 12, "every": 24, "newest": 20},
            "backup": {"vault": "vault", "policy": "daily", "completed": 20},
        }
    ],
}
"""A VM whose restore points are kept by a lock, six days before they are too many."""


def test_a_forecast_is_told_when_its_day_comes_near_and_then_only_when_it_comes_nearer(
    tmp_path: Path,
) -> None:
    with embedded(tmp_path / "sandbox", estate=DUE) as sandbox:
        run = Desk(sandbox, tmp_path)
        (first,) = told(run(*ONCE, "--due", "1d").out)
        ended = [run(*ONCE, "--due", due) for due in ("1d", "9d", "9d")]
        (near,) = told(ended[1].out)

    [finding] = first["new"]
    assert finding["due"] == near["due"][0]["due"] > near["at"][:10]
    assert short(near["due"]) == ["web1 restore-point-lock"]
    assert near["new"] == []
    assert [one.out == "" for one in ended] == [True, False, True]


def test_what_is_accepted_is_no_news(run: Desk, tmp_path: Path) -> None:
    run(*ONCE)
    ignore = tmp_path / "ignore.yaml"
    entry = {
        "playbook": "storage-egress",
        "scope": "/subscriptions/*",
        "reason": "known",
        "expires": "2026-12-24",
    }
    ignore.write_text(json.dumps({"suppressions": [entry]}))
    ended = run(*ONCE, "--suppressions", ignore)

    assert (ended.code, ended.out) == (0, ""), ended.err


def test_a_memory_is_its_owners_alone_and_belongs_to_one_question(run: Desk, tmp_path: Path) -> None:
    kept = tmp_path / "last.json"
    run(*ONCE, "--last", kept)
    other = run(*ONCE, "--last", kept, "--playbook", "disk-size")
    kept.write_text("{}")
    broken = run(*ONCE, "--last", kept)

    assert (other.code, broken.code) == (2, 2)
    assert "belongs to a watch that asks for something else" in other.err
    assert "is nothing that `azremedy watch` wrote" in broken.err
    found = list((tmp_path / "state").rglob("watch/*.json"))
    assert found == []
    run(*ONCE)
    [made] = (tmp_path / "state").rglob("watch/*.json")
    assert os.name == "nt" or S_IMODE(made.stat().st_mode) == 0o600


def test_a_default_subscription_and_a_tenant_are_a_part_of_the_question(
    several: Sandbox, tmp_path: Path
) -> None:
    run, default = (
        Desk(several, tmp_path),
        ("watch", "--once", "-o", "none", "--last", tmp_path / "last.json"),
    )
    one, other = subscriptions(several)[:2]
    first = run(*default, AZURE_SUBSCRIPTION_ID=one)
    (tmp_path / ".azure").mkdir()
    profile = {"id": other, "isDefault": True, "environmentName": "AzureCloud"}
    (tmp_path / ".azure" / "azureProfile.json").write_text(json.dumps({"subscriptions": [profile]}))
    others = [
        run(*default, AZURE_SUBSCRIPTION_ID=other),
        run(*default),
        run(*default, AZURE_SUBSCRIPTION_ID=one, AZURE_TENANT_ID=other),
    ]
    same = [run(*default, AZURE_SUBSCRIPTION_ID=one), run(*default, "-s", one)]

    assert [ended.code for ended in (first, *same)] == [0, 0, 0]
    for ended in others:
        assert (ended.code, "belongs to a watch that asks for something else" in ended.err) == (2, True)


@posix
def test_two_do_not_watch_with_one_memory(run: Desk, sandbox: Sandbox, tmp_path: Path) -> None:
    with watching(sandbox, tmp_path, "--every", "1h") as process:
        wait_for(process, "the next scan is at")
        assert "Another azremedy watches with" in run(*ONCE).err


def test_masked_news_name_nobody(run: Desk, sandbox: Sandbox) -> None:
    masked = (*ONCE, "--mask")
    [news] = told(run(*masked).out)
    open_nsg(sandbox)
    sandbox.faults = [Fault(match="GET .*/routeTables", status=403, times=None)]
    run(*masked)
    sandbox.faults = []
    ended = run(*masked)
    [gone] = told(ended.out)

    assert [one["playbook"] for one in gone["gone"]] == ["storage-egress"]
    assert len(gone["readAgain"]) == 1
    for name in ("web1", "sql1", "nsg-closed", "demo", sandbox.subscription):
        assert name not in json.dumps([news, gone]) + ended.err


def test_fail_on_speaks_of_what_is_new(run: Desk, sandbox: Sandbox) -> None:
    gate = (*ONCE, "--fail-on", "corroborated")
    assert [run(*gate).code, run(*gate).code] == [1, 0]
    sandbox.change(key(sandbox, "/virtualmachines/web2"), "properties.provisioningState", "Failed")
    assert run(*gate, "--fail-on", "blocking").code == 0


def test_every_flag_of_scan_that_says_what_to_look_at_is_here() -> None:
    ours = {one.name for one in watch.params}

    assert {one.name for one in scan.params} - ours <= set(LEFT_OUT)
    assert {"subscription", "vm", "playbook", "deep", "lookback", "mask", "vault", "suppressions"} <= ours
    assert not {"guest", "now", "estate"} & ours


def drip(server: socket.socket) -> None:
    """Answer one request, a piece of a header at a time, for six seconds."""
    with server.accept()[0] as connection, suppress(OSError):
        connection.sendall(b"HTTP/1.1 204 OK\r\nX-Drip: ")
        for _ in range(30):
            connection.sendall(b".")
            time.sleep(0.2)
        connection.sendall(b"\r\n\r\n")


class TestTheWebhook:
    def test_gets_the_news_and_its_address_is_shown_nowhere(self, run: Desk, tmp_path: Path) -> None:
        with listening() as hook:
            ended = run(*ONCE, "--verbose", AZREMEDY_WEBHOOK=hook.url)
            [news] = told(ended.out)

            assert hook.got == [("/hooks/S3CRET?sig=S3CRET", news)]
            hook.answers = [(404, {})]
            failed = run(*ONCE, "--deep", "--debug", "--webhook", hook.url)
        assert failed.code == 2
        assert "The webhook at 127.0.0.1 did not take what it was told: it answered 404." in failed.err
        kept = "".join(one.read_text() for one in (tmp_path / "state").rglob("*.json"))
        for said in (ended, failed):
            assert "S3CRET" not in said.out + said.err + kept

    def test_gets_no_password_that_a_file_keeps_for_its_host(self, run: Desk, tmp_path: Path) -> None:
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ops password S3CRET\n")
        with listening() as hook:
            ended = run(*ONCE, "--webhook", hook.url)

            assert (ended.code, len(hook.got)) == (0, 1), ended.err

    def test_is_told_again_until_it_took_it(self, run: Desk) -> None:
        with listening() as hook:
            hook.answers = [(500, {})] * 4
            failed = run(*ONCE, "--webhook", hook.url)
            first = len(hook.got)
            well = run(*ONCE, "--webhook", hook.url)

        assert (failed.code, well.code, first, len(hook.got)) == (2, 0, 4, 5)
        assert "it answered 500" in failed.err
        assert {told_["id"] for _, told_ in hook.got} == {hook.got[0][1]["id"]}
        assert run(*ONCE, "--webhook", hook.url).out == ""

    def test_that_was_not_told_weighs_less_than_what_could_not_be_read(
        self, run: Desk, sandbox: Sandbox
    ) -> None:
        sandbox.faults = [Fault(match="GET .*/networkSecurityGroups", status=403, times=None)]
        with listening() as hook:
            hook.answers = [(404, {})]
            assert run(*ONCE, "--webhook", hook.url).code == 3

    def test_waits_as_it_is_asked_to(self) -> None:
        with listening() as hook:
            hook.answers = [(429, {"Retry-After": "1"}), (503, {})]
            began = time.monotonic()
            Webhook(hook.url, pause=0.01).tell({"a": 1}, Event())

            assert len(hook.got) == 3
            assert 1 <= time.monotonic() - began < 5

    def test_that_drips_its_answer_is_waited_for_no_longer_than_the_deadline(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=drip, args=(server,), daemon=True).start()
            hook = Webhook(f"http://127.0.0.1:{server.getsockname()[1]}/S3CRET", deadline=1)
            began = time.monotonic()
            with pytest.raises(
                AzremedyError, match=r"127\.0\.0\.1 was not told: it did not answer within 1 s"
            ):
                hook.tell({}, Event())

        assert time.monotonic() - began < 4

    def test_follows_no_redirect(self) -> None:
        with listening() as hook, listening() as other:
            hook.answers = [(307, {"Location": other.url})]
            with pytest.raises(AzremedyError, match="it answered 307"):
                Webhook(hook.url).tell({}, Event())

            assert (len(hook.got), other.got) == (1, [])

    def test_is_not_tried_again_once_nobody_waits(self) -> None:
        hurry = Event()
        hurry.set()
        with listening() as hook:
            hook.answers = [(500, {})] * 4
            with pytest.raises(AzremedyError, match="it answered 500"):
                Webhook(hook.url).tell({}, hurry)

            assert len(hook.got) == 1

    @pytest.mark.parametrize(
        "address",
        [
            "http://example.com/S3CRET",
            "ftp://S3CRET",
            "S3CRET",
            "https://",
            "https://[S3CRET",
            "https://a:S3CRET/",
        ],
    )
    def test_is_refused_without_its_address_being_shown(self, address: str, run: Desk) -> None:
        ended = run(*ONCE, "--webhook", address)

        assert ended.code == 2
        assert "the webhook needs" in ended.err or "the address of the webhook is none" in ended.err
        assert "S3CRET" not in ended.err

    def test_that_cannot_be_reached_is_named_by_its_host(self) -> None:
        with pytest.raises(
            AzremedyError, match=r"^The webhook at localhost was not told: it cannot be reached\.$"
        ):
            Webhook("http://localhost:1/S3CRET", pause=0.01).tell({}, Event())


class TestTheFile:
    def test_gets_a_line_each_and_a_torn_one_is_left_behind(self, tmp_path: Path) -> None:
        file = tmp_path / "news.jsonl"
        Lines(file).tell({"a": 1}, Event())
        with file.open("ab") as torn:
            torn.write(b'{"half')
        Lines(file).tell({"b": "\N{RIGHT-TO-LEFT OVERRIDE}##vso[x]\n"}, Event())

        lines = file.read_bytes().splitlines()
        assert json.loads(lines[2]) == {"b": "\N{RIGHT-TO-LEFT OVERRIDE}##vso[x]\n"}
        assert lines[:2] == [b'{"a":1}', b'{"half']
        assert b"##vso[" not in lines[2]
        assert os.name == "nt" or S_IMODE(file.stat().st_mode) == 0o600

    def test_that_cannot_be_written_is_told_again(self, run: Desk, tmp_path: Path) -> None:
        folder = tmp_path / "gone"
        folder.mkdir()
        file = folder / "news.jsonl"
        file.symlink_to(tmp_path / "nowhere" / "news.jsonl")
        failed = run(*ONCE, "--append", file)
        file.unlink()
        well = run(*ONCE, "--append", file)

        assert (failed.code, well.code) == (2, 0)
        assert "Cannot write" in failed.err
        assert told(file.read_text()) == told(well.out)


PROGRAM = "import sys, json; json.dump([sys.argv[1:], json.load(sys.stdin)], open('told.json', 'w'))"


class TestTheCommand:
    def test_gets_the_news_on_its_standard_input_and_no_argument_but_those_given(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        hostile = {"name": "$(touch pwned); `touch pwned` && touch pwned"}
        Command.of(f'"{sys.executable}" -c "{PROGRAM}" "a b" $HOME *').tell(hostile, Event())

        assert json.loads((tmp_path / "told.json").read_text()) == [["a b", "$HOME", "*"], hostile]
        assert [one.name for one in tmp_path.iterdir()] == ["told.json"]

    def test_gets_nothing_to_sign_in_with(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AZURE_CLIENT_SECRET", "AZREMEDY_WEBHOOK", "IDENTITY_HEADER", "KEPT"):
            monkeypatch.setenv(name, "S3CRET")
        script = (
            f"import os, pathlib; pathlib.Path({str(tmp_path / 'told')!r}).write_text(repr(dict(os.environ)))"
        )
        Command((sys.executable, "-c", script)).tell({}, Event())
        given = ast.literal_eval((tmp_path / "told").read_text())

        assert [name for name, value in given.items() if value == "S3CRET"] == ["KEPT"]

    def test_that_fails_or_does_not_end_is_said(self) -> None:
        python = (sys.executable, "-c")
        with pytest.raises(AzremedyError, match=r"^The command python\S* ended with 7\.$"):
            Command((*python, "raise SystemExit(7)")).tell({}, Event())
        with pytest.raises(AzremedyError, match="did not end within 1 s"):
            Command((*python, "import time; time.sleep(60)"), deadline=1).tell({}, Event())

    @posix
    def test_that_does_not_end_takes_what_it_started_along(self, tmp_path: Path) -> None:
        mark = tmp_path / "child"
        script = f"sleep 300 & echo $! > '{mark}'; wait"
        with pytest.raises(AzremedyError):
            Command(("/bin/sh", "-c", script), deadline=1).tell({}, Event())
        child = int(mark.read_text())
        for _ in range(100):
            if not running(child):
                return
            time.sleep(0.05)
        pytest.fail("its child is still there")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("", "the command is empty"),
            ("'half", "cannot be split into words"),
            ("no-such-program now", "there is no program 'no-such-program'"),
        ],
    )
    def test_that_is_none_is_refused(self, words: str, said: str, run: Desk) -> None:
        ended = run(*ONCE, "--run", words)

        assert (ended.code, said in ended.err) == (2, True), ended.err

    def test_writes_nothing_to_standard_output(self, run: Desk) -> None:
        ended = run("watch", "-s", "demo", "--once", "-o", "none", "--run", f"{sys.executable} -c print(1)")

        assert (ended.code, ended.out) == (0, "")
        assert "1" in ended.err.splitlines()


def running(process: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def metrics(file: Path) -> dict[tuple[str, ...], float]:
    """The samples of a file as prometheus-client reads them, by name and the values of their labels but the name."""
    families = list(text_string_to_metric_families(file.read_text(encoding="utf-8")))  # type: ignore[no-untyped-call]  # prometheus-client types all but this
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    return {
        (
            sample.name,
            *(value for name, value in sorted(sample.labels.items()) if not name.startswith("subscription")),
        ): sample.value
        for family in families
        for sample in family.samples
    }


def test_metrics_are_those_of_the_last_scan_and_what_is_unknown_has_no_number(
    run: Desk, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "azremedy.prom"
    run(*ONCE, "--metrics", file)
    found = metrics(file)
    assert found["azremedy_findings", "corroborated"] == 11
    assert found["azremedy_scan_whole",] == 1
    assert found["azremedy_protected_vms",] == 14

    open_nsg(sandbox)
    sandbox.faults = [Fault(match="GET .*/networkSecurityGroups", status=403, times=None)]
    run(*ONCE, "--metrics", file)
    blind = metrics(file)
    assert blind["azremedy_findings", "corroborated"] == 11
    assert (blind["azremedy_scan_whole",], blind["azremedy_unread",]) == (0, 1)
    assert blind["azremedy_scan_whole_timestamp_seconds",] == found["azremedy_scan_whole_timestamp_seconds",]

    sandbox.faults = [Fault(match="GET .*/subscriptions", status=403, times=None)]
    run(*ONCE, "--metrics", file)
    nothing = metrics(file)
    unknown = {"azremedy_findings", "azremedy_vms", "azremedy_unread_subscriptions"}
    assert {name for name, *_ in nothing} & unknown == set()
    assert nothing["azremedy_scan_whole",] == 0


def test_a_file_that_cannot_be_written_keeps_nobody_from_being_told(run: Desk, tmp_path: Path) -> None:
    file = tmp_path / "azremedy.prom"
    file.symlink_to(tmp_path / "nowhere" / "azremedy.prom")
    blind = (*ONCE, "--metrics", file)
    first, second = run(*blind), run(*blind)

    assert (first.code, len(told(first.out)[0]["new"])) == (2, 15)
    assert (second.code, second.out) == (2, "")
    assert "cannot write" in second.err


@posix
def test_a_file_that_cannot_be_written_any_more_ends_no_watch(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    files = ("--metrics", folder / "m.prom", "--last", folder / "last.json")
    with watching(sandbox, tmp_path, "--every", "1s", *files) as process:
        wait_for(process, "the next scan is at")
        shutil.rmtree(folder)
        open_nsg(sandbox)
        for words in ("last.json", "m.prom", "the next scan is at", "nothing new"):
            wait_for(process, words)
        process.terminate()
        out, _ = process.communicate(timeout=10)

    assert [short(one["gone"]) for one in told(out)] == [[], ["web1 storage-egress"]]


@contextmanager
def watching(sandbox: Sandbox, folder: Path, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A watch at work."""
    with subprocess.Popen(
        command("watch", "-s", "demo", "-o", "jsonl", *arguments),
        env=environment(**variables(sandbox, folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Read its standard error up to a line that holds these words."""
    assert process.stderr
    for line in process.stderr:
        if words in line:
            return
    pytest.fail(f"it never said {words!r}")


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_goes_on_until_a_signal_and_after_that_from_there(
    number: signal.Signals, code: int, sandbox: Sandbox, run: Desk, tmp_path: Path
) -> None:
    with listening() as hook:
        with watching(sandbox, tmp_path, "--every", "1s", "--webhook", hook.url) as process:
            wait_for(process, "the next scan is at")
            open_nsg(sandbox)
            until(lambda: len(hook.got) == 2)
            sandbox.change(key(sandbox, "/virtualmachines/web2"), "properties.provisioningState", "Failed")
            until(lambda: len(hook.got) == 3)
            process.send_signal(number)
            out, _ = process.communicate(timeout=10)
        assert process.returncode == code
        assert [one["id"] for one in told(out)] == [one["id"] for _, one in hook.got]
        assert [(short(one["new"])[:1], short(one["gone"])) for _, one in hook.got[1:]] == [
            ([], ["web1 storage-egress"]), (["web2 vm-provisioning"], [])
        ]  # fmt: skip
        after = run(*ONCE)
    assert (after.code, after.out) == (0, "")


def until(holds: Any) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it never came")


@posix
def test_a_signal_ends_a_scan_that_is_under_way_and_nothing_is_half_written(
    sandbox: Sandbox, run: Desk, tmp_path: Path
) -> None:
    run(*ONCE)
    [kept] = (tmp_path / "state").rglob("watch/*.json")
    before = kept.read_bytes()
    open_nsg(sandbox)
    sandbox.clear()
    sandbox.faults = [Fault(match="GET .*/virtualMachines", kind="slow", seconds=4, times=None)]
    with watching(sandbox, tmp_path) as process:
        until(lambda: any("virtualMachines" in one.path for one in sandbox.requests))
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)

    assert (process.returncode, out) == (143, "")
    assert kept.read_bytes() == before
    assert [one.name for one in kept.parent.iterdir() if "tmp" in one.name] == []
    sandbox.faults = []
    assert short(told(run(*ONCE).out)[0]["gone"]) == ["web1 storage-egress"]


@posix
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", -1)])
def test_a_signal_while_news_are_told_lets_that_end(
    name: str, code: int, sandbox: Sandbox, run: Desk, tmp_path: Path
) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    slow = f"/bin/sh -c \"touch '{begun}'; sleep 1; touch '{ended}'\""
    with watching(sandbox, tmp_path, "--run", slow) as process:
        until(begun.exists)
        process.send_signal(getattr(signal, name))
        process.communicate(timeout=20)

    assert process.returncode == code
    assert ended.exists()
    assert run(*ONCE).out == ""


def test_a_failed_scan_does_not_end_a_watch_and_a_mistake_at_its_start_does(
    sandbox: Sandbox, run: Desk, tmp_path: Path
) -> None:
    mistaken = run("watch", "-s", "demo", "--vm", "sql9")
    assert (mistaken.code, mistaken.err.count("\n")) == (2, 1)
    sandbox.faults = [Fault(match="GET .*/subscriptions", status=403, times=None)]
    with watching(sandbox, tmp_path, "--every", "1s") as process:
        wait_for(process, "the next scan is at")
        sandbox.faults = []
        wait_for(process, "the next scan is at")
        wait_for(process, "nothing new")
        process.terminate()
        out, _ = process.communicate(timeout=10)

    failed, well = told(out)
    assert (failed["failure"]["exitCode"], well["recovered"], len(well["new"])) == (3, True, 15)


def test_it_is_told_when_the_next_scan_is(sandbox: Sandbox, tmp_path: Path) -> None:
    with watching(sandbox, tmp_path, "--every", "90s") as process:
        assert process.stderr
        said = next(line for line in process.stderr if "next scan" in line)
        process.terminate()

    assert re.fullmatch(r"azremedy: the next scan is at 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d \w+\n", said)


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    evil = "##vso[task.setvariable]\x1b[31m"
    estate = {**DUE, "locks": [{"name": "keep", "scope": "AzureBackupRG_westeurope_1", "notes": evil}]}
    with embedded(tmp_path / "sandbox", estate=estate) as sandbox:
        run = Desk(sandbox, tmp_path)
        lines, table = run(*ONCE), run("watch", "-s", "demo", "--once", "--last", tmp_path / "l.json")

    assert told(lines.out)[0]["new"]
    for out in (lines.out, table.out):
        assert "##vso[" not in out
        assert "\x1b" not in out
