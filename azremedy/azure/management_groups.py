"""Which subscriptions lie under a management group: its own, and those of the groups in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from azremedy.arm import ArmId, Json, Reader
from azremedy.azure.failures import SNIPPET, plain
from azremedy.azure.subscriptions import shown
from azremedy.errors import REFUSED, AmbiguousSubscription, Incomplete, ReadError
from azremedy.paging import listed
from azremedy.resources import Read, Subscription, Unread

if TYPE_CHECKING:
    from collections.abc import Sequence

API: Final = {"api-version": "2020-05-01"}
ROOT: Final = "/providers/Microsoft.Management/managementGroups"
HIDDEN: Final = frozenset({403, 404})
"""What ARM answers about a group that is not there, or not for this identity: it does not tell which."""


def under(reader: Reader, named: Sequence[str]) -> tuple[tuple[Subscription, ...], tuple[Unread, ...]]:
    """
    Return the enabled subscriptions under these management groups, each once, and those that ARM does not show.

    A group is named by its id or its display name. Raises `Incomplete` for one that cannot be read or holds no
    enabled subscription, `AmbiguousSubscription` for a name that several groups have.
    """
    known = {one.id: one for one in shown(reader)}
    found: dict[ArmId, Subscription] = {}
    hidden: dict[ArmId, Unread] = {}
    for name in named:
        members = descendants(reader, name)
        if not any(enabled(known.get(id_)) or id_ not in known for id_ in members):
            raise Incomplete(f"No enabled subscription lies under the management group {told(name)}.")
        found.update((id_, known[id_]) for id_ in members if enabled(known.get(id_)))
        hidden.update((id_, unseen(id_, name)) for id_ in members if id_ not in known)
    return tuple(found.values()), tuple(hidden.values())


def enabled(one: Subscription | None) -> bool:
    return one is not None and (one.state or "").lower() == "enabled"


def unseen(id_: ArmId, group: str) -> Unread:
    """Return the gap that a subscription is of which a group tells and ARM does not."""
    reason = f"it lies under the management group {told(group)}, and ARM does not show it to this identity"
    return Unread(Read.SUBSCRIPTION, id_, reason)


def descendants(reader: Reader, name: str) -> list[ArmId]:
    """Return the subscriptions of a group and of all groups in it, by its id or else its display name."""
    given = name.strip()
    id_ = given.rpartition("/")[2] if given.lower().startswith(f"{ROOT}/".lower()) else given
    found = seen(reader, id_)
    if isinstance(found, ReadError) and (other := by_display_name(reader, given)):
        found = seen(reader, other)
    if isinstance(found, ReadError):
        raise unknown(given, found)
    return found


def seen(reader: Reader, id_: str) -> list[ArmId] | ReadError:
    """Return the subscriptions under a group, or how ARM says that it shows no such group."""
    try:
        return subscriptions(reader, id_)
    except ReadError as error:
        if error.status not in HIDDEN:
            raise
        return error


def subscriptions(reader: Reader, id_: str) -> list[ArmId]:
    members = listed(reader, f"{ROOT}/{quote(id_, safe='')}/descendants", API)
    return [ArmId(f"/subscriptions/{guid}") for one in members if (guid := subscription(one))]


def subscription(member: Json) -> str | None:
    """Return the GUID of a subscription among the descendants; ARM's types of them differ, their ids do not."""
    id_ = member.get("id") if isinstance(member, dict) else None
    if not isinstance(id_, str):
        raise ReadError("ARM names what is in a management group without an id.", code="NotArm")
    return ArmId(id_).subscription


def by_display_name(reader: Reader, name: str) -> str | None:
    """Return the id of the one group of a display name, or None where none has it."""
    try:
        every = [(one["name"], one["properties"]["displayName"]) for one in listed(reader, ROOT, API)]
    except ReadError as error:
        if error.status not in HIDDEN:
            raise
        return None
    except (KeyError, TypeError):
        return None
    fits = [id_ for id_, display in every if str(display).casefold() == name.casefold()]
    if len(fits) > 1:
        ids = ", ".join(plain(one, SNIPPET) for one in fits)
        raise AmbiguousSubscription(
            f"Several management groups are named {told(name)}: give one of the ids {ids}."
        )
    return fits[0] if fits else None


def unknown(name: str, hidden: ReadError) -> Incomplete:
    """Return the error for a group that is not there, or not for this identity."""
    refused = REFUSED.search(hidden.reason)
    lacking = f", which holds {refused['action']}" if refused else ""
    return Incomplete(
        f"ARM shows no management group {told(name)} to this identity: check the id, and have Management Group "
        f"Reader assigned on the group{lacking}."
    )


def told(name: str) -> str:
    return repr(plain(name, SNIPPET))
