"""`azremedy.toml`: where it is found, what wins over what, what is refused, and what a project file may not say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from building import (
    SERVICE_GROUP,
    collection,
    estate,
    failed_item,
    failed_job,
    lock,
    points,
    vm,
)
from commands import Ended, azremedy_in, environment, keep

from azremedy.cli import COMMANDS, config
from azremedy.cli import azremedy as root
from azremedy.cli.project import FREE, NARROWING, ORDERED, REFUSED, WITHIN, check
from azremedy.errors import AzremedyError

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
held = collection("sql1")
sick = estate(
    vm(),
    failed_item(),
    failed_job("UserErrorRpCollectionLimitReached"),
    held,
    points(18, held),
    lock(SERVICE_GROUP),
)
"""An estate with one finding, which is corroborated."""


class Place:
    """A project's folder and a user's configuration folder, empty at first."""

    def __init__(self, folder: Path) -> None:
        self.project, self.users = folder / "project", folder / "config"
        self.project.mkdir()
        (self.users / "azremedy").mkdir(parents=True)
        self.estate = keep(sick, folder)

    def says(self, text: str, name: str = "azremedy.toml") -> Path:
        file = self.project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def user_says(self, text: str) -> Path:
        file = self.users / "azremedy" / "azremedy.toml"
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, *arguments: str | Path, **variables: str) -> Ended:
        found_by = {"XDG_CONFIG_HOME": str(self.users), **variables}
        return azremedy_in(self.project, *arguments, **found_by)

    def scan(self, *arguments: str | Path, **variables: str) -> Ended:
        """Judge the saved estate."""
        return self.run("scan", "--estate", self.estate, "--allow-partial", *arguments, **variables)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command, and every command within one."""
    context = click.Context(root)
    for name in COMMANDS:
        made = root.get_command(context, name)
        assert made is not None
        yield name, made
        if isinstance(made, click.Group):
            yield from made.commands.items()


def flags() -> dict[str, click.Option]:
    """Every option that has an environment form, by its flag without dashes."""
    return {
        config.key_of(one): one
        for _, made in commands()
        for one in made.params
        if isinstance(one, click.Option) and one.envvar
    }


posix = pytest.mark.skipif(sys.platform != "linux", reason="the user's folder is moved by XDG_CONFIG_HOME")


class TestPrecedence:
    def test_default_then_user_then_project_then_environment_then_flag(self, place: Place) -> None:
        codes = [place.scan().code]
        place.user_says('fail-on = "blocking"')
        codes.append(place.scan().code)
        place.says('fail-on = "corroborated"')
        codes.append(place.scan().code)
        codes.append(place.scan(AZREMEDY_FAIL_ON="blocking").code)
        codes.append(place.scan("--fail-on", "info", AZREMEDY_FAIL_ON="blocking").code)

        assert codes == [0, 0, 1, 0, 1]

    @posix
    def test_a_users_file_is_read(self, place: Place) -> None:
        place.user_says('fail-on = "info"')

        assert place.scan().code == 1

    def test_a_table_wins_over_the_top_and_holds_for_its_command_alone(self, place: Place) -> None:
        place.says('output = "yaml"\n[scan]\noutput = "json"\n[playbooks]\noutput = "tsv"')

        assert json.loads(place.scan().out)["schemaVersion"] == 1
        assert place.run("playbooks").out.startswith("restore-point-lock\t")
        assert place.run("runs", XDG_STATE_HOME=str(place.users)).out == "[]\n"

    def test_lists_switches_and_numbers_are_what_toml_says(self, place: Place) -> None:
        place.says('deep = true\n[scan]\nreport = ["json=a.json", "csv=b.csv"]\n[fix]\nmax-changes = 3')

        assert place.scan().code == 0
        assert sorted(file.name for file in place.project.glob("?.*")) == ["a.json", "b.csv"]

    def test_a_table_holds_for_the_commands_within_a_command(self, place: Place) -> None:
        place.says('[runs]\noutput = "nothing"')

        assert "nothing" in place.run("runs", "show", "x").err


