"""From Azure, and from inside a VM, to its logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azremedy.cli.diagnosing import lying_in, subject_of
from azremedy.cli.inside import asking
from azremedy.cli.options import seconds
from azremedy.cli.output import note
from azremedy.cli.progress import progress, reading
from azremedy.guest import LOGS
from azremedy.logs import READS, read_logs
from azremedy.report.logs import Logs
from azremedy.session import connect

if TYPE_CHECKING:
    from azremedy.cli.logs import Flags


def read(flags: Flags) -> Logs:
    """Read what tells whether the VM that is named may be asked, then its logs."""
    with (
        progress(quiet=flags.quiet or flags.debug) as show,
        connect(
            flags.cloud,
            tenant=flags.tenant,
            deadline=seconds(flags.deadline),
            log=note if flags.debug else None,
            guests=True,
        ) as session,
    ):
        subscription = lying_in(session, flags.named)
        estate = session.read(
            subscription,
            playbooks=(),
            more=READS,
            deep=True,
            selection=flags.selection,
            progress=reading(subscription.name, show),
            listed=lambda estate: subject_of(estate, flags),
        ).estate
        vm = subject_of(estate, flags).vm
        model = estate.vm.get(vm)
        scripts = LOGS.get((model.os or "").lower() if model else "", {})
        inside = asking(session, subscription, now=flags.now, scripts=tuple(scripts.values()))
        return Logs(estate, vm, session.reader.now, read_logs(session.reader, estate, vm, inside))
