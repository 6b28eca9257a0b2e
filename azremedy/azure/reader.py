"""Reading from ARM: raw JSON through the pipeline that every Azure management client is built on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec
from azure.core.rest import HttpRequest, HttpResponse

from azremedy import __version__
from azremedy.addressing import quoted, version
from azremedy.arm import Accepted, Look
from azremedy.azure import pipeline
from azremedy.azure.failures import SNIPPET, no_answer, plain
from azremedy.azure.pace import asked_wait
from azremedy.azure.pipeline import FAULTS
from azremedy.azure.policies import Tally
from azremedy.azure.transport import Session
from azremedy.errors import ReadError, SignInError
from azremedy.guest import ACTION, ONLY_READ

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from azremedy.arm import ArmId, Json
    from azremedy.azure.cloud import Cloud
    from azremedy.azure.credential import CachedCredential, SignedIn
    from azremedy.azure.pace import Pace

SUPPORT: Final = "Please provide below info when asking for support"
"""How the message of an error of Resource Graph begins."""

POLL: Final = 5.0
"""Seconds between two looks at an operation of which ARM does not say when to look again."""


@final
class ArmReader:
    """
    An `azremedy.arm.Reader` over HTTPS, for as many threads as the session has connections.

    Where it is opened with `guests`, it also sends the probes that azremedy ships into VMs, and nothing else. Closing it closes the session and the credential, and wakes up everyone who waits for ARM.
    """

    def __init__(
        self,
        cloud: Cloud,
        credential: CachedCredential,
        session: Session,
        *,
        pace: Pace,
        workers: int = 16,
        log: Callable[[str], object] | None = None,
        guests: bool = False,
    ) -> None:
        self.cloud = cloud
        self.correlation = str(uuid4())
        self._credential = credential
        self._session = session
        self._pace = pace
        self._tally = Tally()
        self._client = pipeline.client(
            cloud, credential, session, self._tally, pace=pace, workers=workers, log=log, writes=False,
            probes=ONLY_READ if guests else frozenset(),
        )  # fmt: skip

    def __enter__(self) -> ArmReader:
        return self

    def __exit__(self, *exc_details: object) -> None:
        self.close()

    def close(self) -> None:
        """End the run: nothing more is read."""
        self._pace.end()
        self._client.close()
        self._credential.close()
        self._session.close()

    @property
    def sent(self) -> int:
        """How many requests have left, every attempt counted."""
        return self._tally.sent

    @property
    def now(self) -> datetime:
        """The `Date` of ARM's newest answer, in UTC. Raises `ReadError` as long as there is none."""
        newest = self._tally.newest
        if newest is None:
            raise ReadError(f"{self.cloud.host} has not told the time in any answer.", code="NoDate")
        return newest

    @property
    def who(self) -> str:
        """Whom the sign-in names. Raises `SignInError` where it does not hold any more."""
        return self._credential.who(self.cloud.scope)

    @property
    def signed_in(self) -> SignedIn:
        """Who signed in, and how. Raises `SignInError` where it does not hold any more."""
        return self._credential.signed_in(self.cloud.scope)

    @property
    def remaining(self) -> Mapping[str, int]:
        """What ARM said last is left of its quotas, by name (`subscription-reads`)."""
        return dict(self._tally.remaining)

    @property
    def asked_to_wait(self) -> float | None:
        """Seconds that ARM's last answer asks to wait for want of quota; None where it was no such answer."""
        return self._tally.wait

    def get(self, address: str, query: Mapping[str, str] | None = None) -> Json:
        """
        Return the JSON object that ARM answers to one GET (see `azremedy.arm.Reader`).

        Raises `ReadError` when there is no usable answer, `SignInError` when the token is refused.
        """
        return decoded(self._answer(HttpRequest("GET", self._url(address, query), headers=self._headers())))

    def post_read(self, address: str, body: Json, query: Mapping[str, str] | None = None) -> Json:
        """
        Return the JSON object that ARM answers to a POST that only reads (`azremedy.azure.policies.READ_POSTS`).

        Raises as `get` does, and `WriteRefused` for any other POST.
        """
        url = self._url(address, query)
        return decoded(self._answer(HttpRequest("POST", url, headers=self._headers(), json=body)))

    def probe(self, vm: ArmId, script: bytes) -> Accepted:
        """
        Send a probe into a VM, once (see `azremedy.arm.ProbingReader`).

        Raises as `get` does, and `WriteRefused` for anything else than a shipped probe, or without `guests`.
        """
        url = f"{self.cloud.endpoint}{quoted(f'{vm}/{ACTION}')}?api-version={version(vm)}"
        headers = {**self._headers(), "Content-Type": "application/json"}
        answer = self._answer(HttpRequest("POST", url, headers=headers, content=script))
        if not 200 <= answer.status_code < 300:
            decoded(answer)
        result = answer.headers.get("Location")
        operation = answer.headers.get("Azure-AsyncOperation")
        return Accepted(answer.status_code, None, operation, asked_wait(answer.headers), result)

    def outcome(self, accepted: Accepted, within: float) -> Json:
        """Return what an operation led to (see `azremedy.arm.ProbingReader`). Raises `ReadError`."""
        if accepted.operation is None:
            raise ReadError("ARM took it and named no operation that tells its end.", code="NoOperation")
        until, pause = self.now + timedelta(seconds=within), accepted.retry_after
        while True:
            self._pace.sleep(pause or POLL)
            answer = self._answer(HttpRequest("GET", accepted.operation, headers=self._headers()))
            body = decoded(answer)
            status = _text(body.get("status")) or ""
            if Look(status).over:
                break
            if self.now > until:
                raise ReadError(f"It did not come to its end within {within:g} s.", code="NotOver")
            pause = asked_wait(answer.headers)
        if not Look(status).succeeded:
            code, message = _error(answer.read())
            raise ReadError(
                plain(message) if message else f"The operation ended {plain(status, SNIPPET)}.",
                status=200,
                code=plain(code, SNIPPET) if code else "OperationFailed",
            )
        told = body.get("properties")
        output = told.get("output") if isinstance(told, dict) else None
        return output if output is not None or accepted.result is None else self.get(accepted.result)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        self._pace.check()
        try:
            # Not streamed: the body is then read inside the retry layer, and nothing in this pipeline parses it.
            return self._client.send_request(request, stream=False)
        except FAULTS as error:
            raise no_answer(error, self.cloud.host) from error

    def _url(self, address: str, query: Mapping[str, str] | None) -> str:
        url = (
            address if "://" in address.partition("?")[0] else f"{self.cloud.endpoint}/{address.lstrip('/')}"
        )
        if not query:
            return url
        joint = "&" if "?" in url else "?"
        return url + joint + urlencode(query, safe="$(),", quote_via=quote)

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "User-Agent": f"azremedy/{__version__}",
            "x-ms-client-request-id": str(uuid4()),
            "x-ms-correlation-request-id": self.correlation,
        }