class TestTheSearch:
    def test_goes_upward_to_the_folder_of_the_repository(self, tmp_path: Path) -> None:
        deep = tmp_path / "repository" / "a" / "b"
        deep.mkdir(parents=True)
        file = tmp_path / "repository" / "azremedy.toml"
        file.touch()
        (tmp_path / "azremedy.toml").touch()
        (tmp_path / "repository" / ".git").mkdir()

        assert config.nearest(deep, Path("/nowhere")) == file
        file.unlink()
        assert config.nearest(deep, Path("/nowhere")) is None

    def test_ends_at_the_home_folder(self, tmp_path: Path) -> None:
        deep = tmp_path / "home" / "a"
        deep.mkdir(parents=True)
        (tmp_path / "azremedy.toml").touch()

        assert config.nearest(deep, tmp_path / "home") is None
        (tmp_path / "home" / "azremedy.toml").touch()
        assert config.nearest(deep, tmp_path / "home") == tmp_path / "home" / "azremedy.toml"

    def test_does_not_leave_a_folder_that_is_in_neither(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "azremedy.toml").touch()

        assert config.nearest(tmp_path / "a", Path("/nowhere")) is None
        assert config.nearest(tmp_path, Path("/nowhere")) == tmp_path / "azremedy.toml"

    def test_a_worktree_ends_it_too(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / ".git").write_text("gitdir: elsewhere")
        (tmp_path / ".git").mkdir()
        (tmp_path / "azremedy.toml").touch()

        assert config.nearest(tmp_path / "a", Path("/nowhere")) is None

    @pytest.mark.parametrize("how", ["flag", "variable"])
    def test_a_named_file_takes_the_place_of_the_one_that_would_be_found(
        self, place: Place, how: str
    ) -> None:
        place.says('fail-on = "info"')
        other = place.says('output = "none"', "ci/other.toml")
        if how == "flag":
            ended = place.run("--config", other, "scan", "--estate", place.estate, "--allow-partial")
        else:
            ended = place.scan(AZREMEDY_CONFIG=str(other))

        assert (ended.code, ended.out) == (0, "")

    @pytest.mark.parametrize("made", ["folder", "link"])
    def test_what_has_the_name_and_cannot_be_read_is_an_error(self, place: Place, made: str) -> None:
        file = place.project / "azremedy.toml"
        if made == "folder":
            file.mkdir()
        else:
            file.symlink_to("nowhere")
        ended = place.run("playbooks")

        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(f"azremedy: Cannot read {file}: ")

    def test_a_named_file_that_is_not_there_is_an_error(self, place: Place) -> None:
        ended = place.run("--config", "nowhere.toml", "playbooks")

        assert ended.code == 2
        assert "File 'nowhere.toml' does not exist" in ended.err


