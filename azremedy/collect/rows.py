"""
Rows of Azure Resource Graph, decoded into the same resources that ARM's lists hold.

A row that makes no sense, or that names what no row shows, is a doubt: that kind is then read from ARM. So is all that
lies in a vault of which a row tells trouble, since Resource Graph says less of protected items and jobs than their own
service does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from azremedy.arm import ArmId, Json
from azremedy.collect import backup, decode, kql
from azremedy.collect.sources import one as single
from azremedy.collect.values import arm_id, record, text
from azremedy.errors import ReadError
from azremedy.resources import PER_VAULT, Item, Nic, PowerState, Read, Subnet, Vm

KINDS = frozenset(
    {
        Read.VMS, Read.POWER, Read.DISKS, Read.NICS, Read.NSGS, Read.VNETS, Read.ROUTE_TABLES, Read.COLLECTIONS,
        Read.ITEMS, Read.JOBS, Read.POLICIES,
    }
)  # fmt: skip
"""What Resource Graph holds of what scans read. It knows no locks, and nothing that a VM reports but its power state."""

STATES = {"protectionconfigured": "Protected", "configuringprotection": "IRPending"}
"""Protection states that it tells in words of its own (ARG25)."""

DECODERS: Mapping[str, tuple[Read, Callable[[Json], Iterable[Any]]]] = {
    kql.DISK: (Read.DISKS, single(decode.disk)),
    kql.NIC: (Read.NICS, single(decode.nic)),
    kql.NSG: (Read.NSGS, single(decode.nsg)),
    kql.VNET: (Read.VNETS, decode.subnets),
    kql.ROUTE_TABLE: (Read.ROUTE_TABLES, single(decode.route_table)),
    kql.COLLECTION: (Read.COLLECTIONS, single(decode.collection)),
}

RESTS_ON: Mapping[Read, tuple[Read, ...]] = {
    Read.VMS: (Read.POWER, Read.NICS, Read.DISKS),
    Read.NICS: (Read.NSGS, Read.VNETS),
    Read.VNETS: (Read.NSGS, Read.ROUTE_TABLES),
}
"""What is read from ARM too, where a kind is: newer resources may name what no row shows yet."""

NONSENSE = (ValueError, TypeError, AttributeError, KeyError)


@dataclass(frozen=True, slots=True)
class Swept:
    """
    What Resource Graph holds of one subscription.

    `lists` are whole, but for the kinds in `doubted`; `vaults` those of which there are rows, none where a row may be of
    any, `troubled` those of them that ARM has to be asked about; `refused` are kinds to which there was no whole answer. `queries` were asked for it,
    from `at` on.
    """

    lists: Mapping[Read, tuple[Any, ...]] = field(default_factory=dict)
    doubted: frozenset[Read] = frozenset()
    vaults: frozenset[ArmId] = frozenset()
    troubled: frozenset[ArmId] = frozenset()
    refused: Mapping[Read, ReadError] = field(default_factory=dict)
    queries: int = 0
    at: datetime | None = None


class Rows:
    """The rows of one subscription while they come in."""

    def __init__(self) -> None:
        self._held: dict[Read, dict[ArmId, Any]] = {read: {} for read in KINDS}
        self._extensions: dict[ArmId, list[ArmId]] = defaultdict(list)
        self._doubted: set[Read] = set()
        self._vaults: set[ArmId] = set()
        self._troubled: set[ArmId] = set()

    def take(self, row: Json, told: frozenset[Read] = KINDS) -> None:
        """Decode a row that came where these kinds were asked for."""
        id_, type_ = arm_id(row.get("id")), type_of(row)
        try:
            self._decode(type_, row)
        except NONSENSE:
            if id_ and type_.startswith(f"{kql.VAULT}/"):
                self._troubled.add(vault_of(id_))
            else:
                self.doubt(row, told)

    def doubt(self, row: Json, told: frozenset[Read] = KINDS) -> None:
        """Take in a row that makes no sense or is nobody's: of its type, or of all that was asked for, ARM is asked."""
        self._doubted |= set(of_type(type_of(row))) or told

    def _decode(self, type_: str, row: Json) -> None:
        if type_ == kql.VM:
            self._vm(row)
        elif type_ == kql.EXTENSION:
            id_ = decode.own_id(row)
            self._extensions[ArmId(id_.text.rpartition("/extensions/")[0])].append(id_)
        elif type_ in DECODERS:
            read, decoder = DECODERS[type_]
            self._held[read].update((found.id, found) for found in decoder(row))
        elif type_.startswith(f"{kql.VAULT}/"):
            self._backup(type_, row)
        else:
            raise ValueError(f"no row of type {type_!r} was asked for")

    def _vm(self, row: Json) -> None:
        found = decode.vm(row)
        self._held[Read.VMS][found.id] = found
        view = record(record(record(row.get("properties")).get("extended")).get("instanceView"))
        if code := text(record(view.get("powerState")).get("code")):
            self._held[Read.POWER][found.id] = PowerState(found.id, code.rpartition("/")[2].lower())

    def _backup(self, type_: str, row: Json) -> None:
        vault = vault_of(decode.own_id(row))
        self._vaults.add(vault)
        if type_ == kql.POLICY:
            policy = backup.policy(row)
            self._held[Read.POLICIES][policy.id] = policy
        elif type_ == kql.ITEM:
            found = item(vault, row)
            if found is not None:
                self._held[Read.ITEMS][found.id] = found
            if found is not None and not calm(found):
                self._troubled.add(vault)
        else:
            self._troubled.add(vault)

    def swept(self, refused: Mapping[Read, ReadError], queries: int, at: datetime | None = None) -> Swept:
        """Return all of them, once they are there."""
        self._held[Read.VMS] = {id_: self._with_extensions(vm) for id_, vm in self._held[Read.VMS].items()}
        lists = {read: tuple(held.values()) for read, held in self._held.items()}
        doubted = (self._doubted | set(dangling(self._held))) - refused.keys()
        return Swept(
            lists,
            frozenset(closed(doubted)),
            frozenset() if doubted & PER_VAULT else frozenset(self._vaults),
            frozenset(self._troubled | set(unruled(self._held))),
            refused,
            queries,
            at,
        )

    def _with_extensions(self, vm: Vm) -> Vm:
        found = self._extensions.get(vm.id)
        return replace(vm, extensions=tuple(found)) if found else vm


