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
from commands import environment

from azremedy.cli.ignorefile import read as suppressions
from azremedy.playbook import load
from azremedy.sandbox import Sandbox, embedded

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
GITHUB, DEVOPS, ACTION = (
    EXAMPLES / "github-gate.yml",
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


def test_actions_are_pinned_by_hash_and_say_their_version() -> None:
    used = re.findall(r"uses: (.*)", GITHUB.read_text(encoding="utf-8"))

    assert len(used) > 3
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", one) for one in used)


def test_pipelines_ask_for_no_more_than_they_need() -> None:
    made = parsed(GITHUB)

    assert made["permissions"] == {"contents": "read", "id-token": "write", "security-events": "write"}
    assert made["concurrency"]["group"].startswith("azremedy-")
    assert not re.search("secrets?\\.", GITHUB.read_text(encoding="utf-8"))


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


def ran(
    script: str, sandbox: Sandbox, name: str, variables: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a step's shell as its system does, on a sandbox in the place of Azure."""
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
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
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
