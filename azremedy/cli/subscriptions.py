"""Which subscriptions a scan is of, and what becomes of those that ARM does not show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from azremedy.arm import ArmId
from azremedy.errors import AzremedyError, Incomplete, ReadError
from azremedy.resources import Read, Subscription, Unread

if TYPE_CHECKING:
    from azremedy.session import Session


def resolved(session: Session, named: Sequence[str]) -> tuple[list[Subscription], list[Unread]]:
    """Return the subscriptions asked for, each once, and those that ARM does not show; the only one's error is raised."""
    named = [one for name in named for one in listed(name)]
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


def listed(name: str) -> Sequence[str]:
    """Return the names in a file that is given as `@FILE`, one a line; any other name is itself."""
    if not name.startswith("@"):
        return [name]
    try:
        text = Path(name[1:]).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise AzremedyError(f"Cannot read the subscriptions in {name[1:]}: {reason}.") from error
    found = [line.partition("#")[0].strip() for line in text.splitlines()]
    if not any(found):
        raise AzremedyError(f"{name[1:]} names no subscription: write one id or name a line.")
    return [one for one in found if one]


def unread(subscription: ArmId, error: Incomplete) -> Unread:
    """Return the gap that a whole subscription is."""
    status, code = (error.status, error.code) if isinstance(error, ReadError) else (None, None)
    return Unread(Read.SUBSCRIPTION, subscription, str(error), status, code)
