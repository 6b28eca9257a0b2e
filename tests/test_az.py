"""An unmodified `az` signs in to the sandbox, lists, locks, and backs up: it imitates Azure, not our client."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from azremedy.sandbox import Sandbox, embedded

AZ = shutil.which("az")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(AZ is None, reason="there is no az on this machine"),
]


class Cli:
    """`az` with a profile of its own, signed in to a sandbox."""

    def __init__(self, sandbox: Sandbox, profile: Path) -> None:
        self.environ = {
            **os.environ,
            "AZURE_CONFIG_DIR": str(profile),
            "AZURE_CORE_COLLECT_TELEMETRY": "false",
            "AZURE_CORE_INSTANCE_DISCOVERY": "false",
            "REQUESTS_CA_BUNDLE": str(sandbox.ca),
        }
        self("cloud", "register", "--name", "Sandbox", "--endpoint-resource-manager", sandbox.url)
        self("cloud", "set", "--name", "Sandbox")
        who = (
            "--username",
            sandbox.client_id,
            "--password",
            sandbox.client_secret,
            "--tenant",
            sandbox.tenant,
        )
        self("login", "--service-principal", *who)

    def __call__(self, *arguments: str) -> Any:
        """Run a command and return its JSON, None where it prints nothing."""
        ran = subprocess.run(
            [str(AZ), *arguments, "--output", "json"],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout) if ran.stdout.strip() else None


@pytest.fixture(scope="module")
def az(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    with embedded(tmp_path_factory.mktemp("sandbox"), speed=60) as sandbox:
        yield Cli(sandbox, tmp_path_factory.mktemp("az"))


def test_lists_what_is_there(az: Cli) -> None:
    assert {"sql1", "dc1"} <= {vm["name"] for vm in az("vm", "list")}
    assert {lock["name"] for lock in az("lock", "list")} == {"keep-everything", "production"}
    items = az("backup", "item", "list", "--vault-name", "vault-shop", "--resource-group", "backup")
    assert "sql1" in {item["properties"]["friendlyName"] for item in items}


def test_creates_and_deletes_a_lock(az: Cli) -> None:
    named = ("--name", "by-az", "--resource-group", "shop")
    made = az("lock", "create", *named, "--lock-type", "CanNotDelete", "--notes", "a note")

    assert (made["level"], made["notes"]) == ("CanNotDelete", "a note")
    az("lock", "delete", *named)
    assert "by-az" not in {lock["name"] for lock in az("lock", "list")}


def test_backs_a_vm_up_now(az: Cli) -> None:
    of = ("--vault-name", "vault-shop", "--resource-group", "backup")
    names = ("--container-name", "hana1", "--item-name", "hana1")
    job = az(
        "backup", "protection", "backup-now", *of, *names, "--backup-management-type", "AzureIaasVM",
        "--workload-type", "VM", "--retain-until", "01-01-2030",
    )  # fmt: skip

    assert job["properties"]["operation"] == "Backup"
    assert job["name"] in {one["name"] for one in az("backup", "job", "list", *of)}
