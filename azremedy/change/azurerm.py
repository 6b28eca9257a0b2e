"""
The resources of Terraform's azurerm provider, in pictures.

A resource that is yet to be created has no id; it is put together from its names. An association or attachment is no
resource of ARM: it is a member of the subnet, interface or VM that it speaks of.

Sources: the provider's own reference, versions 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from azremedy.arm import ArmId, Json
from azremedy.change import arm
from azremedy.change.data import (
    EXISTS,
    UNKNOWN,
    Entry,
    Hidden,
    Picture,
    Reference,
    Slot,
    UnplacedError,
    Values,
)
from azremedy.change.places import Place
from azremedy.collect import decode
from azremedy.collect.values import arm_id, flag, number, record, records, text, texts
from azremedy.resources import AttachedDisk, Exclusion, Policy

RULE: Mapping[str, str] = {
    "access": "access",
    "direction": "direction",
    "priority": "priority",
    "protocol": "protocol",
    "source_address_prefix": "sourceAddressPrefix",
    "source_address_prefixes": "sourceAddressPrefixes",
    "destination_address_prefix": "destinationAddressPrefix",
    "destination_address_prefixes": "destinationAddressPrefixes",
    "source_port_range": "sourcePortRange",
    "source_port_ranges": "sourcePortRanges",
    "destination_port_range": "destinationPortRange",
    "destination_port_ranges": "destinationPortRanges",
}
GROUPS: Mapping[str, str] = {
    "source_application_security_group_ids": "sourceApplicationSecurityGroups",
    "destination_application_security_group_ids": "destinationApplicationSecurityGroups",
}
ROUTE: Mapping[str, str] = {
    "address_prefix": "addressPrefix",
    "next_hop_type": "nextHopType",
    "next_hop_in_ip_address": "nextHopIpAddress",
}


def hidden_in(value: Any) -> bool:
    return isinstance(value, Hidden | Reference)


def known(values: Values, **members: tuple[str, Callable[[Json], Any]]) -> dict[str, Any]:
    """Return the members whose attribute is stated, each read by its function, or hidden."""
    return {
        name: UNKNOWN if arm.holds_hidden(values[attribute]) else read(values[attribute])
        for name, (attribute, read) in members.items()
        if values.get(attribute) is not None
    }


def lock(values: Values, place: Place) -> Picture:
    scope, name = place.of(values.get("scope"), "scope"), values.get("name")
    if not isinstance(name, str):
        name = "unknown"
    id_ = ArmId(f"{scope}/providers/Microsoft.Authorization/locks/{name}")
    return arm.slots(id_, **known(values, level=("lock_level", text), notes=("notes", text)))


def spelled(values: Values, spelling: Mapping[str, str]) -> dict[str, Any]:
    """Return a rule or route as ARM spells it."""
    properties = {to: values[name] for name, to in spelling.items() if values.get(name) is not None}
    for name, to in GROUPS.items():
        listed = values.get(name)
        if isinstance(listed, list):
            properties[to] = [{"id": one} for one in listed]
        elif listed is not None:
            properties[to] = listed
    return {"name": values.get("name"), "properties": properties}


def nsg(values: Values, place: Place) -> Picture:
    id_ = place.own("azurerm_network_security_group", values)
    found = arm.slots(id_, **known(values, location=("location", text)))
    if "security_rule" in values:
        found |= arm.elements(id_, "rules", inline(values["security_rule"], RULE), arm.rule)
    return found


def inline(listed: Any, spelling: Mapping[str, str]) -> Any:
    return listed if hidden_in(listed) else [spelled(one, spelling) for one in records(listed)]


def nsg_rule(values: Values, place: Place) -> Picture:
    parent = {"name": values.get("network_security_group_name"), **group_of(values)}
    id_ = place.own("azurerm_network_security_group", parent)
    name = text(values.get("name"))
    value = arm.element(spelled(values, RULE), arm.rule)
    return {Slot(id_, "rules", name.lower()) if name else Slot(id_, "rules"): value if name else UNKNOWN}


def group_of(values: Values) -> dict[str, Any]:
    return {"resource_group_name": values.get("resource_group_name")}


def route_table(values: Values, place: Place) -> Picture:
    id_ = place.own("azurerm_route_table", values)
    found = arm.slots(id_)
    if "route" in values:
        found |= arm.elements(id_, "routes", inline(values["route"], ROUTE), decode.route)
    return found


def route(values: Values, place: Place) -> Picture:
    parent = {"name": values.get("route_table_name"), **group_of(values)}
    id_ = place.own("azurerm_route_table", parent)
    name = text(values.get("name"))
    value = arm.element(spelled(values, ROUTE), decode.route)
    return {Slot(id_, "routes", name.lower()) if name else Slot(id_, "routes"): value if name else UNKNOWN}


def subnet(values: Values, place: Place) -> Picture:
    id_ = place.own("azurerm_subnet", values)
    return arm.slots(
        id_,
        **known(
            values,
            service_endpoints=("service_endpoints", texts),
            default_outbound=("default_outbound_access_enabled", flag),
        ),
    )


def associated(on: str, member: str, attribute: str) -> Callable[[Values, Place], Picture]:
    """Return the picture of an association: the resource named by `on` has as `member` what `attribute` names."""

    def picture(values: Values, place: Place) -> Picture:
        id_ = place.of(values.get(on), on)
        return {Slot(id_, member): place.maybe(values.get(attribute), attribute)}

    return picture


def disk(values: Values, place: Place) -> Picture:
    id_ = place.own("azurerm_managed_disk", values)
    members = known(values, size=("disk_size_gb", number), encrypted_in_guest=("encryption_settings", bool))
    return arm.slots(id_, **members)


def attachment(values: Values, place: Place) -> Picture:
    vm, lun = place.of(values.get("virtual_machine_id"), "virtual_machine_id"), number(values.get("lun"))
    held = place.maybe(values.get("managed_disk_id"), "managed_disk_id")
    accelerated = values.get("write_accelerator_enabled") is True
    if lun is None or held is None:
        raise UnplacedError("it does not say which disk it attaches where")
    return {Slot(vm, "disks", lun): AttachedDisk(lun, held.name, held, write_accelerated=accelerated)}


def vm(values: Values, place: Place) -> Picture:
    id_ = place.own("azurerm_linux_virtual_machine", values)
    return arm.slots(id_, **known(values, allow_extension_operations=("allow_extension_operations", flag)))


def item(values: Values, place: Place) -> Picture:
    machine = place.maybe(values.get("source_vm_id"), "source_vm_id")
    members = known(values, protection_state=("protection_state", text))
    policy = values.get("backup_policy_id")
    if policy:
        members["policy"] = policy if isinstance(policy, Hidden) else place.maybe(policy, "backup_policy_id")
    if machine:
        members["vm"] = machine
    if not any(arm.holds_hidden(values.get(name)) for name in ("exclude_disk_luns", "include_disk_luns")):
        members["exclusion"] = exclusion(values)
    return arm.slots(item_id(values, place, machine), **members)


def item_id(values: Values, place: Place, machine: ArmId | None) -> ArmId:
    if stated := arm_id(values.get("id")):
        return stated
    parent = {"name": values.get("recovery_vault_name"), **group_of(values)}
    vault = place.own("azurerm_recovery_services_vault", parent)
    if machine is None or machine.group is None:
        raise UnplacedError("it does not say which VM it protects")
    name = f"iaasvmcontainerv2;{machine.group.name};{machine.name}"
    path = f"backupFabrics/Azure/protectionContainers/iaasvmcontainer;{name}/protectedItems/vm;{name}"
    return ArmId(f"{vault}/{path}")


def exclusion(values: Values) -> Exclusion | None:
    for attribute, inclusion in (("include_disk_luns", True), ("exclude_disk_luns", False)):
        listed = values.get(attribute)
        luns = [
            lun for one in (listed if isinstance(listed, list) else []) if (lun := number(one)) is not None
        ]
        if luns:
            return Exclusion(tuple(sorted(luns)), inclusion)
    return None


def policy(values: Values, place: Place) -> Picture:
    id_ = place.own("azurerm_backup_policy_vm", values)
    if arm.holds_hidden(dict(values)):
        return arm.slots(id_, whole=UNKNOWN)
    place_of_points = record(next(records(values.get("instant_restore_resource_group")), None))
    whole = Policy(
        id_,
        type=text(values.get("policy_type")) or "V1",
        instant_days=number(values.get("instant_restore_retention_days")),
        per_day=per_day(record(next(records(values.get("backup")), None))),
        group_prefix=text(place_of_points.get("prefix")),
        group_suffix=text(place_of_points.get("suffix")),
    )
    return arm.slots(id_, whole=whole)


def per_day(schedule: dict[str, Json]) -> float | None:
    frequency = (text(schedule.get("frequency")) or "").lower()
    if frequency == "weekly":
        return len(texts(schedule.get("weekdays"))) / 7 or None
    interval, window = number(schedule.get("hour_interval")), number(schedule.get("hour_duration"))
    if frequency == "hourly":
        return max(1.0, window / interval) if interval and window else None
    return 1.0 if frequency == "daily" else None


def whole(type_: str) -> Callable[[Values, Place], Picture]:
    """Return the picture of something that is only looked at for being there."""
    return lambda values, place: {Slot(place.own(type_, values), EXISTS): True}


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of the provider: the playbook that speaks of it, the attributes looked at, those that hold ids."""

    playbook: str
    picture: Callable[[Values, Place], Picture]
    attributes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


