"""`azremedy scan`: which backups will fail, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from azremedy.cli.options import Report, color, debugging, option, output, pick, report, span, target
from azremedy.cli.output import colored, complain, note, put, save, width
from azremedy.errors import AzremedyError, Exit
from azremedy.playbook import Playbook, Severity, load
from azremedy.report import of_document, render
from azremedy.resources import Unread
from azremedy.scan import Scan
from azremedy.selection import Selection

NEVER = "never"
ONLINE = ("subscription", "cloud", "tenant", "deep", "deadline", "save_estate")
"""Flags that say how to read, and mean nothing where a file is read."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What was asked for, one member a flag."""

    subscription: tuple[str, ...]
    cloud: str | None
    tenant: str | None
    resource_group: tuple[str, ...]
    vm: tuple[str, ...]
    playbook: tuple[str, ...]
    deep: bool
    lookback: timedelta | None
    deadline: timedelta | None
    fail_on: str
    exit_zero: bool
    allow_partial: bool
    output: str
    report: tuple[Report, ...]
    query: str | None
    save_estate: Path | None
    estate: Path | None
    quiet: bool
    verbose: bool
    color: str
    debug: bool

    @property
    def selection(self) -> Selection:
        return Selection.of(self.vm, self.resource_group)


@dataclass(frozen=True, slots=True)
class Result:
    """What was found: a scan for each subscription, and those of which nothing could be read."""

    scans: tuple[Scan, ...]
    failed: tuple[Unread, ...] = ()

    @property
    def incomplete(self) -> bool:
        return bool(self.failed) or any(scan.unread for scan in self.scans)

    @property
    def worst(self) -> Severity | None:
        return max((scan.worst for scan in self.scans if scan.worst is not None), default=None)


@click.command()
@option("--subscription", "-s", multiple=True, help="Name or id, '*' for all; may be repeated.")
@option("--cloud", help="public, usgov, china, sandbox, or an address.  [default: public]")
@option("--tenant", help="The tenant to sign in to.")
@option("--resource-group", "-g", multiple=True, help="Only VMs of this group; may be repeated.")
@option("--vm", multiple=True, help="Only this VM, by name or id; may be repeated.")
@option("--playbook", multiple=True, help="Only this cause (see 'azremedy playbooks'); may be repeated.")
@option("--deep", is_flag=True, help="Look at every protected VM closely, not at suspects only.")
@option("--lookback", type=span, metavar="DURATION", help="How far back failed backups count.  [default: 7d]")
@option("--deadline", type=span, metavar="DURATION", help="Stop reading after this time, such as 10m.")
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
@option(
    "--report",
    type=report,
    multiple=True,
    metavar="FORMAT=FILE",
    help="Also write a file: json=FILE; may be repeated.",
)
@option("--query", help="A JMESPath expression, applied to the JSON document.")
@option("--save-estate", type=target, metavar="FILE", help="Keep what was read in a file.")
@option(
    "--estate",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Judge a file that --save-estate wrote, offline.",
)
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
    """
    flags = Flags(**given, debug=ctx.obj["debug"])
    refuse_contradictions(ctx, flags)
    search = searching(flags.query)
    result = found(flags, chosen(flags.playbook))
    if flags.verbose and not flags.quiet:
        tell_calls(result)
    present(flags, result, search)
    if result.incomplete and not flags.allow_partial:
        complain_of_gaps(result)
    return ending(flags, result)


def refuse_contradictions(ctx: click.Context, flags: Flags) -> None:
    """Refuse flags that mean nothing beside `--estate`; an environment made for other scans is no mistake."""
    if flags.estate is None:
        return
    for name in ONLINE:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise AzremedyError(
                f"--{name.replace('_', '-')} means nothing with --estate, which reads a file."
            )


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
    if flags.estate is not None:
        from azremedy.cli.offline import offline  # noqa: PLC0415 - decoding is loaded when something is decoded

        return Result((offline(flags, flags.estate, playbooks),))
    from azremedy.cli.online import online  # noqa: PLC0415 - the SDK is loaded when something is read

    return Result(*online(flags, playbooks))


def present(flags: Flags, result: Result, search: Callable[[Any], Any] | None) -> None:
    """Write the reports, then what standard output gets."""
    from azremedy.report.document import document  # noqa: PLC0415 - as above

    whole = document(result.scans, result.failed)
    for form, path in flags.report:
        save(path, render(form, of_document(form, whole)).encode())
    shown = colored(flags.color)
    if flags.output == "table":
        put(tables(result, whole, search, color=shown), color=shown)
    else:
        put(render(flags.output, search(whole) if search else of_document(flags.output, whole)))


def tables(
    result: Result, whole: Mapping[str, Any], search: Callable[[Any], Any] | None, *, color: bool
) -> str:
    from azremedy.report import screen, table  # noqa: PLC0415 - only tables need rich

    if search:
        return table.text(search(whole), width=width(), color=color)
    return screen.text(result.scans, result.failed, width=width(), color=color)


def tell_calls(result: Result) -> None:
    """Say how many requests were made, by kind and in all."""
    for one in result.scans:
        note(f"Requests for {one.subscription.name}:")
        for read, number in one.calls.items():
            note(f"  {number:6} {read}")
        note(f"  {sum(one.calls.values()):6} in all")


def complain_of_gaps(result: Result) -> None:
    """Say on stderr what the exit code says, whatever standard output gets."""
    for gap in result.failed:
        complain(f"nothing could be read of {gap.scope}: {gap.reason}")
    if gaps := sum(len(scan.unread) for scan in result.scans):
        complain(f"incomplete: reads that failed: {gaps}; --allow-partial accepts that")


def ending(flags: Flags, result: Result) -> Exit:
    """Return the exit code: what is unknown weighs more than what was found."""
    if result.incomplete and not flags.allow_partial:
        return Exit.INCOMPLETE
    if flags.exit_zero or flags.fail_on == NEVER or result.worst is None:
        return Exit.CLEAN
    return Exit.FINDINGS if result.worst >= Severity[flags.fail_on.upper()] else Exit.CLEAN
