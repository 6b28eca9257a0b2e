"""
What every request of a run passes through, as azure-core pipeline policies.

From the outside in: `Retry`, then for each attempt `SameHost`, `ReadOnly`, `Throttle`, authentication, `Tally`, `Log`.
Only a writer's pipeline goes without `ReadOnly`. There is no other retrying layer, no redirect is followed, and no
resource provider is ever registered.
"""

from __future__ import annotations

import re
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import unquote

from azure.core.exceptions import (
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy
from azure.core.rest import HttpRequest, HttpResponse
from tenacity import RetryCallState, Retrying
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from azremedy.azure.buckets import Buckets
from azremedy.azure.failures import REFUSED, UNRESOLVED, UNTRUSTED, kind, plain
from azremedy.azure.pace import Pace, asked_wait, backoff, date
from azremedy.azure.transport import CONNECT, READ
from azremedy.errors import ReadError, WriteRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from datetime import datetime

Policy: TypeAlias = HTTPPolicy[HttpRequest, HttpResponse]
Sent: TypeAlias = PipelineRequest[HttpRequest]
Answered: TypeAlias = PipelineResponse[HttpRequest, HttpResponse]

READS: Final = frozenset({"GET", "HEAD"})
TRANSIENT: Final = frozenset({408, 429, 500, 502, 503, 504})
ATTEMPTS: Final = 6
THROTTLED_ATTEMPTS: Final = 12
UNREACHABLE: Final = 2.0
"""Seconds of waiting after which a host that cannot be reached at all is given up."""
KINDS: Final = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
"""Which of ARM's quotas a request counts against; any other is a write (ARM24)."""

GRAPH: Final = r"microsoft\.resourcegraph/resources"
READ_POSTS: Final = tuple(
    re.compile(rf".*/providers/{path}", re.ASCII)
    for path in (
        GRAPH,
        r"microsoft\.recoveryservices/locations/[^/]+/backup(status|prevalidateprotection|validatefeatures)",
        r"microsoft\.network/networkinterfaces/[^/]+/effective(networksecuritygroups|routetable)",
        r"microsoft\.network/networkwatchers/[^/]+/ipflowverify",
        r"microsoft\.network/virtualnetworks/[^/]+/listnetworkmanagereffectivesecurityadminrules",
    )
)
"""The POSTs that only read, by their paths in lower case."""

PROBED: Final = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.compute/virtualmachines/[^/]+/runcommand",
    re.ASCII,
)
"""Where a probe is sent to, in lower case: one VM."""

REMAINING: Final = "x-ms-ratelimit-remaining-"

QUERIES: Final = "x-ms-user-quota-remaining"
RESETS: Final = "x-ms-user-quota-resets-after"
"""What Resource Graph tells of its quota: queries left in the window, and when it is whole again (ARG25)."""

SHOWN: Final = frozenset({"api-version", "$filter", "$expand", "$select", "$top", "statusonly"})
"""Query parameters whose values the log shows; any other may be a secret."""


class Retry(Policy):
    """
    The one retry layer: reads again after 408, 429, 5xx and lost connections.

    Anything else is sent again only where ARM surely did not carry it out: after 429, or where nothing was there to
    take it.

    Waits as long as ARM asks, else ever longer; gives up after some attempts, soon where nothing is there at all,
    at once where trust is missing or the run's time is over.
    """

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace
        self._gone = False
        self._retrying = Retrying(
            retry=_worth_another, wait=_wait, stop=_enough, sleep=pace.sleep, retry_error_callback=_last
        )

    def send(self, request: Sent) -> Answered:
        """Send with patience; once nothing was there to be reached, the next requests get one try each until it is."""
        try:
            answered = self._attempt(request) if self._gone else self._retrying(self._attempt, request)
        except Exception as error:
            self._gone = self._gone or kind(error) in {REFUSED, UNRESOLVED}
            raise
        self._gone = False
        return answered

    def _attempt(self, request: Sent) -> Answered:
        self._pace.check()
        return self.next.send(request)


