"""
From findings to a plan: what playbooks propose, with the locks in its way lifted around it, in groups.

Pure: nothing is read or written. Whatever is not planned is by hand, with a reason; no finding is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, Protocol

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass, Group, Node, steps
from azremedy.planning.groups import grouped
from azremedy.planning.locks import Blocked, Clearing
from azremedy.planning.order import in_order
from azremedy.planning.waves import as_approved, numbered, units
from azremedy.playbook import Finding, Playbook, Severity, load
from azremedy.resources import Read

__all__ = ["Blocked", "Diagnosed", "Plan", "cleared", "plan", "requested"]


class Diagnosed(Protocol):
    """A finding, the playbook that made it, and the fingerprint that names it."""

    @property
    def playbook(self) -> Playbook[Any]: ...
    @property
    def finding(self) -> Finding[Any]: ...
    @property
    def fingerprint(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What will be done, what is left to a person, and why.

    `suspected` counts the findings that are left out for want of evidence and that a playbook knows how to cure.
    """

    groups: tuple[Group, ...]
    by_hand: tuple[ByHand, ...]
    suspected: int = 0

    def counts(self) -> Mapping[FixClass, int]:
        """Return the number of writes of each class, those of later rungs included."""
        classes = [step.fix_class for group in self.groups for step in steps(*group.nodes)]
        return {one: classes.count(one) for one in FixClass if one is not FixClass.MANUAL}

    def further(self, class_: FixClass, /) -> int:
        """Return how many more findings would be cured if this class were admitted."""
        return len({one.finding for one in self.by_hand if one.allow is class_})


def plan(
    estate: Estate,
    diagnoses: Iterable[Diagnosed],
    choices: Choices,
    *,
    severity: Severity = Severity.CORROBORATED,
    waves: Mapping[ArmId, int] | None = None,
) -> Plan:
    """
    Return the plan for the findings of at least `severity`, and for what was asked for by name.

    A cure is planned where every class in it is admitted and every lock that would refuse one of its steps may be
    lifted around it; else its findings are by hand, with what stands in the way. `waves` says who comes in which wave
    where that was approved before; else the amounts of the choices do.
    """
    found = list(diagnoses)
    chosen = [one for one in found if one.finding.severity >= severity]
    cures: list[Cure] = []
    by_hand: list[ByHand] = []
    for said in (*proposed(estate, chosen, choices), *requested(estate, choices)):
        match admitted(estate, said, choices):
            case Cure() as cure:
                cures.append(cure)
            case ByHand() as refused:
                by_hand += each(refused, said, chosen)
    lone = [cure for cure in cures if not preceded(cure, cures)]
    for cure in lone:
        cures.remove(cure)
        by_hand += each(left(cure, cure.first.reason if cure.first else "", None), cure, chosen)
    if choices.waves:
        cut = list(Cutting(estate, chosen, choices).waves(cures, waves))
        groups = tuple(group for one in cut for group in one.groups)
        by_hand += (left for one in cut for left in one.by_hand)
    else:
        groups = tuple(grouped(in_order(estate, cures), choices.bracket_size))
    by_hand += forgotten(chosen, cures, by_hand)
    return Plan(
        groups=groups,
        by_hand=tuple(by_hand),
        suspected=sum(could_be_cured(one) for one in found if one not in chosen),
    )


def preceded(cure: Cure, cures: Iterable[Cure]) -> bool:
    """Whether the cure that has to come before this one, if any has, is among these."""
    first = cure.first
    return first is None or any(
        one.playbook == first.playbook and set(cure.vms) <= set(one.vms) for one in cures
    )


