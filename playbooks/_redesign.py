"""
Moving a lock from the restore points to what it is meant to guard.

The new locks are placed first, one after the other, and the old one goes only once each of them is seen: whatever
breaks off in between leaves everything guarded that was. The way back places the old lock before it takes a new one
away. Then each VM is backed up once, and the service prunes; that first backup may fail (T25).

A lock that belongs to somebody is left alone, and one of the whole subscription is moved only where that is admitted.
A lock that stands over points of 2018 only is lifted for a while, as no new ones come under it.

Sources: T25, LOCK24, FAQ25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from azremedy.estate import Estate, Protected, group
from azremedy.lifting import lay, lift, place
from azremedy.plan import ByHand, Choices, Cure, Step
from azremedy.playbook import Finding
from azremedy.resources import Lock

from . import _rehoming as rehoming
from ._cures import UNCLEAR, admit, by_hand, cure, protection, shows
from ._lift import forbidden, grows, hopeless, lifting, locks_of
from ._room import backup, until_pruned

Member = tuple[Protected, tuple[Finding[Any], ...]]


def redesigned(
    playbook: str, estate: Estate, findings: Sequence[Finding[Any]], choices: Choices
) -> Iterator[Cure | ByHand]:
    """Yield for each set of locks the cure that moves them, and what is left to people."""
    together: dict[tuple[Lock, ...], list[Member]] = {}
    for vm, of_vm in group(findings, lambda finding: finding.vm).items():
        one = protection(estate, vm)
        locks = moving(estate, one, of_vm) if one else ()
        if one and locks and not grows(estate, one, locks):
            yield from lifting(playbook, estate, of_vm, choices)
        elif reason := refused(estate, one, locks, choices):
            yield from (by_hand(playbook, finding, reason) for finding in of_vm)
        elif one:
            together.setdefault(locks, []).append((one, of_vm))
    for locks, members in together.items():
        of_some = [finding for _, of_vm in members for finding in of_vm]
        if reason := rehoming.unknown(estate, locks):
            yield from (by_hand(playbook, finding, reason) for finding in of_some)
            continue
        yield from admit(moved(playbook, estate, locks, members, choices), of_some, choices)


def moving(estate: Estate, one: Protected, findings: Sequence[Finding[Any]]) -> tuple[Lock, ...]:
    """Return the locks over a VM's points that its findings name, the widest first."""
    named = {finding.resource for finding in findings}
    return tuple(lock for lock in locks_of(estate, one) if lock.id in named)


def refused(estate: Estate, one: Protected | None, locks: tuple[Lock, ...], choices: Choices) -> str | None:
    """Return why these locks are not for a tool to move."""
    if one is None:
        return UNCLEAR
    return forbidden(locks, locks_of(estate, one), choices) or hopeless(estate, one)


def moved(
    playbook: str, estate: Estate, locks: tuple[Lock, ...], members: Sequence[Member], choices: Choices
) -> Cure:
    """Place the new locks, delete the old ones, have the service prune."""
    new = rehoming.replacing(estate, locks)
    nodes = (
        *(lay(lock) for lock in new),
        *(gone(lock, (*new, *rehoming.relied_on(estate, locks))) for lock in locks),
        *backups(estate, locks, [one for one, _ in members], choices),
    )
    of_some = [finding for _, of_vm in members for finding in of_vm]
    return replace(cure(playbook, of_some, *nodes), guards=rehoming.simulated(estate, locks, new))


def gone(lock: Lock, instead: tuple[Lock, ...]) -> Step:
    """Return the step that deletes an old lock, only while each lock is there that guards instead."""
    step = lift(lock)
    return replace(
        step,
        summary=f"delete the {lock.level} lock '{lock.id.name}' on {place(lock.scope)} for good",
        before=(*step.before, *(shows(one.id, "properties.level", one.level) for one in instead)),
    )


def backups(
    estate: Estate, locks: tuple[Lock, ...], vms: Sequence[Protected], choices: Choices
) -> Iterator[Step]:
    """Back each VM up; with the last one it is waited until all of them have room again."""
    *others, last = vms
    yield from (backup(one) for one in others)
    until = tuple(expect for one in vms for expect in until_pruned(estate, one, locks))
    step = backup(last)
    yield replace(step, after=(*step.after, *until), within=max(step.within, choices.max_unlocked))
