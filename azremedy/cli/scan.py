"""`azremedy scan`: which backups will fail, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from azremedy.baseline import Comparison
from azremedy.cli import accepted
from azremedy.cli.annotate import annotate
from azremedy.cli.gaps import complain_of_gaps
from azremedy.cli.options import (
    annotation,
    color,
    debugging,
    option,
    output,
    pick,
    playbook_ids,
    reports,
    span,
    target,
)
from azremedy.cli.output import colored, complain, note, put, save, width
from azremedy.cli.reports import save_reports
from azremedy.cli.scan_flags import NEVER, Flags, scheduler, told
from azremedy.cli.veil import mask
from azremedy.errors import Exit
from azremedy.playbook import Playbook, Severity, load
from azremedy.report import REPORTS, of_document, render
from azremedy.resources import Read, Unread
from azremedy.scan import Diagnosis, Scan


@dataclass(frozen=True, slots=True)
class Result:
    """What was found: a scan for each subscription, those of which nothing could be read, and what is new in it."""

    scans: tuple[Scan, ...]
    failed: tuple[Unread, ...] = ()
    compared: Comparison | None = None

    @property
    def incomplete(self) -> bool:
        return bool(self.failed) or any(scan.unread for scan in self.scans)

    @property
    def counting(self) -> tuple[Diagnosis, ...]:
        """The findings that decide the exit code: all that are not suppressed, or beside a baseline what is new in them."""
        every = (one for scan in self.scans for one in scan.diagnoses)
        return tuple(one for one in every if self.compared is None or self.compared.counts(one.fingerprint))

    def at_or_above(self, threshold: str) -> tuple[Diagnosis, ...]:
        """Return those of them of a severity or above; none at all for `never`."""
        if threshold == NEVER:
            return ()
        least = Severity[threshold.upper()]
        return tuple(one for one in self.counting if one.finding.severity >= least)


@click.command()
@option(
    "--subscription",
    "-s",
    multiple=True,
    help="Name or id, '*' for all, @FILE for those in a file, one a line; may be repeated.",
)
@option(
    "--management-group",
    multiple=True,
    metavar="ID",
    help="Every subscription under this management group, by id or name; may be repeated, and beside -s.",
)
@option("--cloud", help="public, usgov, china, sandbox, or an address.  [default: public]")
@option("--tenant", help="The tenant to sign in to.")
@option("--resource-group", "-g", multiple=True, help="Only VMs of this group; may be repeated.")
@option("--vm", multiple=True, help="Only this VM, by name or id; may be repeated.")
@option("--vault", multiple=True, help="Only VMs of this vault, by name or id; may be repeated.")
@option("--policy", multiple=True, help="Only VMs of this backup policy, by name or id; may be repeated.")
@option(
    "--playbook",
    multiple=True,
    shell_complete=playbook_ids,
    help="Only this cause (see 'azremedy playbooks'); may be repeated.",
)
@option("--deep", is_flag=True, help="Look at every protected VM closely, not at suspects only.")
@option(
    "--guest",
    is_flag=True,
    environment=False,
    help="Ask inside the VMs selected, through Run Command: a script that only reads. Kept in a journal.",
)
@option(
    "--now",
    is_flag=True,
    environment=False,
    help="With --guest: ask VMs although their backup is due; never while one runs.",
)
@option(
    "--source",
    type=click.Choice(("arm", "graph")),
    default="arm",
    show_default=True,
    help="Read lists from ARM, or first of all from Azure Resource Graph: fewer calls over many subscriptions, older data.",
)
@option("--lookback", type=span, metavar="DURATION", help="How far back failed backups count.  [default: 7d]")
@option("--deadline", type=span, metavar="DURATION", help="Stop reading after this time, such as 10m.")
@option(
    "--in-flight",
    type=click.IntRange(1, 64),
    default=16,
    show_default=True,
    help="Requests to ARM at once; with --scheduler those of each worker.",
)
@option(
    "--estimate",
    is_flag=True,
    help="Say how many requests and how long it will take, and read no more: as --checkpoint or Resource Graph tells.",
)
@option(
    "--checkpoint",
    type=target,
    metavar="FILE",
    help="Keep what is read of each subscription here until all is, and go on from there after an interruption.",
)
@option(
    "--scheduler",
    type=scheduler,
    metavar="ADDRESS",
    help="Have the workers of a Dask cluster read: tcp://HOST:PORT, or tls://HOST:PORT.",
)
@option(
    "--fail-on",
    type=click.Choice((*map(str, Severity), NEVER)),
    default=NEVER,
    show_default=True,
    help="Exit with 1 for findings of this severity or above.",
)
@option("--exit-zero", is_flag=True, help="Exit with 0 instead of 1; never instead of 2 and above.")
@option("--allow-partial", is_flag=True, help="Accept what could not be read, instead of exiting with 3.")
@output()
@reports(f"Also write a file: {', '.join(REPORTS[:-1])} or {REPORTS[-1]}; may be repeated.")
@option("--query", help="A JMESPath expression, applied to the JSON document.")
@option("--save-estate", type=target, metavar="FILE", help="Keep what was read in a file.")
@option(
    "--estate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge a file that --save-estate wrote, offline.",
)
@option(
    "--suppressions",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What is accepted, with reasons.  [default: azremedy-ignore.yaml, if it is here or above]",
)
@option("--show-suppressed", is_flag=True, help="List suppressed findings, too.")
@option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Only what is new since this file decides the exit code.",
)
@option("--write-baseline", type=target, metavar="FILE", help="Keep what is found, to compare with later.")
@annotation()
@mask()
@option("--quiet", is_flag=True, help="Nothing on standard error but errors.")
@option("--verbose", is_flag=True, help="Say how many requests were made, by kind.")
@color()
@debugging()
@click.pass_context
def scan(ctx: click.Context, /, **given: Any) -> Exit:
    """
    Say which backups of Azure VMs will fail, and why.

    Findings come worst first, each with its evidence and what can be done. Nothing is changed in Azure. What could
    not be read is listed and ends in exit code 3 (see 'azremedy help exit-codes').

    With --guest each running VM selected whose agent is ready is asked from inside, one script each that changes
    nothing, unless a backup of it runs or is due: causes are found that Azure does not show.
    """
    flags = told(ctx, given)
    search = searching(flags.query)
    if flags.estimate:
        from azremedy.cli.estimating import estimating  # noqa: PLC0415 - only this flag needs it

        return estimating(flags, chosen(flags.playbook), search)
    result = masked(flags, judged(flags, found(flags, chosen(flags.playbook))))
    if flags.write_baseline:
        save(flags.write_baseline, accepted.baseline_of(result.scans))
    if flags.verbose and not flags.quiet:
        tell_calls(result)
    whole = present(flags, result, search)
    if result.incomplete and not flags.allow_partial:
        complain_of_gaps(result)
    code = ending(flags, result)
    annotate(flags.annotate, whole, code, aside=flags.output != "table")
    return code


def judged(flags: Flags, result: Result) -> Result:
    """Return the result beside what was known, and name the suppressions that are of no use any more."""
    for line in accepted.complaints(flags.accepted, result.scans):
        complain(line)
    if flags.baseline is None:
        return result
    return replace(result, compared=accepted.compared(result.scans, accepted.baseline(flags.baseline)))


def masked(flags: Flags, result: Result) -> Result:
    """Return what is shown: the result, with `--mask` under pseudonyms."""
    if flags.mask is None:
        return result
    every = flags.mask.every
    scans = tuple(flags.mask.scan(one) for one in result.scans)
    return Result(scans, every.masked(result.failed), every.masked(result.compared))


def chosen(named: Sequence[str]) -> Sequence[Playbook[Any]] | None:
    """Return the playbooks of these ids, each once, or None where none is named."""
    known = load()
    return [known[pick(name, known, "playbook")] for name in dict.fromkeys(named)] or None


def searching(query: str | None) -> Callable[[Any], Any] | None:
    """Return the search of `--query`, or None without one."""
    if query is None:
        return None
    from azremedy.report.query import compiled  # noqa: PLC0415 - only a query needs JMESPath

    return compiled(query)


def found(flags: Flags, playbooks: Sequence[Playbook[Any]] | None) -> Result:
    """Read a file or Azure, and judge it."""
    if flags.mask:
        flags.mask.asked(flags)
    if flags.estate is not None:
        from azremedy.cli.offline import offline  # noqa: PLC0415 - decoding is loaded when something is decoded

        return Result((offline(flags, flags.estate, playbooks),))
    from azremedy.cli.online import online  # noqa: PLC0415 - the SDK is loaded when something is read

    return Result(*online(flags, playbooks, partial(stream, flags) if flags.streams else None))


def stream(flags: Flags, made: Scan) -> None:
    """Write the findings of one subscription, one a line."""
    from azremedy.report.document import document  # noqa: PLC0415 - as above

    shown = flags.mask.scan(made) if flags.mask else made
    put(render(flags.output, of_document(flags.output, document([shown]))))


def present(flags: Flags, result: Result, search: Callable[[Any], Any] | None) -> Mapping[str, Any]:
    """Write the reports, then what standard output gets; return the document of all of it."""
    from azremedy.report.document import document  # noqa: PLC0415 - as above

    whole = document(result.scans, result.failed, result.compared)
    save_reports(flags.report, whole)
    shown = colored(flags.color)
    if flags.output == "table":
        put(tables(result, whole, search, show_suppressed=flags.show_suppressed, color=shown), color=shown)
    elif not flags.streams:
        put(render(flags.output, search(whole) if search else of_document(flags.output, whole)))
    return whole


def tables(
    result: Result,
    whole: Mapping[str, Any],
    search: Callable[[Any], Any] | None,
    *,
    show_suppressed: bool,
    color: bool,
) -> str:
    from azremedy.report import screen, table  # noqa: PLC0415 - only tables need rich

    if search:
        return table.text(search(whole), width=width(), color=color)
    shown = screen.Shown(result.compared, suppressed=show_suppressed)
    return screen.text(result.scans, result.failed, shown, width=width(), color=color)


def tell_calls(result: Result) -> None:
    """Say how many requests were made, by kind and in all."""
    several = len(result.scans) != 1
    of = f"{len(result.scans)} subscriptions" if several else result.scans[0].subscription.name
    note(f"Requests for {of}:")
    calls: Counter[Read] = Counter()
    for one in result.scans:
        calls.update(one.calls)
    for read, number in calls.items():
        note(f"  {number:6} {read}")
    note(f"  {calls.total():6} in all")


def ending(flags: Flags, result: Result) -> Exit:
    """Return the exit code: what is unknown weighs more than what was found."""
    if result.incomplete and not flags.allow_partial:
        return Exit.INCOMPLETE
    stops = result.at_or_above(flags.fail_on) and not flags.exit_zero
    return Exit.FINDINGS if stops else Exit.CLEAN
