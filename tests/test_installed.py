"""The examples where people run them: with what the wheel installs, and nothing of the source tree in reach."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment, locks
from test_examples import BUILDS, ON_GITHUB, of_fix, place, posix, ran
from test_package import built

from azremedy.sandbox import Sandbox, embedded

__all__ = ["built", "place"]

pytestmark = [pytest.mark.slow, posix]
OFFLINE = re.compile(
    r"Temporary failure in name resolution|Network is unreachable|Connection refused|ProxyError"
)


@pytest.fixture(scope="module")
def programs(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh virtual environment that holds the wheel, its dependencies and no more."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    wheel = next(built.glob("*.whl"))
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", f"{wheel}[sandbox]"]
    made = subprocess.run(
        install, env=environment(), capture_output=True, encoding="utf-8", check=False, cwd=folder
    )
    if made.returncode and OFFLINE.search(made.stderr):
        pytest.skip("no package index is in reach, from which the dependencies are installed")
    assert made.returncode == 0, made.stderr[-2000:]
    return folder / "bin"


def test_what_runs_is_what_the_wheel_installed(programs: Path, tmp_path: Path) -> None:
    code = "import azremedy, azremedy.playbooks, sys; print(azremedy.__file__, azremedy.playbooks.__file__, *sys.path)"
    ran_there = subprocess.run(
        [programs / "python", "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    root = str(Path(__file__).parents[1])

    assert ran_there.stdout.count(f"{programs.parent}{os.sep}lib") >= 2
    assert all(not one.startswith(root) or str(programs.parent) in one for one in ran_there.stdout.split())


def test_the_sandbox_comes_with_its_extra(programs: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [programs / "azremedy", "scan", "--cloud", "sandbox", "-s", "demo", "-o", "tsv"],
        cwd=tmp_path,
        env=environment(XDG_STATE_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert ended.returncode == 0, ended.stderr
    assert "restore-point-lock" in ended.stdout


@pytest.mark.parametrize("build", list(BUILDS))
def test_the_step_of_a_gate_runs_as_it_stands(
    programs: Path, place: tuple[str, Sandbox], build: str, tmp_path: Path
) -> None:
    name, sandbox = place
    script, variables, annotation = BUILDS[build]
    ended = ran(script(), sandbox, name, variables, tmp_path, programs=programs)
    said = ended.stdout + ended.stderr

    assert ended.returncode == {"demo": 1, "healthy": 0, "no-rights-on-a-vault": 3}[name], said
    assert bool(re.search(annotation, said, re.MULTILINE)) is (name != "healthy")


def test_the_steps_of_a_fix_run_as_they_stand(programs: Path, tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate="demo", speed=60) as sandbox:
        before = locks(sandbox)
        planned = ran(of_fix("plan", "Plan"), sandbox, "demo", ON_GITHUB, tmp_path, programs=programs)
        applied = ran(of_fix("apply", "Apply"), sandbox, "demo", ON_GITHUB, tmp_path, programs=programs)
        resumed = ran(of_fix("apply", "Resume"), sandbox, "demo", ON_GITHUB, tmp_path, programs=programs)
        after = locks(sandbox)

    assert [one.returncode for one in (planned, applied, resumed)] == [0, 0, 0], applied.stderr
    assert before == after
