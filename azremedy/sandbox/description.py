"""
An estate in a few words: what stands in an estate's YAML.

Every member below is a key of the file; what has a default may be left out. `estates/demo.yaml` uses nearly all of
them. Things are named by name: a VM's vault, its NSG, a lock's target. Where two resources share a name (two VMs of
one name in two groups), `group/name` tells them apart. Ages are hours, sizes GiB.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from azremedy.sandbox.inside import Guest
from azremedy.sandbox.parts import Hours, KeyVault, Name, Part, PolicyAssignment, Size

Role = Literal[
    "Owner",
    "Contributor",
    "Reader",
    "User Access Administrator",
    "Backup Operator",
    "Virtual Machine Contributor",
    "Network Contributor",
]


class Subscription(Part, frozen=True):
    """`management_groups` are those it lies in, by display name, outermost first; without any it lies in the tenant's."""

    name: Name = "demo"
    id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")] = (
        "5a6db0c5-0000-4000-8000-000000000001"
    )
    management_groups: tuple[Name, ...] = ()


class Assignment(Part, frozen=True):
    """A role at a scope: `subscription`, the name of a group, or of a resource."""

    role: Role
    scope: str = "subscription"


class Identity(Part, frozen=True):
    """
    Who may sign in besides the owner.

    Everybody may read, but what `cannot_read` names (resources or groups) answers 403; what may be written is a
    matter of roles: `role` at the subscription, or `roles` in its place. Who has `actions` instead, as a custom role
    at the subscription has them, may read and write what they name and nothing else.
    """

    name: Name
    client_id: str
    secret: str
    role: Role = "Reader"
    roles: tuple[Assignment, ...] = ()
    actions: tuple[str, ...] = ()
    cannot_read: tuple[str, ...] = ()


class Policy(Part, frozen=True):
    """`group_prefix` and `group_suffix` name the group of the restore points: prefix, number, suffix."""

    name: Name
    type: Literal["V1", "V2"] = "V1"
    consistency: Literal["application", "crash"] = "application"
    schedule: Literal["daily", "weekly", "every 4h", "every 6h", "every 8h", "every 12h"] = "daily"
    instant_days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 2
    group_prefix: str | None = None
    group_suffix: str | None = None


class Vault(Part, frozen=True):
    name: Name
    group: Name = "backup"
    policies: tuple[Policy, ...] = ()


class Rule(Part, frozen=True):
    """A security rule. `to` and `source` are prefixes or service tags."""

    name: Name
    access: Literal["Allow", "Deny"]
    priority: Annotated[int, msgspec.Meta(ge=100, le=4096)]
    direction: Literal["Outbound", "Inbound"] = "Outbound"
    to: tuple[str, ...] | str = "*"
    source: tuple[str, ...] | str = "*"
    ports: tuple[str, ...] | str = "*"
    protocol: Literal["*", "Tcp", "Udp", "Icmp"] = "*"


class Nsg(Part, frozen=True):
    name: Name
    group: Name = "network"
    rules: tuple[Rule, ...] = ()


class Route(Part, frozen=True):
    name: Name
    next_hop: Literal["VirtualAppliance", "VirtualNetworkGateway", "VnetLocal", "Internet", "None"]
    prefix: str = "0.0.0.0/0"
    address: str | None = None


class RouteTable(Part, frozen=True):
    name: Name
    group: Name = "network"
    routes: tuple[Route, ...] = ()


class Subnet(Part, frozen=True):
    name: Name
    prefix: str = "10.0.0.0/24"
    nsg: str | None = None
    route_table: str | None = None
    service_endpoints: tuple[str, ...] = ()
    default_outbound: bool | None = None


class Vnet(Part, frozen=True):
    name: Name
    subnets: tuple[Subnet, ...]
    group: Name = "network"
    prefix: str = "10.0.0.0/16"


class Lock(Part, frozen=True):
    """`scope` is `subscription`, the name of a group, or of a resource."""

    name: Name
    scope: str
    level: Literal["CanNotDelete", "ReadOnly"] = "CanNotDelete"
    notes: str | None = None
    owners: tuple[str, ...] = ()


class LockLag(Part, frozen=True):
    """For how many seconds a lifted lock still holds, and one that was placed is not found."""

    lifted: Annotated[float, msgspec.Meta(ge=0)] = 0
    placed: Annotated[float, msgspec.Meta(ge=0)] = 0


