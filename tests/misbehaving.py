"""An ARM endpoint and authority on loopback, over TLS, that answers as badly as a test asks it to."""

from __future__ import annotations

import json
import ssl
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

import trustme

from azremedy.azure import ArmReader, ClientSecret, Cloud, open_reader
from azremedy.azure.credential import sign_in
from azremedy.azure.pace import Pace
from azremedy.azure.transport import Session, requests_transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TENANT = "00000000-0000-4000-8000-00000000000a"
SECRET = "the-right-secret"
TOKEN = "the-token-itself"
NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Answer:
    """One answer: a body (JSON unless bytes), and what goes wrong with it."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    promised: int = 0
    """Bytes that Content-Length promises beyond the body."""
    chunk: bytes | None = None
    """Sent as a chunked body that breaks off after this chunk."""
    delay: float = 0.0
    drips: float = 0.0
    """Seconds between the bytes of the body."""
    closes: bool = False
    """The connection is closed instead of answering."""

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def error(status: int, code: str, message: str, **headers: str) -> Answer:
    return Answer({"error": {"code": code, "message": message}}, status, headers)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server(ThreadingHTTPServer):
    """Answers each path with what `on` gave it, in order, the last one for ever; unknown paths with 404."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, ca: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ca = ca
        self.asked: list[Asked] = []
        self.lifetime = 3600
        self.address = f"https://127.0.0.1:{self.server_port}"
        self.host = f"127.0.0.1:{self.server_port}"
        self._answers: dict[str, list[Answer]] = {}
        self._lock = Lock()
        self._open: set[socket] = set()
        self.on("/metadata/endpoints", Answer(metadata(self.address)))

    @property
    def cloud(self) -> Cloud:
        return Cloud(self.address, self.address, self.address, "https://management.azure.com")

    def on(self, path: str, *answers: Answer) -> None:
        self._answers[path] = list(answers)

    def requests(self, path: str) -> list[Asked]:
        return [one for one in self.asked if one.path.partition("?")[0] == path]

    @property
    def tokens(self) -> int:
        return len(self.requests(f"/{TENANT}/oauth2/v2.0/token"))

    def answer(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        with self._lock:
            self.asked.append(asked)
            answers = self._answers.get(path, [])
            if answers:
                return answers.pop(0) if len(answers) > 1 else answers[0]
        if path.endswith("/openid-configuration"):
            return Answer(openid(self.address))
        if path.endswith("/oauth2/v2.0/token"):
            return token(asked.body, self.lifetime)
        return error(404, "ResourceNotFound", f"There is nothing at {path}.")

    def get_request(self) -> tuple[socket, Any]:
        connection, peer = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, peer

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass

    def stop(self) -> None:
        self.shutdown()
        with self._lock:
            waiting = tuple(self._open)
        for connection in waiting:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        asked = Asked(self.command, self.path, dict(self.headers), self.rfile.read(length))
        given = cast("Server", self.server).answer(asked)
        time.sleep(given.delay)
        if given.closes:
            self.close_connection = True
            return
        self.send_response_only(given.status)
        headers = {
            "Content-Type": "application/json",
            "Date": format_datetime(NOW, usegmt=True),
        } | given.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self._send(given)

    do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 - the names that http.server calls

    def _send(self, given: Answer) -> None:
        if given.chunk is not None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(given.chunk), given.chunk))
            self.close_connection = True
            return
        self.send_header("Content-Length", str(len(given.raw) + given.promised))
        self.end_headers()
        for piece in [given.raw] if not given.drips else map(bytes, zip(given.raw)):
            self.wfile.write(piece)
            time.sleep(given.drips)
        self.close_connection = given.promised > 0

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gave it
        pass


def metadata(address: str) -> dict[str, Any]:
    return {
        "name": "Loopback",
        "resourceManager": address,
        "authentication": {"loginEndpoint": address + "/", "audiences": ["https://management.azure.com/"]},
    }


def openid(address: str) -> dict[str, str]:
    return {
        "issuer": f"{address}/{TENANT}/v2.0",
        "authorization_endpoint": f"{address}/{TENANT}/oauth2/v2.0/authorize",
        "token_endpoint": f"{address}/{TENANT}/oauth2/v2.0/token",
    }


def token(form: bytes, lifetime: int) -> Answer:
    if parse_qs(form.decode()).get("client_secret") != [SECRET]:
        told = "AADSTS7000215: Invalid client secret provided. You sent " + form.decode()
        return Answer({"error": "invalid_client", "error_description": told}, 401)
    return Answer({"access_token": TOKEN, "token_type": "Bearer", "expires_in": lifetime})


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@cache
def _certificate() -> trustme.LeafCert:
    return _authority().issue_cert("127.0.0.1", "localhost")


@contextmanager
def misbehaving(folder: Path) -> Iterator[Server]:
    """A server on a free port; the file of its CA is written to `folder`."""
    ca = folder / "ca.pem"
    _authority().cert_pem.write_to_path(str(ca))
    server = Server(ca)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _certificate().configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def secret(text: str = SECRET) -> ClientSecret:
    return ClientSecret(TENANT, "00000000-0000-4000-8000-00000000000c", text)


def reading(
    server: Server, *, deadline: float | None = None, log: Callable[[str], object] | None = None
) -> ArmReader:
    """A reader of `server`, signed in as it wants."""
    return open_reader(server.cloud, secret=secret(), ca=server.ca, environ={}, deadline=deadline, log=log)


@dataclass
class Watch:
    """A clock that only moves when somebody sleeps, and remembers for how long."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def timed(server: Server, watch: Watch, *, deadline: float | None = None, workers: int = 16) -> ArmReader:
    """A reader whose waits take no time."""
    session = Session(ca=server.ca, environ={}, workers=workers)
    credential = sign_in(server.cloud, tenant=None, transport=requests_transport(session), secret=secret())
    pace = Pace(deadline, now=lambda: watch.now, sleep=watch.sleep)
    return ArmReader(server.cloud, credential, session, pace=pace, workers=workers)


def closed_port() -> int:
    """A port on loopback at which nobody listens."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
