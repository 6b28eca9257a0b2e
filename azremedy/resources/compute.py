"""Virtual machines, their disks and their restore points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azremedy.arm import ArmId


@dataclass(frozen=True, slots=True)
class AttachedDisk:
    """
    A disk as the VM model names it. `lun` is None for the OS disk, `disk` is None for an unmanaged one.

    An `ephemeral` OS disk lies on the host's own storage.
    """

    lun: int | None
    name: str
    disk: ArmId | None = None
    size: int | None = None
    write_accelerated: bool = False
    caching: str | None = None
    sku: str | None = None
    ephemeral: bool = False

    @property
    def managed(self) -> bool:
        return self.disk is not None


@dataclass(frozen=True, slots=True)
class Vm:
    """A virtual machine's model. `extensions` are the ids that ARM lists under it (managed VMs hide Backup's)."""

    id: ArmId
    location: str
    size: str | None = None
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
    offer: str | None = None
    """The marketplace offer of a VM that was made under a purchase plan, as appliances are."""

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
    """
    A managed disk, `size` in GiB.

    `encrypted_in_guest` is Azure Disk Encryption; `encryption` and `encryption_set` are encryption at rest.
    """

    id: ArmId
    size: int | None = None
    sku: str | None = None
    max_shares: int | None = None
    encrypted_in_guest: bool = False
    data_access_auth: str | None = None
    managed_by: ArmId | None = None
    location: str = ""
    extended_location: str | None = None
    zones: tuple[str, ...] = ()
    encryption: str | None = None
    encryption_set: ArmId | None = None
    network_access: str | None = None
    public_access: str | None = None
    disk_access: ArmId | None = None
    secrets: tuple[ArmId, ...] = ()
    """The key vaults that hold the secrets of a disk encrypted in the guest."""
    keys: tuple[ArmId, ...] = ()
    """Those that hold a key by which such secrets are wrapped."""


@dataclass(frozen=True, slots=True)
class VmSize:
    """A size of VMs, such as `Standard_D2s_v5`, and how many data disks one takes."""

    name: str
    data_disks: int


@dataclass(frozen=True, slots=True)
class VmSizes:
    """The sizes of VMs that a region has."""

    location: str
    sizes: tuple[VmSize, ...] = ()


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
