"""
Azure's resources as azremedy sees them: frozen, typed, and no wider than what a verdict looks at.

Every property that ARM may leave out is optional here, and an enum value that is not known is kept as the text
that ARM sent. Sizes are GiB, times are UTC.
"""

from __future__ import annotations

from azremedy.resources.backup import (
    Exclusion,
    Item,
    Job,
    JobError,
    Policy,
    RecoveryPoint,
    RecoveryPoints,
    RunningJobs,
    Schedule,
    Task,
    Tier,
    Vault,
)
from azremedy.resources.compute import (
    AttachedDisk,
    Collection,
    Disk,
    ExtensionView,
    Handler,
    InstanceView,
    PowerState,
    RestorePoint,
    RestorePoints,
    Status,
    Vm,
    VmSize,
    VmSizes,
)
from azremedy.resources.copies import DiskCopy, GuestDisk
from azremedy.resources.governance import PolicyAssignment
from azremedy.resources.guest import (
    Access,
    Adapter,
    Guest,
    LinuxGuest,
    LogFile,
    LogTold,
    Port,
    Service,
    Setting,
    WindowsGuest,
    Writer,
)
from azremedy.resources.keys import WITHOUT_DATA, AccessPolicy, KeyVault, RoleAssignment
from azremedy.resources.network import (
    AdminRules,
    IpConfiguration,
    Nic,
    Nsg,
    Route,
    RouteTable,
    Rule,
    ServiceTags,
    Subnet,
)
from azremedy.resources.reads import PER_VAULT, Read, Unread, rights
from azremedy.resources.scopes import Lock, ResourceGroup, Subscription

__all__ = [
    "PER_VAULT",
    "WITHOUT_DATA",
    "Access",
    "AccessPolicy",
    "Adapter",
    "AdminRules",
    "AttachedDisk",
    "Collection",
    "Disk",
    "DiskCopy",
    "Exclusion",
    "ExtensionView",
    "Guest",
    "GuestDisk",
    "Handler",
    "InstanceView",
    "IpConfiguration",
    "Item",
    "Job",
    "JobError",
    "KeyVault",
    "LinuxGuest",
    "Lock",
    "LogFile",
    "LogTold",
    "Nic",
    "Nsg",
    "Policy",
    "PolicyAssignment",
    "Port",
    "PowerState",
    "Read",
    "RecoveryPoint",
    "RecoveryPoints",
    "ResourceGroup",
    "RestorePoint",
    "RestorePoints",
    "RoleAssignment",
    "Route",
    "RouteTable",
    "Rule",
    "RunningJobs",
    "Schedule",
    "Service",
    "ServiceTags",
    "Setting",
    "Status",
    "Subnet",
    "Subscription",
    "Task",
    "Tier",
    "Unread",
    "Vault",
    "Vm",
    "VmSize",
    "VmSizes",
    "WindowsGuest",
    "Writer",
    "rights",
]