def decoded(answer: HttpResponse) -> Json:
    """The JSON object in an answer, or what it says instead, as `ReadError` or `SignInError`."""
    status, body = answer.status_code, answer.read()
    if 200 <= status < 300:
        return _object(body, status)
    if status < 400:
        raise ReadError(
            f"ARM answered {status}, a redirect, which is not followed: check the address.",
            status=status,
            code="Redirected",
        )
    code, message = _error(body)
    told = plain(message) if message else f"ARM answered {status} with {_snippet(body)}."
    if status == 401:
        raise SignInError(
            f"ARM refused the token ({plain(code or '401', SNIPPET)}): {told} "
            "Sign in to the tenant that owns the subscription, or name it with --tenant."
        )
    raise ReadError(told, status=status, code=plain(code, SNIPPET) if code else f"Http{status}")


def _object(body: bytes, status: int) -> Json:
    try:
        found = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise _not_arm(body, status, _wrong(error)) from error
    if not isinstance(found, dict):
        raise _not_arm(body, status, "no JSON object")
    return found


def _wrong(error: Exception) -> str:
    match error:
        case UnicodeDecodeError():
            return "not UTF-8"
        case RecursionError():
            return "nested too deeply"
        case _:
            return "no JSON"


def _not_arm(body: bytes, status: int, what: str) -> ReadError:
    return ReadError(f"The answer is not ARM's ({what}): {_snippet(body)}.", status=status, code="NotArm")


def _snippet(body: bytes) -> str:
    shown = plain(body[: 4 * SNIPPET].decode(errors="replace"), SNIPPET)
    return repr(shown) if shown else "an empty body"


def _error(body: bytes) -> tuple[str | None, str | None]:
    """Code and message of an ARM error body, in any of the shapes that providers write."""
    try:
        found = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(found, dict):
        return None, None
    inner = found.get("error", found.get("odata.error", found))
    if isinstance(inner, str):
        return inner, _text(found.get("error_description")) or _text(found.get("message")) or inner
    if not isinstance(inner, dict):
        return None, None
    message = inner.get("message")
    code, told = (
        _text(inner.get("code")),
        _text(message.get("value") if isinstance(message, dict) else message),
    )
    return _details(inner, code, told) if told and told.startswith(SUPPORT) else (code, told)


def _details(error: dict[str, Any], code: str | None, told: str) -> tuple[str | None, str]:
    """What Resource Graph says is wrong: it stands in the details, and above them only what support asks for."""
    details = error.get("details")
    found = [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    texts = [text for one in found if (text := _text(one.get("message")))]
    return next((own for one in found if (own := _text(one.get("code")))), code), "; ".join(texts) or told


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
