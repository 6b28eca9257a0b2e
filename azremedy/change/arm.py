"""
ARM's own bodies, as what-if and the azapi provider hold them, in pictures.

How ARM spells its properties is known to `azremedy.collect` alone; here stands which of them are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from azremedy.arm import ArmId, Json
from azremedy.change.data import EXISTS, UNKNOWN, Hidden, Picture, Slot
from azremedy.collect import backup, decode
from azremedy.collect.decode import MalformedError
from azremedy.collect.values import arm_id, flag, number, record, records, ref, text
from azremedy.resources import AttachedDisk

LOCK = "microsoft.authorization/locks"
NSG = "microsoft.network/networksecuritygroups"
NSG_RULE = f"{NSG}/securityrules"
NIC = "microsoft.network/networkinterfaces"
VNET = "microsoft.network/virtualnetworks"
SUBNET = f"{VNET}/subnets"
ROUTE_TABLE = "microsoft.network/routetables"
ROUTE = f"{ROUTE_TABLE}/routes"
DISK = "microsoft.compute/disks"
VM = "microsoft.compute/virtualmachines"
VAULT = "microsoft.recoveryservices/vaults"
ITEM = f"{VAULT}/backupfabrics/protectioncontainers/protecteditems"
POLICY = f"{VAULT}/backuppolicies"
GROUP = "microsoft.resources/resourcegroups"
DEPLOYMENT = "microsoft.resources/deployments"
ADMIN_RULE = "microsoft.network/networkmanagers/securityadminconfigurations/rulecollections/rules"

SPOKEN_OF: Mapping[str, str] = {
    LOCK: "restore-point-lock",
    NSG: "storage-egress",
    NSG_RULE: "storage-egress",
    NIC: "storage-egress",
    ADMIN_RULE: "storage-egress",
    VNET: "egress-route",
    SUBNET: "egress-route",
    ROUTE_TABLE: "egress-route",
    ROUTE: "egress-route",
    DISK: "disk-size",
    VM: "extension-operations",
    VAULT: "protection-state",
    ITEM: "protection-state",
    POLICY: "protection-state",
    GROUP: "protection-state",
    DEPLOYMENT: "protection-state",
}
"""The types that a change can break a backup with, and the playbook that speaks of each."""

KEPT: Mapping[str, tuple[str, ...]] = {
    LOCK: ("level", "notes"),
    NSG: ("securityRules",),
    NIC: ("networkSecurityGroup", "ipConfigurations", "virtualMachine"),
    SUBNET: ("networkSecurityGroup", "routeTable", "natGateway", "serviceEndpoints", "defaultOutboundAccess"),
    VNET: ("subnets",),
    ROUTE_TABLE: ("routes",),
    DISK: ("diskSizeGB", "encryptionSettingsCollection"),
    ITEM: ("sourceResourceId", "policyId", "protectionState", "extendedProperties"),
    POLICY: (
        "policyType",
        "snapshotConsistencyType",
        "instantRpRetentionRangeInDays",
        "schedulePolicy",
        "instantRPDetails",
    ),
    NSG_RULE: (
        "access",
        "direction",
        "priority",
        "protocol",
        "sourceAddressPrefix",
        "sourceAddressPrefixes",
        "sourceApplicationSecurityGroups",
        "destinationAddressPrefix",
        "destinationAddressPrefixes",
        "destinationApplicationSecurityGroups",
        "sourcePortRange",
        "sourcePortRanges",
        "destinationPortRange",
        "destinationPortRanges",
    ),
    ROUTE: ("addressPrefix", "nextHopType", "nextHopIpAddress"),
}


def kept(type_: str, body: Json) -> dict[str, Json]:
    """Return what a verdict looks at of a body; passwords, scripts and keys are not among it, and go no further."""
    whole = record(body)
    if type_ == VM:
        return {"properties": kept_of_vm(record(whole.get("properties")))}
    properties = record(whole.get("properties"))
    held = {name: properties[name] for name in KEPT.get(type_, ()) if name in properties}
    return {"location": whole.get("location"), "properties": held}


def kept_of_vm(properties: dict[str, Json]) -> dict[str, Json]:
    os_profile, storage = record(properties.get("osProfile")), record(properties.get("storageProfile"))
    held: dict[str, Json] = {}
    if "allowExtensionOperations" in os_profile:
        held["osProfile"] = {"allowExtensionOperations": os_profile["allowExtensionOperations"]}
    if "dataDisks" in storage:
        held["storageProfile"] = {"dataDisks": storage["dataDisks"]}
    return held


def picture(type_: str, id_: ArmId, body: Json) -> Picture:
    """Return what a body says of the resource of this id; nothing for a type that no verdict looks at."""
    make = PICTURES.get(type_)
    return make(id_, record(body), record(record(body).get("properties"))) if make else {}


def is_hidden(value: Any) -> bool:
    return isinstance(value, Hidden)


def holds_hidden(value: Any) -> bool:
    """Whether any part of a value is not told."""
    if isinstance(value, dict):
        return any(holds_hidden(member) for member in value.values())
    if isinstance(value, list):
        return any(holds_hidden(member) for member in value)
    return is_hidden(value)


def told(properties: dict[str, Json], **members: tuple[str, Callable[[Json], Any]]) -> dict[str, Any]:
    """Return the members whose property is there, each read by its function, or hidden."""
    return {
        name: UNKNOWN if holds_hidden(properties[spelled]) else read(properties[spelled])
        for name, (spelled, read) in members.items()
        if spelled in properties
    }


def slots(id_: ArmId, **members: Any) -> Picture:
    """Return the picture of a resource that is there, with these members."""
    return {Slot(id_, EXISTS): True, **{Slot(id_, name): value for name, value in members.items()}}


def lock(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    return slots(id_, **told(properties, level=("level", text), notes=("notes", text)))


def elements(id_: ArmId, member: str, listed: Json, read: Callable[[dict[str, Json]], Any]) -> Picture:
    """Return the elements of a list, by name; a list of unknown length is hidden as a whole."""
    if is_hidden(listed):
        return {Slot(id_, member): listed}
    found: Picture = {}
    for one in records(listed):
        name = text(one.get("name"))
        found[Slot(id_, member, name.lower() if name else None)] = element(one, read) if name else UNKNOWN
    return found


def element(body: dict[str, Json], read: Callable[[dict[str, Json]], Any]) -> Any:
    """Return a rule or route, hidden where a part of it is."""
    if holds_hidden(body):
        return UNKNOWN
    try:
        return read(body)
    except MalformedError as error:
        return Hidden(f"not readable: {error}")


def rule(body: dict[str, Json]) -> Any:
    return decode.rule(body, default=False)


def pruned(body: dict[str, Json], type_: str) -> dict[str, Json]:
    """Return a child of a list with what a verdict looks at, so that a description may be as unknown as it likes."""
    return {"name": body.get("name"), "properties": kept(type_, body)["properties"]}


def nsg(id_: ArmId, body: dict[str, Json], properties: dict[str, Json]) -> Picture:
    found = slots(id_, location=text(body.get("location")))
    if "securityRules" in properties:
        listed = children(properties["securityRules"], NSG_RULE)
        found |= elements(id_, "rules", listed, rule)
    return found


def children(listed: Json, type_: str) -> Json:
    return listed if is_hidden(listed) else [pruned(one, type_) for one in records(listed)]


def nsg_rule(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    body = {"name": id_.name, "properties": properties}
    return {Slot(owner(id_), "rules", id_.name.lower()): element(body, rule)}


def route_table(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    found = slots(id_)
    if "routes" in properties:
        found |= elements(id_, "routes", children(properties["routes"], ROUTE), decode.route)
    return found


def route(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    body = {"name": id_.name, "properties": properties}
    return {Slot(owner(id_), "routes", id_.name.lower()): element(body, decode.route)}


def owner(id_: ArmId) -> ArmId:
    """Return the id of the resource whose child this is."""
    return ArmId("/".join(id_.text.split("/")[:-2]))


def subnet(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    return slots(
        id_,
        **told(
            properties,
            nsg=("networkSecurityGroup", ref),
            route_table=("routeTable", ref),
            nat_gateway=("natGateway", ref),
            service_endpoints=("serviceEndpoints", services),
            default_outbound=("defaultOutboundAccess", flag),
        ),
    )


def services(value: Json) -> tuple[str, ...]:
    return tuple(name for one in records(value) if (name := text(one.get("service"))))


def vnet(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    found: Picture = {Slot(id_, EXISTS): True}
    for one in records(properties.get("subnets")):
        if name := text(one.get("name")):
            found |= subnet(ArmId(f"{id_}/subnets/{name}"), one, record(one.get("properties")))
    return found


def nic(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    members = told(
        properties,
        vm=("virtualMachine", ref),
        nsg=("networkSecurityGroup", ref),
        ip_configurations=(
            "ipConfigurations",
            lambda value: tuple(
                decode.ip_configuration(record(one.get("properties"))) for one in records(value)
            ),
        ),
    )
    return slots(id_, **members)


def disk(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    def encrypted(value: Json) -> bool:
        return record(value).get("enabled") is True

    return slots(
        id_,
        **told(
            properties,
            size=("diskSizeGB", number),
            encrypted_in_guest=("encryptionSettingsCollection", encrypted),
        ),
    )


def vm(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    os_profile, storage = record(properties.get("osProfile")), record(properties.get("storageProfile"))
    found = slots(id_, **told(os_profile, allow_extension_operations=("allowExtensionOperations", flag)))
    if holds_hidden(storage.get("dataDisks")):
        return {**found, Slot(id_, "disks"): UNKNOWN}
    for one in records(storage.get("dataDisks")):
        if (lun := number(one.get("lun"))) is not None:
            found[Slot(id_, "disks", lun)] = attached(id_, one)
    return found


def attached(vm: ArmId, body: dict[str, Json]) -> AttachedDisk:
    """Return a data disk; a managed one that Azure will create beside the VM gets the id it will have."""
    read = decode.attached(body)
    if read.disk is None and "managedDisk" in body and vm.group:
        return replace(read, disk=ArmId(f"{vm.group}/providers/Microsoft.Compute/disks/{read.name}"))
    return read


def item(id_: ArmId, _: dict[str, Json], properties: dict[str, Json]) -> Picture:
    members = told(
        properties,
        vm=("sourceResourceId", arm_id),
        policy=("policyId", arm_id),
        protection_state=("protectionState", text),
    )
    if "extendedProperties" in properties and not holds_hidden(properties["extendedProperties"]):
        members["exclusion"] = backup.exclusion(properties)
    return slots(id_, **members)


def policy(id_: ArmId, body: dict[str, Json], _: dict[str, Json]) -> Picture:
    if holds_hidden(body):
        return slots(id_, whole=UNKNOWN)
    return slots(id_, whole=backup.policy({**body, "id": id_.text}))


def there(id_: ArmId, _: dict[str, Json], __: dict[str, Json]) -> Picture:
    return {Slot(id_, EXISTS): True}


PICTURES: Mapping[str, Callable[[ArmId, dict[str, Json], dict[str, Json]], Picture]] = {
    LOCK: lock,
    NSG: nsg,
    NSG_RULE: nsg_rule,
    NIC: nic,
    VNET: vnet,
    SUBNET: subnet,
    ROUTE_TABLE: route_table,
    ROUTE: route,
    DISK: disk,
    VM: vm,
    VAULT: there,
    ITEM: item,
    POLICY: policy,
    GROUP: there,
}
