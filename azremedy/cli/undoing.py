"""Taking a run back: what is shown is what is done."""

from __future__ import annotations

import sys

import click

from azremedy import journal as journals
from azremedy.apply import Back, Settings, rollback, ways_back
from azremedy.cli.output import note, put
from azremedy.cli.resuming import Log, of_run, writing_of
from azremedy.cli.writing import of_signal, of_steps
from azremedy.errors import AzremedyError, Exit
from azremedy.journal import Journal, Run
from azremedy.report import outcome
from azremedy.report.outcome import Ending
from azremedy.report.plain import plain


def show_ways_back(run: Run, cloud: str | None, tenant: str | None, log: Log) -> Exit:
    """Show what a rollback would send, by reading alone."""
    with of_run(run, cloud, tenant, log) as session:
        found = ways_back(run, session.reader)
    put("".join(f"{line(back)}\n" for back in found) or "Nothing of this run is left to take back.\n")
    return Exit.CLEAN


def line(back: Back) -> str:
    if back.undo is None:
        return plain(f"stays: {back.step.summary}: {back.why or 'there is no way back'}")
    request = back.undo.request
    said = plain(f"{back.undo.summary}: {request.method} {request.address}")
    return f"stays: {said}: {plain(back.why)}" if back.why else said


def roll_back(run: Run, cloud: str | None, tenant: str | None, log: Log, *, yes: bool) -> Exit:
    """Take back what can be. Raises `AzremedyError` where nobody agreed, or the run is not at its end."""
    if not yes and not (sys.stdin and sys.stdin.isatty()):
        raise AzremedyError("Nothing was sent: there is no terminal to ask at; --yes says that it is meant.")
    if run.alive and not run.finished:
        raise AzremedyError(f"Run {run.header.id} is at work (process {run.header.pid}): wait for its end.")
    with writing_of(run, cloud, tenant, log) as made:
        run = journals.read(run.path)
        if not run.finished:
            raise AzremedyError(f"Run {run.header.id} did not come to its end: `azremedy resume` first.")
        found = ways_back(run, made.writer)
        note(
            "".join(f"{line(back)}; " for back in found).removesuffix("; ") or "nothing is left to take back"
        )
        if found and not yes:
            click.confirm("Take this back?", abort=True, err=True)
        with Journal.append(run.path) as journal:
            result = rollback(run, made.writer, journal, Settings(), made.clock, note, stop=made.stop)
        stopped = of_signal(made.stop, result.unlocked)
    put(outcome.text(Ending(run.header.id, run.header.subscription, result.done, result.unlocked)))
    return stopped if stopped is not None else of_steps(result.done, result.unlocked)
