"""After a run: what it left open is closed, what it sent is looked at, and what it did can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from azremedy.apply import expect
from azremedy.apply.attempt import FATE_UNKNOWN, INTERRUPTED, Task, adopted, attempt, follow, noted
from azremedy.apply.bracket import bracketed, close
from azremedy.apply.keep import LOCK, says, shows, way_back
from azremedy.apply.means import UNREADABLE, Means
from azremedy.apply.needs import Clock, Interrupted, Journal, Result, Settings, Stop, Tell
from azremedy.apply.nodes import Place, Walked
from azremedy.apply.shapes import refuse_altered
from azremedy.arm import Accepted, ArmId, Json, Reader, Request, Writer
from azremedy.errors import WriteRefused
from azremedy.plan import (
    Bracket,
    Done,
    Expect,
    Group,
    Irreversible,
    Node,
    Outcome,
    Restore,
    Step,
    Test,
    brackets,
    steps,
)

OPEN: Final = frozenset({"intended", "sent", "unknown"})
"""States of a step of which the journal does not say how it ended."""

UNDO: Final = "/undo"
"""What the key of a way back ends in."""
UNDOING: Final = timedelta(minutes=30)
NOT_BACK: Final = "the lock whose place it took is not back, and nothing is left unguarded"


class Entry(Protocol):
    """What a journal says of a step that was intended (see `azremedy.journal.Entry`)."""

    @property
    def key(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def step(self) -> Step: ...
    @property
    def body(self) -> Json: ...
    @property
    def at(self) -> datetime: ...
    @property
    def opens(self) -> str | None: ...
    @property
    def state(self) -> str: ...
    @property
    def operation(self) -> str | None: ...
    @property
    def left(self) -> Json: ...
    @property
    def closed(self) -> bool: ...
    @property
    def undone(self) -> bool: ...
    @property
    def executed(self) -> bool: ...


class Run(Protocol):
    """What a journal says of a run (see `azremedy.journal.Run`)."""

    @property
    def path(self) -> Path: ...
    @property
    def subscription(self) -> str: ...
    @property
    def groups(self) -> Sequence[Group]: ...
    @property
    def entries(self) -> Sequence[Entry]: ...
    @property
    def open_brackets(self) -> Sequence[Entry]: ...


@dataclass(frozen=True, slots=True)
class Back:
    """
    A confirmed step and its way back, as a step of its own.

    `undo` is None where there is no way back, and `why` says what keeps it from being taken.
    """

    key: str
    group: str
    step: Step
    undo: Step | None
    why: str | None = None


def resume(  # noqa: PLR0917 - what a run needs, in the order of its docstring
    run: Run,
    writer: Writer,
    journal: Journal,
    settings: Settings,
    clock: Clock,
    tell: Tell,
    *,
    stop: Stop | None = None,
) -> Result:
    """
    Close what a run left open, then find out what became of what it sent; `journal` goes on with the run's own.

    Nothing else is sent: steps that did not go out stay undone, and one whose fate cannot be read is unconfirmed, as is
    a lifted lock that went back before what it was lifted for had happened. Where another lock of its name stands, that
    is told, and left to a person.
    Raises `PlanRefused` for a journal that was altered.
    """
    refuse_altered(run)
    means = Means(writer, journal, settings, clock, tell, stop or Stop())
    learn_time(means, run)
    for one in run.open_brackets:
        close(means, one.key, one.step.request.id, one.body.get("whole"), one.at)
    done = [_looked_up(means, one) for one in run.entries if one.state in OPEN and one.opens != "close"]
    done += [cut for one in run.entries if (cut := _cut_short(means, run, one))]
    if all(one.closed or one.others for one in means.unlocked) and not any(
        one.code == INTERRUPTED for one in done
    ):
        journal.finish(clock.now())
    return Result(tuple(done), tuple(means.unlocked))


def _cut_short(means: Means, run: Run, entry: Entry) -> Done | None:
    """Return the outcome of a bracket whose lock went back before what it was lifted for had happened, None for others."""
    until = [
        expected
        for group in run.groups
        for bracket in brackets(*group.nodes)
        if group.id == entry.group and bracket.open == entry.step
        for expected in bracket.until
    ]
    if entry.opens != "close" or not entry.executed or not until or means.stop.told:
        return None
    try:
        why = expect.unmet(means.writer, until, entry.at)
    except UNREADABLE as error:
        why = f"what it was lifted for could not be read: {error}"
    if why is None:
        return None
    reason = f"The run ended before its time, and {why}. Plan again with `azremedy fix`."
    task = Task(entry.key, entry.group, entry.step, entry.opens)
    return noted(means, task, Outcome.UNCONFIRMED, reason)


def learn_time(means: Means, run: Run) -> None:
    """Have ARM tell the time once before anything is noted."""
    for one in run.entries[:1]:
        try:
            means.clock.now()
        except UNREADABLE:
            expect.body(means.writer, ArmId(f"/subscriptions/{one.step.request.id.subscription}"))


def _looked_up(means: Means, entry: Entry) -> Done:
    """Find out what became of a step that was intended, by reading."""
    task, step = Task(entry.key, entry.group, entry.step), entry.step
    try:
        done = _fate(means, task, entry)
    except UNREADABLE as error:
        reason = f"What became of it could not be read: {error}"
        return noted(means, task, Outcome.UNCONFIRMED, reason, FATE_UNKNOWN)
    except Interrupted:
        reason = "The run was told to stop: `azremedy resume` looks at what came of it."
        return Done(entry.group, step, Outcome.UNCONFIRMED, reason, INTERRUPTED)
    if done.outcome is Outcome.APPLIED and entry.key.endswith(UNDO):
        means.journal.note("undone", entry.key.removesuffix(UNDO), means.clock.now())
    return done


def _fate(means: Means, task: Task, entry: Entry) -> Done:
    step = entry.step
    patience = means.patience(step.within, step.summary)
    look = follow(means, Accepted(202, operation=entry.operation), patience)
    if look and look.over and not look.succeeded:
        reason = f"ARM took it, and the operation ended {look.status}: {look.reason or 'no reason is given'}"
        return noted(means, task, Outcome.FAILED, reason, look.code)
    if entry.state != "sent" and (done := _perhaps_not_sent(means, task, entry)):
        return done
    if not step.after and look and look.succeeded:
        return noted(means, task, Outcome.APPLIED)
    why: str | None = "nothing tells what became of it"
    if step.after:
        why = patience.until(lambda: expect.unmet(means.writer, step.after, entry.at))
    if why is None:
        return noted(means, task, Outcome.APPLIED)
    code = FATE_UNKNOWN if entry.state != "sent" else None
    return noted(means, task, Outcome.UNCONFIRMED, f"After {step.within} {why}.", code)


def _perhaps_not_sent(means: Means, task: Task, entry: Entry) -> Done | None:
    """Return the outcome of a step that was intended, where it did not go out or never will be known."""
    if entry.step.triggers_backup:
        if adopted(means, task, entry.at):
            return None
        return noted(means, task, Outcome.UNCONFIRMED, "No backup that it started was found.", FATE_UNKNOWN)
    if not expect.telling(entry.step):
        reason = "Nothing that can be read tells whether it went out."
        return noted(means, task, Outcome.UNCONFIRMED, reason, FATE_UNKNOWN)
    if entry.step.request.method != "POST" and _never_sent(means, entry.step, entry.at):
        reason = "It did not go out before the run ended."
        return noted(means, task, Outcome.SKIPPED, reason, executed=False)
    return None


def _never_sent(means: Means, step: Step, at: datetime) -> bool:
    """Whether all stands as before a write that can be read off its target."""
    writer = means.writer
    shows_effect = bool(step.after) and expect.unmet(writer, step.after, at) is None
    if shows_effect or expect.under_way(writer, step.request.id):
        return False
    return expect.unmet(writer, step.before) is None


def ways_back(run: Run, reader: Reader) -> tuple[Back, ...]:
    """
    Return the way back of each confirmed step, the newest first, by reading what its target shows now.

    Locks that were put back have none, being back. Raises `ReadError`, and `PlanRefused` for a journal that was altered.
    """
    refuse_altered(run)
    return tuple(
        _way_back(one, reader)
        for one in reversed(run.entries)
        if one.state == "confirmed"
        and not one.undone
        and not one.key.endswith(UNDO)
        and not (one.opens == "close" and one.closed)
    )


def rollback(  # noqa: PLR0917 - what a run needs, in the order of its docstring
    run: Run,
    backs: Sequence[tuple[Back, Node | None]],
    writer: Writer,
    journal: Journal,
    settings: Settings,
    clock: Clock,
    tell: Tell,
    *,
    stop: Stop | None = None,
) -> Result:
    """
    Take back the confirmed steps of a run, the newest first; `journal` goes on with the run's own.

    `backs` are its `ways_back`, each with what is done for it: the undo itself, a bracket with the undo in it that
    lifts a lock in its way, or None where it stays for the reason that `why` gives. Each is sent only if its target
    still shows what the run left there: what others changed since is stale and stays. A lock that was placed stays where
    the one whose place it took is not back.
    """
    means = Means(writer, journal, settings, clock, tell, stop or Stop())
    learn_time(means, run)
    done: list[Done] = []
    bare: set[str] = set()
    for back, node in backs:
        if back.group in bare and _locks(back.step, "PUT"):
            done.append(Done(back.group, back.undo or back.step, Outcome.SKIPPED, NOT_BACK))
            continue
        if node is None:
            made = [Done(back.group, back.undo or back.step, Outcome.SKIPPED, back.why)]
        else:
            made = _taken_back(means, Place(back.group, back.key), [node]).done
        if _locks(back.step, "DELETE") and any(one.outcome is not Outcome.APPLIED for one in made):
            bare.add(back.group)
        done += made
    if all(one.closed for one in means.unlocked) and not any(one.code == INTERRUPTED for one in done):
        journal.finish(clock.now())
    return Result(tuple(done), tuple(means.unlocked))


def _locks(step: Step, method: str) -> bool:
    """Whether a step places a lock (`PUT`) or deletes one (`DELETE`)."""
    return step.request.method == method and step.request.id.type == LOCK


def _taken_back(means: Means, place: Place, nodes: Sequence[Node]) -> Walked:
    """Carry out a way back, in the brackets that it stands in; `place` is that of the step which is taken back."""
    [node] = nodes
    if isinstance(node, Bracket):
        return bracketed(means, replace(place, key=f"{place.key}/unlocked"), node, _taken_back, _not_sent)
    if not isinstance(node, Step):
        raise TypeError("a way back is one step")
    key = place.key.partition("/unlocked")[0]
    done = attempt(means, Task(key + UNDO, place.group, node, unlocked=place.unlocked)).done
    if done.outcome is Outcome.APPLIED:
        means.journal.note("undone", key, means.clock.now())
    return Walked([done], goes_on=done.outcome is Outcome.APPLIED)


def _not_sent(_: Means, place: Place, nodes: Sequence[Node], reason: str) -> list[Done]:
    return [Done(place.group, step, Outcome.SKIPPED, reason) for step in steps(*nodes)]


def _way_back(entry: Entry, reader: Reader) -> Back:
    step = entry.step
    whole = (entry.body or {}).get("whole")
    request = way_back(step, whole)
    if isinstance(request, Irreversible):
        return Back(entry.key, entry.group, step, None, request.reason)
    still = _left(entry)
    try:
        why = expect.unmet(reader, still)
    except WriteRefused:
        why = None  # it shows inside a VM, where who only looks may not ask: the rollback itself asks before it sends
    undo = Step(
        summary=f"take back: {step.summary}",
        request=request,
        before=still,
        after=_back(step, request, whole),
        undo=Irreversible("it is a way back itself"),
        within=max(step.within, UNDOING),
        fix_class=step.fix_class,
        changes_vm=step.changes_vm,
    )
    return Back(entry.key, entry.group, step, undo, why)


def _left(entry: Entry) -> tuple[Expect, ...]:
    """What a run left: nothing of what it deleted, else the body that was kept, or what the step was to bring about."""
    step = entry.step
    if step.request.method == "DELETE":
        return (Expect(step.request.id, "", Test.ABSENT),)
    if entry.left is not None:
        return shows(step.request.id, entry.left["whole"])
    return tuple(one for one in step.after if one.test is not Test.NEWER)


def _back(step: Step, request: Request, whole: Json) -> tuple[Expect, ...]:
    """What a way back is to bring about."""
    match request.method:
        case "DELETE":
            return (Expect(request.id, "", Test.ABSENT),)
        case "PUT" if isinstance(step.undo, Restore):
            return shows(request.id, whole)
        case "PUT":
            return tuple(says(request.id, request.body))
        case _:
            anew = (one for one in step.after if one.test is Test.NEWER)
            return (*anew, *step.before) if expect.telling(step) else ()