def _worth_another(state: RetryCallState) -> bool:
    request = state.args[0].http_request
    reads = request.method in READS or queries(request)
    error, answer = _outcome(state)
    if answer is not None:
        return answer.status_code == 429 or (reads and answer.status_code in TRANSIENT)
    if not reads:
        return error is not None and kind(error) in {REFUSED, UNRESOLVED}
    lost = isinstance(error, (ServiceRequestError, ServiceResponseError, IncompleteReadError))
    return (lost or _broken_off(error)) and kind(error) not in {UNTRUSTED, "TlsFailed", "Garbled"}


def _broken_off(error: BaseException | None) -> bool:
    """Whether a body ended between two chunks, which azure-core tells as an error without an answer."""
    return type(error) is HttpResponseError and error.response is None


def _wait(state: RetryCallState) -> float:
    _, answer = _outcome(state)
    asked = asked_wait(answer.headers) if answer is not None else None
    return asked or backoff(state.attempt_number)


def _enough(state: RetryCallState) -> bool:
    error, answer = _outcome(state)
    if answer is not None and answer.status_code == 429:
        return state.attempt_number >= THROTTLED_ATTEMPTS
    if error is not None and kind(error) in {REFUSED, UNRESOLVED}:
        return state.idle_for + state.upcoming_sleep > UNREACHABLE
    return state.attempt_number >= ATTEMPTS


def _outcome(state: RetryCallState) -> tuple[BaseException | None, HttpResponse | None]:
    outcome = state.outcome
    if outcome is None or outcome.failed:
        return outcome.exception() if outcome else None, None
    return None, outcome.result().http_response


def _last(state: RetryCallState) -> Any:
    return state.outcome.result() if state.outcome else None


