"""The machine: its start, its processes, and the one of them that may write to a subscription."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import platformdirs
from filelock import FileLock, Timeout

from azremedy.errors import AzremedyError

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def folder() -> Path:
    """Return where journals and locks are kept unless a path is given."""
    return platformdirs.user_state_path("azremedy") / "runs"


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


def runs_here(pid: int) -> bool:
    """Whether a process of this id is there."""
    if os.name == "nt":  # os.kill would end the process there
        return _runs_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _runs_on_windows(pid: int) -> bool:
    import ctypes  # noqa: PLC0415 - needed on one system only

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - the name exists on one system only
    handle = kernel.OpenProcess(0x1000, False, pid)  # noqa: FBT003 - PROCESS_QUERY_LIMITED_INFORMATION, not inherited
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259  # STILL_ACTIVE
