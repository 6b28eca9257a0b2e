"""What is built holds what is in the tree, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MADE_BY_THE_BUILD = {"PKG-INFO", "setup.cfg"}


def tracked() -> list[str]:
    """Every file of the tree that belongs to the project: what git tracks or would track."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a git checkout tells which files belong to the project")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of a clean copy."""
    copy = tmp_path_factory.mktemp("copy")
    for name in tracked():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--sdist",
        "--outdir",
        str(copy / "out"),
        str(copy),
    ]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    return copy / "out"


def test_the_wheel_holds_the_packages_and_only_them(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = {name for name in tracked() if name.startswith("azremedy/")}
    wanted |= {f"azremedy/{name}" for name in tracked() if name.startswith("playbooks/")}

    assert held == wanted


def test_the_sdist_holds_the_tree_and_only_it(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames() if sdist.getmember(name).isfile()}
    held = {name for name in held if name not in MADE_BY_THE_BUILD and ".egg-info/" not in name}

    assert held == set(tracked())


def test_the_installed_wheel_runs_away_from_the_tree(built: Path, tmp_path: Path) -> None:
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        str(tmp_path),
    ]
    subprocess.run([*install, str(next(built.glob("*.whl")))], check=True)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    code = "import azremedy, azremedy.playbook as p; print(azremedy.__file__); print(*p.load())"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )

    assert str(tmp_path) in ran.stdout
    assert "restore-point-lock" in ran.stdout


def test_a_tree_without_its_playbooks_says_so_in_one_sentence(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "azremedy", tmp_path / "azremedy")
    code = "import azremedy.playbook as p; p.load()"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {code}"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert "PackagingError" in ran.stderr
    assert "pip install -e ." in ran.stderr
