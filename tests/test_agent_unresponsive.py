"""agent-unresponsive: the VM agent of a running VM does not answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from building import (
    DESTRUCTIVE,
    GUARDED,
    NOT_READY,
    READY,
    SUBSCRIPTION,
    VAULT,
    ago,
    cured,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    policy,
    undecided,
    view,
    vm,
    vm_id,
)

from azremedy import playbook, scan
from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import Choices, Cure, Expect, FixClass, Irreversible, Ladder, Step, View, steps
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import InstanceView, Read, Status, Unread

ID = "agent-unresponsive"
SILENT = "UserErrorGuestAgentStatusUnavailable"
dead = view(agent_version="Unknown", agent=NOT_READY)
failed = failed_job(SILENT)
sick = estate(vm(), failed_item(), failed, dead)


def test_finds_the_agent_and_shows_the_failed_job() -> None:
    [finding] = found(ID, sick)

    assert (finding.vm, finding.resource) == (vm_id(), vm_id())
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.failure.job == failed
    assert "Not Ready" in finding.message
    assert finding.evidence.version == "Unknown"
    assert finding.evidence.code == "ProvisioningState/Unavailable"
    assert finding.evidence.message == "VM status blob is found but not yet populated."
    assert finding.evidence.reported == ago(minutes=1)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        pytest.param(dead, "not ready", id="is not ready"),
        pytest.param(view(agent=NOT_READY), "not ready", id="is not ready and has a version"),
        pytest.param(
            view(agent=replace(READY, code="ProvisioningState/failed", display=None)),
            "ProvisioningState/failed",
            id="failed",
        ),
        pytest.param(view(agent=None, agent_version=None), "no VM agent reports", id="never reported"),
        pytest.param(view(agent=None), "no VM agent reports", id="has a version and no status"),
        pytest.param(view(agent_version="Unknown"), "version", id="is of version Unknown"),
        pytest.param(view(agent_version=None), "version", id="has no version"),
        pytest.param(
            view(agent=replace(READY, time=ago(minutes=16))), "stale", id="was ready 16 minutes ago"
        ),
        pytest.param(view(agent=replace(READY, time=ago(days=40))), "stale", id="was ready 40 days ago"),
        pytest.param(
            view(agent=NOT_READY, statuses=()), "not ready", id="is not ready and the view has no power state"
        ),
    ],
)
def test_finds_an_agent_that(seen: InstanceView, says: str) -> None:
    [finding] = found(ID, estate(vm(), item(), seen))

    assert says in finding.message
    assert finding.severity is Severity.SUSPECTED


def test_says_how_old_a_stale_status_is() -> None:
    [finding] = found(ID, estate(vm(), item(), view(agent=replace(READY, time=ago(minutes=95)))))

    assert "95 minutes" in finding.message


@pytest.mark.parametrize("os", ["Windows", "Linux", "linux", None, "Plan9"])
def test_finds_it_on_any_operating_system(os: str | None) -> None:
    [finding] = found(ID, estate(vm(os=os), failed_item(), failed, dead))

    assert finding.severity is Severity.CORROBORATED
    assert finding.evidence.os == os


@pytest.mark.parametrize(
    ("read", "severity"),
    [
        pytest.param(
            estate(vm(os="Linux"), failed_item(), failed_job("GuestAgentSnapshotTaskStatusError"), dead),
            Severity.CORROBORATED,
            id="corroborated by the snapshot status that nobody could tell",
        ),
        pytest.param(
            estate(
                vm(),
                failed_item(),
                failed_job("El agente de máquina virtual no se puede comunicar con Azure Backup"),
                dead,
            ),
            Severity.CORROBORATED,
            id="corroborated by a Spanish text",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("UserErrorRpCollectionLimitReached"), dead),
            Severity.SUSPECTED,
            id="suspected where the backup failed with another code",
        ),
        pytest.param(
            estate(vm(os="Linux"), failed_item(), failed_job("ExtensionStuckInDeletionState"), dead),
            Severity.SUSPECTED,
            id="suspected on Linux by a code that lists the Windows agent only",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("ExtensionStuckInDeletionState"), dead),
            Severity.CORROBORATED,
            id="corroborated on Windows by that code",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("unknown to all documents"), dead),
            Severity.SUSPECTED,
            id="suspected where nobody knows the error",
        ),
        pytest.param(
            estate(vm(), item(), dead), Severity.SUSPECTED, id="suspected where the last backup was fine"
        ),
        pytest.param(
            estate(vm(), item(), failed, dead),
            Severity.SUSPECTED,
            id="suspected where a later backup completed",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job(SILENT, started=ago(days=8)), dead),
            Severity.SUSPECTED,
            id="suspected where the failure is older than the look-back",
        ),
    ],
)
def test_severity_is(read: Estate, severity: Severity) -> None:
    [finding] = found(ID, read)

    assert finding.severity is severity


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(vm(), failed_item(), failed, view()), id="the agent is ready"),
        pytest.param(
            estate(vm(), item(), view(agent=replace(READY, code="PROVISIONINGSTATE/Succeeded"))),
            id="the agent is ready, spelt in another case",
        ),
        pytest.param(
            estate(vm(), item(), view(agent=replace(READY, time=ago(minutes=15)))),
            id="the agent was ready 15 minutes ago",
        ),
        pytest.param(
            estate(vm(), item(), view(agent=replace(READY, time=None))), id="a ready agent gives no time"
        ),
        pytest.param(
            estate(vm(), item(), view(agent=replace(READY, time=ago(minutes=-5)))),
            id="the guest's clock is ahead",
        ),
        pytest.param(estate(vm(), item(), dead, power="deallocated"), id="the vm is deallocated"),
        pytest.param(estate(vm(), item(), dead, power="stopped"), id="the vm is stopped"),
        pytest.param(estate(vm(), item(), dead, power="starting"), id="the vm is starting"),
        pytest.param(estate(vm(), item(), dead, power="deallocating"), id="the vm is deallocating"),
        pytest.param(
            estate(vm(), item(), replace(dead, statuses=(Status("PowerState/deallocated"),))),
            id="the vm was deallocated between two reads",
        ),
        pytest.param(
            estate(vm(), item(), dead, policy(consistency="OnlyCrashConsistent")),
            id="the policy is crash-consistent",
        ),
        pytest.param(estate(vm(), failed_item(), failed), id="the instance view was not looked at"),
        pytest.param(
            estate(vm(), item(), view("web", agent=NOT_READY)), id="another vm's agent is not ready"
        ),
        pytest.param(estate(vm(), dead), id="the vm is not protected"),
        pytest.param(estate(failed_item(), failed, dead), id="the vm is gone"),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped"), dead), id="protection is stopped"
        ),
        pytest.param(estate(vm(), item(soft_deleted=True), dead), id="the item is soft-deleted"),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(
            estate(vm(), item(), Unread(Read.VIEW, vm_id(), "forbidden", 403)), id="the instance view"
        ),
        pytest.param(
            estate(vm(), item(), dead, Unread(Read.POLICIES, VAULT, "forbidden", 403), policies=()),
            id="the policies",
        ),
        pytest.param(
            estate(vm(), item(), dead, Unread(Read.POWER, ArmId(SUBSCRIPTION), "silence"), power_states=()),
            id="the power states",
        ),
    ],
)
def test_gives_no_verdict_where_there_is_no_answer_about(read: Estate) -> None:
    said = scan.evaluate(read, [playbook.load()[ID]])

    assert said.diagnoses == ()
    assert [(one.playbook, one.vm) for one in said.not_evaluated] == [(ID, vm_id())]


def test_finds_it_although_the_policies_of_another_vault_are_unread() -> None:
    other = ArmId(f"{VAULT}-2")
    read = estate(vm(), item(), dead, Unread(Read.POLICIES, other, "forbidden", 403))

    assert len(found(ID, read)) == 1


def rungs(cure: Cure) -> list[str]:
    [ladder] = cure.nodes
    assert isinstance(ladder, Ladder)
    return [step.request.action for step in steps(ladder)]


def seen(path: str, check: Check, value: object = None) -> Expect:
    return Expect(vm_id(), path, check, value, View.INSTANCE_VIEW)


AGENT = "vmAgent.statuses.[code=ProvisioningState/succeeded]"
runs = seen("statuses.[code=PowerState/running].code", Check.EQUALS, "PowerState/running")
settled = seen("statuses.[code=ProvisioningState/updating]", Check.ABSENT)


def rung(action: str, meaning: str, **changes: object) -> Step:
    made = Step(
        summary=f"{action} VM sql1: {meaning}",
        request=Request("POST", vm_id(), action),
        before=(seen(AGENT, Check.ABSENT), runs),
        after=(settled, runs),
        undo=Irreversible(f"a {action} leaves nothing to take back"),
        within=timedelta(minutes=20),
        fix_class=FixClass.GUARDED,
        changes_vm=vm_id(),
    )
    return replace(made, **changes)  # type: ignore[arg-type] # any field of it


def test_reapplies_then_restarts_until_the_agent_is_ready_anew() -> None:
    assert cured(ID, sick).nodes == (
        Ladder(
            (
                rung("reapply", "its goal state is sent again"),
                rung("restart", "it is down for some minutes"),
            ),
            until=(seen(f"{AGENT}.time", Check.NEWER),),
            within=timedelta(minutes=15),
        ),
    )


def test_redeploys_last_and_only_when_destructive_is_admitted() -> None:
    cure = cured(ID, sick, DESTRUCTIVE)
    last = list(steps(*cure.nodes))[-1]

    assert rungs(cure) == ["reapply", "restart", "redeploy"]
    assert last.fix_class is FixClass.DESTRUCTIVE
    assert "everything on the temporary disk of VM sql1" in last.loses
    assert rungs(cured(ID, sick, GUARDED)) == ["reapply", "restart"]


@pytest.mark.parametrize(
    ("silent", "still"),
    [
        pytest.param(view(agent=None, agent_version=None), seen(AGENT, Check.ABSENT), id="reports nothing"),
        pytest.param(
            view(agent_version="Unknown"),
            seen("vmAgent.vmAgentVersion", Check.EQUALS, "Unknown"),
            id="does not tell its version",
        ),
        pytest.param(
            view(agent_version=None), seen("vmAgent.vmAgentVersion", Check.ABSENT), id="has no version at all"
        ),
        pytest.param(
            view(agent=replace(READY, time=ago(minutes=30))),
            seen(f"{AGENT}.time", Check.EQUALS, "2026-11-22T06:30:00+00:00"),
            id="has been silent since it was ready",
        ),
    ],
)
def test_is_stale_once_an_agent_is_not_as_it_was_which(silent: InstanceView, still: Expect) -> None:
    for step in steps(*cured(ID, estate(vm(), failed_item(), failed, silent)).nodes):
        assert step.before == (still, runs)


def test_leaves_alone_a_vm_of_which_nobody_knows_whether_it_runs() -> None:
    off = replace(dead, statuses=(Status("ProvisioningState/succeeded"),))

    assert "still runs" in left(ID, estate(vm(), failed_item(), failed, off)).reason


def test_is_guarded() -> None:
    assert left(ID, sick, Choices()).allow is FixClass.GUARDED
