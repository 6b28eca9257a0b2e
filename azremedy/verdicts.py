"""
From a failed backup to a verdict on each documented cause of it, in the documents' order.

A verdict is what the playbooks that see a cause say of the VM: a finding that is borne out is the cause, one that is not
borne out leaves it open, and so does a playbook without a verdict or one that was not asked. Only where every playbook that
sees a cause looked and found nothing of it, the cause is ruled out. What is seen inside the guest comes the same way, as
findings of the playbooks that look there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from azremedy import agent, facts
from azremedy.causes import Cause, causes, covers, unfolded
from azremedy.estate import Protected
from azremedy.facts import Subject
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity
from azremedy.resources import Read
from azremedy.resources.reads import RIGHTS
from azremedy.symptoms import Symptom


class Verdict(StrEnum):
    """Whether a cause is the one."""

    CAUSE = "is the cause"
    NOT = "is not"
    UNKNOWN = "cannot tell from here"


class Diagnosed(Protocol):
    """A finding, and the playbook that made it."""

    @property
    def playbook(self) -> Playbook[Any]: ...
    @property
    def finding(self) -> Finding[Any]: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """
    A cause, and what is to be said of it.

    `listed` says whether the documents name it for this failure. `evidence` is what the verdict rests on, `tells` what would
    have to be looked at, or read, where it is open. `playbooks` see the cause, by id.
    """

    cause: Cause
    verdict: Verdict
    listed: bool
    playbooks: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What playbooks say of one VM: findings, and where they could give no verdict."""

    subject: Subject
    cards: Mapping[str, Playbook[Any]]
    found: Sequence[Diagnosed]
    gaps: Sequence[NotEvaluated]
    looked_at: bool
    """Whether its backups are on: the playbooks look at no other VM for what makes backups fail."""


def judge(symptom: Symptom | None, said: Said) -> tuple[Judged, ...]:
    """Return the causes that the documents list for a failure, in their order, then those found beside them."""
    listed = tuple(dict.fromkeys(unfolded(symptom.causes if symptom else ())))
    held = causes()
    return (
        *(of_cause(held[id_], said, listed=True) for id_ in listed),
        *(of_cause(held[id_], said, listed=False) for id_ in beside(listed, said)),
    )


def beside(listed: Iterable[str], said: Said) -> Iterator[str]:
    """Yield the causes that no document lists for the failure, and that break backups of the VM all the same."""
    covered = set(listed)
    for one in said.found:
        ids = (one.finding.cause,) if one.finding.cause else tuple(unfolded(one.playbook.causes))
        if one.finding.severity >= Severity.CORROBORATED and ids and not covered & set(ids):
            fitting = (id_ for id_ in ids if elsewhere(causes()[id_], said) is None)
            covered.add(first := next(fitting, ids[0]))
            yield first


def of_cause(cause: Cause, said: Said, *, listed: bool) -> Judged:
    """Return the verdict on one cause."""
    seeing = {id_: one for id_, one in said.cards.items() if covers(one.causes, cause.id)}
    ids = tuple(seeing)
    if other := elsewhere(cause, said):
        return Judged(cause, Verdict.NOT, listed, ids, (other,))
    found = [one for one in said.found if one.playbook.id in seeing and tells_of(one, cause)]
    if borne_out := [one for one in found if one.finding.severity >= Severity.CORROBORATED]:
        return Judged(cause, Verdict.CAUSE, listed, ids, messages(borne_out))
    seen = tuple(facts.shown(said.subject, cause.looks_at))
    if likely := [one for one in found if one.finding.severity is Severity.SUSPECTED]:
        doubt = "no failed backup bears it out: cure what is certain, back up again, and look again"
        return Judged(cause, Verdict.UNKNOWN, listed, ids, messages(likely), (doubt,))
    tells = tuple(dict.fromkeys(open_questions(cause, seeing, said)))
    if tells:
        reasons = (gap.because for gap in said.gaps if gap.playbook in seeing)
        return Judged(cause, Verdict.UNKNOWN, listed, ids, tuple(dict.fromkeys((*reasons, *seen))), tells)
    harmless = tuple(f"{one} (no effect of it is known)" for one in messages(found))
    nothing = (f"{' and '.join(ids)} found nothing",)
    return Judged(cause, Verdict.NOT, listed, ids, (*harmless, *seen) or nothing)


def tells_of(one: Diagnosed, cause: Cause) -> bool:
    """Whether a finding is of this cause: of several that its playbook sees it may name the one that it is."""
    return one.finding.cause in (None, cause.id)


def elsewhere(cause: Cause, said: Said) -> str | None:
    """Return why a cause cannot be at this VM: it belongs to another operating system."""
    vm = said.subject.estate.vm.get(said.subject.vm)
    os = (vm.os or "").lower() if vm else ""
    return f"the VM runs {os.title()}" if cause.os and os and os != cause.os else None


def open_questions(cause: Cause, seeing: Mapping[str, Playbook[Any]], said: Said) -> Iterator[str]:
    """Yield what would tell whether it is the cause; nothing where every playbook that sees it has looked."""
    if not seeing:
        yield cause.tells
        return
    if not said.looked_at:
        yield "its backups are not on, and what makes them fail is looked for only where they are"
        return
    protected = said.subject.protected
    if cause.by_agent and protected and protected.needs_guest and not facts.agent_ready(said.subject):
        yield "the VM agent, which reports it, once it answers"
    unread = said.subject.estate.unread
    for id_, playbook in seeing.items():
        missing = playbook.needs - said.subject.estate.reads
        if missing == {Read.GUEST}:
            yield f"--guest, which asks inside the VM{first(said)} ({id_})"
        elif missing:
            yield f"{cause.tells} ({id_}: not read were {', '.join(sorted(missing))})"
        elif any(gap.playbook == id_ for gap in said.gaps):
            refused = {gap.read for gap in unread if gap.status == 403} & playbook.needs
            rights = ", ".join(sorted({RIGHTS[read] for read in refused}))
            before = first(said) if playbook.inside else ""
            yield (
                f"the right {rights}"
                if rights
                else f"asking inside the VM{before} ({id_})"
                if before
                else cause.tells
            )
        elif playbook.inside and protected and off(protected):
            yield f"asking inside the VM{first(said)} ({id_})"


def first(said: Said) -> str:
    """Return what has to be done before a VM can be asked from inside; empty where nothing is known to be in the way."""
    estate, protected = said.subject.estate, said.subject.protected
    if protected and off(protected):
        return " once it runs: start it first"
    view = estate.view.get(said.subject.vm)
    silent = view is not None and agent.silence(view, estate.read_at) is not None
    return " once its agent is ready: the cure of agent-unresponsive comes first" if silent else ""


def off(one: Protected) -> bool:
    """Whether a VM could not be asked because it does not run, though its backups may need what is inside."""
    return one.power not in ("running", None) and not one.crash_consistent


def messages(found: Iterable[Diagnosed]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.finding.message for one in found))
