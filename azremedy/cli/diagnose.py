"""`azremedy diagnose`: the causes of one VM's last failed backup, each with a verdict, and the cure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from azremedy.arm import ArmId
from azremedy.cli.options import color, debugging, option, output
from azremedy.cli.output import colored, complain, put, width
from azremedy.cli.scan import scan
from azremedy.cli.scan_flags import ONLINE
from azremedy.cli.veil import Veil, refuse_beside
from azremedy.errors import AzremedyError, Exit
from azremedy.selection import Selection

OUTPUTS = ("table", "json", "yaml", "none")
READING = (
    "subscription", "cloud", "tenant", "resource_group", "vm", "lookback", "deadline", "allow_partial", "estate",
    "mask", "quiet",
)  # fmt: skip
"""The options of `scan` that say what to look at."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What was asked for, one member a flag."""

    subscription: tuple[str, ...]
    cloud: str | None
    tenant: str | None
    resource_group: tuple[str, ...]
    vm: tuple[str, ...]
    lookback: timedelta | None
    deadline: timedelta | None
    allow_partial: bool
    estate: Path | None
    mask: Veil | None
    quiet: bool
    item: str | None
    job: str | None
    output: str
    color: str
    debug: bool
    guest: bool = False
    """Whether to ask inside the VM."""
    now: bool = False

    @property
    def selection(self) -> Selection:
        items, jobs = ([one] if one else [] for one in (self.item, self.job))
        return Selection.of(self.vm, self.resource_group, items=items, jobs=jobs)

    @property
    def named(self) -> tuple[str, ...]:
        """The subscription that is meant: the one named, else the one in the id of VM, item or job."""
        ids = (ArmId(one) for one in (*self.vm, self.item, self.job) if one and one.startswith("/"))
        return self.subscription or tuple(one.subscription for one in ids if one.subscription)[:1]


@click.command(params=[one for one in scan.params if one.name in READING])
@option("--item", metavar="ID", help="The VM of this protected item, by id.")
@option("--job", metavar="ID", help="The VM of this failed backup job, by id, and this failure of it.")
@option(
    "--guest",
    is_flag=True,
    environment=False,
    help="Ask inside the VM too, through Run Command: a script that only reads. Kept in a journal.",
)
@option(
    "--now",
    is_flag=True,
    environment=False,
    help="With --guest: ask although a backup of the VM is due; never while one runs.",
)
@output(outputs=OUTPUTS)
@color()
@debugging()
@click.pass_context
def diagnose(ctx: click.Context, /, **given: Any) -> Exit:
    """
    Say of one VM why its last backup failed: the documented causes in their order, each with a verdict.

    The VM is named with --vm (and --resource-group, where two share a name), or by its protected item or a failed job. Each
    cause is the cause, is not, or cannot be told from here, with the evidence and with what would tell. Then comes the
    cure that 'azremedy fix' would write, and what is left to a person. Nothing is changed in Azure.

    With --guest the VM is asked from inside where it runs and its agent is ready, by one script that changes nothing: what
    Azure does not show gets a verdict, too.
    """
    flags = Flags(**given, debug=ctx.obj["debug"])
    refuse_contradictions(ctx, flags)
    from azremedy.cli import diagnosing  # noqa: PLC0415 - the SDK is loaded when something is read

    case = diagnosing.saved_case(flags, flags.estate) if flags.estate else diagnosing.read_case(flags)
    if flags.mask:
        case = flags.mask.case(case)
    if flags.output == "table":
        from azremedy.report import diagnosed  # noqa: PLC0415 - only the screen needs rich

        shown = colored(flags.color)
        put(diagnosed.text(case, width=width(), color=shown), color=shown)
    else:
        from azremedy.report import render  # noqa: PLC0415 - a format is loaded when it is written
        from azremedy.report.diagnosis import document  # noqa: PLC0415 - as above

        put(render(flags.output, document(case)))
    gaps = len(case.subject.estate.unread)
    if not gaps or flags.allow_partial:
        return Exit.CLEAN
    complain(f"incomplete: reads that failed: {gaps}; --allow-partial accepts that")
    return Exit.INCOMPLETE


def refuse_contradictions(ctx: click.Context, flags: Flags) -> None:
    """Refuse flags that name no VM or several, or mean nothing together. Raises `AzremedyError`."""
    refuse_beside(flags.mask, {"debug": flags.debug})
    ways = [*flags.vm, *filter(None, (flags.item, flags.job))]
    if len(ways) != 1:
        raise AzremedyError("Name one VM: by --vm, or by --item or --job with an id.")
    if flags.now and not flags.guest:
        raise AzremedyError("--now means nothing without --guest.")
    for name in ONLINE if flags.estate else ():
        if name in ctx.params and ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise AzremedyError(
                f"--{name.replace('_', '-')} means nothing with --estate, which reads a file."
            )
