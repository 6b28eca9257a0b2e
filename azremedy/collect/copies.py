"""What a check of copied disks wrote inside a VM, out of the result of Run Command; whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from azremedy.arm import ArmId, Json
from azremedy.collect.guests import each, short, sized, whole
from azremedy.guest.answers import told, written
from azremedy.resources import DiskCopy, GuestDisk

MEMBERS: Final = frozenset({"azremedy", "os", "disks", "files", "missing", "sample", "differ"})
USES: Final = frozenset({"mounted", "namespace", "fstab", "lvm", "md", "crypt", "other", "online"})
LARGEST: Final = 2**50
"""What the bytes of any disk are below."""


def disk_copy(vm: ArmId, os: str, asked: datetime, luns: Sequence[int], result: Json) -> DiskCopy:
    """
    Return what a VM told of the disks on these LUNs, of which the first is that of the disk that was copied.

    Raises `ValueError` for an answer that the check would not have written.
    """
    answer = told(written(result))
    if not isinstance(answer, dict) or answer.keys() != MEMBERS or answer["os"] != os:
        raise ValueError("it is not what the check writes")
    if whole(answer["azremedy"]) != 1:
        raise ValueError("it is of another version")
    disks = each(answer["disks"], disk)
    if [one.lun for one in disks] != list(luns):
        raise ValueError("it is about other disks")
    return DiskCopy(
        vm=vm,
        asked=asked,
        os=os,
        old=disks[0],
        new=disks[1:],
        files=None if answer["files"] is None else whole(answer["files"]),
        missing=whole(answer["missing"]),
        sample=whole(answer["sample"]),
        differ=whole(answer["differ"]),
    )


def disk(value: Json) -> GuestDisk:
    lun, size, filesystems, mounts, uses = sized(value, 5)
    words = tuple(short(uses).split())
    if not USES.issuperset(words):
        raise ValueError("a word in it is none of the check's")
    return GuestDisk(
        whole(lun), None if size is None else bytes_of(size), whole(filesystems), whole(mounts), words
    )


def bytes_of(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < LARGEST:
        raise ValueError("the size of a disk in it is none")
    return value
