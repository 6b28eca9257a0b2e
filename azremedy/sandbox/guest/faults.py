"""What inside a VM makes its backups fail, and with which code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.guest.windows import NET_KEY
from azremedy.sandbox.guest.state import AGENT_UNIT, whole

if TYPE_CHECKING:
    from azremedy.sandbox.description import Vm
    from azremedy.sandbox.inside import Guest

SILENT: Final = "UserErrorGuestAgentStatusUnavailable"
BROKEN: Final = "ExtensionOperationFailedForManagedDisks"
NO_STATUS: Final = "GuestAgentSnapshotTaskStatusError"
NO_NETWORK: Final = "ExtensionSnapshotFailedNoNetwork"

NET_45: Final = 378389
CLEAN_SINCE: Final = (2, 2, 20)
"""The agent from which leftover goal-state files do no harm."""
WIRE_SERVER: Final = frozenset({80, 32526})


def fault(vm: Vm) -> str | None:
    """Return the code with which a backup fails that needs the guest, None where nothing in it is in the way."""
    if vm.guest is None:
        return None
    guest = whole(vm)
    if not set(guest.wire_server) >= WIRE_SERVER:
        return SILENT
    return of_windows(guest) if vm.os == "Windows" else of_linux(guest)


def of_windows(guest: Guest) -> str | None:
    if ((guest.registry.get(NET_KEY) or {}).get("Release") or 0) < NET_45:  # type: ignore[operator]  # a DWORD
        return SILENT
    adapters = guest.adapters or ()
    if adapters and not any(one.dhcp or one.addresses > 1 for one in adapters):
        return NO_NETWORK
    provider = guest.services.get("IaasVmProvider")
    return BROKEN if provider and provider.start == "disabled" else None


def of_linux(guest: Guest) -> str | None:
    config = (guest.files.get("/etc/waagent.conf") or "").lower()
    if "\nextensions.enabled=n" in f"\n{config}":
        return NO_STATUS
    if not any("/bin/python" in name for name in guest.files):
        return BROKEN
    stale = [name for name in guest.files if leftover(name)]
    package = (guest.packages.get(AGENT_UNIT) or "").partition("-")[0]
    old = tuple(int(part) for part in package.split(".") if part.isdigit()) < CLEAN_SINCE
    return SILENT if stale and package and old else None


def leftover(path: str) -> bool:
    """Whether a file is one that an old agent stumbles over: `/var/lib/waagent/*.[0-9]*.xml` but for the placeholder."""
    folder, _, name = path.rpartition("/")
    parts = name.split(".")
    numbered = len(parts) >= 3 and parts[-1] == "xml" and any(part[:1].isdigit() for part in parts[1:-1])
    return folder == "/var/lib/waagent" and numbered and name != "GoalState.1.xml"