class AdminRule(Part, frozen=True):
    """A rule of Azure Virtual Network Manager, which comes before every NSG; `vnets` are those it applies to (all)."""

    name: Name
    access: Literal["Allow", "AlwaysAllow", "Deny"]
    priority: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    direction: Literal["Outbound", "Inbound"] = "Outbound"
    to: tuple[str, ...] | str = "*"
    source: tuple[str, ...] | str = "*"
    ports: tuple[str, ...] | str = "0-65535"
    protocol: Literal["Any", "Tcp", "Udp", "Icmp"] = "Any"
    vnets: tuple[str, ...] = ()


class Disk(Part, frozen=True):
    """
    A data disk. `unmanaged` disks are blobs and have no resource of their own.

    `data_access_auth` says that Entra ID decides who may export it. `part_of` is the LUN of the disk in whose place it
    and the others of that LUN are, in their order.
    """

    lun: Annotated[int, msgspec.Meta(ge=0, le=63)]
    size: Size = 128
    sku: str = "Premium_LRS"
    write_accelerator: bool = False
    unmanaged: bool = False
    encrypted_in_guest: bool = False
    max_shares: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    data_access_auth: bool = False
    part_of: Annotated[int, msgspec.Meta(ge=0, le=63)] | None = None


class Nic(Part, frozen=True):
    """`subnet` is `vnet/subnet`, or a subnet's name where one VNet alone has it."""

    subnet: str | None = None
    nsg: str | None = None
    public_ip: bool = False


AgentState = Literal["ready", "not-ready", "stale", "absent"]
Provisioned = Literal["Succeeded", "Failed", "Updating", "Creating", "Deleting"]
SnapshotState = Literal["ready", "failed", "stuck", "absent"]


class Agent(Part, frozen=True):
    """
    `stale` still says Ready, hours ago; `absent` never reported. Without a version it is a current one.

    `back_after` is the mildest means that brings a silent agent back: a stronger one does, too.
    """

    state: AgentState = "ready"
    version: str | None = None
    back_after: Literal["reapply", "restart", "redeploy", "never"] = "restart"


class Provisioning(Part, frozen=True):
    """The state of the VM itself, and the mildest means that cures it where it is Failed."""

    state: Provisioned = "Succeeded"
    cured_by: Literal["reapply", "restart", "redeploy", "never"] = "reapply"


class Snapshot(Part, frozen=True):
    """Backup's own extension. ARM lists it on VMs with unmanaged disks, and where it is `listed`."""

    state: SnapshotState = "ready"
    listed: bool = False


class Extension(Part, frozen=True):
    """An extension that ARM lists, other than Backup's."""

    name: Name
    publisher: str
    type: str
    version: str = "1.0"
    state: Literal["Succeeded", "Failed", "Updating", "Deleting"] = "Succeeded"
    message: str = ""


class Points(Part, frozen=True):
    """
    Restore points of a VM, the newest `newest` hours old and `every` hours apart.

    Azure Backup's lie in `group` (default: the group that the policy names, or the service's own); `legacy` is the
    collection of 2018 in the VM's group. `collection` is a collection of the customer's own. `timeouts` is how often
    its deletion times out before it succeeds.
    """

    count: Annotated[int, msgspec.Meta(ge=0, le=600)]
    every: Hours = 24
    newest: Hours = 8
    group: Name | None = None
    legacy: bool = False
    collection: Name | None = None
    timeouts: Annotated[int, msgspec.Meta(ge=0)] = 0


class Failed(Part, frozen=True):
    """
    A failed backup. `code` is the symbolic name of the documents; what is served is its number and text.

    It also says what nothing else shows: `ExtensionSnapshotFailedNoNetwork`, that the VM takes its snapshots from
    inside and so needs the way to Storage; `UserErrorVmNotInDesirableState` of a VM that is stopped, that the service
    does not take it as it is; `UserErrorUnsupportedDiskSize`, that it takes no disk over 1023 GiB here.
    """

    code: str
    hours_ago: Hours = 8
    language: Literal["en", "es"] = "en"


class Running(Part, frozen=True):
    """A backup that does not end; in another `vault` than the VM's, if one is named."""

    hours: Hours
    phase: Literal["snapshot", "transfer"] = "snapshot"
    vault: str | None = None


