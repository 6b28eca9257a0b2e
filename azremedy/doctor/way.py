"""The way to ARM: certificate authorities, proxies, the endpoint, and its clock against this machine's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from azremedy.azure import Cloud, find_cloud, time_of
from azremedy.azure.transport import authorities, bundle, proxy
from azremedy.doctor.lines import failed, fine, warning
from azremedy.errors import AzremedyError, Incomplete
from azremedy.report.doctor import Line
from azremedy.session import Door

PATIENCE: Final = 60.0
"""Seconds after which nothing more is asked."""
SKEW: Final = 300.0
"""Seconds by which the clocks may differ (SDK): a token is good from its issue on, and replaced that long before its end."""


def surroundings(at: Door) -> Iterator[Line]:
    """Yield what is in force whichever endpoint is asked: certificate authorities."""
    named = authorities(at.ca, at.environ)
    try:
        bundle(at.ca, at.environ)
    except AzremedyError as error:
        yield failed("certificates", error)
        return
    if named is None:
        yield fine("certificates", "those that requests ships (certifi)", source=None, path=None)
    else:
        source, path = named
        yield fine("certificates", f"{source}: {path}", source=source, path=path)


def reached(at: Door, now: Callable[[], float]) -> tuple[Cloud | None, Line, *tuple[Line, ...]]:
    """Return the cloud where it is known, whether ARM answers there, the proxy on the way, and the clock."""
    try:
        found = find_cloud(at.cloud, ca=at.ca, deadline=PATIENCE, environ=at.environ)
    except AzremedyError as error:
        return None, failed("cloud", error)
    details = {"name": found.name, "endpoint": found.endpoint, "authority": found.authority}
    try:
        told = time_of(found, ca=at.ca, deadline=PATIENCE, environ=at.environ)
    except Incomplete as error:
        return found, failed("cloud", error, **details), between(at, found)
    line = fine("cloud", f"{found.endpoint} answers as ARM; {found.authority} signs in to it", **details)
    return found, line, between(at, found), clock(told, datetime.fromtimestamp(now(), UTC))


def between(at: Door, found: Cloud) -> Line:
    """Say which proxy is used, and who names it."""
    used = proxy(found.endpoint, at.environ)
    if used is None:
        return fine("proxy", f"none on the way to {found.host}", source=None, address=None)
    source, address = used
    return fine("proxy", f"{address}, from {source}", source=source, address=address)


def clock(arm: datetime | None, here: datetime) -> Line:
    """Compare this machine's clock with ARM's."""
    if arm is None:
        remedy = "Check what lies between: a proxy may have taken the header Date out."
        return warning("clock", "ARM tells no time in its answer", remedy, seconds=None)
    seconds = round((here - arm).total_seconds())
    if abs(seconds) <= SKEW:
        return fine("clock", f"as ARM's, to {abs(seconds)} s", seconds=seconds)
    told = f"{span(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'} ARM's: tokens may be refused"
    return warning("clock", told, "Set this machine's clock, best by NTP.", seconds=seconds)


def span(seconds: int) -> str:
    minutes = seconds // 60
    return (
        f"{minutes} min"
        if minutes < 120
        else f"{minutes // 60} h"
        if minutes < 2880
        else f"{minutes // 1440} days"
    )
