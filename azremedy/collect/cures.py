"""
What cures ask for beyond a scan, for the VMs found and for no other: recovery points, service tags, admin rules, sizes.

The rules of Azure Virtual Network Manager are asked of a virtual network, by a POST that only reads (SDK); where the
network is not there or no manager ever came to it, ARM answers 404, which means none. An interface carries the rules
of its own network. Recovery points are kept whole or not at all: half a list would make a copy in the vault look
missing, or an open file recovery closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from azremedy import addresses, egress, network
from azremedy.arm import ArmId, Json, PostingReader
from azremedy.collect import Progress, Reading, by_read, decode, pool, sources
from azremedy.collect.sweep import FIELDS, NONSENSE, Sweep, answers, malformed
from azremedy.collect.values import text
from azremedy.errors import ReadError
from azremedy.estate import Estate
from azremedy.playbook import Finding, Playbook
from azremedy.resources import PER_VAULT, AdminRules, Item, Nic, Read, RecoveryPoints, Rule

LISTED = frozenset(FIELDS) - PER_VAULT
"""Kinds that one list over the whole subscription answers."""


def read_for_cures(
    reader: PostingReader,
    estate: Estate,
    found: Iterable[tuple[Playbook[Any], Finding[Any]]],
    *,
    workers: int = 16,
    progress: Progress | None = None,
) -> Reading:
    """
    Return the estate with what `Playbook.plan_needs` asks for the VMs found, and what that cost.

    What has no usable answer is an `Unread` of the estate. Lists that the scan read already are not read again.
    """
    wanted: dict[Read, set[ArmId]] = {}
    for playbook, finding in found:
        for read in playbook.plan_needs:
            wanted.setdefault(read, set()).add(finding.vm)
    with pool(workers) as requests, pool(workers) as lists:
        sweep = Sweep(reader, requests, lists, progress)
        missing = (wanted.keys() - estate.reads) & LISTED
        more: dict[str, Any] = {}
        if missing:
            more = sweep.everything(estate.subscription, frozenset(missing), estate.lookback)
            more = {FIELDS[read]: more[FIELDS[read]] for read in missing}
        points = recovery_points(sweep, estate, wanted.get(Read.RECOVERY_POINTS, set()))
        tags = of_regions(sweep, estate, wanted.get(Read.SERVICE_TAGS, set()), sources.service_tags)
        sizes = of_regions(sweep, estate, wanted.get(Read.VM_SIZES, set()), sources.vm_sizes)
        rules = admin_rules(sweep, reader, estate, wanted.get(Read.ADMIN_RULES, set()))
        more["recovery_points"] = tuple(sorted(answers(points), key=lambda held: held.item))
        more["service_tags"] = tuple(sorted(answers(tags), key=lambda held: held.location))
        more["vm_sizes"] = tuple(sorted(answers(sizes), key=lambda held: held.location))
        more["admin_rules"] = tuple(
            AdminRules(nic.id, told)
            for nic, asked in sorted(rules, key=lambda pair: pair[0].id)
            if (told := asked.result()) is not None
        )
    unread = tuple(sorted({*estate.unread, *sweep.unread}, key=by_read))
    whole = estate.changed(reads=estate.reads | wanted.keys(), unread=unread, **more)
    return Reading(whole, dict(sweep.calls))


def recovery_points(sweep: Sweep, estate: Estate, vms: set[ArmId]) -> list[Future[RecoveryPoints | None]]:
    """Start reading the recovery points of these VMs' items."""

    def whole(item: Item) -> RecoveryPoints | None:
        points = sweep.listed(sources.recovery_points(item))
        gaps = tuple(sweep.unread)
        broken = any(gap.read is Read.RECOVERY_POINTS and item.id.covers(gap.scope) for gap in gaps)
        return None if broken else RecoveryPoints(item.id, tuple(sorted(points, key=lambda one: one.id)))

    return [sweep.lists.submit(whole, one.item) for one in estate.protected if one.id in vms]


def of_regions(
    sweep: Sweep, estate: Estate, vms: set[ArmId], source: Callable[[ArmId, str], sources.Single]
) -> list[Future[Any]]:
    """Start reading this of these VMs' regions, once each."""
    regions = {addresses.plain(vm.location) for vm in estate.vms if vm.id in vms}
    places = sorted(region for region in regions if region.isalnum())
    return [sweep.submit(source(estate.subscription.id, region)) for region in places]


def admin_rules(
    sweep: Sweep, reader: PostingReader, estate: Estate, vms: set[ArmId]
) -> list[tuple[Nic, Future[tuple[Rule, ...] | None]]]:
    """Start reading the rules of the virtual networks that these VMs' primary interfaces are in, once each."""
    of_network: dict[ArmId, list[Nic]] = {}
    for vm in estate.vms:
        nic = egress.interface(estate, vm) if vm.id in vms else ""
        source = None if isinstance(nic, str) else network.path(estate, nic).source
        if source and source.subnet and not isinstance(nic, str):
            of_network.setdefault(ArmId(source.subnet.text.rsplit("/", 2)[0]), []).append(nic)

    def asked(vnet: ArmId, nics: list[Nic]) -> tuple[Rule, ...] | None:
        try:
            return effective(sweep, reader, vnet)
        except ReadError as error:
            reason = error
        except NONSENSE as error:
            reason = malformed("a security admin rule", error)
        for nic in nics:
            sweep.gap(Read.ADMIN_RULES, nic.id, reason)
        return None

    return [
        (nic, running)
        for vnet, nics in of_network.items()
        for running in (sweep.requests.submit(asked, vnet, nics),)
        for nic in nics
    ]


def effective(sweep: Sweep, reader: PostingReader, vnet: ArmId) -> tuple[Rule, ...]:
    """Return the security admin rules on a virtual network, by priority. Raises `ReadError`."""
    address = f"{vnet}/listNetworkManagerEffectiveSecurityAdminRules"
    query, body = {"api-version": sources.NETWORK}, dict[str, str]()
    rules: list[Rule] = []
    tokens: set[str] = set()
    while True:
        page = asked_page(sweep, reader, address, body, query)
        values, token = page.get("value"), text(page.get("skipToken"))
        if not isinstance(values, list):
            raise ReadError("the answer is no list: it has no 'value'", status=200, code="NotAList")
        rules += [decode.admin_rule(one) for one in values]
        if token is None:
            return tuple(sorted(rules, key=lambda rule: (rule.priority, rule.name)))
        if token in tokens:
            raise ReadError("the list leads back to a page it came from", status=200, code="NextLinkLoop")
        tokens.add(token)
        body = {"skipToken": token}


def asked_page(
    sweep: Sweep, reader: PostingReader, address: str, body: Json, query: Mapping[str, str]
) -> Json:
    """Return one page; a network to which no manager came has none."""
    try:
        return sweep.asked(Read.ADMIN_RULES, lambda: reader.post_read(address, body, query))
    except ReadError as error:
        if error.status == 404:
            return {"value": []}
        raise
