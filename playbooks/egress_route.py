"""
A route, firewall or private subnet stands between a VM and Azure Storage.

A route table can send a subnet's traffic to a firewall, to a VPN gateway or nowhere, and a private subnet without a
NAT gateway or public address has no way to the internet at all. Whether Azure Storage is reached then rests on
something that ARM does not show: the rules of the firewall, the proxy, the network at the other end. A proxy helps only
where it asks for no password; on Linux the agent hands on to its extensions what the environment of its unit names, and not
`HttpProxy.Host` of its configuration. 168.63.129.16 has to be excepted from it. Most backups do
without (the host takes the snapshot), so this is information until a backup fails with
`ExtensionSnapshotFailedNoNetwork`, as with `storage-egress`.

Nothing is wrong where a narrower route for the service tag of storage leads to the internet, or where the subnet has
a service endpoint for storage. Routes learnt by BGP are not seen.

Sources: SEED, T18b, T25, PREP20, DOA, TAGS21, PE, FAQ25, SM25, WAL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy import egress, network
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.network import Routing, Way
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, Severity
from azremedy.resources import Nic, Read, Route

from ._cures import singly


@dataclass(frozen=True, slots=True)
class StorageElsewhere:
    """The route that leads elsewhere (None: a subnet without a way out), whose traffic, and what bears it out."""

    resource: ArmId
    route: str | None
    prefix: str | None
    next_hop: str | None
    next_hop_address: str | None
    nic: ArmId
    grounds: tuple[str, ...]


def detect(estate: Estate) -> Iterator[Finding[StorageElsewhere] | NotEvaluated]:
    for protected in estate.protected:
        if protected.vm is None or not protected.needs_guest:
            continue
        nic = egress.interface(estate, protected.vm)
        if isinstance(nic, str):
            yield NotEvaluated(PLAYBOOK.id, protected.id, nic)
            continue
        routing = network.routing(estate, nic, protected.vm.location)
        if routing.way is Way.INDETERMINATE:
            yield NotEvaluated(PLAYBOOK.id, protected.id, routing.reason or "its routes leave it open")
        elif routing.way is Way.ELSEWHERE and routing.resource:
            yield find(estate, protected, nic, routing.resource, routing)


def find(
    estate: Estate, protected: Protected, nic: Nic, resource: ArmId, routing: Routing
) -> Finding[StorageElsewhere]:
    case, route = egress.grounds(estate, protected), routing.route
    uncertain = Severity.SUSPECTED if case.reasons else Severity.INFO
    return Finding(
        vm=protected.id,
        resource=resource,
        message=sentence(resource, route),
        severity=Severity.CORROBORATED if case.failure else uncertain,
        evidence=StorageElsewhere(
            resource=resource,
            route=route.name if route else None,
            prefix=route.prefix if route else None,
            next_hop=route.next_hop if route else None,
            next_hop_address=route.next_hop_address if route else None,
            nic=nic.id,
            grounds=case.reasons,
        ),
        failure=case.failure,
    )


def sentence(resource: ArmId, route: Route | None) -> str:
    if route is None:
        return f"subnet '{resource.name}' is private and has no NAT gateway or public IP to reach Azure Storage through"
    where = f"route '{route.name}' ({route.prefix}) of table '{resource.name}'"
    if route.next_hop.lower() == "none":
        return f"{where} drops the traffic to Azure Storage"
    hop = f"{route.next_hop} {route.next_hop_address or ''}".rstrip()
    return f"{where} sends the traffic to Azure Storage to {hop}"


ADVICE = (
    "allow Azure Storage (TCP 443) where the route leads, or add a service endpoint for it to the subnet, or have an HTTP "
    "proxy that asks for no password pass it: let the proxy out by its NSG, name it to the guest (on Linux in the "
    "environment of the agent's unit), and except 168.63.129.16"
)


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to do."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda _: ADVICE)


PLAYBOOK = Playbook(
    id="egress-route",
    title="A route leads the way to Azure Storage elsewhere",
    causes=("C1",),
    fix_class=FixClass.MANUAL,
    remedy="Let firewall or HTTP proxy pass Azure Storage, or add a service endpoint or a route for its tag.",
    needs=GUEST_READS | {Read.NICS, Read.VNETS, Read.ROUTE_TABLES},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
