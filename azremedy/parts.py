"""The smaller disks that take the place of one that is too large: known by their names, and where they hang."""

from __future__ import annotations

import re
from collections.abc import Iterator

from azremedy.arm import ArmId
from azremedy.resources import AttachedDisk, Vm

LONGEST = 80
"""Characters of a disk's name: letters, digits, `_`, `.` and `-`, the first a letter or digit (SDK)."""


def part_of(old: ArmId, number: int) -> ArmId:
    """Return the id of the nth new disk beside this one: the same for every plan, so that none is made twice."""
    tail = f"-part{number}"
    name = re.sub(r"^[^A-Za-z0-9]+", "", old.name[-(LONGEST - len(tail)) :])
    return ArmId(f"{old.text.rpartition('/')[0]}/{name}{tail}")


def on_lun(vm: Vm, lun: int | None) -> AttachedDisk | None:
    """Return the managed data disk on a LUN of a VM."""
    return next((one for one in vm.disks if one.lun is not None and one.lun == lun and one.disk), None)


def beside(vm: Vm, old: ArmId) -> tuple[AttachedDisk, ...]:
    """Return the new disks that hang on the VM beside an old one, from the first on, as far as none is missing."""
    hanging = {one.disk: one for one in vm.disks if one.lun is not None and one.disk}
    found: list[AttachedDisk] = []
    while one := hanging.get(part_of(old, len(found) + 1)):
        found.append(one)
    return tuple(found)


def meant(vm: ArmId, lun: int | None, named: frozenset[tuple[str, int]]) -> bool:
    """Whether pairs of VM (name or id, lower-cased) and LUN name this disk."""
    return not {(vm.key, lun), (vm.name.lower(), lun)}.isdisjoint(named)


def luns(vm: Vm, named: frozenset[tuple[str, int]]) -> Iterator[int]:
    """Yield the LUNs of a VM that such pairs name."""
    yield from sorted({lun for _, lun in named if meant(vm.id, lun, named)})
