"""
The machine: its start, the one process that may write to a subscription, and whether that of a run is still there.

A process id tells nothing of that: ids are given out again, and in a container every process may be number 1. Locks
on files do, for they die with the process that holds them.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Final, Self

import platformdirs
from filelock import FileLock, Timeout

from azremedy.errors import AzremedyError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def folder() -> Path:
    """Return where journals and locks are kept unless a path is given."""
    return platformdirs.user_state_path("azremedy") / "runs"


FAR: Final = 1 << 30
"""The byte that is locked on Windows, where nobody reads what is locked: behind the end of every journal."""

TURNS, PAUSE = 10, 0.05
"""How often, and after how many seconds, it is tried to hold what others may just be looking at (`held`)."""


def boot() -> str | None:
    """Return the id of this start of the operating system, where it has one."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None


class Applier:
    """
    The one process of this machine that may write to a subscription, while its `with` block lasts.

    The lock dies with the process. Entering raises `AzremedyError` where another process holds it, and names that.
    """

    def __init__(self, subscription: str, where: Path | None = None) -> None:
        self._subscription = subscription
        name = re.sub(r"[^0-9a-z-]", "_", subscription.lower())
        self._owner = (where or folder()) / f"{name}.pid"
        self._lock = FileLock((where or folder()) / f"{name}.lock", timeout=0, mode=0o600)

    def __enter__(self) -> Self:
        try:
            self._owner.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as error:
            raise AzremedyError(
                f"Another azremedy (process {self._other()}) is writing to {self._subscription}: wait for its end."
            ) from error
        except OSError as error:
            raise AzremedyError(f"The lock file {self._lock.lock_file} cannot be made: {error}.") from error
        self._owner.touch(mode=0o600)
        self._owner.chmod(0o600)
        self._owner.write_text(str(os.getpid()), encoding="ascii")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def _other(self) -> str:
        try:
            return self._owner.read_text(encoding="ascii") or "unknown"
        except OSError:
            return "unknown"


def hold(descriptor: int) -> bool:
    """
    Hold an open file until it is closed or this process ends, and return whether no other process does already.

    On a file system that knows no locks nothing is held; the `Applier` keeps two runs apart there.
    """
    for _ in range(TURNS):
        if _taken(descriptor, shared=False) is not False:
            return True
        sleep(PAUSE)
    return False


def held(path: Path) -> bool:
    """Whether a file is held by a process that is there (see `hold`), this one included."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _taken(descriptor, shared=True) is False
    finally:
        os.close(descriptor)


def _taken(descriptor: int, *, shared: bool) -> bool | None:
    """Lock an open file without waiting: True where that was done, False where another has it, None where none can."""
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True
