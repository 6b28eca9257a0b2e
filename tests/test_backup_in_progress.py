"""backup-in-progress: another backup of the VM is still running."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from building import (
    VAULT,
    ago,
    container,
    cured,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    undecided,
    vm,
    vm_id,
)

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import Choices, Expect, FixClass, Irreversible, Step
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import Job, Read, RunningJobs, Task, Unread, Vault

ID = "backup-in-progress"
CODE = "UserErrorBackupOperationInProgress"
OLD = ArmId(str(VAULT).replace("vault1", "old"))
FAR = ArmId(str(VAULT).replace("vault1", "far"))

refused = failed_item(), failed_job(CODE)
TAKING = (Task("Take Snapshot", "InProgress"), Task("Transfer data to vault", "NotStarted"))
SENDING = (Task("Take Snapshot", "Completed"), Task("Transfer data to vault", "InProgress"))


def job(hours: float = 1, name: str = "sql1", vault: ArmId = VAULT, tasks: tuple[Task, ...] = ()) -> Job:
    """A backup that has been running for so many hours."""
    return replace(
        failed_job(0, name),
        id=ArmId(f"{vault}/backupJobs/running"),
        vault=vault,
        status="InProgress",
        started=ago(hours=hours),
        ended=None,
        errors=(),
        tasks=tasks,
        container=container(name),
    )


def running(*jobs: Job, vault: ArmId = VAULT) -> RunningJobs:
    return RunningJobs(vault, jobs)


def test_finds_the_job_that_was_in_the_way() -> None:
    [finding] = found(ID, estate(vm(), *refused, running(job(3))))

    assert (finding.vm, finding.resource) == (vm_id(), job().id)
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.message == "a backup of the VM has been running for 3 h in vault 'vault1'"
    assert (finding.evidence.hours, finding.evidence.of_another_vault) == (3, False)


def test_finds_a_job_of_the_vault_that_the_vm_was_moved_from() -> None:
    old = running(job(3, vault=OLD), vault=OLD)
    [finding] = found(
        ID, estate(vm(), *refused, running(), old, Vault(VAULT, "westeurope"), Vault(OLD, "westeurope"))
    )

    assert "another vault, 'old'" in finding.message
    assert finding.evidence.of_another_vault


@pytest.mark.parametrize("code", [CODE, "SystemBackupOperationInProgress"])
def test_knows_both_spellings(code: str) -> None:
    assert len(found(ID, estate(vm(), failed_item(), failed_job(code), running(job())))) == 1


def test_suspects_a_job_that_is_slow_although_nothing_was_refused() -> None:
    [finding] = found(ID, estate(vm(), item(), running(job(12))))

    assert (finding.severity, finding.failure) == (Severity.SUSPECTED, None)


def test_tells_that_what_was_in_the_way_has_ended() -> None:
    [finding] = found(ID, estate(vm(), *refused, running()))

    assert (finding.resource, finding.severity) == (refused[0].id, Severity.INFO)
    assert finding.failure is not None
    assert finding.manual is not None


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is there"),
        pytest.param(estate(vm(), item(), running()), id="nothing runs"),
        pytest.param(estate(vm(), item(), running(job(1))), id="tonight's backup runs"),
        pytest.param(estate(vm(), item(), running(job(11.9))), id="it takes nearly as long as it may"),
        pytest.param(
            estate(vm(), item(last_recovery_point=None), running(job(40))),
            id="the first backup takes a day and more",
        ),
        pytest.param(estate(vm(), item(), running(job(40, "sql10"))), id="that of another vm hangs"),
        pytest.param(
            estate(vm(), failed_item(), failed_job("BackUpOperationFailed"), running(job(1))),
            id="another failure, and tonight's backup runs",
        ),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped"), running(job(40))),
            id="backups are stopped",
        ),
        pytest.param(
            estate(vm(), item(), failed_job(CODE), running()),
            id="it was refused, and one was completed since",
        ),
        pytest.param(estate(vm(), item()), id="no vault was asked, and nothing was refused"),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


BOTH = Vault(VAULT, "westeurope"), Vault(OLD, "West Europe"), Vault(FAR, "northeurope")


@pytest.mark.parametrize(
    ("read", "because"),
    [
        pytest.param(
            estate(
                vm(),
                *refused,
                *BOTH,
                running(),
                running(vault=OLD),
                Unread(Read.RUNNING_JOBS, OLD, "forbidden"),
            ),
            "vault 'old' is not known: forbidden",
            id="the old vault could not be read",
        ),
        pytest.param(
            estate(vm(), *refused, *BOTH, running()), "not asked for", id="the old vault was not asked"
        ),
    ],
)
def test_gives_no_verdict_where(read: Estate, because: str) -> None:
    assert found(ID, read) == []
    assert [because in gap.because for gap in undecided(ID, read)] == [True]


def test_does_not_miss_vaults_of_other_regions() -> None:
    read = estate(vm(), *refused, *BOTH, running(), running(vault=OLD))

    assert undecided(ID, read) == []


def test_cancels_a_job_that_hangs_in_its_snapshot() -> None:
    hung = job(14, tasks=TAKING)

    assert cured(ID, estate(vm(), *refused, running(hung))).nodes == (
        Step(
            summary="cancel the backup of VM sql1 that hangs in vault 'vault1'",
            request=Request("POST", hung.id, "cancel"),
            before=(
                Expect(hung.id, "properties.status", Check.EQUALS, "InProgress"),
                Expect(
                    hung.id,
                    "properties.extendedInfo.tasksList.[taskId=Take Snapshot].status",
                    Check.EQUALS,
                    "InProgress",
                ),
            ),
            after=(Expect(hung.id, "properties.status", Check.EQUALS, "Cancelled"),),
            undo=Irreversible("a cancelled backup does not go on; the next one starts anew"),
            within=timedelta(minutes=30),
            fix_class=FixClass.GUARDED,
        ),
    )


@pytest.mark.parametrize(
    ("read", "choices", "reason"),
    [
        pytest.param(
            estate(vm(), *refused, running(job(14, tasks=SENDING))),
            None,
            "cannot be cancelled",
            id="it sends its data",
        ),
        pytest.param(
            estate(vm(), *refused, running(job(14))), None, "cannot be cancelled", id="it does not say"
        ),
        pytest.param(
            estate(vm(), *refused, running(job(11, tasks=TAKING))),
            None,
            "not been running for long",
            id="it is young",
        ),
        pytest.param(estate(vm(), *refused, running()), None, "has ended", id="it has ended"),
        pytest.param(
            estate(vm(), *refused, running(job(14, tasks=TAKING))),
            Choices(),
            "--allow guarded",
            id="not admitted",
        ),
    ],
)
def test_leaves_it_to_a_person_where(read: Estate, choices: Choices | None, reason: str) -> None:
    made = left(ID, read, choices) if choices else left(ID, read)

    assert reason in made.reason