class TestMistakes:
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ('fail-onn = "info"', "there is no option 'fail-onn'. Did you mean 'fail-on'?"),
            ('[scna]\nfail-on = "info"', "there is no command 'scna' for the table [scna]. Did you mean 'scan'?"),
            ('[scan]\nfail-onn = "info"', "'azremedy scan' has no option 'fail-onn'. Did you mean 'fail-on'?"),
            ("[fix]\napply = true", "--apply has no place in a file: it is given on the command line."),
            ("yes = true", "--yes has no place in a file: it is given on the command line."),
            ('[sandbox]\nestate = "demo"', "--estate has no place in a file: it is given on the command line."),
            ('[scan]\nfail-on = "severe"', "fail-on: 'severe' is not one of 'info', 'suspected', 'corroborated', 'blocking', 'never'."),
            ("fail-on = 3", "fail-on is a text in quotes, and not 3."),
            ("deep = 'yes'", "deep is true or false, and not 'yes'."),
            ("report = 'sql1'", "report is a list of texts, such as ['one', 'two'], and not 'sql1'."),
            ("report = [1]", "report is a list of texts, such as ['one', 'two'], and not [1]."),
            ("lookback = '7 days'", "lookback: '7 days' is no duration such as 7d, 36h, 10m or 90s."),
            ("report = ['pdf=x']", "report: 'pdf' is no format"),
            ("scan = true", "there is no option 'scan'."),
            ("proxy = 'http://x'", "there is no option 'proxy'."),
        ],
    )  # fmt: skip
    def test_is_one_sentence_that_names_file_and_key(self, place: Place, text: str, sentence: str) -> None:
        file = place.says(text)
        ended = place.scan()

        assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
        assert ended.err.startswith(f"azremedy: {file}: {sentence}")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (b"a = \n", "is no TOML: Invalid value (at line 1, column 5)."),
            (b"[scan]\nx\n", "is no TOML: Expected '=' after a key in a key/value pair (at line 2, column 2)."),
            (b"\xff", "is no TOML: it is not UTF-8."),
        ],
    )  # fmt: skip
    def test_a_broken_file_is_one_sentence(self, place: Place, text: bytes, said: str) -> None:
        file = place.says("")
        file.write_bytes(text)
        ended = place.scan()

        assert (ended.code, ended.err) == (2, f"azremedy: {file} {said}\n")

    def test_a_number_is_a_number(self, place: Place) -> None:
        place.says("[fix]\nmax-changes = true")

        assert "max-changes is a whole number, and not True." in place.run("fix").err

    def test_what_the_options_own_type_refuses_is_refused(self, place: Place) -> None:
        place.says("[fix]\nbracket-size = 0")

        assert "bracket-size: 0 is not in the range x>=1." in place.run("fix").err

    def test_help_reads_no_file(self, place: Place) -> None:
        place.says("broken")

        assert place.run("scan", "--help").code == 0
        assert place.run("--help").code == 0

    def test_a_hostile_key_is_shown_and_not_obeyed(self, place: Place) -> None:
        place.says('"\\u001b[31m" = 1')

        assert "\x1b" not in place.scan().err


