"""The rights that a plan needs, asked of ARM before its first write: for each step and for its way back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from azremedy.apply.addresses import PERMISSIONS
from azremedy.apply.backups import listed
from azremedy.arm import ArmId, Json, Reader, Request
from azremedy.errors import MissingRights
from azremedy.plan import Group, Step, steps

SHOWN: Final = 10


def check(reader: Reader, groups: Sequence[Group]) -> None:
    """Raise `MissingRights` where a step of these groups, or its way back, needs what the identity lacks."""
    lacking = missing(reader, groups)
    if not lacking:
        return
    named = "; ".join(f"{permission} on {scope}" for permission, scope in lacking[:SHOWN])
    more = f"; and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    raise MissingRights(
        f"Nothing was sent: the identity lacks {named}{more}. Have a role assigned that holds them."
    )


def missing(reader: Reader, groups: Sequence[Group]) -> tuple[tuple[str, ArmId], ...]:
    """Return the permissions that the identity lacks, each with its scope. Raises `ReadError`."""
    needed = sorted({pair for group in groups for step in steps(*group.nodes) for pair in _needs(step)})
    held: dict[ArmId, list[Json]] = {}
    for _, scope in needed:
        if scope not in held:
            address = f"{scope}/providers/Microsoft.Authorization/permissions"
            held[scope] = list(listed(reader, address, {"api-version": PERMISSIONS}))
    return tuple((right, scope) for right, scope in needed if not allows(held[scope], right))


def allows(permissions: Sequence[Json], action: str) -> bool:
    """Whether one of these role permissions has an action among its actions and not among its exceptions."""
    return any(
        _matches(one.get("actions") or (), action) and not _matches(one.get("notActions") or (), action)
        for one in permissions
    )


def scope_of(id_: ArmId) -> ArmId:
    """Return the scope at which rights to write to a resource are asked for: a lock's, else the outermost resource."""
    if id_.type == "microsoft.authorization/locks":
        return id_.scope
    head, found, rest = id_.text.rpartition("/providers/")
    return ArmId(f"{head}{found}{'/'.join(rest.split('/')[:3])}") if found else id_


def _needs(step: Step) -> Iterator[tuple[str, ArmId]]:
    scope = scope_of(step.request.id)
    back = scope_of(step.undo.id) if isinstance(step.undo, Request) else scope
    for permission in step.permissions:
        own = permission == step.request.permission
        yield permission, scope if own else back


def _matches(patterns: Sequence[str], action: str) -> bool:
    return any(
        re.fullmatch(".*".join(map(re.escape, one.split("*"))), action, re.IGNORECASE) for one in patterns
    )
