"""README and examples say what is so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import Desk

from azremedy.playbook import load
from azremedy.sandbox import embedded

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run(*command: str, state: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of this interpreter with a state folder of its own and no settings of whoever runs the tests."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AZREMEDY_", "AZURE_", "REQUESTS_CA", "GITHUB_", "TF_BUILD"))
    }
    environ = {
        **kept,
        "XDG_STATE_HOME": str(state),
        "LOCALAPPDATA": str(state),
        "HOME": str(state),
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "TZ": "UTC",
        "PYTHONUTF8": "1",
    }
    return subprocess.run(
        [sys.executable, "-P", *command], cwd=state, env=environ, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> str:
    ran = run(
        "-m",
        "azremedy",
        "scan",
        "--cloud",
        "sandbox",
        "--subscription",
        "demo",
        state=tmp_path_factory.mktemp("state"),
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def settled(text: str) -> str:
    """What a command prints, without moments, seconds, ids of runs and blanks at the ends of lines."""
    text = re.sub(r"as of [\d-]+ [\d:]+ UTC", "as of …", text)
    text = re.sub(r"in [\d.]+ s$", "in … s", text, flags=re.MULTILINE)
    text = re.sub(r"\b20\d\d-\d\d-\d\d( \d\d:\d\d UTC)?", "…", text)
    text = re.sub(r"^Run [\d-]+-[0-9a-f]{6}$", "Run …", text, flags=re.MULTILINE)
    text = re.sub(r"lifted for \d+ s", "lifted for … s", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def test_the_readme_shows_the_real_output_of_its_first_command(demo: str) -> None:
    shown = re.search(r"<!-- demo -->\n```text\n(.*?)```", README, re.DOTALL)

    assert shown is not None
    assert settled(shown[1]) == settled(demo)


def test_the_readme_shows_a_real_dry_run(tmp_path: Path) -> None:
    shown = re.search(r"<!-- dry run: azremedy (.*?) -->\n```text\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    ran = run("-m", "azremedy", *shown[1].split(), state=tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert settled(shown[2]) == settled(ran.stdout)


def test_the_readme_shows_the_end_of_a_real_run(tmp_path: Path) -> None:
    shown = re.search(r"<!-- apply: azremedy (.*?) -->\n```text\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    with embedded(tmp_path / "sandbox", estate="demo", speed=600) as sandbox:
        ran = Desk(sandbox, tmp_path)(*shown[1].split(), COLUMNS="120", NO_COLOR="1", TZ="UTC")

    assert ran.code == 0, ran.err
    assert settled(shown[2]) == settled(ran.out[ran.out.index("\nRun ") :])


def test_the_readme_lists_every_playbook_as_its_card_says() -> None:
    listed = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| (.*?) \|$", README, re.MULTILINE)

    assert listed == [(one.id, one.title, ", ".join(one.causes)) for one in load().values()]


def test_the_python_of_the_readme_is_the_example(tmp_path: Path) -> None:
    shown = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    example = (ROOT / "examples" / "scan.py").read_text(encoding="utf-8")
    ran = run(str(ROOT / "examples" / "scan.py"), state=tmp_path)

    assert shown is not None
    assert shown[1].strip() in example
    assert "corroborated sql1 restore-point-lock" in ran.stdout
    assert ran.stderr == ""


def test_every_link_of_the_documents_leads_to_a_file() -> None:
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
    ):
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_source_tag_that_code_names_is_explained() -> None:
    explained = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    for one in load().values():
        named = one.about.rpartition("Sources:")[2].partition(";")[0]
        for tag in re.findall(r"\b(?:[A-Z]{2,}[0-9]{2}(?:es|[ab])?|SEED|PE|RG|IP|DOA|EXT|WAL|SDK)\b", named):
            assert re.search(rf"\b{tag}\b", explained), f"{one.id} names {tag}"
