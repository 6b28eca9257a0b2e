"""What is ready to be copied: each file is what its system takes, and the shell in it runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import environment, locks

from azremedy.cli.ignorefile import read as suppressions
from azremedy.playbook import load
from azremedy.sandbox import Sandbox, embedded

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
GITHUB, FIX, DEVOPS, ACTION = (
    EXAMPLES / "github-gate.yml",
    EXAMPLES / "github-fix.yml",
    EXAMPLES / "azure-pipelines-gate.yml",
    ROOT / "action.yml",
)
posix = pytest.mark.skipif(os.name == "nt", reason="the steps are written for bash on Linux runners")


def parsed(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        (GITHUB, ["--builtin-schema", "vendor.github-workflows"]),
        (FIX, ["--builtin-schema", "vendor.github-workflows"]),
        (ACTION, ["--builtin-schema", "vendor.github-actions"]),
        (
            DEVOPS,
            ["--builtin-schema", "vendor.azure-pipelines", "--data-transform", "azure-pipelines", "--regex-variant", "nonunicode"],
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)  # fmt: skip
def test_is_what_its_system_takes(file: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", *arguments, str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("file", [GITHUB, FIX], ids=lambda file: file.name)
def test_actions_are_pinned_by_hash_and_say_their_version(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))

    assert len(used) > 3
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", one) for one in used)


def test_pipelines_ask_for_no_more_than_they_need() -> None:
    made = parsed(GITHUB)

    assert made["permissions"] == {"contents": "read", "id-token": "write", "security-events": "write"}
    assert made["concurrency"]["group"].startswith("azremedy-")
    assert not re.search("secrets?\\.", GITHUB.read_text(encoding="utf-8"))


def test_the_fix_asks_for_no_more_than_it_needs_and_waits_for_reviewers() -> None:
    made = parsed(FIX)

    assert made["permissions"] == {"contents": "read", "id-token": "write"}
    assert made["concurrency"] == parsed(GITHUB)["concurrency"]
    assert made["jobs"]["apply"]["environment"]
    assert list(made[True]) == ["workflow_dispatch"]
    assert not re.search("secrets?\\.", FIX.read_text(encoding="utf-8"))
    assert all(
        "${{" not in one["run"] for job in made["jobs"].values() for one in job["steps"] if "run" in one
    )


def test_the_journal_of_a_fix_is_kept_whatever_happens() -> None:
    steps = {one.get("name"): one for one in parsed(FIX)["jobs"]["apply"]["steps"]}

    assert list(steps)[-3:] == ["Apply", "Resume", "Keep the journal"]
    assert steps["Keep the journal"]["if"] == "always()"
    assert steps["Keep the journal"]["with"]["path"] == "azremedy-run.jsonl"
    assert steps["Resume"]["if"].startswith("always() && steps.apply.outcome != 'success'")
    assert all("--journal azremedy-run.jsonl" in steps[name]["run"] for name in ("Apply", "Resume"))


def test_nothing_that_a_caller_gives_is_written_into_the_shell_of_the_action() -> None:
    for step in parsed(ACTION)["runs"]["steps"]:
        assert "${{" not in step["run"]


def test_the_action_says_what_its_output_is_where_nothing_is_found() -> None:
    assert "none where nothing was found" in parsed(ACTION)["outputs"]["highest"]["description"]


def test_the_example_of_suppressions_is_one() -> None:
    made = suppressions(EXAMPLES / "azremedy-ignore.yaml", load(), date(2026, 11, 25))

    assert [one.playbook for one in made] == ["restore-point-lock", "unprotected-vm"]


def gate_of_github() -> str:
    [script] = [one["run"] for one in parsed(GITHUB)["jobs"]["gate"]["steps"] if one.get("name") == "Gate"]
    return str(script)


def gate_of_devops() -> str:
    steps = parsed(DEVOPS)["jobs"][0]["steps"]
    [script] = [one["inputs"]["inlineScript"] for one in steps if one.get("displayName") == "Gate"]
    return str(script)


def gate_of_action() -> str:
    [step] = [one for one in parsed(ACTION)["runs"]["steps"] if one.get("id") == "gate"]
    return str(step["run"])


def of_fix(job: str, name: str) -> str:
    [script] = [one["run"] for one in parsed(FIX)["jobs"][job]["steps"] if one.get("name") == name]
    return str(script)


BUILDS = {
    "github": (gate_of_github, {"GITHUB_ACTIONS": "true", "CI": "true"}, r"^::error title="),
    "azure-devops": (gate_of_devops, {"TF_BUILD": "True"}, r"^##vso\[task\.logissue type=error"),
    "action": (
        gate_of_action,
        {"GITHUB_ACTIONS": "true", "CI": "true", "BEFORE_BACKUP": "", "CHANGE": "", "SARIF": "a b.sarif", "HTML": "x.html"},
        r"^::error title=",
    ),
}  # fmt: skip


def due_soon(sandbox: Sandbox) -> None:
    """Have every policy start its backups in an hour, whatever the hour is."""
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("2026-01-01T%H:%M:00Z")
    for key in [one for one in sandbox.snapshot() if "/backuppolicies/" in one]:
        sandbox.change(
            key, "properties.schedulePolicy", {"scheduleRunFrequency": "Daily", "scheduleRunTimes": [soon]}
        )


@pytest.fixture(scope="module", params=["demo", "healthy", "no-rights-on-a-vault"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Sandbox]]:
    file = EXAMPLES / "estates" / f"{request.param}.yaml"
    estate = request.param if request.param == "demo" else file
    with embedded(tmp_path_factory.mktemp("sandbox"), estate=estate) as running:
        due_soon(running)
        yield request.param, running


@posix
@pytest.mark.parametrize("build", list(BUILDS))
def test_the_step_runs_as_it_stands(place: tuple[str, Sandbox], build: str, tmp_path: Path) -> None:
    name, sandbox = place
    script, variables, annotation = BUILDS[build]
    ended = ran(script(), sandbox, name, variables, tmp_path)
    said = ended.stdout + ended.stderr

    assert ended.returncode == {"demo": 1, "healthy": 0, "no-rights-on-a-vault": 3}[name], said
    assert bool(re.search(annotation, said, re.MULTILINE)) is (name != "healthy")
    assert "azremedy: the gate is " + ("open" if name == "healthy" else "closed") in ended.stderr
    made = {one.name for one in tmp_path.iterdir()}
    assert {"github": "azremedy.sarif", "azure-devops": "TEST-azremedy.xml", "action": "a b.sarif"}[
        build
    ] in made
    if build != "azure-devops":
        assert f"exit-code={ended.returncode}" in (tmp_path / "output").read_text(encoding="utf-8")
        highest = {"demo": "blocking", "healthy": "none"}.get(name)
        assert highest is None or f"highest={highest}\n" in (tmp_path / "output").read_text(encoding="utf-8")
        assert "## Azure VM backups" in (tmp_path / "summary").read_text(encoding="utf-8")


ON_GITHUB = {"GITHUB_ACTIONS": "true", "CI": "true", "AZREMEDY_VM": "sql1"}


@posix
def test_the_steps_of_the_fix_carry_out_the_plan_that_was_approved(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate="demo", speed=60) as sandbox:
        before = locks(sandbox)
        planned = ran(of_fix("plan", "Plan"), sandbox, "demo", ON_GITHUB, tmp_path)
        sent = [one.method for one in sandbox.requests if one.method in ("PUT", "PATCH", "DELETE")]
        applied = ran(of_fix("apply", "Apply"), sandbox, "demo", ON_GITHUB, tmp_path)
        resumed = ran(of_fix("apply", "Resume"), sandbox, "demo", ON_GITHUB, tmp_path)
        after = locks(sandbox)

    assert (planned.returncode, sent) == (0, []), planned.stderr
    assert (tmp_path / "plan.html").is_file()
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "sql1: restore-point-lock" in applied.stdout
    assert before == after
    assert (resumed.returncode, "came to its end" in resumed.stderr) == (0, True)


@posix
def test_the_step_after_a_fix_that_was_killed_puts_its_lock_back(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate="demo", speed=60) as sandbox:
        before = locks(sandbox)
        ran(of_fix("plan", "Plan"), sandbox, "demo", ON_GITHUB, tmp_path)
        script = of_fix("apply", "Apply").replace("azremedy fix", "exec azremedy fix", 1)
        killed = ran(WHILE_OPEN.format(script=script), sandbox, "demo", ON_GITHUB, tmp_path)
        during = locks(sandbox)
        resumed = ran(of_fix("apply", "Resume"), sandbox, "demo", ON_GITHUB, tmp_path)
        after = locks(sandbox)

    assert killed.returncode == 137, killed.stderr
    assert len(during) == len(before) - 1
    assert resumed.returncode in (0, 5), resumed.stderr
    assert after == before


WHILE_OPEN = """
( {script} ) &
until grep -q '"event":"confirmed"' azremedy-run.jsonl 2>/dev/null || ! kill -0 $!; do sleep 0.05; done
kill -9 $!
wait $!
"""
"""Kill a step as soon as its first write, which lifts a lock, was seen."""


def ran(
    script: str,
    sandbox: Sandbox,
    name: str,
    variables: Mapping[str, str],
    folder: Path,
    *,
    programs: Path = Path(sys.executable).parent,
) -> subprocess.CompletedProcess[str]:
    """Run a step's shell as its system does, on a sandbox in the place of Azure; `programs` has the command."""
    blind = name == "no-rights-on-a-vault"
    signed_in = {
        "AZREMEDY_CLOUD": sandbox.url,
        "AZREMEDY_SUBSCRIPTION": sandbox.subscription,
        "AZURE_TENANT_ID": sandbox.tenant,
        "AZURE_CLIENT_ID": "5a6db0c5-0000-4000-8000-c11e47000003" if blind else sandbox.client_id,
        "AZURE_CLIENT_SECRET": "sandbox-auditor" if blind else sandbox.client_secret,
        "REQUESTS_CA_BUNDLE": str(sandbox.ca),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "AGENT_TEMPDIRECTORY": str(folder),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=environment(**signed_in, **variables),
        capture_output=True,
        encoding="utf-8",
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=100,
    )


def test_what_moved_after_the_dry_run_is_refused(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate=EXAMPLES / "estates" / "drift.yaml") as sandbox:
        ended = ran(
            "azremedy fix --subscription drift --apply --allow guarded --yes --journal run.jsonl",
            sandbox, "drift", {}, tmp_path,
        )  # fmt: skip
        writes = [one.path for one in sandbox.requests if one.method in ("PUT", "PATCH", "DELETE")]

    assert (ended.returncode, writes) == (5, [])
    assert "properties.access is 'Allow', expected" in ended.stdout.replace("\n", " ")
