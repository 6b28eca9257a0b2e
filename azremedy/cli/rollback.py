"""`azremedy rollback`: take back what a run did."""

from __future__ import annotations

from pathlib import Path

import click

from azremedy.cli.options import debugging, option
from azremedy.cli.output import note
from azremedy.cli.resume import cloud_option, tenant_option
from azremedy.errors import Exit
from azremedy.plan import FixClass


@click.command()
@click.argument("run", required=False, default="")
@option("--dry-run", is_flag=True, help="Only show what would be taken back.")
@option("--yes", is_flag=True, environment=False, help="Do not ask; needed without a terminal.")
@option(
    "--allow",
    type=click.Choice((FixClass.GUARDED.value,)),
    multiple=True,
    environment=False,
    help="guarded: lift a lock that refuses a way back, and put it back.",
)
@option(
    "--now",
    is_flag=True,
    environment=False,
    help="Take back what changes a VM although its backup is due; never while one runs.",
)
@option(
    "--journal",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="PATH",
    help="The journal of a run, also of another machine.",
)
@cloud_option
@tenant_option
@debugging()
@click.pass_context
def rollback(
    ctx: click.Context,
    /,
    *,
    run: str,
    dry_run: bool,
    yes: bool,
    allow: tuple[str, ...],
    now: bool,
    journal: Path | None,
    cloud: str | None,
    tenant: str | None,
) -> Exit:
    """
    Take back the confirmed writes of a run, newest first.

    Each only where its target still shows what the run left there: what others changed since stays. What cannot be
    taken back is named. A run that lifted a lock and put it back may need --allow guarded to lift it once more. What
    changes a VM waits where a backup of it is due (--now takes it back all the same) or runs.
    """
    from azremedy.cli.runs import named  # noqa: PLC0415 - as above
    from azremedy.cli.undoing import roll_back, show_ways_back  # noqa: PLC0415 - the SDK is loaded when something is read

    found, log = named(run, journal), note if ctx.obj["debug"] else None
    admitted = frozenset({FixClass.SAFE, *map(FixClass, allow)})
    if dry_run:
        return show_ways_back(found, cloud, tenant, log, admitted)
    return roll_back(found, cloud, tenant, log, admitted, yes=yes, now=now)
