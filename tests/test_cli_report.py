"""`azremedy report`, `--report` and `--annotate` as processes: files, streams, and what build servers get."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from building import (
    SERVICE_GROUP,
    SUBSCRIPTION,
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    points,
    vm,
)
from commands import Ended, azremedy, command, environment, keep
from documents import HOSTILE, hostile

from azremedy.arm import ArmId
from azremedy.report import REPORTS, TEXTS, of_document, render
from azremedy.report.read import read
from azremedy.resources import Read, Unread

held = collection("sql1")
sick = estate(
    vm(),
    failed_item(),
    failed_job("UserErrorRpCollectionLimitReached"),
    held,
    points(18, held),
    lock(SERVICE_GROUP),
)  # fmt: skip
blind = estate(vm(), item(), unread=(Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "x"),))
LOCKS = ("--playbook", "restore-point-lock")


def scan(folder: Path, *arguments: str | Path, read: object = sick, **variables: str) -> Ended:
    assert isinstance(read, type(sick))
    return azremedy("scan", "--estate", keep(read, folder), *LOCKS, *arguments, **variables)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The JSON of a scan in a file."""
    file = tmp_path / "scan.json"
    scan(tmp_path, "-o", "none", "--report", f"json={file}")
    return file


def test_one_scan_writes_every_report(tmp_path: Path) -> None:
    wanted = [argument for form in REPORTS for argument in ("--report", f"{form}={tmp_path / 'x'}.{form}")]
    ended = scan(tmp_path, "-o", "none", *wanted)
    result = json.loads((tmp_path / "x.sarif").read_text(encoding="utf-8"))["runs"][0]["results"][0]
    line = result["locations"][0]["physicalLocation"]["region"]["startLine"]

    assert ended == Ended(0, "", "")
    assert {file.name for file in tmp_path.iterdir()} == {
        "estate.json",
        "x.inventory.txt",
        *(f"x.{form}" for form in REPORTS),
    }
    assert (
        (tmp_path / "x.inventory.txt")
        .read_text(encoding="utf-8")
        .splitlines()[line - 1]
        .endswith("/locks/keep")
    )
    assert ET.parse(tmp_path / "x.junit").getroot().get("failures") == "1"
    assert (tmp_path / "x.markdown").read_text(encoding="utf-8").startswith("## Azure VM backups\n")


@pytest.mark.parametrize("form", list(REPORTS))
def test_a_report_of_the_saved_json_is_the_report_of_the_scan(form: str, saved: Path) -> None:
    first, second = saved.with_name("first"), saved.with_name("second")
    scan(saved.parent, "-o", "none", "--report", f"{form}={first}")
    ended = azremedy("report", saved, "-o", "none", "--report", f"{form}={second}")

    assert ended == Ended(0, "", "")
    assert first.read_text(encoding="utf-8").replace("first.inventory", "") == second.read_text(
        encoding="utf-8"
    ).replace("second.inventory", "")


@pytest.mark.parametrize("form", TEXTS)
def test_a_saved_json_is_printed_in_every_format(form: str, saved: Path) -> None:
    made = read(saved.read_bytes(), "x")

    assert azremedy("report", saved, "-o", form) == Ended(0, render(form, of_document(form, made)), "")


def test_markdown_is_what_a_person_gets_unasked(saved: Path) -> None:
    assert azremedy("report", saved).out == azremedy("report", saved, "-o", "markdown").out


