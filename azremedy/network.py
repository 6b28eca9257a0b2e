"""
Whether a network interface reaches Azure Storage of a region over TCP 443, as far as configuration tells.

Two verdicts, each with a third value for what the configuration cannot decide:

- `filters`: do security rules let the traffic out? The interface's NSG is asked first, then the subnet's; both must
  allow, and no NSG allows (NSGH20).
- `routing`: does the subnet send the traffic Azure's own way out, or elsewhere?

A rule matches all of the traffic, none, or *some*: a range of public addresses may hold part of Azure Storage. Rules
are walked in order of priority. Each decides what it matches of what is still undecided, and the first that matches
all ends the walk. The verdict is then:

    every rule met allows        allowed
    every rule met denies        blocked
    some allow and others deny   indeterminate

A range denied above an allow-all is therefore indeterminate, and so is a range allowed above a deny-all; a range
denied above a deny-all is blocked. Of two NSGs, one that blocks is enough, whatever is unknown of the other.

Not seen: security admin rules of Azure Virtual Network Manager, routes learnt by BGP, endpoint policies, and anything
that filters inside the guest.

Sources: NSGH20, NSG25, TAGS21, DOA, T18b.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from azremedy import addresses
from azremedy.addresses import Address, Match, Network, plain

if TYPE_CHECKING:
    from azremedy.arm import ArmId
    from azremedy.estate import Estate
    from azremedy.resources import IpConfiguration, Nic, Nsg, Route, RouteTable, Rule, Subnet, Vm

PORT = 443
"""The port of Azure Storage; 80 and 8443 belong to earlier documents (PREP20)."""

WIDE = 8
"""A range of this many bits or fewer is wider than any of a service tag, and a route for the tag comes before it."""


class Outcome(StrEnum):
    """What security rules say of the traffic."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What security rules say. `allowed` and `blocked` name the NSG and its first rule that matches all of the traffic.

    `indeterminate` has a `reason`, and names the rule that leaves it open where it is one.
    """

    outcome: Outcome
    nsg: ArmId | None = None
    rule: str | None = None
    priority: int | None = None
    reason: str | None = None


class Way(StrEnum):
    """Where routes send the traffic: Azure's own way out, any other way or none, or it cannot be told."""

    DIRECT = "direct"
    ELSEWHERE = "elsewhere"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True, slots=True)
class Routing:
    """
    What routes say. `elsewhere` names the route table and the route, or only the subnet that has no way out.

    `indeterminate` has a `reason`.
    """

    way: Way
    resource: ArmId | None = None
    route: Route | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """The way from an interface: its ip configuration, subnet and route table, or why one of them is not known."""

    source: IpConfiguration | None
    subnet: Subnet | None
    table: RouteTable | None
    gap: str | None


@dataclass(frozen=True, slots=True)
class Aimed:
    """A rule that matches the traffic by direction, protocol, port and destination; left to see is the source."""

    rule: Rule
    destination: Match
    anywhere: bool
    networks: tuple[Network, ...]
    unclear: bool

    def match(self, source: IpConfiguration, address: Address | None) -> Match:
        """Return how much of the traffic from this ip configuration the rule matches."""
        if self.anywhere or any(group in source.application_groups for group in self.rule.source_groups):
            return self.destination
        if address and any(address in network for network in self.networks):
            return self.destination
        if self.unclear or (self.networks and not address):
            return Match.SOME
        return Match.NONE


def primary_nic(estate: Estate, vm: Vm) -> ArmId | None:
    """Return the interface that the VM talks through: the one it names, the one that is primary, or the only one."""
    if vm.primary_nic:
        return vm.primary_nic
    primary = [nic for nic in vm.nics if nic in estate.nic and estate.nic[nic].primary]
    candidates = primary or vm.nics
    return candidates[0] if len(candidates) == 1 else None


