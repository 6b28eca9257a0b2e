"""Whether a VM reaches Azure Storage: admin rules, then the NSG of its interface, that of its subnet, and the route."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from azremedy.sandbox import rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm

STORAGE: Final = ("*", "0.0.0.0/0", "internet", "azurecloud", "storage")
"""What covers all of Storage, with or without the name of the region after it."""

ELSEWHERE: Final = {"VirtualAppliance", "VirtualNetworkGateway", "None"}


def blocked(arm: Arm, model: Json) -> bool:
    """Whether the first network interface of a VM is kept from Storage."""
    (named, *_) = model["properties"]["networkProfile"]["networkInterfaces"]
    nic: Json = arm.store.get(named["id"].lower())
    if nic is None:
        return True
    address = nic["properties"]["ipConfigurations"][0]["properties"]
    subnet = subnet_of(arm, address.get("subnet", {}).get("id", "").lower())
    verdict = first(rules.applying(arm, named["id"].lower(), nic), address)
    if verdict == "AlwaysAllow":
        return detoured(arm, subnet)
    held = (nic["properties"], subnet.get("properties", {}))
    groups = [one["networkSecurityGroup"]["id"].lower() for one in held if "networkSecurityGroup" in one]
    return verdict == "Deny" or any(denies(arm, one, address) for one in groups) or detoured(arm, subnet)


def subnet_of(arm: Arm, key: str) -> Json:
    net, _, name = key.partition("/subnets/")
    body: Json = arm.store.get(net) or {"properties": {"subnets": []}}
    return next((one for one in body["properties"]["subnets"] if one["name"].lower() == name), {})


def denies(arm: Arm, group: str, address: Json) -> bool:
    body: Json = arm.store.get(group)
    if body is None:
        return False
    held = body["properties"]
    return first([*held["securityRules"], *held["defaultSecurityRules"]], address) == "Deny"


def detoured(arm: Arm, subnet: Json) -> bool:
    """Whether the way out of a subnet leads through somebody's own box."""
    properties = subnet.get("properties", {})
    if any(one["service"] == "Microsoft.Storage" for one in properties.get("serviceEndpoints", ())):
        return False
    table: Json = arm.store.get(properties.get("routeTable", {}).get("id", "").lower())
    routes = table["properties"]["routes"] if table else []
    return any(
        one["properties"]["addressPrefix"] == "0.0.0.0/0" and one["properties"]["nextHopType"] in ELSEWHERE
        for one in routes
    )


def first(given: Iterable[Json], address: Json) -> str | None:
    """Return what the first rule says that speaks of HTTPS from this address to Storage."""
    for one in sorted((one["properties"] for one in given), key=lambda rule: int(rule["priority"])):
        if one["direction"] == "Outbound" and one["protocol"] in {"*", "Any", "Tcp"} and speaks(one, address):
            return str(one["access"])
    return None


def speaks(rule: Json, address: Json) -> bool:
    ports = values(rule, "destinationPortRange", "destinationPortRanges")
    sources = values(rule, "sourceAddressPrefix", "sourceAddressPrefixes") + prefixes(rule, "sources")
    targets = values(rule, "destinationAddressPrefix", "destinationAddressPrefixes") + prefixes(
        rule, "destinations"
    )
    groups = {one["id"].lower() for one in rule.get("sourceApplicationSecurityGroups", ())}
    mine = {one["id"].lower() for one in address.get("applicationSecurityGroups", ())}
    return (
        any(has_443(one) for one in ports)
        and (bool(groups & mine) or any(covers(one, address["privateIPAddress"]) for one in sources))
        and any(one.lower().partition(".")[0] in STORAGE or one == "0.0.0.0/0" for one in targets)
    )


def values(rule: Json, one: str, many: str) -> list[str]:
    return [*([rule[one]] if rule.get(one) else []), *rule.get(many, ())]


def prefixes(rule: Json, member: str) -> list[str]:
    """Return the prefixes of an admin rule, which writes them in another shape."""
    return [one["addressPrefix"] for one in rule.get(member, ())]


def has_443(ports: str) -> bool:
    low, _, high = ports.partition("-")
    return ports == "*" or int(low) <= 443 <= int(high or low)


def covers(prefix: str, address: str) -> bool:
    """Whether a source prefix holds an address of the network."""
    if prefix in {"*", "VirtualNetwork"}:
        return True
    try:
        return ip_address(address) in ip_network(prefix, strict=False)
    except ValueError:
        return False
