"""What every part of a run shares: writer, journal, clock, the word to stop, and who may write to what just now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock, RLock, Semaphore
from typing import Final

from tenacity import RetryCallState, Retrying, retry_if_result, wait_exponential

from azremedy.apply import backups
from azremedy.apply.needs import Clock, Interrupted, Journal, Settings, Stop, Tell
from azremedy.arm import ArmId, Writer
from azremedy.errors import ReadError, SignInError
from azremedy.plan import Step, Unlocked

UNREADABLE: Final = (ReadError, SignInError)
"""What a read ends in that has no usable answer: the run goes on without it, or waits."""

SHORTEST: Final = 2.0
LONGEST: Final = 30.0
"""Seconds between two looks at something that is awaited."""

LONG: Final = timedelta(seconds=30)
"""From which length on somebody is told of a wait."""

SILENT: Final = 10.0
"""Seconds that such a wait goes on before it is told of: most are over by then."""

SLICE: Final = 1.0
"""Seconds of waiting after which the word to stop is heard."""


@dataclass(slots=True)
class Means:
    """The means of one run. Safe for many threads."""

    writer: Writer
    journal: Journal
    settings: Settings
    clock: Clock
    tell: Tell
    stop: Stop
    unlocked: list[Unlocked] = field(default_factory=list)
    slots: Semaphore = field(init=False)
    _mutex: Lock = field(default_factory=Lock)
    _gates: dict[str, RLock] = field(default_factory=lambda: defaultdict(RLock))
    _items: dict[ArmId, tuple[ArmId, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.slots = Semaphore(self.settings.parallel)

    @contextmanager
    def alone(self, *steps: Step) -> Iterator[None]:
        """
        Hold what these steps write to: one write at a time to a VM, an NSG, the triggers of a vault.

        Who holds it for several steps holds it for each of them; who holds nothing else cannot be waited for in turn.
        """
        with ExitStack() as stack:
            for key in sorted({key for step in steps for key in gates(step)}):
                with self._mutex:
                    gate = self._gates[key]
                stack.enter_context(gate)
            yield

    def items_of(self, vm: ArmId) -> tuple[ArmId, ...]:
        """Return the protected items of a VM, read once a run."""
        if vm not in self._items:
            self._items[vm] = backups.items_of(self.writer, vm)
        return self._items[vm]

    def patience(self, within: timedelta, what: str = "", *, heeds: bool = True) -> Patience:
        """Return patience of that length, from now on, for `what`; `heeds`: the word to stop ends it."""
        return Patience(self, within, self.clock.now(), heeds=heeds, what=what)


@dataclass(slots=True)
class Patience:
    """
    A time that may be waited, in ARM's seconds, whichever is longer: as its clock tells, or as was slept.

    Where `what` is waited for is named, somebody is told once that a long wait has begun.
    """

    means: Means
    within: timedelta
    started: datetime
    heeds: bool
    what: str = ""
    slept: float = 0.0
    missing: str | None = None
    """What was unmet at the last look."""
    told: bool = False

    @property
    def left(self) -> float:
        """Seconds left."""
        passed = (self.means.clock.now() - self.started).total_seconds()
        return self.within.total_seconds() - max(passed, self.slept)

    def sleep(self, seconds: float) -> None:
        """Wait, at most as long as is left. Raises `Interrupted` when the run is told to stop."""
        rest = min(seconds, max(self.left, 0.0))
        while rest > 0:
            if self.heeds and self.means.stop.told:
                raise Interrupted
            self._tell()
            self.means.clock.sleep(min(rest, SLICE))
            self.slept += min(rest, SLICE)
            rest -= SLICE

    def _tell(self) -> None:
        if self.told or not self.what or self.slept < SILENT or self.left < LONG.total_seconds() - SILENT:
            return
        self.told = True
        because = f": {self.missing}" if self.missing else ""
        self.means.tell(f"{self.what}: waits up to {self.left / 60:.2g} min more{because}")

    def until(self, unmet: Callable[[], str | None]) -> str | None:
        """Look again and again until nothing is unmet (None), or patience ends (what was unmet at the last look)."""

        def looked() -> str | None:
            if self.heeds and self.means.stop.told:
                raise Interrupted
            try:
                self.missing = unmet()
            except UNREADABLE as error:
                self.missing = str(error)
            return self.missing

        retrying = Retrying(
            retry=retry_if_result(lambda words: words is not None),
            wait=wait_exponential(multiplier=SHORTEST, max=LONGEST),
            stop=lambda _: self.left <= 0,
            sleep=self.sleep,
            retry_error_callback=_last,
        )
        words: str | None = retrying(looked)
        return words


def gates(step: Step) -> Iterator[str]:
    """Yield what a step has to have for itself."""
    if step.changes_vm:
        yield step.changes_vm.key
    if step.triggers_backup:
        yield backups.vault(step.triggers_backup).key
    if "/networksecuritygroups/" in step.request.id.key:
        yield "/".join(step.request.id.key.split("/")[:9])


def _last(state: RetryCallState) -> str | None:
    return state.outcome.result() if state.outcome else None
