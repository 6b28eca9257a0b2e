"""Faults on demand: which requests go wrong, and how."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from azremedy.errors import AzremedyError
from azremedy.sandbox.answers import Answer, ArmError
from azremedy.sandbox.changes import change

if TYPE_CHECKING:
    from azremedy.sandbox.answers import Call
    from azremedy.sandbox.description import Fault
    from azremedy.sandbox.store import Store


class Faults:
    """Counts what each fault has seen and struck. `asked` is the list that a test changes."""

    def __init__(self, asked: list[Fault]) -> None:
        self.asked = asked
        self._seen: dict[int, tuple[Fault, int]] = {}

    def strike(self, call: Call) -> Fault | None:
        """Return the first fault that strikes this request, or None."""
        struck = [one for one in tuple(self.asked) if self._strikes(one, call)]
        return struck[0] if struck else None

    def _strikes(self, fault: Fault, call: Call) -> bool:
        if not re.search(fault.match, f"{call.method} {call.path}", re.IGNORECASE):
            return False
        _, before = self._seen.get(id(fault), (fault, 0))
        self._seen[id(fault)] = fault, before + 1
        return before + 1 >= fault.nth and (fault.times is None or before + 1 < fault.nth + fault.times)


def drift(store: Store, fault: Fault) -> Answer | None:
    """Change what a fault says somebody else changes; return the answer where there is nothing to change."""
    try:
        change(store, fault.resource, fault.path, fault.value)
    except AzremedyError as error:
        return ArmError(400, "NoSuchDrift", str(error)).answer
    return None


def answer(fault: Fault) -> Answer:
    """Return what a fault answers in ARM's place."""
    after = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    return ArmError(fault.status, fault.code, fault.body, after).answer
