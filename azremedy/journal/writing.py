"""Writing a journal: a header, the plan, then an event a line, each on disk before anything else happens."""

from __future__ import annotations

import json
import os
import platform
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Final, Self

from azremedy import __version__
from azremedy.arm import Json
from azremedy.errors import AzremedyError
from azremedy.journal.data import plain
from azremedy.journal.process import boot, folder, hold
from azremedy.plan import Group, Step

VERSION: Final = 1
SUFFIX: Final = ".jsonl"
PACKAGES: Final = ("azure-core", "azure-identity", "azure-mgmt-core", "tenacity")
_BINARY: Final = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Header:
    """Who runs what, where; `endpoint` is ARM's, `plan` the hash of the plan, `boot` the id of this start of the host."""

    id: str
    started: datetime
    host: str
    boot: str | None
    pid: int
    who: str
    tenant: str
    subscription: str
    endpoint: str
    plan: str
    versions: Mapping[str, str]
    settings: Mapping[str, Any]


def header(
    *,
    who: str,
    tenant: str,
    subscription: str,
    endpoint: str,
    plan: str,
    started: datetime,
    settings: Any = None,
) -> Header:
    """Return the header of a run of this process. `settings` is a dataclass or a mapping."""
    given = (
        {one.name: getattr(settings, one.name) for one in fields(settings)}
        if is_dataclass(settings)
        else settings
    )
    return Header(
        id=f"{started.astimezone(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}",
        started=started,
        host=platform.node(),
        boot=boot(),
        pid=os.getpid(),
        who=who,
        tenant=tenant,
        subscription=subscription,
        endpoint=endpoint,
        plan=plan,
        versions={
            "azremedy": __version__,
            **{name: found for name in PACKAGES if (found := _installed(name))},
        },
        settings={name: plain(value) for name, value in (given or {}).items()},
    )


class Journal:
    """
    A journal that is being written. Every method returns when its line is on disk; many threads may write.

    As long as it is open no other process can go on with it, and `Run.alive` is true.

    Use `Journal.new` for a run, `Journal.append` to go on with one, and each as a context manager.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._lock = Lock()

    @classmethod
    def new(cls, header: Header, path: Path | None = None) -> Journal:
        """
        Start the journal of a run: a file of its own in `folder()`, or at `path`.

        Raises `AzremedyError` where it cannot be written or is there already.
        """
        file = path or folder() / f"{header.id}{SUFFIX}"
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | _BINARY, 0o600)
        except FileExistsError as error:
            raise AzremedyError(f"{file} is there already: name a new file for the journal.") from error
        except OSError as error:
            raise AzremedyError(f"The journal {file} cannot be written: {error.strerror}.") from error
        hold(descriptor)
        journal = cls(file, descriptor)
        journal._line({"event": "run", "schemaVersion": VERSION, "run": plain(header)})
        _sync_folder(file.parent)
        return journal

    @classmethod
    def append(cls, path: Path) -> Journal:
        """
        Go on with a journal; a last line that was torn is dropped.

        Raises `AzremedyError` where it cannot be written, or another process is at work on it.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | _BINARY)
            if not hold(descriptor):
                os.close(descriptor)
                raise AzremedyError(f"Another azremedy is at work on the journal {path}: wait for its end.")
            whole = path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(descriptor, whole)
        except OSError as error:
            raise AzremedyError(f"The journal {path} cannot be written: {error.strerror}.") from error
        return cls(path, descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)

    def begin(self, groups: tuple[Group, ...]) -> None:
        """Note the whole plan."""
        self._line({"event": "plan", "groups": plain(groups)})

    def intend(
        self, key: str, group: str, step: Step, *, body: Json, at: datetime, opens: str | None
    ) -> None:
        """Note a write before it is sent."""
        self._line(
            {
                "event": "intend",
                "step": key,
                "at": plain(at),
                "group": group,
                "opens": opens,
                "does": plain(step),
                "body": body,
            }
        )

    def note(self, event: str, key: str, at: datetime, **members: Json) -> None:
        """Note what became of the step of this key."""
        given = {name: value for name, value in members.items() if value is not None}
        self._line({"event": event, "step": key, "at": plain(at), **given})

    def to_prove(self) -> None:
        """Note that what is cured is to be proved by a backup."""
        self._line({"event": "to prove"})

    def wave(self, number: int, at: datetime, *, wrong: int, proved: bool, against: str | None) -> None:
        """
        Note that a wave was looked at again, and whether it was proved.

        `wrong` is the number of groups that had gone wrong by its end, `against` what keeps the next one from beginning.
        """
        self._line(
            {
                "event": "wave",
                "wave": number,
                "at": plain(at),
                "wrong": wrong,
                "proved": proved,
                "against": against,
            }
        )

    def finish(self, at: datetime) -> None:
        """Note that the run came to its end."""
        self._line({"event": "finished", "at": plain(at)})

    def _line(self, members: Mapping[str, Json]) -> None:
        line = json.dumps(members, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            whole, written = os.fstat(self._descriptor).st_size, 0
            try:
                while written < len(line):
                    written += os.write(self._descriptor, line[written:])
                os.fsync(self._descriptor)
            except OSError as error:
                with suppress(OSError):  # half a line would spoil the next one
                    os.ftruncate(self._descriptor, whole)
                raise AzremedyError(
                    f"The journal {self.path} cannot be written: {error.strerror}."
                ) from error


def _installed(name: str) -> str | None:
    try:
        return installed(name)
    except PackageNotFoundError:
        return None


def _sync_folder(path: Path) -> None:
    """Have the name of a new file survive a power cut, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
