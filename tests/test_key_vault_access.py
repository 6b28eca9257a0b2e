"""key-vault-access: Azure Backup may not read the keys of an encrypted VM."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from building import (
    arm_id,
    disk,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    key_vault,
    left,
    undecided,
    vm,
    vm_id,
)

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.playbook import Severity
from azremedy.resources import AccessPolicy, KeyVault, Read, RoleAssignment, Unread

ID = "key-vault-access"
CODE = "UserErrorKeyvaultPermissionsNotConfigured"
KEYS = key_vault().id
COPY = ("get", "list", "backup")
ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CUSTOM = "5a6db0c5-0000-4000-8000-00000000c057"


def encrypted(*more: Any, wrapped: bool = True, protected: Any = None) -> Estate:
    """An estate in which sql1's OS disk is encrypted in the guest with secrets of keys1."""
    os = disk("sql1-os", 127, encrypted_in_guest=True, secrets=(KEYS,), keys=(KEYS,) if wrapped else ())
    return estate(vm(), os, protected or item(), *more)


def policy(secrets: tuple[str, ...] = (), keys: tuple[str, ...] = (), principal: str = "p1") -> AccessPolicy:
    return AccessPolicy(principal, keys, secrets)


def by_roles(*held: tuple[str, str]) -> KeyVault:
    """A key vault at which somebody of this kind has this role."""
    place = f"{KEYS}/providers/Microsoft.Authorization/roleAssignments"
    return key_vault(
        rbac=True,
        assignments=tuple(
            RoleAssignment(ArmId(f"{place}/{number}"), f"p{number}", role, kind)
            for number, (kind, role) in enumerate(held)
        ),
    )


FAILED = failed_item(), failed_job(CODE)


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param(key_vault(), id="nobody has any rights"),
        pytest.param(key_vault(policy(("get", "list"), ("get", "list"))), id="nobody may copy"),
        pytest.param(key_vault(policy(COPY)), id="secrets may be copied, and not the keys that wrap them"),
        pytest.param(key_vault(policy((), COPY)), id="keys may be copied, and no secret be used"),
        pytest.param(
            key_vault(policy(COPY), policy((), COPY, "p2")), id="one may copy secrets, another one keys"
        ),
        pytest.param(by_roles(), id="by roles, and nobody has one"),
        pytest.param(by_roles(("User", ADMINISTRATOR)), id="by roles, and people have them"),
        pytest.param(
            by_roles(("ServicePrincipal", READER)), id="by roles, and services may look at the vault only"
        ),
        pytest.param(
            replace(by_roles(), policies=(policy(COPY, COPY),)), id="by roles, and its policies say nothing"
        ),
    ],
)
def test_is_certain_where_nobody_has_the_rights(closed: KeyVault) -> None:
    [finding] = found(ID, encrypted(closed))
    [borne_out] = found(ID, encrypted(closed, FAILED[1], protected=FAILED[0]))

    assert (finding.vm, finding.resource) == (vm_id(), KEYS)
    assert (finding.severity, borne_out.severity) == (Severity.SUSPECTED, Severity.CORROBORATED)
    assert finding.evidence.principals == 0
    assert "grants nobody" in finding.message
    assert borne_out.failure is not None


def test_without_a_wrapping_key_the_secrets_have_to_be_copied() -> None:
    assert len(found(ID, encrypted(key_vault(policy(("get", "list"))), wrapped=False))) == 1
    assert found(ID, encrypted(key_vault(policy(COPY)), wrapped=False)) == []


@pytest.mark.parametrize("code", [CODE, "UserErrorKeyvaultPermissionNotConfigured"])
def test_believes_a_failed_backup_that_others_have_the_rights(code: str) -> None:
    [finding] = found(ID, encrypted(key_vault(policy(COPY, COPY)), failed_job(code), protected=FAILED[0]))

    assert finding.severity is Severity.CORROBORATED
    assert finding.evidence.principals == 1
    assert "others only" in finding.message


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is there"),
        pytest.param(estate(vm(), disk("sql1-os", 127), item(), key_vault()), id="encrypted at rest"),
        pytest.param(
            estate(
                vm(), disk("sql1-os", 127, encryption="EncryptionAtRestWithCustomerKey", encryption_set=arm_id("x/y", "z")),
                item(), key_vault(),
            ),
            id="encrypted at rest with a key of one's own",
        ),
        pytest.param(encrypted(key_vault(policy(COPY, COPY))), id="somebody may copy, and a backup completed"),
        pytest.param(encrypted(key_vault(policy(("Get", "List"), ("GET", "LIST", "BACKUP")))), id="in any case"),
        pytest.param(encrypted(key_vault(policy(("all",), ("all",)))), id="somebody may do everything"),
        pytest.param(encrypted(by_roles(("ServicePrincipal", ADMINISTRATOR))), id="by roles, a service has one"),
        pytest.param(encrypted(by_roles(("Group", ADMINISTRATOR))), id="by roles, a group has one"),
        pytest.param(encrypted(by_roles(("ServicePrincipal", CUSTOM))), id="by roles, a role of one's own"),
        pytest.param(encrypted(), id="nobody looked at the key vault, and nothing failed"),
        pytest.param(
            encrypted(key_vault(), protected=item(protection_state="ProtectionStopped")), id="backups are stopped"
        ),
        pytest.param(
            encrypted(
                key_vault(policy(COPY, COPY)),
                failed_job("UserErrorGuestAgentStatusUnavailable"),
                protected=failed_item(),
            ),
            id="a backup failed otherwise, and one had completed before",
        ),
        pytest.param(estate(disk("sql1-os", 127, secrets=(KEYS,)), item(), key_vault()), id="the vm is gone"),
    ],
)  # fmt: skip
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


never = item(last_recovery_point=None, last_backup_status=None, last_backup=None)


@pytest.mark.parametrize(
    ("read", "because"),
    [
        pytest.param(
            encrypted(Unread(Read.KEY_VAULTS, KEYS, "forbidden")),
            "is not known: forbidden",
            id="the key vault is unread",
        ),
        pytest.param(
            encrypted(key_vault(rbac=True), Unread(Read.ROLE_ASSIGNMENTS, KEYS, "forbidden")),
            "is not known: forbidden",
            id="its role assignments are unread",
        ),
        pytest.param(
            encrypted(key_vault(rbac=True)), "not all of its role", id="some role assignment makes no sense"
        ),
        pytest.param(
            encrypted(key_vault(policy(COPY, COPY)), protected=never),
            "ARM does not tell",
            id="nothing was backed up yet",
        ),
    ],
)
def test_gives_no_verdict_where(read: Estate, because: str) -> None:
    assert found(ID, read) == []
    assert [because in gap.because for gap in undecided(ID, read)] == [True]


@pytest.mark.parametrize(
    ("read", "says"),
    [
        pytest.param(encrypted(key_vault()), "of secrets and keys", id="wrapped"),
        pytest.param(encrypted(key_vault(), wrapped=False), "of secrets;", id="not wrapped"),
        pytest.param(encrypted(by_roles()), "role Key Vault Administrator", id="by roles"),
    ],
)
def test_leaves_it_to_a_person(read: Estate, says: str) -> None:
    made = left(ID, read)

    assert says in made.reason
    assert "Backup Management Service" in made.reason
    assert "role" in made.reason or "never replace" in made.reason
