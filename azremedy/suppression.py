"""Findings that somebody has looked at and accepts, for a time and with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from azremedy.arm import ArmId


@dataclass(frozen=True, slots=True)
class Suppression:
    """
    One finding, or one kind of finding, that is accepted until the end of a day in UTC.

    `playbook` is an id or `*`; `scope` an ARM id in which `*` stands for any text: of the VM, of the resource that
    carries the cause, or of what holds them. `number` is its place in the file, from 1.
    """

    playbook: str
    scope: str
    reason: str
    expires: date
    owner: str | None
    number: int

    def covers(self, playbook: str, *ids: ArmId) -> bool:
        """Whether a finding of this playbook at these ids is meant, whatever the day."""
        scope = self.scope.lower().rstrip("/")
        return self.playbook in ("*", playbook) and any(
            fnmatchcase(id_.key, scope) or fnmatchcase(id_.key, f"{scope}/*") for id_ in ids
        )

    def holds(self, day: date) -> bool:
        """Whether it has not ended on this day."""
        return day <= self.expires
