"""The order of cures: those of one VM as the documents list the causes of its last failed backup."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from azremedy.arm import ArmId
from azremedy.causes import covers, unfolded
from azremedy.estate import Estate
from azremedy.plan import Cure
from azremedy.playbook import load

LAST: Final = 1000
"""The place of a cause that no document lists for the failure."""


def in_order(estate: Estate, cures: Sequence[Cure]) -> tuple[Cure, ...]:
    """
    Return cures in the order in which they are carried out.

    The cures of one VM change places with one another, so that the first is for what the documents name first; one that has
    to come after another does, whatever they say.
    """
    of: dict[ArmId, list[Cure]] = {}
    for cure in cures:
        of.setdefault(cure.vms[0], []).append(cure)
    listed = {vm: causes_of(estate, vm) for vm in of}
    ready = {
        vm: iter(after_their_firsts(sorted(held, key=partial(place, listed[vm])))) for vm, held in of.items()
    }
    return tuple(next(ready[cure.vms[0]]) for cure in cures)


def after_their_firsts(cures: Sequence[Cure]) -> list[Cure]:
    """Return the cures of a VM with each that has to come after another one behind it."""
    made = list(cures)
    for cure in cures:
        first = cure.first
        behind = next((one for one in cures if first and one.playbook == first.playbook), None)
        if behind and made.index(cure) < made.index(behind):
            made.remove(cure)
            made.insert(made.index(behind) + 1, cure)
    return made


def causes_of(estate: Estate, vm: ArmId) -> tuple[str, ...]:
    """Return the causes that the documents list for the newest failed backup of a VM, in their order."""
    items = (one.item.id for one in estate.protected if one.id == vm)
    newest = next((failure for item in items for failure in estate.failures_of.get(item, ())[:1]), None)
    return tuple(unfolded(newest.symptom.causes)) if newest and newest.symptom else ()


def place(listed: Sequence[str], cure: Cure) -> int:
    """Return where the first cause that a cure is for stands in a list."""
    playbook = load().get(cure.playbook)
    seen = playbook.causes if playbook else ()
    return next((number for number, cause in enumerate(listed) if covers(seen, cause)), LAST)
