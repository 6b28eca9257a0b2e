"""
What `az deployment … what-if` says, as entries.

A change that what-if could not work out (`Unsupported`), did not print (`Deploy`, and everything under
`--result-format ResourceIdOnly`), only holds possible, or a nested deployment that it did not open, is a gap.
Expressions that are resolved only when the deployment runs stand in what-if as text in brackets; they are not known.

Source: `WhatIfOperationResult` of Azure's REST API.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azremedy.arm import ArmId, Json
from azremedy.change import arm
from azremedy.change.data import UNKNOWN, Change, Entry, Gap, strange
from azremedy.collect.values import record, records, text

ACTIONS = {"create": "create", "modify": "update", "delete": "delete"}
UNTOLD = {
    "unsupported": "what-if does not support it",
    "deploy": "what-if does not say what is deployed (run it without --result-format ResourceIdOnly)",
}
SILENT = frozenset({"nochange", "noeffect", "ignore"})
"""What changes nothing, or is not a part of the deployment."""
SKIPPED = frozenset({"nesteddeploymentshortcircuited", "nesteddeploymentskippedfrominternalexpansion"})
"""Diagnostics that say that a nested deployment was not opened."""


def entries(result: Json) -> Change:
    """Return the change that a deployment makes."""
    made: list[Entry] = []
    gaps = [*skipped(result), *strange(result.get("changes"), "changes")]
    for one in records(result.get("changes")):
        told = entry(one)
        if isinstance(told, Gap):
            gaps.append(told)
        elif told:
            made.append(told)
    gaps += potential(result)
    return Change("what-if", tuple(made), tuple(gaps))


def skipped(result: Json) -> Iterator[Gap]:
    for one in records(result.get("diagnostics")):
        if (text(one.get("code")) or "").lower() in SKIPPED:
            target = text(one.get("target")) or "a nested deployment"
            yield Gap(None, target, "what-if did not open this nested deployment")


def potential(result: Json) -> Iterator[Gap]:
    yield from strange(result.get("potentialChanges"), "potentialChanges")
    for one in records(result.get("potentialChanges")):
        told = entry(one)
        if isinstance(told, Gap):
            yield told
        elif told:
            yield Gap(arm.SPOKEN_OF[told.type], told.address, "what-if holds it for possible only", told.id)


def entry(change: dict[str, Json]) -> Entry | Gap | None:
    """Return what one element of `changes` does, None where it does nothing that a verdict looks at."""
    address, kind = text(change.get("resourceId")) or "", text(change.get("changeType")) or ""
    id_ = ArmId("/" + address.strip("/"))
    playbook = speaks(id_, address)
    if kind.lower() in SILENT or (address and playbook is None):
        return None
    if playbook is None:
        return Gap(None, "a change without a resourceId", "what-if does not say what it is of")
    type_ = arm.GROUP if is_group(id_) else id_.type
    if because := untold(change, kind, type_):
        return Gap(playbook, address, because, id_)
    if type_ == arm.DEPLOYMENT:
        return None
    action, before, after = ACTIONS[kind.lower()], record(change.get("before")), record(change.get("after"))
    return Entry(
        address,
        type_,
        action,
        arm.kept(type_, before) if action != "create" else None,
        arm.kept(type_, evaluated(after)) if action != "delete" else None,
        id_,
    )


def untold(change: dict[str, Json], kind: str, type_: str) -> str | None:
    """Return why it cannot be told what an element does; a nested deployment tells it in the elements beside it."""
    if kind.lower() in UNTOLD:
        because = text(change.get("unsupportedReason"))
        return UNTOLD[kind.lower()] + (f": {because}" if because else "")
    if kind.lower() not in ACTIONS:
        called = f"the change type {kind!r} is not known here" if kind else "it has no change type"
        return f"{called}, so what becomes of it cannot be told"
    nothing = ACTIONS[kind.lower()] != "delete" and not record(change.get("after"))
    return UNTOLD["deploy"] if nothing and type_ != arm.DEPLOYMENT else None


def speaks(id_: ArmId, address: str) -> str | None:
    """Return the playbook that speaks of a resource; of one whose id is an expression the type in it decides."""
    if is_group(id_):
        return arm.SPOKEN_OF[arm.GROUP]
    if "[" not in address:
        return arm.SPOKEN_OF.get(id_.type)
    named = (type_ for type_ in sorted(arm.SPOKEN_OF, key=len, reverse=True) if type_ in address.lower())
    return next((arm.SPOKEN_OF[type_] for type_ in named), None)


def is_group(id_: ArmId) -> bool:
    return not id_.type and id_.group == id_


def evaluated(value: Json) -> Any:
    """Return a body in which what only the deployment works out is marked as not known."""
    if isinstance(value, dict):
        return {name: evaluated(member) for name, member in value.items()}
    if isinstance(value, list):
        return [evaluated(one) for one in value]
    return UNKNOWN if isinstance(value, str) and is_expression(value) else value


def is_expression(value: str) -> bool:
    """Whether a text is a template expression such as `[reference(…).id]`; `[[` is how templates write a bracket."""
    return value.startswith("[") and value.endswith("]") and not value.startswith("[[") and "(" in value
