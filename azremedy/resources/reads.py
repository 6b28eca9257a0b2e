"""What is asked of ARM, the rights for it, and what has no answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from azremedy.arm import ArmId, Json


class Read(StrEnum):
    """What is asked of ARM, each kind with its own requests."""

    SUBSCRIPTION = "subscription"
    MANAGEMENT_GROUPS = "management groups"
    GRAPH = "resource graph"
    PERMISSIONS = "permissions"
    VMS = "virtual machines"
    POWER = "virtual machine status"
    NICS = "network interfaces"
    NSGS = "network security groups"
    VNETS = "virtual networks"
    ROUTE_TABLES = "route tables"
    DISKS = "disks"
    LOCKS = "locks"
    GROUPS = "resource groups"
    COLLECTIONS = "restore point collections"
    VAULTS = "vaults"
    ITEMS = "protected items"
    JOBS = "failed jobs"
    RUNNING_JOBS = "running jobs"
    POLICIES = "backup policies"
    VIEW = "instance view"
    JOB_DETAIL = "job detail"
    POINTS = "restore points"
    KEY_VAULTS = "key vaults"
    ROLE_ASSIGNMENTS = "role assignments"
    POLICY_ASSIGNMENTS = "policy assignments"
    POLICY_DEFINITIONS = "policy definitions"
    RECOVERY_POINTS = "recovery points"
    SERVICE_TAGS = "service tags"
    ADMIN_RULES = "security admin rules"
    VM_SIZES = "virtual machine sizes"
    GUEST = "guest"


PER_VAULT: Final = frozenset({Read.ITEMS, Read.JOBS, Read.RUNNING_JOBS, Read.POLICIES})
"""Kinds that are read of one vault after the other, once the vaults are known."""

VAULT: Final = "Microsoft.RecoveryServices/Vaults"
RIGHTS: Final[Mapping[Read, str]] = {
    Read.SUBSCRIPTION: "Microsoft.Resources/subscriptions/read",
    Read.MANAGEMENT_GROUPS: "Microsoft.Management/managementGroups/descendants/read",
    Read.GRAPH: "Microsoft.ResourceGraph/resources/read",
    Read.PERMISSIONS: "Microsoft.Authorization/permissions/read",
    Read.VMS: "Microsoft.Compute/virtualMachines/read",
    Read.POWER: "Microsoft.Compute/virtualMachines/read",
    Read.NICS: "Microsoft.Network/networkInterfaces/read",
    Read.NSGS: "Microsoft.Network/networkSecurityGroups/read",
    Read.VNETS: "Microsoft.Network/virtualNetworks/read",
    Read.ROUTE_TABLES: "Microsoft.Network/routeTables/read",
    Read.DISKS: "Microsoft.Compute/disks/read",
    Read.LOCKS: "Microsoft.Authorization/locks/read",
    Read.GROUPS: "Microsoft.Resources/subscriptions/resourceGroups/read",
    Read.COLLECTIONS: "Microsoft.Compute/restorePointCollections/read",
    Read.VAULTS: f"{VAULT}/read",
    Read.ITEMS: f"{VAULT}/backupProtectedItems/read",
    Read.JOBS: f"{VAULT}/backupJobs/read",
    Read.RUNNING_JOBS: f"{VAULT}/backupJobs/read",
    Read.POLICIES: f"{VAULT}/backupPolicies/read",
    Read.VIEW: "Microsoft.Compute/virtualMachines/instanceView/read",
    Read.JOB_DETAIL: f"{VAULT}/backupJobs/read",
    Read.POINTS: "Microsoft.Compute/restorePointCollections/restorePoints/read",
    Read.KEY_VAULTS: "Microsoft.KeyVault/vaults/read",
    Read.ROLE_ASSIGNMENTS: "Microsoft.Authorization/roleAssignments/read",
    Read.POLICY_ASSIGNMENTS: "Microsoft.Authorization/policyAssignments/read",
    Read.POLICY_DEFINITIONS: "Microsoft.Authorization/policyDefinitions/read",
    Read.RECOVERY_POINTS: (f"{VAULT}/backupFabrics/protectionContainers/protectedItems/recoveryPoints/read"),
    Read.SERVICE_TAGS: "Microsoft.Network/locations/serviceTags/read",
    Read.VM_SIZES: "Microsoft.Compute/locations/vmSizes/read",
    Read.ADMIN_RULES: "Microsoft.Network/virtualNetworks/listNetworkManagerEffectiveSecurityAdminRules/action",
    Read.GUEST: "Microsoft.Compute/virtualMachines/runCommand/action",
}
"""
The Azure RBAC action that each kind of read needs (SDK). The last two are POSTs, which `*/read` does not hold; the very
last one is as good as being administrator of the VM, although nothing but a script that reads is sent with it.
"""


def rights(reads: frozenset[Read]) -> frozenset[str]:
    """Return the RBAC actions for these reads, and for the subscription and the vaults that they rest on."""
    below = {Read.SUBSCRIPTION, *({Read.VAULTS} if reads & PER_VAULT else ())}
    return frozenset(RIGHTS[read] for read in reads | below)


def allows(held: Sequence[Json], action: str) -> bool:
    """Whether one of these role permissions has an action among its actions and not among its exceptions."""
    return any(
        _matches(one.get("actions") or (), action) and not _matches(one.get("notActions") or (), action)
        for one in held
    )


def _matches(patterns: Sequence[str], action: str) -> bool:
    return any(
        re.fullmatch(".*".join(map(re.escape, one.split("*"))), action, re.IGNORECASE) for one in patterns
    )


@dataclass(frozen=True, slots=True)
class Unread:
    """
    Something that was asked for and has no usable answer.

    `scope` is what it would have told about: the subscription, a vault, a VM, a collection or, where one
    element of a page made no sense, that resource.
    """

    read: Read
    scope: ArmId
    reason: str
    status: int | None = None
    code: str | None = None
