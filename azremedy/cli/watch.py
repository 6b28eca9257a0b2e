"""`azremedy watch`: scan again and again, and tell what changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from azremedy.cli.config import default
from azremedy.cli.options import option, output, span, target
from azremedy.cli.scan import scan
from azremedy.cli.scan_flags import NEVER, told
from azremedy.errors import Exit
from azremedy.playbook import Severity

if TYPE_CHECKING:
    from azremedy.watch.telling import Command, Webhook

LEFT_OUT = (
    "fail_on", "exit_zero", "output", "report", "query", "save_estate", "estate", "show_suppressed", "baseline",
    "write_baseline", "annotate", "checkpoint", "color", "guest", "now", "estimate",
)  # fmt: skip
"""
The options of `scan` that mean nothing here: those that say what becomes of one scan, or read a file. VMs are not asked from
inside while nobody looks.
"""

GUID: Final = re.compile(r"/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

OUTPUTS = ("table", "jsonl", "none")


@dataclass(frozen=True, slots=True)
class Watch:
    """How often is looked, where what is known is kept, and who is told."""

    every: timedelta
    once: bool
    due: timedelta
    last: Path | None
    forget: tuple[str, ...]
    webhook: Webhook | None
    append: Path | None
    run: Command | None
    metrics: Path | None
    output: str


def subscription(written: str) -> str:
    """Return the lower-cased id of the subscription of a GUID or an id."""
    id_ = written if "/" in written else f"/subscriptions/{written}"
    if not GUID.fullmatch(id_):
        raise click.BadParameter(f"{written!r} is no subscription's id: give its GUID.")
    return id_.lower()


def webhook(written: str) -> Webhook:
    """Return the webhook of an address; what refuses one does not show it."""
    from azremedy.watch.telling import Webhook  # noqa: PLC0415 - the HTTP client is loaded when it is used

    try:
        return Webhook.of(written.strip())
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


def command(written: str) -> Command:
    """Return the command that these words are."""
    from azremedy.watch.telling import Command  # noqa: PLC0415 - as above

    try:
        return Command.of(written)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None


@click.command(params=[one for one in scan.params if one.name not in LEFT_OUT])
@option(
    "--every", type=span, metavar="DURATION", default="6h", show_default=True, help="Time from scan to scan."
)
@option("--once", is_flag=True, help="Scan once and end: for cron, a timer or a pipeline.")
@option(
    "--due",
    type=span,
    metavar="DURATION",
    default="3d",
    show_default=True,
    help="Tell this long before the day from which on backups fail.",
)
@option(
    "--last",
    type=target,
    metavar="FILE",
    help="What the last scan found is kept here.  [default: a file in the user's state folder]",
)
@option(
    "--forget",
    type=subscription,
    multiple=True,
    metavar="ID",
    environment=False,
    help="Forget what is known of this subscription, which is not shown any more; may be repeated.",
)
@option(
    "--webhook",
    type=webhook,
    metavar="URL",
    help="Post the news here, as JSON. Better in the environment, where it may hold a secret.",
)
@option("--append", type=target, metavar="FILE", help="Append the news to this file, a line of JSON each.")
@option(
    "--run",
    type=command,
    metavar="COMMAND",
    help="Run this command, without a shell, with the news as JSON on its standard input.",
)
@option("--metrics", type=target, metavar="FILE", help="Write OpenMetrics text here after each scan.")
@option(
    "--fail-on",
    type=click.Choice((*map(str, Severity), NEVER)),
    default=NEVER,
    show_default=True,
    help="With --once: exit with 1 for what is new or worse, of this severity or above.",
)
@output(outputs=OUTPUTS, text="How news are written to standard output.")
@click.pass_context
def watch(ctx: click.Context, /, **given: Any) -> Exit:
    """
    Scan again and again, and tell what changed since the last scan.

    News are findings that are new, worse or gone, forecasts whose day comes near, backups that failed for no cause that is
    known, and what cannot be read. What cannot be read is never gone. Who is told gets all of it again until it was taken
    once. Nothing is changed in Azure.

    It ends with SIGTERM or Ctrl-C, and goes on from there when it is started again.
    """
    own = Watch(**{name: given.pop(name) for name in Watch.__dataclass_fields__})
    flags = told(ctx, {**defaults(ctx), **given})
    from azremedy.cli.watching import watched  # noqa: PLC0415 - the SDK is loaded when something is read

    return watched(flags, own)


def defaults(ctx: click.Context) -> dict[str, Any]:
    """Return what the options of `scan` that are left out here are without being given."""
    left = (one for one in scan.params if isinstance(one, click.Option) and one.name in LEFT_OUT)
    return {one.name or "": one.type_cast_value(ctx, default(ctx, one)) for one in left}
