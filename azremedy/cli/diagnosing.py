"""From Azure, or a saved estate, to what is to be said of one VM. Nothing here can write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from azremedy import saved, symptoms
from azremedy.arm import ArmId
from azremedy.cli.deciding import CHOICES, decided
from azremedy.cli.inside import asking
from azremedy.cli.looking import LOCKS
from azremedy.cli.naming import lying
from azremedy.cli.offline import looked_back, with_gaps
from azremedy.cli.options import seconds
from azremedy.cli.output import note
from azremedy.cli.progress import progress, reading
from azremedy.cli.seen import Seen
from azremedy.errors import AzremedyError
from azremedy.estate import Estate, Failure, Protected
from azremedy.facts import Subject
from azremedy.planning import plan
from azremedy.playbook import Severity, judging, load
from azremedy.report.diagnosis import Case, fix_command, to_ask, whose
from azremedy.resources import Item, Job, Subscription
from azremedy.scan import Scan, complaint, evaluate
from azremedy.selection import Selection, jobs_of, named
from azremedy.session import WEEK, Session, connect
from azremedy.verdicts import Said, judge

if TYPE_CHECKING:
    from azremedy.cli.diagnose import Flags


class Meant(Protocol):
    """How one VM is named: by itself, by its item, or by a failed job of it."""

    @property
    def selection(self) -> Selection: ...
    @property
    def vm(self) -> tuple[str, ...]: ...
    @property
    def resource_group(self) -> tuple[str, ...]: ...
    @property
    def item(self) -> str | None: ...
    @property
    def job(self) -> str | None: ...


def read_case(flags: Flags) -> Case:
    """Read a subscription, and of its VMs the one that is named closely, and judge it."""
    with (
        progress(quiet=flags.quiet or flags.debug) as show,
        connect(
            flags.cloud,
            tenant=flags.tenant,
            deadline=seconds(flags.deadline),
            log=note if flags.debug else None,
            guests=flags.guest,
        ) as session,
    ):
        if flags.mask:
            flags.mask.asked(flags)
        subscription = lying_in(session, flags.named)
        if flags.mask:
            flags.mask.about(subscription)
        estate, scan = session.examine(
            subscription,
            more=LOCKS,
            lookback=flags.lookback or WEEK,
            deep=True,
            selection=flags.selection,
            progress=reading(subscription.name, show),
            listed=lambda estate: subject_of(estate, flags),
            inside=asking(session, subscription, now=flags.now) if flags.guest else None,
        )
        if flags.mask:
            flags.mask.learn(estate)
        subject = subject_of(estate, flags)
        estate = for_cures(session, with_job(session, estate, subject, flags), scan)
        return case(replace(subject, estate=estate), scan, flags)


def lying_in(session: Session, named: Sequence[str]) -> Subscription:
    """Return the subscription that is meant. Raises `AzremedyError` where it is none or several."""
    found = session.subscriptions(named)
    if len(found) != 1:
        raise AzremedyError(f"A VM lies in one subscription, and {len(found)} were named: name one.")
    return found[0]


def saved_case(flags: Flags, file: Path) -> Case:
    """Judge a VM of a saved estate. What its cure would need beyond that was not read."""
    if flags.mask:
        flags.mask.asked(flags)
    kept = looked_back(saved.load(file), flags.lookback, file)
    playbooks = judging(kept.reads)
    estate = with_gaps(kept, playbooks)
    if flags.mask:
        flags.mask.learn(estate)
    subject = subject_of(estate, flags)
    return case(subject, evaluate(estate, playbooks, selection=flags.selection), flags)


def for_cures(session: Session, estate: Estate, scan: Scan) -> Estate:
    """Return the estate with what the cures of the findings need beyond a scan."""
    from azremedy.collect.cures import read_for_cures  # noqa: PLC0415 - decoding is loaded when something is decoded

    worth = [(one.playbook, one.finding) for one in scan.diagnoses if curable(one.finding.severity)]
    if not any(playbook.plan_needs for playbook, _ in worth):
        return estate
    return read_for_cures(session.reader, estate, worth).estate


def curable(severity: Severity) -> bool:
    return severity >= Severity.CORROBORATED


def with_job(session: Session, estate: Estate, subject: Subject, flags: Flags) -> Estate:
    """Return the estate with the errors of the job that is asked about, where a newer one failed since."""
    from azremedy.collect.detail import read_job  # noqa: PLC0415 - as above

    job = asked_job(subject, flags)
    newest = next(iter(estate.failures_of.get(subject.item.id, ())), None) if subject.item else None
    if job is None or subject.protected is None or (newest and newest.job.id == job.id):
        return estate
    return read_job(session.reader, estate, subject.protected, job)


def subject_of(estate: Estate, flags: Meant) -> Subject:
    """Return the VM that is meant, with its item. Raises `AzremedyError` where none fits, or several do."""
    selection = flags.selection
    if flags.item or flags.job:
        items = [one for one in estate.items if one.vm in selection and selection.takes(estate, one)]
        if not items:
            raise AzremedyError(nothing_of(flags, estate))
        vms = {one.vm: one.vm for one in items}
    else:
        seen = Seen()
        seen.add(estate)
        vms = {vm: vm for vm in seen.vms if vm in selection}
        if not vms:
            seen.check(flags.vm, flags.resource_group)
            raise AzremedyError(f"No VM {flags.vm[0]!r} is among those that could be read.")
        items = [one for one in estate.items if one.vm in vms]
    if len(vms) > 1:
        raise AzremedyError(several(list(vms)))
    [vm] = vms
    known = estate.vm.get(vm)
    return Subject(estate, known.id if known else vm, likeliest(estate, items))


def nothing_of(flags: Meant, estate: Estate) -> str:
    if flags.item:
        return f"No protected item {flags.item!r} is there: give its id, as 'azremedy scan -o json' shows it."
    days = f"{estate.lookback.total_seconds() / 86_400:g} days"
    return f"No backup job {flags.job!r} failed within the last {days}; --lookback looks further back."


def several(vms: Sequence[ArmId]) -> str:
    """Return what to do where one name is that of several VMs."""
    places = sorted(f"{vm.group.name}/{vm.name}" if vm.group else vm.text for vm in vms)
    return f"{len(places)} VMs fit: {', '.join(places)}. Name one with --resource-group, or give its id with --vm."


def likeliest(estate: Estate, items: Sequence[Item]) -> Item | None:
    """Return the item that a VM is judged by, where old ones lie in other vaults: one that failed, else one that is on."""
    on = {one.item.id for one in estate.protected}
    return min(
        items, key=lambda one: (one.id not in estate.failures_of, one.id not in on, one.id.key), default=None
    )


def asked_job(subject: Subject, flags: Flags) -> Job | None:
    """Return the job that is asked about by id."""
    if flags.job is None or subject.item is None:
        return None
    asked = Selection.of(jobs=[flags.job]).jobs
    return next(one for one in jobs_of(subject.estate, subject.item) if named(one.id, asked))


def case(subject: Subject, scan: Scan, flags: Flags) -> Case:
    """Judge a VM, and plan its cure as `fix` would."""
    estate, item = subject.estate, subject.item
    failures = estate.failures_of.get(item.id, ()) if item else ()
    job = asked_job(subject, flags)
    failure = Failure(job, symptoms.of(job)) if job else next(iter(failures), None)
    found = tuple(one for one in scan.diagnoses if one.finding.vm == subject.vm)
    gaps = tuple(one for one in scan.not_evaluated if one.vm == subject.vm)
    active = {one.id: one for one in estate.protected}
    said = Said(subject, load(), found, gaps, looked_at=subject.vm in active)
    planned = plan(estate, found, CHOICES)
    single = alone(estate, subject.vm)
    words = whose(
        flags.subscription[0] if flags.subscription else estate.subscription.id.name,
        subject.vm,
        lying=lying(flags),
        alone=single,
    )
    called = subject.vm.name if single else subject.vm.text
    options = decided(estate, subject.vm, found, planned, called=called)
    return Case(
        subject=subject,
        as_of=scan.finished,
        failure=failure,
        since=failure is not None and all(one.job.id != failure.job.id for one in failures),
        complaint=complaint_of(estate, active.get(subject.vm)) if failure is None else None,
        judged=judge(failure.symptom if failure else None, said),
        found=found,
        gaps=gaps,
        plan=planned,
        fix=fix_command(words, planned, inside=flags.guest),
        decisions=(
            *(() if flags.guest else to_ask(words, planned)),
            *(fix_command(words, then, flag=flag, inside=flags.guest) for flag, then in options),
        ),
    )


def complaint_of(estate: Estate, active: Protected | None) -> str | None:
    return complaint(estate, active) if active else None


def alone(estate: Estate, vm: ArmId) -> bool:
    """Whether no other VM has this name."""
    return sum(one.id.name.lower() == vm.name.lower() for one in estate.vms) <= 1
