"""The locks in a cure's way: lifted around the steps that they refuse, or named as what has to go first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.lifting import lift, place, widest_first
from azremedy.plan import Bracket, Choices, FixClass, Ladder, Node, Step
from azremedy.resources import Lock

LOCK = "microsoft.authorization/locks"


class Blocked(Exception):  # noqa: N818 - a name for what is wrong; `azremedy.planning` returns it as a value
    """A lock refuses a step and is not one to lift; `allow` is the class that would have to be admitted for that."""

    def __init__(self, because: str, allow: FixClass | None = None) -> None:
        super().__init__(because)
        self.allow = allow

    @classmethod
    def by(cls, lock: Lock, because: str, allow: FixClass | None = None) -> Blocked:
        """Say which lock it is, and why it is not lifted."""
        return cls(f"{lock.level} lock '{lock.id.name}' on {place(lock.scope)} refuses it: {because}", allow)


@dataclass(frozen=True, slots=True)
class Clearing:
    """Lifting the locks that would refuse steps, around those steps, from the widest scope inward."""

    estate: Estate
    choices: Choices

    def sequence(self, nodes: Sequence[Node], lifted: frozenset[ArmId]) -> tuple[Node, ...]:
        """Return these nodes, those from the first to the last that a lock refuses inside brackets."""
        refusing = [self.obstacles(node, lifted) for node in nodes]
        around = sorted(set[Lock]().union(*refusing), key=widest_first)
        self.refuse_unless_liftable(around)
        within = lifted | {lock.id for lock in around}
        clear = tuple(self.cleared(node, within) for node in nodes)
        places = [place for place, locks in enumerate(refusing) if locks]
        if not places:
            return clear
        first, last = places[0], places[-1] + 1
        inner: tuple[Node, ...] = clear[first:last]
        for lock in reversed(around):
            inner = (Bracket(lift(lock), inner, until=()),)
        return *clear[:first], *inner, *clear[last:]

    def obstacles(self, node: Node, lifted: frozenset[ArmId]) -> frozenset[Lock]:
        """Return the locks that must be lifted around a node as a whole."""
        match node:
            case Step():
                return frozenset(lock for lock in self.refusing(node) if lock.id not in lifted)
            case Ladder():
                return self.all_of(node.rungs, lifted)
            case Bracket():
                own = node.open.request.id
                inside = self.all_of(node.body, lifted | {own})
                wider = {lock for lock in inside if lock.scope.covers(own.scope)}
                return self.obstacles(node.open, lifted) | wider

    def all_of(self, nodes: Iterable[Node], lifted: frozenset[ArmId]) -> frozenset[Lock]:
        return frozenset[Lock]().union(*(self.obstacles(node, lifted) for node in nodes))

    def cleared(self, node: Node, lifted: frozenset[ArmId]) -> Node:
        """Return a node whose own brackets lift, inside them, what no bracket around it does."""
        match node:
            case Step():
                return node
            case Ladder():
                return replace(node, rungs=tuple(self.cleared(rung, lifted) for rung in node.rungs))
            case Bracket():
                return replace(node, body=self.sequence(node.body, lifted | {node.open.request.id}))

    def refusing(self, step: Step) -> Iterator[Lock]:
        """Yield the locks that refuse a step's write or, where it lifts a lock, the write that puts it back."""
        target = step.request.id
        if target.type == LOCK:
            over = self.estate.locks_over(target.scope)
            yield from (lock for lock in over if lock.read_only and lock.id != target)
            return
        deletes = step.request.method == "DELETE"
        for lock in self.estate.locks_over(target):
            if deletes or lock.read_only:
                yield lock
        if deletes:
            yield from (lock for lock in self.estate.locks if inside(target, lock.scope))

    def refuse_unless_liftable(self, around: Sequence[Lock]) -> None:
        """Raise `Blocked` for the first lock that may not be lifted, or could not be put back."""
        for lock, outer in zip(around, (None, *around), strict=False):
            if lock.owners:
                raise Blocked.by(
                    lock, "it belongs to a managed application or an Azure service, which alone may lift it"
                )
            if lock.scope.group is None and not self.choices.lift_subscription_locks:
                raise Blocked.by(
                    lock, "lift it yourself, or admit that the whole subscription is unlocked meanwhile with "
                    "--lift-subscription-locks"
                )  # fmt: skip
            if outer and outer.scope == lock.scope and outer.read_only and lock.read_only:
                raise Blocked.by(
                    lock, "a second ReadOnly lock on the same scope keeps it from being put back"
                )
        if around and FixClass.GUARDED not in self.choices.allow:
            raise Blocked.by(
                around[0], "--allow guarded lifts it meanwhile and puts it back", FixClass.GUARDED
            )


def inside(target: ArmId, scope: ArmId) -> bool:
    return scope != target and target.covers(scope)
