"""The examples of a watch: each is what its system takes, and the command in it runs as it stands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import azremedy_in, environment, variables

from azremedy.sandbox import Sandbox, embedded

WATCH = Path(__file__).parents[1] / "examples" / "watch"
SERVICE, TIMER = WATCH / "azremedy-watch.service", WATCH / "azremedy-watch.timer"
JOB, GITHUB = WATCH / "container-apps-job.yaml", WATCH / "github-watch.yml"
posix = pytest.mark.skipif(os.name == "nt", reason="written for Linux")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate="demo") as running:
        yield running


@pytest.fixture
def signed_in(sandbox: Sandbox, tmp_path: Path) -> Mapping[str, str]:
    return {**variables(sandbox, tmp_path), "AZREMEDY_SUBSCRIPTION": "demo"}


def parsed(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def setting(file: Path, name: str) -> str:
    """The value of a setting of a unit."""
    [value] = re.findall(rf"^{name}=(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return str(value)


def test_the_service_watches_once_and_goes_on_from_the_last_time(
    signed_in: Mapping[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "lib"
    folder.mkdir()
    program, *arguments = shlex.split(setting(SERVICE, "ExecStart").replace("/var/lib/azremedy", str(folder)))
    first, second = (azremedy_in(tmp_path, *arguments, **signed_in) for _ in range(2))

    assert Path(program).name == "azremedy"
    assert (first.code, second.code) == (0, 0), first.err
    assert "15 new" in first.out
    assert second.out == ""
    assert sorted(one.name for one in folder.iterdir()) == ["azremedy.prom", "last.json", "last.json.lock"]
    assert setting(SERVICE, "StateDirectory") == "azremedy"
    assert setting(SERVICE, "Type") == "oneshot"


@posix
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd to ask")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for file in (SERVICE, TIMER):
        text = file.read_text(encoding="utf-8").replace("/usr/local/bin/azremedy", sys.executable)
        (tmp_path / file.name).write_text(text.replace("User=azremedy", "User=root"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())], capture_output=True, text=True, check=False
    )  # fmt: skip
    calendar = subprocess.run(
        ["systemd-analyze", "calendar", setting(TIMER, "OnCalendar")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line for line in checked.stderr.splitlines() if "azremedy" in line] == []
    assert calendar.returncode == 0, calendar.stderr


def test_the_job_runs_one_at_a_time_and_keeps_what_it_knows_on_its_volume() -> None:
    job = parsed(JOB)["properties"]
    [container], [volume] = job["template"]["containers"], job["template"]["volumes"]
    [mount] = container["volumeMounts"]
    schedule = job["configuration"]["scheduleTriggerConfig"]

    assert job["configuration"]["triggerType"] == "Schedule"
    assert (schedule["parallelism"], schedule["replicaCompletionCount"]) == (1, 1)
    assert re.fullmatch(r"0 \*/6 \* \* \*", schedule["cronExpression"])
    assert mount == {"volumeName": volume["name"], "mountPath": "/state"}
    assert f"{mount['mountPath']}/last.json" in container["args"]
    assert f"uid={uid()}" in volume["mountOptions"].split(",")
    secrets = {one["name"] for one in job["configuration"]["secrets"]}
    assert {one["secretRef"] for one in container["env"] if "secretRef" in one} == secrets


def uid() -> str:
    """The user of the image."""
    [found] = re.findall(r"^USER (\d+)$", (WATCH.parents[1] / "Containerfile").read_text(), re.MULTILINE)
    return str(found)


def test_the_arguments_of_the_job_run_as_they_stand(signed_in: Mapping[str, str], tmp_path: Path) -> None:
    [container] = parsed(JOB)["properties"]["template"]["containers"]
    told = {one["name"]: one["value"] for one in container["env"] if one["name"] == "AZREMEDY_SUBSCRIPTION"}
    arguments = [one.replace("/state", str(tmp_path)) for one in container["args"]]
    first, second = (azremedy_in(tmp_path, *arguments, **{**signed_in, **told}) for _ in range(2))

    assert (first.code, second.code, second.out) == (0, 0, ""), first.err
    assert first.out.startswith('{"id":')


def test_the_workflow_is_what_github_takes_and_its_actions_are_pinned() -> None:
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.github-workflows",
            str(GITHUB),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    used = re.findall(r"uses: (.*)", GITHUB.read_text(encoding="utf-8"))
    made = parsed(GITHUB)

    assert checked.returncode == 0, checked.stdout
    assert len(used) > 3
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", one) for one in used)
    assert made["permissions"] == {"contents": "read", "id-token": "write"}
    assert made["concurrency"]["cancel-in-progress"] is False


def test_what_the_last_scan_found_is_kept_also_where_the_workflow_fails() -> None:
    steps = parsed(GITHUB)["jobs"]["watch"]["steps"]
    restored, saved = (
        next(one for one in steps if f"cache/{word}@" in one.get("uses", "")) for word in ("restore", "save")
    )

    assert saved["if"] == "always()"
    assert restored["with"]["path"] == saved["with"]["path"] == "azremedy-last.json"
    assert saved["with"]["key"].startswith(restored["with"]["restore-keys"])
    assert {"github.run_id", "github.run_attempt"} <= set(re.findall(r"[\w.]+", saved["with"]["key"]))


@posix
def test_the_step_of_the_workflow_runs_as_it_stands_and_fails_for_what_is_new(
    signed_in: Mapping[str, str], tmp_path: Path
) -> None:
    [step] = [one for one in parsed(GITHUB)["jobs"]["watch"]["steps"] if one.get("name") == "Watch"]
    program = tmp_path / "bin" / "azremedy"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m azremedy "$@"\n')
    program.chmod(0o755)
    variables_ = {
        **signed_in, "CI": "true", "GITHUB_ACTIONS": "true", "AZREMEDY_WEBHOOK": "",
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    first, second = (
        subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=tmp_path, env=environment(**variables_), capture_output=True, text=True, check=False, timeout=60,
        )
        for _ in range(2)
    )  # fmt: skip

    assert (first.returncode, second.returncode) == (1, 0), first.stderr
    assert "15 new" in first.stdout
    assert (tmp_path / "azremedy-last.json").is_file()
