"""Which protected VMs deserve a closer look, and what is looked at: reads scale with trouble, not with size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from azremedy import limits
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected, vaults_near
from azremedy.points import service_collections
from azremedy.resources import Collection, Job, Read, RunningJobs, Vault

FINE = frozenset({"", "passed", "healthy"})


def suspects(estate: Estate, wanted: Callable[[ArmId], bool], *, deep: bool) -> tuple[Protected, ...]:
    """Return the protected VMs to read one by one: all of them (`deep`), or those that the lists incriminate."""
    return tuple(one for one in estate.protected if wanted(one.id) and (deep or incriminated(estate, one)))


def incriminated(estate: Estate, one: Protected) -> bool:
    """Whether the lists say that something is wrong with a VM, or do not say what it does."""
    item, vm = one.item, one.vm
    return (
        (item.health or "").lower() not in FINE
        or (item.protection_status or "").lower() not in FINE
        or (item.last_backup_status or "").lower() == "failed"
        or item.id in estate.failures_of
        or (vm is not None and (vm.provisioning_state or "").lower() != "succeeded")
        or unpowered(estate, one)
        or extensionless(one)
        or locked(estate, one)
    )


def extensionless(one: Protected) -> bool:
    """Whether a VM whose backups need its guest forbids extensions, or was made without an agent."""
    told = (one.vm.allow_extension_operations, one.vm.provision_agent) if one.vm else ()
    return one.needs_guest and False in told


def unpowered(estate: Estate, one: Protected) -> bool:
    """Whether the VM is stopped and still allocated, or the list of power states leaves it out."""
    told = Read.POWER in estate.reads and estate.not_read(Read.POWER) is None
    return one.power == "stopped" or (told and one.vm is not None and one.power is None)


def locked(estate: Estate, one: Protected) -> bool:
    return any(estate.locks_over(held.id) for held in service_collections(estate, one))


def failed_jobs(estate: Estate, looked_at: tuple[Protected, ...]) -> Iterator[tuple[Protected, Job]]:
    """Yield the newest failed job of each of them whose last backup failed."""
    for one in looked_at:
        if failures := estate.failures_of.get(one.item.id):
            yield one, failures[0].job


def uncounted(estate: Estate, looked_at: tuple[Protected, ...], *, deep: bool) -> tuple[Collection, ...]:
    """
    Return the collections whose points are worth counting, each once.

    They are those of a VM whose points are locked, or whose newest failure may be a full collection or points of another
    machine: it lists such a cause, or nobody knows what its error means.
    """
    found: dict[ArmId, Collection] = {}
    for one in looked_at:
        newest = next(iter(estate.failures_of.get(one.item.id, ())), None)
        full = newest is not None and (newest.symptom is None or newest.lists("C6", "C13", "C17"))
        if deep or full or locked(estate, one):
            found.update((held.id, held) for held in estate.collections_of.get(one.id, ()))
    return tuple(found.values())


def contended(estate: Estate, looked_at: tuple[Protected, ...], *, deep: bool) -> tuple[Vault, ...]:
    """Return the vaults in which a backup may run that is in the way of one of these VMs, each once."""
    found: dict[ArmId, Vault] = {}
    for one in looked_at:
        newest = next(iter(estate.failures_of.get(one.item.id, ())), None)
        if deep or (newest and newest.lists("C16")):
            found.update((vault.id, vault) for vault in vaults_near(estate, one))
    return tuple(found.values())


def slow_jobs(
    estate: Estate, looked_at: tuple[Protected, ...], running: Iterable[RunningJobs]
) -> Iterator[tuple[Protected, Job]]:
    """Yield the jobs of these VMs that have been running for so long that it matters what they are at."""
    of = {one.item.container.lower(): one for one in looked_at}
    slow = estate.read_at - timedelta(hours=limits.JOB_SLOW.value)
    for job in (job for held in running for job in held.jobs):
        if job.container in of and job.started and job.started <= slow:
            yield of[job.container], job
