"""
The logs of a VM that the documents name (SEED, EXT, FAQ25, MAN25), and the script that reads each of them.

Of what holds settings and certificates (goal state, an extension's own folder) only names and times are read. The rest
gives its last lines that speak of a fault, filtered and redacted inside the VM, less than 3 KB a script.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from azremedy.guest import linux
from azremedy.guest.powershell import (
    BeginLog,
    EmitLog,
    KeepLines,
    ListFiles,
    ReadEvents,
    ReadLines,
    RedactLines,
    rendered,
)
from azremedy.guest.redaction import MARK, MATCH, REDACTIONS

if TYPE_CHECKING:
    from azremedy.resources import LogTold, Unread

LARGEST: Final = 3072
"""Bytes of the answer of one script."""

WINDOWS_LOGS: Final = r"C:\WindowsAzure\Logs"
PLUGIN: Final = "Microsoft.Azure.RecoveryServices.VMSnapshot"
LINUX_PLUGIN: Final = f"/var/log/azure/{PLUGIN}Linux"


@dataclass(frozen=True, slots=True)
class Log:
    """A log: how it is called, what it is, and where. Of one of `names_only` no line is read."""

    name: str
    title: str
    place: str
    names_only: bool = False


@dataclass(frozen=True, slots=True)
class Logged:
    """A log of a VM: what it told of it, or why it did not."""

    log: Log
    told: LogTold | Unread


WINDOWS: Final = (
    Log("agent", "the VM agent", rf"{WINDOWS_LOGS}\WaAppAgent.log"),
    Log("installer", "the agent's installer", rf"{WINDOWS_LOGS}\TransparentInstaller.log"),
    Log("extension", "Backup's extension", rf"{WINDOWS_LOGS}\Plugins\{PLUGIN}"),
    Log("events", "the Application event log, of Backup's extension", "Application"),
    Log("packages", "the extension's own folder", rf"C:\Packages\Plugins\{PLUGIN}", names_only=True),
)
LINUX: Final = (
    Log("agent", "the VM agent", "/var/log/waagent.log"),
    Log("extension", "Backup's extension", f"{LINUX_PLUGIN}/extension.log"),
    Log("shell", "what Backup's extension ran", f"{LINUX_PLUGIN}/shell.log"),
    Log("handlers", "the other logs of extensions", "/var/log/azure"),
    Log("goal-state", "the agent's goal state", "/var/lib/waagent/*.xml", names_only=True),
)
LOGS: Final[Mapping[str, tuple[Log, ...]]] = {"windows": WINDOWS, "linux": LINUX}
"""The logs by operating system, in the order in which they are read."""

COLLECT: Final[Mapping[str, tuple[str, ...]]] = {
    "windows": ("CollectGuestLogs.exe",),
    "linux": ("sudo waagent -collect-logs -full",),
}
"""The commands that the documents name for whole logs, to be typed in the VM."""


def of_linux(log: Log) -> tuple[str, ...]:
    """Return the script that reads a log of Linux."""
    root = '"${SYSROOT:-}"'
    plugin = f"{root}{LINUX_PLUGIN}"
    told = {
        "agent": f"2 {root}/var/log/waagent.log",
        "extension": f"2 {plugin}/extension.log {plugin}/*/extension.log",
        "shell": f"2 {plugin}/shell.log {plugin}/*/shell.log",
        "handlers": f"4 {root}/var/log/azure/*.log {root}/var/log/azure/*/*.log",
        "goal-state": f"16 {root}/var/lib/waagent/*.xml",
    }[log.name]
    secrets = "; ".join(rf"s#{pattern}#\1{MARK}#gI" for pattern in REDACTIONS)
    settings = (f"match='{quoted(MATCH)}'", f"secrets='{quoted(secrets)}'")
    return (*linux.script("logs"), *settings, f"told {log.name} {told}")


def quoted(text: str) -> str:
    """Return a text as it stands between single quotes of a shell."""
    return text.replace("'", "'\\''")


def of_windows(log: Log) -> tuple[str, ...]:
    """Return the script that reads a log of Windows."""
    begin = BeginLog(log.name)
    if log.names_only:
        return rendered((begin, ListFiles(log.place, "*", 12), EmitLog()))
    folder, _, file = log.place.rpartition("\\")
    read = {
        "extension": (ListFiles(log.place, "*.log", 3), ReadLines()),
        "events": (
            ReadEvents("Application Error", "*IaaSBcdrExtension*"),
            ReadEvents("IaaSBcdrExtension", "*"),
        ),
    }.get(log.name, (ListFiles(folder, file, 1), ReadLines()))
    taken_out = (RedactLines(pattern, f"$1{MARK}") for pattern in REDACTIONS)
    return rendered((begin, *read, KeepLines(MATCH), *taken_out, EmitLog()))
