"""What is told before VMs are asked from inside, and the journal that is kept of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING

from azremedy.asking import Inside
from azremedy.cli.output import complain
from azremedy.cli.writing import local_user
from azremedy.guest import PROBES, Script, sent
from azremedy.journal import Journal, header

if TYPE_CHECKING:
    from azremedy.arm import ArmId
    from azremedy.resources import Subscription
    from azremedy.session import Session


def asking(
    session: Session, subscription: Subscription, *, now: bool, scripts: Sequence[Script] = ()
) -> Inside:
    """
    Return how VMs are asked: it is said on stderr how many, whatever else is quiet, and a journal is opened.

    Each is sent the probe, or these `scripts` one after the other.
    """

    @contextmanager
    def begin(vms: Sequence[ArmId]) -> Iterator[Journal]:
        begun = header(
            who=f"{session.reader.who} (local user {local_user()})",
            tenant=subscription.tenant or "",
            subscription=subscription.id.subscription or subscription.id.name,
            endpoint=session.cloud,
            plan=sha256(b"".join(map(sent, scripts or PROBES.values()))).hexdigest(),
            started=session.reader.now,
        )
        with Journal.new(begun) as journal:
            number = f"{len(vms)} VM{'' if len(vms) == 1 else 's'}"
            what = f"{len(scripts)} scripts that only read" if scripts else "a script that only reads"
            complain(
                f"asking inside {number} of {subscription.name} through Run Command, with {what}; "
                f"run {begun.id}, journal {journal.path}"
            )
            yield journal

    return Inside(begin, now)
