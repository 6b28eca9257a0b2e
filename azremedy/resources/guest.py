"""What a VM tells of itself from inside, where it was asked: what Azure's own interface never shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azremedy.arm import ArmId


@dataclass(frozen=True, slots=True)
class Service:
    """A service, in its system's own words: `Running` and `Auto` on Windows, `active` and `enabled` on Linux."""

    name: str
    state: str
    start: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A value by its name, as text; a number of the registry in decimal digits."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """A connected network adapter: whether DHCP is on for IPv4, and how many IPv4 addresses it has."""

    name: str
    dhcp: bool
    addresses: int


@dataclass(frozen=True, slots=True)
class Writer:
    """A VSS writer that is not in order, by the number of its state; `1` would be stable."""

    name: str
    state: int


@dataclass(frozen=True, slots=True)
class Access:
    """What a list of rights allows a SID, as the bits of Windows's file rights."""

    sid: str
    rights: int


@dataclass(frozen=True, slots=True)
class WindowsGuest:
    """
    What Windows tells.

    `settings` are values of the registry by our label, `marks` the labels of the keys and values that are there,
    `crypto` the value of SchUseStrongCrypto for each .NET (empty: not set). `writers` counts all VSS writers,
    `unstable` holds those out of order; None where vssadmin named none at all.
    """

    services: tuple[Service, ...] = ()
    accounts: tuple[Setting, ...] = ()
    settings: tuple[Setting, ...] = ()
    marks: tuple[str, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    writers: int | None = None
    unstable: tuple[Writer, ...] = ()
    crypto: tuple[Setting, ...] = ()
    machine_keys: tuple[Access, ...] = ()

    def service(self, name: str) -> Service | None:
        """Return a service by its name, without case."""
        return next((one for one in self.services if one.name.lower() == name.lower()), None)

    def setting(self, label: str) -> str | None:
        """Return a value of the registry by our label."""
        return next((one.value for one in self.settings if one.name == label), None)

    @property
    def sql(self) -> tuple[str, ...]:
        """The names of the services of SQL Server instances."""
        return tuple(
            one.name for one in self.services if one.name.lower().partition("$")[0].startswith("mssql")
        )


@dataclass(frozen=True, slots=True)
class LinuxGuest:
    """
    What Linux tells.

    `agent` is the agent's unit, `restart` what systemd does when it ends. `config` are keys of waagent.conf (None: there
    is no such file), `backup_config` those of vmbackup.conf. `snapshot`
    counts the folders of Backup's extension, `stale` counts leftover goal-state files of an old agent,
    `leases` files of DHCP leases, `dhcp` files that set an Ethernet adapter up with DHCP. `static` is who has an address
    typed in: `netplan`, `NetworkManager`, `ifcfg`, `interfaces`, `networkd`. `pythons` are the interpreters that Backup's extension would find.
    """

    distribution: str | None = None
    release: str | None = None
    agent: Service | None = None
    restart: str | None = None
    package: str | None = None
    goal_state: str | None = None
    config: tuple[Setting, ...] | None = None
    backup_config: tuple[Setting, ...] = ()
    snapshot: int = 0
    stale: int = 0
    leases: int = 0
    dhcp: int = 0
    static: tuple[str, ...] = ()
    selinux: str | None = None
    pythons: tuple[str, ...] = ()
    reboot_required: bool = False

    def configured(self, key: str) -> str | None:
        """Return the value of a key of waagent.conf, None where it is not set."""
        return next((one.value for one in self.config or () if one.name == key), None)


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file of a log: its path in the VM, its size in bytes, and when it was changed last, where the guest tells."""

    path: str
    size: int
    changed: datetime | None


@dataclass(frozen=True, slots=True)
class LogTold:
    """What a VM told of a log: its files, the newest first, and the last lines that speak of a fault, oldest first."""

    name: str
    files: tuple[LogFile, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the wire server (168.63.129.16); `reached` is None where the guest has nothing to try it with."""

    number: int
    reached: bool | None


@dataclass(frozen=True, slots=True)
class Guest:
    """The answer of one VM: exactly one of `windows` and `linux`, and which ports of the wire server it reaches."""

    vm: ArmId
    asked: datetime
    windows: WindowsGuest | None = None
    linux: LinuxGuest | None = None
    ports: tuple[Port, ...] = ()

    @property
    def wire_server(self) -> bool | None:
        """Whether all ports are reached; None where one was not tried and none is known to be out of reach."""
        if any(port.reached is False for port in self.ports):
            return False
        return True if self.ports and all(port.reached for port in self.ports) else None
