"""What is asked of ARM, and what has no answer."""

from __future__ import annotations

from dataclasses import dataclass
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
    VM_SIZES = "virtual machine sizes"


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
