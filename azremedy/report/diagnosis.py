"""What is wrong with one VM: its last failed backup, the verdict on each cause of it, and the cure. For programs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azremedy import __version__
from azremedy.arm import ArmId
from azremedy.estate import Failure
from azremedy.facts import Subject
from azremedy.guest import ACTION
from azremedy.plan import FixClass, steps
from azremedy.planning import Plan
from azremedy.playbook import NotEvaluated, load
from azremedy.report import checklist
from azremedy.report.document import found, gap, moment, undecided
from azremedy.scan import Diagnosis
from azremedy.verdicts import Judged, Verdict

SCHEMA_VERSION = 1
ASKS = re.compile(r"--guest, which asks inside the VM \(")
"""What would tell of a cause, where the VM can be asked now."""


@dataclass(frozen=True, slots=True)
class Case:
    """
    All that is known of one VM, and what follows from it.

    `failure` is the failed backup that is asked about, `since` whether a backup was completed after it. `complaint` is what
    Azure Backup says is wrong where no failed job does. `fix` are the words of the command that shows the cure, `decisions`
    those of a command for each decision of a person that cures more.
    """

    subject: Subject
    as_of: datetime
    failure: Failure | None
    since: bool
    complaint: str | None
    judged: tuple[Judged, ...]
    found: tuple[Diagnosis, ...]
    gaps: tuple[NotEvaluated, ...]
    plan: Plan
    fix: tuple[str, ...]
    decisions: tuple[tuple[str, ...], ...] = ()


def document(case: Case) -> dict[str, Any]:
    """Return a case as `schemas/diagnosis.json` describes it."""
    estate, item = case.subject.estate, case.subject.item
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "asOf": moment(case.as_of),
        "subscription": {"id": estate.subscription.id.name, "name": estate.subscription.name},
        "vm": vm(case.subject),
        "item": item
        and {"id": item.id.text, "vault": item.vault.text, "protectionState": item.protection_state},
        "failure": case.failure and failed(case.failure, since=case.since),
        "complaint": case.complaint,
        "causes": [verdict(one) for one in case.judged],
        "findings": [found(one) for one in case.found],
        "cure": cure(case),
        "checklists": checklist.data(estate, case.plan, where(case)),
        "ask": shlex.join(asking(case)) or None,
        "notEvaluated": [undecided(one) for one in case.gaps],
        "unread": [gap(one) for one in estate.unread],
    }


def vm(subject: Subject) -> dict[str, Any]:
    model = subject.estate.vm.get(subject.vm)
    return {
        "id": subject.vm.text,
        "name": subject.vm.name,
        "os": model.os if model else None,
        "power": subject.estate.power.get(subject.vm),
    }


def failed(failure: Failure, *, since: bool) -> dict[str, Any]:
    job, symptom, error = failure.job, failure.symptom, failure.error
    return {
        "job": job.id.text,
        "startedAt": moment(job.started) if job.started else None,
        "errorCode": symptom.code if symptom else None,
        "errorNumber": error.code if error else None,
        "errorTitle": error.title if error else None,
        "errorText": error.text if error else None,
        "recommendations": list(error.recommendations) if error else [],
        "means": symptom.means if symptom else None,
        "byHand": list(symptom.by_hand) if symptom else [],
        "completedSince": since,
    }


def verdict(one: Judged) -> dict[str, Any]:
    return {
        "cause": one.cause.id,
        "title": one.cause.title,
        "verdict": {Verdict.CAUSE: "cause", Verdict.NOT: "not", Verdict.UNKNOWN: "unknown"}[one.verdict],
        "listed": one.listed,
        "evidence": list(one.evidence),
        "tells": list(one.tells),
        "playbooks": list(one.playbooks),
        "byHand": list(one.cause.by_hand),
    }


def cure(case: Case) -> dict[str, Any]:
    """Return what `fix` would write, in its order, what it leaves to a person, and how to see it."""
    planned = [one for group in case.plan.groups for one in steps(*group.nodes)]
    cures = [one for group in case.plan.groups for one in group.cures]
    return {
        "writes": [{"summary": one.summary, "class": one.fix_class.value} for one in planned],
        "relief": [one.relief for one in cures if one.relief],
        "afterwards": [line for one in cures for line in one.afterwards],
        "byHand": [{"playbook": one.playbook, "reason": one.reason} for one in case.plan.by_hand],
        "command": shlex.join(case.fix) if planned else None,
        "decisions": [shlex.join(words) for words in case.decisions],
    }


def whose(subscription: str, vm: ArmId, *, lying: Sequence[str] = (), alone: bool) -> tuple[str, ...]:
    """Return the words by which a command names a VM: `lying` says in which cloud; `alone` is one whose name no other has."""
    return (*lying, "--subscription", subscription, "--vm", vm.name if alone else vm.text)


def fix_command(
    vm: Sequence[str], plan: Plan, *, flag: Sequence[str] = (), inside: bool = False
) -> tuple[str, ...]:
    """
    Return the words of the command that shows this plan.

    `vm` are the words that name the VM (`whose`), `flag` those of what a person decided. `inside`: the VM was asked from
    inside. What it told takes asking again, and so does every cure that runs a script there.
    """
    known = load()
    planned = [one for group in plan.groups for one in steps(*group.nodes)]
    told = inside and any(known[one.playbook].inside for group in plan.groups for one in group.cures)
    asks = told or any(one.request.action == ACTION for one in planned)
    classes = {one.fix_class for one in planned} & {FixClass.GUARDED, FixClass.DESTRUCTIVE}
    allowed = [word for one in FixClass if one in classes for word in ("--allow", one.value)]
    return ("azremedy", "fix", *vm, *(("--guest",) if asks else ()), *flag, *allowed)


def to_ask(vm: Sequence[str], plan: Plan) -> Iterator[tuple[str, ...]]:
    """Yield the words of the command for what is only planned once the VM is asked from inside."""
    left = {one.playbook for one in plan.by_hand if "give --guest" in one.reason}
    if left:
        guarded = any(load()[one].fix_class is FixClass.GUARDED for one in left)
        yield ("azremedy", "fix", *vm, "--guest", *(("--allow", "guarded") if guarded else ()))


def where(case: Case) -> Sequence[str]:
    """Return the words by which a command finds the cloud and the tenant."""
    return case.fix[2 : case.fix.index("--subscription")]


def asking(case: Case) -> tuple[str, ...]:
    """Return the words of the command that asks inside the VM, none where nothing it could tell is open."""
    if not any(ASKS.match(line) for one in case.judged for line in one.tells):
        return ()
    whose = case.fix[2 : case.fix.index("--vm") + 2]
    return ("azremedy", "diagnose", *whose, "--guest")


def by_person(case: Case) -> Iterator[str]:
    """Yield what is left to a person of the causes that were found, each once: why `fix` leaves it, then the documents' steps."""
    left = {one.playbook for one in case.plan.by_hand}
    said = [f"{one.playbook}: {one.reason}" for one in case.plan.by_hand]
    for one in case.judged:
        if one.verdict is Verdict.CAUSE and left & set(one.playbooks):
            said += one.cause.by_hand
    if case.failure and case.failure.symptom:
        said += case.failure.symptom.by_hand
    yield from dict.fromkeys(said)


def besides(case: Case) -> Sequence[Diagnosis]:
    """Return the findings on the VM of which no verdict tells."""
    said = [line for one in case.judged for line in one.evidence]
    return [one for one in case.found if not any(one.finding.message in line for line in said)]


def undecided_besides(case: Case) -> Sequence[NotEvaluated]:
    """Return the playbooks without a verdict that see none of the causes judged."""
    seeing = {id_ for one in case.judged for id_ in one.playbooks}
    return [one for one in case.gaps if one.playbook not in seeing]
