"""
Azure Policy: the assignments that hold in a subscription, and the effect of each.

They are read only where a backup failed because a policy forbade something. Initiatives hold hundreds of definitions:
what is in them is not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from azremedy.arm import ArmId, Json
from azremedy.collect.decode import MalformedError, own_id
from azremedy.collect.sources import Single, Source, one
from azremedy.collect.values import arm_id, record, text
from azremedy.estate import Estate, Protected
from azremedy.resources import PolicyAssignment, Read

if TYPE_CHECKING:
    from azremedy.collect.sweep import Sweep

VERSION = "2023-04-01"
DEFINITION = "microsoft.authorization/policydefinitions"
GROUP = "microsoft.resources/subscriptions/resourcegroups"
PARAMETER = re.compile(r"\[\s*parameters\(\s*'([^']+)'\s*\)\s*\]")


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment as it stands, with the values that it gives to its definition's parameters."""

    id: ArmId
    plain: PolicyAssignment
    values: dict[str, Json]


def assignment(body: Json) -> Assigned:
    properties = record(body.get("properties"))
    definition = arm_id(properties.get("policyDefinitionId"))
    if definition is None:
        raise MalformedError("a policy assignment without its definition")
    id_ = own_id(body)
    plain = PolicyAssignment(
        id=id_,
        definition=definition,
        title=text(properties.get("displayName")),
        enforced=(text(properties.get("enforcementMode")) or "Default").lower() == "default",
    )
    given = record(properties.get("parameters"))
    return Assigned(id_, plain, {name: record(one).get("value") for name, one in given.items()})


def of_definition(assigned: Assigned, body: Json) -> PolicyAssignment:
    """Return an assignment with what its definition says; a formula is no known effect, a rule without one no rule."""
    properties = record(body.get("properties"))
    rule = record(properties.get("policyRule"))
    effect = text(record(rule.get("then")).get("effect"))
    if effect is None:
        raise MalformedError("a policy definition without its effect")
    if parameter := PARAMETER.fullmatch(effect):
        name = parameter[1]
        default = record(record(properties.get("parameters")).get(name)).get("defaultValue")
        effect = text(assigned.values.get(name)) or text(default)
    said = list(words(rule.get("if")))
    return replace(
        assigned.plain,
        effect=effect.lower() if effect and not effect.startswith("[") else None,
        on_tags=any(re.search(r"\btags(?:$|[\[.])", one) for one in said),
        on_groups=GROUP in said,
    )


def words(value: Json) -> Iterator[str]:
    """Yield every text in the condition of a rule, in lower case."""
    match value:
        case str():
            yield value.lower()
        case dict():
            yield from (word for one in value.values() for word in words(one))
        case list():
            yield from (word for one in value for word in words(one))


def assignments(subscription: ArmId) -> Source:
    """The assignments at a subscription, above it and below it; a gap in them is about no VM in particular."""
    address = f"{subscription}/providers/Microsoft.Authorization/policyAssignments"
    return Source(Read.POLICY_ASSIGNMENTS, ArmId(address), address, {"api-version": VERSION}, one(assignment))


def definition(assigned: Assigned) -> Single:
    """What an assignment assigns."""
    id_ = assigned.plain.definition
    return Single(
        Read.POLICY_DEFINITIONS,
        assigned.id,
        str(id_),
        {"api-version": VERSION},
        lambda body: of_definition(assigned, body),
    )


def forbidden(estate: Estate, looked_at: tuple[Protected, ...]) -> bool:
    """Whether the newest backup of one of these VMs failed because a policy forbade something."""
    newest = (next(iter(estate.failures_of.get(one.item.id, ())), None) for one in looked_at)
    return any(failure.lists("C10") for failure in newest if failure)


def read_assignments(sweep: Sweep, estate: Estate, looked_at: tuple[Protected, ...]) -> Estate:
    """Read the assignments in force and what those assign that are no initiatives."""
    if not forbidden(estate, looked_at):
        return estate
    found: list[Assigned] = sweep.listed(assignments(estate.subscription.id))
    asked = {
        one.id: sweep.submit(definition(one))
        for one in found
        if one.plain.enforced and one.plain.definition.type == DEFINITION
    }
    told = {id_: future.result() for id_, future in asked.items()}
    whole = (told.get(one.id) or one.plain for one in found)
    return estate.changed(policy_assignments=tuple(sorted(whole, key=lambda held: held.id)))
