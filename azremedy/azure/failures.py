"""What went wrong on the wire, in one sentence a person can act on."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING

from requests.exceptions import ChunkedEncodingError, ContentDecodingError
from requests.exceptions import ProxyError as RequestsProxyError
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

from azremedy.errors import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

SNIPPET = 80
MESSAGE = 1000

REFUSED = "ConnectionRefused"
UNRESOLVED = "NameNotResolved"
UNTRUSTED = "UntrustedCertificate"

_NAMED_IN_TEXT = (
    (re.compile("CERTIFICATE_VERIFY_FAILED"), UNTRUSTED),
    (re.compile("NameResolutionError|Failed to resolve|getaddrinfo"), UNRESOLVED),
    (re.compile("Connection refused|actively refused|NewConnectionError|Failed to establish"), REFUSED),
    (re.compile(r"timed out\b|TimeoutError"), "TimedOut"),
)


def plain(text: str, limit: int = MESSAGE) -> str:
    """`text` on one line, without control characters, cut at `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and every exception that it was made from, by whichever library wrapped it."""
    waiting, seen = [error] if error else [], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        told = (getattr(one, name, None) for name in ("inner_exception", "reason"))  # azure-core's, urllib3's
        linked = (one.__cause__, one.__context__, *told, *one.args)
        waiting += [link for link in linked if isinstance(link, BaseException)]


def kind(error: BaseException | None) -> str:
    """The name of what is wrong: `UntrustedCertificate`, `ConnectionRefused`, `TimedOut`, …; `NoAnswer` if unknown."""
    found = {_kind(one) for one in causes(error)}
    ranked = (
        UNTRUSTED,
        "TlsFailed",
        "ProxyFailed",
        UNRESOLVED,
        REFUSED,
        "TimedOut",
        "Truncated",
        "Garbled",
        "Lost",
    )
    return next((name for name in ranked if name in found), "NoAnswer")


def kind_in(text: str) -> str | None:
    """The same, told from the text of an error whose causes were dropped."""
    return next((name for pattern, name in _NAMED_IN_TEXT if pattern.search(text)), None)


def unanswered(code: str, host: str, detail: str = "") -> ReadError:
    """The error for a request that `host` gave no usable answer to; `code` as `kind` names it."""
    note = f" ({plain(detail, 200)})" if detail else ""
    return ReadError(_SENTENCES.get(code, _SENTENCES["NoAnswer"]).format(host=host, note=note), code=code)


def no_answer(error: BaseException, host: str) -> ReadError:
    """The error for an exception out of requests, urllib3 or azure-core, with `host` as `name:port`."""
    certificate = next((one for one in causes(error) if isinstance(one, ssl.SSLCertVerificationError)), None)
    return unanswered(kind(error), host, certificate.verify_message if certificate else "")


def _kind(error: BaseException) -> str | None:  # noqa: PLR0911 - one line a kind
    match error:
        case ssl.SSLCertVerificationError():
            return UNTRUSTED
        case ssl.SSLError():
            return "TlsFailed"
        case ProxyError() | RequestsProxyError():
            return "ProxyFailed"
        case NameResolutionError() | socket.gaierror():
            return UNRESOLVED
        case ConnectTimeoutError() | ReadTimeoutError() | TimeoutError():
            return "TimedOut"
        case NewConnectionError() | ConnectionRefusedError():
            return REFUSED
        case ChunkedEncodingError():
            return "Truncated"
        case DecodeError() | ContentDecodingError():
            return "Garbled"
        case ConnectionError():
            return "Lost"
        case _:
            return None


_SENTENCES = {
    UNTRUSTED: "The certificate of {host} is not trusted{note}: set REQUESTS_CA_BUNDLE to a file that holds the CA's.",
    "TlsFailed": "{host} does not speak TLS as expected: check the address and what lies between.",
    "ProxyFailed": "The proxy on the way to {host} does not let it through: check HTTPS_PROXY and NO_PROXY.",
    UNRESOLVED: "The name of {host} cannot be resolved: check the address and the network's DNS.",
    REFUSED: "Nothing answers at {host}: check the address, the network and, if there is one, the proxy.",
    "TimedOut": "{host} did not answer in time: try again, or check the network.",
    "Truncated": "The answer of {host} broke off before its end, several times: try again, or check what lies between.",
    "Garbled": "The answer of {host} cannot be decompressed: check what lies between.",
    "Lost": "{host} closed the connection without an answer, several times: try again, or check what lies between.",
    "NoAnswer": "There is no usable answer from {host}{note}.",
}
