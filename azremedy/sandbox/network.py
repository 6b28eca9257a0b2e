"""Bodies of Microsoft.Network: security groups, route tables, virtual networks and network interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.sandbox.description import Rule
from azremedy.sandbox.ground import Ground, guid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azremedy.arm import Json
    from azremedy.sandbox.description import AdminRule, Nsg, Route, RouteTable, Subnet, Vm, Vnet

NSG: Final = "Microsoft.Network/networkSecurityGroups"
VNET: Final = "Microsoft.Network/virtualNetworks"
NIC: Final = "Microsoft.Network/networkInterfaces"

DEFAULTS: Final = (
    Rule("AllowVnetInBound", "Allow", 65000, "Inbound", "VirtualNetwork", "VirtualNetwork"),
    Rule("AllowAzureLoadBalancerInBound", "Allow", 65001, "Inbound", source="AzureLoadBalancer"),
    Rule("DenyAllInBound", "Deny", 65500, "Inbound"),
    Rule("AllowVnetOutBound", "Allow", 65000, "Outbound", "VirtualNetwork", "VirtualNetwork"),
    Rule("AllowInternetOutBound", "Allow", 65001, "Outbound", "Internet"),
    Rule("DenyAllOutBound", "Deny", 65500, "Outbound"),
)


def etag(id_: str) -> str:
    return f'W/"{guid(id_, "etag")}"'


def resource(ground: Ground, id_: str, type_: str, properties: Json) -> Json:
    return {
        "name": id_.rpartition("/")[2],
        "id": id_,
        "etag": etag(id_),
        "type": type_,
        "location": ground.location,
        "properties": {"provisioningState": "Succeeded", "resourceGuid": guid(id_), **properties},
    }


def part(id_: str, parent: str, type_: str, properties: Json) -> Json:
    """Return a resource that stands inside another one."""
    return {
        "name": id_.rpartition("/")[2],
        "id": id_,
        "etag": etag(parent),
        "type": type_,
        "properties": {"provisioningState": "Succeeded", **properties},
    }


def nsg(ground: Ground, nsg_: Nsg, nics: Sequence[str], subnets: Sequence[str]) -> tuple[str, Json]:
    id_ = ground.id(nsg_.group, NSG, nsg_.name)
    defaults = [
        part(
            f"{id_}/defaultSecurityRules/{one.name}",
            id_,
            f"{NSG}/defaultSecurityRules",
            {"description": f"{one.access} by default", **rule_properties(one)},
        )
        for one in DEFAULTS
    ]
    properties: dict[str, Json] = {
        "securityRules": [rule(id_, one) for one in nsg_.rules],
        "defaultSecurityRules": defaults,
    }
    if nics:
        properties["networkInterfaces"] = [{"id": one} for one in nics]
    if subnets:
        properties["subnets"] = [{"id": one} for one in subnets]
    return id_, resource(ground, id_, NSG, properties)


def rule(nsg_id: str, rule_: Rule) -> Json:
    return part(
        f"{nsg_id}/securityRules/{rule_.name}",
        nsg_id,
        f"{NSG}/securityRules",
        rule_properties(rule_),
    )


def rule_properties(rule_: Rule) -> Json:
    return {
        "protocol": rule_.protocol,
        "sourcePortRange": "*",
        "access": rule_.access,
        "priority": rule_.priority,
        "direction": rule_.direction,
        "sourcePortRanges": [],
        **spread("destinationPortRange", rule_.ports),
        **spread("sourceAddressPrefix", rule_.source, "sourceAddressPrefixes"),
        **spread("destinationAddressPrefix", rule_.to, "destinationAddressPrefixes"),
    }


def spread(one: str, value: str | tuple[str, ...], many: str = "") -> Mapping[str, Json]:
    """Return a value in the singular member, or several in the plural one; the plural is always there."""
    many = many or f"{one}s"
    if isinstance(value, str):
        return {one: value, many: []}
    return {one: value[0], many: []} if len(value) == 1 else {many: list(value)}


def route_table(ground: Ground, table: RouteTable, subnets: Sequence[str]) -> tuple[str, Json]:
    id_ = ground.id(table.group, "Microsoft.Network/routeTables", table.name)
    properties: dict[str, Json] = {
        "disableBgpRoutePropagation": False,
        "routes": [route(id_, one) for one in table.routes],
    }
    if subnets:
        properties["subnets"] = [{"id": one} for one in subnets]
    return id_, resource(ground, id_, "Microsoft.Network/routeTables", properties)


def route(table: str, route_: Route) -> Json:
    properties = {
        "addressPrefix": route_.prefix,
        "nextHopType": route_.next_hop,
        "hasBgpOverride": False,
    }
    if route_.address:
        properties["nextHopIpAddress"] = route_.address
    return part(f"{table}/routes/{route_.name}", table, "Microsoft.Network/routeTables/routes", properties)


def vnet(ground: Ground, vnet_: Vnet) -> tuple[str, Json]:
    id_ = ground.id(vnet_.group, VNET, vnet_.name)
    return id_, resource(
        ground,
        id_,
        VNET,
        {
            "addressSpace": {"addressPrefixes": [vnet_.prefix]},
            "subnets": [subnet(ground, vnet_, one) for one in vnet_.subnets],
            "virtualNetworkPeerings": [],
            "enableDdosProtection": False,
        },
    )


def subnet_id(ground: Ground, vnet_: Vnet, subnet_: Subnet) -> str:
    return f"{ground.id(vnet_.group, VNET, vnet_.name)}/subnets/{subnet_.name}"


def subnet(ground: Ground, vnet_: Vnet, subnet_: Subnet) -> Json:
    user = f"subnet '{subnet_.name}'"
    properties: dict[str, Json] = {
        "addressPrefix": subnet_.prefix,
        "serviceEndpoints": [
            {"provisioningState": "Succeeded", "service": one, "locations": [ground.location]}
            for one in subnet_.service_endpoints
        ],
        "delegations": [],
        "privateEndpointNetworkPolicies": "Disabled",
        "privateLinkServiceNetworkPolicies": "Enabled",
    }
    if subnet_.nsg:
        properties["networkSecurityGroup"] = {"id": ground.nsg(subnet_.nsg, user)}
    if subnet_.route_table:
        properties["routeTable"] = {"id": ground.route_table(subnet_.route_table, user)}
    if subnet_.default_outbound is not None:
        properties["defaultOutboundAccess"] = subnet_.default_outbound
    id_ = subnet_id(ground, vnet_, subnet_)
    return part(id_, id_, f"{VNET}/subnets", properties)


def nic_id(ground: Ground, vm: Vm) -> str:
    return ground.id(vm.group, NIC, f"{vm.name}-nic")


def nic(ground: Ground, vm: Vm, subnet_: str | None, number: int) -> tuple[str, Json]:
    """Make a VM's network interface; `number` makes its address one of its own."""
    id_ = nic_id(ground, vm)
    address: dict[str, Json] = {
        "privateIPAddress": f"10.0.{number // 250}.{number % 250 + 4}",
        "privateIPAllocationMethod": "Dynamic",
        "primary": True,
        "privateIPAddressVersion": "IPv4",
    }
    if subnet_:
        address["subnet"] = {"id": subnet_}
    if vm.nic.public_ip:
        public = ground.id(vm.group, "Microsoft.Network/publicIPAddresses", f"{vm.name}-ip")
        address["publicIPAddress"] = {"id": public}
    configuration = part(f"{id_}/ipConfigurations/ipconfig1", id_, f"{NIC}/ipConfigurations", address)
    properties: dict[str, Json] = {
        "ipConfigurations": [configuration],
        "dnsSettings": {
            "dnsServers": [],
            "appliedDnsServers": [],
            "internalDomainNameSuffix": "sandbox.ax.internal.cloudapp.net",
        },
        "macAddress": f"00-0D-3A-{number >> 16 & 255:02X}-{number >> 8 & 255:02X}-{number & 255:02X}",
        "enableAcceleratedNetworking": False,
        "enableIPForwarding": False,
        "primary": True,
        "virtualMachine": {"id": ground.vm(vm)},
        "hostedWorkloads": [],
        "tapConfigurations": [],
        "nicType": "Standard",
    }
    if vm.nic.nsg:
        properties["networkSecurityGroup"] = {"id": ground.nsg(vm.nic.nsg, f"VM '{vm.name}'")}
    return id_, resource(ground, id_, NIC, properties)


