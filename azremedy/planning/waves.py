"""
Which VMs come in which wave, and cures cut so that none reaches beyond its own.

A bracket lies whole in one wave, so nothing is unlocked between two. A cure that lifts a lock for many VMs and puts it
back is made anew for those of each wave; one that leaves something changed for all of its VMs is not cut, and they come
together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from azremedy.arm import ArmId
from azremedy.plan import Bracket, Cure, Node, Step, steps
from azremedy.planning.groups import same
from azremedy.waves import Amount

Unit = tuple[ArmId, ...]
"""VMs that come in one wave, as a step is made for all of them together."""


def numbered(units: Sequence[Unit], amounts: Sequence[Amount]) -> dict[ArmId, int]:
    """
    Return the number of each VM's wave, from 1.

    A unit that is too large for a wave comes later; the smallest one comes where a wave would reach nobody at all. A
    wave for which nobody is left is none.
    """
    left, total = list(units), sum(map(len, units))
    waves: dict[ArmId, int] = {}
    number = 0
    for amount in amounts:
        wanted = amount.of(total)
        taken = fitting(left, wanted - len(waves))
        if not taken and left and len(waves) < wanted:
            taken = [min(left, key=len)]
        if taken:
            number += 1
            waves |= {vm: number for unit in taken for vm in unit}
            left = [unit for unit in left if unit[0] not in waves]
    return waves


def fitting(units: Iterable[Unit], room: int) -> list[Unit]:
    """Return the units, in their order, that have room together."""
    taken: list[Unit] = []
    for unit in units:
        if len(unit) <= room:
            taken.append(unit)
            room -= len(unit)
    return taken


def as_approved(units: Sequence[Unit], approved: Mapping[ArmId, int]) -> dict[ArmId, int]:
    """Return the number of each VM's wave as a plan had it; who is in none of that plan comes last."""
    last = max(approved.values(), default=0) + 1
    return {vm: min(approved.get(one, last) for one in unit) for unit in units for vm in unit}


def units(cures: Sequence[Cure]) -> list[Unit]:
    """Return the VMs of cures, those together that one step is for, in the order they came."""
    together: dict[ArmId, list[ArmId]] = {}
    made_for: dict[str, ArmId] = {}
    for cure in cures:
        for vm in sorted(cure.vms):
            together.setdefault(vm, [vm])
        if divisible(cure):
            continue
        others = [made_for.setdefault(same(step), cure.vms[0]) for step in lasting(cure.nodes)]
        for other in (*cure.vms[1:], *others):
            join(together, cure.vms[0], other)
    return list(dict.fromkeys(tuple(sorted(unit)) for unit in together.values()))


def join(together: dict[ArmId, list[ArmId]], one: ArmId, other: ArmId) -> None:
    """Make the units of two VMs one."""
    there, new = together[one], together[other]
    if there is not new:
        there += new
        together.update(dict.fromkeys(new, there))


def divisible(cure: Cure) -> bool:
    """Whether a cure can be made for some of its VMs now and for the others later: all it does is in brackets that close."""
    return len(cure.vms) > 1 and all(isinstance(node, Bracket) and closes(node) for node in cure.nodes)


def closes(node: Node) -> bool:
    """Whether a bracket and all in it are put back."""
    return not isinstance(node, Bracket) or (not node.keep_open and all(map(closes, node.body)))


def lasting(nodes: Iterable[Node]) -> Iterator[Step]:
    """Yield the steps that stay done: all but what a bracket takes back itself."""
    for node in nodes:
        if isinstance(node, Bracket) and not node.keep_open:
            yield from lasting(node.body)
        elif isinstance(node, Bracket):
            yield from (node.open, *lasting(node.body))
        else:
            yield from steps(node)