class Backup(Part, frozen=True):
    """
    A VM's protection. `completed` is the age of the last completed backup in hours, null for none.

    `instant_only` is how many of the newest recovery points have no copy in the vault yet.
    """

    vault: str
    policy: str
    state: Literal[
        "Protected",
        "IRPending",
        "ProtectionError",
        "ProtectionStopped",
        "ProtectionPaused",
        "BackupsSuspended",
    ] = "Protected"
    excluded_luns: tuple[int, ...] = ()
    soft_deleted: bool = False
    completed: Hours | None = 8
    failed: Failed | None = None
    running: Running | None = None
    instant_only: Annotated[int, msgspec.Meta(ge=0)] = 0


class Vm(Part, frozen=True):
    """
    A VM: what ARM shows of it, and what it holds.

    `snapshot` is the state of Backup's own extension, which a VM on managed disks hides from ARM's lists; `guest` is what
    is inside, where it differs from a healthy VM.

    A VM with a `key_vault` is encrypted in the guest; where it is `wrapped`, a key there wraps its secrets.
    A VM that is `gone` has left its protected item, its jobs and its points; `moved_from` is the group in which it was made,
    under the same name; one that was `recreated` is not the machine that its points are of.
    `offer` is the marketplace offer of an appliance; `provision_agent` is false for a VM that was made without an agent.
    """

    name: Name
    group: Name
    os: Literal["Windows", "Linux"] = "Windows"
    size: str = "Standard_D2s_v5"
    power: Literal["running", "stopped", "deallocated", "starting", "stopping", "deallocating"] = "running"
    provisioning: Provisioning | Provisioned = "Succeeded"
    os_disk: Size = 127
    ephemeral_os: bool = False
    unmanaged: bool = False
    disks: tuple[Disk, ...] = ()
    key_vault: str | None = None
    wrapped: bool = False
    nic: Nic = Nic()
    agent: Agent | AgentState = "ready"
    snapshot: Snapshot | SnapshotState = "ready"
    extensions: tuple[Extension, ...] = ()
    extension_operations: bool = True
    provision_agent: bool = True
    offer: str | None = None
    gone: bool = False
    moved_from: Name | None = None
    recreated: bool = False
    points: tuple[Points, ...] | Points | None = None
    backup: Backup | None = None
    guest: Guest | None = None


class Fault(Part, frozen=True):
    """
    What goes wrong with requests, on purpose.

    `match` is searched in `METHOD /path`, without case. It strikes from the `nth` such request on (counted from 1),
    `times` times, null for ever: `status` answers so, with this `code` and text, before anything is done;
    `drop-before` closes the connection instead of doing anything, `drop-after` does it and then closes;
    `slow` waits `seconds` first, and `truncate` sends half of the answer. `drift` is no fault of ARM's: somebody else is
    quicker, and sets `value` at `path` of `resource` (None deletes; see `Sandbox.change`) just before it is answered.
    """

    match: str
    kind: Literal["status", "drop-before", "drop-after", "slow", "truncate", "drift"] = "status"
    nth: Annotated[int, msgspec.Meta(ge=1)] = 1
    times: Annotated[int, msgspec.Meta(ge=1)] | None = 1
    status: Annotated[int, msgspec.Meta(ge=100, le=599)] = 503
    code: str = "ServiceUnavailable"
    body: str = "The sandbox was asked to fail here."
    retry_after: float | None = None
    seconds: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    resource: str = ""
    path: str = ""
    value: Any = None


class Estate(Part, frozen=True):
    """A whole estate. `planted` are the pairs of VM and playbook id that a scan should find in it."""

    subscription: Subscription = Subscription()
    location: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9]+\Z")] = "westeurope"
    region: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9]+\Z")] = "WestEurope"
    identities: tuple[Identity, ...] = ()
    vaults: tuple[Vault, ...] = ()
    key_vaults: tuple[KeyVault, ...] = ()
    policy_assignments: tuple[PolicyAssignment, ...] = ()
    nsgs: tuple[Nsg, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    vnets: tuple[Vnet, ...] = ()
    admin_rules: tuple[AdminRule, ...] = ()
    locks: tuple[Lock, ...] = ()
    lock_lag: LockLag = LockLag()
    vms: tuple[Vm, ...] = ()
    faults: tuple[Fault, ...] = ()
    planted: tuple[tuple[str, str], ...] = ()
