"""Reading journals back: where each step stands, and which locks are still lifted."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from azremedy.arm import Json
from azremedy.errors import AzremedyError
from azremedy.journal.data import loaded
from azremedy.journal.process import folder, held
from azremedy.journal.writing import SUFFIX, VERSION, Header
from azremedy.plan import Group, Step, steps

CLOSED: Final = frozenset({"closed", "kept open"})
"""The events after which a lifted lock is over; one that was `left` to another of its name still waits for a person."""


WELL: Final = frozenset({"confirmed", "not needed"})
"""What is said of a step with which nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A step that a run intended, and what its journal says became of it.

    `state` is the newest event of its fate (`intended` where there is none), `body` what was kept of it before, `left`
    what was kept of it after; `opens` is `close` or `keep` for a lifted lock and `closed` whether that is over. `noted` is
    when its last event was noted.
    """

    key: str
    group: str
    step: Step
    body: Json
    at: datetime
    opens: str | None = None
    state: str = "intended"
    operation: str | None = None
    reason: str | None = None
    code: str | None = None
    left: Json = None
    closed: bool = False
    undone: bool = False
    executed: bool = True
    """False only where ARM surely did not carry it out."""
    noted: datetime | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """
    What a wave came to when it was looked at again, and whether it was proved by backups.

    `wrong` is the number of groups that had gone wrong by its end, `against` what keeps the next one from beginning.
    """

    wrong: int
    proved: bool
    against: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """
    A journal that was read back; `outcomes` has the last event of every step, sent or not.

    `waves` says of each wave that was looked at again what it came to, `prove` whether its cures were to be proved.
    """

    path: Path
    header: Header
    groups: tuple[Group, ...] = ()
    entries: tuple[Entry, ...] = ()
    outcomes: Mapping[str, str] = field(default_factory=dict)
    finished: bool = False
    waves: Mapping[int, Came] = field(default_factory=dict)
    prove: bool = False

    @property
    def open_brackets(self) -> tuple[Entry, ...]:
        """The lifted locks that are to be put back, the newest first."""
        return tuple(
            one for one in reversed(self.entries) if one.opens == "close" and one.executed and not one.closed
        )

    @property
    def over(self) -> tuple[Group, ...]:
        """The groups that came out well: each of their steps is confirmed, or was not needed."""
        said = {**self.outcomes, **{one.key: one.state for one in self.entries}}
        well = Counter(key.partition("/")[0] for key, outcome in said.items() if outcome in WELL)
        return tuple(one for one in self.groups if well[one.id] == sum(1 for _ in steps(*one.nodes)))

    @property
    def wave(self) -> tuple[int, int] | None:
        """The last wave of which anything was intended (0 for none) and the number of waves; None where there are none."""
        waves = {one.id: one.wave for one in self.groups if one.wave is not None}
        if not waves:
            return None
        return max((waves[one.group] for one in self.entries if one.group in waves), default=0), max(
            waves.values()
        )

    @property
    def subscription(self) -> str:
        """The id of the subscription that it wrote to."""
        return self.header.subscription

    @property
    def here(self) -> bool:
        """Whether it ran on this host."""
        return self.header.host == platform.node()

    @property
    def alive(self) -> bool:
        """Whether a process is at work on it: it holds the journal, and lets go of it however it ends."""
        return held(self.path)


def read(path: Path) -> Run:
    """Read a journal back; a torn last line is passed over. Raises `AzremedyError` for what is no journal."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise AzremedyError(f"Cannot read the journal {path}: {error.strerror}.") from error
    try:
        events = [json.loads(line) for line in lines[:-1] if line.strip()]
        first = events[0]
        if first["schemaVersion"] != VERSION:
            raise AzremedyError(
                f"{path} is a journal of version {first['schemaVersion']}; this azremedy reads version {VERSION}."
            )
        return _replayed(path, loaded(Header, first["run"]), events[1:])
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise AzremedyError(f"{path} is not a journal that azremedy wrote: name another file.") from error


def runs(where: Path | None = None) -> tuple[Run, ...]:
    """Return the runs whose journals lie in a folder, oldest first; what is no journal there is passed over."""
    return tuple(sorted(_readable(where or folder()), key=lambda run: run.header.started))


def unfinished(where: Path | None = None, subscription: str | None = None) -> tuple[Run, ...]:
    """
    Return the runs (of a subscription) that did not come to their end and on which no process is at work.

    Those of other hosts are among them (`Run.here`): a host's name may be new after each start of a container.
    """
    return tuple(
        run
        for run in runs(where)
        if not run.finished
        and (subscription is None or run.header.subscription.lower() == subscription.lower())
        and not run.alive
    )


def _replayed(path: Path, header: Header, events: list[Json]) -> Run:
    groups: tuple[Group, ...] = ()
    entries: dict[str, Entry] = {}
    outcomes: dict[str, str] = {}
    waves: dict[int, Came] = {}
    finished = prove = False
    for event in events:
        name, key = event["event"], event.get("step", "")
        match name:
            case "plan":
                now = loaded(tuple[Group, ...], event["groups"])
                again = {one.id for one in now}
                groups = (*(one for one in groups if one.id not in again), *now)
            case "finished":
                finished = True
            case "to prove":
                prove = True
            case "wave":
                waves[event["wave"]] = Came(event["wrong"], event["proved"], event["against"])
            case "intend":
                waves.pop(next((one.wave or 0 for one in groups if one.id == event["group"]), 0), None)
                finished = False  # a rollback goes on where the run had ended
                entries[key] = _intended(event)
                outcomes[key] = name
                finished = False  # a rollback goes on with a run that came to its end
            case _:
                outcomes[key] = name
                if key in entries:
                    noted = datetime.fromisoformat(event["at"])
                    entries[key] = replace(_after(entries[key], name, event), noted=noted)
    return Run(path, header, groups, tuple(entries.values()), outcomes, finished, waves, prove)


def _intended(event: Json) -> Entry:
    return Entry(
        key=event["step"],
        group=event["group"],
        step=loaded(Step, event["does"]),
        body=event["body"],
        at=datetime.fromisoformat(event["at"]),
        opens=event["opens"],
    )


def _after(entry: Entry, name: str, event: Json) -> Entry:
    if name in {"closing", "left", *CLOSED}:
        return replace(entry, closed=name in CLOSED)
    if name == "undone":
        return replace(entry, undone=True)
    return replace(
        entry,
        state=name,
        operation=event.get("operation", entry.operation),
        reason=event.get("reason"),
        code=event.get("code"),
        left=event.get("left", entry.left),
        executed=event.get("executed", True),
    )


def _readable(where: Path) -> Iterator[Run]:
    for path in sorted(where.glob(f"*{SUFFIX}")):
        try:
            yield read(path)
        except AzremedyError:
            continue
