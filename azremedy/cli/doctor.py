"""`azremedy doctor`: what stands between this machine and a scan."""

from __future__ import annotations

import click

from azremedy.cli.options import color, debugging, option, output
from azremedy.cli.output import colored, note, put, width
from azremedy.cli.veil import Veil, mask, refuse_beside
from azremedy.errors import Exit
from azremedy.report import render


@click.command()
@option("--subscription", "-s", multiple=True, help="Name or id, '*' for all; may be repeated.")
@option("--cloud", help="public, usgov, china, sandbox, or an address.  [default: public]")
@option("--tenant", help="The tenant to sign in to.")
@output()
@mask()
@color()
@debugging()
@click.pass_context
def doctor(
    ctx: click.Context,
    /,
    *,
    subscription: tuple[str, ...],
    cloud: str | None,
    tenant: str | None,
    output: str,
    mask: Veil | None,
    color: str,
) -> Exit:
    """
    Check what a scan rests on: this machine, the way to ARM, the sign-in, its rights.

    Each line says how it is and what to do. Nothing is changed in Azure. What failed ends in its exit code (see
    'azremedy help exit-codes'); warnings end in 0.
    """
    from azremedy.doctor import examine  # noqa: PLC0415 - the SDK is loaded when something is read
    from azremedy.report import doctor as shown  # noqa: PLC0415 - as above

    refuse_beside(mask, {"debug": ctx.obj["debug"]})
    log = note if ctx.obj["debug"] else None
    lines = list(examine(cloud, subscriptions=subscription, tenant=tenant, log=log))
    if mask:
        from azremedy.cli import veiled  # noqa: PLC0415 - only --mask needs it

        lines = veiled.lines(lines)
    if output == "table":
        colors = colored(color)
        put(shown.text(lines, width=width(), color=colors), color=colors)
    else:
        put(render(output, shown.of_lines(output, lines)))
    return max((one.exit for one in lines), default=Exit.CLEAN)
