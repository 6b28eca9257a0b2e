"""Writing to ARM: each write sent once, and an honest word on what is known of its fate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final
from uuid import uuid4

import msgspec
from azure.core.rest import HttpRequest, HttpResponse

from azremedy import __version__
from azremedy.addressing import quoted, version
from azremedy.apply.shapes import refusal
from azremedy.arm import Accepted, Look, resolved
from azremedy.azure import pipeline
from azremedy.azure.failures import REFUSED, SNIPPET, UNRESOLVED, UNTRUSTED, no_answer, plain
from azremedy.azure.pace import asked_wait
from azremedy.azure.pipeline import FAULTS
from azremedy.azure.policies import Tally
from azremedy.azure.reader import ArmReader, decoded
from azremedy.azure.transport import Session
from azremedy.errors import ReadError, SignInError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from azremedy.arm import ArmId, Json, Request
    from azremedy.azure.cloud import Cloud
    from azremedy.azure.credential import CachedCredential
    from azremedy.azure.pace import Pace

NOT_SENT: Final = frozenset({REFUSED, UNRESOLVED, UNTRUSTED})
"""What goes wrong before a request has left."""

NOT_OURS: Final = "NotOurs"
"""The code of a write that no playbook plans."""

UNKNOWN: Final = frozenset({408, 500, 502, 503, 504})
"""Answers after which nobody knows whether the write was carried out."""


@final
class ArmWriter:
    """
    An `azremedy.apply.Writer` over HTTPS: a reader, and a way to write beside it.

    Closing it closes the session and the credential, and wakes up everyone who waits for ARM.
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
    ) -> None:
        self.cloud = cloud
        self._credential = credential
        self._reader = ArmReader(cloud, credential, session, pace=pace, workers=workers, log=log, guests=True)
        self._tally = Tally()
        self._client = pipeline.client(
            cloud, credential, session, self._tally, pace=pace, workers=workers, log=log, writes=True
        )

    def __enter__(self) -> ArmWriter:
        return self

    def __exit__(self, *exc_details: object) -> None:
        self.close()

    def close(self) -> None:
        """End the run: nothing more is sent."""
        self._client.close()
        self._reader.close()

    @property
    def sent(self) -> int:
        """How many requests have left, every attempt counted."""
        return self._reader.sent + self._tally.sent

    @property
    def now(self) -> datetime:
        """The `Date` of ARM's newest answer, in UTC. Raises `ReadError` as long as there is none."""
        written = self._tally.newest
        try:
            return max(self._reader.now, written) if written else self._reader.now
        except ReadError:
            if written is None:
                raise
            return written

    @property
    def signed_in_for(self) -> float | None:
        """Seconds left of a sign-in that may not renew itself (see `azremedy.arm.Writer`). Raises `SignInError`."""
        return self._credential.holds_for(self.cloud.scope)

    def get(self, address: str, query: Mapping[str, str] | None = None) -> Json:
        """Return the JSON object that ARM answers to one GET (see `azremedy.arm.Reader`)."""
        return self._reader.get(address, query)

    def probe(self, vm: ArmId, script: bytes) -> Accepted:
        """Send a probe into a VM (see `azremedy.arm.ProbingReader`): to look at what a step inside it rests on."""
        return self._reader.probe(vm, script)

    def outcome(self, accepted: Accepted, within: float) -> Json:
        """Return what a probe led to (see `azremedy.arm.ProbingReader`)."""
        return self._reader.outcome(accepted, within)

    def send(self, request: Request, etag: str | None = None) -> Accepted:
        """
        Send a write, once (see `azremedy.arm.Writer`); with `etag`, only if the resource still has it.

        Raises `WriteError`, also for what is none of the writes that may ever leave (`azremedy.apply.shapes`).
        """
        if why := refusal(request):
            raise WriteError(f"It was not sent: {why}", executed=False, code=NOT_OURS)
        headers = self._headers() | ({"If-Match": etag} if etag else {})
        url = f"{self.cloud.endpoint}{quoted(request.address)}?api-version={version(request.id)}"
        try:
            body = resolved(request.body, lambda: self.now)
            answer = self._client.send_request(
                HttpRequest(request.method, url, headers=headers, json=body), stream=False
            )
        except (ReadError, SignInError) as error:
            raise WriteError(str(error), executed=False, code=getattr(error, "code", "SignIn")) from error
        except FAULTS as error:
            told = no_answer(error, self.cloud.host)
            executed = False if told.code in NOT_SENT else None
            raise WriteError(told.reason, executed=executed, code=told.code) from error
        return self._accepted(answer)

    def look(self, operation: str) -> Look:
        """Read a long-running operation once. Raises `ReadError` where it cannot be read."""
        try:
            answer = self._client.send_request(
                HttpRequest("GET", operation, headers=self._headers()), stream=False
            )
        except FAULTS as error:
            raise no_answer(error, self.cloud.host) from error
        wait = asked_wait(answer.headers)
        if answer.status_code in {202, 204} and not answer.read().strip():
            return Look("InProgress" if answer.status_code == 202 else "Succeeded", wait)
        body = decoded(answer)
        status = body.get("status")
        if not isinstance(status, str):
            return Look("InProgress" if answer.status_code == 202 else "Succeeded", wait)
        told = body.get("error") if isinstance(body.get("error"), dict) else {}
        code, reason = told.get("code"), told.get("message")
        return Look(
            plain(status, SNIPPET),
            wait,
            plain(code, SNIPPET) if isinstance(code, str) else None,
            plain(reason) if isinstance(reason, str) else None,
        )

    def _accepted(self, answer: HttpResponse) -> Accepted:
        status = answer.status_code
        if status >= 300:
            raise _refused(answer)
        operation = answer.headers.get("Azure-AsyncOperation")
        if operation is None and status == 202:
            operation = answer.headers.get("Location")
        result = answer.headers.get("Location")
        return Accepted(status, _body(answer), operation, asked_wait(answer.headers), result)

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "User-Agent": f"azremedy/{__version__}",
            "x-ms-client-request-id": str(uuid4()),
            "x-ms-correlation-request-id": self._reader.correlation,
        }


def _refused(answer: HttpResponse) -> WriteError:
    status = answer.status_code
    executed = None if status in UNKNOWN or status >= 500 else False
    try:
        decoded(answer)
    except ReadError as error:
        return WriteError(error.reason, executed=executed, status=status, code=error.code)
    except SignInError as error:
        return WriteError(str(error), executed=executed, status=status, code="Http401")
    return WriteError(f"ARM answered {status}.", executed=executed, status=status, code=f"Http{status}")


def _body(answer: HttpResponse) -> Json:
    """The JSON in an answer to a write; None where there is none: the write was taken all the same."""
    try:
        return msgspec.json.decode(answer.read().removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None
