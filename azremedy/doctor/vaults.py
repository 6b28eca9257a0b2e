"""What may be read in each vault: rights may end there, by a denial or another's choice, where the subscription's do not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from azremedy.arm import Reader
from azremedy.collect.sources import Source, of_subscription, of_vault
from azremedy.doctor.lines import failed, fine, some
from azremedy.errors import REFUSED, AzremedyError, Exit, ReadError
from azremedy.report.doctor import Line, Status
from azremedy.resources import Read, Subscription, Vault

MOST: Final = 20
"""Vaults that are looked at: each costs three requests."""
CHECK: Final = "rights in vaults"


def vaults(reader: Reader, subscription: Subscription) -> Line:
    """Say whether a scan of a subscription may read its vaults, by asking each for the first page of what it reads there."""
    about = {"subscription": subscription.id.name}
    remedy = "Have Backup Reader assigned on it, and look for a deny assignment there."
    try:
        found = sorted(listed(reader, subscription), key=lambda one: one.id.key)
        refused = {one.id.text: lacking for one in found[:MOST] if (lacking := list(unreadable(reader, one)))}
    except AzremedyError as error:
        return failed(CHECK, error, **about)
    details = {**about, "vaults": len(found), "lookedAt": min(len(found), MOST), "missing": refused}
    if refused:
        named = "; ".join(f"{some(lacking)} on {vault}" for vault, lacking in refused.items())
        return Line(
            CHECK,
            Status.FAILED,
            f"a scan of {subscription.name} lacks {named}",
            remedy,
            details,
            Exit.INCOMPLETE,
        )
    all_ = f"{len(found)}" if len(found) <= MOST else f"{MOST} of {len(found)}"
    return fine(CHECK, f"vaults of {subscription.name} that can be read: {all_}", **details)


def listed(reader: Reader, subscription: Subscription) -> Iterator[Vault]:
    """Yield the vaults of a subscription, those of its first page. Raises `ReadError`."""
    source = next(one for one in of_subscription(subscription.id) if one.read is Read.VAULTS)
    for body in page(reader, source):
        yield from (one for one in source.decode(body) if isinstance(one, Vault))


def unreadable(reader: Reader, vault: Vault) -> Iterator[str]:
    """Yield the rights that ARM refuses in a vault. Raises `ReadError` for what goes wrong otherwise."""
    for source in of_vault(vault, reader.now, timedelta(days=1)):
        try:
            page(reader, source)
        except ReadError as error:
            if error.status != 403:
                raise
            told = REFUSED.search(error.reason)
            yield told["action"] if told else f"what it takes to read {source.read}"


def page(reader: Reader, source: Source) -> list[object]:
    values = reader.get(source.address, source.query).get("value")
    if not isinstance(values, list):
        raise ReadError(f"The list at {source.address} has no members that can be read.", code="NotAList")
    return values
