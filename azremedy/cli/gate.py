"""`azremedy gate`: whether a backup may start, or a change may go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from azremedy.cli.annotate import annotate
from azremedy.cli.gaps import complain_of_gaps
from azremedy.cli.options import option, span
from azremedy.cli.output import note
from azremedy.cli.scan import (
    Result,
    ending,
    found,
    judged,
    masked,
    present,
    scan,
    searching,
)
from azremedy.cli.scan import chosen as playbooks_of
from azremedy.cli.scan_flags import NEVER, Flags, told
from azremedy.errors import AzremedyError, Exit, Incomplete
from azremedy.playbook import Severity

SHARED = (
    "subscription", "management_group", "cloud", "tenant", "resource_group", "vm", "vault", "policy", "playbook", "deep", "lookback", "in_flight",
    "allow_partial", "output", "report", "query", "save_estate", "estate", "suppressions", "show_suppressed",
    "baseline", "annotate", "mask", "quiet", "verbose", "color", "debug",
)  # fmt: skip
"""The options of `scan` that mean the same here."""

FIVE_MINUTES = timedelta(minutes=5)
FRESH = timedelta(hours=1)


@click.command(params=[one for one in scan.params if one.name in SHARED])
@option(
    "--fail-on",
    type=click.Choice((*map(str, Severity), NEVER)),
    default=str(Severity.CORROBORATED),
    show_default=True,
    help="Close the gate for findings of this severity or above.",
)
@option(
    "--deadline",
    type=span,
    metavar="DURATION",
    default="5m",
    show_default=True,
    help="Stop reading after this time; what is not known by then ends in exit code 3.",
)
@option(
    "--before-backup",
    type=span,
    metavar="DURATION",
    help="Only VMs whose schedule starts within this time, each looked at closely.",
)
@option(
    "--change",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge a change: what 'terraform show -json' or 'az deployment … what-if --no-pretty-print' printed.",
)
@option(
    "--max-age",
    type=span,
    metavar="DURATION",
    help="With --estate: refuse one that was read longer ago.  [default: 1h]",
)
@click.pass_context
def gate(
    ctx: click.Context,
    /,
    *,
    change: Path | None,
    max_age: timedelta | None,
    before_backup: timedelta | None,
    **given: Any,
) -> Exit:
    """
    Say whether a backup may start, or a change may go on.

    Exit code 0 opens the gate: all was read, and nothing at or above --fail-on was found. 1 closes it for what was
    found, 3 for what could not be read. It asks ARM itself, never Resource Graph, and changes nothing; the roles Reader and Backup Reader are enough.
    With --before-backup only VMs count whose backup is due, with --change only what the change itself would break.
    """
    flags = told(ctx, {**given, "exit_zero": False, "before_backup": before_backup})
    if max_age and flags.estate is None:
        raise AzremedyError("--max-age means nothing without --estate.")
    if before_backup:
        flags = replace(flags, deep=True)
    if change:
        from azremedy.cli.changing import of_file  # noqa: PLC0415 - only this flag needs it

        flags = replace(flags, change=of_file(change))
    search = searching(flags.query)
    result = result_of(flags, max_age or FRESH)
    whole = present(flags, result, search)
    if result.incomplete and not flags.allow_partial:
        complain_of_gaps(result)
    if not flags.quiet:
        note(f"azremedy: {sentence(flags, result)}")
    code = ending(flags, result)
    annotate(flags.annotate, whole, code, aside=flags.output != "table")
    return code


def result_of(flags: Flags, max_age: timedelta) -> Result:
    """Read and judge."""
    made = found(flags, playbooks_of(flags.playbook))
    if flags.estate is not None:
        refuse_old(flags.estate, made, max_age)
        refuse_graph(flags.estate, made)
    return masked(flags, judged(flags, made))


def refuse_old(file: Path, result: Result, max_age: timedelta) -> None:
    """Raise `Incomplete` for an estate that was read too long ago to speak of a backup to come."""
    age = datetime.now(UTC) - min(one.finished for one in result.scans)
    if age > max_age:
        raise Incomplete(
            f"{file} was read {in_words(age)} ago, and --max-age is {in_words(max_age)}: read the subscription again."
        )


def refuse_graph(file: Path, result: Result) -> None:
    """Raise `Incomplete` for an estate that may be older than it says: a gate rests on what ARM answers alone."""
    if any(one.from_graph for one in result.scans):
        raise Incomplete(
            f"{file} was read through Azure Resource Graph, which may be behind: read the subscription again without --source graph."
        )


def in_words(of: timedelta) -> str:
    """Return a length of time in its largest whole unit: `3 h`."""
    minutes = int(of.total_seconds()) // 60
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def sentence(flags: Flags, result: Result) -> str:
    """Return the verdict in one sentence, the same in every log."""
    stops: Sequence[Any] = result.at_or_above(flags.fail_on)
    if result.incomplete and not flags.allow_partial:
        return "the gate is closed: not everything could be read, so nothing is known to be healthy"
    if flags.fail_on == NEVER:
        return f"the gate is open: --fail-on never lets all findings pass{besides(flags, result)}"
    if not stops:
        return f"the gate is open: nothing at or above {flags.fail_on} was found{besides(flags, result)}"
    findings = f"{counted(len(stops), 'finding')} at or above {flags.fail_on}"
    vms = counted(len({one.finding.vm for one in stops}), "VM")
    return f"the gate is closed: {findings} on {vms}{besides(flags, result)}"


def besides(flags: Flags, result: Result) -> str:
    """Return what the verdict does not rest on: no finding tells of it, and it is not known to be healthy."""
    open_ = sum(len(scan.not_evaluated) for scan in result.scans)
    unexplained = len({one.vm for scan in result.scans for one in scan.unexplained})
    unread = len(result.failed) + sum(len(scan.unread) for scan in result.scans)
    said = (
        f"not evaluated: {open_}" if open_ else "",
        f"failed, and no finding says why: {counted(unexplained, 'VM')}" if unexplained else "",
        f"reads that failed, accepted by --allow-partial: {unread}" if unread and flags.allow_partial else "",
    )
    return "".join(f"; {one}" for one in said if one)


def counted(number: int, of: str) -> str:
    return f"{number} {of}{'' if number == 1 else 's'}"