def path(estate: Estate, nic: Nic) -> Path:
    """Return the way that traffic takes from an interface, up to the first thing the estate does not hold."""
    primary = [one for one in nic.ip_configurations if one.primary] or nic.ip_configurations
    if len(primary) != 1:
        return Path(None, None, None, f"network interface '{nic.id.name}' has no primary ip configuration")
    source = primary[0]
    if source.subnet is None:
        return Path(source, None, None, f"network interface '{nic.id.name}' names no subnet")
    subnet = estate.subnet.get(source.subnet)
    if subnet is None:
        return Path(source, None, None, f"subnet '{source.subnet.name}' was not read")
    table = estate.route_table.get(subnet.route_table) if subnet.route_table else None
    if subnet.route_table and table is None:
        return Path(source, subnet, None, f"route table '{subnet.route_table.name}' was not read")
    return Path(source, subnet, table, None)


def filters(estate: Estate) -> Callable[[Nic, str], tuple[Verdict, ...]]:
    """
    Return the function that judges an interface against storage in a region: one verdict for each NSG on the way.

    A verdict without an NSG is about what is not known of the way itself. What rules say of the destination is worked
    out once for each NSG and region, however many interfaces share it.
    """

    @cache
    def aimed(nsg: ArmId, region: str, default_route: bool) -> tuple[Aimed, ...]:
        return tuple(aim(estate.nsg[nsg], region, default_route=default_route))

    def judge(nic: Nic, region: str) -> tuple[Verdict, ...]:
        way = path(estate, nic)
        default_route = way.gap is not None or has_default_route(way.table)
        verdicts: list[Verdict] = []
        for nsg in dict.fromkeys((nic.nsg, way.subnet.nsg if way.subnet else None)):
            if nsg is None or way.source is None:
                continue
            if nsg in estate.nsg:
                rules = aimed(nsg, plain(region), default_route)
                verdicts.append(walk(nsg, rules, way.source))
            else:
                verdicts.append(undecided(f"NSG '{nsg.name}' was not read", nsg))
        return (*verdicts, undecided(way.gap)) if way.gap else tuple(verdicts)

    return judge


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of NSGs that must all allow: the first that blocks, else the first that leaves it open."""
    first: dict[Outcome, Verdict] = {}
    for verdict in verdicts:
        first.setdefault(verdict.outcome, verdict)
    return first.get(Outcome.BLOCKED) or first.get(Outcome.INDETERMINATE) or Verdict(Outcome.ALLOWED)


def walk(nsg: ArmId, rules: Iterable[Aimed], source: IpConfiguration) -> Verdict:
    """Return what one NSG decides of traffic from this source; the module's docstring has the algebra."""
    address = addresses.parse_address(source.address)
    met: list[Rule] = []
    for aimed in rules:
        match = aimed.match(source, address)
        if match is not Match.NONE:
            met.append(aimed.rule)
        if match is Match.ALL:
            break
    else:
        return undecided(f"no rule of NSG '{nsg.name}' decides on Azure Storage", nsg)
    decides = met[-1]
    if other := next((rule for rule in met if allows(rule) != allows(decides)), None):
        reason = f"rule '{other.name}' of NSG '{nsg.name}' may match part of the traffic to Azure Storage"
        return Verdict(Outcome.INDETERMINATE, nsg, other.name, other.priority, reason)
    outcome = Outcome.ALLOWED if allows(decides) else Outcome.BLOCKED
    return Verdict(outcome, nsg, decides.name, decides.priority)


def aim(nsg: Nsg, region: str, *, default_route: bool) -> Iterator[Aimed]:
    """Yield the rules of an NSG that speak of storage in a region, by priority, up to one that matches all."""
    for rule in sorted(nsg.rules, key=lambda rule: rule.priority):
        if rule.direction.lower() != "outbound" or rule.protocol.lower() not in {"*", "tcp"}:
            continue
        destination = addresses.storage(rule.destinations, region, default_route=default_route)
        if destination is Match.NONE or not any(has_port(ports) for ports in rule.ports):
            continue
        if not any(every_port(ports) for ports in rule.source_ports):
            destination = Match.SOME
        anywhere = any(plain(prefix) in {"*", "virtualnetwork"} for prefix in rule.sources)
        ranges = [prefix for prefix in rule.sources if not addresses.is_tag(prefix)]
        networks = tuple(network for prefix in ranges if (network := addresses.parse_network(prefix)))
        yield Aimed(rule, destination, anywhere, networks, unclear=len(networks) < len(ranges))
        if anywhere and destination is Match.ALL:
            return


