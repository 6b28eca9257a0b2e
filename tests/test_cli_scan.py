"""`azremedy scan` as a process: outputs, reports, selection and exit codes, on saved estates."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from building import (
    SERVICE_GROUP,
    SUBSCRIPTION,
    VAULT,
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    points,
    vm,
)
from commands import Ended, azremedy, azremedy_in, command, environment, keep
from jsonschema import Draft202012Validator

from azremedy import playbook
from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.report import REPORTS
from azremedy.report.schema import schema
from azremedy.resources import Read, Subscription, Unread

LOCKS = ("--playbook", "restore-point-lock")
held = collection("sql1")
suspect = estate(vm(), item(), held, lock(SERVICE_GROUP))
sick = estate(
    vm(),
    failed_item(),
    failed_job("UserErrorRpCollectionLimitReached"),
    held,
    points(18, held),
    lock(SERVICE_GROUP),
)
well = estate(vm(), item())
blind = estate(vm(), item(), unread=(Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "x"),))
sick_and_blind = replace(sick, unread=(Unread(Read.DISKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "x"),))


def scan(read: Estate, folder: Path, *arguments: str | Path, **variables: str) -> Ended:
    """Scan a saved estate for locks."""
    return azremedy("scan", "--estate", keep(read, folder), *LOCKS, *arguments, **variables)


@pytest.mark.parametrize(
    ("read", "arguments", "code"),
    [
        pytest.param(well, [], 0, id="nothing is found"),
        pytest.param(sick, [], 0, id="a scan is a report"),
        pytest.param(sick, ["--fail-on", "never"], 0, id="a report that says so"),
        pytest.param(sick, ["--fail-on", "corroborated"], 1, id="a finding is at the bar"),
        pytest.param(sick, ["--fail-on", "info"], 1, id="a finding is above the bar"),
        pytest.param(sick, ["--fail-on", "blocking"], 0, id="a finding is below the bar"),
        pytest.param(suspect, ["--fail-on", "corroborated"], 0, id="a suspicion is below the bar"),
        pytest.param(suspect, ["--fail-on", "suspected"], 1, id="a suspicion is at the bar"),
        pytest.param(sick, ["--fail-on", "info", "--exit-zero"], 0, id="1 is hidden on request"),
        pytest.param(blind, [], 3, id="something is unread"),
        pytest.param(blind, ["--exit-zero"], 3, id="3 is not hidden"),
        pytest.param(blind, ["--allow-partial"], 0, id="gaps are accepted on request"),
        pytest.param(sick_and_blind, ["--fail-on", "info"], 3, id="3 wins over 1"),
        pytest.param(sick_and_blind, ["--fail-on", "info", "--allow-partial"], 1, id="1 stands where gaps are accepted"),
        pytest.param(sick, ["--fail-on", "severe"], 2, id="a severity that does not exist"),
        pytest.param(sick, ["--exit-zero", "--vm", "nope"], 2, id="2 is not hidden"),
    ],
)  # fmt: skip
def test_the_exit_code_where(read: Estate, arguments: list[str], code: int, tmp_path: Path) -> None:
    assert scan(read, tmp_path, "-o", "none", *arguments).code == code


def test_data_is_on_stdout_and_gaps_are_told_on_stderr_too(tmp_path: Path) -> None:
    ended = scan(sick_and_blind, tmp_path, "-o", "json")

    assert json.loads(ended.out)["unread"][0]["reason"] == "ARM refused"
    assert ended.err == "azremedy: incomplete: reads that failed: 1; --allow-partial accepts that\n"
    assert scan(sick, tmp_path, "-o", "json").err == ""


@pytest.mark.parametrize("read", [well, sick, suspect, blind, sick_and_blind])
def test_json_and_yaml_are_the_document_of_the_schema(read: Estate, tmp_path: Path) -> None:
    written = json.loads(scan(read, tmp_path, "-o", "json").out)

    Draft202012Validator(schema("scan")).validate(written)
    assert yaml.safe_load(scan(read, tmp_path, "-o", "yaml").out) == written


def test_json_lines_tsv_and_csv_have_a_line_for_each_finding(tmp_path: Path) -> None:
    two = estate(vm(), item(), held, lock(SERVICE_GROUP), lock("", name="all"))
    findings = json.loads(scan(two, tmp_path, "-o", "json").out)["findings"]
    rows = list(csv.DictReader(io.StringIO(scan(two, tmp_path, "-o", "csv").out)))
    tsv = [line.split("\t") for line in scan(two, tmp_path, "-o", "tsv").out.splitlines()]

    assert len(findings) == 2
    assert [json.loads(line) for line in scan(two, tmp_path, "-o", "jsonl").out.splitlines()] == findings
    assert [row["fingerprint"] for row in rows] == [one["fingerprint"] for one in findings]
    assert tsv == [list(row.values()) for row in rows]


def test_none_prints_nothing(tmp_path: Path) -> None:
    assert scan(sick, tmp_path, "-o", "none") == Ended(0, "", "")


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("json", '[\n  "keep"\n]\n'),
        ("jsonl", '"keep"\n'),
        ("yaml", "- keep\n"),
        ("tsv", "keep\n"),
        ("csv", "result\nkeep\n"),
        ("table", f"Result\n{'─' * 6}\nkeep\n"),
        ("none", ""),
    ],
)
def test_a_query_is_applied_to_the_document(form: str, shown: str, tmp_path: Path) -> None:
    assert scan(sick, tmp_path, "-o", form, "--query", "findings[].evidence.lock").out == shown


def test_a_wrong_query_is_refused_before_anything_is_read() -> None:
    ended = azremedy("scan", "--estate", "nowhere.json", "--query", "a[")

    assert ended == Ended(2, "", "azremedy: --query: the expression ends too early in 'a['.\n")


def test_reports_are_files_beside_the_output(tmp_path: Path) -> None:
    first, second = tmp_path / "scan.json", tmp_path / "scan.csv"
    ended = scan(
        sick, tmp_path, "--report", f"json={first}", "--report", f"csv={second}", "--query", "summary"
    )

    assert "Corroborated" in ended.out
    Draft202012Validator(schema("scan")).validate(json.loads(first.read_text(encoding="utf-8")))
    assert second.read_text(encoding="utf-8").startswith("severity,playbook,")


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ("xml=x.xml", "'xml' is no format; there are json, sarif, junit, html, markdown and csv"),
        ("json", "'json' is not of the form FORMAT=FILE, such as json=scan.json"),
        ("json=", "'json=' is not of the form FORMAT=FILE"),
        ("json=nowhere/x.json", "the folder 'nowhere' does not exist"),
        ("json=.", "'.' is a folder"),
        ("html=-", "'-' is no file: what goes to standard output is said with --output"),
    ],
)
def test_a_report_is_refused_in_one_sentence(report: str, said: str, tmp_path: Path) -> None:
    ended = scan(sick, tmp_path, "--report", report)

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize(
    "files",
    [
        ("html=x.out", "csv=x.out"),
        ("html=x.out", "csv=../{folder}/x.out"),
        ("sarif=x.sarif", "csv=x.inventory.txt"),
        ("sarif=x.sarif", "sarif=x.json"),
    ],
)
def test_a_report_is_not_written_over_another(files: tuple[str, str], tmp_path: Path) -> None:
    first, second = (one.format(folder=tmp_path.name) for one in files)
    file = keep(sick, tmp_path)
    ended = azremedy_in(tmp_path, "scan", "--estate", file, "--report", first, "--report", second)

    assert (ended.code, ended.out) == (2, "")
    assert f"{first} and {second} would be written to the same file" in ended.err
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


def test_the_help_names_every_format_of_a_report() -> None:
    shown = " ".join(azremedy("scan", "--help", COLUMNS="200").out.split())

    assert f"Also write a file: {', '.join(REPORTS[:-1])} or {REPORTS[-1]};" in shown
    assert "html" in REPORTS


def test_a_report_replaces_the_old_one_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    target, link = folder / "scan.json", folder / "latest.json"
    target.write_text("old")
    link.symlink_to(target)
    with target.open(encoding="utf-8") as reading:
        scan(sick, tmp_path, "-o", "none", "--report", f"json={link}")
        assert reading.read() == "old"

    assert link.is_symlink()
    assert json.loads(target.read_text(encoding="utf-8"))["schemaVersion"] == 1
    assert {path.name for path in folder.iterdir()} == {"scan.json", "latest.json"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_report_into_a_pipe_is_written_into_the_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    line = command("scan", "--estate", keep(sick, tmp_path), *LOCKS, "-o", "none", "--report", f"json={pipe}")
    with subprocess.Popen(line, env=environment()):
        written = json.loads(pipe.read_text(encoding="utf-8"))

    assert written["summary"]["corroborated"] == 1
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_selects_vms_by_name_id_and_group_without_case(tmp_path: Path) -> None:
    two = estate(vm(), vm("web"), item(), item("web"), held, collection("web"), lock(SERVICE_GROUP))

    def found(*arguments: str) -> list[str]:
        ended = scan(two, tmp_path, "-o", "json", *arguments)
        return [ArmId(one["vm"]).name for one in json.loads(ended.out)["findings"]]

    assert found() == ["sql1", "web"]
    assert found("--vm", "WEB") == ["web"]
    assert found("--vm", vm("web").id.text.upper()) == ["web"]
    assert found("--vm", "web", "--vm", "sql1") == ["sql1", "web"]
    assert found("-g", "Prod") == ["sql1", "web"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--vm", "sq1"], "No VM 'sq1' is there. Did you mean 'sql1'?"),
        (["--vm", "zebra"], "No VM 'zebra' is there."),
        (["-g", "prd"], "No VM is in a resource group 'prd'. Did you mean 'prod'?"),
    ],
)
def test_a_name_that_fits_nothing_is_refused(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    assert scan(sick, tmp_path, *arguments) == Ended(2, "", f"azremedy: {sentence}\n")


def test_a_name_is_not_called_wrong_where_the_vms_could_not_be_read(tmp_path: Path) -> None:
    unlisted = estate(item(), unread=(Unread(Read.VMS, ArmId(SUBSCRIPTION), "ARM refused"),))

    assert scan(unlisted, tmp_path, "-o", "none", "--vm", "web").code == 3


def test_a_vm_that_is_gone_can_be_named_as_long_as_an_item_is_left(tmp_path: Path) -> None:
    assert scan(estate(item()), tmp_path, "-o", "none", "--vm", "sql1").code == 0


def test_an_unknown_playbook_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    ended = azremedy("scan", "--estate", keep(sick, tmp_path), "--playbook", "restore-point-lok")

    assert ended.code == 2
    assert "There is no playbook 'restore-point-lok'. Did you mean 'restore-point-lock'?" in ended.err


def test_a_shorter_look_back_lets_older_failures_go(tmp_path: Path) -> None:
    ended = scan(sick, tmp_path, "-o", "json", "--lookback", "2h")

    assert json.loads(ended.out)["summary"]["suspected"] == 1


@pytest.mark.parametrize(
    ("lookback", "said"),
    [
        ("8d", "holds the failed backups of 7 days; --lookback cannot be longer"),
        ("soon", "'soon' is no duration such as 7d, 36h, 10m or 90s"),
        ("0d", "'0d' is no duration"),
        ("-1d", "'-1d' is no duration"),
    ],
)
def test_a_look_back_is_refused(lookback: str, said: str, tmp_path: Path) -> None:
    ended = scan(sick, tmp_path, "--lookback", lookback)

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize(
    "arguments",
    [["-s", "demo"], ["--cloud", "public"], ["--tenant", "x"], ["--deep"], ["--deadline", "5m"], ["--save-estate", "x.json"]],
)  # fmt: skip
def test_flags_of_reading_are_refused_with_a_file_that_was_read(arguments: list[str], tmp_path: Path) -> None:
    ended = scan(sick, tmp_path, *arguments)

    assert ended.code == 2
    assert "means nothing with --estate" in ended.err


def test_what_a_file_does_not_hold_is_a_gap_and_never_healthy(tmp_path: Path) -> None:
    few = replace(sick, reads=playbook.load()["restore-point-lock"].needs)
    file = keep(few, tmp_path)
    ended = azremedy("scan", "--estate", file, "-o", "json")

    made = json.loads(ended.out)
    assert ended.code == 3
    assert {one["playbook"] for one in made["findings"]} >= {"restore-point-lock"}
    assert "instance view" in {one["what"] for one in made["unread"]}
    assert "agent-unresponsive" in {one["playbook"] for one in made["notEvaluated"]}


def test_a_playbook_that_is_asked_for_is_never_left_out(tmp_path: Path) -> None:
    few = replace(sick, reads=frozenset({Read.VMS}))
    ended = scan(few, tmp_path)

    assert (ended.code, ended.out) == (2, "")
    assert "was saved without what restore-point-lock looks at: scan again for it." in ended.err


def test_hostile_names_are_shown_in_every_output_and_obeyed_in_none(tmp_path: Path) -> None:
    hostile = '=cmd()\x1b[31m[red]\u202e\n"x'
    bad = estate(
        vm(), item(), held, lock(SERVICE_GROUP, name=hostile), subscription=Subscription(ArmId(SUBSCRIPTION), hostile)
    )  # fmt: skip
    for form in ("table", "json", "jsonl", "yaml", "tsv", "csv"):
        ended = scan(bad, tmp_path, "-o", form)
        assert ended.code == 0
        assert not set("\x1b\u202e\r") & set(ended.out), form
    assert json.loads(scan(bad, tmp_path, "-o", "json").out)["subscriptions"][0]["name"] == hostile


def test_verbose_sums_the_requests_up_by_kind_on_stderr(tmp_path: Path) -> None:
    ended = scan(sick, tmp_path, "--verbose", "-o", "none")

    assert ended == Ended(0, "", "Requests for test:\n       0 in all\n")


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


def test_the_width_is_columns_or_120_where_nothing_says_so(tmp_path: Path) -> None:
    assert widest(scan(sick, tmp_path).out) == 120
    assert widest(scan(sick, tmp_path, COLUMNS="100").out) == 100
    assert widest(scan(sick, tmp_path, COLUMNS="50").out) <= 50


@pytest.mark.parametrize(
    ("arguments", "variables", "colored"),
    [
        ([], {}, False),
        (["--color", "always"], {}, True),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "0"}, False),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--color", "always", "-o", "json"], {}, False),
    ],
)
def test_colour_is_as_asked_then_as_the_environment_says(
    arguments: list[str], variables: dict[str, str], colored: bool, tmp_path: Path
) -> None:
    assert ("\x1b[" in scan(sick, tmp_path, *arguments, **variables).out) is colored


def test_pipes_get_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    accented = estate(vm(), item(), held, lock(SERVICE_GROUP, name="días-中"))
    ended = scan(accented, tmp_path, "-o", "json", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")

    assert json.loads(ended.out)["findings"][0]["evidence"]["lock"] == "días-中"


def test_a_scan_of_a_file_needs_nothing_of_azure(tmp_path: Path) -> None:
    script = "import sys; from azremedy.cli import run; run(sys.argv[1:]); print('azure' in sys.modules)"
    line = [*command()[:2], "-c", script, "scan", "--estate", str(keep(sick, tmp_path)), "-o", "none"]
    ended = subprocess.run(line, env=environment(), capture_output=True, text=True, check=True)

    assert ended.stdout == "False\n"


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("VM", "sq1", 2, "No VM 'sq1'"),
        ("VM", " sql1 , nope,", 2, "No VM 'nope'"),
        ("RESOURCE_GROUP", "prd", 2, "resource group 'prd'"),
        ("PLAYBOOK", "restore-point-lock,nope", 2, "no playbook 'nope'"),
        ("LOOKBACK", "8d", 2, "--lookback cannot be longer"),
        ("FAIL_ON", "suspected", 1, ""),
        ("OUTPUT", "tsv", 0, "corroborated\trestore-point-lock"),
        ("QUERY", "a[", 2, "--query"),
        ("COLOR", "always", 0, "\x1b["),
        ("VERBOSE", "1", 0, "Requests for test"),
        ("SAVE_ESTATE", "nowhere/x", 2, "the folder 'nowhere'"),
        ("DEADLINE", "soon", 2, "'soon' is no duration"),
        ("DEEP", "perhaps", 2, "'perhaps' is not a valid boolean"),
    ],
)
def test_a_variable_does_what_its_flag_does(
    variable: str, value: str, code: int, said: str, tmp_path: Path
) -> None:
    ended = azremedy("scan", "--estate", keep(sick, tmp_path), **{f"AZREMEDY_{variable}": value})

    assert ended.code == code
    assert said in ended.out + ended.err


def test_the_flag_wins_over_its_variable(tmp_path: Path) -> None:
    assert scan(sick, tmp_path, "-o", "none", AZREMEDY_OUTPUT="json").out == ""
    assert scan(sick, tmp_path, "--vm", "sql1", AZREMEDY_VM="nope").code == 0


def test_the_variables_of_reading_do_not_trouble_a_scan_of_a_file(tmp_path: Path) -> None:
    others = {"AZREMEDY_CLOUD": "sandbox", "AZREMEDY_SUBSCRIPTION": "demo,other", "AZREMEDY_TENANT": "x", "AZREMEDY_DEEP": "1"}  # fmt: skip

    assert scan(sick, tmp_path, "-o", "none", **others) == Ended(0, "", "")


def test_more_variables_do_what_their_flags_do(tmp_path: Path) -> None:
    file, report = keep(sick_and_blind, tmp_path), tmp_path / "r,s"
    named = {
        "AZREMEDY_ESTATE": str(file),
        "AZREMEDY_OUTPUT": "none",
        "AZREMEDY_PLAYBOOK": "restore-point-lock",
    }

    assert azremedy("scan", **named).code == 3
    assert azremedy("scan", AZREMEDY_ALLOW_PARTIAL="true", **named).code == 0
    strict = {**named, "AZREMEDY_ALLOW_PARTIAL": "yes", "AZREMEDY_FAIL_ON": "info"}
    assert azremedy("scan", **strict).code == 1
    assert azremedy("scan", AZREMEDY_EXIT_ZERO="on", **strict).code == 0
    assert azremedy("scan", AZREMEDY_EXIT_ZERO="off", **strict).code == 1
    azremedy("scan", AZREMEDY_REPORT=f"json={tmp_path / 'a'},csv={tmp_path / 'b'}", **named)
    assert (tmp_path / "a").exists()
    assert (tmp_path / "b").exists()
    assert not report.exists()
    broken = {**named, "AZREMEDY_ESTATE": "nowhere"}
    assert "Traceback" in azremedy("scan", AZREMEDY_DEBUG="1", **broken).err
    quiet = azremedy(
        "scan", AZREMEDY_ESTATE=str(keep(sick, tmp_path)), AZREMEDY_QUIET="1", AZREMEDY_OUTPUT="none"
    )
    assert quiet == Ended(0, "", "")


def test_the_estate_keeps_its_own_clock(tmp_path: Path) -> None:
    late = replace(sick, read_at=sick.read_at + timedelta(hours=3))

    assert "backup failed 11 h ago" in scan(late, tmp_path).out
    assert str(VAULT) not in scan(late, tmp_path).out
