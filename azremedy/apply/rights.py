"""
What a plan needs of a sign-in, looked at before its first write: the rights for each step and its way back, and time.

A lock that is lifted must be put back by the same sign-in, so one that may end before is as good as a missing right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from azremedy.addressing import PERMISSIONS, quoted
from azremedy.arm import ArmId, Json, Reader, Request, Writer
from azremedy.errors import MissingRights
from azremedy.paging import listed
from azremedy.plan import Bracket, Expect, Group, Ladder, Node, Step, Test, steps
from azremedy.resources import Read, rights
from azremedy.resources.reads import allows

SHOWN: Final = 10

WRITING: Final = re.compile(r"/(?:\w+/action|write|delete)$", re.ASCII)
"""What follows the type in a right to write."""

ITEM: Final = "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems"
BACKUPS: Final = rights(frozenset({Read.ITEMS, Read.JOBS, Read.POLICIES})) | {f"{ITEM}/read"}
"""What it takes to see whether a backup is in the way."""

RUNNING: Final = ("deallocate", "powerOff", "redeploy", "restart", "start")
"""The actions before which it is looked at whether a VM runs."""

BESIDE: Final[Mapping[str, frozenset[str]]] = {
    "Microsoft.Compute/": BACKUPS | {"Microsoft.Compute/locations/operations/read"},
    **{f"Microsoft.Compute/virtualMachines/{action}/": rights(frozenset({Read.VIEW})) for action in RUNNING},
    "Microsoft.Network/": frozenset({"Microsoft.Network/locations/operations/read"}),
    "Microsoft.Network/networkSecurityGroups/": rights(frozenset({Read.NSGS})),
    f"{ITEM}/": frozenset({f"{ITEM}/operationsStatus/read"}),
    f"{ITEM}/backup/": rights(frozenset({Read.JOBS})),
}
"""What is read beside the target of a write, by how the right to write begins: operations, views, backups."""


def check(writer: Writer, groups: Sequence[Group], max_unlocked: timedelta = timedelta()) -> None:
    """
    Raise `MissingRights` where a step of these groups, or its way back, needs what the identity lacks.

    So does a bracket that may stay open for `max_unlocked`, where the sign-in surely ends before that.
    """
    if any(closes(*group.nodes) for group in groups) and (why := too_short(writer, max_unlocked)):
        raise MissingRights(f"Nothing was sent: {why}")
    lacking = missing(writer, groups)
    if not lacking:
        return
    named = "; ".join(f"{permission} on {scope}" for permission, scope in lacking[:SHOWN])
    more = f"; and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    raise MissingRights(
        f"Nothing was sent: the identity lacks {named}{more}. Have a role assigned that holds them."
    )


def closes(*nodes: Node) -> bool:
    """Whether one of these nodes lifts a lock that has to be put back."""
    return any(
        (isinstance(node, Bracket) and (not node.keep_open or closes(*node.body)))
        or (isinstance(node, Ladder) and closes(*node.rungs))
        for node in nodes
    )


def too_short(writer: Writer, needed: timedelta) -> str | None:
    """Return why the sign-in is not sure to last as long as a lock may be off, None where it is."""
    left = writer.signed_in_for
    if left is None or left >= needed.total_seconds():
        return None
    return (
        f"the sign-in ends in {max(0, int(left)) // 60} min, and the lock may be off for {span(needed)}: "
        "what `az` holds on a build server may give no other token. Give a shorter --max-unlocked, or sign in with a "
        "secret, a certificate, or a workload or managed identity."
    )


def span(of: timedelta) -> str:
    """Return a length of time in words: `4 h`, `45 min`."""
    minutes = int(of.total_seconds()) // 60
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def missing(reader: Reader, groups: Sequence[Group]) -> tuple[tuple[str, ArmId], ...]:
    """Return the permissions that the identity lacks, each with its scope. Raises `ReadError`."""
    needed = sorted({pair for group in groups for step in steps(*group.nodes) for pair in _needs(step)})
    held = {scope: permissions(reader, scope) for scope in dict.fromkeys(scope for _, scope in needed)}
    return tuple((right, scope) for right, scope in needed if not allows(held[scope], right))


def permissions(reader: Reader, scope: ArmId) -> list[Json]:
    """Return what the identity's roles permit at a scope, those of wider scopes included. Raises `ReadError`."""
    address = quoted(f"{scope}/providers/Microsoft.Authorization/permissions")
    return list(listed(reader, address, {"api-version": PERMISSIONS}))


def reads(writes: Iterable[str]) -> frozenset[str]:
    """Return the RBAC actions for all that is read before, while and after writes with these actions are carried out."""
    held = set(rights(frozenset({Read.SUBSCRIPTION}))) | {"Microsoft.Authorization/permissions/read"}
    for write in writes:
        held.add(WRITING.sub("/read", write))
        held.update(*(more for start, more in BESIDE.items() if write.startswith(start)))
    return frozenset(held)


def scope_of(id_: ArmId) -> ArmId:
    """Return the scope at which rights to write to a resource are asked for: a lock's, else the outermost resource."""
    if id_.type == "microsoft.authorization/locks":
        return id_.scope
    head, found, rest = id_.text.rpartition("/providers/")
    return ArmId(f"{head}{found}{'/'.join(rest.split('/')[:3])}") if found else id_


def _needs(step: Step) -> Iterator[tuple[str, ArmId]]:
    scope = _home(step)
    back = scope_of(step.undo.id) if isinstance(step.undo, Request) else scope
    for permission in step.permissions:
        own = permission == step.request.permission
        yield permission, scope if own else back


def _home(step: Step) -> ArmId:
    """Return the scope at which rights to a write are asked for: of what is not there yet, that of its group."""
    own = step.request.id
    made = step.request.method == "PUT" and Expect(own, "", Test.ABSENT) in step.before
    return own.group if made and own.group and scope_of(own) == own else scope_of(own)
