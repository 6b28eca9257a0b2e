"""
To whom news are told: a webhook, a file, a command.

Each gets the same JSON. Nothing of it is ever an argument, and of an address nothing but its host is ever shown: the rest may
be a secret.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import SplitResult, urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from azremedy.errors import AzremedyError
from azremedy.watch.document import line

TRIES: Final = 4
LONGEST: Final = 60.0
"""Seconds that are waited between two tries at most, whatever the other side asks for."""
TIMEOUT: Final = (10.0, 30.0)
"""Seconds for a connection, and for an answer to go on: silence alone is bounded by it."""
DEADLINE: Final = 60.0
"""Seconds that a command may take, and an answer of a webhook."""
SECRET: Final = ("AZURE_", "AZREMEDY_WEBHOOK", "IDENTITY_", "MSI_", "ACTIONS_ID_TOKEN_")
"""How the variables begin that azremedy signs in with, and that of the webhook: no command needs them."""

Told: TypeAlias = Mapping[str, Any]
Hurry: TypeAlias = Event
"""Set once nobody waits any more: what has failed is not tried again."""


class Teller(Protocol):
    """Whoever is told. Raises `AzremedyError` where that did not go well."""

    def tell(self, told: Told, hurry: Hurry) -> None: ...


class Busy(Exception):  # noqa: N818 - no error yet: it is tried again
    """The other side did not take it, and may take it later."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True, slots=True, repr=False)
class Webhook:
    """An address that news are posted to as JSON: over TLS, or on this machine. It follows no redirect."""

    url: str
    pause: float = 1.0
    deadline: float = DEADLINE

    @classmethod
    def of(cls, url: str) -> Webhook:
        """Raises `ValueError` for an address that nothing is sent to; its words do not hold it."""
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise ValueError("the address of the webhook is none") from None
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("the webhook needs an address that begins with https://")
        if parts.scheme == "http" and not is_loopback(parts):
            raise ValueError(
                "the webhook needs https://: without it anybody on the way reads what it is told"
            )
        return cls(url)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    def tell(self, told: Told, hurry: Hurry) -> None:
        """Post it, and try again where that may help."""
        retrying = Retrying(
            retry=retry_if_exception_type(Busy),
            stop=lambda state: hurry.is_set() or stop_after_attempt(TRIES)(state),
            wait=self.between,
            sleep=partial(pause, hurry),
            reraise=True,
        )
        try:
            retrying(self.post, line(told))
        except Busy as busy:
            raise AzremedyError(f"The webhook at {self.host} was not told: {busy}.") from None

    def between(self, state: RetryCallState) -> float:
        """Return how long to wait before the next try."""
        error = state.outcome and state.outcome.exception()
        asked = error.after if isinstance(error, Busy) else 0.0
        return min(max(asked, wait_exponential(multiplier=self.pause)(state)), LONGEST)

    def post(self, content: bytes) -> None:
        """
        Post it once, and wait no longer than the deadline, however slowly an answer drips.

        What has not ended by then is left to itself: it took what it was told, perhaps, so it is not tried again at once.
        """
        answer = Future[tuple[int, str]]()
        Thread(target=self.answered, args=(content, answer), daemon=True).start()
        try:
            status, after = answer.result(self.deadline)
        except TimeoutError:
            raise AzremedyError(
                f"The webhook at {self.host} was not told: it did not answer within {self.deadline:.0f} s."
            ) from None
        except requests.Timeout:
            raise Busy("it did not answer in time") from None
        except requests.exceptions.SSLError:
            raise AzremedyError(
                f"The webhook at {self.host} was not told: its certificate is not trusted."
            ) from None
        except requests.ConnectionError:
            raise Busy("it cannot be reached") from None
        except (requests.RequestException, ValueError):
            raise AzremedyError(f"The webhook at {self.host} was not told: its address is none.") from None
        if status == requests.codes.too_many_requests or status >= requests.codes.server_error:
            raise Busy(f"it answered {status}", float(after) if after.isdecimal() else 0.0)
        if not requests.codes.ok <= status < requests.codes.multiple_choices:
            raise AzremedyError(
                f"The webhook at {self.host} did not take what it was told: it answered {status}."
            )

    def answered(self, content: bytes, answer: Future[tuple[int, str]]) -> None:
        """Post it, and keep the status and Retry-After of the answer, or the error."""
        headers = {"Content-Type": "application/json", "User-Agent": "azremedy"}
        direct = {"http": "", "https": ""} if is_loopback(urlsplit(self.url)) else None
        try:
            with requests.post(
                self.url, data=content, headers=headers, timeout=TIMEOUT, allow_redirects=False, stream=True,
                proxies=direct, auth=unsigned,
            ) as got:  # fmt: skip
                told = got.status_code, got.headers.get("Retry-After", "")
        except Exception as error:  # noqa: BLE001 - whoever waits for it raises it
            answer.set_exception(error)
        else:
            answer.set_result(told)


