"""
The resources of an estate while a change is written into them.

Deletions come first. What is not known after the change is taken out of the estate, so that every verdict which rests
on it is a verdict no more: an NSG with a rule that is known only after apply is an NSG that was not read. VMs that are
created are not laid: there is no backup of theirs to break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from azremedy.arm import ArmId
from azremedy.change import arm
from azremedy.change.data import EXISTS, Edit, Hidden, Slot
from azremedy.collect.backup import container, path_segment
from azremedy.estate import Estate
from azremedy.resources import Disk, Item, Lock, Nic, Nsg, Policy, Route, RouteTable, Rule, Subnet, Vm

DEFAULT_RULES = (
    Rule(
        "AllowVnetOutBound",
        "Outbound",
        "Allow",
        65000,
        sources=("VirtualNetwork",),
        destinations=("VirtualNetwork",),
        default=True,
    ),
    Rule("AllowInternetOutBound", "Outbound", "Allow", 65001, destinations=("Internet",), default=True),
    Rule("DenyAllOutBound", "Outbound", "Deny", 65500, default=True),
)
"""The outbound rules that every new NSG has (NSGH20)."""


class Draft:
    """The resources of an estate by id, while a change is written into them."""

    FIELDS: Mapping[str, str] = {
        arm.LOCK: "locks",
        arm.NSG: "nsgs",
        arm.NIC: "nics",
        arm.SUBNET: "subnets",
        arm.ROUTE_TABLE: "route_tables",
        arm.DISK: "disks",
        arm.VM: "vms",
        arm.VAULT: "vaults",
        arm.ITEM: "items",
        arm.POLICY: "policies",
    }

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.kept: dict[str, dict[ArmId, Any]] = {
            field: {one.id: one for one in getattr(estate, field)} for field in self.FIELDS.values()
        }

    def done(self) -> Estate:
        changed: dict[str, Any] = {
            field: tuple(sorted(kept.values(), key=lambda one: one.id))
            for field, kept in self.kept.items()
            if list(kept.values()) != list(getattr(self.estate, field))
        }
        return replace(self.estate, **changed) if changed else self.estate

    def field(self, id_: ArmId) -> dict[ArmId, Any] | None:
        """Return the resources of the type of this id, None for a type that an estate does not hold."""
        name = self.FIELDS.get(id_.type)
        return self.kept[name] if name else None

    def remove(self, id_: ArmId) -> None:
        """Take out what is deleted with everything below it. Backups of a VM that are deleted are kept as such."""
        for field, kept in self.kept.items():
            for held in [one for one in kept if id_.covers(one)]:
                if field == "items":
                    kept[held] = replace(kept[held], soft_deleted=True)
                else:
                    del kept[held]
        self.let_go("nics", "nsg", id_)
        self.let_go("subnets", "nsg", id_)
        self.let_go("subnets", "route_table", id_)
        self.let_go("subnets", "nat_gateway", id_)

    def let_go(self, field: str, member: str, gone: ArmId) -> None:
        for id_, one in self.kept[field].items():
            held = getattr(one, member)
            if held is not None and gone.covers(held):
                self.kept[field][id_] = replace(one, **{member: None})


def laid(estate: Estate, edits: Iterable[Edit]) -> Estate:
    """Return the estate with every slot written; what one resource empties and another fills is filled."""
    draft = Draft(estate)
    slots: dict[ArmId, dict[Slot, Any]] = {}
    for edit in sorted(edits, key=lambda edit: edit.value is not None):
        slots.setdefault(edit.slot.id, {})[edit.slot] = edit.value
    gone = [
        id_
        for id_, written in slots.items()
        if Slot(id_, EXISTS) in written and not written[Slot(id_, EXISTS)]
    ]
    for id_ in gone:
        draft.remove(id_)
    for id_, written in slots.items():
        kept, write = draft.field(id_), WRITERS.get(id_.type)
        if kept is None or write is None or id_ in gone:
            continue
        new = write(id_, kept.get(id_), Written(id_, written), draft)
        if new is not None:
            kept[id_] = new
        else:
            kept.pop(id_, None)
    shared(draft)
    return draft.done()


@dataclass(frozen=True, slots=True)
class Written:
    """What the change writes into one resource."""

    id: ArmId
    slots: Mapping[Slot, Any]

    @property
    def created(self) -> bool:
        return self.slots.get(Slot(self.id, EXISTS)) is True

    def unknown(self, *members: str) -> bool:
        """Whether one of these members, or an element of it, is not known."""
        return any(isinstance(value, Hidden) and slot.member in members for slot, value in self.slots.items())

    def get(self, member: str, otherwise: Any) -> Any:
        """Return what a member becomes: what is written, else what it was."""
        return self.slots.get(Slot(self.id, member), otherwise)

    def stated(self, member: str, otherwise: Any) -> Any:
        """Return the same for a member that ARM fills in where nothing is stated."""
        value = self.get(member, otherwise)
        return otherwise if value is None or isinstance(value, Hidden) else value

    def elements(self, member: str) -> dict[str | int | None, Any]:
        return {slot.key: value for slot, value in self.slots.items() if slot.member == member}


def lock(id_: ArmId, old: Lock | None, written: Written, _: Draft) -> Lock | None:
    level = written.get("level", old.level if old else None)
    if not isinstance(level, str):
        return old
    return Lock(
        id_, level, written.stated("notes", old.notes if old else None), owners=old.owners if old else ()
    )


def nsg(id_: ArmId, old: Nsg | None, written: Written, _: Draft) -> Nsg | None:
    if written.unknown("rules") or (old is None and not written.created):
        return None
    base = old or Nsg(id_, written.stated("location", ""), DEFAULT_RULES)
    own = {one.name.lower(): one for one in base.rules if not one.default}
    rules = (*changed(own, written.elements("rules")), *(one for one in base.rules if one.default))
    return replace(base, rules=tuple(sorted(rules, key=lambda one: one.priority)))


def changed(own: dict[str, Any], elements: Mapping[Any, Any]) -> Iterator[Any]:
    """Yield the elements of a list after some of them are written or emptied."""
    merged = {**own, **elements}
    yield from (value for value in merged.values() if isinstance(value, Rule | Route))


def route_table(id_: ArmId, old: RouteTable | None, written: Written, _: Draft) -> RouteTable | None:
    if written.unknown("routes") or (old is None and not written.created):
        return None
    base = old or RouteTable(id_)
    own = {one.name.lower(): one for one in base.routes}
    return replace(base, routes=tuple(changed(own, written.elements("routes"))))


WAY_OUT = ("nsg", "route_table", "nat_gateway", "service_endpoints", "default_outbound")


def subnet(id_: ArmId, old: Subnet | None, written: Written, _: Draft) -> Subnet | None:
    if written.unknown(*WAY_OUT) or (old is None and not written.created):
        return None
    base = old or Subnet(id_)
    return replace(
        base,
        nsg=written.get("nsg", base.nsg),
        route_table=written.get("route_table", base.route_table),
        nat_gateway=written.get("nat_gateway", base.nat_gateway),
        service_endpoints=written.get("service_endpoints", base.service_endpoints) or (),
        default_outbound=written.stated("default_outbound", base.default_outbound),
    )


def nic(_: ArmId, old: Nic | None, written: Written, __: Draft) -> Nic | None:
    if old is None or written.unknown("nsg", "ip_configurations"):
        return None
    configurations = written.stated("ip_configurations", old.ip_configurations)
    return replace(old, nsg=written.get("nsg", old.nsg), ip_configurations=configurations)


def disk(id_: ArmId, old: Disk | None, written: Written, draft: Draft) -> Disk | None:
    """Return the disk; one whose size is not known has none, nor has the VM that holds it."""
    base = old or Disk(id_)
    size = written.get("size", base.size)
    size = size if isinstance(size, int) else None if isinstance(size, Hidden) else base.size
    if size is None:
        forget_size(draft, id_)
    encrypted = written.stated("encrypted_in_guest", base.encrypted_in_guest)
    return replace(base, size=size, encrypted_in_guest=encrypted)


def forget_size(draft: Draft, disk: ArmId) -> None:
    for id_, vm in draft.kept["vms"].items():
        if any(one.disk == disk for one in vm.disks):
            disks = tuple(replace(one, size=None) if one.disk == disk else one for one in vm.disks)
            draft.kept["vms"][id_] = replace(vm, disks=disks)


def vm(_: ArmId, old: Vm | None, written: Written, draft: Draft) -> Vm | None:
    if old is None:
        return None
    disks = written.elements("disks")
    allowed = written.stated("allow_extension_operations", old.allow_extension_operations)
    if None in disks:
        disks = {}
    for value in disks.values():
        if value and value.size is not None and value.disk in draft.kept["disks"]:
            resized = replace(draft.kept["disks"][value.disk], size=value.size)
            draft.kept["disks"][value.disk] = resized
    held: dict[str | int | None, Any] = {one.lun: one for one in old.disks}
    kept = tuple(one for one in (held | disks).values() if one) if disks else old.disks
    return replace(old, disks=kept, allow_extension_operations=allowed)


def item(id_: ArmId, old: Item | None, written: Written, _: Draft) -> Item | None:
    """Return the item; one that is created is taken to become protected."""
    machine = written.stated("vm", old.vm if old else None)
    named = container(path_segment(id_, "protectioncontainers"))
    if machine is None or named is None:
        return old
    vault = ArmId(id_.text[: id_.key.find("/backupfabrics/")])
    base = old or Item(id_, vault, machine, named, protection_state="Protected")
    return replace(
        base,
        vm=machine,
        policy=written.stated("policy", base.policy),
        protection_state=written.stated("protection_state", base.protection_state),
        exclusion=written.get("exclusion", base.exclusion),
        soft_deleted=base.soft_deleted and not written.created,
    )


def policy(_: ArmId, old: Policy | None, written: Written, __: Draft) -> Policy | None:
    whole: Policy | None = written.stated("whole", old)
    if old is None or whole is None:
        return whole
    return replace(whole, consistency=whole.consistency or old.consistency)


WRITERS: Mapping[str, Callable[[ArmId, Any, Written, Draft], Any]] = {
    arm.LOCK: lock,
    arm.NSG: nsg,
    arm.NIC: nic,
    arm.SUBNET: subnet,
    arm.ROUTE_TABLE: route_table,
    arm.DISK: disk,
    arm.VM: vm,
    arm.ITEM: item,
    arm.POLICY: policy,
}


def shared(draft: Draft) -> None:
    """Let every NSG that came onto an interface or subnet, or left one, know which ones it is on."""
    on: dict[ArmId, dict[str, tuple[ArmId, ...]]] = {}
    for field in ("nics", "subnets"):
        was = {one.id: one.nsg for one in getattr(draft.estate, field)}
        moved = {one.nsg for one in draft.kept[field].values() if one.nsg != was.get(one.id)}
        moved |= {
            nsg for id_, nsg in was.items() if id_ in draft.kept[field] and draft.kept[field][id_].nsg != nsg
        }
        for nsg in moved:
            if nsg in draft.kept["nsgs"]:
                members = tuple(one.id for one in draft.kept[field].values() if one.nsg == nsg)
                on.setdefault(nsg, {})[field] = members
    for id_, lists in on.items():
        draft.kept["nsgs"][id_] = replace(draft.kept["nsgs"][id_], **lists)
