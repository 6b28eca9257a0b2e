"""`azremedy scan --estimate`: what a scan will take, without making it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azremedy import __version__
from azremedy.cli.online import kept
from azremedy.cli.options import seconds
from azremedy.cli.output import complain, note, put
from azremedy.cli.subscriptions import resolved
from azremedy.effort import Estimate, Plan, counts, from_checkpoint, from_counts
from azremedy.errors import Exit
from azremedy.playbook import Playbook, outside
from azremedy.report import render
from azremedy.scan import needs
from azremedy.session import connect

if TYPE_CHECKING:
    from azremedy.cli.scan_flags import Flags
    from azremedy.resources import Subscription
    from azremedy.session import Session

SCHEMA_VERSION = 1


def estimating(
    flags: Flags, playbooks: Sequence[Playbook[Any]] | None, search: Callable[[Any], Any] | None
) -> Exit:
    """Write what the scan that is asked for will take."""
    with connect(
        flags.cloud,
        tenant=flags.tenant,
        deadline=seconds(flags.deadline),
        log=note if flags.debug else None,
        workers=flags.in_flight,
    ) as session:
        found, failed = resolved(session, flags.subscription, flags.management_group)
        made = estimate(session, flags, playbooks, found)
    for gap in failed:
        complain(f"nothing could be read of {gap.scope}: {gap.reason}")
    show(flags, made, search)
    return Exit.INCOMPLETE if failed and not flags.allow_partial else Exit.CLEAN


def estimate(
    session: Session, flags: Flags, playbooks: Sequence[Playbook[Any]] | None, found: Sequence[Subscription]
) -> Estimate:
    """Return it from a checkpoint that holds a part of the scan, else from what Resource Graph counts."""
    if flags.checkpoint and flags.checkpoint.is_file():
        with kept(flags, playbooks) as done:
            fresh = done.fresh(datetime.now(UTC)) if done else {}
        if of_these := [fresh[one.id.key] for one in found if one.id.key in fresh]:
            return from_checkpoint(of_these, len(found) - len(of_these))
    chosen = outside() if playbooks is None else playbooks
    plan = Plan(needs(chosen) | flags.selection.needs, flags.deep, flags.source, flags.in_flight)
    return from_counts(counts(session.reader, found), len(found), plan)


def show(flags: Flags, made: Estimate, search: Callable[[Any], Any] | None) -> None:
    whole = document(made, flags.source)
    if flags.output == "table" and not search:
        put(f"{sentence(made)}\n")
        return
    shown = search(whole) if search else whole
    form = "json" if flags.output == "table" else flags.output
    put(render(form, [shown] if form in {"jsonl", "tsv", "csv"} else shown))


def document(made: Estimate, source: str) -> Mapping[str, Any]:
    """Return the document that `schemas/estimate.json` describes."""
    counted = made.counts
    names = ("vms", "vaults", "protected", "failed")
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "basis": made.basis,
        "source": source,
        "subscriptions": made.subscriptions,
        "done": made.done,
        "calls": made.calls,
        "seconds": None if made.seconds is None else round(made.seconds, 1),
        **{name: getattr(counted, name) if counted else None for name in names},
    }


def sentence(made: Estimate) -> str:
    """Return the estimate for a person, and what it rests on."""
    took = (
        f"in about {span(made.seconds)}" if made.seconds is not None else "in a time that nothing tells yet"
    )
    expected = f"About {made.calls:,} requests to ARM {took}"
    if (one := made.counts) is None:
        rest = f"{made.subscriptions:,} of {made.subscriptions + made.done:,} subscriptions are left, and the checkpoint tells"
        return f"{expected}: {rest} what the others took."
    return (
        f"{expected}: Azure Resource Graph counts {one.vms:,} VMs in {made.subscriptions:,} subscriptions with "
        f"{one.vaults:,} vaults, and {one.failed:,} of {one.protected:,} protected VMs whose last backup failed."
    )


def span(seconds: float) -> str:
    """Return a length of time in its largest fitting unit: `40 s`, `12 min`, `3 h`."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
