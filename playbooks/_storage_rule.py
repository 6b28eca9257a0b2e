"""
The security rule that lets one VM out to Azure Storage, above the rule that denies it.

Source, port and destination are as narrow as they go: the address of the VM's primary interface, TCP 443, the service
tag of its region. VMs that share an NSG are planned together, as a priority is free only once. Security admin rules
of Azure Virtual Network Manager come before every NSG (NSG25), so that one which denies makes the cure a person's.

Sources: NSG25, NSGH20, TAGS21, VNL22.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from azremedy import addresses, egress, network
from azremedy.arm import ArmId, Request
from azremedy.estate import Estate, Protected, group
from azremedy.plan import ByHand, Choices, Cure, FixClass, Step
from azremedy.playbook import Finding, fingerprint
from azremedy.resources import IpConfiguration, Nic, Nsg, Read, Rule

from ._cures import (
    UNCLEAR,
    admit,
    by_hand,
    cure,
    gone,
    protection,
    shows,
)

PREFIX = "azremedy-allow-storage-"
LONGEST = 80
LOWEST, HIGHEST = 100, 4096
"""The priorities that a rule may have."""


@dataclass(frozen=True, slots=True)
class Way:
    """A VM's way out: its primary interface, the address there, and the service tag of its region's storage."""

    protected: Protected
    nic: Nic
    source: IpConfiguration
    region: str
    tag: str
    default_route: bool


def openings(
    playbook: str, estate: Estate, findings: Sequence[Finding[Any]], choices: Choices
) -> Iterator[Cure | ByHand]:
    """Yield a cure for each VM, over all NSGs found to block it, and what is left to people."""
    taken: dict[ArmId, set[int]] = defaultdict(set)
    for vm, of_vm in group(findings, lambda finding: finding.vm).items():
        way = way_of(estate, vm)
        made = way if isinstance(way, str) else rules(playbook, estate, way, of_vm, taken)
        if isinstance(made, str):
            yield from (by_hand(playbook, finding, made) for finding in of_vm)
        else:
            for step in made:
                taken[nsg_of(step)].add(step.request.body["properties"]["priority"])
            yield from admit(cure(playbook, of_vm, *made), of_vm, choices)


def nsg_of(step: Step) -> ArmId:
    return ArmId(step.request.id.text.rsplit("/", 2)[0])


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


def rules(
    playbook: str,
    estate: Estate,
    way: Way,
    findings: Sequence[Finding[Any]],
    taken: dict[ArmId, set[int]],
) -> tuple[Step, ...] | str:
    """Return the rule for each NSG that blocks, or why one of them cannot be made."""
    subnet = estate.subnet.get(way.source.subnet) if way.source.subnet else None
    carriers = {subnet.nsg: subnet.id} if subnet else {}
    carriers[way.nic.nsg] = way.nic.id
    made: list[Step] = []
    for finding in findings:
        nsg = estate.nsg.get(finding.resource)
        if nsg is None or nsg.id not in carriers:
            return f"NSG '{finding.resource.name}' is not on the VM's way out any more: scan again"
        denies = next((rule for rule in matching(nsg, way) if not network.allows(rule)), None)
        if denies is None:
            return f"no rule of NSG '{nsg.id.name}' denies Azure Storage any more: scan again"
        step = rule(way, nsg, denies, name_for(playbook, estate, finding), taken[nsg.id])
        if isinstance(step, str):
            return step
        carried = shows(carriers[nsg.id], "properties.networkSecurityGroup.id", str(nsg.id))
        made.append(replace(step, before=(*step.before, carried)))
    return tuple(made)


def rule(way: Way, nsg: Nsg, denies: Rule, name: str, taken: set[int]) -> Step | str:
    """Return the step that makes one rule, or why it cannot be made."""
    vm = way.protected.id
    outbound = [one for one in nsg.rules if one.direction.lower() == "outbound"]
    if any(one.name.lower() == name.lower() for one in nsg.rules):
        return f"rule '{name}' of NSG '{nsg.id.name}' is there already and does not help: look at it"
    used = taken | {one.priority for one in outbound}
    free = (one for one in range(min(denies.priority, HIGHEST + 1) - 1, LOWEST - 1, -1) if one not in used)
    priority = next(free, None)
    if priority is None:
        return f"no priority is free above rule '{denies.name}' of NSG '{nsg.id.name}': make room for one"
    id_ = ArmId(f"{nsg.id}/securityRules/{name}")
    kind = "defaultSecurityRules" if denies.default else "securityRules"
    denying = ArmId(f"{nsg.id}/{kind}/{denies.name}")
    properties = {
        "description": f"Azure Backup of VM {vm.name} reaches Azure Storage",
        "direction": "Outbound",
        "access": "Allow",
        "priority": priority,
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": str(network.PORT),
        "destinationAddressPrefix": way.tag,
        **from_where(way.source),
    }
    shared = f"{count(len(nsg.nics), 'network interface')} and {count(len(nsg.subnets), 'subnet')} share it"
    return Step(
        summary=f"allow VM {vm.name} ({who(way.source)}) TCP {network.PORT} to {way.tag} in NSG '{nsg.id.name}'"
        f" with priority {priority}, above rule '{denies.name}'; {shared}",
        request=Request("PUT", id_, body={"properties": properties}),
        before=(
            gone(id_),
            shows(denying, "properties.access", denies.access),
            shows(denying, "properties.priority", denies.priority),
            shows(way.nic.id, "properties.virtualMachine.id", str(vm)),
        ),
        after=tuple(shows(id_, f"properties.{each}", properties[each]) for each in SHOWN),
        undo=Request("DELETE", id_),
        within=timedelta(minutes=5),
        fix_class=FixClass.GUARDED,
    )


SHOWN = ("direction", "access", "priority", "destinationAddressPrefix")


def from_where(source: IpConfiguration) -> dict[str, object]:
    """Return the source of the rule: the address alone, or the VM's application security group."""
    address = addresses.parse_address(source.address)
    if address:
        return {"sourceAddressPrefix": f"{address}/{address.max_prefixlen}"}
    return {"sourceApplicationSecurityGroups": [{"id": str(source.application_groups[0])}]}


def who(source: IpConfiguration) -> str:
    if addresses.parse_address(source.address):
        return f"address {source.address}"
    return f"every member of application security group '{source.application_groups[0].name}'"


def name_for(playbook: str, estate: Estate, finding: Finding[Any]) -> str:
    """Return a legal name (VNL22) that no other VM's rule has, the VM's own in it."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", finding.vm.name)
    namesakes = sum(one.id.name.lower() == finding.vm.name.lower() for one in estate.vms)
    room = LONGEST - len(PREFIX)
    if (
        plain == finding.vm.name
        and len(plain) <= room
        and namesakes == 1
        and re.search(r"\w\Z", plain, re.ASCII)
    ):
        return PREFIX + plain
    mark = fingerprint(playbook, finding)[:8]
    return f"{PREFIX}{plain[: room - 9]}-{mark}"


def count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
