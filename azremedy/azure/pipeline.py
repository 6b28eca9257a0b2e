"""The pipeline that every request to ARM leaves through, for reading and for writing alike."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, TypeAlias

from azure.core.exceptions import AzureError
from azure.core.rest import HttpRequest, HttpResponse
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

from azremedy.azure.policies import Log, ReadOnly, Retry, SameHost, Tally, Throttle
from azremedy.azure.transport import Session, requests_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from azremedy.azure.cloud import Cloud
    from azremedy.azure.credential import CachedCredential
    from azremedy.azure.pace import Pace

Client: TypeAlias = ARMPipelineClient[HttpRequest, HttpResponse]

FAULTS: Final = (AzureError, ValueError, TypeError, AttributeError, KeyError, zlib.error, OSError)
"""What azure-core and requests let out for answers that they did not expect."""


def client(
    cloud: Cloud,
    credential: CachedCredential,
    session: Session,
    tally: Tally,
    *,
    pace: Pace,
    workers: int,
    log: Callable[[str], object] | None,
    writes: bool,
    probes: Container[bytes] = frozenset(),
) -> Client:
    """
    Return a client of `cloud`. Only one that `writes` goes without the policy that refuses every write.

    `probes` are the bodies that this policy lets into VMs all the same.
    """
    guard = () if writes else (ReadOnly(probes),)
    told = (Log(pace, log),) if log else ()
    policies = [
        Retry(pace),
        SameHost(cloud.endpoint),
        *guard,
        Throttle(pace, workers),
        ARMChallengeAuthenticationPolicy(credential, cloud.scope),
        tally,
        *told,
    ]
    return ARMPipelineClient(cloud.endpoint, policies=policies, transport=requests_transport(session))
