"""After a run: what a second look says of each finding that was to be cured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.plan import Cure, Done, Group, Outcome, brackets, steps
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity
from azremedy.resources import Read


class Verdict(StrEnum):
    """What became of a finding."""

    FIXED = "fixed"
    """Looked again, and it is gone."""
    RELIEVED = "relieved"
    """Backups work for now: it is there with less weight, as a lock that was lifted is back or a count is near a limit."""
    STILL_THERE = "still there"
    UNDECIDABLE = "undecidable"
    """What would tell could not be read, or a lock that was lifted is not back, which proves nothing."""


@dataclass(frozen=True, slots=True)
class Verified:
    """
    A finding that was to be cured, and the verdict.

    `reason` says until when it is relieved, what is left to people, what was found again, or what is unread.
    """

    playbook: str
    vm: ArmId
    finding: str
    verdict: Verdict
    reason: str | None = None


class Diagnosed(Protocol):
    """A finding, the playbook that made it, and the fingerprint that names it."""

    @property
    def playbook(self) -> Playbook[Any]: ...
    @property
    def finding(self) -> Finding[Any]: ...
    @property
    def fingerprint(self) -> str: ...


def verify(
    groups: Sequence[Group],
    before: Sequence[Diagnosed],
    again: Estate,
    after: Sequence[Diagnosed],
    not_evaluated: Iterable[NotEvaluated] = (),
    *,
    done: Sequence[Done] = (),
    beside: Iterable[str] = (),
    off: AbstractSet[ArmId] = frozenset(),
) -> tuple[Verified, ...]:
    """
    Return a verdict on each finding of `before` that these groups were to cure.

    `done` is what became of their steps: a cure that ends with people, and whose own part is done, leaves its finding
    still there, with what they do now. `beside` are fingerprints of others at the same VMs, which may be gone with them.
    `off` are locks that were lifted and are not back: that a finding is gone proves nothing where its cure lifted one.

    `again` is a second reading of the VMs, `after` what was found in it and `not_evaluated` where no verdict was
    possible. A finding that is there below `corroborated`, with less weight than before, is relieved; so is one that is
    gone while the lock that was lifted for it is back, where its cure says that it comes again.
    """
    cures = [cure for group in groups for cure in group.cures]
    look = Second(
        again,
        {one.fingerprint: one for one in after},
        {(gap.playbook, gap.vm): gap.because for gap in not_evaluated},
        {finding: cure.afterwards for cure in cures if half_way(cure, done) for finding in cure.findings},
        locked_again(groups, again),
        unlocked(groups, off),
    )
    relief: dict[str, str | None] = dict.fromkeys(beside)
    relief |= {finding: cure.relief for cure in cures for finding in cure.findings}
    return tuple(look.verdicts((one for one in before if one.fingerprint in relief), relief))


def verify_run(
    groups: Sequence[Group],
    known: Mapping[str, Playbook[Any]],
    again: Estate,
    after: Sequence[Diagnosed],
    not_evaluated: Iterable[NotEvaluated] = (),
    *,
    done: Sequence[Done] = (),
    off: AbstractSet[ArmId] = frozenset(),
) -> tuple[Verified, ...]:
    """
    Return a verdict on each VM of each cure of a run of which nothing but its journal is left.

    As `verify`, but how heavy a finding was is not known any more: what is there below `corroborated` is relieved.
    """
    look = Second(
        again,
        {one.fingerprint: one for one in after},
        {(gap.playbook, gap.vm): gap.because for gap in not_evaluated},
        {},
        locked_again(groups, again),
        unlocked(groups, off),
    )
    return tuple(
        look.of_cure(known[cure.playbook], cure, vm, half_way=half_way(cure, done))
        for group in groups
        for cure in group.cures
        if cure.playbook in known
        for vm in cure.vms
    )


def locked_again(groups: Iterable[Group], again: Estate) -> frozenset[str]:
    """
    Return the findings of cures that lifted a lock which is there again.

    Gone is such a finding only until the service makes its next restore points under that lock.
    """
    there = {lock.id for lock in again.locks}
    return frozenset(
        finding
        for group in groups
        for cure in group.cures
        if any(bracket.open.request.id in there for bracket in brackets(*cure.nodes))
        for finding in cure.findings
    )


def unlocked(groups: Iterable[Group], off: AbstractSet[ArmId]) -> Mapping[str, str]:
    """Return the findings of cures that lifted a lock which is not back, each with the name of that lock."""
    return {
        finding: bracket.open.request.id.name
        for group in groups
        for cure in group.cures
        for bracket in brackets(*cure.nodes)
        if bracket.open.request.id in off
        for finding in cure.findings
    }


def half_way(cure: Cure, done: Sequence[Done]) -> bool:
    """Whether all that a cure does itself is done, and the rest of it is left to people."""
    applied = [one.step.request for one in done if one.outcome is Outcome.APPLIED]
    return bool(cure.afterwards) and all(step.request in applied for step in steps(*cure.nodes))


def numbered(lines: Sequence[str]) -> str:
    """Return lines as one, each with its number."""
    return "; ".join(f"({number}) {line}" for number, line in enumerate(lines, 1))


@dataclass(frozen=True, slots=True)
class Second:
    """
    A second look: the estate, what was found in it by fingerprint, and where no verdict was possible.

    `by_hand` is what is left to people of a finding whose cure did its own part, `locked_again` the findings whose cure
    lifted a lock that is there again, `unlocked` those whose cure lifted one that is not back, with its name.
    """

    estate: Estate
    found: Mapping[str, Diagnosed]
    gaps: Mapping[tuple[str, ArmId], str]
    by_hand: Mapping[str, Sequence[str]]
    locked_again: AbstractSet[str] = frozenset()
    unlocked: Mapping[str, str] = field(default_factory=dict)

    def verdicts(self, before: Iterable[Diagnosed], relief: Mapping[str, str | None]) -> Iterator[Verified]:
        for one in before:
            verdict, reason = self.of(one, relief[one.fingerprint])
            yield Verified(one.playbook.id, one.finding.vm, one.fingerprint, verdict, reason)

    def of_cure(self, playbook: Playbook[Any], cure: Cure, vm: ArmId, *, half_way: bool) -> Verified:
        """Return the verdict on what a cure was for at one of its VMs."""
        found = [self.found[one] for one in cure.findings if one in self.found]
        there = max(
            (one for one in found if one.finding.vm == vm), key=lambda one: one.finding.severity, default=None
        )
        verdict, reason = Verdict.FIXED, None
        if there is not None and half_way:
            verdict, reason = Verdict.STILL_THERE, f"by hand now: {numbered(cure.afterwards)}"
        elif there is not None and there.finding.severity < Severity.CORROBORATED:
            said = f"only {there.finding.severity} now: {there.finding.message}"
            verdict, reason = Verdict.RELIEVED, cure.relief or said
        elif there is not None:
            verdict, reason = Verdict.STILL_THERE, there.finding.message
        elif because := self.unlocked_for(cure.findings) or self.unknown(playbook, vm):
            verdict, reason = Verdict.UNDECIDABLE, because
        elif cure.relief and not self.locked_again.isdisjoint(cure.findings):
            verdict, reason = Verdict.RELIEVED, cure.relief
        return Verified(playbook.id, vm, there.fingerprint if there else "", verdict, reason)

    def of(self, one: Diagnosed, relief: str | None) -> tuple[Verdict, str | None]:
        there = self.found.get(one.fingerprint)
        if there is not None:
            if left := self.by_hand.get(one.fingerprint):
                return Verdict.STILL_THERE, f"by hand now: {numbered(left)}"
            weight = there.finding.severity
            if weight < one.finding.severity and weight < Severity.CORROBORATED:
                return Verdict.RELIEVED, relief or f"only {weight} now: {there.finding.message}"
            return Verdict.STILL_THERE, there.finding.message
        if because := self.unlocked_for([one.fingerprint]) or self.unknown(one.playbook, one.finding.vm):
            return Verdict.UNDECIDABLE, because
        if relief and one.fingerprint in self.locked_again:
            return Verdict.RELIEVED, relief
        return Verdict.FIXED, None

    def unlocked_for(self, findings: Iterable[str]) -> str | None:
        """Return why it proves nothing that findings are gone, where a lock that was lifted for them is not back."""
        name = next((self.unlocked[one] for one in findings if one in self.unlocked), None)
        return name and f"the lock {name} that was lifted for it is not back"

    def unknown(self, playbook: Playbook[Any], vm: ArmId) -> str | None:
        """Return why the absence of a playbook's finding at a VM proves nothing, if it does not."""
        needed = playbook.needs | {Read.ITEMS}
        if unasked := needed - self.estate.reads:
            return f"{min(unasked)} not asked for"
        if gap := self.estate.any_unread(*sorted(needed)):
            return f"{gap.read} not read: {gap.reason}"
        return self.gaps.get((playbook.id, vm))
