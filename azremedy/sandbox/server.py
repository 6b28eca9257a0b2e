"""The HTTP server: TLS on loopback, sign-in, tokens, throttling and ARM's headers around the answers of `routes`."""

from __future__ import annotations

import asyncio
import re
import threading
import uuid
from collections import Counter, deque
from dataclasses import replace
from email.utils import format_datetime
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar
from urllib.parse import parse_qsl, unquote

import msgspec
from aiohttp import web

from azremedy.errors import AzremedyError
from azremedy.sandbox import changes, faults, graph, identity, rights, tls
from azremedy.sandbox.answers import Answer, Arm, ArmError, Call
from azremedy.sandbox.description import Fault, LockLag
from azremedy.sandbox.events import catch_up
from azremedy.sandbox.identity import CLIENT_ID, CLIENT_SECRET, TENANT, Entra
from azremedy.sandbox.kinds import kind
from azremedy.sandbox.routes import answer
from azremedy.sandbox.throttle import Buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from azremedy.arm import Json
    from azremedy.resources import Read
    from azremedy.sandbox.store import Store
    from azremedy.sandbox.throttle import Throttle

T = TypeVar("T")

KEPT = 200_000
"""How many requests a sandbox remembers."""

TOKEN = re.compile(r"/[^/]+/oauth2/(v2\.0/)?token")
OPENID = re.compile(r"/[^/]+/(v2\.0/)?\.well-known/openid-configuration")


class Request(NamedTuple):
    """
    One request: `path` is as it came, with its query, `status` 0 where the connection was closed instead.

    `body` is what a write to ARM sent, decoded; None for reads and for what is no JSON.
    """

    method: str
    path: str
    status: int
    body: Json = None


