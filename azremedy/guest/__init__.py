"""
What is run inside VMs, through Run Command: the probes, which only read, and the scripts of cures.

A script is sent as it stands here, with nothing put into it. Linux's are shell scripts for `sh`, which write every
path as `${SYSROOT:-}/…`: in a VM that is the path itself. Windows's are made of the statements of
`azremedy.guest.powershell`, and of nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from azremedy.arm import Request
from azremedy.guest import components, copied, linux, logs, windows
from azremedy.guest.answers import KEPT

if TYPE_CHECKING:
    from azremedy.arm import ArmId, Json
    from azremedy.resources import Vm

__all__ = [
    "ACTION",
    "ASIDE",
    "ASIDE_BACK",
    "COMMANDS",
    "HANDLER_ASIDE",
    "HANDLER_BACK",
    "KEPT",
    "LOGS",
    "ONLY_READ",
    "PROBES",
    "READING",
    "RESTART",
    "SHIPPED",
    "UPDATE",
    "VERBOSITIES",
    "Script",
    "check_of",
    "installer",
    "keep_agent",
    "keep_agents",
    "keep_no_agent",
    "keep_no_agents",
    "known",
    "probe_of",
    "reinstall",
    "restart_agents",
    "restarting",
    "sent",
    "serving",
    "shipped",
    "starting",
    "strong_crypto",
    "unserving",
    "verbose_log",
    "vss_copy",
]

ACTION: Final = "runCommand"

COMMANDS: Final[Mapping[str, str]] = {"windows": "RunPowerShellScript", "linux": "RunShellScript"}
"""The id of the command that runs a script, by operating system."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script for one operating system (`windows` or `linux`), line by line."""

    name: str
    os: str
    lines: tuple[str, ...]

    @property
    def body(self) -> Json:
        """What is posted to run it."""
        return {"commandId": COMMANDS[self.os], "script": list(self.lines)}

    def on(self, vm: ArmId) -> Request:
        """Return the request that runs it in a VM."""
        return Request("POST", vm, ACTION, self.body)


def sent(script: Script) -> bytes:
    """Return the body that is posted to run a script, byte for byte."""
    return json.dumps(script.body, ensure_ascii=True, separators=(",", ":")).encode()


PROBES: Final[Mapping[str, Script]] = {
    "windows": Script("probe", "windows", windows.PROBE),
    "linux": Script("probe", "linux", linux.script("probe")),
}
"""The script that reads, by operating system. It changes nothing, and its last line is one JSON object under 4 KB."""

LOGS: Final[Mapping[str, Mapping[str, Script]]] = {
    os: {log.name: Script(f"log-{log.name}", os, made(log)) for log in logs.LOGS[os]}
    for os, made in (("windows", logs.of_windows), ("linux", logs.of_linux))
}
"""The scripts that read logs, by operating system and log. They change nothing, and write one JSON object as their last line."""

READING: Final = (*PROBES.values(), *(script for of in LOGS.values() for script in of.values()))
"""Every script that only reads."""

ASIDE: Final = Script("move-stale-aside", "linux", linux.script("move-stale-aside"))
"""Moves leftover goal-state files of an old agent aside."""
ASIDE_BACK: Final = Script("move-stale-back", "linux", linux.script("move-stale-back"))
"""Moves them back."""

RESTART: Final = Script("restart-agent", "linux", linux.script("restart-agent"))
"""Has the agent restarted once Run Command is over."""


UPDATE: Final = Script("update-agent", "linux", linux.script("update-agent"))
"""Has the agent updated from the distribution's repository, once Run Command is over, and started again."""

HANDLER_ASIDE: Final = Script("move-handler-aside", "linux", linux.script("move-handler-aside"))
"""Moves the folder of Azure Backup's extension aside; the next backup installs it anew."""
HANDLER_BACK: Final = Script("move-handler-back", "linux", linux.script("move-handler-back"))
"""Moves it back, where it was not installed anew."""

VERBOSITIES: Final = (None, "y", "Y", "n", "N")
"""What `Logs.Verbose` may hold for azremedy to change it, or to put it back; None is no such line."""


def keep_agent(*, start: bool, again: bool) -> Script:
    """Return the script that has systemd start the agent after a restart (`start`), and whenever it ends (`again`)."""
    return keeping("keep-agent", start=start, again=again)


def keep_no_agent(*, start: bool, again: bool) -> Script:
    """Return the script that takes `keep_agent` back."""
    return keeping("keep-agent-back", start=start, again=again)


def keeping(name: str, *, start: bool, again: bool) -> Script:
    what = " ".join(one for one, meant in (("start", start), ("again", again)) if meant)
    return Script(name, "linux", (f"what='{what}'", *linux.script(name)))


