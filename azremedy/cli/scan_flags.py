"""What `azremedy scan` was asked for, and which of its flags mean nothing together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azremedy.cli import accepted
from azremedy.cli.options import SETTINGS, Report, refuse_inside
from azremedy.cli.veil import Veil, refuse_beside
from azremedy.errors import AzremedyError
from azremedy.playbook import load
from azremedy.selection import Selection
from azremedy.suppression import Suppression

if TYPE_CHECKING:
    from azremedy.change import Change

NEVER = "never"
ONLINE = (
    "subscription", "management_group", "cloud", "tenant", "deep", "deadline", "in_flight", "checkpoint", "save_estate",
    "guest", "scheduler", "source", "estimate",
)  # fmt: skip
"""Flags that say how to read, and mean nothing where a file is read."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What was asked for, one member a flag."""

    subscription: tuple[str, ...]
    cloud: str | None
    tenant: str | None
    resource_group: tuple[str, ...]
    vm: tuple[str, ...]
    vault: tuple[str, ...]
    policy: tuple[str, ...]
    playbook: tuple[str, ...]
    deep: bool
    lookback: timedelta | None
    deadline: timedelta | None
    in_flight: int
    fail_on: str
    exit_zero: bool
    allow_partial: bool
    output: str
    report: tuple[Report, ...]
    query: str | None
    save_estate: Path | None
    estate: Path | None
    suppressions: Path | None
    show_suppressed: bool
    baseline: Path | None
    annotate: str
    mask: Veil | None
    quiet: bool
    verbose: bool
    color: str
    debug: bool
    guest: bool = False
    """Whether to ask inside the VMs selected."""
    now: bool = False
    management_group: tuple[str, ...] = ()
    source: str = "arm"
    """What the lists are read from: `arm`, or first of all `graph`."""
    estimate: bool = False
    """Whether only what the scan would take is asked for."""
    write_baseline: Path | None = None
    checkpoint: Path | None = None
    scheduler: str | None = None
    """The address of a Dask scheduler whose workers read."""
    before_backup: timedelta | None = None
    accepted: tuple[Suppression, ...] = ()
    """What stands in the file of suppressions."""
    change: Change | None = None
    """The change whose effect is judged, instead of what is there."""

    @property
    def streams(self) -> bool:
        """Whether findings are written as soon as their subscription is done: each stands for itself then."""
        whole = self.query is not None or self.baseline is not None or self.estate is not None
        return self.output == "jsonl" and not whole

    @property
    def selection(self) -> Selection:
        return Selection.of(self.vm, self.resource_group, self.vault, self.policy, self.before_backup)


def scheduler(written: str) -> str:
    """Return the address of a Dask scheduler, refusing now what is none."""
    if not re.fullmatch(r"(tcp|tls)://[^\s/@]+:[0-9]{1,5}", written):
        raise click.BadParameter(f"{written!r} is not of the form tcp://HOST:PORT or tls://HOST:PORT.")
    return written


def told(ctx: click.Context, given: Mapping[str, Any]) -> Flags:
    """Return what was asked for. Raises `AzremedyError` where it makes no sense."""
    flags = Flags(**given, debug=ctx.obj["debug"])
    refuse_contradictions(ctx, flags)
    if flags.verbose and not flags.quiet and SETTINGS in ctx.meta:
        ctx.meta[SETTINGS].tell()
    known, today = load(), datetime.now(UTC).date()
    return replace(flags, accepted=accepted.of_file(flags.suppressions, known, today))


def refuse_contradictions(ctx: click.Context, flags: Flags) -> None:
    """Refuse flags that mean nothing beside `--estate`; an environment made for other scans is no mistake."""
    refuse_unmasked(flags)
    refuse_unasked(flags)
    refuse_afar(flags)
    if flags.estate is None:
        return
    for name in ONLINE:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise AzremedyError(
                f"--{name.replace('_', '-')} means nothing with --estate, which reads a file."
            )


def refuse_unmasked(flags: Flags) -> None:
    """Refuse, beside `--mask`, what keeps or logs names as they are."""
    given = {"debug": flags.debug, "save-estate": flags.save_estate, "guest": flags.guest}
    refuse_beside(flags.mask, given)


def refuse_afar(flags: Flags) -> None:
    """Refuse, beside `--scheduler`, what only this machine can do."""
    if flags.scheduler is None or flags.estate is not None:
        return
    if flags.guest:
        raise AzremedyError(
            "--guest keeps its journal on the machine that asks, and --scheduler has others ask: give one of them."
        )
    if flags.source == "graph":
        raise AzremedyError(
            "--source graph asks about many subscriptions at once, and --scheduler has others read one each: "
            "give one of them."
        )
    if flags.cloud == "sandbox":
        raise AzremedyError(
            "--cloud sandbox is in reach of this machine only, and --scheduler has others read: "
            "start 'azremedy sandbox', and give its address as --cloud."
        )


def refuse_unasked(flags: Flags) -> None:
    """Refuse a cause that shows only inside VMs, where nobody lets azremedy ask there."""
    if flags.now and not flags.guest:
        raise AzremedyError("--now means nothing without --guest.")
    if not flags.guest and flags.estate is None:
        refuse_inside(flags.playbook, "'azremedy scan --guest' asks there, and a gate never does")
