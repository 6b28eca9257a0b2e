"""What the journal keeps of a resource, and the body that puts one back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from azremedy.apply import expect
from azremedy.arm import ArmId, Json, Reader, Request
from azremedy.errors import ReadError, SignInError
from azremedy.plan import Expect, Irreversible, Restore, Step, Test, View

LOCK: Final = "microsoft.authorization/locks"
RULE: Final = "microsoft.network/networksecuritygroups/securityrules"
ITEM: Final = "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems"
COLLECTION: Final = "microsoft.compute/restorepointcollections"

WHOLE: Final = frozenset({LOCK, RULE, ITEM, COLLECTION, f"{COLLECTION}/restorepoints"})
"""Types that hold no secret, and so are kept whole."""

READ_ONLY: Final = frozenset({"id", "name", "type", "etag", "systemData", "eTag"})
WRITABLE: Final[Mapping[str, frozenset[str]]] = {
    LOCK: frozenset({"level", "notes", "owners"}),
    ITEM: frozenset({"protectedItemType", "sourceResourceId", "policyId", "extendedProperties"}),
}
"""The properties that a PUT takes, for types that show more than that."""


def kept(step: Step, shown: expect.Shown) -> Json:
    """Return what is kept of what was read before a step: the whole body, or only what its expectations name."""
    target = step.request.id
    if target.type in WHOLE:
        return {"whole": shown.get((target, View.RESOURCE))}
    values = {
        f"{one.target}#{one.path}": expect.at(shown.get((one.target, one.view)), one.path)
        for one in step.before
        if one.path
    }
    return {"values": values}


def left(reader: Reader, step: Step) -> Json:
    """Return what a step left, for types that are kept whole; None where it cannot be read."""
    if step.request.id.type not in WHOLE or step.request.method == "POST":
        return None
    try:
        return {"whole": expect.body(reader, step.request.id)}
    except (ReadError, SignInError):
        return None


def writable(id_: ArmId, body: Mapping[str, Any]) -> dict[str, Json]:
    """Return a body as it was read without its read-only members: what a PUT sends to have the same again."""
    properties = body.get("properties") or {}
    allowed = WRITABLE.get(id_.type)
    sent = {
        name: value
        for name, value in properties.items()
        if value is not None and (name in allowed if allowed else name != "provisioningState")
    }
    rest = {name: value for name, value in body.items() if name not in READ_ONLY and name != "properties"}
    return {**({} if allowed else rest), "properties": sent}


def shows(id_: ArmId, body: Mapping[str, Any] | None) -> tuple[Expect, ...]:
    """
    Return the expectations that a resource is as this body says (None: that there is none).

    An empty text or list says nothing: ARM shows it as missing as well.
    """
    if body is None:
        return (Expect(id_, "", Test.ABSENT),)
    properties = writable(id_, body)["properties"]
    absent = WRITABLE.get(id_.type, frozenset()) - properties.keys()
    return (
        *(
            Expect(id_, f"properties.{name}", Test.EQUALS, value)
            for name, value in properties.items()
            if value
        ),
        *(Expect(id_, f"properties.{name}", Test.ABSENT) for name in sorted(absent)),
    )


def says(id_: ArmId, body: Json, path: str = "") -> Iterator[Expect]:
    """Yield the expectations that a resource is as this body of a PUT says, value by value."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            yield from says(id_, value, f"{path}.{name}" if path else name)
    else:
        yield Expect(id_, path, Test.ABSENT if body is None else Test.EQUALS, body)


def way_back(step: Step, body: Mapping[str, Any] | None) -> Request | Irreversible:
    """Return the request that undoes a step; `body` is what was kept whole of it before."""
    match step.undo:
        case Restore() if body is not None:
            return Request("PUT", step.request.id, body=writable(step.request.id, body))
        case Restore():
            return Request("DELETE", step.request.id)
        case undo:
            return undo
