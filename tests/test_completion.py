"""`azremedy completion`: the script of each shell, and what a shell that has read it offers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Ended, azremedy, environment

from azremedy import playbook
from azremedy.cli import COMMANDS

SEVERITIES = ["info", "suspected", "corroborated", "blocking", "never"]


def shell(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not on this machine")


@pytest.fixture
def path() -> str:
    """A search path on which `azremedy` is the one under test."""
    folder = Path(sys.executable).parent
    if shutil.which("azremedy", path=folder) is None:
        pytest.skip("the command azremedy is not installed beside this Python")
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def run(*command: str, path: str) -> list[str]:
    """Run a shell and return the lines that it prints."""
    ended = subprocess.run(
        command,
        env=environment(PATH=path),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert ended.stderr == ""
    return ended.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("bash", "complete -o nosort -F _azremedy_completion azremedy"),
        ("zsh", "compdef _azremedy_completion azremedy"),
        ("fish", "complete --no-files --command azremedy"),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName azremedy -ScriptBlock {"),
    ],
)
def test_the_script_registers_the_command_and_asks_it(name: str, line: str) -> None:
    ended = azremedy("completion", name)

    assert (ended.code, ended.err) == (0, "")
    assert line in ended.out
    assert "_AZREMEDY_COMPLETE" in ended.out
    assert f"{name}_complete" in ended.out


def test_help_has_the_line_to_install_for_each_shell() -> None:
    said = azremedy("completion", "--help").out

    assert '\n    eval "$(azremedy completion bash)"\n' in said
    assert '\n    eval "$(azremedy completion zsh)"\n' in said
    assert "\n    azremedy completion fish | source\n" in said
    assert "\n    azremedy completion powershell | Out-String | Invoke-Expression\n" in said


def asked(name: str, words: str, at: int | str) -> Ended:
    """Ask as a shell's script does."""
    return azremedy(_AZREMEDY_COMPLETE=f"{name}_complete", COMP_WORDS=words, COMP_CWORD=str(at))


@pytest.mark.parametrize(
    ("name", "at", "answer"),
    [
        ("bash", 3, "plain,{}"),
        ("zsh", 3, "plain\n{}\n_"),
        ("fish", "restore", "plain,{}"),
        ("powershell", 3, "plain\n{}\n_"),
    ],
)
def test_playbooks_are_offered_in_the_words_of_each_shell(name: str, at: int | str, answer: str) -> None:
    ids = [one for one in playbook.load() if one.startswith("restore")]
    ended = asked(name, "azremedy scan --playbook restore", at)

    assert len(ids) == 2
    assert ended.out == "\n".join(answer.format(one) for one in ids) + "\n"
    assert (ended.code, ended.err) == (0, "")


def test_a_broken_file_of_settings_keeps_nobody_from_completing(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("broken")
    ended = azremedy(
        _AZREMEDY_COMPLETE="bash_complete",
        COMP_WORDS="azremedy scan --fail-on ",
        COMP_CWORD="3",
        AZREMEDY_CONFIG=str(tmp_path / "broken.toml"),
    )

    assert ended.out.splitlines() == [f"plain,{one}" for one in SEVERITIES]


def test_an_unknown_shell_is_a_usage_error() -> None:
    assert asked("tcsh", "azremedy ", 1).code == 2
    assert azremedy("completion", "tcsh").code == 2


@shell("bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["azremedy", ""], list(COMMANDS)),
        (["azremedy", "sca"], ["scan"]),
        (["azremedy", "scan", "--fail-on", ""], SEVERITIES),
        (["azremedy", "fix", "--playbook", "disk-s"], ["disk-size", "disk-support"]),
        (["azremedy", "scan", "--lookb"], ["--lookback"]),
        (["azremedy", "completion", "p"], ["powershell"]),
        (["azremedy", "explain", "usererrorrp"], ["UserErrorRpCollectionLimitReached"]),
        (["azremedy", "--c"], ["--config"]),
    ],
)
def test_bash_offers(line: list[str], offered: list[str], path: str) -> None:
    words = " ".join(f"'{word}'" for word in line)
    script = (
        'source /dev/stdin <<< "$(azremedy completion bash)"\n'
        f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        "declare -F _azremedy_completion > /dev/null && $(complete -p azremedy | grep -o '_[a-z_]*completion') azremedy\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )

    assert run("bash", "--norc", "-c", script, path=path) == offered


@shell("zsh")
def test_zsh_takes_the_script(path: str) -> None:
    script = (
        'autoload -Uz compinit && compinit -u -D; eval "$(azremedy completion zsh)"; print $_comps[azremedy]'
    )

    assert run("zsh", "-f", "-c", script, path=path) == ["_azremedy_completion"]


@shell("fish")
def test_fish_offers(path: str) -> None:
    script = "azremedy completion fish | source; complete --do-complete 'azremedy scan --playbook disk-s'"

    assert run("fish", "--no-config", "-c", script, path=path) == ["disk-size", "disk-support"]


@shell("pwsh")
def test_powershell_offers(path: str) -> None:
    script = (
        "azremedy completion powershell | Out-String | Invoke-Expression;"
        "$line = 'azremedy scan --playbook disk-s';"
        "(TabExpansion2 $line $line.Length).CompletionMatches.CompletionText"
    )

    assert run("pwsh", "-NoProfile", "-Command", script, path=path) == ["disk-size", "disk-support"]
