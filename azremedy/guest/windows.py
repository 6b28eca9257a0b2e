"""The scripts for Windows, made of the statements of `azremedy.guest.powershell`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from azremedy.guest import components
from azremedy.guest.changing import (
    ClearRecovery,
    ExportKey,
    ForgetTask,
    Halt,
    NeedExport,
    Queue,
    ReadKey,
    RemoveKeys,
    RemoveValue,
    RenameFolder,
    RestartAgent,
    RestartMachine,
    RunLater,
    SetRecovery,
    SetStart,
    SetText,
)
from azremedy.guest.components import INSTALLER_KEY, MODES
from azremedy.guest.powershell import (
    Begin,
    Emit,
    MarkKey,
    MarkValue,
    ReadAccount,
    ReadAdapters,
    ReadCrypto,
    ReadMachineKeys,
    ReadServices,
    ReadValue,
    ReadWriters,
    Say,
    Statement,
    TryPort,
    rendered,
    statements,
)

BACKUP_KEY: Final = r"HKLM:\SOFTWARE\Microsoft\BcdrAgent"
PERSISTENT_KEY: Final = r"HKLM:\SOFTWARE\Microsoft\BcdrAgentPersistentKeys"
NET_KEY: Final = r"HKLM:\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full"
SESSION_KEY: Final = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager"
VSS_COPY: Final = "USEVSSCOPYBACKUP"

VSS_PROVIDER: Final = "IsProviderInstalled"
COMMON_PROVIDER: Final = "IsCommonProviderInstalled"

AGENT_KEYS: Final = (r"HKLM:\SOFTWARE\Microsoft\WindowsAzure", r"HKLM:\SOFTWARE\Microsoft\Windows Azure")
"""The agent's key: as MAN25 spells it, and as others do."""
HANDLER_STATES: Final = tuple(rf"{key}\HandlerState" for key in AGENT_KEYS)
"""Where the agent keeps the state of extensions."""
HANDLER: Final = "Microsoft.Azure.RecoveryServices.VMSnapshot"
HANDLER_FOLDER: Final = rf"C:\Packages\Plugins\{HANDLER}"
EXPORT: Final = r"C:\WindowsAzure\azremedy-before-reinstall"
"""How the names of the files begin that hold what was in the registry."""
REINSTALL: Final = "azremedy-reinstall"
RESTART: Final = "azremedy-restart-agent"
SOON: Final = 30
"""Seconds after which what is to happen once Run Command is over begins."""

LATEST: Final = 120
"""Seconds that the task has before the VM restarts."""

AGENTS: Final = ("RdAgent", "WindowsAzureGuestAgent")
"""The services of the VM agent (WGA25)."""

SERVICES: Final = (
    *AGENTS, "IaasVmProvider", "COMSysApp", "MSDTC", "VSS", "MSSQLSERVER", "MSSQL$*",
)  # fmt: skip
"""The services that a backup rests on, and those of SQL Server."""

RECOVERY: Final = tuple(
    MarkValue(f"recovery: {name}", rf"HKLM:\SYSTEM\CurrentControlSet\Services\{name}", "FailureActions")
    for name in AGENTS
)
"""The marks of an agent's service with which Windows does something when it ends."""

REBOOT: Final = (
    MarkKey(
        "reboot: component servicing",
        r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    ),
    MarkKey(
        "reboot: update",
        r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
    ),
    MarkValue("reboot: renames", SESSION_KEY, "PendingFileRenameOperations"),
)
"""The marks of a restart that is due; pending renames alone are a weak one."""

PROBE: Final = rendered(
    (
        Begin(),
        *(ReadServices(name) for name in SERVICES),
        ReadAccount("MSDTC"),
        ReadValue(".NET", NET_KEY, "Release"),
        ReadValue(VSS_COPY, BACKUP_KEY, VSS_COPY),
        *(
            ReadValue(name, PERSISTENT_KEY, name)
            for name in ("SnapshotWithoutThreads", "SnapshotMethod", "CalculateSnapshotTimeFromHost")
        ),
        ReadValue("installer", INSTALLER_KEY, "Start"),
        *(ReadKey("extension", key, f"{HANDLER}_*") for key in HANDLER_STATES),
        *REBOOT,
        *RECOVERY,
        ReadAdapters(),
        ReadCrypto(),
        ReadMachineKeys(),
        ReadWriters(),
        TryPort(80),
        TryPort(32526),
        Emit(),
    )
)
"""Reads what the backups of a Windows VM rest on, and changes nothing."""


