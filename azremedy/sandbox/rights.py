"""
Who may do what: Azure's built-in roles, assigned at scopes.

Reading is everybody's but for what an identity's `cannot_read` names; all else needs an assignment whose actions, less
its notActions, allow it. An identity with a custom role needs its actions for reading, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from azremedy.arm import ArmId
from azremedy.sandbox.answers import ArmError, ok

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Answer, Arm, Call
    from azremedy.sandbox.identity import Principal


@dataclass(frozen=True, slots=True)
class Definition:
    """What a role allows."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()


ALERTS: Final = (
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.ResourceHealth/availabilityStatuses/read",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
)
FABRICS: Final = "Microsoft.RecoveryServices/Vaults/backupFabrics"
ITEMS: Final = f"{FABRICS}/protectionContainers/protectedItems"

ROLES: Final[Mapping[str, Definition]] = {
    "Owner": Definition(("*",)),
    "Contributor": Definition(
        ("*",),
        (
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
        ),
    ),
    "Reader": Definition(("*/read",)),
    "User Access Administrator": Definition(("*/read", "Microsoft.Authorization/*", "Microsoft.Support/*")),
    "Backup Operator": Definition(
        (
            *ALERTS,
            "Microsoft.Compute/virtualMachines/read",
            "Microsoft.Network/virtualNetworks/read",
            f"{FABRICS}/operationResults/read",
            f"{FABRICS}/protectionContainers/operationResults/read",
            f"{ITEMS}/backup/action",
            f"{ITEMS}/operationResults/read",
            f"{ITEMS}/operationsStatus/read",
            f"{ITEMS}/read",
            f"{ITEMS}/recoveryPoints/provisionInstantItemRecovery/action",
            f"{ITEMS}/recoveryPoints/read",
            f"{ITEMS}/recoveryPoints/restore/action",
            f"{ITEMS}/recoveryPoints/revokeInstantItemRecovery/action",
            f"{ITEMS}/write",
            f"{FABRICS}/protectionContainers/read",
            f"{FABRICS}/refreshContainers/action",
            "Microsoft.RecoveryServices/Vaults/backupJobs/*",
            "Microsoft.RecoveryServices/Vaults/backupJobsExport/action",
            "Microsoft.RecoveryServices/Vaults/backupOperationResults/*",
            "Microsoft.RecoveryServices/Vaults/backupOperations/read",
            "Microsoft.RecoveryServices/Vaults/backupPolicies/read",
            "Microsoft.RecoveryServices/Vaults/backupProtectableItems/*",
            "Microsoft.RecoveryServices/Vaults/backupProtectedItems/read",
            "Microsoft.RecoveryServices/Vaults/read",
            "Microsoft.RecoveryServices/locations/backupStatus/action",
            "Microsoft.RecoveryServices/locations/backupPreValidateProtection/action",
            "Microsoft.RecoveryServices/locations/backupValidateFeatures/action",
            "Microsoft.Storage/storageAccounts/read",
        )
    ),
    "Virtual Machine Contributor": Definition(
        (
            *ALERTS,
            "Microsoft.Compute/availabilitySets/*",
            "Microsoft.Compute/locations/*",
            "Microsoft.Compute/virtualMachines/*",
            "Microsoft.Compute/virtualMachineScaleSets/*",
            "Microsoft.Compute/cloudServices/*",
            "Microsoft.Compute/disks/write",
            "Microsoft.Compute/disks/read",
            "Microsoft.Compute/disks/delete",
            "Microsoft.Network/locations/*",
            "Microsoft.Network/networkInterfaces/*",
            "Microsoft.Network/networkSecurityGroups/join/action",
            "Microsoft.Network/networkSecurityGroups/read",
            "Microsoft.Network/publicIPAddresses/join/action",
            "Microsoft.Network/publicIPAddresses/read",
            "Microsoft.Network/virtualNetworks/read",
            "Microsoft.Network/virtualNetworks/subnets/join/action",
            "Microsoft.RecoveryServices/locations/*",
            f"{FABRICS}/backupProtectionIntent/write",
            f"{ITEMS}/*/read",
            f"{ITEMS}/read",
            f"{ITEMS}/write",
            "Microsoft.RecoveryServices/Vaults/backupPolicies/read",
            "Microsoft.RecoveryServices/Vaults/backupPolicies/write",
            "Microsoft.RecoveryServices/Vaults/read",
            "Microsoft.RecoveryServices/Vaults/usages/read",
            "Microsoft.RecoveryServices/Vaults/write",
            "Microsoft.Storage/storageAccounts/listKeys/action",
            "Microsoft.Storage/storageAccounts/read",
        )
    ),
    "Network Contributor": Definition((*ALERTS, "Microsoft.Network/*")),
}

