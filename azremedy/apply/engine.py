"""Carrying out groups: side by side, each in its own order, until one goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from threading import Lock
from typing import Final, TypeAlias

from azremedy.apply import expect
from azremedy.apply.attempt import FATE_UNKNOWN, INTERRUPTED, Task, attempt, skipped
from azremedy.apply.bracket import bracketed
from azremedy.apply.means import Means
from azremedy.apply.needs import Clock, Interrupted, Journal, Result, Settings, Stop, Tell
from azremedy.apply.nodes import Place, Walked
from azremedy.arm import ArmId, Writer
from azremedy.errors import ReadError
from azremedy.plan import Bracket, Done, Group, Ladder, Node, Outcome, Step, brackets, steps

THREADS: Final = 64
"""Groups under way at once at most; those that only wait for an unlocked scope do not count as writing."""

WRONG: Final = frozenset({Outcome.FAILED, Outcome.STALE, Outcome.UNCONFIRMED})
ENOUGH: Final = frozenset({Outcome.APPLIED, Outcome.NOT_NEEDED})

Against: TypeAlias = Callable[[Sequence[Group], Result], str | None]
"""Takes the groups of a wave that is over, and says what speaks against the next one, if anything does."""


def not_back(_groups: Sequence[Group], result: Result) -> str | None:
    """Say which lock that was lifted is not back: nothing further begins before it is."""
    off = next((one.lock for one in result.unlocked if not one.closed), None)
    return off and f"The lock {off.name} of {off.scope.name} is not back."


def carry_out(  # noqa: PLR0917 - what a run needs, in the order of its docstring
    groups: Sequence[Group],
    writer: Writer,
    journal: Journal,
    settings: Settings,
    clock: Clock,
    tell: Tell,
    *,
    stop: Stop | None = None,
    against: Against = not_back,
) -> Result:
    """
    Carry out groups, up to `settings.parallel` of them writing at once, and return what became of each step.

    Every write is preceded by a fresh read and by its intent in the journal. A step that is not applied ends its
    group, never another. Brackets are closed whatever happens. `stop` is set by signals (see `azremedy.apply.guarded`);
    what was not sent by then is skipped. `tell` takes the commands that put lifted locks back, before they are lifted.

    Waves are carried out one after the other. After each but the last `against` is given its groups, what became of
    them and the locks that were lifted by then, and says what speaks against the next one; all that comes later is then
    skipped for that reason.
    """
    if not groups:
        return Result()
    means = Means(writer, journal, settings, clock, tell, stop or Stop())
    learn_time(means, groups)
    journal.begin(tuple(groups))
    run, ended = _Run(means), list[Done]()
    waves = _waves(groups)
    for number, wave in enumerate(waves, 1):
        done = run.side_by_side(wave)
        ended += done
        if number == len(waves) or means.stop.told:
            continue
        if reason := against(wave, Result(tuple(done), tuple(means.unlocked))):
            later = [group for one in waves[number:] for group in one]
            ended += (done for group in later for done in skip(means, _place(group), group.nodes, reason))
            break
    if all(one.closed for one in means.unlocked) and not any(done.code == INTERRUPTED for done in ended):
        journal.finish(clock.now())
    return Result(tuple(ended), tuple(means.unlocked))


def _waves(groups: Sequence[Group]) -> list[list[Group]]:
    """Return groups by their waves, in the order of these; all together where there are none."""
    found: dict[int, list[Group]] = {}
    for group in groups:
        found.setdefault(group.wave or 0, []).append(group)
    return [found[number] for number in sorted(found)]


def _place(group: Group) -> Place:
    return Place(group.id, group.id)


def learn_time(means: Means, groups: Sequence[Group]) -> None:
    """Have ARM tell the time once before anything is noted."""
    try:
        means.clock.now()
    except ReadError:
        first = next(steps(*(node for group in groups for node in group.nodes)))
        expect.body(means.writer, ArmId(f"/subscriptions/{first.request.id.subscription}"))


@dataclass(slots=True)
class _Run:
    means: Means
    wrong: int = 0
    mutex: Lock = field(default_factory=Lock)

    def side_by_side(self, groups: Sequence[Group]) -> list[Done]:
        """Carry out the groups of a wave, and return what became of their steps, in the order of the groups."""
        with ThreadPoolExecutor(max_workers=min(len(groups), THREADS)) as pool:
            try:
                under_way = [pool.submit(self.group, group) for group in groups]
                waiting = set(under_way)
                while waiting:  # a wait without end would not hear a signal on Windows
                    _, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            except BaseException:
                self.means.stop.event.set()
                raise
        return [done for one in under_way for done in one.result()]

    def group(self, group: Group) -> list[Done]:
        place = _place(group)
        with self.means.slots:
            limit = self.means.settings.stop_after
            if limit is not None and self.wrong >= limit:
                reason = f"{self.wrong} groups went wrong before, and the run stops after {limit}."
                return skip(self.means, place, group.nodes, reason)
            walked = walk(self.means, place, group.nodes)
        if any(done.outcome in WRONG for done in walked.done) or self.left_off(group):
            with self.mutex:
                self.wrong += 1
        return walked.done

    def left_off(self, group: Group) -> bool:
        """Whether a lock that a group lifted is not back."""
        lifted = {bracket.open.request.id for bracket in brackets(*group.nodes)}
        return any(one.lock in lifted and not one.closed for one in self.means.unlocked)


def walk(means: Means, place: Place, nodes: Sequence[Node]) -> Walked:
    """Carry out nodes one after the other; the rest is skipped once one does not come out well."""
    walked = Walked()
    for number, node in enumerate(nodes):
        here = place.below(number)
        if walked.goes_on and superfluous(means, node, walked):
            walked.done += skip(
                means, here, [node], "What came before it was enough.", Outcome.NOT_NEEDED, own=True
            )
        elif walked.goes_on:
            walked.add(_node(means, here, node))
        else:
            walked.done += skip(means, here, [node], unreached(means), own=True)
    return walked


def unreached(means: Means) -> str:
    """Return why a step is not come to."""
    return "The run was told to stop." if means.stop.told else "A step before it did not come out as planned."


def superfluous(means: Means, node: Node, before: Walked) -> bool:
    """Whether what a ladder is for holds already, by a step of ours before it: two causes of one VM can have one cure."""
    if not isinstance(node, Ladder) or all(done.outcome is not Outcome.APPLIED for done in before.done):
        return False
    try:
        return expect.unmet(means.writer, node.until, means.clock.now()) is None
    except ReadError:
        return False


def _node(means: Means, place: Place, node: Node) -> Walked:
    match node:
        case Step():
            task = Task(place.key, place.group, node, unlocked=place.unlocked)
            return single(attempt(means, task).done)
        case Bracket():
            return bracketed(means, place, node, walk, skip)
        case Ladder():
            return climbed(means, place, node)


def single(done: Done) -> Walked:
    """Return what one step means for those after it. A backup that is put off holds up nobody else's."""
    put_off = done.outcome is Outcome.DEFERRED and done.step.triggers_backup is not None
    return Walked([done], goes_on=done.outcome in ENOUGH or put_off, waits=done.outcome not in WRONG)


