"""A change laid over an estate: the estate as it would be read after it, and what could not be laid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from azremedy.arm import ArmId
from azremedy.change import arm
from azremedy.change.azurerm import KINDS, OUT_OF_SIGHT
from azremedy.change.data import Change, Edit, Entry, Gap, Hidden, Picture, Slot, UnplacedError, Values
from azremedy.change.draft import laid
from azremedy.change.places import Place
from azremedy.estate import Estate


@dataclass(frozen=True, slots=True)
class After:
    """
    The estate as it would be after the change, what was written to make it so, and what could not be laid.

    `elsewhere` are the addresses of what lies in other subscriptions than the estate's.
    """

    estate: Estate
    edits: tuple[Edit, ...]
    gaps: tuple[Gap, ...]
    elsewhere: tuple[str, ...]


def laid_over(estate: Estate, change: Change) -> After:
    """Return the estate as it would be read after the change."""
    edits: list[Edit] = []
    gaps, elsewhere = list(change.gaps), []
    known = {one.address: one for one in change.entries}
    for entry in change.entries:
        subscription = (
            ArmId(f"/subscriptions/{entry.subscription}") if entry.subscription else estate.subscription.id
        )
        place = Place(subscription, known)
        try:
            made = tuple(differences(entry, place))
        except UnplacedError as unplaced:
            gaps.append(Gap(playbook_of(entry), entry.address, str(unplaced), entry.id))
            continue
        if made and all(edit.slot.id.subscription != estate.subscription.id.subscription for edit in made):
            elsewhere.append(entry.address)
            continue
        edits += made
        gaps += untold(entry, made, estate)
    return After(laid(estate, edits), tuple(edits), tuple(gaps), tuple(elsewhere))


def playbook_of(entry: Entry) -> str:
    """Return the playbook that speaks of what an entry is."""
    if entry.type in OUT_OF_SIGHT:
        return OUT_OF_SIGHT[entry.type].playbook
    return (
        KINDS[entry.type].playbook
        if entry.type in KINDS
        else arm.SPOKEN_OF.get(entry.type, "protection-state")
    )


def differences(entry: Entry, place: Place) -> Iterator[Edit]:
    """Yield the slots in which the two sides differ. A subnet that a virtual network does not list is let alone."""
    before, after = pictured(entry, entry.before, place), pictured(entry, entry.after, place)
    listed = {slot.id for slot in after}
    for slot in dict.fromkeys((*before, *after)):
        left_out = entry.type == arm.VNET and entry.after is not None and slot.id not in listed
        if before.get(slot) != after.get(slot) and not left_out:
            yield Edit(entry, slot, after.get(slot))


def pictured(entry: Entry, values: Values | None, place: Place) -> Picture:
    if values is None:
        return {}
    if entry.type in KINDS:
        return KINDS[entry.type].picture(values, place)
    return arm.picture(entry.type, entry.id, values) if entry.id else {}


def untold(entry: Entry, made: tuple[Edit, ...], estate: Estate) -> Iterator[Gap]:
    """Yield what an entry may do to a backup and cannot be laid."""
    playbook, unseen = playbook_of(entry), OUT_OF_SIGHT.get(entry.type)
    if unseen:
        if unseen.matters(entry):
            yield Gap(
                playbook, entry.address, f"what a change of {entry.type} does is not looked at", entry.id
            )
    elif entry.action == "replace" and entry.id and entry.id.type == arm.VM and entry.id in estate.items_of:
        because = "Azure Backup takes the VM that replaces this one for another VM"
        yield Gap("protection-state", entry.address, because, entry.id)
    for edit in made:
        id_ = edit.slot.id
        if isinstance(edit.value, Hidden) and standing(estate, edit.slot):
            yield Gap(playbook, entry.address, f"its {edit.slot.member} is {edit.value.because}", id_)


def standing(estate: Estate, slot: Slot) -> bool:
    """Whether a slot that is not known is a lock's level, or one of a VM or protected item that is there."""
    if slot.id.type == arm.LOCK:
        return slot.member == "level"
    return slot.id in estate.vm or (
        slot.id.type == arm.ITEM and any(one.id == slot.id for one in estate.items)
    )
