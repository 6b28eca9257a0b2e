"""
The security rule that lets one VM out to Azure Storage, above the rule that denies it.

Source, port and destination are as narrow as they go: the address of the VM's primary interface, TCP 443, the service
tag of its region. VMs that share an NSG are planned together, as a priority is free only once.

Sources: NSG25, VNL22.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from azremedy import addresses, network
from azremedy.arm import ArmId, Request
from azremedy.estate import Estate, group
from azremedy.plan import ByHand, Choices, Cure, FixClass, Step
from azremedy.playbook import Finding, fingerprint
from azremedy.resources import IpConfiguration, Nsg, Rule

from ._cures import admit, by_hand, cure, gone, shows
from ._storage_way import Way, matching, way_of

PREFIX = "azremedy-allow-storage-"
LONGEST = 80
LOWEST, HIGHEST = 100, 4096
"""The priorities that a rule may have."""


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
