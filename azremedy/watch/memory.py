"""
What the last scan found, in a file, so that the next one tells only what changed.

The file names VMs. It is its owner's alone, is written whole or not at all, and belongs to one question: another one cannot
go on from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import platformdirs
from filelock import FileLock, Timeout

from azremedy.baseline import Known
from azremedy.errors import AzremedyError
from azremedy.playbook import Severity

VERSION: Final = 1

Asked: TypeAlias = Mapping[str, Any]
"""What is looked at, by the names of flags: whoever asks something else has a file of their own."""


class Found(msgspec.Struct, frozen=True, rename="camel"):
    """A finding that is known, and the day of which was told that it comes near."""

    fingerprint: str
    playbook: str
    vm: str
    severity: str
    due: date | None = None

    @property
    def known(self) -> Known:
        return Known(self.fingerprint, self.playbook, self.vm, Severity[self.severity.upper()])


class Memory(msgspec.Struct, frozen=True, rename="camel"):
    """
    What is known after a scan.

    `at` is when the last one ended that came to something, `succeeded` when one last read all that it was asked for.
    `subscriptions` are all that were looked at, by lower-cased id, those included that are not shown any more. `unread` and
    `unexplained` name what was told of already; `failure` is the exit code of a scan that came to nothing.
    """

    at: datetime | None = None
    succeeded: datetime | None = None
    subscriptions: frozenset[str] = frozenset()
    findings: tuple[Found, ...] = ()
    unread: frozenset[str] = frozenset()
    unexplained: frozenset[str] = frozenset()
    failure: int | None = None


class Kept(msgspec.Struct, frozen=True, rename="camel"):
    """The file."""

    schema_version: int
    asked: Mapping[str, Any]
    memory: Memory


def file_of(asked: Asked) -> Path:
    """Return where the memory of a question is kept unless a file is named."""
    digest = sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
    return platformdirs.user_state_path("azremedy") / "watch" / f"{digest}.json"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Be the one who watches with this file. Raises `AzremedyError` where another process is, or it cannot be made."""
    lock = FileLock(path.with_name(f"{path.name}.lock"), mode=0o600)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(0)
    except Timeout:
        raise AzremedyError(
            f"Another azremedy watches with {path}: end that one, or name another file with --last."
        ) from None
    except OSError as error:
        raise AzremedyError(f"Cannot write {path}: {error.strerror}.") from error
    try:
        yield
    finally:
        lock.release()


def read(path: Path, asked: Asked) -> Memory:
    """Return what is kept, nothing where there is no file yet. Raises `AzremedyError` for what is another's."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Memory()
    except OSError as error:
        raise AzremedyError(f"Cannot read {path}: {error.strerror}.") from error
    try:
        kept = msgspec.json.decode(content, type=Kept)
        _ = [one.known for one in kept.memory.findings]
    except (msgspec.MsgspecError, KeyError) as error:
        raise AzremedyError(
            f"{path} is nothing that `azremedy watch` wrote: name another file, or delete it."
        ) from error
    if kept.schema_version != VERSION:
        raise AzremedyError(
            f"{path} is of version {kept.schema_version}; this azremedy reads version {VERSION}."
        )
    if kept.asked != json.loads(json.dumps(asked)):
        raise AzremedyError(
            f"{path} belongs to a watch that asks for something else: name another file, or delete it."
        )
    return kept.memory


def dumped(asked: Asked, memory: Memory) -> bytes:
    """Return the content of the file."""
    return msgspec.json.format(msgspec.json.encode(Kept(VERSION, asked, memory)), indent=2) + b"\n"
