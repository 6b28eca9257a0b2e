"""Which subscriptions a scan is of, and what becomes of those that ARM does not show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from azremedy.arm import ArmId
from azremedy.azure.management_groups import ROOT
from azremedy.errors import AzremedyError, Incomplete, ReadError
from azremedy.resources import Read, Subscription, Unread

if TYPE_CHECKING:
    from azremedy.session import Session


def resolved(
    session: Session, named: Sequence[str], groups: Sequence[str] = ()
) -> tuple[list[Subscription], list[Unread]]:
    """
    Return the subscriptions asked for by name and by management group, each once, and what ARM does not show of them.

    Where only one thing is asked for, its error is raised. Raises `AzremedyError` for a group without a name.
    """
    if not all(group.strip() for group in groups):
        raise AzremedyError("--management-group names none: give its id or its name.")
    asked = [one for name in named for one in listed(name)]
    if len(asked) + len(groups) < 2 and not groups:
        return list(session.subscriptions(asked)), []
    found: dict[ArmId, Subscription] = {}
    failed: dict[ArmId, Unread] = {}
    for group in groups:
        try:
            members, hidden = session.under([group])
        except Incomplete as error:
            if len(asked) + len(groups) == 1:
                raise
            id_ = ArmId(f"{ROOT}/{group.rpartition('/')[2]}")
            failed[id_] = unread(id_, error, Read.MANAGEMENT_GROUPS)
            continue
        found.update((one.id, one) for one in members)
        failed.update((one.scope, one) for one in hidden)
    for name in asked:
        try:
            found.update((one.id, one) for one in session.subscriptions([name]))
        except Incomplete as error:
            id_ = ArmId(f"/subscriptions/{name.rpartition('/')[2]}")
            failed[id_] = unread(id_, error)
    return list(found.values()), list(failed.values())


def listed(name: str) -> Sequence[str]:
    """Return the names in a file that is given as `@FILE`, one a line; any other name is itself."""
    if not name.startswith("@"):
        return [name]
    if name == "@":
        raise AzremedyError("@ names no file: give @FILE, a file with one id or name a line.")
    try:
        text = Path(name[1:]).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise AzremedyError(f"Cannot read the subscriptions in {name[1:]}: {reason}.") from error
    found = [line.partition("#")[0].strip() for line in text.splitlines()]
    if not any(found):
        raise AzremedyError(f"{name[1:]} names no subscription: write one id or name a line.")
    return [one for one in found if one]


def unread(scope: ArmId, error: Incomplete, read: Read = Read.SUBSCRIPTION) -> Unread:
    """Return the gap that a whole subscription, or all that a management group holds, is."""
    status, code = (error.status, error.code) if isinstance(error, ReadError) else (None, None)
    return Unread(read, scope, str(error), status, code)
