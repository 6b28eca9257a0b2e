"""The one HTTP session of a run: a sized pool, the right CA, proxies everywhere but on loopback."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
from azure.core.pipeline.transport import (  # pylint: disable=no-name-in-module
    RequestsTransport,
)
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.util import Retry, parse_url

from azremedy.errors import AzremedyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

CONNECT: Final = 10.0
"""Seconds for a connection to be made."""
READ: Final = 60.0
"""Seconds of silence in an answer after which it is given up."""

_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY")


def loopback(host: str | None) -> bool:
    """Whether a URL's host is this machine, by name or by address."""
    name = (host or "").strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class Session(requests.Session):
    """
    requests' session with `workers` connections a host.

    It trusts the CA of `ca`, else of REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE, else requests' own; it takes
    proxies from the environment except for loopback, never reads .netrc (its entry would replace the token), and leaves
    all retrying to others.
    """

    def __init__(
        self,
        *,
        ca: str | Path | None,
        environ: Mapping[str, str],
        workers: int = 16,
        check: Callable[[], object] | None = None,
    ) -> None:
        """Trust `ca` and hold `workers` connections a host; `check` is called between the pieces of every body."""
        super().__init__()
        self.bundle = bundle(ca, environ)
        self.check = check
        self.auth = _as_it_is
        never = Retry(total=False, redirect=False, raise_on_status=False)
        adapter = HTTPAdapter(pool_maxsize=workers, max_retries=never)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Send one request; its body is read here unless the caller streams it."""
        answer = super().send(request, **{**settings, "stream": True})
        if self.check:
            answer.raw = Pieces(answer.raw, self.check)
        if not settings.get("stream"):
            _ = answer.content
        return answer

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """What one request takes from the environment: the hook that requests offers."""
        if verify in (None, True):
            verify = self.bundle or True
        if loopback(parse_url(url).host):
            return {"proxies": {}, "stream": stream, "verify": verify, "cert": cert}
        return super().merge_environment_settings(url, proxies, stream, verify, cert)


class Pieces:
    """
    A body that is read as it comes, with a look at the clock after each piece.

    A read timeout bounds silence alone: a body that drips a byte at a time would never end it.
    """

    def __init__(self, raw: Any, check: Callable[[], object]) -> None:
        self.raw = raw
        self.check = check

    def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]:
        """Yield pieces of at most `amt` bytes: what requests asks of a body."""
        try:
            while piece := self.raw.read1(amt, decode_content=decode_content):
                self.check()
                yield piece
        except BaseException:
            self.raw.close()
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def requests_transport(session: Session) -> RequestsTransport:
    """azure-core's transport on `session`, which stays open when a client or credential closes the transport."""
    return RequestsTransport(
        session=session, session_owner=False, connection_timeout=CONNECT, read_timeout=READ
    )


def authorities(ca: str | Path | None, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """What names the CA certificates to trust, and their file or folder; None for requests' own."""
    if ca:
        return "The CA", str(ca)
    return next(((name, environ[name]) for name in _CA_VARIABLES if environ.get(name)), None)


def proxy(url: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """What names the proxy on the way to `url`, and its address without a password; None where there is none."""
    if loopback(parse_url(url).host) or not (address := select_proxy(url, get_environ_proxies(url))):
        return None
    shown = parse_url(address)
    source = next((name for name in _PROXY_VARIABLES if environ.get(name) == address), "the system")
    return source, shown._replace(auth="…" if shown.auth else None).url


def bundle(ca: str | Path | None, environ: Mapping[str, str]) -> str | None:
    """The file or folder of CA certificates to trust; None for requests' own. `AzremedyError` if it is of no use."""
    named = authorities(ca, environ)
    if not named:
        return None
    source, path = named
    if not Path(path).exists():
        raise AzremedyError(f"{source} names {path}, which does not exist: name a file of CA certificates.")
    if Path(path).is_file():
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except OSError as error:
            raise AzremedyError(f"{source} names {path}, which holds no readable CA certificates.") from error
    return path


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
