"""What a request reads, in the words of `azremedy.resources.Read`: how a sandbox counts what was asked of it."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote

from azremedy.arm import ArmId
from azremedy.resources import Read

LISTS: Final = {
    "microsoft.compute/virtualmachines": Read.VMS,
    "microsoft.compute/disks": Read.DISKS,
    "microsoft.compute/restorepointcollections": Read.COLLECTIONS,
    "microsoft.network/networkinterfaces": Read.NICS,
    "microsoft.network/networksecuritygroups": Read.NSGS,
    "microsoft.network/virtualnetworks": Read.VNETS,
    "microsoft.network/routetables": Read.ROUTE_TABLES,
    "microsoft.authorization/locks": Read.LOCKS,
    "microsoft.authorization/permissions": Read.PERMISSIONS,
    "microsoft.resourcegraph/resources": Read.GRAPH,
    "microsoft.management/managementgroups": Read.MANAGEMENT_GROUPS,
    "microsoft.management/managementgroups/descendants": Read.MANAGEMENT_GROUPS,
    "microsoft.recoveryservices/vaults": Read.VAULTS,
    "microsoft.authorization/roleassignments": Read.ROLE_ASSIGNMENTS,
    "microsoft.authorization/policyassignments": Read.POLICY_ASSIGNMENTS,
    "microsoft.recoveryservices/vaults/backupprotecteditems": Read.ITEMS,
    "microsoft.recoveryservices/vaults/backupjobs": Read.JOBS,
    "microsoft.recoveryservices/vaults/backuppolicies": Read.POLICIES,
    "microsoft.compute/virtualmachines/instanceview": Read.VIEW,
    "microsoft.compute/restorepointcollections/restorepoints": Read.POINTS,
}

ONES: Final = {
    "microsoft.keyvault/vaults": Read.KEY_VAULTS,
    "microsoft.authorization/policydefinitions": Read.POLICY_DEFINITIONS,
    "microsoft.compute/virtualmachines": Read.VIEW,
    "microsoft.compute/restorepointcollections": Read.POINTS,
    "microsoft.recoveryservices/vaults/backupjobs": Read.JOB_DETAIL,
}


def kind(address: str) -> Read | None:
    """Return what a GET of this path with query asks for, or None where no scan asks for it."""
    path, _, query = address.partition("?")
    asked = {name.lower(): value.lower() for name, value in parse_qsl(query)}
    key = unquote(path).lower().rstrip("/")
    type_ = ArmId(key).type
    if not type_:
        return at_scope(key, asked.get("$filter", ""))
    if len(key.rpartition("/providers/")[2].split("/")) % 2:
        return ONES.get(type_)
    if type_ == "microsoft.recoveryservices/vaults/backupjobs" and "'inprogress'" in asked.get("$filter", ""):
        return Read.RUNNING_JOBS
    if type_ == "microsoft.compute/virtualmachines" and asked.get("statusonly") == "true":
        return Read.POWER
    return LISTS.get(type_)


def at_scope(key: str, filter_: str) -> Read | None:
    """Return what is asked of a subscription itself."""
    if key.endswith("/resources") and "recoveryservices/vaults" in filter_:
        return Read.VAULTS
    if key.endswith("/resourcegroups"):
        return Read.GROUPS
    return Read.SUBSCRIPTION if key.startswith("/subscriptions") and key.count("/") <= 2 else None
