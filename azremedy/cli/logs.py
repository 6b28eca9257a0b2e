"""`azremedy logs`: what the logs inside one VM say of a fault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import click

from azremedy.arm import ArmId
from azremedy.cli.diagnose import OUTPUTS
from azremedy.cli.options import color, debugging, option, output
from azremedy.cli.output import colored, complain, put, width
from azremedy.cli.scan import scan
from azremedy.errors import AzremedyError, Exit
from azremedy.selection import Selection

READING = ("subscription", "cloud", "tenant", "resource_group", "vm", "deadline", "quiet")
"""The options of `scan` that say what to look at."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What was asked for, one member a flag."""

    subscription: tuple[str, ...]
    cloud: str | None
    tenant: str | None
    resource_group: tuple[str, ...]
    vm: tuple[str, ...]
    deadline: timedelta | None
    quiet: bool
    now: bool
    output: str
    color: str
    debug: bool
    item: None = None
    job: None = None

    @property
    def selection(self) -> Selection:
        return Selection.of(self.vm, self.resource_group)

    @property
    def named(self) -> tuple[str, ...]:
        """The subscription that is meant: the one named, else the one in the VM's id."""
        ids = (ArmId(one) for one in self.vm if one.startswith("/"))
        return self.subscription or tuple(one.subscription for one in ids if one.subscription)[:1]


@click.command(params=[one for one in scan.params if one.name in READING])
@option(
    "--now",
    is_flag=True,
    environment=False,
    help="Ask although a backup of the VM is due; never while one runs.",
)
@output(outputs=OUTPUTS)
@color()
@debugging()
@click.pass_context
def logs(ctx: click.Context, /, **given: Any) -> Exit:
    """
    Read from inside one VM the last lines of its logs that speak of a fault.

    The VM is named with --vm (and --resource-group, where two share a name), and is asked through Run Command: five scripts,
    each of which reads one log and changes nothing. Lines are filtered and freed of secrets inside the VM. Of files that hold
    settings only names and times are read. It is announced, and kept in a journal ('azremedy runs').
    """
    flags = Flags(**given, debug=ctx.obj["debug"])
    if len(flags.vm) != 1:
        raise AzremedyError("Name one VM with --vm: it is asked from inside.")
    from azremedy.cli.logging import read  # noqa: PLC0415 - the SDK is loaded when something is read

    found = read(flags)
    if flags.output == "table":
        from azremedy.report import logged  # noqa: PLC0415 - only the screen needs rich

        shown = colored(flags.color)
        put(logged.text(found, width=width(), color=shown), color=shown)
    else:
        from azremedy.report import render  # noqa: PLC0415 - a format is loaded when it is written
        from azremedy.report.logs import document  # noqa: PLC0415 - as above

        put(render(flags.output, document(found)))
    if not found.unread and found.logs:
        return Exit.CLEAN
    complain(f"incomplete: {found.unread[0].reason if found.unread else 'its operating system is not known'}")
    return Exit.INCOMPLETE
