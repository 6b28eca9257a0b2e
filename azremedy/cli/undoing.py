"""Taking a run back: what is shown is what is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from azremedy import journal as journals
from azremedy.apply import Back, Settings, check, rollback, ways_back
from azremedy.arm import Reader
from azremedy.ci import in_ci
from azremedy.cli.output import note, put
from azremedy.cli.resuming import Log, of_run, writing_of
from azremedy.cli.writing import of_signal, of_steps, worst
from azremedy.errors import AzremedyError, Exit
from azremedy.journal import Journal, Run
from azremedy.plan import Bracket, Choices, FixClass, Group, Node, Outcome, steps
from azremedy.planning import Blocked, cleared
from azremedy.report import outcome
from azremedy.report.outcome import Ending
from azremedy.report.plain import plain
from azremedy.resources import Read
from azremedy.session import Session


@dataclass(frozen=True, slots=True)
class Way:
    """A step's way back, and what is sent for it: the undo, in brackets where a lock is in its way; None for nothing."""

    back: Back
    node: Node | None

    @property
    def stays(self) -> bool:
        """Whether nothing will be sent; what others changed since is looked at once more, and stays as well."""
        return self.node is None or self.back.why is not None


def ways(run: Run, session: Session, reader: Reader, allow: frozenset[FixClass]) -> list[Way]:
    """Return the ways back of a run, the newest first, each cleared of the locks that would refuse it."""
    found = ways_back(run, reader)
    if not any(back.undo and not back.why for back in found):
        return [Way(back, back.undo) for back in found]
    [subscription] = session.subscriptions([run.header.subscription])
    estate = session.read(subscription, playbooks=(), more=frozenset({Read.LOCKS})).estate
    made: list[Way] = []
    for back in found:
        if back.undo is None or back.why:
            made.append(Way(back, back.undo))
            continue
        match cleared(estate, (back.undo,), Choices(allow=allow)):
            case Blocked() as blocked:
                made.append(Way(replace(back, why=str(blocked)), None))
            case (node,):
                made.append(Way(back, node))
    return made


def show_ways_back(
    run: Run, cloud: str | None, tenant: str | None, log: Log, allow: frozenset[FixClass]
) -> Exit:
    """Show what a rollback would send, by reading alone."""
    with of_run(run, cloud, tenant, log) as session:
        found = ways(run, session, session.reader, allow)
    put(
        "".join(f"{line}\n" for way in found for line in lines(way))
        or "Nothing of this run is left to take back.\n"
    )
    return Exit.CLEAN


def lines(way: Way) -> list[str]:
    """Return what is sent for a way back, a write a line, or why it stays."""
    if way.stays or way.node is None:
        what = (way.back.undo or way.back.step).summary
        return [plain(f"stays: {what}: {way.back.why or 'there is no way back'}")]
    return [
        plain(f"{step.summary}: {step.request.method} {step.request.address}")
        + ("" if step == way.back.undo else ", and put it back")
        for step in steps(way.node)
    ]


def roll_back(
    run: Run,
    cloud: str | None,
    tenant: str | None,
    log: Log,
    allow: frozenset[FixClass],
    *,
    yes: bool,
    now: bool,
) -> Exit:
    """Take back what can be, with `now` also where a backup is due. Raises `AzremedyError` where nobody agreed, or the run is not at its end."""
    if not yes and not (sys.stdin and sys.stdin.isatty()):
        raise AzremedyError("Nothing was sent: there is no terminal to ask at; --yes says that it is meant.")
    if run.alive and not run.finished:
        raise AzremedyError(f"Run {run.header.id} is at work (process {run.header.pid}): wait for its end.")
    with writing_of(run, cloud, tenant, log) as made:
        run = journals.read(run.path)
        if not run.finished:
            raise AzremedyError(f"Run {run.header.id} did not come to its end: `azremedy resume` first.")
        found = ways(run, made.session, made.writer, allow)
        for line in (line for way in found for line in lines(way)):
            note(line)
        if not found:
            note("nothing is left to take back")
        refuse_without_journal(run, found)
        if sent := groups(found):
            if not yes:
                click.confirm("Take this back?", abort=True, err=True)
            check(made.writer, sent, Settings().max_unlocked)
        settings = Settings(now=now)
        with Journal.append(run.path) as journal:
            pairs = [(way.back, way.node) for way in found]
            result = rollback(run, pairs, made.writer, journal, settings, made.clock, note, stop=made.stop)
        stopped = of_signal(made.stop, result.unlocked)
    put(outcome.text(Ending(run.header.id, run.header.subscription, result.done, result.unlocked)))
    deferred = any(one.outcome is Outcome.DEFERRED for one in result.done)
    if deferred:
        note(
            "the same command takes back later what was left alone; --now does not wait for a backup that is due"
        )
    locked = any(way.node is None and way.back.undo for way in found)
    left = Exit.FINDINGS if locked or deferred else Exit.CLEAN
    codes = [of_steps(result.done, result.unlocked), left]
    return stopped if stopped is not None else worst(codes)


def refuse_without_journal(run: Run, found: Sequence[Way]) -> None:
    """Raise `AzremedyError` where a lock would be lifted and the journal may be gone before it is back."""
    if (
        in_ci(os.environ)
        and run.path.parent == journals.folder()
        and any(isinstance(one.node, Bracket) for one in found)
    ):
        raise AzremedyError(
            "Nothing was sent: a lock would be lifted, and this machine (CI is set) may be gone before it is back. "
            "Give --journal PATH with a copy of the run's journal, and keep that file."
        )


def groups(of: Sequence[Way]) -> list[Group]:
    """Return what will be sent as groups, of which rights can be asked."""
    return [Group(way.back.group, (), (way.node,)) for way in of if way.node and not way.stays]
