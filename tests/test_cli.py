"""The command line as a whole: what it imports, how it ends, and what it says when it cannot go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from typing import IO

import click
import pytest
from commands import azremedy, command, environment

from azremedy import __version__, playbook
from azremedy.cli import COMMANDS, explained, run
from azremedy.cli import azremedy as root
from azremedy.cli.topics import EXIT_CODES
from azremedy.errors import AzremedyError, Exit, Incomplete, SignInError
from azremedy.sandbox import embedded

posix = pytest.mark.skipif(os.name == "nt", reason="signals and pipes are another matter on Windows")
HEAVY = ("azure", "rich", "yaml", "requests", "msgspec", "jmespath", "aiohttp")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS), ["help", "exit-codes"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from azremedy.cli import run; code = run(sys.argv[1:]);"
        "print(code, sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-c", script, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    code, _, loaded = ended.stderr.partition(" ")

    assert code == "0"
    assert "'click'" in loaded
    assert [name for name in HEAVY if f"'{name}'" in loaded] == []


def test_help_names_every_command() -> None:
    ended = azremedy("--help")

    assert (ended.code, ended.err) == (0, "")
    assert all(f"  {name} " in ended.out for name in COMMANDS)


def test_each_line_of_help_is_the_beginning_of_the_commands_own() -> None:
    context = click.Context(root)
    for name in COMMANDS:
        made = root.get_command(context, name)
        assert made is not None
        assert made.help


def test_version_is_the_packages() -> None:
    assert azremedy("--version").out == f"azremedy {__version__}\n"


def test_without_a_command_help_is_an_error() -> None:
    ended = azremedy()

    assert (ended.code, ended.out) == (2, "")
    assert "Usage: azremedy" in ended.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["scna"], "There is no command 'scna'. Did you mean 'scan'? (see 'azremedy --help')"),
        (
            ["scan", "--playbok"],
            "No such option '--playbok'. Did you mean '--playbook'? (see 'azremedy scan --help')",
        ),
        (["scan", "extra"], "Got unexpected extra argument (extra) (see 'azremedy scan --help')"),
        (["schema"], "Missing argument 'NAME' (see 'azremedy schema --help')"),
        (
            ["schema", "scna"],
            "There is no schema 'scna'. Did you mean 'scan'? There are: diagnosis, doctor, estimate, explanation, logs, plan, run, scan, watch.",
        ),
        (["scan", "--estate", "nowhere.json"], "Cannot read nowhere.json: No such file or directory."),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(arguments: list[str], sentence: str) -> None:
    ended = azremedy(*arguments)

    assert (ended.code, ended.out, ended.err) == (2, "", f"azremedy: {sentence}\n")


def test_a_hostile_argument_is_shown_and_not_obeyed() -> None:
    ended = azremedy("scan", "--estate", "\x1b[31m\u202e\nx")

    assert ended.err == "azremedy: Cannot read \\x1b[31m\\u202e\\nx: No such file or directory.\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AzremedyError("wrong"), 2),
        (Incomplete("unread"), 3),
        (SignInError("refused"), 4),
        (click.UsageError("wrong"), 2),
        (click.ClickException("click would end with 1"), 2),
        (click.FileError("file"), 2),
        (click.Abort(), 2),
        (BrokenPipeError(), 0),
        (ZeroDivisionError("python would end with 1"), 2),
    ],
)
def test_an_error_ends_in_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explained(error) == code
    assert capsys.readouterr().err.count("\n") == (0 if code == 0 else 1)


def broken(body: str, *arguments: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a command whose body is this, in a real process."""
    script = tmp_path / "broken.py"
    script.write_text(
        "import sys, os, signal, time, click\n"
        "from azremedy import cli\n"
        "from azremedy.cli.options import debugging\n"
        "from azremedy.errors import AzremedyError\n"
        "@click.command()\n"
        "@debugging()\n"
        f"def broken():\n    {body}\n"
        "cli.azremedy.commands_at['broken'] = ('__main__:broken', 'breaks')\n"
        "if __name__ == '__main__':\n    cli.main()\n"
    )
    return subprocess.run(
        [sys.executable, "-P", str(script), "broken", *arguments],
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("raise ValueError('a\\x1bb\\nc')", 2, "internal error: ValueError: a\\x1bb\\nc (run it again with --debug for the traceback)"),
        ("raise KeyboardInterrupt", 130, "interrupted"),
        ("raise MemoryError", 2, "internal error: MemoryError:  (run it again with --debug for the traceback)"),
        ("raise AzremedyError('This is wrong.')", 2, "This is wrong."),
        ("raise click.Abort", 2, "declined, nothing was done"),
    ],
)  # fmt: skip
def test_an_ending_is_one_sentence(body: str, code: int, said: str, tmp_path: Path) -> None:
    ended = broken(body, tmp_path=tmp_path)

    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", f"azremedy: {said}\n")