def admin_rule(ground: Ground, rule_: AdminRule) -> Json:
    """Return an admin rule with the lower-cased ids of the networks that it applies to; none are all."""
    nets = {one.name.lower(): ground.id(one.group, VNET, one.name).lower() for one in ground.estate.vnets}
    user = f"admin rule '{rule_.name}'"
    properties = {
        "access": rule_.access,
        "priority": rule_.priority,
        "direction": rule_.direction,
        "protocol": rule_.protocol,
        "sources": [prefix(one) for one in several(rule_.source)],
        "destinations": [prefix(one) for one in several(rule_.to)],
        "sourcePortRanges": ["0-65535"],
        "destinationPortRanges": several(rule_.ports),
        "provisioningState": "Succeeded",
    }
    manager = ground.id("network", "Microsoft.Network/networkManagers", "manager")
    return {
        "vnets": [ground.find("VNet", nets, one, user) for one in rule_.vnets],
        "body": {
            "id": f"{manager}/securityAdminConfigurations/admin/ruleCollections/all/rules/{rule_.name}",
            "kind": "Custom",
            "configurationDescription": "",
            "properties": properties,
        },
    }


def several(value: str | tuple[str, ...]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def prefix(text: str) -> Json:
    tag = not text[:1].isdigit() and text != "*"
    return {"addressPrefix": text, "addressPrefixType": "ServiceTag" if tag else "IPPrefix"}