def test_a_dash_reads_standard_input(saved: Path) -> None:
    line = command("report", "-", "-o", "csv")
    ended = subprocess.run(
        line, input=saved.read_bytes(), env=environment(), capture_output=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"severity,playbook,")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "Cannot read x.json: No such file or directory."),
        ("{", "x.json is no JSON (line 1): make one with `azremedy scan --output json`."),
        ('{"schemaVersion": 7}', "x.json is of schema version 7; this azremedy reads version 1."),
    ],
)
def test_what_is_no_scan_is_refused_in_one_sentence(content: str | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.json").write_text(content, encoding="utf-8")
    line = command("report", "x.json")
    ended = subprocess.run(
        line, cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8", check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"azremedy: {said}\n")


def test_sarif_names_its_inventory_as_the_working_directory_sees_it(saved: Path) -> None:
    (saved.parent / "out").mkdir()
    for written in ("out/x.sarif", "./out/../out/x.sarif", str(saved.parent / "out" / "x.sarif")):
        line = command("report", "scan.json", "-o", "none", "--report", f"sarif={written}")
        subprocess.run(line, cwd=saved.parent, env=environment(), check=True)
        text = (saved.parent / "out" / "x.sarif").read_text(encoding="utf-8")

        assert '"uri": "out/x.inventory.txt"' in text
        (saved.parent / "out" / "x.inventory.txt").unlink()


@pytest.mark.parametrize(
    ("arguments", "variables", "begins"),
    [
        ([], {}, None),
        ([], {"GITHUB_ACTIONS": "true"}, "::error title="),
        ([], {"TF_BUILD": "True"}, "##vso[task.logissue type=error]"),
        (["--annotate", "never"], {"GITHUB_ACTIONS": "true"}, None),
        ([], {"TF_BUILD": "True", "AZREMEDY_ANNOTATE": "never"}, None),
        (["--annotate", "github"], {}, "::error title="),
        ([], {"AZREMEDY_ANNOTATE": "azure-devops"}, "##vso[task.logissue type=error]"),
        ([], {"GITHUB_ACTIONS": "false", "TF_BUILD": "no"}, None),
    ],
)
def test_annotations_are_for_the_build_server_that_runs_this_or_was_asked_for(
    arguments: list[str], variables: dict[str, str], begins: str | None, tmp_path: Path
) -> None:
    ended = scan(tmp_path, "-o", "none", *arguments, **variables, TMPDIR=str(tmp_path))

    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith(begins) if begins else ended.err == ""


def test_annotations_stand_below_the_table_and_never_in_data(tmp_path: Path) -> None:
    below = scan(tmp_path, GITHUB_ACTIONS="true")
    aside = scan(tmp_path, "-o", "json", GITHUB_ACTIONS="true")

    assert below.err == ""
    assert below.out.splitlines()[-1].startswith("::error title=")
    assert json.loads(aside.out)["summary"]["corroborated"] == 1
    assert aside.err.startswith("::error title=")


def test_github_gets_a_summary_below_what_is_there_and_outputs_for_later_steps(tmp_path: Path) -> None:
    summary, outputs = tmp_path / "summary", tmp_path / "outputs"
    summary.write_text("before\n", encoding="utf-8")
    ended = scan(
        tmp_path, "--fail-on", "info", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(outputs)
    )  # fmt: skip

    assert ended.code == 1
    assert summary.read_text(encoding="utf-8").startswith("before\n## Azure VM backups\n")
    assert outputs.read_text(encoding="utf-8") == "findings=1\nhighest=corroborated\nplan=\nexit-code=1\n"


def test_a_summary_that_is_full_is_left_alone_and_said(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    summary.write_text("x" * (1024 * 1024 - 20), encoding="utf-8")
    ended = scan(tmp_path, "-o", "none", GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))

    assert ended.code == 0
    assert "the summary of this step is full: nothing was added to it" in ended.err
    assert summary.stat().st_size == 1024 * 1024 - 20


def test_azure_gets_a_summary_from_the_agents_folder(tmp_path: Path) -> None:
    ended = scan(tmp_path, "-o", "none", TF_BUILD="True", AGENT_TEMPDIRECTORY=str(tmp_path))
    name = ended.err.splitlines()[-1].removeprefix("##vso[task.uploadsummary]")

    assert Path(name).is_relative_to(tmp_path)
    assert Path(name).read_text(encoding="utf-8").startswith("## Azure VM backups\n")


@pytest.mark.parametrize(
    "variables",
    [
        {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "/nowhere/x"},
        {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": "/nowhere"},
    ],
)
def test_what_cannot_be_told_is_said_and_the_verdict_stands(
    variables: dict[str, str], tmp_path: Path
) -> None:
    ended = scan(tmp_path, "-o", "none", "--fail-on", "info", **variables)

    assert ended.code == 1
    assert "azremedy: cannot tell the build server: No such file or directory: /nowhere" in ended.err


def test_unread_scopes_are_annotated_and_exit_with_3(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    ended = scan(tmp_path, "-o", "none", read=blind, GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(outputs))

    assert ended.code == 3
    assert "::error title=azremedy%3A not everything was read::locks of /subscriptions/" in ended.err
    assert outputs.read_text(encoding="utf-8") == "findings=0\nhighest=none\nplan=\nexit-code=3\n"


@pytest.mark.parametrize(
    "text", [HOSTILE[name] for name in ("workflow commands", "logging commands", "half a character")]
)
def test_every_report_of_a_hostile_scan_is_written(text: str, tmp_path: Path) -> None:
    file = tmp_path / "scan.json"
    file.write_text(json.dumps(hostile(text)), encoding="ascii")
    wanted = [argument for form in REPORTS for argument in ("--report", f"{form}={tmp_path / 'x'}.{form}")]

    assert azremedy("report", file, "-o", "none", *wanted) == Ended(0, "", "")
    assert all((tmp_path / f"x.{form}").stat().st_size for form in REPORTS)
