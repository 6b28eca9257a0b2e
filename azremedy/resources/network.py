"""Interfaces, the rules and the routes on their way."""

from __future__ import annotations

from dataclasses import dataclass

from azremedy.arm import ArmId


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
    source_ports: tuple[str, ...] = ("*",)
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
class ServiceTags:
    """The names of the service tags that a region knows."""

    location: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdminRules:
    """The security admin rules of Azure Virtual Network Manager on an interface, by priority; they precede its NSGs."""

    nic: ArmId
    rules: tuple[Rule, ...] = ()
