"""Locks: at every scope, inherited, enforced, and late to take hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from azremedy.arm import ArmId
from azremedy.sandbox.answers import Answer, ArmError, not_found, ok
from azremedy.sandbox.pages import listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call

TYPE: Final = "microsoft.authorization/locks"
PLACED: Final = "lock placed"
LIFTED: Final = "lock lifted"

READS: Final = (
    "/backupstatus",
    "/backupprevalidateprotection",
    "/backupvalidatefeatures",
    "/listnetworkmanagereffectivesecurityadminrules",
)
"""Ends of POST addresses that only read."""


def get(arm: Arm, call: Call) -> Answer:
    """Answer a lock, or the locks at a scope: its own, those it inherits and those below it."""
    if len(call.key.rpartition("/providers/")[2].split("/")) % 2:
        placed = arm.store.noted(PLACED, call.key)
        if call.key not in arm.store or (placed and arm.now < placed + arm.lag.placed):
            raise missing(call)
        return Answer(body=arm.store.rendered(call.key, "plain"))
    scope = existing(arm, call)
    below = "atscope()" not in call.query.get("$filter", "").lower()
    found = [
        key
        for key in arm.store.keys(TYPE, arm.subscription)
        if (place := ArmId(key).scope).covers(scope) or (below and scope.covers(place))
    ]
    return listing(arm, call, found)


def existing(arm: Arm, call: Call) -> ArmId:
    """Return the scope that a lock's address names; 404 where there is none."""
    scope = ArmId(call.path).scope
    if scope.key not in arm.store:
        raise not_found(scope.text)
    return scope


def missing(call: Call) -> ArmError:
    return ArmError(404, "LockNotFound", f"The lock '{ArmId(call.path).name}' could not be found.")


def put(arm: Arm, call: Call) -> Answer:
    """Place or change a lock."""
    scope = existing(arm, call)
    given = call.properties
    if given.get("level") not in {"CanNotDelete", "ReadOnly"}:
        raise ArmError(
            400,
            "InvalidRequestContent",
            f"The lock level '{given.get('level')}' is not one of CanNotDelete, ReadOnly.",
        )
    if len(given.get("notes") or "") > 512:
        raise ArmError(400, "InvalidRequestContent", "The notes of a lock have 512 characters at most.")
    there = arm.store.get(call.key)
    if there:
        owned(there)
    spelled = arm.store.get(scope.key)["id"].replace("/resourceGroups/", "/resourcegroups/")
    name = ArmId(call.path).name
    id_ = there["id"] if there else f"{spelled}/providers/Microsoft.Authorization/locks/{name}"
    kept = {member: given[member] for member in ("level", "notes", "owners") if given.get(member)}
    body: Json = {
        "properties": kept,
        "id": id_,
        "type": "Microsoft.Authorization/locks",
        "name": there["name"] if there else name,
    }
    arm.store.put(id_, body)
    if not there:
        arm.store.note(PLACED, call.key, arm.now)
    return ok(body, 200 if there else 201)


def delete(arm: Arm, call: Call) -> Answer:
    """Lift a lock; for a while it still holds."""
    there = arm.store.get(call.key)
    if there is None:
        return Answer(204)
    owned(there)
    arm.store.note(
        LIFTED, call.key, {"level": there["properties"]["level"], "id": there["id"], "at": arm.now}
    )
    arm.store.forget(PLACED, call.key)
    arm.store.delete(call.key)
    return Answer(200)


def owned(lock: Json) -> None:
    """Refuse to change a lock that an application owns."""
    if owners := lock["properties"].get("owners"):
        who = ", ".join(one["applicationId"] for one in owners)
        raise ArmError(
            403,
            "Forbidden",
            f"The lock '{lock['name']}' is owned by the application '{who}' and can be changed by it alone.",
        )


def over(arm: Arm, key: str, *, read_only: bool = False) -> Iterator[ArmId]:
    """Yield the scopes of the locks that hold at a lower-cased id, those just lifted included; of ReadOnly ones only."""
    place = ArmId(key)
    for lock in holding(arm):
        scope = ArmId(lock["id"]).scope
        if scope.covers(place) and (not read_only or lock["level"] == "ReadOnly"):
            yield scope


def holding(arm: Arm) -> Iterator[Any]:
    for one in arm.store.keys(TYPE):
        lock: Json = arm.store.get(one)
        yield {"id": lock["id"], "level": lock["properties"]["level"]}
    for one in arm.store.names(LIFTED):
        lifted = arm.store.noted(LIFTED, one)
        if lifted and arm.now < lifted["at"] + arm.lag.lifted:
            yield lifted


def enforce(arm: Arm, call: Call) -> None:
    """Refuse a write that a lock forbids, in Azure's words."""
    id_ = ArmId(call.path)
    target, verb = id_, "delete" if call.method == "DELETE" else "write"
    if call.method == "POST":
        if call.key.endswith(READS):
            return
        target = ArmId(id_.text.rpartition("/")[0])
    if id_.type == TYPE:
        if call.method == "DELETE":
            return
        target = id_.scope
        scopes = [one for one in over(arm, target.key, read_only=True) if one != target]
    else:
        scopes = list(over(arm, target.key, read_only=call.method != "DELETE"))
    if scopes:
        locked = ",".join(dict.fromkeys(f"'{one.text}'" for one in scopes))
        raise ArmError(
            409,
            "ScopeLocked",
            f"The scope '{target.text}' cannot perform {verb} operation because following scope(s) are locked: "
            f"{locked}. Please remove the lock and try again.",
        )
