"""Which subscriptions are meant: by id, by name, by default."""

from __future__ import annotations

import configparser
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from azremedy.arm import ArmId, Json, Reader
from azremedy.azure.failures import SNIPPET, plain
from azremedy.errors import AmbiguousSubscription, Incomplete, ReadError
from azremedy.paging import listed
from azremedy.resources import Subscription

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

API: Final = {"api-version": "2022-12-01"}
SHOWN: Final = 5
"""Subscriptions that are named to who asked for one that is not there."""
_GUID = re.compile(r"(?:/subscriptions/)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/?", re.IGNORECASE)
_ENVIRONMENTS = {"public": "AzureCloud", "usgov": "AzureUSGovernment", "china": "AzureChinaCloud"}


def default_subscription(environ: Mapping[str, str], cloud: str | None = None) -> str | None:
    """
    The subscription meant when none is named: AZURE_SUBSCRIPTION_ID, else the default of the `az` profile.

    The profile holds a default for each cloud: that of `cloud` (`public`, `usgov`, `china`) counts, else that of the
    cloud that `az` has active.
    """
    if named := environ.get("AZURE_SUBSCRIPTION_ID", "").strip():
        return named
    folder = Path(environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure")
    environment = _ENVIRONMENTS.get(cloud or "") or _active_cloud(folder)
    try:
        # az writes a byte order mark
        profile = msgspec.json.decode((folder / "azureProfile.json").read_text("utf-8-sig"))
        entries = profile["subscriptions"]
        chosen = (one["id"] for one in entries if one["isDefault"] and one["environmentName"] == environment)
        return next(chosen, None)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def shown(reader: Reader) -> tuple[Subscription, ...]:
    """Every subscription that ARM shows to this identity, whatever its state. Raises `ReadError`."""
    return tuple(map(_subscription, listed(reader, "/subscriptions", API)))


def find(reader: Reader, named: Sequence[str]) -> tuple[Subscription, ...]:
    """
    The subscriptions of these ids and names, each once, in the order named; `*` is every enabled one.

    Raises `Incomplete` for an id that ARM does not show, `AmbiguousSubscription` for a name that fits none or several.
    """
    by_name = [name for name in named if not _GUID.fullmatch(name.strip())]
    every = shown(reader) if by_name else ()
    found: dict[ArmId, Subscription] = {}
    for name in named:
        guid = _GUID.fullmatch(name.strip())
        chosen = (_by_id(reader, guid[1]),) if guid else _by_name(every, name.strip())
        found.update((one.id, one) for one in chosen)
    return tuple(found.values())


def _by_id(reader: Reader, guid: str) -> Subscription:
    try:
        return _subscription(reader.get(f"/subscriptions/{guid}", API))
    except ReadError as error:
        if error.status in {403, 404} or error.code.lower() in {
            "subscriptionnotfound",
            "invalidsubscriptionid",
        }:
            raise Incomplete(
                f"ARM shows no subscription {guid} to this identity: check the id, the cloud, the tenant "
                "and the identity's roles."
            ) from error
        raise


def _by_name(every: Sequence[Subscription], name: str) -> tuple[Subscription, ...]:
    if name == "*":
        enabled = tuple(one for one in every if (one.state or "").lower() == "enabled")
        if not enabled:
            raise Incomplete(
                "ARM shows no enabled subscription to this identity: check the tenant and its roles."
            )
        return enabled
    fits = tuple(one for one in every if one.name.casefold() == name.casefold())
    if len(fits) == 1:
        return fits
    asked = repr(plain(name, SNIPPET))
    if fits:
        ids = ", ".join(one.id.name for one in fits)
        raise AmbiguousSubscription(f"Several subscriptions are named {asked}: give one of the ids {ids}.")
    names = {one.name.casefold(): one.name for one in every}
    close = [repr(plain(names[key], SNIPPET)) for key in get_close_matches(name.casefold(), names, n=3)]
    seen = ", ".join(repr(plain(one.name, SNIPPET)) for one in every[:SHOWN]) or "none"
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    hint = f"did you mean {' or '.join(close)}?" if close else f"it sees {seen}{more}."
    raise AmbiguousSubscription(f"This identity sees no subscription named {asked}: {hint}")


def _subscription(entry: Json) -> Subscription:
    try:
        guid, name = entry["subscriptionId"], entry["displayName"]
        tenant, state = entry.get("tenantId"), entry.get("state")
    except (KeyError, TypeError, AttributeError) as error:
        raise ReadError("ARM describes a subscription without its id or name.", code="NotArm") from error
    return Subscription(ArmId(f"/subscriptions/{guid}"), str(name), tenant, state)


def _active_cloud(folder: Path) -> str:
    settings = configparser.RawConfigParser()
    try:
        settings.read(folder / "config", "utf-8-sig")
        return settings.get("cloud", "name")
    except (configparser.Error, OSError, ValueError):
        return "AzureCloud"
