"""What carrying out a plan needs from outside: who writes, where it is noted, whose clock, how far it may go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol, TypeAlias

from azremedy import arm
from azremedy.arm import Json
from azremedy.plan import Done, Group, Step, Unlocked

Tell: TypeAlias = Callable[[str], object]
"""Takes a line for the person who watches."""


class Journal(Protocol):
    """Where a run notes what it is about to do and what became of it; each note is on disk when the call returns."""

    def begin(self, groups: tuple[Group, ...]) -> None:
        """Note the whole plan."""
        ...

    def intend(
        self, key: str, group: str, step: Step, *, body: Json, at: datetime, opens: str | None
    ) -> None:
        """Note a write before it is sent, with the body just read; `opens`: `close` or `keep` for a lifted lock."""
        ...

    def note(self, event: str, key: str, at: datetime, **members: Json) -> None:
        """Note what became of the step of this key."""
        ...

    def finish(self, at: datetime) -> None:
        """Note that the run came to its end, with nothing left to find out."""
        ...


class Clock(Protocol):
    """ARM's time, and waiting in it."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class ArmClock:
    """The `Date` of ARM's answers; `speed` is how many of ARM's seconds pass in one of this machine's."""

    arm: arm.Reader
    speed: float = 1.0

    def now(self) -> datetime:
        return self.arm.now

    def sleep(self, seconds: float) -> None:
        Event().wait(seconds / self.speed)


@dataclass(frozen=True, slots=True)
class Settings:
    """
    How far a run may go.

    `settle` lies between the two reads that a step changing a running state needs; `stop_after` is the number of
    groups gone wrong after which no further one starts; `now` overrides the backup schedule, never a running job;
    `backup_budget` is the number of user-triggered backups a UTC day (the service stops at nine, FAQ25).
    """

    max_unlocked: timedelta = timedelta(hours=4)
    settle: timedelta = timedelta(minutes=3)
    stop_after: int | None = None
    parallel: int = 4
    now: bool = False
    backup_budget: int = 7


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did."""

    done: tuple[Done, ...] = ()
    unlocked: tuple[Unlocked, ...] = ()


class Interrupted(Exception):  # noqa: N818 - no error: the run was told to stop
    """The run was told to stop while a step waited."""


@dataclass(slots=True)
class Stop:
    """Whether the run was told to stop, and by which signal."""

    event: Event = field(default_factory=Event)
    signal: int | None = None

    @property
    def told(self) -> bool:
        return self.event.is_set()
