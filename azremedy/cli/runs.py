"""`azremedy runs`: what was applied on this machine, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from azremedy.cli.options import color, debugging, meant, output
from azremedy.cli.output import colored, put, width
from azremedy.cli.veil import Veil, mask
from azremedy.errors import AzremedyError
from azremedy.report import render

if TYPE_CHECKING:
    from pathlib import Path

    from azremedy.journal import Run


@click.group(invoke_without_command=True)
@output()
@mask()
@color()
@debugging()
@click.pass_context
def runs(ctx: click.Context, /, *, output: str, mask: Veil | None, color: str) -> None:
    """List the runs of `fix --apply` on this machine, oldest first."""
    if ctx.invoked_subcommand is None:
        from azremedy import journal  # noqa: PLC0415 - loaded when something is listed

        when = clock(output)
        show([veiled(summary(run, when), run, mask) for run in journal.runs()], output, color)


@runs.command("show")
@click.argument("run")
@output()
@mask()
@color()
@debugging()
def show_run(run: str, output: str, mask: Veil | None, color: str) -> None:
    """Show each write of a run, and what became of it."""
    found, when = named(run), clock(output)
    waves = {one.id: one.wave for one in found.groups}
    rows = [
        {
            "step": one.key,
            "group": one.group,
            "wave": waves.get(one.group),
            "outcome": found.outcomes.get(one.key, one.state),
            "what": one.step.summary,
            "method": one.step.request.method,
            "resource": one.step.request.address,
            "open": one in found.open_brackets,
            "at": when(one.at),
            "reason": one.reason,
        }
        for one in found.entries
    ]
    data = rows if output == "table" else {**summary(found, when), "steps": rows}
    show(veiled(data, found, mask), output, color)


def veiled(data: Any, run: Run, mask: Veil | None) -> Any:
    """Return what is shown of a run: as it is, or with pseudonyms."""
    if mask is None:
        return data
    from azremedy.cli import veiled as masked  # noqa: PLC0415 - only --mask needs it

    return masked.run(data, run)


def clock(form: str) -> Callable[[datetime], str]:
    """Return how times are written: local with the zone on screen, in UTC where programs read them."""
    if form != "table":
        return datetime.isoformat
    from azremedy.report.screen import local  # noqa: PLC0415 - only tables need rich

    return local


def summary(run: Run, when: Callable[[datetime], str]) -> dict[str, Any]:
    head = run.header
    state = "finished" if run.finished else "running" if run.alive else "unfinished"
    return {
        "run": head.id,
        "started": when(head.started),
        "subscription": head.subscription,
        "who": head.who,
        "state": state,
        "wave": " of ".join(map(str, run.wave)) if run.wave else None,
        "writes": len(run.entries),
        "openLocks": len(run.open_brackets),
    }


def show(data: Any, form: str, color: str) -> None:
    if form != "table":
        put(render(form, data))
        return
    from azremedy.report import table  # noqa: PLC0415 - only tables need rich

    shown = colored(color)
    put(table.text(data, width=width(), color=shown), color=shown)


def named(run: str, path: Path | None = None) -> Run:
    """Return the run of this id, or that of a journal. Raises `AzremedyError` with what was probably meant."""
    from azremedy import journal  # noqa: PLC0415 - as above

    if path is not None:
        return journal.read(path)
    known = {one.header.id: one for one in journal.runs()}
    if run not in known:
        raise AzremedyError(f"There is no run {run!r} on this machine.{meant(run, known)}")
    return known[run]
