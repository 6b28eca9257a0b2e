"""
What an interrupted scan of many subscriptions has read, in a file, so that the next one goes on from there.

The file holds the estates, compressed, each behind a line of JSON that says whose it is and how long. It is appended to,
and flushed to disk, as each subscription is done; what was torn off at the end is read again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import msgspec
from filelock import FileLock, Timeout

from azremedy import saved
from azremedy.arm import ArmId
from azremedy.errors import AzremedyError
from azremedy.estate import Estate

VERSION = 1
FRESH = timedelta(hours=24)
"""How old what was read may be for a scan that goes on."""


class Asked(msgspec.Struct, frozen=True, rename="camel"):
    """The first line: what the scan asks for, in words; another one cannot go on from here."""

    checkpoint: int
    scan: Mapping[str, Any]


class Done(msgspec.Struct, frozen=True, rename="camel"):
    """The line before an estate: whose it is, when it was read, what it cost, and its bytes."""

    subscription: str
    at: datetime
    calls: int
    bytes: int


class Checkpoint:
    """The subscriptions that are done. Open it with `opened`."""

    def __init__(self, file: BinaryIO, scan: Mapping[str, Any]) -> None:
        self._file = file
        self._lock = Lock()
        self.done: dict[str, tuple[Done, int]] = {}
        """By lower-cased id: its line, and where in the file the estate begins."""
        self._read(scan)

    def _read(self, scan: Mapping[str, Any]) -> None:
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        end = 0
        if first := self._file.readline():
            asked = line(first, Asked)
            if asked is None or asked.checkpoint != VERSION:
                raise AzremedyError(
                    f"{self._file.name} is no checkpoint that this azremedy wrote: name another file."
                )
            if asked.scan != scan:
                raise AzremedyError(
                    f"{self._file.name} belongs to a scan that asked for something else: name another file, or delete it."
                )
            end = self._file.tell()
        while found := line(self._file.readline(), Done):
            begins = self._file.tell()
            if begins + found.bytes > size:
                break
            self.done[found.subscription.lower()] = found, begins
            end = self._file.seek(begins + found.bytes)
        self._file.truncate(end)
        self._file.seek(end)
        if not end:
            self._write(msgspec.json.encode(Asked(VERSION, scan)) + b"\n")

    def estate(self, subscription: ArmId, now: datetime) -> Estate | None:
        """Return what was read of a subscription, if it was, and not too long ago."""
        with self._lock:
            found, begins = self.done.get(subscription.key, (None, 0))
            if found is None or now - found.at > FRESH:
                return None
            self._file.seek(begins)
            packed = self._file.read(found.bytes)
            self._file.seek(0, os.SEEK_END)
        return saved.unpack(packed, self._file.name)

    def fresh(self, now: datetime) -> Mapping[str, tuple[datetime, int]]:
        """Return when each subscription was read that need not be read again, and with how many calls, by lower-cased id."""
        return {key: (one.at, one.calls) for key, (one, _) in self.done.items() if now - one.at <= FRESH}

    def keep(self, subscription: ArmId, packed: bytes, calls: int) -> None:
        """Append what was read of a subscription, as `azremedy.saved.pack` packs it."""
        done = Done(subscription.key, datetime.now(UTC), calls, len(packed))
        with self._lock:
            self._write(msgspec.json.encode(done) + b"\n" + packed)

    def delete(self) -> None:
        """Delete the file: everything was read, and the next scan starts afresh."""
        Path(self._file.name).unlink(missing_ok=True)

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._file.flush()
        os.fsync(self._file.fileno())


def line(read: bytes, type_: type[Any]) -> Any:
    """Return what a line says, or None where it is none of this kind."""
    try:
        return msgspec.json.decode(read, type=type_)
    except msgspec.MsgspecError:
        return None


@contextmanager
def opened(path: Path, scan: Mapping[str, Any]) -> Iterator[Checkpoint]:
    """
    Yield the checkpoint in a file, made where there is none; `scan` is what is asked for.

    The empty file beside it, by whose lock one scan keeps out others, stays: two may wait for it by its name.

    Raises `AzremedyError` for a file that is no checkpoint, is one of another scan, is in use or cannot be written.
    """
    held = FileLock(f"{path}.lock", mode=0o600)
    try:
        held.acquire(0)
    except Timeout:
        raise AzremedyError(f"Another scan goes on from {path}: wait for it, or name another file.") from None
    except OSError as error:
        raise AzremedyError(f"Cannot write {path}: {error.strerror}.") from error
    try:
        try:
            path.touch(mode=0o600)
            file = path.open("r+b")
        except OSError as error:
            raise AzremedyError(f"Cannot write {path}: {error.strerror}.") from error
        with file:
            yield Checkpoint(file, scan)
    finally:
        held.release()
