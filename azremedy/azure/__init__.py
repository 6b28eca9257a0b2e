"""The edge to Azure: clouds, sign-in, a reader of ARM that only reads, and the writer that apply is handed."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future, wait
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from azremedy.azure.cloud import Cloud, told_time
from azremedy.azure.cloud import cloud as named_cloud
from azremedy.azure.credential import ClientSecret, sign_in
from azremedy.azure.pace import Pace
from azremedy.azure.reader import ArmReader
from azremedy.azure.transport import Session, requests_transport
from azremedy.ci import in_ci
from azremedy.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from azremedy.azure.writer import ArmWriter

__all__ = [
    "ArmReader",
    "ClientSecret",
    "Cloud",
    "find_cloud",
    "open_reader",
    "open_writer",
    "time_of",
]

T = TypeVar("T")

for _name in ("azure", "msal", "urllib3"):
    # Their warnings say at length what azremedy says in a sentence; who configures logging still gets them.
    logging.getLogger(_name).addHandler(logging.NullHandler())


def find_cloud(
    name_or_address: str | None = None,
    *,
    ca: str | Path | None = None,
    deadline: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> Cloud:
    """The cloud of a name or of an ARM endpoint's address (see `azremedy.azure.cloud`), within `deadline` seconds."""
    known = os.environ if environ is None else environ
    with Session(ca=ca, environ=known, workers=1) as session:
        return within(deadline, lambda: named_cloud(name_or_address, environ=known, http=session))


def time_of(
    cloud: Cloud,
    *,
    ca: str | Path | None = None,
    deadline: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> datetime | None:
    """The time that a cloud's ARM tells to whoever asks for its metadata (see `azremedy.azure.cloud.told_time`)."""
    known = os.environ if environ is None else environ
    with Session(ca=ca, environ=known, workers=1) as session:
        return within(deadline, lambda: told_time(cloud, http=session))


def within(seconds: float | None, call: Callable[[], T]) -> T:
    """
    Return what `call` returns, or raise `ReadError` when it takes longer than that.

    The call then goes on behind, on a thread that ends with the process: neither a credential's own retries nor an
    `az` that hangs can be told to stop.
    """
    if seconds is None:
        return call()
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised again where it was asked for
            outcome.set_exception(error)

    Thread(target=run, daemon=True).start()
    if not wait([outcome], timeout=max(seconds, 0)).done:
        raise ReadError(
            f"The deadline of {seconds:.3g} s passed before ARM could be asked.", code="DeadlineReached"
        )
    return outcome.result()


def open_reader(
    cloud: Cloud,
    *,
    tenant: str | None = None,
    secret: ClientSecret | None = None,
    ca: str | Path | None = None,
    deadline: float | None = None,
    log: Callable[[str], object] | None = None,
    workers: int = 16,
    environ: Mapping[str, str] | None = None,
    guests: bool = False,
) -> ArmReader:
    """
    A reader of `cloud`, signed in: with `secret` if given, else with what the environment offers, in `tenant`.

    `ca` is a file of CA certificates, `deadline` the run's seconds from now, `log` takes the lines of the HTTP log,
    `workers` the number of threads to serve; `guests` lets it send azremedy's probes into VMs. Use it as a context manager. Raises `SignInError`, `Incomplete` or, for
    settings that make no sense, `AzremedyError`.
    """
    pace = Pace(deadline)
    known = os.environ if environ is None else environ
    session = Session(ca=ca, environ=known, workers=workers, check=pace.check)
    transport = requests_transport(session)
    try:
        credential = within(
            deadline,
            lambda: sign_in(cloud, tenant=tenant, transport=transport, secret=secret, in_ci=in_ci(known)),
        )
    except BaseException:
        session.close()
        raise
    return ArmReader(cloud, credential, session, pace=pace, workers=workers, log=log, guests=guests)


def open_writer(
    cloud: Cloud,
    *,
    tenant: str | None = None,
    secret: ClientSecret | None = None,
    ca: str | Path | None = None,
    log: Callable[[str], object] | None = None,
    workers: int = 16,
    environ: Mapping[str, str] | None = None,
) -> ArmWriter:
    """
    A writer of `cloud`, signed in as `open_reader` signs in. It has no deadline: what it opened it must close.

    Use it as a context manager, and hand it to `azremedy.apply` alone.
    """
    from azremedy.azure.writer import ArmWriter  # noqa: PLC0415 - who only reads does not even load what writes

    known = os.environ if environ is None else environ
    session = Session(ca=ca, environ=known, workers=workers)
    transport = requests_transport(session)
    try:
        credential = sign_in(cloud, tenant=tenant, transport=transport, secret=secret, in_ci=in_ci(known))
    except BaseException:
        session.close()
        raise
    return ArmWriter(cloud, credential, session, pace=Pace(), workers=workers, log=log)
