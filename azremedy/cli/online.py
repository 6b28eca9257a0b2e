"""From Azure to scans, one subscription after the other."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from azremedy import saved
from azremedy.arm import ArmId
from azremedy.cli.output import note, save
from azremedy.cli.progress import Show, progress, reading
from azremedy.cli.seen import Seen
from azremedy.errors import AzremedyError, Incomplete, ReadError
from azremedy.playbook import Playbook
from azremedy.resources import Read, Subscription, Unread
from azremedy.scan import Scan
from azremedy.session import WEEK, Session, connect

if TYPE_CHECKING:
    from azremedy.cli.scan import Flags


def online(
    flags: Flags, playbooks: Sequence[Playbook[Any]] | None
) -> tuple[tuple[Scan, ...], tuple[Unread, ...]]:
    """
    Read subscriptions one after the other and judge each.

    One that cannot be read at all is among the second, and the others go on; where it is the only one, its
    `Incomplete` is raised.
    """
    scans: list[Scan] = []
    seen = Seen()
    log = note if flags.debug else None
    deadline = flags.deadline.total_seconds() if flags.deadline else None
    with (
        uncollected(),
        progress(quiet=flags.quiet or flags.debug) as show,
        connect(flags.cloud, tenant=flags.tenant, deadline=deadline, log=log) as session,
    ):
        found, failed = resolved(session, flags.subscription)
        if flags.save_estate and len(found) + len(failed) > 1:
            raise AzremedyError(f"--save-estate keeps one subscription, and {len(found)} were asked for.")
        for subscription in found:
            try:
                scans.append(one(session, subscription, flags, playbooks=playbooks, seen=seen, show=show))
            except Incomplete as error:
                if len(found) + len(failed) == 1:
                    raise
                failed.append(unread(subscription.id, error))
    seen.certain = seen.certain and not failed
    seen.check(flags.vm, flags.resource_group)
    return tuple(scans), tuple(failed)


def resolved(session: Session, named: Sequence[str]) -> tuple[list[Subscription], list[Unread]]:
    """Return the subscriptions asked for, each once, and those that ARM does not show; the only one's error is raised."""
    if len(named) < 2:
        return list(session.subscriptions(named)), []
    found: dict[ArmId, Subscription] = {}
    failed: list[Unread] = []
    for name in named:
        try:
            found.update((one.id, one) for one in session.subscriptions([name]))
        except Incomplete as error:
            failed.append(unread(ArmId(f"/subscriptions/{name.rpartition('/')[2]}"), error))
    return list(found.values()), failed


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python from looking for cycles: an estate has none, lives to the end, and the search costs a tenth."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def one(
    session: Session,
    subscription: Subscription,
    flags: Flags,
    *,
    playbooks: Sequence[Playbook[Any]] | None,
    seen: Seen,
    show: Show,
) -> Scan:
    """Read one subscription and judge it."""
    if flags.mask:
        flags.mask.about(subscription)
    estate, scan = session.examine(
        subscription,
        playbooks=playbooks,
        lookback=flags.lookback or WEEK,
        deep=flags.deep,
        selection=flags.selection,
        suppressions=flags.accepted,
        whole=flags.save_estate is not None,
        progress=reading(subscription.name, show),
    )
    if flags.mask:
        flags.mask.learn(estate)
    if flags.save_estate:
        save(flags.save_estate, saved.dump(estate))
    seen.add(estate)
    if flags.change is None:
        return scan
    from azremedy.cli.changing import changed  # noqa: PLC0415 - only a gate judges a change

    return changed(scan, estate, flags.change, playbooks)


def unread(subscription: ArmId, error: Incomplete) -> Unread:
    """Return the gap that a whole subscription is."""
    status, code = (error.status, error.code) if isinstance(error, ReadError) else (None, None)
    return Unread(Read.SUBSCRIPTION, subscription, str(error), status, code)
