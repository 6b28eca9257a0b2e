"""
What the prefixes of rules and routes hold of Azure Storage: all of it, none, or some that cannot be told.

A prefix is a service tag (`Storage.WestEurope`), a range (`20.60.0.0/16`), an address or `*`. The addresses of Azure
Storage are not known here: a range of public addresses may hold some, a private one holds none. A tag of another
service or region holds none. Tags and regions are compared without case and blanks.

Sources: TAGS21, I-21590, I-99038.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

EVERYWHERE = IPv4Network("0.0.0.0/0")

NOT_PUBLIC = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
    )
)
"""Where no public address can lie."""

STORAGE_TAGS = ("storage.{}", "storage", "azurecloud.{}", "azurecloud")
"""The service tags that hold all storage of a region, the narrowest first."""

REGIONS = {
    "centralfrance": "francecentral",
    "southfrance": "francesouth",
    "brazilse": "brazilsoutheast",
    "germanyn": "germanynorth",
    "isrealcentral": "israelcentral",
}
"""Names of regions in lists of service tags that differ from those of locations."""


class Match(IntEnum):
    """How much of something a prefix or rule speaks of."""

    NONE = 0
    SOME = 1
    ALL = 2


def storage(prefixes: Iterable[str], region: str, *, default_route: bool) -> Match:
    """
    Return how much of storage in a region these prefixes hold together.

    `VirtualNetwork` is private address space; with a `default_route` of the user it may hold more (TAGS21).
    """
    ranges: list[IPv4Network] = []
    unclear = False
    for prefix in prefixes:
        tag = plain(prefix)
        if tag in {"*", "internet"} or storage_tag(tag, region) is not None:
            return Match.ALL
        if is_tag(prefix):
            unclear |= tag == "virtualnetwork" and default_route
        elif (network := parse_network(prefix)) is None:
            unclear = True
        elif isinstance(network, IPv4Network) and is_public(network):
            ranges.append(network)
    if covers_public(ranges):
        return Match.ALL
    return Match.SOME if ranges or unclear else Match.NONE


def storage_tag(prefix: str, region: str) -> int | None:
    """Return the rank among `STORAGE_TAGS` of a tag that holds all storage of this region, else None."""
    service, dot, of = plain(prefix).partition(".")
    spelled = f"{service}{dot}{REGIONS.get(of, of)}"
    names = [name.format(plain(region)) for name in STORAGE_TAGS]
    return names.index(spelled) if spelled in names else None


def covers_public(networks: Iterable[IPv4Network]) -> bool:
    """Return whether these ranges hold every public address."""
    networks = tuple(networks)
    return bool(networks) and list(collapse_addresses((*networks, *NOT_PUBLIC))) == [EVERYWHERE]


def is_public(network: IPv4Network) -> bool:
    """Return whether a range holds a public address."""
    return not any(network.subnet_of(block) for block in NOT_PUBLIC)


def is_tag(prefix: str) -> bool:
    """Return whether a prefix is a name (or `*`, or nothing at all), and no range of addresses."""
    return prefix in {"", "*"} or (prefix[0].isalpha() and ":" not in prefix)


def plain(text: str) -> str:
    """Return a tag or region as it is compared: without case and blanks."""
    return text.replace(" ", "").lower()


def parse_network(text: str) -> Network | None:
    """Return a range or single address, None where the text is neither."""
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def parse_address(text: str | None) -> Address | None:
    """Return an address, None where the text is none."""
    try:
        return ip_address((text or "").strip())
    except ValueError:
        return None