class SameHost(Policy):
    """Refuses every address that is not on the ARM endpoint's own scheme, host and port: a token goes nowhere else."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._origin = _origin(endpoint)
        self._inside = f"{endpoint.rstrip('/')}/"
        self._host = parse_url(endpoint).netloc

    def send(self, request: Sent) -> Answered:
        url = request.http_request.url
        # What begins with the endpoint and its slash has its authority: only other spellings need to be taken apart.
        plainly = url.startswith(self._inside) and "\\" not in url
        if not plainly and _origin(url) != self._origin:
            raise ReadError(
                f"ARM named {plain(redacted(url), 200)} as the next address, which is not on {self._host}: not followed.",
                code="ForeignHost",
            )
        return self.next.send(request)


def _origin(url: str) -> tuple[str | None, str | None, int | None] | None:
    """Scheme, host and port as the transport will read them; None where that is not certain."""
    try:
        parts = parse_url(
            url
        )  # the very parser that opens the connection: two parsers would disagree on tricks
    except LocationParseError:
        return None
    if parts.auth is not None or not parts.host or "\\" in url:
        return None
    return parts.scheme, parts.host.lower(), parts.port or {"https": 443, "http": 80}.get(parts.scheme or "")


def path(request: HttpRequest) -> str:
    return (parse_url(request.url).path or "").lower()


def queries(request: HttpRequest) -> bool:
    """Whether a request is a query of Azure Resource Graph, which has a quota of its own."""
    return request.method == "POST" and bool(re.fullmatch(rf"/providers/{GRAPH}", path(request)))


class ReadOnly(Policy):
    """Refuses every request that is not a read. `probes` are the bodies, byte for byte, that may be run inside VMs."""

    def __init__(self, probes: Container[bytes] = frozenset()) -> None:
        super().__init__()
        self._probes = probes

    def send(self, request: Sent) -> Answered:
        if request.http_request.method not in READS:
            self._check(request.http_request)
        return self.next.send(request)

    def _check(self, request: HttpRequest) -> None:
        """Raise `WriteRefused` unless it is a POST that only reads, or one of the probes."""
        asked = path(request)
        reads = any(one.fullmatch(asked) for one in READ_POSTS)
        probes = bool(PROBED.fullmatch(asked)) and request.content in self._probes
        if request.method != "POST" or not (reads or probes):
            raise WriteRefused(f"{request.method} {plain(asked)} was not sent: this run only reads.")


class Throttle(Policy):
    """
    How many requests leave at once, and within which quota: `workers` over all, and a token bucket each subscription.

    Who waits for a bucket keeps nobody from asking another subscription.
    """

    def __init__(self, pace: Pace, workers: int) -> None:
        super().__init__()
        self._pace = pace
        self._buckets = Buckets(pace)
        self._at_once = BoundedSemaphore(workers)

    def send(self, request: Sent) -> Answered:
        queried = queries(request.http_request)
        kind = "queries" if queried else KINDS.get(request.http_request.method, "writes")
        bucket = self._buckets.of(request.http_request.url, kind)
        number = bucket.take()
        remaining = closed_for = None
        try:
            with self._at_once:
                self._bound(request)
                response = self.next.send(request)
            answer = response.http_response
            remaining = count(answer.headers.get(QUERIES if queried else f"{REMAINING}subscription-{kind}"))
            closed_for = asked_wait(answer.headers) if answer.status_code == 429 else None
            if queried and remaining == 0:
                closed_for = closed_for or resets_after(answer.headers.get(RESETS))
        finally:
            bucket.learn(number, remaining, closed_for)
        return response

    def _bound(self, request: Sent) -> None:
        """Let no connection and no silence last longer than the run may."""
        self._pace.check()
        left = max(self._pace.left, 0.001)
        request.context.options.update(connection_timeout=min(CONNECT, left), read_timeout=min(READ, left))


def resets_after(told: str | None) -> float | None:
    """Seconds until a quota of Resource Graph is whole again, from `00:00:05`."""
    found = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?", told or "", re.ASCII)
    return float(int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])) or None if found else None


def count(told: str | None) -> int | None:
    return int(told) if told and told.isdecimal() else None


class Tally(Policy):
    """
    Counts the requests that leave, and keeps what ARM tells beside its answers: the time, and what is left of quotas.

    `remaining` is by the end of a header's name (`subscription-reads`); `wait` are the seconds that the last refusal
    for want of quota asks for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self.sent = 0
        self.newest: datetime | None = None
        self.remaining: dict[str, int] = {}
        self.wait: float | None = None

    def send(self, request: Sent) -> Answered:
        with self._lock:
            self.sent += 1
        response = self.next.send(request)
        told = date(response.http_response.headers)
        with self._lock:
            if told and (self.newest is None or told > self.newest):
                self.newest = told
            self._learn(response.http_response)
        return response

    def _learn(self, answer: HttpResponse) -> None:
        for name, value in answer.headers.items():
            found = name.lower()
            if found.startswith(REMAINING) and value.isdecimal():
                self.remaining[found.removeprefix(REMAINING)] = int(value)
        self.wait = asked_wait(answer.headers) if answer.status_code == 429 else None


class Log(Policy):
    """Writes a line for every attempt: what was asked, what came back, how long it took. No header, no body."""

    def __init__(self, pace: Pace, write: Callable[[str], object]) -> None:
        super().__init__()
        self._pace = pace
        self._write = write

    def send(self, request: Sent) -> Answered:
        asked = f"{request.http_request.method} {plain(redacted(request.http_request.url), 2000)}"
        start = self._pace.now()
        try:
            response = self.next.send(request)
        except Exception as error:
            self._write(f"{asked} -> {kind(error)} in {self._since(start)}")
            raise
        answer = response.http_response
        ids = " ".join(plain(answer.headers[name], 64) for name in _IDS if name in answer.headers)
        self._write(f"{asked} -> {answer.status_code} in {self._since(start)} [{ids}]")
        return response

    def _since(self, start: float) -> str:
        return f"{(self._pace.now() - start) * 1000:.0f} ms"


_IDS = ("x-ms-request-id", "x-ms-correlation-request-id", "x-ms-routing-request-id")


def redacted(url: str) -> str:
    """`url` with the value of every query parameter that is not known to be harmless left out."""
    address, found, query = url.partition("?")
    pairs = (pair.partition("=") for pair in query.partition("#")[0].split("&"))
    shown = (f"{name}={value if unquote(name).lower() in SHOWN else '…'}" for name, _, value in pairs)
    return address + found + ("&".join(shown) if found else "")