def pause(hurry: Hurry, seconds: float) -> None:
    hurry.wait(seconds)


def unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as it is: no password that a file keeps for the host is added to it."""
    return request


def is_loopback(parts: SplitResult) -> bool:
    """Whether an address is one of this machine alone."""
    if parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Lines:
    """A file that a line of JSON is appended to; its owner's alone where it is made here."""

    path: Path

    def tell(self, told: Told, hurry: Hurry) -> None:  # noqa: ARG002 - nothing here waits
        try:
            descriptor = os.open(
                self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600
            )
            try:
                torn = os.fstat(descriptor).st_size and not ends_a_line(descriptor)
                os.write(descriptor, b"\n" * bool(torn) + line(told))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise AzremedyError(f"Cannot write {self.path}: {error.strerror}.") from error


def ends_a_line(descriptor: int) -> bool:
    """Whether the last byte of a file ends a line."""
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"


@dataclass(frozen=True, slots=True)
class Command:
    """A program that is run for news, with the JSON on its standard input; no shell, and no argument but what was given."""

    arguments: tuple[str, ...]
    deadline: float = DEADLINE

    @classmethod
    def of(cls, written: str) -> Command:
        """Raises `ValueError` for what names no program."""
        try:
            arguments = tuple(shlex.split(written))
        except ValueError as error:
            raise ValueError(f"the command cannot be split into words: {error}") from None
        if not arguments:
            raise ValueError("the command is empty")
        program = shutil.which(arguments[0])
        if program is None:
            raise ValueError(f"there is no program {arguments[0]!r}")
        return cls((program, *arguments[1:]))

    def tell(self, told: Told, hurry: Hurry) -> None:  # noqa: ARG002 - what was begun is let end
        name = Path(self.arguments[0]).name
        try:
            with subprocess.Popen(  # noqa: S603 - the program is the one that whoever watches named
                self.arguments,
                stdin=subprocess.PIPE,
                stdout=sys.stderr,
                start_new_session=True,
                env=unsecret(),
            ) as process:
                try:
                    process.communicate(line(told), timeout=self.deadline)
                except subprocess.TimeoutExpired:
                    raise AzremedyError(
                        f"The command {name} did not end within {self.deadline:.0f} s."
                    ) from None
                finally:
                    end(process)
        except OSError as error:
            raise AzremedyError(f"The command {name} cannot be run: {error.strerror}.") from error
        if process.returncode:
            raise AzremedyError(f"The command {name} ended with {process.returncode}.")


def unsecret() -> Mapping[str, str]:
    """Return the environment without what azremedy signs in with, and without the address of the webhook."""
    return {name: value for name, value in os.environ.items() if not name.startswith(SECRET)}


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program that is still there, with what it started."""
    if process.poll() is not None:
        return
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def everybody(tellers: list[Teller], told: Told, hurry: Hurry, complain: Callable[[str], object]) -> bool:
    """Tell everybody, and return whether all of them took it; what went wrong is said, and keeps nobody else from it."""
    well = True
    for one in tellers:
        try:
            one.tell(told, hurry)
        except AzremedyError as error:
            well = False
            complain(str(error))
    return well
