"""
The roles that azremedy's work needs, as Azure takes them: nothing in them that is not used, nothing used that is not in them.

They follow from the playbooks' cards (`needs`, `plan_needs`, `writes`) and from what apply reads while it writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from azremedy.apply.rights import reads
from azremedy.arm import Json
from azremedy.playbook import Playbook, load, outside
from azremedy.resources import Read, rights

ANY_SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"
"""What stands for a subscription where none is named; Azure refuses it."""

LOOKING: Final = frozenset({"Microsoft.Authorization/permissions/read"})
"""What `azremedy doctor` needs to say what is missing."""

INSIDE: Final = "Reads what azremedy scan --guest judges, and runs scripts in VMs for that: who holds it is administrator of them."


@dataclass(frozen=True, slots=True)
class Role:
    """A custom role: `id` is what `azremedy roles --for` takes, `actions` are RBAC actions."""

    id: str
    name: str
    description: str
    actions: frozenset[str]

    def definition(self, subscriptions: Sequence[str] = ()) -> Mapping[str, Json]:
        """Return the role as `az role definition create --role-definition` takes it, assignable in these subscriptions."""
        return {
            "Name": self.name,
            "IsCustom": True,
            "Description": self.description,
            "Actions": sorted(self.actions),
            "NotActions": [],
            "DataActions": [],
            "NotDataActions": [],
            "AssignableScopes": [f"/subscriptions/{one}" for one in subscriptions or (ANY_SUBSCRIPTION,)],
        }


def roles() -> Mapping[str, Role]:
    """Return the roles by id: to look, to plan, to cure whatever can be cured, and to cure one cause."""
    return {role.id: role for role in (*looking(), *curing())}


def looking() -> Iterator[Role]:
    """Yield the roles of those that only read."""
    scan = reduce(or_, (one.permissions for one in outside())) | LOOKING
    plan = reduce(or_, (one.plan_permissions for one in outside())) | scan
    inside = scan | rights(frozenset({Read.GUEST})) | reads(rights(frozenset({Read.GUEST})))
    yield Role("scan", "azremedy scan", "Reads what azremedy scan judges. Changes nothing.", scan)
    yield Role("scan-guest", "azremedy scan --guest", INSIDE, inside)
    yield Role("gate", "azremedy gate", "Reads what azremedy gate judges. Changes nothing.", scan)
    yield Role("dry-run", "azremedy dry run", "Reads what azremedy fix plans from. Changes nothing.", plan)


def curing() -> Iterator[Role]:
    """
    Yield the role that carries out every cure from outside, and one for each playbook that has one.

    Each reads what it needs. Who cures inside VMs is administrator of them, and holds the role of that playbook for it.
    """
    cards = [one for one in load().values() if one.fix_permissions]
    scripts = rights(frozenset({Read.GUEST}))
    outside_ = (
        cured(one, one.fix_permissions - scripts) for one in cards if not one.inside and one.writes - scripts
    )
    yield Role("fix", "azremedy fix", "Carries out azremedy fix --apply.", reduce(or_, outside_))
    for one in cards:
        guest = " --guest" if one.inside or one.writes & scripts else ""
        does = f"Carries out azremedy fix --apply --playbook {one.id}{guest}."
        yield Role(one.id, f"azremedy fix {one.id}", does, cured(one, one.fix_permissions))


def cured(card: Playbook[Any], writes: frozenset[str]) -> frozenset[str]:
    """Return all that the cures of a playbook take that make these writes."""
    return card.plan_permissions | reads(writes) | writes