@pytest.mark.parametrize("error", ["ValueError('a\\x1bb')", "AzremedyError('a\\x1bb')"])
def test_debug_shows_the_traceback_and_obeys_nothing_in_it(error: str, tmp_path: Path) -> None:
    ended = broken(f"raise {error}", "--debug", tmp_path=tmp_path)

    assert ended.returncode == 2
    assert "Traceback" in ended.stderr
    assert "\x1b" not in ended.stderr


@posix
def test_sigterm_ends_in_143_and_closes_what_is_open(tmp_path: Path) -> None:
    body = (
        "\n    try: os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)"
        "\n    finally: print('closed', flush=True)"
    )
    ended = broken(body, tmp_path=tmp_path)

    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "closed\n", "")


@posix
@pytest.mark.parametrize("arguments", [["--help"], ["schema", "scan"]])
def test_a_reader_that_goes_away_is_no_error(arguments: list[str]) -> None:
    with subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        err = running.stderr.read()

    assert (running.returncode, err) == (0, b"")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_standard_output_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command("schema", "scan"), stdout=full, stderr=subprocess.PIPE, env=environment(), check=False
        )

    assert ended.returncode == 2
    assert ended.stderr == b"azremedy: cannot write to standard output: No space left on device\n"


def test_run_returns_the_code_for_use_within_a_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "scan"]) == 0
    assert json.loads(capsys.readouterr().out)["$id"] == "urn:azremedy:schema:scan:1"


def test_schema_prints_the_shipped_one() -> None:
    shipped = files("azremedy.report") / "schemas" / "scan.json"

    assert json.loads(azremedy("schema", "scan").out) == json.loads(shipped.read_text(encoding="utf-8"))


def test_help_explains_every_exit_code() -> None:
    ended = azremedy("help", "exit-codes")

    assert ended.out == EXIT_CODES
    firsts = [line.split()[0] for line in EXIT_CODES.splitlines() if line.startswith("  ")]
    assert list(map(int, firsts)) == sorted(Exit)


def test_help_of_a_command_is_its_own_help() -> None:
    assert azremedy("help", "scan").out == azremedy("scan", "--help").out


def test_help_alone_lists_commands_and_topics() -> None:
    ended = azremedy("help")

    assert "exit-codes" in ended.out
    assert "scan" in ended.out


def test_an_unknown_topic_is_refused_with_what_there_is() -> None:
    ended = azremedy("help", "exit-code")

    assert ended.code == 2
    assert "Did you mean 'exit-codes'?" in ended.err


def test_playbooks_lists_all_in_their_order() -> None:
    listed = json.loads(azremedy("playbooks", "-o", "json").out)

    assert [one["playbook"] for one in listed] == list(playbook.load())
    assert set(listed[0]) == {"playbook", "title", "class", "causes"}
    assert "restore-point-lock" in azremedy("playbooks").out


def test_help_is_quick() -> None:
    def best(*line: str) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run(line, env=environment(), capture_output=True, check=True)
            times.append(time.perf_counter() - began)
        return min(times)

    assert best(*command("--help")) - best(sys.executable, "-c", "pass") < 0.2


def until(stream: IO[str], part: str) -> list[str]:
    """Read the lines up to the one with this part, or to the end."""
    lines: list[str] = []
    while (line := stream.readline()) and part not in line:
        lines.append(line)
    return lines


@posix
def test_ctrl_c_while_the_sandbox_serves_ends_it_cleanly(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("sandbox", "--state", tmp_path / "state", "--vms", "40", "--seed", "3"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        encoding="utf-8",
    ) as running:
        assert running.stdout
        assert running.stderr
        lines = until(running.stdout, "az login")
        running.send_signal(signal.SIGINT)
        err = running.stderr.read()

    said = "".join(lines)
    assert (running.returncode, err) == (0, "")
    assert lines[0].startswith("Serving on https://localhost:")
    assert "  export AZREMEDY_CLOUD=https://localhost:" in said
    assert "  $env:AZURE_CLIENT_SECRET = '" in said
    assert "  az cloud register --name azremedy --endpoint-resource-manager https://localhost:" in said


def test_sandbox_reset_deletes_the_state_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with embedded(tmp_path) as sandbox:
        assert sandbox.ca.exists()
    ended = azremedy("sandbox", "reset", "--state", tmp_path)

    assert ended.code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_sandbox_refuses_two_ways_to_say_what_there_is() -> None:
    ended = azremedy("sandbox", "--estate", "demo", "--vms", "3")

    assert ended.code == 2
    assert "--estate and --vms" in ended.err
