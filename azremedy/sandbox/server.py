"""The HTTP server: TLS on loopback, sign-in, tokens, throttling and ARM's headers around the answers of `routes`."""

from __future__ import annotations

import asyncio
import re
import threading
import uuid
from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from azremedy.arm import ArmId
from azremedy.errors import AzremedyError
from azremedy.sandbox import identity, tls
from azremedy.sandbox.answers import Answer, Arm, ArmError, Call
from azremedy.sandbox.identity import CLIENT_ID, CLIENT_SECRET, TENANT, Entra
from azremedy.sandbox.kinds import kind
from azremedy.sandbox.routes import action, answer
from azremedy.sandbox.throttle import Buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from azremedy.resources import Read
    from azremedy.sandbox.identity import Principal
    from azremedy.sandbox.store import Store
    from azremedy.sandbox.throttle import Throttle

KEPT = 200_000
"""How many requests a sandbox remembers."""

TOKEN = re.compile(r"/[^/]+/oauth2/(v2\.0/)?token")
OPENID = re.compile(r"/[^/]+/(v2\.0/)?\.well-known/openid-configuration")


class Request(NamedTuple):
    """One request that was answered: `path` is as it came, with its query."""

    method: str
    path: str
    status: int


class Sandbox:
    """
    A running sandbox, on a thread of its own until it is closed.

    `url` is `https://localhost:PORT`, `ca` the certificate to trust, and `tenant`, `client_id` and `client_secret`
    sign in an owner. `requests` are the newest ones, oldest first. `instead` may be set to a function that answers a
    call in ARM's place, whatever the answer: how a client takes a bad one is then seen. It runs on the server's thread.
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
        self._arm = Arm(store, page_size)
        self._buckets = Buckets(throttle)
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
        """The GUID of the one subscription in it."""
        return self._arm.subscription.rpartition("/")[2]

    def calls(self) -> Mapping[Read | None, int]:
        """Return the number of ARM requests by what they ask for; None for any other. Sign-in is not counted."""
        asked = (kind(one.path) for one in tuple(self.requests) if not signs_in(one.path.partition("?")[0]))
        return Counter(asked)

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
            await hang_up(server)
        finally:
            await runner.cleanup()
            self._started.set()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        given = await self._respond(request)
        self.requests.append(Request(request.method, request.raw_path, given.status))
        id_ = str(uuid.uuid4())
        return web.Response(
            status=given.status,
            body=given.body,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "Cache-Control": "no-cache",
                "x-ms-request-id": id_,
                "x-ms-correlation-request-id": request.headers.get("x-ms-correlation-request-id", id_),
                **given.headers,
            },
        )

    async def _respond(self, request: web.BaseRequest) -> Answer:
        path, _, query = request.raw_path.partition("?")
        call = Call(
            method=request.method,
            path=normal(path),
            query={name.lower(): value for name, value in parse_qsl(query, keep_blank_values=True)},
            base=f"https://{request.host}",
            body=await request.read() if request.body_exists else b"",
        )
        if reply := SIGN_IN.get(call.path):
            return reply(call)
        if OPENID.fullmatch(call.path):
            return identity.openid(call)
        if TOKEN.fullmatch(call.path):
            return self._entra.token(dict(parse_qsl(call.body.decode(errors="replace"))))
        try:
            return self._ask_arm(call, request.headers.get("Authorization", ""))
        except ArmError as refused:
            return refused.answer

    def _ask_arm(self, call: Call, authorization: str) -> Answer:
        principal = self._entra.bearer(authorization)
        if principal is None:
            raise unauthorized(call, authorization)
        left, wait = self._buckets.take((principal.client_id, call.method == "GET"))
        if wait:
            raise throttled(self.subscription, wait)
        if "api-version" not in call.query:
            raise ArmError(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        if not principal.may_read(call.key):
            raise forbidden(call, principal)
        given = self.instead(call) or answer(self._arm, replace(call, principal=principal))
        return replace(
            given, headers={"x-ms-ratelimit-remaining-subscription-reads": str(left), **given.headers}
        )


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


def forbidden(call: Call, principal: Principal) -> ArmError:
    scope = ArmId(call.path).text
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{principal.client_id}' with object id '{principal.object_id}' does not have authorization to "
        f"perform action '{action(call)}' over scope '{scope}' or the scope is invalid. "
        "If access was recently granted, please refresh your credentials.",
    )


async def hang_up(server: web.Server) -> None:
    """Drop the connections that clients keep open: a goodbye in TLS would wait for theirs."""
    for connection in server.connections:
        if connection.transport:
            connection.transport.abort()
    for _ in range(100):
        if not server.connections:
            break
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
