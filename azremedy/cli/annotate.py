"""What a build server gets beside the output: annotations in the log, a summary of the job, outputs for later steps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import click

from azremedy.cli.output import complain
from azremedy.errors import Exit

SUMMARY = 1024 * 1024
"""Bytes that GitHub takes of a step's summary."""


def server(choice: str, environ: Mapping[str, str]) -> str:
    """Return which build server is told: the one asked for, or with `auto` the one that runs this, or `never`."""
    if choice != "auto":
        return choice
    if environ.get("GITHUB_ACTIONS") == "true":
        return "github"
    return "azure-devops" if environ.get("TF_BUILD", "").lower() == "true" else "never"


def annotate(choice: str, document: Mapping[str, Any], code: Exit, *, aside: bool) -> None:
    """
    Tell the build server what a scan found, as `--annotate` says.

    Build servers read commands from standard output and from standard error; `aside` leaves the first to the data. What
    cannot be written is complained of and changes nothing: the verdict stands without it.
    """
    try:
        match server(choice, os.environ):
            case "github":
                on_github(document, code, aside=aside)
            case "azure-devops":
                on_azure_devops(document, aside=aside)
    except OSError as error:
        complain(f"cannot tell the build server: {error.strerror}: {error.filename}")


def on_github(document: Mapping[str, Any], code: Exit, *, aside: bool) -> None:
    from azremedy.report import github, markdown  # noqa: PLC0415 - only a build server needs them

    click.echo(github.text(document), nl=False, err=aside)
    if file := os.environ.get("GITHUB_OUTPUT"):
        append(Path(file), github.outputs(document, code))
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        held = Path(file).stat().st_size if Path(file).exists() else 0
        summary = markdown.text(document, min(markdown.MOST, SUMMARY - held))
        if held + len(summary.encode()) < SUMMARY:
            append(Path(file), summary)
        else:
            complain("the summary of this step is full: nothing was added to it")


def on_azure_devops(document: Mapping[str, Any], *, aside: bool) -> None:
    from azremedy.report import azure_devops, markdown  # noqa: PLC0415 - as above

    file = Path(mkdtemp(prefix="azremedy-", dir=os.environ.get("AGENT_TEMPDIRECTORY"))) / "azremedy.md"
    file.write_text(markdown.text(document), encoding="utf-8")
    click.echo(azure_devops.text(document) + azure_devops.summary(str(file)), nl=False, err=aside)


def append(file: Path, text: str) -> None:
    with file.open("a", encoding="utf-8", newline="\n", errors="surrogateescape") as held:
        held.write(text)
