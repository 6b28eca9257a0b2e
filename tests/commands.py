"""Running the command as users do: a process of its own, with an environment that says nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from azremedy import saved
from azremedy.estate import Estate

SILENT = (
    "AGENT_",
    "AZREMEDY_",
    "AZURE_",
    "CI",
    "COLUMNS",
    "FORCE_COLOR",
    "GITHUB_",
    "NO_COLOR",
    "PYTHONIOENCODING",
    "TERM",
    "TF_BUILD",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without what azremedy obeys, and with these variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SILENT)}
    return {**kept, **variables}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "azremedy", *map(str, arguments)]


def azremedy(*arguments: str | Path, **variables: str) -> Ended:
    """Run a command to its end."""
    ended = subprocess.run(
        command(*arguments),
        env=environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def keep(estate: Estate, folder: Path, name: str = "estate.json") -> Path:
    """Save an estate as `--save-estate` does."""
    file = folder / name
    file.write_bytes(saved.dump(estate))
    return file
