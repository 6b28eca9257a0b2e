"""Where a step stands in a run, and what came of a part of one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from azremedy.plan import Done


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a group; `key` names it in the journal, `unlocked` says that a lock above was just lifted."""

    group: str
    key: str
    unlocked: bool = False

    def below(self, number: int) -> Place:
        """The place of the child of this number."""
        return replace(self, key=f"{self.key}/{number}")

    @property
    def opening(self) -> Place:
        """The place of a bracket's own write."""
        return replace(self, key=f"{self.key}/open")


@dataclass(slots=True)
class Walked:
    """
    What came of some nodes.

    `goes_on`: what stands after them may be done; `waits`: a bracket around them has something to wait for.
    """

    done: list[Done] = field(default_factory=list)
    goes_on: bool = True
    waits: bool = True

    def add(self, other: Walked) -> None:
        """Take in what came of the next node."""
        self.done += other.done
        self.goes_on = other.goes_on
        self.waits = self.waits and other.waits
