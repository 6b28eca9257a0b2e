"""What is so on this machine: what is installed, where runs are kept, and whether one of them left something open."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from azremedy import __version__, journal
from azremedy.doctor.lines import failed, fine, some, warning
from azremedy.errors import AzremedyError
from azremedy.report.doctor import Line

PACKAGES: Final = ("azure-core", "azure-identity", "azure-mgmt-core", "msal", "requests")
EXTRAS: Final = {"sandbox": ("aiohttp", "trustme")}


def machine() -> Iterator[Line]:
    """Yield a line for versions, extras, the state folder and the runs in it."""
    yield versions()
    yield extras()
    yield state_folder()
    yield runs()


def versions() -> Line:
    held = {"python": platform.python_version(), "azremedy": __version__}
    held |= {name: found for name in PACKAGES if (found := installed(name))}
    return fine("versions", ", ".join(f"{name} {number}" for name, number in held.items()), **held)


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def extras() -> Line:
    """Say which optional parts are there; to go without one is no fault."""
    held = {name: all(map(find_spec, needed)) for name, needed in EXTRAS.items()}
    words = (
        f"{name}: {'installed' if there else f'not installed (pip install azremedy[{name}])'}"
        for name, there in held.items()
    )
    return fine("extras", ", ".join(words), **held)


def state_folder() -> Line:
    """Say whether journals can be kept, by making a file in their folder, or above it as long as there is none."""
    folder = journal.folder()
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        why = AzremedyError(f"{nearest} cannot be written: {error.strerror}")
        remedy = "Make it writable, or name another folder with XDG_STATE_HOME (on Windows LOCALAPPDATA)."
        return failed("state folder", why, remedy, folder=str(folder))
    return fine("state folder", f"{folder} can be written", folder=str(folder))


def runs() -> Line:
    """Say whether runs that are kept here ended before their time, and which of them left locks lifted."""
    known = journal.runs()
    left = journal.unfinished()
    details = {
        "unfinished": [{"run": run.header.id, "openLocks": len(run.open_brackets)} for run in left],
        "running": sum(not run.finished and run.alive for run in known),
    }
    if not left:
        return fine("runs", "none was left unfinished", **details)
    locks = sum(len(run.open_brackets) for run in left)
    told = f"unfinished: {some([run.header.id for run in left])}; locks that are still lifted: {locks}"
    return warning("runs", told, "Put back and find out: azremedy resume.", **details)
