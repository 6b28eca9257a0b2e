"""Which subscriptions are watched: what was shown once and is not any more is unread, until whoever watches forgets it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from azremedy.arm import ArmId
from azremedy.resources import Read, Unread
from azremedy.scan import Scan
from azremedy.watch.memory import Memory


def hidden(last: Memory, scans: Sequence[Scan], failed: Sequence[Unread]) -> tuple[Unread, ...]:
    """
    Return the gaps that subscriptions are which were looked at and are not shown any more.

    Where a management group could not be read there are none: its own gap speaks of all that lies under it.
    """
    if any(gap.read is Read.MANAGEMENT_GROUPS for gap in failed):
        return ()
    missing = sorted(last.subscriptions - looked_at(scans, failed))
    return tuple(Unread(Read.SUBSCRIPTION, ArmId(one), why(one)) for one in missing)


def why(subscription: str) -> str:
    """Return what keeps one from being read that was shown before, and what to do."""
    guid = subscription.rpartition("/")[2]
    return (
        "it was shown before, and now it is not, or not as enabled: look at the roles of this identity, "
        f"or give --forget {guid} once"
    )


def looked_at(scans: Sequence[Scan], failed: Sequence[Unread]) -> frozenset[str]:
    """Return the subscriptions that were asked about, by lower-cased id."""
    scopes = (*(scan.subscription.id.key for scan in scans), *(gap.scope.key for gap in failed))
    return frozenset(one for one in scopes if one == subscription_of(one))


def subscription_of(id_: str) -> str | None:
    """Return the lower-cased id of the subscription that an id lies in, None where it lies in none."""
    guid = ArmId(id_).subscription
    return f"/subscriptions/{guid}".lower() if guid else None


def forgetting(memory: Memory, forgotten: Collection[str]) -> Memory:
    """Return what is known without these subscriptions and all that lies in them."""
    return replace(
        memory,
        subscriptions=memory.subscriptions.difference(forgotten),
        findings=tuple(one for one in memory.findings if subscription_of(one.vm) not in forgotten),
        unread=frozenset(one for one in memory.unread if subscription_of(scope_of(one)) not in forgotten),
        unexplained=frozenset(one for one in memory.unexplained if subscription_of(one) not in forgotten),
    )


def gap_key(one: Unread) -> str:
    """Return the words that name what could not be read; why is another matter."""
    return f"{one.read} of {one.scope.key}"


def scope_of(gap: str) -> str:
    """Return the scope in the words that name what could not be read."""
    return gap.partition(" of ")[2]
