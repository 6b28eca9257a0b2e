"""
A network security group keeps a VM from Azure Storage.

In 2018 the backup extension inside the VM had to reach Azure Storage over HTTPS, and a security rule that denied it
made backups fail. Today the host takes the snapshot in most cases and no address has to be opened, so a deny is
information until a backup fails with `ExtensionSnapshotFailedNoNetwork`. It is a likely cause where another backup
failed for which the origin names it, and where storage is still reached from inside: write-accelerated or unmanaged
disks, and agents older than the supported ones.

The NSG of the VM's primary network interface and that of its subnet must both allow TCP 443 from its address to the
storage of its region. Where rules name ranges that may or may not be storage's, there is no verdict. Rules of Azure
Virtual Network Manager, which come first, are not seen.

Sources: SEED, T25, PE, FAQ25, PREP20, SM25, NSGH20, NSG25, TAGS21.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy import egress, network
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.network import Outcome, Verdict
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, Severity
from azremedy.resources import Nic, Nsg, Read

from ._storage_rule import openings


@dataclass(frozen=True, slots=True)
class StorageDenied:
    """The rule that denies, whose traffic, how many interfaces and subnets share its NSG, and what bears it out."""

    nsg: ArmId
    rule: str | None
    priority: int | None
    nic: ArmId
    region: str
    shared_by_nics: int
    shared_by_subnets: int
    grounds: tuple[str, ...]


def detect(estate: Estate) -> Iterator[Finding[StorageDenied] | NotEvaluated]:
    judge = network.filters(estate)
    for protected in estate.protected:
        if protected.vm is None or not protected.needs_guest:
            continue
        nic = egress.interface(estate, protected.vm)
        if isinstance(nic, str):
            yield NotEvaluated(PLAYBOOK.id, protected.id, nic)
            continue
        verdicts = judge(nic, protected.vm.location)
        overall = network.combined(verdicts)
        if overall.outcome is Outcome.INDETERMINATE:
            yield NotEvaluated(
                PLAYBOOK.id, protected.id, overall.reason or "its security rules leave it open"
            )
        for verdict in verdicts:
            if verdict.outcome is Outcome.BLOCKED and verdict.nsg:
                yield find(estate, protected, nic, estate.nsg[verdict.nsg], verdict)


def find(
    estate: Estate, protected: Protected, nic: Nic, nsg: Nsg, verdict: Verdict
) -> Finding[StorageDenied]:
    case = egress.grounds(estate, protected)
    uncertain = Severity.SUSPECTED if case.reasons else Severity.INFO
    region = protected.vm.location if protected.vm else nsg.location
    return Finding(
        vm=protected.id,
        resource=nsg.id,
        message=f"rule '{verdict.rule}' (priority {verdict.priority}) of NSG '{nsg.id.name}' denies TCP {network.PORT}"
        f" to Azure Storage in {region}",
        severity=Severity.CORROBORATED if case.failure else uncertain,
        evidence=StorageDenied(
            nsg=nsg.id,
            rule=verdict.rule,
            priority=verdict.priority,
            nic=nic.id,
            region=region,
            shared_by_nics=len(nsg.nics),
            shared_by_subnets=len(nsg.subnets),
            grounds=case.reasons,
        ),
        failure=case.failure,
    )


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Allow this VM alone, above the rule that denies, in every NSG that blocks it."""
    yield from openings(PLAYBOOK.id, estate, findings, choices)


PLAYBOOK = Playbook(
    id="storage-egress",
    title="A network security group blocks Azure Storage",
    causes=("C1",),
    fix_class=FixClass.GUARDED,
    remedy="Allow TCP 443 from this VM to the service tag Storage of its region, above the rule that denies it.",
    needs=GUEST_READS | {Read.NICS, Read.NSGS, Read.VNETS, Read.ROUTE_TABLES},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.SERVICE_TAGS, Read.ADMIN_RULES, Read.LOCKS}),
    writes=frozenset(
        {
            "Microsoft.Network/networkSecurityGroups/securityRules/delete",
            "Microsoft.Network/networkSecurityGroups/securityRules/write",
        }
    ),
)
