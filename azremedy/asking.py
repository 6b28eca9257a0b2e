"""
Asking inside VMs: which of them may be asked now, the probe into each, and what it told.

A VM is asked where somebody selected it and let azremedy ask inside (`--guest`), its backups need its guest, it runs,
its agent is ready and has just said so, no lock or other work is in the way, and no backup of it runs or is due. Each
is asked once, by the probe that azremedy ships. It is announced and journaled before it is sent, as a write is. What
could not be asked is an `Unread` with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from azremedy import agent
from azremedy.apply import backups
from azremedy.arm import ArmId, Json, ProbingReader
from azremedy.collect import Progress, Reading, by_read, pool
from azremedy.collect.guests import guest
from azremedy.errors import ReadError
from azremedy.estate import Estate
from azremedy.guest import Script, probe_of, sent
from azremedy.journal import Journal
from azremedy.plan import FixClass, Group, Irreversible, Step
from azremedy.resources import Guest, Read, Unread, Vm

WITHIN: Final = timedelta(minutes=10)
"""How long the answer of a VM is waited for, by ARM's clock."""
AT_ONCE: Final = 8
"""VMs that are asked at the same time; each of them once."""
BUSY: Final = frozenset({"updating", "creating", "deleting", "migrating"})

NOT_ASKED, NO_SENSE = "NotAsked", "Malformed"

Begin = Callable[[Sequence[ArmId]], AbstractContextManager[Journal]]
"""What is told, before anything is sent, which VMs will be asked, and opens the journal that is kept of it."""


