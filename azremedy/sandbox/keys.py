"""Key vaults, what they grant to whom, and whether Azure Backup reaches the keys of an encrypted VM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.arm import ArmId
from azremedy.sandbox.answers import Answer, not_found
from azremedy.sandbox.ground import Ground, guid
from azremedy.sandbox.identity import TENANT
from azremedy.sandbox.pages import listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call
    from azremedy.sandbox.description import Vm
    from azremedy.sandbox.parts import Grant, KeyVault

ASSIGNMENT: Final = "microsoft.authorization/roleassignments"

ROLES: Final = {
    "Key Vault Administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
}

SERVICE: Final = guid("principal", "Backup Management Service")
"""The object id that Azure Backup has in the sandbox's tenant."""


def vault(ground: Ground, held: KeyVault) -> tuple[str, Json]:
    id_ = ground.id(held.group, "Microsoft.KeyVault/vaults", held.name)
    return id_, {
        "id": id_,
        "name": held.name,
        "type": "Microsoft.KeyVault/vaults",
        "location": ground.location,
        "tags": {},
        "properties": {
            "sku": {"family": "A", "name": "standard"},
            "tenantId": TENANT,
            "accessPolicies": [] if held.roles else [policy(grant) for grant in held.grants],
            "enabledForDeployment": False,
            "enabledForDiskEncryption": True,
            "enableSoftDelete": True,
            "softDeleteRetentionInDays": 90,
            "enableRbacAuthorization": held.roles,
            "vaultUri": f"https://{held.name}.vault.azure.net/",
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
        },
    }


def policy(grant: Grant) -> Json:
    permissions = {"keys": list(grant.keys), "secrets": list(grant.secrets), "certificates": []}
    return {"tenantId": TENANT, "objectId": guid("principal", grant.to), "permissions": permissions}


def assignments(ground: Ground, held: KeyVault) -> Iterator[tuple[str, Json]]:
    """Make the role assignments of a key vault that goes by them."""
    scope = ground.id(held.group, "Microsoft.KeyVault/vaults", held.name)
    for grant in held.grants if held.roles else ():
        name = guid(scope, grant.to, grant.role)
        id_ = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"
        role = f"{ground.root}/providers/Microsoft.Authorization/roleDefinitions/{ROLES[grant.role]}"
        yield (
            id_,
            {
                "id": id_,
                "name": name,
                "type": "Microsoft.Authorization/roleAssignments",
                "properties": {
                    "roleDefinitionId": role,
                    "principalId": guid("principal", grant.to),
                    "principalType": grant.kind,
                    "scope": scope,
                },
            },
        )


def assigned(arm: Arm, call: Call) -> Answer:
    """Answer the role assignments at a scope, above it and below it."""
    scope = ArmId(call.path).scope
    if scope.key not in arm.store:
        raise not_found(scope.text)
    found = [
        key
        for key in arm.store.keys(ASSIGNMENT)
        if (place := ArmId(key).scope).covers(scope) or scope.covers(place)
    ]
    return listing(arm, call, found)


def settings(ground: Ground, vm: Vm, disk: str) -> list[Json]:
    """Return what an encrypted disk says of its secret, and of the key that wraps it."""
    name = vm.key_vault or ""
    source = {"id": ground.key_vault(name, f"VM '{vm.name}'")}
    home = f"https://{name}.vault.azure.net"
    held: dict[str, Json] = {
        "diskEncryptionKey": {"sourceVault": source, "secretUrl": f"{home}/secrets/{guid(disk)}/1"}
    }
    if vm.wrapped:
        held["keyEncryptionKey"] = {"sourceVault": source, "keyUrl": f"{home}/keys/wrapping/1"}
    return [held]


def out_of_reach(arm: Arm, model: Json) -> str | None:
    """Return that Azure Backup may not copy the keys of a VM's disks."""
    profile = model["properties"]["storageProfile"]
    for disk in (profile["osDisk"], *profile["dataDisks"]):
        body: Json = arm.store.get(disk.get("managedDisk", {}).get("id", "").lower()) or {"properties": {}}
        for held in body["properties"].get("encryptionSettingsCollection", {}).get("encryptionSettings", ()):
            home = arm.store.get(held["diskEncryptionKey"]["sourceVault"]["id"].lower())
            if home is None or not granted(arm, home, wrapped="keyEncryptionKey" in held):
                return "UserErrorKeyvaultPermissionsNotConfigured"
    return None


def granted(arm: Arm, home: Json, *, wrapped: bool) -> bool:
    """Whether a key vault grants Azure Backup what it needs."""
    if home["properties"]["enableRbacAuthorization"]:
        held = [arm.store.get(key) for key in arm.store.keys(ASSIGNMENT, home["id"].lower())]
        admin = ROLES["Key Vault Administrator"]
        return any(
            one["properties"]["principalId"] == SERVICE
            and one["properties"]["roleDefinitionId"].endswith(admin)
            for one in held
        )
    needed = [("secrets", {"get", "list"} if wrapped else {"get", "list", "backup"})]
    needed += [("keys", {"get", "list", "backup"})] if wrapped else []
    return any(
        one["objectId"] == SERVICE
        and all(
            rights <= set(one["permissions"][kind]) or "all" in one["permissions"][kind]
            for kind, rights in needed
        )
        for one in home["properties"]["accessPolicies"]
    )
