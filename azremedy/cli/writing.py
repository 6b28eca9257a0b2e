"""What every command that writes does first and last: one applier, unfinished runs closed, a writer, an ending."""

from __future__ import annotations

import getpass
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from azremedy.apply import ArmClock, Settings, Stop, guarded, resume
from azremedy.arm import Writer
from azremedy.cli.output import complain, note
from azremedy.errors import Exit, WriteError
from azremedy.journal import Applier, Header, Journal, Run, header, unfinished
from azremedy.plan import Done, Outcome, Unlocked
from azremedy.verify import Verdict, Verified

if TYPE_CHECKING:
    from azremedy.resources import Subscription
    from azremedy.session import Session

WRONG = frozenset({Outcome.FAILED, Outcome.STALE, Outcome.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class Writing:
    """A run that may write: to where, by whose clock, and who tells it to stop."""

    writer: Writer
    clock: ArmClock
    stop: Stop
    session: Session
    subscription: Subscription

    @property
    def guid(self) -> str:
        return self.subscription.id.subscription or self.subscription.id.name

    def begun(self, plan: str, settings: Settings) -> Header:
        """Return the header of a run of this plan."""
        return header(
            who=f"{self.session.reader.who} (local user {local_user()})",
            tenant=self.subscription.tenant or "",
            subscription=self.guid,
            endpoint=self.session.cloud,
            plan=plan,
            started=self.session.reader.now,
            settings=settings,
        )


@contextmanager
def writing(session: Session, subscription: Subscription, going_on: Run | None = None) -> Iterator[Writing]:
    """
    Be the one process of this machine that writes to a subscription, and close first what other runs left open.

    `going_on` is a run that the caller sees to itself. Raises `AzremedyError` where another process writes there, and
    `WriteError` where what was left open cannot be closed.
    """
    guid = subscription.id.subscription or subscription.id.name
    with guarded() as stop, Applier(guid), session.writer() as writer:
        made = Writing(writer, ArmClock(writer), stop, session, subscription)
        for run in left_here(guid, but=going_on):
            finish(run, made)
        yield made


def left_here(subscription: str | None = None, but: Run | None = None) -> list[Run]:
    """
    Return the runs of this host that did not come to their end, and say which of other hosts did not.

    `but` is a run that the caller sees to itself.
    """
    left = [run for run in unfinished(None, subscription) if but is None or run.path != but.path]
    for run in left:
        if not run.here:
            id_, host = run.header.id, run.header.host
            complain(
                f"run {id_} of the host {host} did not come to its end: `azremedy resume {id_}` closes it"
            )
    return [run for run in left if run.here]


def finish(run: Run, made: Writing) -> None:
    """Resume a run that another process left. Raises `WriteError` where a lock that it lifted is still not back."""
    complain(f"run {run.header.id} of this subscription did not come to its end: resuming it first")
    _, unlocked = resumed(run, made)
    if not all(one.closed or one.others for one in unlocked):
        raise WriteError(
            f"Nothing more was sent: a lock that run {run.header.id} lifted is not back. "
            f"Put it back as said above, or run `azremedy resume {run.header.id}`.",
            executed=False,
        )


def resumed(run: Run, made: Writing) -> tuple[tuple[Done, ...], tuple[Unlocked, ...]]:
    """Close what a run left open and find out what became of it; its journal goes on."""
    with Journal.append(run.path) as journal:
        result = resume(run, made.writer, journal, Settings(), made.clock, note, stop=made.stop)
    return result.done, result.unlocked


def local_user() -> str:
    """Return the user of this machine who runs this, as far as the system says."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def journal_of(made: Writing, plan: str, settings: Settings, path: Path | None) -> tuple[Header, Journal]:
    begun = made.begun(plan, settings)
    return begun, Journal.new(begun, path)


def worst(codes: Iterable[Exit]) -> Exit:
    """Return the exit code of several reasons: the highest wins."""
    return max(codes, default=Exit.CLEAN)


def of_steps(done: Iterable[Done], unlocked: Iterable[Unlocked]) -> Exit:
    """Return what the steps and brackets of a run mean for its exit code."""
    wrong = any(one.outcome in WRONG for one in done) or not all(one.closed for one in unlocked)
    return Exit.STEP_FAILED if wrong else Exit.CLEAN


def of_verdicts(verified: Iterable[Verified]) -> Exit:
    """Return what a second look means for the exit code: what is left is 1, what is not known is 3."""
    verdicts = {one.verdict for one in verified}
    if Verdict.UNDECIDABLE in verdicts:
        return Exit.INCOMPLETE
    return Exit.FINDINGS if Verdict.STILL_THERE in verdicts else Exit.CLEAN


def of_signal(stop: Stop, unlocked: Iterable[Unlocked]) -> Exit | None:
    """Return the exit code of a run that was told to stop: an open bracket weighs more."""
    if not stop.told:
        return None
    if not all(one.closed for one in unlocked):
        return Exit.STEP_FAILED
    return Exit.INTERRUPTED if stop.signal in (None, signal.SIGINT) else Exit.TERMINATED