@dataclass(frozen=True, slots=True)
class Inside:
    """How VMs are asked: `begin` is told of them first, and `now` asks those too whose backup is due, but never runs."""

    begin: Begin
    now: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One VM that may be asked, with the items that back it up, and the step that asks it."""

    vm: Vm
    items: tuple[ArmId, ...]
    script: Script
    step: Step


def asked(
    reader: ProbingReader,
    reading: Reading,
    selected: Callable[[ArmId], bool],
    inside: Inside,
    progress: Progress | None = None,
) -> Reading:
    """Return what was read with what the VMs selected told from inside, and what that cost."""
    estate = reading.estate
    those, gaps = askable(estate, selected)
    guests: list[Guest] = []
    before = reader.sent
    if those:
        with inside.begin([one.vm.id for one in those]) as journal, pool(AT_ONCE) as threads:
            journal.begin((Group("guest", (), tuple(one.step for one in those)),))
            for answer in threads.map(
                lambda pair: answered(reader, journal, inside, *pair), enumerate(those)
            ):
                if isinstance(answer, Guest):
                    guests.append(answer)
                else:
                    gaps.append(answer)
                if progress:
                    progress(Read.GUEST, reader.sent - before)
            journal.finish(reader.now)
    whole = replace(
        estate,
        reads=estate.reads | {Read.GUEST},
        guests=tuple(sorted(guests, key=lambda one: one.vm)),
        unread=tuple(sorted({*estate.unread, *gaps}, key=by_read)),
    )
    return Reading(whole, {**reading.calls, Read.GUEST: reader.sent - before})


def askable(estate: Estate, selected: Callable[[ArmId], bool]) -> tuple[list[Asked], list[Unread]]:
    """Return the VMs that may be asked, each once, and those whose guest matters and that may not, with the reason."""
    those: dict[ArmId, Asked] = {}
    gaps: dict[ArmId, Unread] = {}
    for one in estate.protected:
        if one.vm is None or not selected(one.id) or not one.needs_guest:
            continue
        script = probe_of(one.vm)
        if why := unfit(estate, one.vm, script):
            gaps[one.id] = not_asked(one.id, why)
        elif script:
            before = those[one.id].items if one.id in those else ()
            those[one.id] = Asked(one.vm, (*before, one.item.id), script, step(one.vm, script))
    return list(those.values()), list(gaps.values())


def unfit(estate: Estate, vm: Vm, script: Script | None) -> str | None:
    """Return why a VM may not be asked, as far as what was read tells."""
    if why := silent(estate, vm):
        return why
    if script is None:
        return "its operating system is not known"
    if (vm.provisioning_state or "").lower() in BUSY:
        return f"something is being done to it: it is {vm.provisioning_state}"
    if vm.allow_extension_operations is False:
        return "it does not allow extension operations, and so no Run Command"
    lock = next((lock for lock in estate.locks_over(vm.id) if lock.read_only), None)
    return f"the ReadOnly lock {lock.id.name} forbids it" if lock else None


def silent(estate: Estate, vm: Vm) -> str | None:
    """Return why nobody in a VM is known to take a script up."""
    view = estate.view.get(vm.id)
    if view is None:
        gap = estate.not_read(Read.VIEW, vm.id)
        return f"its agent's state is not known{f': {gap.reason}' if gap else ''}"
    told = view.agent.time if view.agent else None
    silence = agent.silence(view, estate.read_at)
    return silence or (None if told else "its agent does not say when it reported")


def step(vm: Vm, script: Script) -> Step:
    """Return the step that asks a VM, as the journal notes it."""
    only_reads = Irreversible("it only reads")
    return Step(
        f"ask inside {vm.id.name}",
        script.on(vm.id),
        (),
        (),
        only_reads,
        within=WITHIN,
        fix_class=FixClass.SAFE,
    )


def answered(
    reader: ProbingReader, journal: Journal, inside: Inside, number: int, one: Asked
) -> Guest | Unread:
    """Ask one VM, unless a backup of it is in the way, and return what it told, or why it told nothing."""
    if gap := in_the_way(reader, inside, one.vm.id, one.items):
        return gap
    result = ran(reader, journal, f"guest/{number}", one.step, one.script)
    if isinstance(result, Unread):
        return result
    try:
        return guest(one.vm.id, one.script.os, reader.now, result)
    except ValueError as error:
        return nonsense(one.vm.id, error)


def in_the_way(reader: ProbingReader, inside: Inside, vm: ArmId, items: Sequence[ArmId]) -> Unread | None:
    """Return why a VM is not asked now: a backup of it runs or is due, or nobody knows."""
    try:
        for item in items:
            if why := backups.in_the_way(reader, item, whatever_the_schedule=inside.now):
                return not_asked(vm, why)
    except ReadError as error:
        return not_asked(vm, f"it could not be read whether a backup is in the way: {error.reason}")
    return None


def ran(reader: ProbingReader, journal: Journal, key: str, step: Step, script: Script) -> Json | Unread:
    """Note a script under a key (`group/number`), send it, and return its result, or why there is none."""
    vm = step.request.id
    journal.intend(key, key.partition("/")[0], step, body=None, at=reader.now, opens=None)
    try:
        taken = reader.probe(vm, sent(script))
    except ReadError as error:
        known = error.status is not None and error.status < 500
        journal.note(
            "failed" if known else "unknown", key, reader.now, reason=error.reason, executed=not known
        )
        return unread(vm, error)
    journal.note("sent", key, reader.now, operation=taken.operation)
    try:
        result = reader.outcome(taken, WITHIN.total_seconds())
    except ReadError as error:
        journal.note("failed", key, reader.now, reason=error.reason, code=error.code)
        return unread(vm, error)
    journal.note("confirmed", key, reader.now)
    return result


def nonsense(vm: ArmId, error: ValueError) -> Unread:
    return Unread(Read.GUEST, vm, f"its answer makes no sense: {error}", 200, NO_SENSE)


def not_asked(vm: ArmId, why: str) -> Unread:
    return Unread(Read.GUEST, vm, f"it was not asked: {why}", code=NOT_ASKED)


def unread(vm: ArmId, error: ReadError) -> Unread:
    return Unread(Read.GUEST, vm, error.reason, error.status, error.code)
