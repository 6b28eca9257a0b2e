"""
Azure's resources as azremedy sees them: frozen, typed, and no wider than what a verdict looks at.

Every property that ARM may leave out is optional here, and an enum value that is not known is kept as the text
that ARM sent. Sizes are GiB, times are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from azremedy.arm import ArmId


class Read(StrEnum):
    """What is asked of ARM, each kind with its own requests."""

    SUBSCRIPTION = "subscription"
    VMS = "virtual machines"
    POWER = "virtual machine status"
    NICS = "network interfaces"
    NSGS = "network security groups"
    VNETS = "virtual networks"
    ROUTE_TABLES = "route tables"
    DISKS = "disks"
    LOCKS = "locks"
    COLLECTIONS = "restore point collections"
    VAULTS = "vaults"
    ITEMS = "protected items"
    JOBS = "failed jobs"
    POLICIES = "backup policies"
    VIEW = "instance view"
    JOB_DETAIL = "job detail"
    POINTS = "restore points"
    RECOVERY_POINTS = "recovery points"
    SERVICE_TAGS = "service tags"
    ADMIN_RULES = "security admin rules"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription, as the identity sees it."""

    id: ArmId
    name: str
    tenant: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class AttachedDisk:
    """A disk as the VM model names it. `lun` is None for the OS disk, `disk` is None for an unmanaged one."""

    lun: int | None
    name: str
    disk: ArmId | None = None
    size: int | None = None
    write_accelerated: bool = False

    @property
    def managed(self) -> bool:
        return self.disk is not None


@dataclass(frozen=True, slots=True)
class Vm:
    """A virtual machine's model. `extensions` are the ids that ARM lists under it (managed VMs hide Backup's)."""

    id: ArmId
    location: str
    os: str | None = None
    vm_id: str | None = None
    provisioning_state: str | None = None
    disks: tuple[AttachedDisk, ...] = ()
    nics: tuple[ArmId, ...] = ()
    primary_nic: ArmId | None = None
    extensions: tuple[ArmId, ...] = ()
    provision_agent: bool | None = None
    allow_extension_operations: bool | None = None
    security_type: str | None = None
    scale_set: ArmId | None = None
    managed_by: str | None = None

    @property
    def windows(self) -> bool:
        return (self.os or "").lower() == "windows"

    @property
    def linux(self) -> bool:
        return (self.os or "").lower() == "linux"


@dataclass(frozen=True, slots=True)
class PowerState:
    """A VM's run-time state: `running`, `stopped`, `deallocated`, `starting`, … (ARM's `PowerState/…`)."""

    vm: ArmId
    state: str


