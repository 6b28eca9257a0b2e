"""From scan to scan: look, compare, tell, keep, wait."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, Final

from azremedy.azure.cloud import name_of
from azremedy.azure.subscriptions import default_subscription
from azremedy.baseline import Comparison
from azremedy.cli import accepted
from azremedy.cli.gaps import complain_of_gaps
from azremedy.cli.output import complain, note, put, save
from azremedy.cli.scan import Result, chosen, ending, found, tell_calls
from azremedy.cli.scan_flags import Flags
from azremedy.cli.subscriptions import listed
from azremedy.cli.watch import LEFT_OUT, Watch
from azremedy.errors import AzremedyError, Exit
from azremedy.playbook import load
from azremedy.watch import memory as memories
from azremedy.watch import metrics
from azremedy.watch.document import document, line, text
from azremedy.watch.memory import Asked, Memory
from azremedy.watch.news import Looked, after, counts, news_of, shown_as
from azremedy.watch.shown import forgetting, hidden, looked_at
from azremedy.watch.telling import Lines, Teller, everybody

ASIDE: Final = frozenset(
    {*LEFT_OUT, "mask", "quiet", "verbose", "debug", "deadline", "in_flight", "allow_partial", "suppressions",
     "before_backup", "accepted", "change", "scheduler"}
)  # fmt: skip
"""Flags that do not change what is looked for, and where."""

PLACES: Final = {"tenant": "AZURE_TENANT_ID", "cloud": "AZURE_RESOURCE_MANAGER_ENDPOINT"}
"""Variables that say where is looked, for want of a flag."""

HEARD: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""What ends a watch, by name, because no system has all of them."""

SLICE: Final = 0.5
"""Seconds of waiting after which a signal is heard where waiting itself hears none."""


def watched(flags: Flags, own: Watch) -> Exit:
    """Scan, tell and wait, until a signal ends it; or once."""
    flags = settled(flags)
    asked = asked_of(flags)
    file = own.last or memories.file_of(asked)
    with memories.held(file):
        known = forgetting(memories.read(file, asked), own.forget)
        watching = Watching(flags, own, asked, file, known)
        code = watching.round(first=True)
        while not own.once:
            watching.wait()
            watching.round()
        return code


def settled(flags: Flags) -> Flags:
    """Return the flags with the subscription that is meant where none is named: a watch stays with it."""
    if flags.subscription or flags.management_group or flags.cloud == "sandbox":
        return flags
    default = default_subscription(os.environ, name_of(flags.cloud, os.environ))
    return replace(flags, subscription=(default,) if default else ())


def asked_of(flags: Flags) -> Asked:
    """Return what is looked for, and where, by the names of flags, but for what is as it is without being said."""
    asked = {one.name: getattr(flags, one.name) for one in fields(flags) if one.name not in ASIDE}
    asked |= {name: asked[name] or os.environ.get(variable) for name, variable in PLACES.items()}
    unsaid = {one.name: one.default for one in fields(flags)}
    return {name: plain(value) for name, value in sorted(asked.items()) if value and value != unsaid[name]}


def dropping(flags: Flags) -> bool:
    """Whether nothing but names in a file says what is looked at: who takes one out means it."""
    files = any(name.startswith("@") for name in flags.subscription)
    return files and not flags.management_group and "*" not in names(flags)


def names(flags: Flags) -> list[str]:
    return [one for name in flags.subscription for one in listed(name)]


def plain(value: Any) -> Any:
    match value:
        case list() | tuple() | set() | frozenset():
            return sorted(map(str, value))
        case timedelta():
            return value.total_seconds()
        case bool() | int():
            return value
        case _:
            return str(value)


