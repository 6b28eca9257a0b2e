"""`azremedy report`: every format from the JSON of an earlier scan."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from azremedy.cli.options import Report, debugging, option, reports
from azremedy.cli.output import put
from azremedy.cli.reports import save_reports
from azremedy.cli.veil import Veil, mask, refuse_beside
from azremedy.errors import AzremedyError, Exit
from azremedy.report import TEXTS, of_document, render


@click.command()
@click.argument("file")
@option(
    "--output",
    "-o",
    type=click.Choice(TEXTS),
    default="markdown",
    show_default=True,
    help="What is written to standard output.",
)
@reports("Also write a file, as in 'azremedy scan'; may be repeated.")
@mask()
@debugging()
@click.pass_context
def report(
    ctx: click.Context, /, *, file: str, output: str, report: tuple[Report, ...], mask: Veil | None
) -> Exit:
    """
    Write what an earlier scan found in another format.

    FILE is what 'azremedy scan --output json' or '--report json=FILE' wrote; '-' is standard input. Nothing is read from
    Azure, and what was found does not change the exit code.
    """
    from azremedy.report.read import read  # noqa: PLC0415 - decoding is loaded when something is decoded

    refuse_beside(mask, {"debug": ctx.obj["debug"]})
    document = read(*content(file))
    if mask:
        from azremedy.cli.veiled import document as veiled  # noqa: PLC0415 - only --mask needs it

        document = veiled(document)
    save_reports(report, document)
    put(render(output, of_document(output, document)))
    return Exit.CLEAN


def content(file: str) -> tuple[bytes, str]:
    """Return what a file holds, and what to call it. Raises `AzremedyError`."""
    if file == "-":
        return sys.stdin.buffer.read() if sys.stdin else b"", "standard input"
    try:
        return Path(file).read_bytes(), file
    except OSError as error:
        raise AzremedyError(f"Cannot read {file}: {error.strerror}.") from error