def climbed(means: Means, place: Place, ladder: Ladder) -> Walked:
    """Carry out the rungs of a ladder until one was enough."""
    walked = Walked()
    for number, rung in enumerate(ladder.rungs):
        here = place.below(number)
        if not walked.goes_on:
            walked.done += skip(means, here, [rung], unreached(means), own=True)
            continue
        since = means.clock.now()
        tried = _node(means, here, rung)
        walked.done += tried.done
        last = tried.done[-1]
        if last.outcome not in {Outcome.APPLIED, Outcome.UNCONFIRMED, Outcome.FAILED} or last.code in {
            FATE_UNKNOWN,
            INTERRUPTED,
        }:
            walked.goes_on = False
            continue
        patience = means.patience(ladder.within, f"{last.step.summary}, and see whether that was enough")
        try:
            enough = patience.until(partial(expect.unmet, means.writer, ladder.until, since)) is None
        except Interrupted:
            walked.goes_on = False
            continue
        if enough:
            rest = ladder.rungs[number + 1 :]
            walked.done += skip(
                means, place, rest, "It was not needed.", Outcome.NOT_NEEDED, start=number + 1
            )
            return walked
    walked.goes_on = False
    return walked


def skip(
    means: Means,
    place: Place,
    nodes: Sequence[Node],
    reason: str,
    outcome: Outcome = Outcome.SKIPPED,
    *,
    own: bool = False,
    start: int = 0,
) -> list[Done]:
    """Note the steps of nodes as not sent; `own`: the one node is at `place` itself."""
    done: list[Done] = []
    for number, node in zip(count(start), nodes, strict=False):
        here = place if own else place.below(number)
        match node:
            case Step():
                done.append(skipped(means, Task(here.key, here.group, node), outcome, reason))
            case Bracket():
                done += skip(means, here.opening, [node.open], reason, outcome, own=True)
                done += skip(means, here, node.body, reason, outcome)
            case Ladder():
                done += skip(means, here, node.rungs, reason, outcome)
    return done
