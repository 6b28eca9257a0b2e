"""Proof: a backup of each cured VM, followed to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from azremedy.addressing import BACKUP, quoted
from azremedy.apply import Settings, carry_out, check
from azremedy.apply.backups import Job, items_of, newest, running
from azremedy.arm import ArmId, Json, Request
from azremedy.cli.output import note
from azremedy.cli.writing import Writing
from azremedy.errors import ReadError
from azremedy.journal import Journal
from azremedy.plan import (
    Bracket,
    Cure,
    Done,
    Expect,
    FixClass,
    Group,
    Irreversible,
    Outcome,
    Step,
    Test,
    View,
)
from azremedy.report.outcome import Proof

if TYPE_CHECKING:
    from pathlib import Path

    from azremedy.journal import Run

LONGEST = timedelta(hours=24)
"""How long a backup is followed: a first full transfer takes hours (FAQ25)."""

SOONEST, LATEST = 2.0, 60.0
"""Seconds between two looks at a job."""

T = TypeVar("T")

Since = Mapping[ArmId, datetime]
"""When each VM was cured; of one that is not in it nobody knows, and no backup that runs can prove its cure."""


def backup(vm: ArmId, item: ArmId) -> Group:
    """Return the group of one on-demand backup, whose point expires after seven days."""
    body = {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": "now+P7D"}
    step = Step(
        summary=f"back VM {vm.name} up, to prove that it can be",
        request=Request("POST", item, "backup", {"properties": body}),
        before=(),
        after=(Expect(item, "properties.startTime", Test.NEWER, view=View.NEWEST_JOB),),
        undo=Irreversible("the recovery point expires by itself"),
        within=timedelta(minutes=15),
        fix_class=FixClass.GUARDED,
        triggers_backup=item,
    )
    return Group(f"prove-{vm.name}", (Cure("proof", (vm,), (), (step,)),), (step,))


@dataclass(frozen=True, slots=True)
class Proving:
    """A run of backups that were to prove cures: its id, what it sent, and what came of it."""

    run: str
    done: tuple[Done, ...]
    proofs: tuple[Proof, ...]


def since_done(groups: Iterable[Group], done: Iterable[Done]) -> Since:
    """Return when the VMs of these groups were cured: not by a bracket, which is over only once its lock is back."""
    whole = {one.id: one for one in groups if not any(isinstance(node, Bracket) for node in one.nodes)}
    return _latest((whole[one.group], one.step, one.at) for one in done if one.group in whole)


def since_run(run: Run) -> Since:
    """Return when the VMs of a run were cured, or something of it was taken back."""
    groups = {one.id: one for one in run.groups}
    return _latest(
        (groups[one.group], one.step, one.noted or one.at) for one in run.entries if one.group in groups
    )


def _latest(noted: Iterable[tuple[Group, Step, datetime | None]]) -> Since:
    """Return the latest time of each VM. A backup that is part of a cure is none that it has to wait for."""
    found: dict[ArmId, datetime] = {}
    for group, step, at in noted:
        if at and not step.triggers_backup:
            for vm in group.vms:
                found[vm] = max(at, found.get(vm, at))
    return found


def proved(
    made: Writing,
    vms: Sequence[ArmId],
    settings: Settings,
    since: Since,
    journal: Path | None = None,
) -> Proving:
    """
    Back these VMs up, in a run that is named on stderr, and follow the jobs to their end.

    A backup that runs and began after the cure is followed in place of one of ours, one that began before is waited for:
    the service takes one at a time. Raises `MissingRights` before anything is sent.
    """
    items = {vm: found[0] for vm in vms if (found := items_of(made.writer, vm))}
    unprotected = [Proof(vm, proved=False, error="no vault backs it up") for vm in vms if vm not in items]
    groups = {vm: backup(vm, item) for vm, item in items.items()}
    check(made.writer, [*groups.values()])
    theirs = {vm: job for vm, item in items.items() if (job := awaited(made, vm, item, since.get(vm)))}
    groups = {vm: group for vm, group in groups.items() if vm not in theirs}
    run, sent = "none", dict[str, Done]()
    if groups:
        begun = made.begun("prove", settings)
        with Journal.new(begun, journal) as noted:
            run = begun.id
            note(f"azremedy: run {run}, journal {noted.path}, backs up what was cured")
            result = carry_out(
                [*groups.values()], made.writer, noted, settings, made.clock, note, stop=made.stop
            )
        sent = {one.group: one for one in result.done}
    followed = [
        of_another(made, vm, theirs[vm])
        if vm in theirs
        else ours(made, vm, item, sent[groups[vm].id], since.get(vm))
        for vm, item in items.items()
    ]
    return Proving(run, tuple(sent.values()), (*unprotected, *followed))


def awaited(made: Writing, vm: ArmId, item: ArmId, since: datetime | None) -> Job | str | None:
    """
    Return the backup of a VM that runs and began after its cure, or why none may be started; None where one may.

    The end of one that began before is waited for.
    """
    end, pause, told = made.clock.now() + LONGEST, SOONEST, False
    while not made.stop.told and made.clock.now() < end:
        try:
            job = running(made.writer, item)
        except ReadError as error:
            return f"It could not be read whether a backup is running: {error}"
        if job is None:
            return None
        if since and job.started >= since:
            note(
                f"azremedy: a backup of {vm.name} that began after its cure is running: no other one is started"
            )
            return job
        if not told:
            note(
                f"azremedy: a backup of {vm.name} that began before its cure is running: its end is waited for"
            )
            told = True
        made.clock.sleep(pause)
        pause = min(pause * 1.5, LATEST)
    return "a backup that began before its cure had not ended: `azremedy prove` starts one later"


def of_another(made: Writing, vm: ArmId, found: Job | str) -> Proof:
    """Follow a backup that somebody else, or the cure, started; or say why there is none to follow."""
    if isinstance(found, str):
        return Proof(vm, proved=False, error=found)
    return follow(made, vm, lambda: made.writer.get(quoted(found.id.text), {"api-version": BACKUP}))


def ours(made: Writing, vm: ArmId, item: ArmId, sent: Done, since: datetime | None) -> Proof:
    """Follow the backup that was to be started, or the one that came before it."""
    if sent.outcome is Outcome.APPLIED:
        return follow(made, vm, lambda: newest(made.writer, item))
    job = looked_at(lambda: running(made.writer, item))
    if job and since and job.started >= since:
        return of_another(made, vm, job)
    return Proof(vm, proved=False, error=sent.reason or f"its backup is {sent.outcome}")


def follow(made: Writing, vm: ArmId, look: Callable[[], Json]) -> Proof:
    """Look at a backup until it ends, and return what it proves."""
    end, pause = made.clock.now() + LONGEST, SOONEST
    while not made.stop.told and made.clock.now() < end:
        job = looked_at(look)
        properties = (job or {}).get("properties") or {}
        status = str(properties.get("status") or "")
        if job and status and status.lower() not in ("inprogress", "cancelling"):
            proved = status.lower().startswith("completed")
            return Proof(
                vm, proved, ArmId(job["id"]), None if proved else "; ".join(errors(properties)) or status
            )
        if pause == SOONEST:
            note(f"azremedy: follows the backup of {vm.name} to its end")
        made.clock.sleep(pause)
        pause = min(pause * 1.5, LATEST)
    return Proof(vm, proved=False, error="its backup had not ended: `azremedy prove` looks again")


def looked_at(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except ReadError:
        return None


def errors(properties: Json) -> Iterator[str]:
    """Yield what a failed job says, as ARM wrote it."""
    for one in properties.get("errorDetails") or ():
        yield " ".join(str(one[name]) for name in ("errorCode", "errorString") if one.get(name) is not None)