@dataclass(frozen=True, slots=True)
class Status:
    """One status of an instance view: `code` such as `ProvisioningState/succeeded`."""

    code: str
    level: str | None = None
    display: str | None = None
    message: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Handler:
    """An extension handler, as the agent reports it; the only sight of extensions that ARM hides."""

    type: str
    version: str | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """The run-time state of an extension that ARM lists."""

    name: str
    type: str | None = None
    version: str | None = None
    statuses: tuple[Status, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceView:
    """What a VM reports of itself. `agent_version` is None where no agent ever reported."""

    vm: ArmId
    agent_version: str | None = None
    agent: Status | None = None
    handlers: tuple[Handler, ...] = ()
    extensions: tuple[ExtensionView, ...] = ()
    statuses: tuple[Status, ...] = ()
    os_name: str | None = None
    os_version: str | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """A managed disk. `encrypted_in_guest` is Azure Disk Encryption, not encryption at rest."""

    id: ArmId
    size: int | None = None
    sku: str | None = None
    max_shares: int | None = None
    encrypted_in_guest: bool = False
    data_access_auth: str | None = None
    managed_by: ArmId | None = None


@dataclass(frozen=True, slots=True)
class IpConfiguration:
    """One address of a network interface."""

    subnet: ArmId | None = None
    address: str | None = None
    primary: bool = False
    public_ip: ArmId | None = None
    application_groups: tuple[ArmId, ...] = ()
    load_balancer_pools: tuple[ArmId, ...] = ()


@dataclass(frozen=True, slots=True)
class Nic:
    """A network interface."""

    id: ArmId
    vm: ArmId | None = None
    nsg: ArmId | None = None
    primary: bool | None = None
    ip_configurations: tuple[IpConfiguration, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A security rule; every prefix, port and group of its singular and plural properties in one tuple each."""

    name: str
    direction: str
    access: str
    priority: int
    protocol: str = "*"
    sources: tuple[str, ...] = ("*",)
    source_groups: tuple[ArmId, ...] = ()
    destinations: tuple[str, ...] = ("*",)
    destination_groups: tuple[ArmId, ...] = ()
    ports: tuple[str, ...] = ("*",)
    default: bool = False


@dataclass(frozen=True, slots=True)
class Nsg:
    """A network security group with its rules, default ones included, in order of priority."""

    id: ArmId
    location: str
    rules: tuple[Rule, ...] = ()
    subnets: tuple[ArmId, ...] = ()
    nics: tuple[ArmId, ...] = ()
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet of a virtual network. `service_endpoints` are service names such as `Microsoft.Storage`."""

    id: ArmId
    nsg: ArmId | None = None
    route_table: ArmId | None = None
    nat_gateway: ArmId | None = None
    service_endpoints: tuple[str, ...] = ()
    default_outbound: bool | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A user-defined route: `prefix` is a CIDR or a service tag, `next_hop` e.g. `VirtualAppliance`."""

    name: str
    prefix: str
    next_hop: str
    next_hop_address: str | None = None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route table."""

    id: ArmId
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Lock:
    """A management lock. It holds on `scope` and everything below it."""

    id: ArmId
    level: str
    notes: str | None = None
    owners: tuple[str, ...] = ()

    @property
    def scope(self) -> ArmId:
        return self.id.scope

    @property
    def read_only(self) -> bool:
        return self.level.lower() == "readonly"


@dataclass(frozen=True, slots=True)
class Collection:
    """A restore point collection; `source` is the VM whose points it holds."""

    id: ArmId
    source: ArmId | None = None
    provisioning_state: str | None = None


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """One restore point; `vm_id` is the GUID of the VM it was taken from."""

    id: ArmId
    created: datetime | None = None
    provisioning_state: str | None = None
    consistency: str | None = None
    vm_id: str | None = None


@dataclass(frozen=True, slots=True)
class RestorePoints:
    """The points of one collection, as counted by a read of their own."""

    collection: ArmId
    points: tuple[RestorePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Vault:
    """A Recovery Services vault."""

    id: ArmId
    location: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Selective disk backup: the LUNs named, and whether they are the ones kept or the ones left out."""

    luns: tuple[int, ...]
    inclusion: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A protected item: one VM in one vault. `container` is the name that jobs carry too."""

    id: ArmId
    vault: ArmId
    vm: ArmId
    container: str
    protection_state: str | None = None
    protection_status: str | None = None
    health: str | None = None
    last_backup_status: str | None = None
    last_backup: datetime | None = None
    last_recovery_point: datetime | None = None
    policy: ArmId | None = None
    exclusion: Exclusion | None = None
    soft_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """
    A backup policy. `type` is `V1` (Standard) or `V2` (Enhanced).

    `per_day` is the number of scheduled backups a day, `instant_days` how long instant restore points stay.
    """

    id: ArmId
    type: str | None = None
    consistency: str | None = None
    instant_days: int | None = None
    per_day: float | None = None
    group_prefix: str | None = None
    group_suffix: str | None = None


@dataclass(frozen=True, slots=True)
class JobError:
    """One entry of a job's `errorDetails`: `code` is an integer without a published table, texts are localized."""

    code: int | None = None
    title: str | None = None
    text: str | None = None
    recommendations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A backup job. `container` joins it to its item; the friendly name does not, as two VMs may share it."""

    id: ArmId
    vault: ArmId
    container: str | None = None
    friendly_name: str | None = None
    operation: str | None = None
    status: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    duration: timedelta | None = None
    errors: tuple[JobError, ...] = ()
    dynamic_text: str | None = None
    user_triggered: bool = False


@dataclass(frozen=True, slots=True)
class Tier:
    """One copy of a recovery point: `type` such as `InstantRP` or `HardenedRP`, `status` such as `Valid`."""

    type: str
    status: str


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """A recovery point of a protected item, with the tiers that hold a copy of it."""

    id: ArmId
    time: datetime | None = None
    type: str | None = None
    tiers: tuple[Tier, ...] = ()
    file_recovery: bool = False
    """Whether a file-recovery session has it mounted."""


@dataclass(frozen=True, slots=True)
class RecoveryPoints:
    """The recovery points of one protected item."""

    item: ArmId
    points: tuple[RecoveryPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceTags:
    """The names of the service tags that a region knows."""

    location: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdminRules:
    """The security admin rules of Azure Virtual Network Manager on an interface, by priority; they precede its NSGs."""

    nic: ArmId
    rules: tuple[Rule, ...] = ()


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
