"""Proof: a backup of each cured VM, followed to its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from azremedy.apply import Settings, carry_out, check
from azremedy.apply.backups import items_of, newest
from azremedy.arm import ArmId, Json, Request
from azremedy.cli.output import note
from azremedy.cli.writing import Writing
from azremedy.errors import ReadError
from azremedy.journal import Journal
from azremedy.plan import Cure, Done, Expect, FixClass, Group, Irreversible, Outcome, Step, Test, View
from azremedy.report.outcome import Proof

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = timedelta(hours=24)
"""How long a backup is followed: a first full transfer takes hours (FAQ25)."""

SOONEST, LATEST = 2.0, 60.0
"""Seconds between two looks at a job."""


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


def proved(made: Writing, vms: Sequence[ArmId], settings: Settings, journal: Path | None = None) -> Proving:
    """
    Back these VMs up, in a run that is named on stderr, and follow the jobs to their end.

    Raises `MissingRights` before anything is sent.
    """
    items = {vm: found[0] for vm in vms if (found := items_of(made.writer, vm))}
    groups = [backup(vm, item) for vm, item in items.items()]
    unprotected = [Proof(vm, proved=False, error="no vault backs it up") for vm in vms if vm not in items]
    check(made.writer, groups)
    begun = made.begun("prove", settings)
    with Journal.new(begun, journal) as noted:
        note(f"azremedy: run {begun.id}, journal {noted.path}, backs up what was cured")
        result = carry_out(groups, made.writer, noted, settings, made.clock, note, stop=made.stop)
    sent = {one.group: one for one in result.done}
    followed = [
        follow(made, vm, item, sent[group.id])
        for (vm, item), group in zip(items.items(), groups, strict=True)
    ]
    return Proving(begun.id, result.done, (*unprotected, *followed))


def follow(made: Writing, vm: ArmId, item: ArmId, sent: Done) -> Proof:
    """Wait for the end of the backup that was started."""
    if sent.outcome is not Outcome.APPLIED:
        return Proof(vm, proved=False, error=sent.reason or f"its backup is {sent.outcome}")
    end, pause = made.clock.now() + LONGEST, SOONEST
    while not made.stop.told and made.clock.now() < end:
        job = read_job(made, item)
        properties = (job or {}).get("properties") or {}
        status = str(properties.get("status") or "")
        if job and status and status.lower() not in ("inprogress", "cancelling"):
            proved = status.lower().startswith("completed")
            return Proof(
                vm, proved, ArmId(job["id"]), None if proved else "; ".join(errors(properties)) or status
            )
        made.clock.sleep(pause)
        pause = min(pause * 1.5, LATEST)
    return Proof(vm, proved=False, error="its backup had not ended: `azremedy prove` looks again")


def read_job(made: Writing, item: ArmId) -> Json:
    try:
        return newest(made.writer, item)
    except ReadError:
        return None


def errors(properties: Json) -> Iterator[str]:
    """Yield what a failed job says, as ARM wrote it."""
    for one in properties.get("errorDetails") or ():
        yield " ".join(str(one[name]) for name in ("errorCode", "errorString") if one.get(name) is not None)
