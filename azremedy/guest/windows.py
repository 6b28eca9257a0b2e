"""The scripts for Windows, made of the statements of `azremedy.guest.powershell`."""

from __future__ import annotations

from typing import Final

from azremedy.guest import components
from azremedy.guest.changing import (
    ExportKey,
    ForgetTask,
    Halt,
    Queue,
    ReadKey,
    RemoveKeys,
    RemoveValue,
    RenameFolder,
    RestartMachine,
    RunLater,
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

HANDLER_STATES: Final = (
    r"HKLM:\SOFTWARE\Microsoft\WindowsAzure\HandlerState",
    r"HKLM:\SOFTWARE\Microsoft\Windows Azure\HandlerState",
)
"""Where the agent keeps the state of extensions: as MAN25 spells it, and as others do."""
HANDLER: Final = "Microsoft.Azure.RecoveryServices.VMSnapshot"
HANDLER_FOLDER: Final = rf"C:\Packages\Plugins\{HANDLER}"
EXPORT: Final = r"C:\WindowsAzure\azremedy-before-reinstall.reg"
REINSTALL: Final = "azremedy-reinstall"
SOON: Final = 30
"""Seconds after which what is to happen once Run Command is over begins."""

LATEST: Final = 120
"""Seconds that the task has before the VM restarts."""

SERVICES: Final = (
    "RdAgent", "WindowsAzureGuestAgent", "IaasVmProvider", "COMSysApp", "MSDTC", "VSS", "MSSQLSERVER", "MSSQL$*",
)  # fmt: skip
"""The services that a backup rests on, and those of SQL Server."""

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

    It keeps a copy of the agent's key, and leaves the rest to a task, as that stops the agent. The task first has the VM
    restart in a while, so that the agent comes back whatever becomes of the rest.
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
            ExportKey(r"HKLM\SOFTWARE\Microsoft\WindowsAzure", EXPORT),
            *(Queue(str(one)) for one in later),
            RunLater(REINSTALL, SOON),
            Say("the extension is taken out in half a minute, and the VM restarted"),
        )
    )


def known(lines: tuple[str, ...]) -> bool:
    """Whether a script is one of these, whatever value is in it: a journal may hold one that nobody shipped."""
    if lines == reinstall():
        return True
    try:
        match script := statements(lines):
            case (SetStart(service, mode), Say()):
                return service in SERVICES and mode in MODES and lines == starting(service, mode)
            case (SetText(_, _, text), Say()):
                return lines == vss_copy(text)
            case (RemoveValue(), Say()):
                return lines == vss_copy(None) or components.known(lines, script)
            case _:
                return components.known(lines, script)
    except ValueError:
        return False
