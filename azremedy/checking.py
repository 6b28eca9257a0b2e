"""
Checking inside VMs whether disks were copied: which may be asked now, the check into each, and what it told.

Only for the disks that the user names, and only where the new ones hang on the VM. It is sent under the rules of a probe
(see `azremedy.asking`), one after the other, and what could not be checked is an `Unread` with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from azremedy import parts
from azremedy.arm import ArmId, ProbingReader
from azremedy.asking import Asked, Inside, in_the_way, nonsense, not_asked, ran, step, unfit
from azremedy.collect import by_read
from azremedy.collect.copies import disk_copy
from azremedy.estate import Estate
from azremedy.guest import check_of
from azremedy.journal import Journal
from azremedy.plan import Group
from azremedy.resources import DiskCopy, Unread, Vm


@dataclass(frozen=True, slots=True)
class Check:
    """One disk that was copied: how its VM is asked, and the LUNs, of which the first is the old disk's."""

    asked: Asked
    luns: tuple[int, ...]


def checked(
    reader: ProbingReader, estate: Estate, named: frozenset[tuple[str, int]], inside: Inside
) -> Estate:
    """Return the estate with what VMs told of the disks named (VM and LUN) that were copied."""
    found = list(checks(estate, named))
    those = [one for one in found if isinstance(one, Check)]
    gaps = [one for one in found if isinstance(one, Unread)]
    copies: list[DiskCopy] = []
    if those:
        vms: list[ArmId] = list(dict.fromkeys(one.asked.vm.id for one in those))
        with inside.begin(vms) as journal:
            journal.begin((Group("guest", (), tuple(one.asked.step for one in those)),))
            for number, one in enumerate(those):
                told = answered(reader, journal, inside, number, one)
                if isinstance(told, DiskCopy):
                    copies.append(told)
                else:
                    gaps.append(told)
            journal.finish(reader.now)
    unread = tuple(sorted({*estate.unread, *gaps}, key=by_read))
    return estate.changed(copies=tuple(copies), unread=unread)


def answered(
    reader: ProbingReader, journal: Journal, inside: Inside, number: int, one: Check
) -> DiskCopy | Unread:
    """Check one disk, unless a backup of its VM is in the way, and return what was told, or why nothing was."""
    asked = one.asked
    if gap := in_the_way(reader, inside, asked.vm.id, asked.items):
        return gap
    result = ran(reader, journal, f"guest/{number}", asked.step, asked.script)
    if isinstance(result, Unread):
        return result
    try:
        return disk_copy(asked.vm.id, asked.script.os, reader.now, one.luns, result)
    except ValueError as error:
        return nonsense(asked.vm.id, error)


def checks(estate: Estate, named: frozenset[tuple[str, int]]) -> Iterator[Check | Unread]:
    """Yield how each of these disks is checked, or why it may not be; one beside which nothing hangs is passed over."""
    items: dict[ArmId, tuple[ArmId, ...]] = {}
    for one in estate.protected:
        items[one.id] = (*items.get(one.id, ()), one.item.id)
    first = {one.id: one for one in reversed(estate.protected)}
    for id_, one in first.items():
        if (vm := one.vm) is None:
            continue
        for lun, new in copied(vm, named):
            try:
                script = check_of(vm, lun, new)
            except ValueError as error:
                yield not_asked(id_, str(error))
                continue
            if why := unfit(estate, vm, script):
                yield not_asked(id_, why)
            elif script:
                yield Check(Asked(vm, items[id_], script, step(vm, script)), (lun, *new))


def copied(vm: Vm, named: frozenset[tuple[str, int]]) -> Iterator[tuple[int, list[int]]]:
    """Yield the LUNs of a VM that are named, each with those of the new disks beside it, if there are any."""
    for lun in parts.luns(vm, named):
        old = parts.on_lun(vm, lun)
        new = parts.beside(vm, old.disk) if old and old.disk else ()
        if new:
            yield lun, [one.lun for one in new if one.lun is not None]
