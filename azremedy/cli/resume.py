"""`azremedy resume`: close what a run left open, and find out what became of it."""

from __future__ import annotations

from pathlib import Path

import click

from azremedy.cli.options import debugging, option
from azremedy.cli.output import note
from azremedy.errors import Exit

cloud_option = option("--cloud", help="Where the run was.  [default: what its journal says]")
tenant_option = option("--tenant", help="The tenant to sign in to.  [default: what its journal says]")


@click.command()
@click.argument("run", required=False)
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
def resume(
    ctx: click.Context, /, *, run: str | None, journal: Path | None, cloud: str | None, tenant: str | None
) -> Exit:
    """
    Put back the locks that a run left lifted, and find out what became of its writes.

    Without a run, every unfinished one of this machine whose process is gone. A run of another machine is resumed
    only by its journal. Nothing that was not sent is sent now.
    """
    from azremedy.cli.resuming import resume_all  # noqa: PLC0415 - the SDK is loaded when something is read

    return resume_all(run, journal, cloud, tenant, note if ctx.obj["debug"] else None)
