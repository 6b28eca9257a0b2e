"""
A VM's way out to Azure Storage, as far as it is certain enough to be opened, and the rules that speak of it.

Security admin rules of Azure Virtual Network Manager come before every NSG (NSG25), so that one which denies makes the
cure a person's.

Sources: NSG25, NSGH20, TAGS21.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from azremedy import addresses, egress, network
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.resources import IpConfiguration, Nic, Nsg, Read, Rule

from ._cures import UNCLEAR, protection


@dataclass(frozen=True, slots=True)
class Way:
    """A VM's way out: its primary interface, the address there, and the service tag of its region's storage."""

    protected: Protected
    nic: Nic
    source: IpConfiguration
    region: str
    tag: str
    default_route: bool


def way_of(estate: Estate, vm: ArmId) -> Way | str:
    """Return the VM's way out, or why it is not certain enough to open it."""
    one = protection(estate, vm)
    if one is None or one.vm is None:
        return UNCLEAR
    nic = egress.interface(estate, one.vm)
    if isinstance(nic, str):
        return nic
    if nic.vm != vm:
        return f"network interface '{nic.id.name}' does not name this VM as its own"
    found = network.path(estate, nic)
    source = found.source
    if source is None or not (addresses.parse_address(source.address) or source.application_groups):
        return f"network interface '{nic.id.name}' shows no address that a rule could be narrowed to"
    region = addresses.plain(one.vm.location)
    names = (name for name in estate.tags.get(region, ()) if addresses.storage_tag(name, region) == 0)
    default_route = found.gap is not None or network.has_default_route(found.table)
    way = Way(one, nic, source, region, next(names, "Storage"), default_route)
    return above(estate, way) or way


def above(estate: Estate, way: Way) -> str | None:
    """Return what Azure Virtual Network Manager decides before any NSG; None where it leaves it to them."""
    if way.nic.id not in estate.admin:
        gap = estate.not_read(Read.ADMIN_RULES, way.nic.id)
        reason = f" ({gap.reason})" if gap else ""
        return f"the rules of Azure Virtual Network Manager, which come before NSGs, were not read{reason}"
    all_of_them = Nsg(way.nic.id, way.region, estate.admin[way.nic.id])
    for rule in matching(all_of_them, way):
        if rule.access.lower() != "allow":
            return (
                f"security admin rule '{rule.name}' ({rule.access}) of Azure Virtual Network Manager comes before"
                " every NSG: have it changed there"
            )
    return None


def matching(nsg: Nsg, way: Way) -> Iterator[Rule]:
    """Yield the rules that speak of part or all of this VM's traffic to storage, by priority."""
    address = addresses.parse_address(way.source.address)
    for aimed in network.aim(nsg, way.region, default_route=way.default_route):
        if aimed.match(way.source, address):
            yield aimed.rule
