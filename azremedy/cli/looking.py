"""From Azure to a plan: read, find, and say what would be done. Nothing here can write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azremedy.cli.inside import asking as inside
from azremedy.cli.progress import Show, reading
from azremedy.errors import AzremedyError
from azremedy.planfile import Asked
from azremedy.planning import Plan, plan
from azremedy.playbook import GUEST_READS, Playbook, load, outside
from azremedy.resources import Read, Subscription
from azremedy.scan import Scan
from azremedy.selection import Selection

if TYPE_CHECKING:
    from azremedy.arm import ArmId
    from azremedy.estate import Estate
    from azremedy.plan import Choices
    from azremedy.session import Session

LOCKS = frozenset({Read.LOCKS})
"""What every plan looks at, whichever playbooks are asked for."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was read, what is wrong with it, and what would be done."""

    estate: Estate
    scan: Scan
    plan: Plan


def one_subscription(session: Session, named: Sequence[str]) -> Subscription:
    """Return the subscription of which a plan is made. Raises `AzremedyError` where several are named."""
    found = session.subscriptions(named)
    if len(found) != 1:
        raise AzremedyError(
            f"A plan is made for one subscription at a time, and {len(found)} were named: name one."
        )
    return found[0]


def chosen(asked: Asked) -> Sequence[Playbook[Any]]:
    """
    Return the playbooks that were asked for, or all; where VMs are not asked, those that look at nothing inside them.

    Raises `AzremedyError` for one that is not known.
    """
    known = load()
    if unknown := [name for name in asked.playbooks if name not in known]:
        raise AzremedyError(f"There is no playbook {unknown[0]!r}.")
    return [known[name] for name in asked.playbooks] or (list(known.values()) if asked.guest else outside())


def look(
    session: Session,
    subscription: Subscription,
    asked: Asked,
    choices: Choices,
    show: Show,
    *,
    now: bool = False,
    waves: Mapping[ArmId, int] | None = None,
) -> Look:
    """
    Read a subscription, find what is wrong with it, read what cures need beyond that, and plan.

    `waves` says who comes in which wave where that was approved before. `now` asks inside those VMs, too, whose backup is due, where VMs are asked at all.
    """
    from azremedy.collect.cures import read_for_cures  # noqa: PLC0415 - decoding is loaded when something is decoded

    estate, scan = scanned(session, subscription, asked, show, now=now)
    worth = [(one.playbook, one.finding) for one in scan.diagnoses if one.finding.severity >= asked.severity]
    if any(playbook.plan_needs for playbook, _ in worth):
        progress = reading(subscription.name, show)
        estate = read_for_cures(session.reader, estate, worth, progress=progress).estate
    if asked.guest and choices.detach_disks:
        from azremedy.checking import checked  # noqa: PLC0415 - most plans detach nothing

        estate = checked(session.reader, estate, choices.detach_disks, inside(session, subscription, now=now))
    return Look(estate, scan, plan(estate, scan.diagnoses, choices, severity=asked.severity, waves=waves))


def scanned(
    session: Session, subscription: Subscription, asked: Asked, show: Show, *, now: bool = False
) -> tuple[Estate, Scan]:
    """Return what was read of a subscription, from inside its VMs where that is asked for, and what the playbooks say."""
    probing = asked.guest and any(one.enters for one in chosen(asked))
    return session.examine(
        subscription,
        playbooks=chosen(asked),
        more=LOCKS | (GUEST_READS if asked.guest else frozenset()),
        lookback=asked.lookback,
        deep=asked.deep or asked.guest,
        selection=Selection.of(asked.vms, asked.groups),
        progress=reading(subscription.name, show),
        inside=inside(session, subscription, now=now) if probing else None,
    )
