"""Security rules that are written, and the rules of Azure Virtual Network Manager that are asked for."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from azremedy.arm import ArmId
from azremedy.sandbox import operations
from azremedy.sandbox.answers import Answer, ArmError, not_found, ok
from azremedy.sandbox.events import effect
from azremedy.sandbox.network import NSG, part

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call

ADMIN: Final = "admin rule"
SECONDS: Final = 2

PLURALS: Final = {
    "sourcePortRange": "sourcePortRanges",
    "destinationPortRange": "destinationPortRanges",
    "sourceAddressPrefix": "sourceAddressPrefixes",
    "destinationAddressPrefix": "destinationAddressPrefixes",
}
"""Members of a rule of which one value or several must be given; the plural is always answered."""


def put(arm: Arm, call: Call) -> Answer:
    """Make or change a rule of a security group."""
    group = group_of(arm, call)
    given, name = call.properties, ArmId(call.path).name
    rules = group["properties"]["securityRules"]
    there = next((one for one in rules if one["name"].lower() == name.lower()), None)
    before = there["properties"] if there and call.method == "PATCH" else {}
    properties = checked({**before, **given})
    for one in rules:
        other = one["properties"]
        if one is not there and all(other[it] == properties[it] for it in ("direction", "priority")):
            raise ArmError(
                400,
                "SecurityRuleConflict",
                f"Security rule {name} conflicts with rule {one['name']}. Rules cannot have the same Priority and "
                "Direction.",
            )
    made = part(f"{group['id']}/securityRules/{name}", group["id"], f"{NSG}/securityRules", properties)
    made["properties"]["provisioningState"] = "Updating"
    kept = [made if one is there else one for one in rules] if there else [*rules, made]
    group["properties"]["securityRules"] = kept
    return begun(arm, call, group, made, 200 if there else 201)


def delete(arm: Arm, call: Call) -> Answer:
    """Delete a rule."""
    group = group_of(arm, call)
    name = call.key.rpartition("/")[2]
    rules = group["properties"]["securityRules"]
    kept = [one for one in rules if one["name"].lower() != name]
    if len(kept) == len(rules):
        return Answer(204)
    group["properties"]["securityRules"] = kept
    return begun(arm, call, group, None, 202)


def group_of(arm: Arm, call: Call) -> Json:
    """Return the security group that a rule's address names, to be changed."""
    key = call.key.rpartition("/securityrules/")[0]
    if key not in arm.store:
        raise not_found(call.path.rpartition("/securityRules/")[0] or key)
    operations.not_busy(arm, key)
    group = arm.store.draft(key)
    if call.if_match not in {None, "*", group["etag"]}:
        said = f"Precondition failed. Etag provided in if-match header {call.if_match} does not match etag {group['etag']} of resource {group['id']} in NRP data store."
        raise ArmError(
            412,
            "PreconditionFailed",
            "Precondition failed.",
            details=[{"code": "PreconditionFailedEtagMismatch", "message": said}],
        )
    return group


def checked(given: Json) -> Json:
    """Return a rule's properties as they are answered, or refuse those that make none."""
    properties = {name: value for name, value in given.items() if value is not None}
    for name in ("access", "direction", "priority", "protocol"):
        if name not in properties:
            raise missing(name)
    if not isinstance(properties["priority"], int) or not 100 <= properties["priority"] <= 4096:
        raise ArmError(
            400,
            "SecurityRuleInvalidPriority",
            f"Security rule has invalid Priority. Value provided: {properties['priority']}. It must be between 100 and 4096.",
        )
    for one, many in PLURALS.items():
        groups = one.replace("Prefix", "ApplicationSecurityGroups").replace("AddressApp", "App")
        if not any(properties.get(name) for name in (one, many, groups)):
            raise missing(one)
        properties.setdefault(many, [])
    return properties


def missing(name: str) -> ArmError:
    return ArmError(
        400, "SecurityRuleParameterMissing", f"Security rule has no value for the parameter '{name}'."
    )


def begun(arm: Arm, call: Call, group: Json, rule: Json | None, status: int) -> Answer:
    """Commit a changed group under a new etag and answer with the operation."""
    key = group["id"].lower()
    stamped(group)
    group["properties"]["provisioningState"] = "Updating"
    arm.store.put(key, group)
    id_ = operations.begin(
        arm, call, "network", SECONDS, settled, target=key, nsg=key, rule=rule["name"] if rule else None
    )
    return operations.accepted(arm, call, id_, status=status, body=rule)


def stamped(group: Json) -> None:
    """Give a resource and its parts a new etag."""
    tag = f'W/"{uuid.uuid4()}"'
    group["etag"] = tag
    for value in group["properties"].values():
        for one in value if isinstance(value, list) else ():
            if isinstance(one, dict) and "etag" in one:
                one["etag"] = tag


@effect
def settled(arm: Arm, _at: float, *, nsg: str, rule: str | None) -> Json | None:
    """End the change of a security group."""
    if nsg not in arm.store:
        return None
    group = arm.store.draft(nsg)
    group["properties"]["provisioningState"] = "Succeeded"
    found = None
    for one in group["properties"]["securityRules"]:
        one["properties"]["provisioningState"] = "Succeeded"
        found = one if one["name"] == rule else found
    arm.store.put(nsg, group)
    return found


def admin_rules(arm: Arm, call: Call) -> Answer:
    """Answer the admin rules that apply to a network or to what a network interface is in; 404 where there are none."""
    key = call.key.rpartition("/")[0]
    body = arm.store.get(key)
    if body is None:
        raise not_found(call.path.rpartition("/")[0])
    found = applying(arm, key, body)
    if not found:
        raise ArmError(404, "NotFound", "No effective security admin rules apply to this resource.")
    return ok({"value": found})


def applying(arm: Arm, key: str, body: Json) -> list[Json]:
    """Return the admin rules that apply to a network, or to a network interface in one."""
    nets = {key}
    for one in body["properties"].get("ipConfigurations", ()):
        nets.add(one["properties"].get("subnet", {}).get("id", "").lower().partition("/subnets/")[0])
    found = []
    for name in sorted(arm.store.names(ADMIN)):
        rule = arm.store.noted(ADMIN, name)
        if rule and (not rule["vnets"] or nets & set(rule["vnets"])):
            found.append(rule["body"])
    return sorted(found, key=lambda rule: rule["properties"]["priority"])
