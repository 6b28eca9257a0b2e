"""The data disks of a guest: what a system shows of them, and what azremedy's check of copied disks reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from azremedy.guest import copied
from azremedy.sandbox.inside import FILE, Guest, Volume

if TYPE_CHECKING:
    from azremedy.sandbox.guest.windows import Running

GIB: Final = 1 << 30
MIB: Final = 1 << 20
HELD: Final = {"lvm": "LVM2_member", "raid1": "linux_raid_member", "crypt": "crypto_LUKS"}


def attached(guest: Guest, sizes: Mapping[int, int]) -> Guest:
    """Return a guest that has a disk on each of these LUNs, of so many GiB, and on no other."""
    known = {one.lun: one for one in guest.volumes}
    disks = (
        msgspec.structs.replace(known.get(lun, Volume(lun)), size=size) for lun, size in sorted(sizes.items())
    )
    gone = (msgspec.structs.replace(one, size=0) for lun, one in known.items() if lun not in sizes)
    return msgspec.structs.replace(guest, volumes=(*disks, *gone))


def columns(one: Volume) -> Mapping[str, str]:
    """Return what `lsblk` shows of a disk and of what is on it, by column."""
    kind = HELD.get(one.held or "", one.filesystem or "")
    return {
        "NAME": f"/dev/sd{chr(ord('c') + one.lun % 24)}",
        "SIZE": str(one.size * GIB),
        "TYPE": "\n".join(("disk", *filter(None, [one.held]))),
        "FSTYPE": kind,
        "UUID": uuid(one.lun) if kind else "",
        "MAJ:MIN": f"8:{32 + 16 * one.lun}",
        "MOUNTPOINT": one.mount or "",
    }


def links(one: Volume) -> Iterator[str]:
    """Yield the names by which udev lets a disk be found."""
    yield f"/dev/disk/azure/scsi1/lun{one.lun}"
    yield f"/dev/disk/by-id/wwn-0x6002248{one.lun:025d}"
    yield f"/dev/disk/by-path/acpi-VMBUS:00-scsi-0:0:0:{one.lun}"
    if found := columns(one)["UUID"]:
        yield f"/dev/disk/by-uuid/{found}"


def left(volumes: Iterable[Volume], shown: Callable[[int, str], str]) -> tuple[Volume, ...]:
    """Return disks as a script left them: with what file system, and where mounted."""
    known = {"ext4", "xfs"}
    made = []
    for one in volumes:
        kind, mount = shown(one.lun, "FSTYPE").strip(), shown(one.lun, "MOUNTPOINT").strip()
        changed: dict[str, str | None] = {"filesystem": kind} if kind in known else {}
        changed |= {"mount": mount or None} if one.size and re.match(FILE, mount or "/x") else {}
        made.append(msgspec.structs.replace(one, **changed))
    return tuple(made)


def uuid(lun: int) -> str:
    """Return the UUID of the file system on the disk of a LUN."""
    return f"5a6db0c5-0000-4000-8000-{lun:012d}"


def begin(running: Running, _: Any) -> None:
    running.found = {
        "azremedy": 1, "os": "windows", "disks": [], "files": None, "missing": 0, "sample": 0, "differ": 0,
    }  # fmt: skip


def read_old(running: Running, one: copied.ReadOldDisk) -> None:
    read(running, one.lun, "online")


def read_new(running: Running, one: copied.ReadNewDisk) -> None:
    read(running, one.lun, "")
    running.roots += [disk.mount for disk in on(running, one.lun) if disk.mount and disk.online]


def read(running: Running, lun: int, online: str) -> None:
    for disk in on(running, lun):
        paths = int(bool(disk.mount and disk.online))
        used = online if disk.online else ""
        running.found["disks"].append([lun, disk.size * GIB, int(bool(disk.filesystem)), paths, used])
        return
    running.found["disks"].append([lun, None, 0, 0, ""])


def on(running: Running, lun: int) -> list[Volume]:
    return [one for one in running.guest.volumes if one.lun == lun and one.size]


def compare_files(running: Running, one: copied.CompareFiles) -> None:
    listed = held(running, f"azremedy-lun{one.lun}.files")
    if listed is None:
        return
    there = {f"{len(content.encode())} {path}" for path, content in files(running)}
    running.found["files"] = len(listed)
    running.found["missing"] = sum(line not in there for line in listed)


def compare_sums(running: Running, one: copied.CompareSums) -> None:
    there = dict(reversed(list(files(running))))
    for line in (held(running, f"azremedy-lun{one.lun}.sums") or [])[: copied.SAMPLE]:
        content = there.get(line[65:])
        now = hashlib.sha256(content.encode()[:MIB]).hexdigest() if content is not None else ""
        running.found["sample"] += 1
        running.found["differ"] += now != line[:64]


def held(running: Running, name: str) -> list[str] | None:
    """Return the lines of a file at the root of a new disk, None where no disk has it."""
    return next((content.splitlines() for path, content in files(running) if path == name), None)


def files(running: Running) -> Iterator[tuple[str, str]]:
    """Yield the files on the new disks, by their paths from the root of each."""
    for root in running.roots:
        for path, content in running.guest.files.items():
            if path.startswith(f"{root}/"):
                yield path.removeprefix(f"{root}/"), content or ""
