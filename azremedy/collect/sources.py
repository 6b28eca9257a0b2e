"""What is asked of ARM: the address, api-version and decoder of each list and each single read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from azremedy.arm import ArmId, Json
from azremedy.collect import backup, decode
from azremedy.estate import Protected
from azremedy.resources import Collection, Item, Job, Read, ResourceGroup, Vault

COMPUTE = "2024-07-01"
DISKS = "2024-03-02"
NETWORK = "2024-05-01"
LOCKS = "2020-05-01"
GROUPS = "2021-04-01"
VAULTS = "2024-04-01"
BACKUP = "2024-04-01"

HANGING = timedelta(days=30)
"""How old a job may be that is still looked for as one that runs."""

ITEMS_OF_VMS = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"
POLICIES_OF_VMS = "backupManagementType eq 'AzureIaasVM'"


@dataclass(frozen=True, slots=True)
class Source:
    """One list: `decode` makes of an element the resources that it holds, often one, sometimes none."""

    read: Read
    scope: ArmId
    address: str
    query: Mapping[str, str]
    decode: Callable[[Json], Iterable[object]]


@dataclass(frozen=True, slots=True)
class Single:
    """One read of one resource. `scope` is what is unknown when it has no answer."""

    read: Read
    scope: ArmId
    address: str
    query: Mapping[str, str]
    decode: Callable[[Json], object]


def one(decoder: Callable[[Json], object]) -> Callable[[Json], Iterable[object]]:
    """A decoder of an element that holds one resource, or None for one that does not matter."""
    return lambda body: () if (resource := decoder(body)) is None else (resource,)


def of_subscription(id_: ArmId) -> tuple[Source, ...]:
    """Every list over a whole subscription."""

    def source(
        read: Read, type_: str, version: str, decoder: Callable[[Json], Iterable[object]], **query: str
    ) -> Source:
        return Source(read, id_, f"{id_}/providers/{type_}", {"api-version": version, **query}, decoder)

    compute, network = "Microsoft.Compute", "Microsoft.Network"
    held = one(lambda body: ResourceGroup(decode.own_id(body)))
    groups = Source(Read.GROUPS, id_, f"{id_}/resourcegroups", {"api-version": GROUPS}, held)
    return (
        groups,
        source(Read.VAULTS, "Microsoft.RecoveryServices/vaults", VAULTS, one(backup.vault)),
        source(Read.VMS, f"{compute}/virtualMachines", COMPUTE, one(decode.vm)),
        source(Read.POWER, f"{compute}/virtualMachines", COMPUTE, one(decode.power_state), statusOnly="true"),
        source(Read.DISKS, f"{compute}/disks", DISKS, one(decode.disk)),
        source(Read.NICS, f"{network}/networkInterfaces", NETWORK, one(decode.nic)),
        source(Read.NSGS, f"{network}/networkSecurityGroups", NETWORK, one(decode.nsg)),
        source(Read.VNETS, f"{network}/virtualNetworks", NETWORK, decode.subnets),
        source(Read.ROUTE_TABLES, f"{network}/routeTables", NETWORK, one(decode.route_table)),
        source(Read.LOCKS, "Microsoft.Authorization/locks", LOCKS, one(decode.lock)),
        source(Read.COLLECTIONS, f"{compute}/restorePointCollections", COMPUTE, one(decode.collection)),
    )


def of_vault(vault: Vault, now: datetime, lookback: timedelta) -> tuple[Source, ...]:
    """The lists of one vault. Failed jobs are those that started within the look-back."""

    def source(read: Read, name: str, decoder: Callable[[Json], object], filter_: str) -> Source:
        query = {"api-version": BACKUP, "$filter": filter_}
        return Source(read, vault.id, f"{vault.id}/{name}", query, one(decoder))

    failed = backups(now - lookback, now + timedelta(days=1), "Failed")
    return (
        source(Read.ITEMS, "backupProtectedItems", lambda body: backup.item(vault.id, body), ITEMS_OF_VMS),
        source(Read.JOBS, "backupJobs", lambda body: backup.job(vault.id, body), failed),
        source(Read.POLICIES, "backupPolicies", backup.policy, POLICIES_OF_VMS),
    )


def running_jobs(vault: ArmId, now: datetime) -> Source:
    """The backups that run in a vault; one that is older than `HANGING` is not looked for."""
    running = backups(now - HANGING, now + timedelta(days=1), "InProgress")
    query = {"api-version": BACKUP, "$filter": running}
    decoder = one(lambda body: backup.job(vault, body))
    return Source(Read.RUNNING_JOBS, vault, f"{vault}/backupJobs", query, decoder)


def backups(start: datetime, end: datetime, status: str) -> str:
    """The filter for VM backups of a window; the service takes en-US times in UTC and equality only."""
    stamp = "%Y-%m-%d %I:%M:%S %p"
    return (
        f"startTime eq '{start.strftime(stamp)}' and endTime eq '{end.strftime(stamp)}' and operation eq 'Backup' "
        f"and backupManagementType eq 'AzureIaasVM' and status eq '{status}'"
    )


def instance_view(vm: ArmId) -> Single:
    """What a VM reports of itself."""
    query = {"api-version": COMPUTE}
    return Single(Read.VIEW, vm, f"{vm}/instanceView", query, lambda body: decode.instance_view(vm, body))


def job_detail(of: Protected, job: Job) -> Single:
    """The errors of a job, which the list of jobs leaves out."""
    query = {"api-version": BACKUP}
    return Single(Read.JOB_DETAIL, of.item.id, str(job.id), query, lambda body: backup.job(job.vault, body))


def restore_points(held: Collection) -> Single:
    """The points of a collection."""
    query = {"api-version": COMPUTE, "$expand": "restorePoints"}
    return Single(
        Read.POINTS, held.id, str(held.id), query, lambda body: decode.restore_points(held.id, body)
    )


def recovery_points(of: Item) -> Source:
    """The recovery points of a protected item."""
    query = {"api-version": BACKUP}
    address = f"{of.id}/recoveryPoints"
    return Source(Read.RECOVERY_POINTS, of.id, address, query, one(backup.recovery_point))


def service_tags(subscription: ArmId, region: str) -> Single:
    """The names of the service tags of a region, its name without blanks."""
    place = ArmId(f"{subscription}/providers/Microsoft.Network/locations/{region}")
    query = {"api-version": NETWORK}
    return Single(
        Read.SERVICE_TAGS,
        place,
        f"{place}/serviceTags",
        query,
        lambda body: decode.service_tags(region, body),
    )


def vm_sizes(subscription: ArmId, region: str) -> Single:
    """The sizes of VMs of a region, its name without blanks."""
    place = ArmId(f"{subscription}/providers/Microsoft.Compute/locations/{region}")
    query = {"api-version": COMPUTE}
    return Single(Read.VM_SIZES, place, f"{place}/vmSizes", query, lambda body: decode.vm_sizes(region, body))
