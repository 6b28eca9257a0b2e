"""Management groups: the tree over the subscriptions of a tenant, below the group that is the tenant's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from azremedy.sandbox.answers import ArmError
from azremedy.sandbox.identity import TENANT
from azremedy.sandbox.pages import listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Answer, Arm, Call
    from azremedy.sandbox.description import Estate

TYPE: Final = "Microsoft.Management/managementGroups"
ROOT: Final = f"/providers/{TYPE}"
MEMBER: Final = f"{TYPE}/subscriptions".lower()


def group_id(path: Sequence[str]) -> str:
    """Return the id of a group by its display names, outermost first: `Landing Zones` is `landing-zones`."""
    name = re.sub(r"[^a-z0-9]+", "-", path[-1].lower()).strip("-") if path else TENANT
    return f"{ROOT}/{name or 'group'}"


def resources(estates: Sequence[Estate]) -> Mapping[str, Json]:
    """Return the groups that hold these estates' subscriptions, and the place of each subscription in them."""
    made: dict[str, Json] = {}
    for estate in estates:
        path = estate.subscription.management_groups
        made |= {
            one["id"]: one
            for depth in range(len(path) + 1)
            for one in [group(path[:depth], path[: depth - 1])]
        }
        made |= dict([member(estate, group_id(path))])
    return made


def group(path: Sequence[str], above: Sequence[str]) -> Json:
    id_ = group_id(path)
    details = {"parent": {"id": group_id(above)}} if path else {}
    return {
        "id": id_,
        "type": TYPE,
        "name": id_.rpartition("/")[2],
        "properties": {
            "tenantId": TENANT,
            "displayName": path[-1] if path else "Tenant Root Group",
            "details": details,
        },
    }


def member(estate: Estate, parent: str) -> tuple[str, Json]:
    given = estate.subscription
    id_ = f"{parent}/subscriptions/{given.id}"
    properties = {"tenant": TENANT, "displayName": given.name, "parent": {"id": parent}, "state": "Active"}
    return id_, {"id": id_, "type": f"{TYPE}/subscriptions", "name": given.id, "properties": properties}


def answer(arm: Arm, call: Call) -> Answer:
    """Answer the list of groups, or what lies in one and in all groups in it."""
    if call.key == ROOT.lower():
        who = call.principal
        seen = [key for key in arm.store.keys(TYPE.lower()) if who is None or who.may_read(key)]
        return listing(arm, call, seen, "entry", entry)
    name, _, verb = call.key.removeprefix(f"{ROOT.lower()}/").partition("/")
    if verb != "descendants":
        raise ArmError(404, "InvalidResourceType", f"The path '{call.path}' is not one that ARM knows.")
    key = f"{ROOT.lower()}/{name}"
    if key not in arm.store:
        raise ArmError(404, "NotFound", f"'{key}' not found")
    return listing(arm, call, sorted(below(arm, key)), "descendant", descendant)


def below(arm: Arm, key: str) -> Iterator[str]:
    """Yield what lies in a group, then what lies in each group in it."""
    yield from arm.store.keys(MEMBER, key)
    for one in arm.store.keys(TYPE.lower()):
        body: Json = arm.store.get(one)
        if body["properties"]["details"].get("parent", {}).get("id", "").lower() == key:
            yield one
            yield from below(arm, one)


def entry(body: Json) -> Json:
    properties = {name: body["properties"][name] for name in ("tenantId", "displayName")}
    return {**body, "properties": properties}


def descendant(body: Json) -> Json:
    """Return a group or a subscription as the list of descendants shows it: under its own id, with its parent."""
    held = body["properties"]
    own = body["type"] != TYPE
    parent = held["parent"] if own else held["details"].get("parent")
    return {
        "id": f"/subscriptions/{body['name']}" if own else body["id"],
        "type": "/subscriptions" if own else TYPE,
        "name": body["name"],
        "properties": {"displayName": held["displayName"], "parent": parent},
    }
