"""What stands in an estate's description of the inside of its VMs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from azremedy.sandbox.parts import Part

FILE: Final = r"\A(/(?!\.\.?(/|\Z))[^/\x00]+)+\Z"
UNIT: Final = r"\A(?!\.)[A-Za-z0-9@._$+ -]{1,80}\Z"
"""What paths of files, and names of services and packages, look like."""

File = Annotated[str, msgspec.Meta(pattern=FILE)]
Unit = Annotated[str, msgspec.Meta(pattern=UNIT)]


class Service(Part, frozen=True):
    """A service of a guest; `restart` is what systemd does when it ends, `account` what it logs on with on Windows."""

    state: Literal["running", "stopped", "failed"] = "running"
    start: Literal["automatic", "manual", "disabled"] = "automatic"
    restart: str = "always"
    account: str = "LocalSystem"


class Adapter(Part, frozen=True):
    """A connected network adapter of a Windows guest."""

    name: str = "Ethernet"
    dhcp: bool = True
    addresses: Annotated[int, msgspec.Meta(ge=0, le=256)] = 1


class Volume(Part, frozen=True):
    """
    What a guest makes of the data disk on a LUN. One that is not described is empty.

    What lies under `mount` are files of the guest; Windows's `F:` is `/F:`. `held` is what uses the disk without a mount.
    `size` is the disk's own, in GiB, and 0 where none hangs on the LUN.
    """

    lun: Annotated[int, msgspec.Meta(ge=0, le=63)]
    filesystem: Literal["ext4", "xfs", "btrfs", "NTFS"] | None = None
    mount: File | None = None
    held: Literal["lvm", "raid1", "crypt"] | None = None
    online: bool = True
    size: Annotated[int, msgspec.Meta(ge=0)] = 0


class Guest(Part, frozen=True):
    """
    What is inside a VM. What is left out is as it is on a healthy VM of its operating system; null takes something out.

    `services`, `files`, `registry` and `packages` are by name, and only what is named differs. Windows's files are written
    `/C:/Windows/…`, and `events` are the texts of its Application log by their source, oldest first. Packages are Linux's, as
    are `selinux`, `available` (the versions that its repositories offer; where that is none of any package, they do not
    answer) and `held` (packages that are not to be updated); the registry (keys as
    PowerShell writes them, from `HKLM:` on), adapters, `writers` (VSS writers by name, 1 is stable) and `machine_keys` (rights by
    SID) are Windows's. `volumes` are its data disks; on Windows `files` are those on them. `wire_server` are the ports of 168.63.129.16 that it reaches.
    """

    services: Mapping[Unit, Service | None] = {}
    files: Mapping[File, str | None] = {}
    packages: Mapping[Unit, str | None] = {}
    available: Mapping[Unit, str | None] = {}
    held: tuple[Unit, ...] = ()
    registry: Mapping[str, Mapping[str, str | int | None] | None] = {}
    adapters: tuple[Adapter, ...] | None = None
    writers: Mapping[str, int | None] = {}
    machine_keys: Mapping[str, int] | None = None
    selinux: Literal["Enforcing", "Permissive", "Disabled"] | None = None
    wire_server: tuple[int, ...] = (80, 32526)
    events: Mapping[str, tuple[str, ...]] = {}
    volumes: tuple[Volume, ...] = ()