class TestAProjectFile:
    @pytest.mark.parametrize(
        ("user", "text", "accepted"),
        [
            ("", "[scan]\nfail-on = 'info'", True),
            ("fail-on = 'corroborated'", "fail-on = 'suspected'", True),
            ("fail-on = 'corroborated'", "fail-on = 'blocking'", False),
            ("fail-on = 'corroborated'", "fail-on = 'never'", False),
            ("", "exit-zero = true", False),
            ("", "exit-zero = false", True),
            ("exit-zero = true", "exit-zero = true", True),
            ("", "allow-partial = true", False),
            ("", "deep = true", True),
            ("deep = true", "deep = false", False),
            ("", "lookback = '14d'", True),
            ("", "lookback = '1d'", False),
            ("", "deadline = '10m'", False),
            ("deadline = '1m'", "deadline = '10m'", True),
        ],
    )  # fmt: skip
    @posix
    def test_tightens_a_scan_and_does_not_loosen_it(
        self, place: Place, user: str, text: str, accepted: bool
    ) -> None:
        place.user_says(user)
        place.says(text)
        ended = place.run("scan", "--estate", "nowhere")

        assert ended.code == 2
        assert ("Cannot read nowhere" in ended.err) is accepted, ended.err
        assert ("a project file may only tighten it" in ended.err) is not accepted

    @pytest.mark.parametrize(
        ("text", "accepted"),
        [
            ("max-changes = 3", True),
            ("stop-after = 1", True),
            ("max-unlocked = '1h'", True),
            ("max-unlocked = '5h'", False),
            ("bracket-size = 5", True),
            ("bracket-size = 50", False),
            ("settle = '5m'", True),
            ("settle = '1s'", False),
            ("parallel = 1", True),
            ("parallel = 16", False),
            ("dry-run = true", True),
            ("prove = true", False),
        ],
    )
    def test_tightens_a_fix_and_does_not_loosen_it(self, place: Place, text: str, accepted: bool) -> None:
        place.says(f"[fix]\n{text}")
        ended = place.run("fix", "--apply", "--plan", "nowhere")

        assert ended.code != 0
        assert ("a project file" in ended.err) is not accepted, ended.err

    @pytest.mark.parametrize("command", ["scan", "gate"])
    @pytest.mark.parametrize("place_of", ["", "[{command}]\n"], ids=["at the top", "in the table"])
    @pytest.mark.parametrize(
        "text", ["vm = ['kiosk1']", "resource-group = ['shop']", "subscription = ['other']"]
    )
    def test_narrows_nothing_that_a_verdict_speaks_of(
        self, place: Place, command: str, place_of: str, text: str
    ) -> None:
        key = text.partition(" ")[0]
        file = place.says(place_of.format(command=command) + text)
        ended = place.run(command, "--estate", place.estate)

        assert (ended.code, ended.out) == (2, "")
        assert ended.err == (
            f"azremedy: {file}: a project file cannot set {key} for {command}: what is left out is not found; "
            f"give --{key} on the command line, or set it in the environment or in your own file.\n"
        )

    @pytest.mark.parametrize("text", ["vault = ['typo']", "policy = ['typo']", "before-backup = '1m'"])
    def test_narrows_a_gate_to_no_vault_policy_or_hour(self, place: Place, text: str) -> None:
        file = place.says(f"[gate]\n{text}")
        ended = place.run("gate", "--estate", place.estate)

        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(f"azremedy: {file}: a project file cannot set {text.partition(' ')[0]}: ")

    def test_narrows_what_is_written_and_what_is_diagnosed(self, place: Place) -> None:
        place.says("vm = ['sql1']")

        assert "The plan nowhere cannot be read" in place.run("fix", "--apply", "--plan", "nowhere").err
        assert place.run("diagnose", "--estate", place.estate, "--allow-partial").code == 0

    @posix
    def test_what_narrows_may_stand_in_a_users_file(self, place: Place) -> None:
        place.user_says("vm = ['sql1']\nfail-on = 'info'")

        assert place.scan().code == 1

    @pytest.mark.parametrize("key", ["cloud", "tenant", "journal", "estate", "plan", "state", "playbook"])
    def test_cannot_name_where_secrets_go_or_what_is_judged(self, place: Place, key: str) -> None:
        option = flags()[key]
        file = place.says(f"{key} = {['x'] if option.multiple else 'x'!r}")
        command = next(name for name, made in commands() if key in config.options(made))
        ended = place.run(command)

        assert ended.err == f"azremedy: {file}: a project file cannot set {key}: {REFUSED[key]}.\n"

    @pytest.mark.parametrize("command", ["scan", "gate", "playbooks"])
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("journal = 'x'", "a project file cannot set journal: "),
            ("[fix]\njournal = 'x'", "a project file cannot set journal: "),
            ("[gate]\nfail-on = 'blocking'", "fail-on = blocking is looser than corroborated"),
            ("[fix]\nbracket-size = 50", "bracket-size = 50 is looser than 20"),
            ("[fix]\nmax-unlocked = 'long'", "max-unlocked: 'long' is no duration"),
            ("[runs]\noutput = 'nothing'", "output: 'nothing' is not one of"),
        ],
    )
    def test_is_held_to_what_it_says_of_commands_that_do_not_run_now(
        self, place: Place, command: str, text: str, said: str
    ) -> None:
        if command == "gate" and text.startswith("[gate]"):
            pytest.skip("that one runs")
        file = place.says(text)
        ended = place.run(command)

        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(f"azremedy: {file}: {said}")

    @posix
    def test_tightens_another_command_against_what_the_user_says_of_all(self, place: Place) -> None:
        place.user_says("fail-on = 'blocking'")
        place.says("[gate]\nfail-on = 'blocking'")

        assert place.run("playbooks").code == 0

    @posix
    def test_what_it_cannot_a_users_file_can(self, place: Place) -> None:
        place.user_says(f"estate = '{place.estate}'\nplaybook = ['restore-point-lock']\ncloud = 'usgov'")

        assert "restore-point-lock" in place.run("scan").out

    @pytest.mark.parametrize("file", ["../x.json", "/tmp/x.json", "link/x.json"])
    def test_writes_no_file_outside_of_its_folder(self, place: Place, file: str) -> None:
        (place.project / "link").symlink_to(place.users)
        place.says(f"report = ['json={file}']")
        ended = place.scan()

        assert ended.code == 2
        assert "names no file outside of" in ended.err

    def test_names_no_subscription_for_writes(self, place: Place) -> None:
        place.says("subscription = ['demo']")
        ended = place.run("fix", "--apply", "--yes")

        assert (ended.code, ended.err) == (
            2, "azremedy: --apply needs --subscription, or --plan with a plan that names one.\n"
        )  # fmt: skip

    def test_every_flag_has_its_place_in_one_table(self) -> None:
        placed = [*ORDERED, *REFUSED, *NARROWING, *WITHIN, *FREE]

        assert sorted(placed) == sorted(flags())

    def test_a_flag_that_is_in_no_table_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(AzremedyError, match="it may loosen safety"):
            check(tmp_path / "azremedy.toml", "scan", "brand-new", 2, 1)


