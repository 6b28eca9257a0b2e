"""What inside a VM makes its backups fail, and with which code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from azremedy.guest.components import CRYPTO_KEY, DISABLED, INSTALLER_KEY, RUNTIMES, STRONG_CRYPTO
from azremedy.guest.windows import AGENTS, NET_KEY
from azremedy.sandbox.guest.state import AGENT_UNIT, NETWORK_SERVICE, UNITS, restart_of, whole

if TYPE_CHECKING:
    from azremedy.sandbox.description import Vm
    from azremedy.sandbox.inside import Guest

SILENT: Final = "UserErrorGuestAgentStatusUnavailable"
BROKEN: Final = "ExtensionOperationFailedForManagedDisks"
NO_STATUS: Final = "GuestAgentSnapshotTaskStatusError"
NO_NETWORK: Final = "ExtensionSnapshotFailedNoNetwork"

COM: Final = "ExtensionSnapshotFailedCOM"
COORDINATOR: Final = "ExtensionInstallationFailedMDTC"
VSS: Final = "ExtensionFailedVssServiceInBadState"
WRITER: Final = "ExtensionFailedVssWriterInBadState"
CONFIG: Final = "ExtensionConfigParsingFailure"
CRYPTO: Final = "ExtensionSnapshotFailedNoSecureNetwork"
RUNTIME: Final = "ExtensionVCRedistInstallationFailure"

NET_45: Final = 378389
CLEAN_SINCE: Final = (2, 2, 20)
"""The agent from which leftover goal-state files do no harm."""
STABLE, WAITING = 1, 5
"""The state of a VSS writer that is in order, and the last one of those that have not failed."""
MACHINE_KEYS: Final = {"S-1-1-0": 0x2019F, "S-1-5-32-544": 0x1F01FF}
"""What the folder of the machine's keys has to allow everyone, and the administrators."""
NETWORK: Final = r"/etc/(netplan|NetworkManager|sysconfig/network(-scripts)?|network|systemd/network)/"
LEASE: Final = r"/(run/systemd/netif/leases|var/lib/(dhcp|dhclient|NetworkManager|wicked))/.*"
DHCP: Final = re.compile(
    r"dhcp4: *true|^method=auto|^BOOTPROTO=\W?dhcp|inet dhcp|^DHCP=(yes|ipv4)", re.MULTILINE
)
STATIC: Final = re.compile(r"addresses: *\[|^method=manual|^IPADDR|inet static|^Address=", re.MULTILINE)
"""How the configuration of a network says that an adapter has DHCP, or an address of its own."""
WIRE_SERVER: Final = frozenset({80, 32526})


def fault(vm: Vm) -> str | None:
    """Return the code with which a backup fails that needs the guest, None where nothing in it is in the way."""
    if vm.guest is None:
        return None
    guest = whole(vm)
    if not set(guest.wire_server) >= WIRE_SERVER:
        return SILENT
    failed = vm.backup.failed.code if vm.backup and vm.backup.failed else ""
    return of_windows(guest) or of_components(guest, failed) if vm.os == "Windows" else of_linux(guest)


def of_windows(guest: Guest) -> str | None:
    agents = [guest.services.get(name) for name in AGENTS]
    if not all(one and one.state == "running" for one in agents):
        return SILENT
    if ((guest.registry.get(NET_KEY) or {}).get("Release") or 0) < NET_45:  # type: ignore[operator]  # a DWORD
        return SILENT
    adapters = guest.adapters or ()
    if adapters and not any(one.dhcp or one.addresses > 1 for one in adapters):
        return NO_NETWORK
    provider = guest.services.get("IaasVmProvider")
    return BROKEN if provider and provider.start == "disabled" else None


def of_components(guest: Guest, failed: str) -> str | None:
    """
    Return what a part of Windows that the snapshot needs makes of a backup.

    What is out of order on many a healthy VM (a stopped service, a value that is not set, a writer that waits) is in the way
    only where the failure with which the estate began says so.
    """
    return of_services(guest, failed) or of_writers(guest, failed) or of_registry(guest, failed)


def of_services(guest: Guest, failed: str) -> str | None:
    for name, code in (("COMSysApp", COM), ("MSDTC", COORDINATOR), ("VSS", VSS)):
        service = guest.services.get(name)
        if service is None or service.start == "disabled":
            return code
        if name != "VSS" and service.state == "stopped" and failed == code:
            return code
        if name == "MSDTC" and service.account != NETWORK_SERVICE:
            return code
    return None


def of_writers(guest: Guest, failed: str) -> str | None:
    last_good = STABLE if failed == WRITER else WAITING
    return WRITER if any((state or 0) > last_good for state in guest.writers.values()) else None


def of_registry(guest: Guest, failed: str) -> str | None:
    """Return what rights and values make of a backup."""
    held = guest.machine_keys or {}
    if any(held.get(sid, 0) & rights != rights for sid, rights in MACHINE_KEYS.items()):
        return CONFIG
    crypto = [(guest.registry.get(rf"{CRYPTO_KEY}\{one}") or {}).get(STRONG_CRYPTO) for one in RUNTIMES]
    if 0 in crypto or (failed == CRYPTO and None in crypto):
        return CRYPTO
    start = (guest.registry.get(INSTALLER_KEY) or {}).get("Start")
    return RUNTIME if start == DISABLED else None


def of_linux(guest: Guest) -> str | None:
    config = (guest.files.get("/etc/waagent.conf") or "").lower()
    if "\nextensions.enabled=n" in f"\n{config}":
        return NO_STATUS
    if not any("/bin/python" in name for name in guest.files):
        return BROKEN
    if typed_in(guest):
        return NO_NETWORK
    if any(restart_of(guest, unit) == "no" for unit in UNITS):
        return SILENT  # it ends while it takes the snapshot, and nothing starts it again
    stale = [name for name in guest.files if leftover(name)]
    package = (guest.packages.get(AGENT_UNIT) or "").partition("-")[0]
    old = tuple(int(part) for part in package.split(".") if part.isdigit()) < CLEAN_SINCE
    return SILENT if stale and package and old else None


def typed_in(guest: Guest) -> bool:
    """Whether an address is typed into Linux, no adapter has DHCP, and the agent is not told where the wire server is."""
    if "Protocol.EndpointDiscovery=static" in (guest.files.get("/etc/waagent.conf") or ""):
        return False
    held = [content or "" for name, content in guest.files.items() if re.match(NETWORK, name)]
    leased = any(re.match(LEASE, name) for name in guest.files)
    return any(map(STATIC.search, held)) and not (leased or any(map(DHCP.search, held)))


def leftover(path: str) -> bool:
    """Whether a file is one that an old agent stumbles over: `/var/lib/waagent/*.[0-9]*.xml` but for the placeholder."""
    folder, _, name = path.rpartition("/")
    parts = name.split(".")
    numbered = len(parts) >= 3 and parts[-1] == "xml" and any(part[:1].isdigit() for part in parts[1:-1])
    return folder == "/var/lib/waagent" and numbered and name != "GoalState.1.xml"
