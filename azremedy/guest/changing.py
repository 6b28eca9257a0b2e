"""The statements of scripts for Windows that change something, now or in a task that runs later."""

from __future__ import annotations

from dataclasses import dataclass

from azremedy.guest.powershell import Statement, statement


@statement
@dataclass(frozen=True, slots=True)
class SetText(Statement):
    """Set a text in the registry, and make its key where there is none."""

    key: str
    name: str
    text: str
    LINE = (
        "if (-not (Test-Path -LiteralPath «key»)) { New-Item -Path «key» -ErrorAction Stop | Out-Null }; "
        "New-ItemProperty -LiteralPath «key» -Name «name» -PropertyType String -Value «text» -Force "
        "-ErrorAction Stop | Out-Null"
    )


@statement
@dataclass(frozen=True, slots=True)
class RemoveValue(Statement):
    """Remove a value from the registry, if it is there."""

    key: str
    name: str
    LINE = "Remove-ItemProperty -LiteralPath «key» -Name «name» -ErrorAction SilentlyContinue"


@statement
@dataclass(frozen=True, slots=True)
class SetStart(Statement):
    """Set when a service starts: `Automatic`, `Manual` or `Disabled`."""

    service: str
    mode: str
    LINE = "Set-Service -Name «service» -StartupType «mode» -ErrorAction Stop"


@statement
@dataclass(frozen=True, slots=True)
class StartService(Statement):
    """Start a service."""

    service: str
    LINE = "Start-Service -Name «service» -ErrorAction Stop"


@statement
@dataclass(frozen=True, slots=True)
class RestartService(Statement):
    """Restart a service, and with it the running ones that depend on it."""

    service: str
    LINE = "Restart-Service -Name «service» -Force -ErrorAction Stop"


@statement
@dataclass(frozen=True, slots=True)
class SetNumber(Statement):
    """Set a number (a DWORD) below a key of the registry that is there."""

    key: str
    name: str
    number: int
    LINE = (
        "New-ItemProperty -LiteralPath «key» -Name «name» -PropertyType DWord -Value «number» -Force "
        "-ErrorAction Stop | Out-Null"
    )


@statement
@dataclass(frozen=True, slots=True)
class SetRecovery(Statement):
    """Have Windows start a service again a minute after it ended by itself; end the script where that fails."""

    service: str
    LINE = (
        "sc.exe failure «service» reset= 86400 actions= restart/60000/restart/60000/restart/60000 | Out-Null; "
        "if ($LASTEXITCODE -ne 0) { throw 'The recovery was not set.' }"
    )


@statement
@dataclass(frozen=True, slots=True)
class ClearRecovery(Statement):
    """Have Windows do nothing when a service ends; end the script where that fails."""

    service: str
    LINE = (
        "sc.exe failure «service» reset= 0 actions= '\"\"' | Out-Null; "
        "if ($LASTEXITCODE -ne 0) { throw 'The recovery was not taken back.' }"
    )


@statement
@dataclass(frozen=True, slots=True)
class RestartAgent(Statement):
    """Restart a service of the agent, or start it where it is stopped; what follows is done in any case."""

    service: str
    LINE = "Restart-Service -Name «service» -Force -ErrorAction SilentlyContinue"


@statement
@dataclass(frozen=True, slots=True)
class ReadKey(Statement):
    """Read the name of the first key below a key of the registry whose name is like a pattern, under a label of ours."""

    label: str
    key: str
    like: str
    LINE = (
        "foreach ($k in @(Get-ChildItem -LiteralPath «key» | Where-Object PSChildName -Like «like» | "
        "Select-Object -First 1)) { $f.settings[«label»] = [string]$k.PSChildName }"
    )


@statement
@dataclass(frozen=True, slots=True)
class ExportKey(Statement):
    """
    Write a key of the registry, where it is there, and all below it to a file; end the script where that fails.

    The file's name ends in the time and `.reg`: what was kept before is not written over.
    """

    key: str
    file: str
    LINE = (
        "if (Test-Path -LiteralPath «key») { reg.exe export («key» -replace ':', '') "
        "(«file» + (Get-Date -Format 'yyyyMMddHHmmss') + '.reg') /y | Out-Null; "
        "if ($LASTEXITCODE -ne 0) { throw 'A key was not exported.' }; $kept = $true }"
    )


@statement
@dataclass(frozen=True, slots=True)
class NeedExport(Statement):
    """End the script where no key was exported yet: there is nothing that it could take out."""

    LINE = "if (-not $kept) { throw 'The agent has no key to export.' }"


@statement
@dataclass(frozen=True, slots=True)
class Queue(Statement):
    """Add a statement to those that a task does later."""

    line: str
    LINE = "$later = @($later) + «line»"


@statement
@dataclass(frozen=True, slots=True)
class RunLater(Statement):
    """Have a scheduled task do once, as SYSTEM and after so many seconds, what was queued."""

    name: str
    seconds: int
    LINE = (
        "$a = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument ('-NoProfile -NonInteractive -EncodedCommand ' + "
        '[Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($later -join "`n"))); '
        "Register-ScheduledTask -TaskName «name» -Action $a -User 'SYSTEM' -RunLevel Highest -Force "
        "-Trigger (New-ScheduledTaskTrigger -Once -At (Get-Date).AddSeconds(«seconds»)) -ErrorAction Stop | Out-Null"
    )


@statement
@dataclass(frozen=True, slots=True)
class ForgetTask(Statement):
    """Remove a scheduled task; one that runs goes on to its end."""

    name: str
    LINE = "Unregister-ScheduledTask -TaskName «name» -Confirm:$false -ErrorAction SilentlyContinue"


@statement
@dataclass(frozen=True, slots=True)
class Halt(Statement):
    """Stop a service."""

    service: str
    LINE = "Stop-Service -Name «service» -Force -ErrorAction SilentlyContinue"


@statement
@dataclass(frozen=True, slots=True)
class RenameFolder(Statement):
    """Rename a folder, if it is there, to a name that ends in `_old` and the time."""

    folder: str
    LINE = (
        "if (Test-Path -LiteralPath «folder») { Move-Item -LiteralPath «folder» "
        "-Destination («folder» + '_old' + (Get-Date -Format 'yyyyMMddHHmmss')) }"
    )


@statement
@dataclass(frozen=True, slots=True)
class RemoveKeys(Statement):
    """Remove the keys below a key of the registry whose names are like a pattern."""

    key: str
    like: str
    LINE = (
        "Get-ChildItem -LiteralPath «key» -ErrorAction SilentlyContinue | Where-Object PSChildName -Like «like» | "
        "Remove-Item -Recurse -Force"
    )


@statement
@dataclass(frozen=True, slots=True)
class RestartMachine(Statement):
    """Restart the machine after so many seconds, whatever comes of what follows."""

    seconds: int
    LINE = "shutdown.exe /r /f /t «seconds»"
