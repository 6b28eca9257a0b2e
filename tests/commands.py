"""Running the command as users do: a process of its own, with an environment that says nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azremedy import saved
from azremedy.estate import Estate
from azremedy.sandbox import Sandbox

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
    return {**kept, "XDG_CONFIG_HOME": os.devnull, **variables}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-P", "-m", "azremedy", *map(str, arguments)]


def azremedy(*arguments: str | Path, **variables: str) -> Ended:
    """Run a command to its end."""
    return azremedy_in(Path.cwd(), *arguments, **variables)


def azremedy_in(folder: Path, *arguments: str | Path, **variables: str) -> Ended:
    """Run a command to its end in a folder."""
    ended = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def variables(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """What the environment says of a sandbox, and of a state folder of one's own."""
    return {
        "AZREMEDY_CLOUD": sandbox.url,
        "AZURE_TENANT_ID": sandbox.tenant,
        "AZURE_CLIENT_ID": sandbox.client_id,
        "AZURE_CLIENT_SECRET": sandbox.client_secret,
        "REQUESTS_CA_BUNDLE": str(sandbox.ca),
        "XDG_STATE_HOME": str(folder / "state"),
        "LOCALAPPDATA": str(folder / "state"),
        "HOME": str(folder),
    }


@dataclass(frozen=True)
class Desk:
    """The command at work on a sandbox, with a state folder of its own."""

    sandbox: Sandbox
    folder: Path

    def __call__(self, *arguments: str | Path, **more: str) -> Ended:
        return azremedy(*arguments, **{**variables(self.sandbox, self.folder), **more})


def document(ended: Ended) -> Mapping[str, Any]:
    """Return the JSON that a command wrote."""
    found: Mapping[str, Any] = json.loads(ended.out)
    return found


def locks(sandbox: Sandbox) -> dict[str, Any]:
    held = sandbox.snapshot()
    return {key: body.get("properties") for key, body in held.items() if "/locks/" in key}


def written(sandbox: Sandbox) -> list[str]:
    """The writes that reached ARM."""
    return [
        f"{one.method} {one.path.partition('?')[0]}"
        for one in sandbox.requests
        if one.method != "GET" and "/oauth2/" not in one.path and "listNetworkManager" not in one.path
    ]


def keep(estate: Estate, folder: Path, name: str = "estate.json") -> Path:
    """Save an estate as `--save-estate` does."""
    file = folder / name
    file.write_bytes(saved.dump(estate))
    return file
