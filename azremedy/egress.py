"""
What bears out C1, no way to Azure Storage: shared by the playbooks that look at security rules and at routes.

A blocked way to storage is a cause of 2018 that today's service mostly does without, because the host takes the
snapshot (PE, FAQ25). It counts once a backup failed for want of a network, and is likely where the snapshot or the
agent still goes through the guest's network.

Sources: SEED, T25, FW25, SM25, EXT.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azremedy import agent, network

if TYPE_CHECKING:
    from azremedy.estate import Estate, Failure, Protected
    from azremedy.resources import Nic, Vm

NO_NETWORK = "ExtensionSnapshotFailedNoNetwork"
"""The symptom of no network; the Linux extension's numbers 76 and 761 in a job's texts are known as it (EXT)."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """
    What speaks for C1 at a VM.

    `failure` is a backup that failed for want of a network and corroborates it; `reasons` are what makes it
    suspected. With neither it is information.
    """

    failure: Failure | None
    reasons: tuple[str, ...]


def interface(estate: Estate, vm: Vm) -> Nic | str:
    """Return the VM's primary network interface, or the reason why it is not known."""
    primary = network.primary_nic(estate, vm)
    if primary is None:
        return "which network interface is the primary one is not known"
    return estate.nic.get(primary) or f"network interface '{primary.name}' was not read"


def grounds(estate: Estate, protected: Protected) -> Grounds:
    """Return what speaks for C1 at this VM."""
    failures = estate.failures_of.get(protected.item.id, ())
    failure = next((failure for failure in failures if no_network(failure)), None)
    return Grounds(failure, tuple(reasons(estate, protected, failures)))


def no_network(failure: Failure) -> bool:
    """Whether a backup says of itself that the network was missing."""
    return failure.symptom is not None and failure.symptom.code == NO_NETWORK


def reasons(estate: Estate, protected: Protected, failures: tuple[Failure, ...]) -> Iterator[str]:
    """Yield what makes a blocked way to storage a likely cause."""
    for failure in failures:
        if failure.symptom and failure.symptom.listed_in("2018-01", "C1"):
            yield f"a backup failed with {failure.symptom.code}"
            break
    disks = protected.vm.disks if protected.vm else ()
    if any(disk.write_accelerated for disk in disks):
        yield "it has write-accelerated disks"
    if not all(disk.managed for disk in disks):
        yield "it has unmanaged disks"
    view = estate.view.get(protected.id)
    if protected.vm and view and agent.unsupported(protected.vm, view.agent_version):
        yield "its agent is older than the oldest supported one"
