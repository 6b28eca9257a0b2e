"""From a saved estate to a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azremedy import saved
from azremedy.cli.output import complain
from azremedy.cli.seen import Seen
from azremedy.errors import AzremedyError
from azremedy.estate import Estate
from azremedy.playbook import Playbook, load
from azremedy.scan import Scan, evaluate

if TYPE_CHECKING:
    from azremedy.cli.scan import Flags


def offline(flags: Flags, file: Path, playbooks: Sequence[Playbook[Any]] | None) -> Scan:
    """Judge a saved estate: what was asked for, or every playbook for which it holds enough."""
    estate = looked_back(saved.load(file), flags.lookback, file)
    known = list(load().values()) if playbooks is None else playbooks
    enough = [playbook for playbook in known if playbook.needs <= estate.reads]
    if lacking := ", ".join(playbook.id for playbook in known if playbook not in enough):
        if playbooks is not None:
            raise AzremedyError(f"{file} was saved without what {lacking} looks at: scan again for it.")
        if not flags.quiet:
            complain(f"{file} was saved without what these look at, so they are left out: {lacking}")
    seen = Seen()
    seen.add(estate)
    seen.check(flags.vm, flags.resource_group)
    return evaluate(estate, enough, selection=flags.selection)


def looked_back(estate: Estate, lookback: timedelta | None, file: Path) -> Estate:
    """Return the estate as of a shorter look-back. Raises `AzremedyError` for a longer one: it was not read."""
    if lookback is None:
        return estate
    if lookback > estate.lookback:
        days = f"{estate.lookback / timedelta(days=1):g} days"
        raise AzremedyError(f"{file} holds the failed backups of {days}; --lookback cannot be longer.")
    return replace(estate, lookback=lookback)
