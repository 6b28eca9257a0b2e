"""
What stands between this machine and a scan: each thing looked at once, and told with its remedy.

Nothing in Azure is changed. A check that fails ends only those that rest on it: without a sign-in the clock and the
certificate authorities are told all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import time

from azremedy.doctor.lines import failed
from azremedy.doctor.machine import machine
from azremedy.doctor.signed_in import signed_in
from azremedy.doctor.way import reached, surroundings
from azremedy.errors import AzremedyError
from azremedy.report.doctor import Line, Status
from azremedy.session import door

__all__ = ["examine"]


def examine(
    cloud: str | None = None,
    *,
    subscriptions: Sequence[str] = (),
    tenant: str | None = None,
    log: Callable[[str], object] | None = None,
    environ: Mapping[str, str] | None = None,
    now: Callable[[], float] = time,
) -> Iterator[Line]:
    """
    Yield a line for each check, from this machine outward.

    `cloud`, `tenant`, `log` and `environ` are those of `azremedy.session.connect`; `subscriptions` are names and ids,
    by default the default one. `now` is this machine's clock.
    """
    yield from machine()
    try:
        with door(cloud, environ) as at:
            around = list(surroundings(at))
            yield from around
            if any(line.status is Status.FAILED for line in around):
                return
            found, *lines = reached(at, now)
            yield from lines
            if found:
                arm = lines[0].status is not Status.FAILED
                yield from signed_in(at, found, subscriptions, tenant=tenant, log=log, arm=arm)
    except AzremedyError as error:
        yield failed("cloud", error)
