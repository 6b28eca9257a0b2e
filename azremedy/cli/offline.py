"""From a saved estate to a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azremedy import saved
from azremedy.cli.seen import Seen
from azremedy.errors import AzremedyError
from azremedy.estate import Estate
from azremedy.playbook import Playbook, judging
from azremedy.resources import Unread
from azremedy.scan import Scan, evaluate, needs

if TYPE_CHECKING:
    from azremedy.cli.scan_flags import Flags


def offline(flags: Flags, file: Path, playbooks: Sequence[Playbook[Any]] | None) -> Scan:
    """
    Judge a saved estate: what was asked for, or every playbook.

    Those that look inside VMs are among them where the estate was saved with what VMs told.
    """
    estate = looked_back(saved.load(file), flags.lookback, file)
    if flags.mask:
        flags.mask.learn(estate)
    known = judging(estate.reads) if playbooks is None else playbooks
    lacking = ", ".join(playbook.id for playbook in known if not playbook.needs <= estate.reads)
    if lacking and playbooks is not None:
        raise AzremedyError(f"{file} was saved without what {lacking} looks at: scan again for it.")
    seen = Seen()
    seen.add(estate)
    seen.check(flags.vm, flags.resource_group)
    seen.check_backups(flags.selection, flags.vault, flags.policy)
    whole = with_gaps(estate, known)
    scan = evaluate(
        whole, known, selection=flags.selection, suppressions=flags.accepted, whole=playbooks is None
    )
    if flags.change is None:
        return scan
    from azremedy.cli.changing import changed  # noqa: PLC0415 - only a gate judges a change

    return changed(scan, whole, flags.change, playbooks)


def with_gaps(estate: Estate, playbooks: Sequence[Playbook[Any]]) -> Estate:
    """Return the estate with a gap for each kind that the playbooks need and that was not asked for when it was saved."""
    missing = sorted(needs(playbooks) - estate.reads)
    gaps = (
        Unread(read, estate.subscription.id, "it was not read when the estate was saved") for read in missing
    )
    return replace(estate, unread=(*estate.unread, *gaps))


def looked_back(estate: Estate, lookback: timedelta | None, file: Path) -> Estate:
    """Return the estate as of a shorter look-back. Raises `AzremedyError` for a longer one: it was not read."""
    if lookback is None:
        return estate
    if lookback > estate.lookback:
        days = f"{estate.lookback / timedelta(days=1):g} days"
        raise AzremedyError(f"{file} holds the failed backups of {days}; --lookback cannot be longer.")
    return replace(estate, lookback=lookback)