def starting(service: str, mode: str) -> tuple[str, ...]:
    """Return the script that sets when a service starts."""
    return rendered((SetStart(service, mode), Say(f"{service} starts {mode}")))


def vss_copy(text: str | None) -> tuple[str, ...]:
    """Return the script that sets the key of VSS copies to a text, or removes it."""
    change = RemoveValue(BACKUP_KEY, VSS_COPY) if text is None else SetText(BACKUP_KEY, VSS_COPY, text)
    return rendered((change, Say(f"{VSS_COPY} was {'removed' if text is None else 'set'}")))


def reinstall() -> tuple[str, ...]:
    """
    Return the script that takes Backup's extension out of the guest, so that the next backup installs it anew (MAN25).

    It keeps a copy of each key that it changes something in, and ends before it changed anything where that fails. The
    rest it leaves to a task, as that stops the agent. The task first has the VM restart in a while, so that the agent
    comes back whatever becomes of the rest.
    """
    later = (
        ForgetTask(REINSTALL),
        RestartMachine(LATEST),
        Halt("RdAgent"),
        Halt("WindowsAzureGuestAgent"),
        RenameFolder(HANDLER_FOLDER),
        *(RemoveKeys(key, f"{HANDLER}_*") for key in HANDLER_STATES),
        SetText(BACKUP_KEY, VSS_PROVIDER, "False"),
        SetText(PERSISTENT_KEY, COMMON_PROVIDER, "False"),
    )
    return rendered(
        (
            *(ExportKey(key, f"{EXPORT}-agent{number}-") for number, key in enumerate(AGENT_KEYS, 1)),
            NeedExport(),
            ExportKey(BACKUP_KEY, f"{EXPORT}-backup-"),
            ExportKey(PERSISTENT_KEY, f"{EXPORT}-persistent-"),
            *(Queue(str(one)) for one in later),
            RunLater(REINSTALL, SOON),
            Say("the extension is taken out in half a minute, and the VM restarted"),
        )
    )


def keep_agents(
    modes: Mapping[str, str], recovering: Collection[str], *, back: bool = False
) -> tuple[str, ...]:
    """
    Return the script that sets when services start, and that Windows starts those of `recovering` again when they end.

    `back`: that it does not.
    """
    recovery = ClearRecovery if back else SetRecovery
    changes: tuple[Statement, ...] = (
        *(SetStart(name, mode) for name, mode in modes.items()),
        *(recovery(name) for name in recovering),
    )
    return rendered(
        (*changes, Say("the agent's services are as they were" if back else "the agent is kept up"))
    )


def restart_agents(services: Sequence[str]) -> tuple[str, ...]:
    """Return the script that leaves the restart of services to a task, as the agent carries out Run Command."""
    later = (ForgetTask(RESTART), *map(RestartAgent, services))
    return rendered(
        (
            *(Queue(str(one)) for one in later),
            RunLater(RESTART, SOON),
            Say("the agent's services are restarted in half a minute"),
        )
    )


def known(lines: tuple[str, ...]) -> bool:
    """Whether a script is one of these, whatever value is in it: a journal may hold one that nobody shipped."""
    try:
        return lines == reinstall() or lines in RESTARTS or of_values(lines)
    except ValueError:
        return False


def of_values(lines: tuple[str, ...]) -> bool:
    """Whether a script is one that sets values. Raises `ValueError` for one that is not made of our statements."""
    match script := statements(lines):
        case (SetStart(service, mode), Say()) if lines == starting(service, mode):
            return service in SERVICES and mode in MODES
        case (SetText(_, _, text), Say()):
            return lines == vss_copy(text)
        case (RemoveValue(), Say()):
            return lines == vss_copy(None) or components.known(lines, script)
        case (*changes, Say()) if of_agents(changes, lines):
            return True
        case _:
            return components.known(lines, script)


def of_agents(changes: Sequence[Statement], lines: tuple[str, ...]) -> bool:
    """Whether a script is one that keeps the agent up, or takes that back."""
    modes = {one.service: one.mode for one in changes if isinstance(one, SetStart)}
    kept = [one.service for one in changes if isinstance(one, SetRecovery)]
    left = [one.service for one in changes if isinstance(one, ClearRecovery)]
    ours = {*modes, *kept, *left} <= {*AGENTS} and {*modes.values()} <= {*MODES}
    return ours and lines in {keep_agents(modes, kept), keep_agents(modes, left, back=True)}


RESTARTS: Final = frozenset(restart_agents(one) for one in (AGENTS, AGENTS[:1], AGENTS[1:]))
"""The scripts that restart services of the agent."""
