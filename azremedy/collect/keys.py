"""Key vaults: what ARM tells of them, decoded, and which of them are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

from azremedy.arm import ArmId, Json
from azremedy.collect.decode import MalformedError, own_id, told
from azremedy.collect.sources import Single, Source, one
from azremedy.collect.values import flag, record, records, text, texts
from azremedy.estate import Estate, Protected
from azremedy.resources import AccessPolicy, KeyVault, Read, RoleAssignment

if TYPE_CHECKING:
    from azremedy.collect.sweep import Sweep

KEY_VAULTS = "2023-07-01"
ASSIGNMENTS = "2022-04-01"


def key_vault(body: Json) -> KeyVault:
    """A key vault without its keys, which no reader of ARM ever sees."""
    properties = record(body.get("properties"))
    rbac = flag(properties.get("enableRbacAuthorization")) is True
    held = [] if rbac else told(properties, "accessPolicies", "a key vault")
    rules = record(properties.get("networkAcls"))
    closed = (text(properties.get("publicNetworkAccess")) or "").lower() == "disabled"
    return KeyVault(
        id=own_id(body),
        rbac=rbac,
        policies=tuple(access_policy(policy) for policy in records(held)),
        firewalled=closed or (text(rules.get("defaultAction")) or "").lower() == "deny",
    )


def access_policy(body: dict[str, Json]) -> AccessPolicy:
    permissions = record(body.get("permissions"))
    principal = text(body.get("objectId"))
    if principal is None:
        raise MalformedError("an access policy without its principal")
    return AccessPolicy(principal, texts(permissions.get("keys")), texts(permissions.get("secrets")))


def role_assignment(body: Json) -> RoleAssignment:
    properties = record(body.get("properties"))
    principal, role = text(properties.get("principalId")), text(properties.get("roleDefinitionId"))
    if principal is None or role is None:
        raise MalformedError("a role assignment without its principal or role")
    return RoleAssignment(
        own_id(body), principal, role.rpartition("/")[2].lower(), text(properties.get("principalType"))
    )


def of_vault(vault: ArmId) -> Single:
    """A key vault by its id."""
    return Single(Read.KEY_VAULTS, vault, str(vault), {"api-version": KEY_VAULTS}, key_vault)


def assignments_of(vault: ArmId) -> Source:
    """The roles that anybody has at a key vault, above it or below."""
    address = f"{vault}/providers/Microsoft.Authorization/roleAssignments"
    query = {"api-version": ASSIGNMENTS}
    return Source(Read.ROLE_ASSIGNMENTS, vault, address, query, one(role_assignment))


def locked_away(estate: Estate, looked_at: tuple[Protected, ...], *, deep: bool) -> Iterator[ArmId]:
    """
    Yield the key vaults of suspects whose disks are encrypted in the guest, each once.

    They are those of a VM whose newest failure lists missing rights to them, or is of an error that nobody knows.
    """
    seen: set[ArmId] = set()
    for protected in looked_at:
        newest = next(iter(estate.failures_of.get(protected.item.id, ())), None)
        if not deep and not (newest and (newest.symptom is None or newest.lists("C11"))):
            continue
        for disk in protected.vm.disks if protected.vm else ():
            record = estate.disk.get(disk.disk) if disk.disk else None
            for vault in (*record.secrets, *record.keys) if record else ():
                if vault not in seen:
                    seen.add(vault)
                    yield vault


def read_key_vaults(sweep: Sweep, estate: Estate, looked_at: tuple[Protected, ...], *, deep: bool) -> Estate:
    """Read the key vaults of suspects, and who has roles at those that go by roles."""
    asked = [sweep.submit(of_vault(vault)) for vault in locked_away(estate, looked_at, deep=deep)]
    found = [vault for future in asked if (vault := future.result()) is not None]
    roles: list[tuple[KeyVault, Future[list[RoleAssignment]] | None]] = [
        (vault, sweep.lists.submit(sweep.listed, assignments_of(vault.id)) if vault.rbac else None)
        for vault in found
    ]
    whole = [
        replace(vault, assignments=held)
        for vault, future in roles
        for held in (known(sweep, vault, future.result()) if future else None,)
    ]
    return estate.changed(key_vaults=tuple(sorted(whole, key=lambda vault: vault.id)))


def known(sweep: Sweep, vault: KeyVault, listed: list[RoleAssignment]) -> tuple[RoleAssignment, ...] | None:
    """
    Return the assignments of a vault, None where the list broke off: half of it would make a role look missing.

    One that makes no sense may be of any vault below it.
    """
    gaps = [gap.scope for gap in tuple(sweep.unread) if gap.read is Read.ROLE_ASSIGNMENTS]
    if any(scope == vault.id or scope.scope.covers(vault.id) or vault.id.covers(scope) for scope in gaps):
        return None
    return tuple(sorted(listed, key=lambda held: held.id))
