"""The edge to Azure: clouds, sign-in, and a reader of ARM that only reads."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from azremedy.azure.cloud import Cloud
from azremedy.azure.cloud import cloud as named_cloud
from azremedy.azure.credential import ClientSecret, sign_in
from azremedy.azure.pace import Pace
from azremedy.azure.reader import ArmReader
from azremedy.azure.transport import Session, requests_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["ArmReader", "ClientSecret", "Cloud", "find_cloud", "open_reader"]

for _name in ("azure", "msal", "urllib3"):
    # Their warnings say at length what azremedy says in a sentence; who configures logging still gets them.
    logging.getLogger(_name).addHandler(logging.NullHandler())


def find_cloud(
    name_or_address: str, *, ca: str | Path | None = None, environ: Mapping[str, str] = os.environ
) -> Cloud:
    """The cloud of a name or of an ARM endpoint's address (see `azremedy.azure.cloud`)."""
    with Session(ca=ca, environ=environ, workers=1) as session:
        return named_cloud(name_or_address, environ=environ, http=session)


def open_reader(
    cloud: Cloud,
    *,
    tenant: str | None = None,
    secret: ClientSecret | None = None,
    ca: str | Path | None = None,
    deadline: float | None = None,
    log: Callable[[str], object] | None = None,
    workers: int = 16,
    environ: Mapping[str, str] = os.environ,
) -> ArmReader:
    """
    A reader of `cloud`, signed in: with `secret` if given, else with what the environment offers, in `tenant`.

    `ca` is a file of CA certificates, `deadline` the run's seconds from now, `log` takes the lines of the HTTP log,
    `workers` the number of threads to serve. Use it as a context manager. Raises `SignInError`, `Incomplete` or, for
    settings that make no sense, `AzremedyError`.
    """
    pace = Pace(deadline)
    session = Session(ca=ca, environ=environ, workers=workers)
    try:
        credential = sign_in(cloud, tenant=tenant, transport=requests_transport(session), secret=secret)
    except BaseException:
        session.close()
        raise
    return ArmReader(cloud, credential, session, pace=pace, workers=workers, log=log)