class Sandbox:
    """
    A running sandbox, on a thread of its own until it is closed.

    `url` is `https://localhost:PORT`, `ca` the certificate to trust, and `tenant`, `client_id` and `client_secret`
    sign in an owner. `requests` are the newest ones, oldest first. `instead` may be set to a function that answers a
    call in ARM's place, whatever the answer: how a client takes a bad one is then seen. It runs on the server's thread.
    `faults` may be changed while it runs; so may `lock_lag`.
    """

    tenant = TENANT
    client_id = CLIENT_ID
    client_secret = CLIENT_SECRET

    def __init__(
        self,
        folder: Path,
        store: Store,
        entra: Entra,
        *,
        port: int = 0,
        throttle: Throttle | None = None,
        page_size: int | None = None,
    ) -> None:
        self.ca = folder / "ca.pem"
        self.requests: deque[Request] = deque(maxlen=KEPT)
        self.instead: Callable[[Call], Answer | None] = lambda _: None
        self._store, self._entra = store, entra
        self._faults = faults.Faults(msgspec.convert(store.about.get("faults", []), list[Fault]))
        self._arm = Arm(store, page_size, msgspec.convert(store.about.get("lock_lag", {}), LockLag))
        self._buckets = Buckets(throttle)
        self._queries = graph.Queries()
        self._port = port
        self._tls = tls.context(folder)
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="azremedy-sandbox", daemon=True
        )

    @property
    def url(self) -> str:
        return f"https://localhost:{self._port}"

    @property
    def subscription(self) -> str:
        """The GUID of the subscription in it, of the first if there are several."""
        return self._arm.subscription.rpartition("/")[2]

    def calls(self) -> Mapping[Read | None, int]:
        """Return the number of ARM requests by what they ask for; None for any other. Sign-in is not counted."""
        asked = (kind(one.path) for one in tuple(self.requests) if not signs_in(one.path.partition("?")[0]))
        return Counter(asked)

    @property
    def faults(self) -> list[Fault]:
        """What goes wrong with requests, on purpose; the list may be changed."""
        return self._faults.asked

    @faults.setter
    def faults(self, asked: list[Fault]) -> None:
        self._faults.asked = asked

    @property
    def lock_lag(self) -> LockLag:
        """How late locks take hold, in seconds of the sandbox's clock."""
        return self._arm.lag

    @lock_lag.setter
    def lock_lag(self, lag: LockLag) -> None:
        self._arm = replace(self._arm, lag=lag)

    @property
    def now(self) -> datetime:
        """The moment that the sandbox's clock shows."""
        return self._store.clock.today()

    def change(self, id_: str, path: str, value: Json) -> None:
        """
        Change a resource as somebody else would, under a new etag.

        `path` is dotted; `[name=value]` picks the member of a list. None deletes; an empty path is the whole resource.
        """
        self._at_rest(lambda: changes.change(self._store, id_, path, value))

    def snapshot(self) -> Mapping[str, Json]:
        """Return every resource by lower-cased id, for comparison. Times that the estate began with stand as ages."""
        return self._at_rest(lambda: {key: self._store.draft(key) for key in self._store})

    def _at_rest(self, look: Callable[[], T]) -> T:
        """Look at the state between two requests, once all that is due has happened."""

        async def there() -> T:
            catch_up(self._arm)
            return look()

        if self._loop is None:
            return asyncio.run(there())
        return asyncio.run_coroutine_threadsafe(there(), self._loop).result()

    def clear(self) -> None:
        """Forget the requests so far."""
        self.requests.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        if self._failure:
            self._thread.join()
            self._store.close()
            raise AzremedyError(
                f"The sandbox cannot listen on port {self._port}: {self._failure.strerror or self._failure}; "
                "another one may be running there, so give another --port."
            ) from self._failure
        return self

    def __exit__(
        self, kind_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._store.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = web.Server(self._answer, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", self._port, ssl_context=self._tls, backlog=512)
            await site.start()
            self._port = runner.addresses[0][1]
        except OSError as failure:
            self._failure = failure
        else:
            self._started.set()
            await self._stop.wait()
            await site.stop()
            await hang_up(server)
        finally:
            await runner.cleanup()
            self._started.set()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        call = await read(request)
        fault = None if signs_in(call.path) else self._faults.strike(call)
        given = await self._suffer(call, request, fault)
        dropped = fault is not None and fault.kind.startswith("drop")
        body = decoded(call.body) if call.method != "GET" and not signs_in(call.path) else None
        self.requests.append(Request(request.method, request.raw_path, 0 if dropped else given.status, body))
        if dropped:
            return hung_up(request)
        response = self._response(request, given)
        if fault is not None and fault.kind == "truncate":
            return await truncated(request, response, given.body)
        return response

    async def _suffer(self, call: Call, request: web.BaseRequest, fault: Fault | None) -> Answer:
        """Answer a request, or let its fault do so."""
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "status":
            return faults.answer(fault)
        if fault is not None and fault.kind == "drop-before":
            return Answer()
        if fault is not None and fault.kind == "drift" and (nothing := faults.drift(self._store, fault)):
            return nothing
        return self._respond(call, request.headers.get("Authorization", ""))

    def _response(self, request: web.BaseRequest, given: Answer) -> web.Response:
        id_ = str(uuid.uuid4())
        return web.Response(
            status=given.status,
            body=given.body,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Cache-Control": "no-cache",
                "Date": format_datetime(self.now, usegmt=True),
                "x-ms-request-id": id_,
                "x-ms-correlation-request-id": request.headers.get("x-ms-correlation-request-id", id_),
                **given.headers,
            },
        )

    def _respond(self, call: Call, authorization: str) -> Answer:
        if reply := SIGN_IN.get(call.path):
            return reply(call)
        if OPENID.fullmatch(call.path):
            return identity.openid(call)
        if TOKEN.fullmatch(call.path):
            return self._entra.token(dict(parse_qsl(call.body.decode(errors="replace"))))
        try:
            return self._ask_arm(call, authorization)
        except ArmError as refused:
            return refused.answer

    def _ask_arm(self, call: Call, authorization: str) -> Answer:
        principal = self._entra.bearer(authorization)
        if principal is None:
            raise unauthorized(call, authorization)
        call = replace(call, principal=principal)
        if call.key == graph.PATH:
            return self._within_api(call, lambda: graph.answer(self._arm, call, self._queries))
        subscription = "/".join(call.key.split("/")[1:3])
        left, wait = self._buckets.take((principal.client_id, call.method == "GET", subscription))
        if wait:
            raise throttled(subscription.rpartition("/")[2], wait)
        given = self._within_api(call, lambda: answer(self._arm, call))
        return replace(
            given, headers={"x-ms-ratelimit-remaining-subscription-reads": str(left), **given.headers}
        )

    def _within_api(self, call: Call, answering: Callable[[], Answer]) -> Answer:
        """Answer a call that names its version and whose caller may read there, once all that is due has happened."""
        if "api-version" not in call.query:
            raise ArmError(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        if call.principal:
            rights.require_reading(call, call.principal)
        catch_up(self._arm)
        return self.instead(call) or answering()


def unauthorized(call: Call, authorization: str) -> ArmError:
    code, text = (
        ("InvalidAuthenticationToken", "The access token is invalid or has expired.")
        if authorization
        else ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
    )
    challenge = (
        f'Bearer authorization_uri="{call.base}/{TENANT}", error="invalid_token", error_description="{text}"'
    )
    return ArmError(401, code, text, {"WWW-Authenticate": challenge})


def throttled(subscription: str, wait: int) -> ArmError:
    return ArmError(
        429,
        "SubscriptionRequestsThrottled",
        f"Number of requests for subscription '{subscription}' exceeded the limit. "
        f"Please try again after '{wait}' seconds.",
        {"Retry-After": str(wait)},
    )


async def read(request: web.BaseRequest) -> Call:
    """Return a request as ARM reads it."""
    path, _, query = request.raw_path.partition("?")
    return Call(
        method=request.method,
        path=normal(path),
        query={name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)},
        base=f"https://{request.host}",
        body=await request.read() if request.body_exists else b"",
        if_match=request.headers.get("If-Match"),
    )


def decoded(body: bytes) -> Json:
    try:
        return msgspec.json.decode(body) if body else None
    except msgspec.DecodeError:
        return None


def hung_up(request: web.BaseRequest) -> web.Response:
    """Close the connection of a request instead of answering it."""
    if request.transport:
        request.transport.abort()
    return web.Response()


async def truncated(request: web.BaseRequest, whole: web.Response, body: bytes) -> web.StreamResponse:
    """Send half of an answer and close the connection."""
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = max(len(body), 2)
    await response.prepare(request)
    await response.write(body[: len(body) // 2] or b"{")
    hung_up(request)
    return response


async def hang_up(server: web.Server) -> None:
    """Drop the connections that clients keep open or are just opening: a goodbye in TLS would wait for theirs."""
    for _ in range(100):
        for connection in server.connections:
            if connection.transport:
                connection.transport.abort()
        if not server.connections and asyncio.all_tasks() <= {asyncio.current_task()}:
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)


SIGN_IN: Mapping[str, Callable[[Call], Answer]] = {
    "/metadata/endpoints": identity.metadata,
    "/common/discovery/instance": identity.discovery,
}


def signs_in(path: str) -> bool:
    """Whether a path is one that a client needs before it can ask ARM."""
    return path in SIGN_IN or bool(TOKEN.fullmatch(path) or OPENID.fullmatch(path))


def normal(path: str) -> str:
    """Return a path as ARM reads it: unquoted, with one slash where several came, and none at its end."""
    return re.sub("/+", "/", unquote(path)).rstrip("/") or "/"
