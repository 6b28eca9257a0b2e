"""What `azremedy fix` was asked for, and which of its flags mean nothing together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path

import click

from azremedy.cli.disks import refuse_both
from azremedy.cli.options import Report, pick, refuse_inside
from azremedy.cli.veil import Veil, refuse_beside
from azremedy.cli.verbosity import refuse_contrary
from azremedy.errors import AzremedyError
from azremedy.plan import Choices, FixClass
from azremedy.planfile import Asked
from azremedy.playbook import Severity, load
from azremedy.waves import Amount, amounts

IN_THE_PLAN = (
    "resource_group", "vm", "playbook", "deep", "lookback", "allow", "severity", "max_unlocked", "bracket_size",
    "keep_unlocked", "lift_subscription_locks", "redesign_locks", "delete_collection", "exclude_lun", "attach_disks",
    "detach_disk", "power",
    "resume_protection", "vss_copy", "verbose_agent_log", "guest", "save", "wave",
)  # fmt: skip
"""Flags whose values stand in a plan file, and mean nothing beside it."""

ONLY_APPLIED = ("plan", "yes", "confirm", "journal", "prove", "now", "max_changes", "stop_after", "settle")


def waves(written: str) -> tuple[Amount, ...]:
    """Return the amounts of `1,5%,100%`."""
    try:
        return amounts(written)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error


@dataclass(frozen=True, slots=True)
class Flags:
    """What was asked for, one member a flag."""

    subscription: tuple[str, ...]
    cloud: str | None
    tenant: str | None
    resource_group: tuple[str, ...]
    vm: tuple[str, ...]
    playbook: tuple[str, ...]
    deep: bool
    lookback: timedelta | None
    deadline: timedelta | None
    allow_partial: bool
    report: tuple[Report, ...]
    mask: Veil | None
    quiet: bool
    guest: bool
    apply: bool
    dry_run: bool
    plan: Path | None
    save: Path | None
    allow: tuple[str, ...]
    severity: str
    max_changes: int | None
    stop_after: int | None
    wave: tuple[Amount, ...] | None
    max_unlocked: timedelta
    bracket_size: int
    settle: timedelta
    now: bool
    keep_unlocked: bool
    lift_subscription_locks: bool
    redesign_locks: bool
    delete_collection: tuple[str, ...]
    exclude_lun: tuple[tuple[tuple[str, int], str], ...]
    attach_disks: tuple[tuple[str, int], ...]
    detach_disk: tuple[tuple[str, int], ...]
    power: str | None
    resume_protection: tuple[str, ...]
    vss_copy: tuple[str, ...]
    verbose_agent_log: tuple[tuple[str, bool], ...]
    prove: bool
    yes: bool
    confirm: tuple[str, ...]
    journal: Path | None
    parallel: int
    form: str | None
    output: str
    color: str
    debug: bool

    @property
    def asked(self) -> Asked:
        return Asked(
            playbooks=self.playbook,
            vms=self.vm,
            groups=self.resource_group,
            severity=Severity[self.severity.upper()],
            lookback=self.lookback or timedelta(days=7),
            deep=self.deep,
            guest=self.guest,
        )

    @property
    def choices(self) -> Choices:
        return Choices(
            allow=frozenset({FixClass.SAFE, *map(FixClass, self.allow)}),
            max_unlocked=self.max_unlocked,
            bracket_size=self.bracket_size,
            keep_unlocked=self.keep_unlocked,
            lift_subscription_locks=self.lift_subscription_locks,
            redesign_locks=self.redesign_locks,
            delete_collection=frozenset(name.lower().rstrip("/") for name in self.delete_collection),
            exclude_luns=dict(self.exclude_lun),
            attach_disks=frozenset(self.attach_disks),
            detach_disks=frozenset(self.detach_disk),
            power=self.power,
            resume_protection=frozenset(name.lower().rstrip("/") for name in self.resume_protection),
            vss_copy=frozenset(name.lower().rstrip("/") for name in self.vss_copy),
            waves=self.wave or (),
            verbose_agent_log=frozenset(self.verbose_agent_log),
        )


def refuse_contradictions(ctx: click.Context, flags: Flags) -> None:
    """Refuse flags that mean nothing together. Raises `AzremedyError`."""
    given = {
        one.name
        for one in fields(flags)
        if ctx.get_parameter_source(one.name) is click.core.ParameterSource.COMMANDLINE
    }
    for name in flags.playbook:
        pick(name, load(), "playbook")
    if flags.apply and flags.dry_run:
        raise AzremedyError("--apply and --dry-run are two ways to say what to do: give one of them.")
    if not (flags.guest or flags.plan):
        refuse_unasked(flags)
    only = [name for name in ONLY_APPLIED if not (name == "now" and flags.guest)]
    if not flags.apply and (idle := [name for name in only if name in given]):
        raise AzremedyError(f"{spelt(idle[0])} means nothing without --apply.")
    if flags.plan and (beside := [name for name in IN_THE_PLAN if name in given]):
        raise AzremedyError(f"{spelt(beside[0])} means nothing with --plan: the plan says what is done.")
    if flags.redesign_locks and (
        beside := [one for one in ("keep_unlocked", "delete_collection") if one in given]
    ):
        raise AzremedyError(
            f"--redesign-locks moves locks for good, and {spelt(beside[0])} is about locks that are lifted: choose one."
        )
    refuse_of_disks(flags)
    refuse_contrary(flags.verbose_agent_log)
    if flags.apply and flags.form:
        raise AzremedyError("--as means nothing with --apply.")
    if flags.apply and flags.report:
        raise AzremedyError(
            "--report means nothing with --apply: it shows a dry run. 'azremedy runs show' tells what a run did."
        )
    beside_mask = {"apply": flags.apply, "save": flags.save, "as": flags.form, "debug": flags.debug}
    refuse_beside(flags.mask, beside_mask)
    of_a_file = ctx.get_parameter_source("subscription") is click.core.ParameterSource.DEFAULT_MAP
    if flags.apply and not flags.plan and (of_a_file or not flags.subscription):
        raise AzremedyError("--apply needs --subscription, or --plan with a plan that names one.")


def refuse_of_disks(flags: Flags) -> None:
    """Refuse two cures of one disk, and waves of what may be done only just after it was checked."""
    refuse_both(
        {
            "--attach-disks": flags.attach_disks,
            "--exclude-lun": [disk for disk, _ in flags.exclude_lun],
            "--detach-disk": flags.detach_disk,
        }
    )
    if flags.wave and flags.detach_disk:
        raise AzremedyError(
            "--detach-disk means nothing with --wave: a copy counts as proven for minutes, and waves take longer."
        )


def refuse_unasked(flags: Flags) -> None:
    """Raise `AzremedyError` for what is only known once VMs are asked from inside."""
    refuse_inside(flags.playbook, "give --guest to ask there")
    refuse_inside(["sql-vss"] if flags.vss_copy else [], "--vss-copy needs --guest to ask there")
    if flags.verbose_agent_log:
        raise AzremedyError(
            "--verbose-agent-log changes what an agent logs, and first looks at it: give --guest to ask inside the VM."
        )


def spelt(name: str) -> str:
    return f"--{name.replace('_', '-')}"
