"""The scripts for the parts of Windows that a snapshot needs: COM+, the transaction coordinator, VSS, strong crypto, the installer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from azremedy.guest.changing import Halt, RemoveValue, RestartService, SetNumber, SetStart, StartService
from azremedy.guest.powershell import Say, Statement, rendered

CRYPTO_KEY: Final = r"HKLM:\SOFTWARE\Microsoft\.NETFramework"
RUNTIMES: Final = ("v2.0.50727", "v4.0.30319")
"""The keys of the .NET runtimes that programs of today run on."""
STRONG_CRYPTO: Final = "SchUseStrongCrypto"

INSTALLER_KEY: Final = r"HKLM:\SYSTEM\CurrentControlSet\Services\Msiserver"
ON_DEMAND, DISABLED = 3, 4
"""How a service starts, as the registry has it."""

MODES: Final = ("Automatic", "Manual", "Disabled")
"""How a service may start, as `Set-Service` has it."""

STARTED: Final = ("COMSysApp", "MSDTC")
"""The services that azremedy starts."""

WRITERS: Final[Mapping[str, str]] = {
    "System Writer": "CryptSvc",
    "Registry Writer": "VSS",
    "COM+ REGDB Writer": "VSS",
    "ASR Writer": "VSS",
    "Shadow Copy Optimization Writer": "VSS",
    "SqlServerWriter": "SQLWriter",
    "BITS Writer": "BITS",
    "IIS Config Writer": "AppHostSvc",
}
"""The service behind a VSS writer, where a restart of it interrupts no application."""


def serving(service: str, mode: str) -> tuple[str, ...]:
    """Return the script that sets when a service starts, and starts it."""
    return rendered(
        (SetStart(service, mode), StartService(service), Say(f"{service} starts {mode}, and was started"))
    )


def unserving(service: str, mode: str) -> tuple[str, ...]:
    """Return the script that stops a service, and sets when it starts."""
    return rendered(
        (Halt(service), SetStart(service, mode), Say(f"{service} was stopped, and starts {mode}"))
    )


def restarting(services: Sequence[str]) -> tuple[str, ...]:
    """Return the script that restarts services, one after the other."""
    return rendered((*map(RestartService, services), Say("the services were restarted")))


def crypto(values: Mapping[str, int | None]) -> tuple[str, ...]:
    """Return the script that sets SchUseStrongCrypto of .NET runtimes, or removes it (None)."""
    return rendered(
        (*(number(runtime, value) for runtime, value in values.items()), Say(f"{STRONG_CRYPTO} was set"))
    )


def number(runtime: str, value: int | None) -> Statement:
    key = rf"{CRYPTO_KEY}\{runtime}"
    return RemoveValue(key, STRONG_CRYPTO) if value is None else SetNumber(key, STRONG_CRYPTO, value)


def installer(start: int) -> tuple[str, ...]:
    """Return the script that sets when the Windows Installer starts."""
    return rendered((SetNumber(INSTALLER_KEY, "Start", start), Say(f"Msiserver starts by {start}")))


def known(lines: tuple[str, ...], script: Sequence[Statement]) -> bool:
    """Whether a script, line by line and as statements, is one of these."""
    match script:
        case (SetStart(service, mode), StartService(), Say()):
            return service in STARTED and mode in MODES and lines == serving(service, mode)
        case (Halt(service), SetStart(_, mode), Say()):
            return service in STARTED and mode in MODES and lines == unserving(service, mode)
        case (*restarts, Say()) if restarts and all(isinstance(one, RestartService) for one in restarts):
            services = [one.service for one in restarts if isinstance(one, RestartService)]
            return set(services) <= set(WRITERS.values()) and lines == restarting(services)
        case (SetNumber(_, "Start", start), Say()):
            return start in (ON_DEMAND, DISABLED) and lines == installer(start)
        case (*values, Say()) if values:
            told = dict(filter(None, map(value_of, values)))
            return len(told) == len(values) and lines == crypto(told)
        case _:
            return False


def value_of(one: Statement) -> tuple[str, int | None] | None:
    """Return the .NET runtime and the value that a statement sets for it."""
    if not isinstance(one, RemoveValue | SetNumber) or one.name != STRONG_CRYPTO:
        return None
    runtime = one.key.rpartition("\\")[2]
    return (runtime, one.number if isinstance(one, SetNumber) else None) if runtime in RUNTIMES else None
