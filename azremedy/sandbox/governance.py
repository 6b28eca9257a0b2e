"""Azure Policy: what is assigned in a subscription, and whether it refuses a group without tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.arm import ArmId
from azremedy.sandbox import keys
from azremedy.sandbox.answers import Answer, not_found
from azremedy.sandbox.pages import listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call
    from azremedy.sandbox.ground import Ground
    from azremedy.sandbox.parts import PolicyAssignment

ASSIGNMENT: Final = "microsoft.authorization/policyassignments"
DEFINITION: Final = "microsoft.authorization/policydefinitions"


def resources(ground: Ground, given: PolicyAssignment) -> Iterator[tuple[str, Json]]:
    """Make an assignment and, where it is no initiative, the definition that it assigns."""
    place = f"{ground.root}/providers/Microsoft.Authorization"
    kind = "policySetDefinitions" if given.initiative else "policyDefinitions"
    definition = f"{place}/{kind}/{given.name}"
    id_ = f"{place}/policyAssignments/{given.name}"
    yield (
        id_,
        {
            "id": id_,
            "name": given.name,
            "type": "Microsoft.Authorization/policyAssignments",
            "properties": {
                "displayName": given.title or given.name,
                "policyDefinitionId": definition,
                "scope": ground.root,
                "notScopes": [],
                "parameters": {"effect": {"value": given.effect}, "tagName": {"value": given.tag or ""}},
                "enforcementMode": "Default" if given.enforced else "DoNotEnforce",
            },
        },
    )
    if not given.initiative:
        yield definition, definition_body(definition, given)


def definition_body(id_: str, given: PolicyAssignment) -> Json:
    """Return a definition whose effect is a parameter, as those that ask for tags have it."""
    lacking = {"field": "[concat('tags[', parameters('tagName'), ']')]", "exists": "false"}
    group = {"field": "type", "equals": "Microsoft.Resources/subscriptions/resourceGroups"}
    condition = {"allOf": [group, lacking]} if given.tag else {"field": "location", "notIn": ["westeurope"]}
    return {
        "id": id_,
        "name": given.name,
        "type": "Microsoft.Authorization/policyDefinitions",
        "properties": {
            "displayName": given.title or given.name,
            "policyType": "Custom",
            "mode": "All",
            "parameters": {
                "effect": {"type": "String", "defaultValue": "Audit"},
                "tagName": {"type": "String"},
            },
            "policyRule": {"if": condition, "then": {"effect": "[parameters('effect')]"}},
        },
    }


def assigned(arm: Arm, call: Call) -> Answer:
    """Answer the policy assignments of a subscription."""
    return listing(arm, call, list(arm.store.keys(ASSIGNMENT)))


def defined(arm: Arm, call: Call) -> Answer:
    """Answer one policy definition."""
    if call.key not in arm.store:
        raise not_found(call.path)
    return Answer(body=arm.store.rendered(call.key, "plain"))


READS: Final = {ASSIGNMENT: assigned, DEFINITION: defined, keys.ASSIGNMENT: keys.assigned}
"""What each address of Azure Policy, and that of role assignments, answers to a GET."""


def refused(arm: Arm, home: str) -> str | None:
    """Return that a policy refuses the group of a collection, which has to be made first."""
    group = ArmId(home).group
    if group is None or group.key in arm.store:
        return None
    for key in arm.store.keys(ASSIGNMENT):
        told: Json = arm.store.get(key)["properties"]
        asked = told["parameters"]["tagName"]["value"]
        denies = told["parameters"]["effect"]["value"].lower() == "deny"
        if asked and denies and told["enforcementMode"] == "Default":
            return "UserErrorRequestDisallowedByPolicy"
    return None
