"""What leaves the process: data on stdout, sentences on stderr, reports in files."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import click

from azremedy.errors import AzremedyError
from azremedy.report.plain import plain


def put(text: str, *, color: bool = False) -> None:
    """Write data to stdout. A reader that went away (`| head`) is no error: the verdict stands without it."""
    try:
        click.echo(text, nl=False, color=color)
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        silence()
    except OSError as error:
        silence()
        raise AzremedyError(f"cannot write to standard output: {error.strerror}") from error


def flush() -> None:
    """Hand over what is still buffered."""
    put("")


def silence() -> None:
    """Let the rest of stdout go nowhere, also what Python flushes when it ends."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Voice:
    """How a line gets to stderr: through a function that `--mask` sets, so that no line gets past it."""

    def __init__(self) -> None:
        self.through: Callable[[str], str] = str


voice = Voice()


def note(text: str) -> None:
    """Write one line to stderr."""
    with suppress(OSError):
        click.echo(plain(voice.through(text)), err=True)


def complain(*lines: str) -> None:
    """Say what is wrong."""
    for line in lines:
        note(f"azremedy: {line}")


def save(path: Path, content: bytes, *, private: bool = False) -> None:
    """
    Write a file whole or not at all: readers see the old content or the new one. A `private` one is its owner's alone.

    What is no ordinary file (a pipe, `/dev/stdout`) is written as it is. Raises `AzremedyError`.
    """
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        try:
            if private:
                beside.touch(mode=0o600)
            beside.write_bytes(content)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise AzremedyError(f"cannot write {path}: {error.strerror}") from error


def width() -> int:
    """Return how many columns there are: `COLUMNS`, the terminal's, or 120 where there is none."""
    return shutil.get_terminal_size((120, 24)).columns


def colored(choice: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether stdout gets colours: `--color`, then `NO_COLOR`, then `FORCE_COLOR`, then the terminal."""
    if choice != "auto":
        return choice == "always"
    environ = os.environ if environ is None else environ
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return environ["FORCE_COLOR"] != "0"
    return bool(sys.stdout and sys.stdout.isatty()) and environ.get("TERM") != "dumb"