@dataclass(frozen=True, slots=True)
class Cutting:
    """What it takes to make a cure anew for some of its VMs."""

    estate: Estate
    chosen: Sequence[Diagnosed]
    choices: Choices

    def waves(self, cures: Sequence[Cure], approved: Mapping[ArmId, int] | None) -> Iterator[Plan]:
        """Yield what is done in each wave, in its order."""
        together = units(cures)
        waves = as_approved(together, approved) if approved else numbered(together, self.choices.waves)
        for number in sorted(set(waves.values())):
            said = list(self.of(cures, {vm for vm, wave in waves.items() if wave == number}))
            kept = in_order(self.estate, [one for one in said if isinstance(one, Cure)])
            groups = grouped(kept, self.choices.bracket_size)
            yield Plan(
                groups=tuple(replace(group, wave=number) for group in groups),
                by_hand=tuple(one for one in said if isinstance(one, ByHand)),
            )

    def of(self, cures: Iterable[Cure], vms: AbstractSet[ArmId]) -> Iterator[Cure | ByHand]:
        """Yield the cures of these VMs, those that are for others as well made anew for these."""
        again: set[str] = set()
        for cure in cures:
            if vms >= set(cure.vms):
                yield cure
            elif not vms.isdisjoint(cure.vms):
                again.update(cure.findings)
        found = [one for one in self.chosen if one.fingerprint in again and one.finding.vm in vms]
        for said in proposed(self.estate, found, self.choices):
            match admitted(self.estate, said, self.choices):
                case Cure() as cure:
                    yield cure
                case ByHand() as refused:
                    yield from each(refused, said, found)


def could_be_cured(one: Diagnosed) -> bool:
    curable = one.playbook.plan is not None and one.finding.manual is None
    return curable and one.finding.severity >= Severity.SUSPECTED


def proposed(estate: Estate, chosen: Sequence[Diagnosed], choices: Choices) -> Iterator[Cure | ByHand]:
    """Yield what each playbook plans for its findings."""
    playbooks = {one.playbook.id: one.playbook for one in chosen}
    for playbook in playbooks.values():
        if playbook.plan:
            findings = [one.finding for one in chosen if one.playbook.id == playbook.id]
            yield from playbook.plan(estate, findings, choices)


def requested(estate: Estate, choices: Choices) -> Iterator[Cure | ByHand]:
    """Yield what playbooks do at VMs that a user named for it, whatever is found there."""
    for playbook in load().values():
        if playbook.requested:
            yield from playbook.requested(estate, choices)


def admitted(estate: Estate, said: Cure | ByHand, choices: Choices) -> Cure | ByHand:
    """Return a cure with the locks in its way lifted around it, or why it is not carried out."""
    if isinstance(said, ByHand):
        return said
    clear = cleared(estate, said.nodes, choices)
    if isinstance(clear, Blocked):
        return left(said, str(clear), clear.allow)
    cure = replace(said, nodes=clear)
    lacking = {step.fix_class for step in steps(*cure.nodes)} - choices.allow
    if not lacking:
        return cure
    flags = " ".join(f"--allow {one}" for one in FixClass if one in lacking)
    strongest = max(lacking, key=list(FixClass).index)
    return left(said, f"its cure is {strongest}; {flags} admits it", strongest)


def cleared(estate: Estate, nodes: Sequence[Node], choices: Choices) -> tuple[Node, ...] | Blocked:
    """Return nodes with the locks that would refuse them lifted around them, or what keeps one from being lifted."""
    if Read.LOCKS not in estate.reads:
        return Blocked("the locks that may refuse it were not asked for")
    if gap := estate.any_unread(Read.LOCKS):
        return Blocked(f"the locks that may refuse it could not be read: {gap.reason}")
    try:
        return Clearing(estate, choices).sequence(nodes, frozenset())
    except Blocked as blocked:
        return blocked


def left(cure: Cure, reason: str, allow: FixClass | None) -> ByHand:
    return ByHand(cure.playbook, cure.vms[0], next(iter(cure.findings), ""), reason, allow)


def each(refused: ByHand, said: Cure | ByHand, chosen: Iterable[Diagnosed]) -> Iterator[ByHand]:
    """Yield a refused cure once for every finding that it would have cured; once where it was asked for and cures none."""
    if isinstance(said, ByHand) or not said.findings:
        yield refused
        return
    vms = {one.fingerprint: one.finding.vm for one in chosen}
    for finding in said.findings:
        yield replace(refused, finding=finding, vm=vms.get(finding, refused.vm))


def forgotten(
    chosen: Iterable[Diagnosed], cures: Iterable[Cure], by_hand: Iterable[ByHand]
) -> Iterator[ByHand]:
    """Yield the findings of which no playbook spoke when it planned, or whose playbook plans nothing."""
    spoken = {one for cure in cures for one in cure.findings} | {one.finding for one in by_hand}
    for one in chosen:
        if one.fingerprint not in spoken:
            reason = one.finding.manual or one.playbook.remedy
            yield ByHand(one.playbook.id, one.finding.vm, one.fingerprint, reason)