SPELLING: Final = {
    "recoveryservices": "RecoveryServices",
    "keyvault": "KeyVault",
    "managementgroups": "managementGroups",
    "roleassignments": "roleAssignments",
    "policyassignments": "policyAssignments",
    "policydefinitions": "policyDefinitions",
    "virtualmachines": "virtualMachines",
    "instanceview": "instanceView",
    "restorepointcollections": "restorePointCollections",
    "restorepoints": "restorePoints",
    "networkinterfaces": "networkInterfaces",
    "networksecuritygroups": "networkSecurityGroups",
    "securityrules": "securityRules",
    "virtualnetworks": "virtualNetworks",
    "routetables": "routeTables",
    "backupfabrics": "backupFabrics",
    "protectioncontainers": "protectionContainers",
    "protecteditems": "protectedItems",
    "backupprotecteditems": "backupProtectedItems",
    "backupjobs": "backupJobs",
    "backuppolicies": "backupPolicies",
    "poweroff": "powerOff",
    "runcommand": "runCommand",
    "attachdetachdatadisks": "attachDetachDataDisks",
}


def action(call: Call) -> str:
    """Return the RBAC action that a request needs, as `AuthorizationFailed` names it."""
    verb = {"PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}.get(call.method, "read")
    type_ = ArmId(call.path).type
    if not type_:
        of_groups = ArmId(call.path).group or call.key.endswith("/resourcegroups")
        below = "resourceGroups/" if of_groups else ""
        return f"Microsoft.Resources/subscriptions/{below}{verb}"
    return f"{spelled(type_)}/{verb}"


def action_on(key: str) -> str:
    """Return the type of a resource as its RBAC actions spell it."""
    return spelled(ArmId(key).type or "microsoft.resources/subscriptions")


def spelled(type_: str) -> str:
    namespace, *rest = type_.split("/")
    provider = namespace.removeprefix("microsoft.")
    return "/".join(
        [
            f"Microsoft.{SPELLING.get(provider, provider.capitalize())}",
            *(SPELLING.get(one, one) for one in rest),
        ]
    )


@lru_cache(maxsize=512)
def pattern(wanted: str) -> re.Pattern[str]:
    return re.compile(re.escape(wanted).replace(r"\*", ".*"), re.IGNORECASE)


def allows(given: Definition, wanted: str) -> bool:
    """Whether a role allows an action."""
    return any(pattern(one).fullmatch(wanted) for one in given.actions) and not any(
        pattern(one).fullmatch(wanted) for one in given.not_actions
    )


def held(principal: Principal, scope: str) -> Iterable[Definition]:
    """Return the roles that a principal has at a lower-cased scope: its own there and those it inherits."""
    custom = (Definition(principal.actions),) if principal.actions else ()
    return (*custom, *(ROLES[one.role] for one in principal.roles if ArmId(one.scope).covers(ArmId(scope))))


def holds(principal: Principal, scope: str, wanted: str) -> bool:
    """Whether a principal may carry out an action at a lower-cased scope."""
    return any(allows(role, wanted) for role in held(principal, scope))


def require(call: Call) -> None:
    """Refuse a write that no role of the caller allows."""
    if call.principal and not holds(call.principal, call.key, action(call)):
        raise forbidden(call, call.principal)


def require_reading(call: Call, principal: Principal) -> None:
    """Refuse what a principal may not read. The list of subscriptions is everybody's."""
    if not principal.may_read(call.key):
        raise forbidden(call, principal)
    if call.method != "GET" or not principal.actions or call.key == "/subscriptions":
        return
    wanted = [action(call)]
    if call.query.get("$expand", "").lower() == "restorepoints":
        wanted.append(wanted[0].replace("/read", "/restorePoints/read"))
    for one in wanted:
        if not holds(principal, call.key, one):
            raise forbidden(call, principal, one)


def forbidden(call: Call, principal: Principal, wanted: str | None = None) -> ArmError:
    scope = ArmId(call.path).text
    if call.method == "POST":
        scope = scope.rpartition("/")[0]
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{principal.client_id}' with object id '{principal.object_id}' does not have authorization to "
        f"perform action '{wanted or action(call)}' over scope '{scope}' or the scope is invalid. "
        "If access was recently granted, please refresh your credentials.",
    )


def permissions(_arm: Arm, call: Call) -> Answer:
    """Answer what the caller may do at a scope, one entry a role."""
    scope = ArmId(call.key).scope.key
    roles = held(call.principal, scope) if call.principal else [ROLES["Owner"]]
    return ok({"value": [shown(role) for role in roles], "nextLink": None})


def shown(given: Definition) -> Json:
    return {
        "actions": list(given.actions),
        "notActions": list(given.not_actions),
        "dataActions": [],
        "notDataActions": [],
    }
