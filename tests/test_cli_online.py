"""`azremedy scan` over real HTTP, on a sandbox: how it reads, and how its variables and flags say so."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from commands import azremedy, command, environment

from azremedy.cli import COMMANDS
from azremedy.cli import azremedy as root
from azremedy.sandbox import Sandbox, embedded
from azremedy.sandbox.answers import Call

UNSAFE = ("apply", "yes", "allow", "severity", "now", "lift-subscription-locks", "keep-unlocked", "confirm")
NO_FORM = {
    ("sandbox", "--estate"),
    ("explain", "--all"),
    ("rollback", "--yes"),
    ("rollback", "--allow"),
    ("rollback", "--now"),
    *((name, flag) for name in ("scan", "diagnose") for flag in ("--guest", "--now")),
    ("logs", "--now"),
    ("watch", "--forget"),
    *(
        ("fix", f"--{flag}")
        for flag in (
            *UNSAFE,
            "redesign-locks",
            "delete-collection",
            "exclude-lun",
            "attach-disks",
            "detach-disk",
            "guest",
            "power",
            "resume-protection",
            "vss-copy",
            "verbose-agent-log",
        )
    ),
}
"""Options without an environment form: another command's word for something else, or what must be asked for aloud."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with embedded(tmp_path_factory.mktemp("sandbox"), estate="demo") as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(sandbox: Sandbox) -> dict[str, str]:
    """The variables that `azremedy sandbox` prints, and the subscription."""
    return {
        "AZREMEDY_CLOUD": sandbox.url,
        "AZREMEDY_SUBSCRIPTION": "demo",
        "AZURE_TENANT_ID": sandbox.tenant,
        "AZURE_CLIENT_ID": sandbox.client_id,
        "AZURE_CLIENT_SECRET": sandbox.client_secret,
        "REQUESTS_CA_BUNDLE": str(sandbox.ca),
    }


def test_every_option_has_one_variable_named_after_its_flag() -> None:
    context = click.Context(root)
    for name in COMMANDS:
        made = root.get_command(context, name)
        assert made is not None
        for option in (one for one in made.params if isinstance(one, click.Option)):
            flag = next(written for written in option.opts if written.startswith("--"))
            expected = None if (name, flag) in NO_FORM else "AZREMEDY_" + flag[2:].replace("-", "_").upper()
            assert option.envvar == expected, flag


def test_variables_name_cloud_and_subscription(signed_in: dict[str, str]) -> None:
    ended = azremedy("scan", "-o", "json", **signed_in)
    made = json.loads(ended.out)

    assert (ended.code, ended.err) == (0, "")
    assert [one["name"] for one in made["subscriptions"]] == ["demo"]
    assert made["summary"]["corroborated"] > 3


def test_variables_of_subscriptions_are_split_at_commas(signed_in: dict[str, str]) -> None:
    ended = azremedy("scan", **{**signed_in, "AZREMEDY_SUBSCRIPTION": "demo, demon"})

    assert ended.code == 2
    assert "'demon'" in ended.err


def test_deep_looks_at_every_protected_vm(signed_in: dict[str, str]) -> None:
    def listed(**variables: str) -> int:
        made = json.loads(azremedy("scan", "-o", "json", **signed_in, **variables).out)
        seen: int = made["subscriptions"][0]["listsOnly"]
        return seen

    assert listed() > 0
    assert listed(AZREMEDY_DEEP="1") == 0


def test_the_variable_names_the_tenant(signed_in: dict[str, str]) -> None:
    ended = azremedy("scan", **signed_in, AZREMEDY_TENANT="no tenant")

    assert ended.code == 2
    assert "'no tenant' is neither a GUID nor a domain name" in ended.err


def test_a_wrong_secret_ends_in_4_with_one_sentence(signed_in: dict[str, str]) -> None:
    ended = azremedy("scan", **{**signed_in, "AZURE_CLIENT_SECRET": "wrong"})

    assert (ended.code, ended.out) == (4, "")
    assert ended.err.count("\n") == 1


def test_a_port_where_nothing_answers_ends_in_3_with_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ended = azremedy("scan", "-s", "demo", "--cloud", f"https://127.0.0.1:{taken.getsockname()[1]}")

    assert (ended.code, ended.out) == (3, "")
    assert ended.err.count("\n") == 1


