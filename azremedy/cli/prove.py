"""`azremedy prove`: a backup of each VM that a run cured."""

from __future__ import annotations

from pathlib import Path

import click

from azremedy.cli.options import debugging, option
from azremedy.cli.output import note, put
from azremedy.cli.resume import cloud_option, tenant_option
from azremedy.errors import Exit


@click.command()
@click.argument("run")
@option(
    "--journal",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Keep the journal of these backups here.",
)
@cloud_option
@tenant_option
@debugging()
@click.pass_context
def prove(
    ctx: click.Context, /, *, run: str, journal: Path | None, cloud: str | None, tenant: str | None
) -> Exit:
    """
    Back up each VM that a run cured, and follow the jobs to their end.

    A backup that began after the cure and still runs is followed in place of a new one. The restore points expire after seven days, and each counts against the nine backups that the service takes of a
    VM in a day.
    """
    from azremedy.apply import Settings  # noqa: PLC0415 - the SDK is loaded when something is read
    from azremedy.cli.proving import proved, since_run  # noqa: PLC0415 - as above
    from azremedy.cli.resuming import writing_of  # noqa: PLC0415 - as above
    from azremedy.cli.runs import named  # noqa: PLC0415 - as above
    from azremedy.report import outcome  # noqa: PLC0415 - as above

    found = named(run)
    vms = list(dict.fromkeys(vm for group in found.groups for vm in group.vms))
    with writing_of(found, cloud, tenant, note if ctx.obj["debug"] else None) as made:
        ended = proved(made, vms, Settings(), since_run(found), journal)
    put(outcome.text(outcome.Ending(ended.run, made.guid, ended.done, proofs=ended.proofs)))
    return Exit.CLEAN if all(one.proved for one in ended.proofs) else Exit.STEP_FAILED