def type_of(row: Json) -> str:
    """Return the type of a row, lower-cased, from its id where no column tells it."""
    id_ = arm_id(row.get("id"))
    return (text(row.get("type")) or (id_.type if id_ else "")).lower()


def of_type(type_: str) -> tuple[Read, ...]:
    """Return the kinds that rows of a type tell of."""
    if type_ in {kql.VM, kql.EXTENSION}:
        return Read.VMS, Read.POWER
    return (DECODERS[type_][0],) if type_ in DECODERS else ()


def vault_of(id_: ArmId) -> ArmId:
    """Return the vault that something lies in."""
    return ArmId("/".join(id_.text.split("/")[:9]))


def item(vault: ArmId, row: Json) -> Item | None:
    """Return a protected item, its state in the words of Azure Backup."""
    properties = record(row.get("properties"))
    told = text(properties.get("protectionState")) or text(properties.get("currentProtectionState"))
    state = STATES.get((told or "").lower(), told)
    return backup.item(vault, {**row, "properties": {**properties, "protectionState": state}})


def calm(one: Item) -> bool:
    """Whether a protected item gives no reason to ask its own service about it."""
    fine = (one.last_backup_status or "").lower().startswith("completed")
    return fine and (one.protection_state or "").lower() == "protected" and not one.soft_deleted


def unruled(held: Mapping[Read, Mapping[ArmId, Any]]) -> Iterator[ArmId]:
    """Yield the vaults in which an item names a policy that no row shows."""
    for one in held[Read.ITEMS].values():
        if one.policy is None or one.policy not in held[Read.POLICIES]:
            yield one.vault


def dangling(held: Mapping[Read, Mapping[ArmId, Any]]) -> Iterator[Read]:
    """Yield the kinds of which some resource of this subscription names one that no row shows."""
    for read, id_ in (
        *named_by_items(held),
        *named_by_vms(held),
        *named_by_nics(held),
        *named_by_subnets(held),
    ):
        if id_ is not None and id_ not in held[read]:
            yield read


def named_by_items(held: Mapping[Read, Mapping[ArmId, Any]]) -> Iterator[tuple[Read, ArmId | None]]:
    own = (one for one in held[Read.ITEMS].values() if one.vm.subscription == one.vault.subscription)
    yield from ((Read.VMS, one.vm) for one in own if calm(one))


def named_by_vms(held: Mapping[Read, Mapping[ArmId, Any]]) -> Iterator[tuple[Read, ArmId | None]]:
    vms: Iterable[Vm] = held[Read.VMS].values()
    for vm in vms:
        yield from ((Read.NICS, id_) for id_ in vm.nics if beside(id_, vm.id))
        yield from ((Read.DISKS, one.disk) for one in vm.disks if one.disk and beside(one.disk, vm.id))


def named_by_nics(held: Mapping[Read, Mapping[ArmId, Any]]) -> Iterator[tuple[Read, ArmId | None]]:
    nics: Iterable[Nic] = held[Read.NICS].values()
    for nic in nics:
        subnets = (one.subnet for one in nic.ip_configurations)
        yield from ((Read.VNETS, id_) for id_ in subnets if id_ and beside(id_, nic.id))
        if nic.nsg and beside(nic.nsg, nic.id):
            yield Read.NSGS, nic.nsg


def named_by_subnets(held: Mapping[Read, Mapping[ArmId, Any]]) -> Iterator[tuple[Read, ArmId | None]]:
    subnets: Iterable[Subnet] = held[Read.VNETS].values()
    for subnet in subnets:
        for read, id_ in ((Read.NSGS, subnet.nsg), (Read.ROUTE_TABLES, subnet.route_table)):
            if id_ and beside(id_, subnet.id):
                yield read, id_


def beside(one: ArmId, other: ArmId) -> bool:
    """Whether two resources lie in the same subscription."""
    return one.subscription == other.subscription


def closed(reads: set[Read]) -> set[Read]:
    """Return these kinds, and all that rest on them."""
    found: set[Read] = set()
    waiting = list(reads)
    while waiting:
        if (read := waiting.pop()) not in found:
            found.add(read)
            waiting += RESTS_ON.get(read, ())
    return found
