"""The command line: the only layer that prints, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from azremedy import __version__
from azremedy.cli.lazy import LazyGroup
from azremedy.cli.options import COMPLETING, option
from azremedy.cli.output import complain, flush, voice
from azremedy.errors import AzremedyError, Exit

COMMANDS = {
    "scan": ("azremedy.cli.scan:scan", "Say which backups will fail, and why."),
    "gate": ("azremedy.cli.gate:gate", "Say whether a backup may start, or a change may go on."),
    "watch": ("azremedy.cli.watch:watch", "Scan again and again, and tell what changed."),
    "diagnose": (
        "azremedy.cli.diagnose:diagnose",
        "Say of one VM why its last backup failed, cause by cause.",
    ),
    "logs": (
        "azremedy.cli.logs:logs",
        "Read from inside one VM the last lines of its logs that speak of a fault.",
    ),
    "fix": (
        "azremedy.cli.fix:fix",
        "Show what would cure the causes found, write by write, and with --apply do it.",
    ),
    "runs": ("azremedy.cli.runs:runs", "List the runs of `fix --apply` on this machine, oldest first."),
    "resume": (
        "azremedy.cli.resume:resume",
        "Put back the locks that a run left lifted, and find out what became of its writes.",
    ),
    "rollback": ("azremedy.cli.rollback:rollback", "Take back the confirmed writes of a run, newest first."),
    "prove": (
        "azremedy.cli.prove:prove",
        "Back up each VM that a run cured, and follow the jobs to their end.",
    ),
    "report": ("azremedy.cli.report:report", "Write what an earlier scan found in another format."),
    "explain": (
        "azremedy.cli.explain:explain",
        "Explain an error code, a message, a cause or a playbook.",
    ),
    "playbooks": ("azremedy.cli.playbooks:playbooks", "List the causes that are looked for."),
    "roles": ("azremedy.cli.roles:roles", "Print the Azure roles that scans and cures need."),
    "doctor": ("azremedy.cli.doctor:doctor", "Check what a scan rests on, from this machine to its rights."),
    "sandbox": ("azremedy.cli.sandbox:sandbox", "Serve an ARM of one's own, with things that are broken."),
    "schema": ("azremedy.cli.schema:schema", "Print the JSON Schema of an output."),
    "completion": (
        "azremedy.cli.completion:completion",
        "Print the script that completes azremedy in a shell.",
    ),
    "help": ("azremedy.cli.topics:topics", "Explain a topic, such as exit-codes."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="azremedy", message="%(prog)s %(version)s")
@option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Read this file instead of the azremedy.toml of the project.",
)
@click.pass_context
def azremedy(ctx: click.Context, config: Path | None) -> None:
    """Say why the next Azure VM backup will fail, with the evidence."""
    from azremedy.cli.config import settle  # noqa: PLC0415 - only a command that runs takes settings from files

    settle(ctx, config)


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding(stream), errors="backslashreplace")
    signal.signal(signal.SIGTERM, terminated)
    sys.exit(run(sys.argv[1:]))


def encoding(stream: io.TextIOWrapper) -> str:
    """Return UTF-8 for files and pipes, wherever they are, and for a terminal what it says."""
    named = stream.isatty() or os.environ.get("PYTHONIOENCODING")
    return stream.encoding if named else "utf-8"


def terminated(*_: object) -> NoReturn:
    """End as on an interruption: what is open is closed on the way out."""
    raise SystemExit(Exit.TERMINATED)


def run(arguments: Sequence[str]) -> int:
    """Run a command and return the exit code; whatever goes wrong has been said in one sentence."""
    settings: dict[str, bool] = {}
    voice.through = str
    try:
        if asked := os.environ.get(COMPLETING):
            from azremedy.cli.completion import complete  # noqa: PLC0415 - only a shell that completes asks

            return complete(azremedy, asked)
        with azremedy.make_context("azremedy", list(arguments), obj=settings) as context:
            code = azremedy.invoke(context)
        flush()
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else Exit.USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        code = Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - every ending has its sentence and its exit code
        if settings.get("debug"):
            complain(*"".join(traceback.format_exception(error)).splitlines())
        code = explained(error)
    return int(code or Exit.CLEAN)


def explained(error: Exception) -> Exit:
    """Say in one sentence what went wrong, and return the exit code for it."""
    match error:
        case AzremedyError():
            complain(str(error))
            return error.exit
        case BrokenPipeError():
            return Exit.CLEAN
        case click.exceptions.NoArgsIsHelpError():
            error.show()
        case click.UsageError():
            hint = f" (see '{error.ctx.command_path} --help')" if error.ctx else ""
            complain(" ".join(error.format_message().split()).removesuffix(".") + hint)
        case click.ClickException():
            complain(error.format_message())
        case click.Abort():
            complain("declined, nothing was done")
        case _:
            complain(
                f"internal error: {type(error).__name__}: {error} (run it again with --debug for the traceback)"
            )
    return Exit.USAGE