RULES = (*RULE, *GROUPS)
ON_SUBNET = "subnet_id"
ON_NIC = "network_interface_id"
NSG_ID = "network_security_group_id"
ROUTE_TABLE_ID = "route_table_id"
NAT_ID = "nat_gateway_id"
VM_KIND = Kind("extension-operations", vm, ("allow_extension_operations",))

KINDS: Mapping[str, Kind] = {
    "azurerm_management_lock": Kind("restore-point-lock", lock, ("lock_level", "notes"), ("scope",)),
    "azurerm_network_security_group": Kind("storage-egress", nsg, ("location", "security_rule")),
    "azurerm_network_security_rule": Kind(
        "storage-egress", nsg_rule, ("network_security_group_name", *RULES)
    ),
    "azurerm_subnet_network_security_group_association": Kind(
        "storage-egress", associated(ON_SUBNET, "nsg", NSG_ID), (), (ON_SUBNET, NSG_ID)
    ),
    "azurerm_network_interface_security_group_association": Kind(
        "storage-egress", associated(ON_NIC, "nsg", NSG_ID), (), (ON_NIC, NSG_ID)
    ),
    "azurerm_subnet_route_table_association": Kind(
        "egress-route", associated(ON_SUBNET, "route_table", ROUTE_TABLE_ID), (), (ON_SUBNET, ROUTE_TABLE_ID)
    ),
    "azurerm_subnet_nat_gateway_association": Kind(
        "egress-route", associated(ON_SUBNET, "nat_gateway", NAT_ID), (), (ON_SUBNET, NAT_ID)
    ),
    "azurerm_subnet": Kind("egress-route", subnet, ("service_endpoints", "default_outbound_access_enabled")),
    "azurerm_route_table": Kind("egress-route", route_table, ("route",)),
    "azurerm_route": Kind("egress-route", route, ("route_table_name", *ROUTE)),
    "azurerm_managed_disk": Kind("disk-size", disk, ("disk_size_gb", "encryption_settings")),
    "azurerm_virtual_machine_data_disk_attachment": Kind(
        "disk-size",
        attachment,
        ("lun", "write_accelerator_enabled"),
        ("virtual_machine_id", "managed_disk_id"),
    ),
    "azurerm_linux_virtual_machine": VM_KIND,
    "azurerm_windows_virtual_machine": VM_KIND,
    "azurerm_backup_protected_vm": Kind(
        "protection-state",
        item,
        ("protection_state", "exclude_disk_luns", "include_disk_luns"),
        ("source_vm_id", "backup_policy_id"),
    ),
    "azurerm_backup_policy_vm": Kind(
        "protection-state",
        policy,
        ("policy_type", "instant_restore_retention_days", "backup", "instant_restore_resource_group"),
    ),
    "azurerm_recovery_services_vault": Kind("protection-state", whole("azurerm_recovery_services_vault")),
    "azurerm_resource_group": Kind("protection-state", whole("azurerm_resource_group")),
}


@dataclass(frozen=True, slots=True)
class Unseen:
    """
    A type that can break a backup and is not laid over the estate.

    It matters where one of its `attributes` changes, or, without any, whatever happens to it.
    """

    playbook: str
    attributes: tuple[str, ...] = ()

    def matters(self, entry: Entry) -> bool:
        if not self.attributes:
            return True
        before, after = entry.before or {}, entry.after or {}
        differs = any(before.get(name) != after.get(name) for name in self.attributes)
        return entry.action in {"update", "replace"} and differs


OUT_OF_SIGHT: Mapping[str, Unseen] = {
    "azurerm_virtual_machine": Unseen("disk-size", ("storage_data_disk",)),
    "azurerm_network_interface": Unseen("storage-egress", ("ip_configuration",)),
    "azurerm_virtual_network": Unseen("storage-egress", ("subnet",)),
    "azurerm_network_manager_admin_rule": Unseen("storage-egress"),
    "azurerm_resource_group_template_deployment": Unseen("protection-state"),
    "azurerm_subscription_template_deployment": Unseen("protection-state"),
    "azurerm_template_deployment": Unseen("protection-state"),
    "azapi_resource_action": Unseen("protection-state"),
}
"""Types that are known to matter, and no more."""
