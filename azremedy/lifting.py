"""Lifting and placing a lock, as steps: whoever plans one plans the same one, so that equal brackets can be joined."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from azremedy.arm import ArmId, Request
from azremedy.plan import Expect, FixClass, Restore, Step, Test
from azremedy.resources import Lock

LAG: Final = timedelta(minutes=10)
"""How long ARM may still refuse writes after a lock's DELETE was answered (LOCK24)."""


LIFTING: Final = frozenset({"Microsoft.Authorization/locks/delete", "Microsoft.Authorization/locks/write"})
"""
The RBAC actions that lift a lock and put it back. Planning may lift one around any step, so that every playbook that
writes may need them (`azremedy.playbook.Playbook.fix_permissions`).
"""


KINDS: Final = {
    "restorepointcollections": "collection",
    "virtualmachines": "VM",
    "disks": "disk",
    "networkinterfaces": "NIC",
}
"""What resources that carry locks are called, by the last word of their type."""


def lift(lock: Lock) -> Step:
    """Return the step that lifts a lock that has no owners; its way back is the very lock that was there."""
    held = {"level": lock.level, "notes": lock.notes, "owners": None}
    return Step(
        summary=f"lift the {lock.level} lock '{lock.id.name}' on {place(lock.scope)}",
        request=Request("DELETE", lock.id),
        before=tuple(
            Expect(lock.id, f"properties.{name}", Test.ABSENT if value is None else Test.EQUALS, value)
            for name, value in held.items()
        ),
        after=(Expect(lock.id, "", Test.ABSENT),),
        undo=Restore(),
        within=LAG,
        fix_class=FixClass.GUARDED,
    )


def lay(lock: Lock) -> Step:
    """Return the step that places a lock where there is none of its name; its way back takes it away again."""
    body = {"level": lock.level, **({"notes": lock.notes} if lock.notes else {})}
    return Step(
        summary=f"place the {lock.level} lock '{lock.id.name}' on {place(lock.scope)}",
        request=Request("PUT", lock.id, body={"properties": body}),
        before=(Expect(lock.id, "", Test.ABSENT),),
        after=tuple(
            Expect(lock.id, f"properties.{name}", Test.EQUALS, value) for name, value in body.items()
        ),
        undo=Request("DELETE", lock.id),
        within=LAG,
        fix_class=FixClass.GUARDED,
    )


def widest_first(lock: Lock) -> tuple[int, bool, str]:
    """Order locks by scope; of one scope the ReadOnly lock is lifted first, so that others can be put back under it."""
    return lock.scope.key.count("/"), not lock.read_only, lock.id.key


def place(scope: ArmId) -> str:
    """Return what a lock stands on, in words."""
    if scope.type:
        return f"{KINDS.get(scope.type.rpartition('/')[2], 'resource')} {scope.name}"
    return f"group {scope.name}" if scope.group else "the whole subscription"