@dataclass(slots=True)
class Watching:
    """What it takes to go on from scan to scan; `memory` is what is known after the last one that everybody was told of."""

    flags: Flags
    own: Watch
    asked: Asked
    file: Path
    memory: Memory
    begun: float = 0.0

    def round(self, *, first: bool = False) -> Exit:
        """
        Scan, tell what is new, and keep what is known.

        Raises what makes no sense however often it is tried, where that shows at the first scan.
        """
        self.begun = time.monotonic()
        looked, shown, code = self.look(first=first)
        known = after(self.memory, looked, self.own.due)
        with undisturbed() as hurry:
            well = self.told(looked, shown, hurry)
            if well:
                well = wrote(self.file, memories.dumped(self.asked, known), private=True)
                self.memory = known
            if self.own.metrics:
                took = time.monotonic() - self.begun
                well &= wrote(self.own.metrics, metrics.text(shown, known, took))
        return code if well else max(code, Exit.USAGE)

    def look(self, *, first: bool) -> tuple[Looked, Looked, Exit]:
        """Scan, and return what came of it, the same as it is shown, and its exit code."""
        try:
            today = datetime.now(UTC).date()
            flags = replace(self.flags, accepted=accepted.of_file(self.flags.suppressions, load(), today))
            result = self.with_hidden(found(flags, chosen(flags.playbook)))
        except AzremedyError as error:
            if first and error.exit is Exit.USAGE:
                raise
            complain(str(error))
            looked = Looked(self.now(), failure=error)
            return looked, self.veiled(looked), error.exit
        known = [one.known for one in self.memory.findings]
        result = replace(result, compared=accepted.compared(result.scans, known))
        for said in accepted.complaints(flags.accepted, result.scans):
            complain(said)
        if flags.verbose and not flags.quiet and result.scans:
            tell_calls(result)
        if result.incomplete and not flags.allow_partial:
            complain_of_gaps(result)
        looked = looked_of(result, self.now())
        return looked, self.veiled(looked), ending(flags, result)

    def with_hidden(self, result: Result) -> Result:
        """Return the result with what is not shown any more as unread; what a file named and does not any more is forgotten."""
        if dropping(self.flags):
            gone = self.memory.subscriptions - looked_at(result.scans, result.failed)
            self.memory = forgetting(self.memory, gone)
        missing = hidden(self.memory, result.scans, result.failed)
        if self.flags.mask:
            self.flags.mask.every.learn(missing)
        return replace(result, failed=(*result.failed, *missing))

    def now(self) -> datetime:
        """Return the time where ARM told none: that of this machine in whole seconds, and never before what was told."""
        here = datetime.now(UTC).replace(microsecond=0)
        return max(here, self.memory.at or here)

    def veiled(self, looked: Looked) -> Looked:
        """Return what is shown: with `--mask` under pseudonyms."""
        mask = self.flags.mask
        if mask is None:
            return looked
        every = mask.every
        return replace(
            looked,
            scans=tuple(mask.scan(one) for one in looked.scans),
            failed=every.masked(looked.failed),
            compared=every.masked(looked.compared),
        )

    def told(self, looked: Looked, shown: Looked, hurry: Event) -> bool:
        """Tell what is new, if anything is, and return whether everybody took it."""
        news = news_of(self.memory, looked, self.own.due)
        if not news:
            if not self.flags.quiet:
                note(f"azremedy: nothing new: {known_of(looked)}")
            return True
        if self.flags.mask:
            news = shown_as(news, looked, shown, self.flags.mask.every.text)
        made = document(news, shown)
        if self.own.output == "table":
            put(text(made))
        elif self.own.output == "jsonl":
            put(line(made).decode("ascii"))
        return everybody(tellers(self.own), made, hurry, complain)

    def wait(self) -> None:
        """Wait for the next scan: so long after the last one began, or at once where that took longer."""
        left = max(0.0, self.begun + self.own.every.total_seconds() - time.monotonic())
        if not self.flags.quiet:
            at = datetime.now().astimezone() + timedelta(seconds=left)
            note(f"azremedy: the next scan is at {at:%Y-%m-%d %H:%M:%S %Z}")
        until = time.monotonic() + left
        while (rest := until - time.monotonic()) > 0:
            time.sleep(min(rest, SLICE))


def wrote(path: Path, content: bytes, *, private: bool = False) -> bool:
    """Write a file, and return whether that went well; a watch goes on where not, and that is said."""
    try:
        save(path, content, private=private)
    except AzremedyError as error:
        complain(str(error))
        return False
    return True


def looked_of(result: Result, now: datetime) -> Looked:
    """Return how a scan came out, at the time of ARM's last answer; at `now` where it gave none."""
    at = max((scan.finished for scan in result.scans), default=now)
    return Looked(at, result.scans, result.failed, result.compared or Comparison({}))


def known_of(looked: Looked) -> str:
    """Return in a few words what is there, though nothing of it is new."""
    if looked.failure is not None:
        return "nothing is known, as before"
    said = [f"{number} {severity}" for severity, number in counts(looked).items() if number]
    unread = f"; reads that failed: {len(looked.unread)}" if looked.unread else ""
    return (", ".join(said) or "no findings") + unread


def tellers(own: Watch) -> list[Teller]:
    """Return who is told."""
    lines = Lines(own.append) if own.append else None
    return [one for one in (lines, own.run, own.webhook) if one]


@contextmanager
def undisturbed() -> Iterator[Event]:
    """
    Let what is begun come to its end: a signal is heard once the block is over.

    From then on the event is set: nothing that failed is tried again.
    """
    hurry, heard = Event(), list[int]()

    def hear(number: int, _: object) -> None:
        heard.append(number)
        hurry.set()

    known = [getattr(signal, name) for name in HEARD if hasattr(signal, name)]
    obeyed = [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in obeyed}
    try:
        yield hurry
    finally:
        for number, one in before.items():
            signal.signal(number, one)
    if heard:
        signal.raise_signal(heard[0])