def routing(estate: Estate, nic: Nic, region: str) -> Routing:
    """
    Return where the subnet of an interface sends traffic to storage in a region.

    A service endpoint for storage comes before all routes (T18b); then the narrowest service tag that holds storage
    decides, then the default route, then Azure's own. A public range that leads another way than the rest leaves it
    open; a single address does not, as no region's storage is one address.
    """
    way = path(estate, nic)
    if way.subnet and any(plain(one).startswith("microsoft.storage") for one in way.subnet.service_endpoints):
        return Routing(Way.DIRECT)
    if way.gap or way.source is None or way.subnet is None:
        return Routing(Way.INDETERMINATE, reason=way.gap)
    if way.table is None:
        return exit_of(way.source, way.subnet)
    taken = list(ways(way.table.routes, region))
    led = {leads(route) for route in taken}
    if led == {Way.ELSEWHERE}:
        return Routing(Way.ELSEWHERE, way.table.id, taken[0])
    if led == {Way.DIRECT}:
        return exit_of(way.source, way.subnet)
    reason = f"route table '{way.table.id.name}' may send part of the traffic to Azure Storage elsewhere"
    return Routing(Way.INDETERMINATE, way.table.id, reason=reason)


def ways(routes: Iterable[Route], region: str) -> Iterator[Route | None]:
    """Yield the routes that traffic to storage may take, the one for most of it first; None is Azure's own."""
    routes = tuple(routes)
    tagged = {rank: one for one in routes if (rank := addresses.storage_tag(one.prefix, region)) is not None}
    ranges = [(network, route) for route in routes if (network := public_range(route.prefix))]
    ranges.sort(key=lambda pair: pair[0].prefixlen)
    if tagged:
        yield tagged[min(tagged)]
        ranges = [pair for pair in ranges if pair[0].prefixlen > WIDE]
    elif not addresses.covers_public(network for network, _ in ranges):
        yield None
    yield from (route for _, route in ranges)


def leads(route: Route | None) -> Way:
    """Where a route leads; an unknown kind of next hop cannot be told."""
    hop = "internet" if route is None else route.next_hop.lower()
    if hop == "internet":
        return Way.DIRECT
    return (
        Way.ELSEWHERE if hop in {"virtualappliance", "virtualnetworkgateway", "none"} else Way.INDETERMINATE
    )


def exit_of(source: IpConfiguration, subnet: Subnet) -> Routing:
    """Whether a subnet whose traffic goes to the internet has anything to go out through (DOA)."""
    if subnet.default_outbound is not False or subnet.nat_gateway or source.public_ip:
        return Routing(Way.DIRECT)
    if source.load_balancer_pools:
        reason = (
            f"whether a load balancer's outbound rule serves private subnet '{subnet.id.name}' is not known"
        )
        return Routing(Way.INDETERMINATE, subnet.id, reason=reason)
    return Routing(Way.ELSEWHERE, subnet.id)


def has_default_route(table: RouteTable | None) -> bool:
    """Whether a route table replaces Azure's way to the internet."""
    networks = (public_range(route.prefix) for route in (table.routes if table else ()))
    return addresses.covers_public(network for network in networks if network)


def public_range(prefix: str) -> IPv4Network | None:
    """The range of public addresses that a route names, if it is more than one address."""
    network = addresses.parse_network(prefix)
    if not isinstance(network, IPv4Network) or network.num_addresses == 1 or not addresses.is_public(network):
        return None
    return network


def has_port(ports: str) -> bool:
    """Whether `*`, `443` or `400-500` holds the port of Azure Storage."""
    low, _, high = ports.replace(" ", "").partition("-")
    ends = (low, high or low)
    if low == "*" or not all(end.isdecimal() and len(end) <= 5 for end in ends):
        return low == "*"
    return int(ends[0]) <= PORT <= int(ends[1])


def every_port(ports: str) -> bool:
    """Whether a range leaves no source port out; the traffic's own is any of the high ones."""
    return ports.replace(" ", "") in {"*", "0-65535", "1-65535"}


def allows(rule: Rule) -> bool:
    return rule.access.lower() == "allow"


def undecided(reason: str, nsg: ArmId | None = None) -> Verdict:
    return Verdict(Outcome.INDETERMINATE, nsg=nsg, reason=reason)
