"""
Another backup of the VM is still running.

Azure Backup takes one backup of a VM at a time, in whatever vault: after a VM was moved from one vault to another, a
job of the old one may still run. The next backup then fails with `UserErrorBackupOperationInProgress`. A first backup
may take more than a day, any other one is slow after twelve hours, and one that has been taking its snapshot for so
long hangs: a snapshot is a matter of minutes.

A job can be cancelled only while it takes its snapshot. During the transfer to the vault it can only be waited for.
Where no job runs any more, the failure has had its cause, and the next backup shows that it is gone.

The running jobs are asked of the vaults of the VM's region, and only for a VM whose backup was refused so, or that is
looked at closely in any case.

Sources: T25, SM25, V25, JOBS18.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from azremedy import limits
from azremedy.arm import ArmId, Request
from azremedy.estate import Estate, Failure, Protected, group, vaults_near
from azremedy.plan import ByHand, Choices, Cure, FixClass, Irreversible, Step
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity
from azremedy.resources import Job, Read

from ._cures import shows, singly

ID = "backup-in-progress"
SNAPSHOT = "Take Snapshot"
SLOW = timedelta(hours=limits.JOB_SLOW.value)
WAIT = "wait for the job to end: it cannot be cancelled once its data goes to the vault"
YOUNG = "wait for the job to end: it has not been running for long"
OVER = "wait for the next backup: the job that was in its way has ended"


@dataclass(frozen=True, slots=True)
class Running:
    """A job in the way, for how many hours it has been running, and what it does; all None where none runs any more."""

    vault: ArmId
    job: ArmId | None = None
    started: datetime | None = None
    hours: int | None = None
    phase: str | None = None
    of_another_vault: bool = False


def detect(estate: Estate) -> Iterator[Finding[Running] | NotEvaluated]:
    """Look for running jobs of each VM in whichever vault: its container is called the same in each."""
    by_container = group(
        (job for held in estate.running_jobs for job in held.jobs), lambda job: job.container
    )
    for protected in estate.protected:
        failure = refused(estate, protected)
        running = by_container.get(protected.item.container.lower(), ())
        yield from (
            find(estate, protected, job, failure)
            for job in running
            if failure or (age(estate, job) >= SLOW and protected.item.last_recovery_point)
        )
        if failure and not running:
            yield over(protected, failure) if (gap := unasked(estate, protected)) is None else gap


def refused(estate: Estate, protected: Protected) -> Failure | None:
    """Return the newest failed backup where it was refused because of another one."""
    newest = next(iter(estate.failures_of.get(protected.item.id, ())), None)
    return newest if newest and newest.lists("C16") else None


def unasked(estate: Estate, protected: Protected) -> NotEvaluated | None:
    """Return that a vault in which a backup may run did not tell."""
    asked = {held.vault for held in estate.running_jobs}
    for vault in vaults_near(estate, protected):
        gap = estate.not_read(Read.RUNNING_JOBS, vault.id)
        if gap or vault.id not in asked:
            why = gap.reason if gap else "not asked for"
            return NotEvaluated(
                ID, protected.id, f"whether a backup runs in vault '{vault.id.name}' is not known: {why}"
            )
    return None


def age(estate: Estate, job: Job) -> timedelta:
    return estate.read_at - job.started if job.started else timedelta()


def find(estate: Estate, protected: Protected, job: Job, failure: Failure | None) -> Finding[Running]:
    hours = age(estate, job) // timedelta(hours=1)
    elsewhere = job.vault != protected.item.vault
    return Finding(
        vm=protected.id,
        resource=job.id,
        message=f"a backup of the VM has been running for {hours} h in "
        + (f"another vault, '{job.vault.name}'" if elsewhere else f"vault '{job.vault.name}'"),
        severity=Severity.CORROBORATED if failure else Severity.SUSPECTED,
        evidence=Running(job.vault, job.id, job.started, hours, phase(job), elsewhere),
        failure=failure,
    )


def phase(job: Job) -> str | None:
    """Return the task that a job is at, as far as it tells."""
    return next((task.name for task in job.tasks if task.status.lower() == "inprogress"), None)


def over(protected: Protected, failure: Failure) -> Finding[Running]:
    return Finding(
        vm=protected.id,
        resource=protected.item.id,
        message="the last backup was refused as another one was running; none runs any more",
        severity=Severity.INFO,
        evidence=Running(protected.item.vault),
        failure=failure,
        manual=OVER,
    )


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Cancel a job that hangs while it takes its snapshot."""
    yield from singly(ID, findings, choices, lambda finding: means(estate, finding))


def means(estate: Estate, finding: Finding[Any]) -> tuple[Step] | str:
    jobs = (job for held in estate.running_jobs for job in held.jobs)
    job = next((job for job in jobs if job.id == finding.resource), None)
    if job is None:
        return OVER
    if age(estate, job) < SLOW:
        return YOUNG
    return (cancel(finding.vm, job),) if phase(job) == SNAPSHOT else WAIT


def cancel(vm: ArmId, job: Job) -> Step:
    taking = f"properties.extendedInfo.tasksList.[taskId={SNAPSHOT}].status"
    status = "properties.status"
    return Step(
        summary=f"cancel the backup of VM {vm.name} that hangs in vault '{job.vault.name}'",
        request=Request("POST", job.id, "cancel"),
        before=(shows(job.id, status, "InProgress"), shows(job.id, taking, "InProgress")),
        after=(shows(job.id, status, "Cancelled"),),
        undo=Irreversible("a cancelled backup does not go on; the next one starts anew"),
        within=timedelta(minutes=30),
        fix_class=FixClass.GUARDED,
    )


PLAYBOOK = Playbook(
    id=ID,
    title="Another backup of the VM is still running",
    causes=("C16",),
    fix_class=FixClass.GUARDED,
    remedy="Wait for the job to end; cancel one that hangs in its snapshot.",
    needs=frozenset({Read.VMS, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL, Read.RUNNING_JOBS}),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=frozenset({"Microsoft.RecoveryServices/Vaults/backupJobs/cancel/action"}),
)