def verbose_log(old: str | None, new: str | None) -> Script:
    """
    Return the script that sets `Logs.Verbose` of a Linux agent from one of `VERBOSITIES` to another one.

    It has the agent restarted once Run Command is over.
    """
    return Script(
        "verbose-agent-log",
        "linux",
        (f"old='{old or ''}' new='{new or ''}'", *linux.script("verbose-agent-log")),
    )


CURES: Final = (
    ASIDE, ASIDE_BACK, UPDATE, HANDLER_ASIDE, HANDLER_BACK, RESTART,
    *(
        make(start=start, again=again)
        for make in (keep_agent, keep_no_agent)
        for start, again in ((True, False), (False, True), (True, True))
    ),
    *(verbose_log(old, new) for old in VERBOSITIES for new in VERBOSITIES if old != new),
)  # fmt: skip
"""The scripts for Linux that change something."""

SHIPPED: Final = frozenset(script.lines for script in (*READING, *CURES))
"""The lines of every script that azremedy ships; those for Windows that set a value come in as many forms as values."""


def known(command: str, lines: tuple[str, ...]) -> bool:
    """Whether a script is one that azremedy ships, or one of its Windows scripts with a value of its own in it."""
    return lines in SHIPPED or (command == COMMANDS["windows"] and windows.known(lines))


def starting(service: str, mode: str) -> Script:
    """Return the script that has a Windows service start so: `Automatic`, `Manual` or `Disabled`."""
    return Script("set-start", "windows", windows.starting(service, mode))


def serving(service: str, mode: str) -> Script:
    """Return the script that has a Windows service start so, and starts it."""
    return Script("start-service", "windows", components.serving(service, mode))


def unserving(service: str, mode: str) -> Script:
    """Return the script that stops a Windows service, and has it start so."""
    return Script("stop-service", "windows", components.unserving(service, mode))


def restarting(services: Sequence[str]) -> Script:
    """Return the script that restarts Windows services."""
    return Script("restart-services", "windows", components.restarting(services))


def strong_crypto(values: Mapping[str, int | None]) -> Script:
    """Return the script that sets SchUseStrongCrypto by .NET runtime (`v4.0.30319`), or removes it (None)."""
    return Script("strong-crypto", "windows", components.crypto(values))


def installer(start: int) -> Script:
    """Return the script that sets when the Windows Installer starts, as the registry has it: 3 on demand, 4 never."""
    return Script("installer", "windows", components.installer(start))


def keep_agents(modes: Mapping[str, str], recovering: Collection[str]) -> Script:
    """Return the script that has Windows services start so, and start those of `recovering` again when they end."""
    return Script("keep-agents", "windows", windows.keep_agents(modes, recovering))


def keep_no_agents(modes: Mapping[str, str], recovering: Collection[str]) -> Script:
    """Return the script that has Windows services start so, and none of `recovering` start again when it ends."""
    return Script("keep-agents-back", "windows", windows.keep_agents(modes, recovering, back=True))


def restart_agents(services: Sequence[str]) -> Script:
    """Return the script that has Windows services of the agent restarted, or started, once Run Command is over."""
    return Script("restart-agents", "windows", windows.restart_agents(services))


def reinstall() -> Script:
    """Return the script that takes Backup's extension out of Windows and restarts the VM, both once it is over."""
    return Script("reinstall", "windows", windows.reinstall())


def vss_copy(text: str | None) -> Script:
    """
    Return the script that sets `USEVSSCOPYBACKUP` to a text, or removes it (None).

    Raises `ValueError` for a text that has no place in a script.
    """
    return Script("vss-copy", "windows", windows.vss_copy(text))


def check_of(vm: Vm, old: int, new: Sequence[int]) -> Script | None:
    """Return the check of a disk that was copied to others, by LUN; None where the VM's operating system is not known."""
    os = (vm.os or "").lower()
    return Script("check-disks", os, copied.lines(os, old, new)) if os in COMMANDS else None


def shipped(lines: Sequence[str]) -> bool:
    """Whether a script for Linux is one of azremedy's."""
    return tuple(lines) in SHIPPED or copied.named("linux", lines) is not None


class OnlyRead:
    """The bodies that may be run inside VMs by who only reads: probes, what reads logs, and the checks of copied disks."""

    def __contains__(self, body: object) -> bool:
        if not isinstance(body, bytes):
            return False
        if body in _READING:
            return True
        posted = copied.posted(body, {command: os for os, command in COMMANDS.items()})
        if posted is None or copied.named(*posted) is None:
            return False
        return body == sent(Script("check-disks", posted[0], tuple(posted[1])))


_READING: Final = frozenset(map(sent, READING))
ONLY_READ: Final = OnlyRead()


def probe_of(vm: Vm) -> Script | None:
    """Return the probe for a VM, None where its operating system is not known."""
    return PROBES.get((vm.os or "").lower())