def test_what_was_read_can_be_judged_again_without_azure(signed_in: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "estate.json"
    online = json.loads(azremedy("scan", "-o", "json", **signed_in, AZREMEDY_SAVE_ESTATE=str(file)).out)
    offline = json.loads(azremedy("scan", "-o", "json", "--estate", file).out)

    for part in ("findings", "unread", "notEvaluated", "unexplained", "summary"):
        assert offline[part] == online[part]


def test_verbose_names_each_kind_and_their_sum(signed_in: dict[str, str]) -> None:
    ended = azremedy("scan", "--verbose", "-o", "json", **signed_in)
    [one] = json.loads(ended.out)["subscriptions"]

    assert one["calls"] == sum(one["callsByKind"].values())
    for kind, number in one["callsByKind"].items():
        assert f" {number} {kind}\n" in ended.err
    assert f" {one['calls']} in all\n" in ended.err


def test_debug_logs_requests_without_secrets_on_stderr(signed_in: dict[str, str]) -> None:
    ended = azremedy("scan", "--debug", "-o", "none", **signed_in)

    assert (ended.code, ended.out) == (0, "")
    assert "GET" in ended.err
    assert signed_in["AZURE_CLIENT_SECRET"] not in ended.err


def test_a_scan_does_not_even_load_what_writes(signed_in: dict[str, str]) -> None:
    script = (
        "import sys; from azremedy.cli import run; run(sys.argv[1:]);"
        "print(*(name for name in sys.modules if name.startswith(('azremedy.apply', 'azremedy.azure.writer'))))"
    )
    line = [*command()[:2], "-c", script, "scan", "-o", "none"]
    ended = subprocess.run(line, env=environment(**signed_in), capture_output=True, text=True, check=True)

    assert ended.stdout == "\n"


def test_a_deadline_leaves_the_rest_unread(signed_in: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        ended = azremedy("scan", "--deadline", "1s", **{**signed_in, "AZREMEDY_CLOUD": address})

    assert (ended.code, ended.out) == (3, "")
    assert "deadline" in ended.err
    assert ended.err.count("\n") == 1


def test_progress_is_silent_without_a_terminal(signed_in: dict[str, str]) -> None:
    assert azremedy("scan", "-o", "none", **signed_in).err == ""


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("arguments", "variables", "shown"),
    [([], {}, True), (["--quiet"], {}, False), ([], {"CI": "true"}, False), ([], {"CI": "false"}, True)],
)
def test_progress_is_shown_on_a_terminal_outside_of_ci(
    arguments: list[str], variables: dict[str, str], shown: bool, signed_in: dict[str, str]
) -> None:
    import pty  # noqa: PLC0415 - not on Windows

    ours, theirs = pty.openpty()
    line = command("scan", "-o", "none", *arguments)
    with subprocess.Popen(
        line, env=environment(TERM="xterm", **signed_in, **variables), stderr=theirs
    ) as running:
        os.close(theirs)
        said = b""
        while part := read_some(ours):
            said += part
    os.close(ours)

    assert running.returncode == 0
    assert (b"reading demo" in said) is shown


def read_some(terminal: int) -> bytes:
    """What a terminal shows next; nothing once the other side is closed."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.mark.skipif(os.name == "nt", reason="signals are another matter on Windows")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_scan(number: signal.Signals, code: int, signed_in: dict[str, str]) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        subprocess.Popen(
            command("scan"),
            env=environment(
                **{**signed_in, "AZREMEDY_CLOUD": f"https://127.0.0.1:{silent.getsockname()[1]}"}
            ),
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as running,
    ):
        connection, _ = silent.accept()
        with connection:
            running.send_signal(number)
            said = running.communicate(timeout=20)[1]

    assert running.returncode == code
    assert "Traceback" not in said


def test_of_several_subscriptions_one_that_is_not_shown_costs_only_itself(signed_in: dict[str, str]) -> None:
    missing = "00000000-0000-4000-8000-00000000dead"
    ended = azremedy("scan", "-s", "demo", "-s", missing, "-o", "json", **signed_in)
    made = json.loads(ended.out)

    assert ended.code == 3
    assert made["summary"]["corroborated"] > 3
    assert [(one["scope"], one["what"]) for one in made["unread"]] == [
        (f"/subscriptions/{missing}", "subscription")
    ]
    assert missing in ended.err


def test_a_deadline_that_passes_while_reading_leaves_gaps(tmp_path: Path) -> None:
    def slowly(call: Call) -> None:
        if "/providers/" in call.key:
            time.sleep(0.2)  # on the server's own thread: every answer waits for the one before it

    with embedded(tmp_path / "state") as sandbox:
        sandbox.instead = slowly
        settings = {
            "AZREMEDY_CLOUD": sandbox.url,
            "AZURE_TENANT_ID": sandbox.tenant,
            "AZURE_CLIENT_ID": sandbox.client_id,
            "AZURE_CLIENT_SECRET": sandbox.client_secret,
            "REQUESTS_CA_BUNDLE": str(sandbox.ca),
        }
        started = time.monotonic()
        ended = azremedy("scan", "-s", "demo", "--deadline", "2s", "-o", "json", **settings)
        took = time.monotonic() - started

    assert ended.code == 3
    assert "DeadlineReached" in {one["code"] for one in json.loads(ended.out)["unread"]}
    assert took < 6
