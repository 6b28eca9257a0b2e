"""What a VM tells from inside of a disk that was copied to others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from azremedy.arm import ArmId


@dataclass(frozen=True, slots=True)
class GuestDisk:
    """
    A data disk as the guest shows it.

    `size` is in bytes, None where the guest shows no such disk, or several of that LUN. `filesystems` and `mounts` count
    those on it. `uses` says in words of azremedy's what the guest still does with the disk that was copied: `mounted`,
    `namespace` (mounted elsewhere), `fstab`, `lvm`, `md`, `crypt`, `other` on Linux, `online` on Windows.
    """

    lun: int
    size: int | None
    filesystems: int
    mounts: int
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiskCopy:
    """
    The disk that was copied, those that hold the copy, and how that compares with the lists left on them.

    `files` is how many are listed, None without a list; `missing` those that no new disk holds with that path and size.
    `sample` is of how many a checksum was compared, `differ` how many have another one.
    """

    vm: ArmId
    asked: datetime
    os: str
    old: GuestDisk
    new: tuple[GuestDisk, ...]
    files: int | None
    missing: int
    sample: int
    differ: int