class TestWhatWasRead:
    def test_verbose_and_debug_say_it_once(self, place: Place) -> None:
        file = place.says("deep = true")
        said = f"azremedy: settings from {file}\n"

        assert place.scan().err == ""
        assert place.scan("--verbose").err.startswith(said)
        assert place.scan("--verbose", "--debug").err.count(said) == 1
        assert place.run("playbooks", "--debug").err == said

    def test_without_a_file_no_parser_is_loaded(self, tmp_path: Path) -> None:
        script = (
            "import sys; from azremedy.cli import run; run(['playbooks']);"
            "print('tomllib' in sys.modules, 'azremedy.cli.project' in sys.modules, file=sys.stderr)"
        )
        ended = subprocess.run(
            [sys.executable, "-P", "-c", script],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )

        assert ended.stderr == "False False\n"


class TestTheDocuments:
    def test_the_example_is_accepted(self, place: Place) -> None:
        text = (ROOT / "examples" / "azremedy.toml").read_text(encoding="utf-8")
        place.says(text)

        assert {"scan", "fix"} <= set(tomllib.loads(text))
        assert place.scan().code == 1
        assert sorted(one.name for one in place.project.glob("scan.*")) == ["scan.csv", "scan.json"]
        assert "The plan nowhere cannot be read" in place.run("fix", "--apply", "--plan", "nowhere").err

    def test_the_table_of_flags_is_what_the_commands_say(self) -> None:
        shown = re.findall(r"^\| `--.*$", DOCUMENT, re.MULTILINE)

        assert shown == [row(key, option) for key, option in sorted(flags().items())]

    def test_flags_without_a_place_in_a_file_are_named(self) -> None:
        without = {
            config.key_of(one)
            for _, made in commands()
            for one in made.params
            if isinstance(one, click.Option) and not one.envvar and one.name != "help"
        }

        assert [flag for flag in without if f"`--{flag}`" not in DOCUMENT] == []


def row(key: str, option: click.Option) -> str:
    """The line of a flag in the table of the document."""
    if key in ORDERED:
        said = f"{ORDERED[key].tighter}: {ORDERED[key].why}"
    elif key in NARROWING:
        said = f"not for `scan`, `gate` and `watch`: {NARROWING[key]}"
    elif key in WITHIN:
        said = "a file in its folder or below it"
    else:
        said = f"no: {REFUSED[key]}" if key in REFUSED else "yes"
    return f"| `--{key}` | `{option.envvar}` | {said} |"


if __name__ == "__main__":
    for key, option in sorted(flags().items()):
        print(row(key, option), end=os.linesep)  # noqa: T201 - the table, to be pasted into the document
