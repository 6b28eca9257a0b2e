"""collect.keys: the key vaults of encrypted VMs, read for those few that need it, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_planted import scanned

from azremedy.arm import ArmId
from azremedy.collect.decode import MalformedError, disk
from azremedy.collect.keys import key_vault, role_assignment
from azremedy.resources import Read
from azremedy.scan import Scan

HOME = "/subscriptions/5a6db0c5-0000-4000-8000-000000000001/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/kv"
CODE = "UserErrorKeyvaultPermissionsNotConfigured"


def estate(failed: str | None, *, roles: bool = True, **sections: Any) -> dict[str, Any]:
    """Describe a VM that is encrypted in the guest, with a key vault that a thousand services may use."""
    grants = [{"to": f"service-{number}"} for number in range(3)]
    backup: dict[str, Any] = {"vault": "vault1", "policy": "daily", "completed": 32}
    if failed:
        backup["failed"] = {"code": failed, "hours_ago": 8}
    return {
        "vaults": [{"name": "vault1", "policies": [{"name": "daily"}]}],
        "vnets": [{"name": "net1", "subnets": [{"name": "a"}]}],
        "key_vaults": [{"name": "kv", "roles": roles, "grants": grants}],
        "vms": [{"name": "pay1", "group": "shop", "key_vault": "kv", "backup": backup}],
        **sections,
    }


def asked(scan: Scan) -> tuple[int, int]:
    return scan.calls.get(Read.KEY_VAULTS, 0), scan.calls.get(Read.ROLE_ASSIGNMENTS, 0)


@pytest.mark.parametrize(
    ("described", "deep", "calls"),
    [
        pytest.param(estate(CODE), False, (1, 1), id="a backup failed for want of rights"),
        pytest.param(estate(CODE, roles=False), False, (1, 0), id="the key vault goes by access policies"),
        pytest.param(estate("UserErrorGuestAgentStatusUnavailable"), False, (0, 0), id="it failed otherwise"),
        pytest.param(estate(None), False, (0, 0), id="nothing failed"),
        pytest.param(estate(None), True, (1, 1), id="everything is looked at"),
    ],
)
def test_asks_where_it_matters(described: Any, deep: bool, calls: tuple[int, int], tmp_path: Path) -> None:
    assert asked(scanned(described, tmp_path, deep=deep)) == calls


@pytest.mark.parametrize(
    ("match", "read"),
    [("vaults/kv$", Read.KEY_VAULTS), ("roleAssignments", Read.ROLE_ASSIGNMENTS)],
)
def test_what_has_no_answer_leaves_the_vm_without_a_verdict(match: str, read: Read, tmp_path: Path) -> None:
    refused = {"match": match, "status": 403, "code": "AuthorizationFailed", "times": None}
    scan = scanned(estate(CODE, faults=[refused]), tmp_path)

    assert [gap.read for gap in scan.unread] == [read]
    assert "key-vault-access" in {gap.playbook for gap in scan.not_evaluated}
    assert "key-vault-access" not in {one.playbook.id for one in scan.diagnoses}


def test_reads_what_a_disk_says_of_its_keys() -> None:
    source = {"sourceVault": {"id": HOME}}
    settings = [{"diskEncryptionKey": source}, {"diskEncryptionKey": source, "keyEncryptionKey": source}]
    body = {
        "id": "/disks/d",
        "properties": {"encryptionSettingsCollection": {"enabled": True, "encryptionSettings": settings}},
    }
    told = disk(body)
    body["properties"]["encryptionSettingsCollection"]["enabled"] = False  # type: ignore[index]

    assert (told.secrets, told.keys) == ((ArmId(HOME),), (ArmId(HOME),))
    assert (disk(body).secrets, disk(body).keys) == ((), ())


@pytest.mark.parametrize(
    ("properties", "closed"),
    [
        ({}, False),
        ({"networkAcls": {"defaultAction": "Allow"}}, False),
        ({"networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices"}}, True),
        ({"publicNetworkAccess": "Disabled"}, True),
    ],
)
def test_sees_that_a_key_vault_answers_some_networks_only(properties: Any, closed: bool) -> None:
    body = {"id": HOME, "properties": {"accessPolicies": [], **properties}}

    assert key_vault(body).firewalled is closed


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"id": HOME, "properties": {}}, id="no list of policies"),
        pytest.param(
            {"id": HOME, "properties": {"accessPolicies": [{"permissions": {}}]}}, id="nobody's policy"
        ),
    ],
)
def test_does_not_take_silence_for_an_empty_list(body: Any) -> None:
    with pytest.raises(MalformedError):
        key_vault(body)


def test_a_role_assignment_of_nobody_is_none() -> None:
    with pytest.raises(MalformedError):
        role_assignment({"id": HOME, "properties": {"roleDefinitionId": "/x/y"}})
