"""vm-power-state: the VM is shut down inside the guest and still allocated."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from building import (
    GUARDED,
    SUBSCRIPTION,
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
    vm,
    vm_id,
)

from azremedy import playbook, scan
from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import Choices, Expect, FixClass, Irreversible, Step, View
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import PowerState, Read, Unread

ID = "vm-power-state"
NO_NETWORK = "ExtensionSnapshotFailedNoNetwork"


def test_finds_the_stopped_vm_and_shows_the_failed_job() -> None:
    failed = failed_job(NO_NETWORK)
    [finding] = found(ID, estate(vm(), failed_item(), failed, power="stopped"))

    assert (finding.vm, finding.resource) == (vm_id(), vm_id())
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.failure.job == failed
    assert finding.evidence.power == "stopped"
    assert "billed" in finding.message


@pytest.mark.parametrize(
    ("read", "severity"),
    [
        pytest.param(estate(vm(), item(), power="stopped"), Severity.INFO, id="info where backups are fine"),
        pytest.param(
            estate(vm(), item(), PowerState(vm_id(), "Stopped")),
            Severity.INFO,
            id="info where the state is spelt in another case",
        ),
        pytest.param(
            estate(vm(), item(), policy(consistency="OnlyCrashConsistent"), power="stopped"),
            Severity.INFO,
            id="info where the policy is crash-consistent: the bill is the same",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("UserErrorRpCollectionLimitReached"), power="stopped"),
            Severity.INFO,
            id="info where the backup failed with another code",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("unknown to all documents"), power="stopped"),
            Severity.INFO,
            id="info where nobody knows the error",
        ),
        pytest.param(
            estate(vm(), item(), failed_job(NO_NETWORK), power="stopped"),
            Severity.INFO,
            id="info where a later backup completed",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job(NO_NETWORK, started=ago(days=8)), power="stopped"),
            Severity.INFO,
            id="info where the failure is older than the look-back",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("BackUpOperationFailedV2"), power="stopped"),
            Severity.CORROBORATED,
            id="corroborated by a code that lists the snapshot",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("UserErrorVmProvisioningStateFailed"), power="stopped"),
            Severity.CORROBORATED,
            id="corroborated by a code that lists the vm's state",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job(380008), power="stopped"),
            Severity.CORROBORATED,
            id="corroborated by the number of a vm that is off",
        ),
    ],
)
def test_severity_is(read: Estate, severity: Severity) -> None:
    [finding] = found(ID, read)

    assert finding.severity is severity
    assert (finding.failure is not None) is (severity is Severity.CORROBORATED)


failed = failed_job(NO_NETWORK)


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(vm(), failed_item(), failed), id="the vm runs"),
        pytest.param(estate(vm(), failed_item(), failed, power="deallocated"), id="the vm is deallocated"),
        pytest.param(estate(vm(), failed_item(), failed, power="stopping"), id="the vm is stopping"),
        pytest.param(estate(vm(), failed_item(), failed, power="starting"), id="the vm is starting"),
        pytest.param(estate(vm(), failed_item(), failed, power="deallocating"), id="the vm is deallocating"),
        pytest.param(estate(vm(), failed_item(), failed, power="unknown"), id="the state is unknown"),
        pytest.param(estate(vm(), failed_item(), failed, power_states=()), id="no state is known"),
        pytest.param(estate(vm(), power="stopped"), id="the vm is not protected"),
        pytest.param(estate(item(), PowerState(vm_id(), "stopped")), id="the vm is gone"),
        pytest.param(
            estate(vm(), vm("web"), item(), PowerState(vm_id("web"), "stopped")), id="another vm is"
        ),
        pytest.param(estate(vm(), item(soft_deleted=True), power="stopped"), id="the item is soft-deleted"),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped"), power="stopped"),
            id="protection is stopped",
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


def test_gives_no_verdict_where_the_power_states_are_unread() -> None:
    gap = Unread(Read.POWER, ArmId(SUBSCRIPTION), "no answer")
    said = scan.evaluate(estate(vm(), item(), gap, power_states=()), [playbook.load()[ID]])

    assert said.diagnoses == ()
    assert [one.vm for one in said.not_evaluated] == [vm_id()]


sick = estate(vm(), failed_item(), power="stopped")


def power(state: str) -> Expect:
    path = f"statuses.[code=PowerState/{state}].code"
    return Expect(vm_id(), path, Check.EQUALS, f"PowerState/{state}", View.INSTANCE_VIEW)


def test_starts_it_when_it_is_meant_to_be_on() -> None:
    assert cured(ID, sick, replace(GUARDED, power="on")).nodes == (
        Step(
            summary="start VM sql1",
            request=Request("POST", vm_id(), "start"),
            before=(power("stopped"),),
            after=(power("running"),),
            undo=Request("POST", vm_id(), "powerOff"),
            within=timedelta(minutes=20),
            fix_class=FixClass.GUARDED,
            changes_vm=vm_id(),
        ),
    )


def test_deallocates_it_when_it_is_meant_to_be_off_and_says_what_that_costs() -> None:
    [step] = cured(ID, sick, replace(GUARDED, power="off")).nodes
    assert isinstance(step, Step)

    assert step.request == Request("POST", vm_id(), "deallocate")
    assert (step.before, step.after) == ((power("stopped"),), (power("deallocated"),))
    assert isinstance(step.undo, Irreversible)
    assert len(step.loses) == 2


@pytest.mark.parametrize(
    ("choices", "allow"),
    [
        pytest.param(GUARDED, None, id="nobody says what it is meant to be"),
        pytest.param(replace(GUARDED, power="maybe"), None, id="what is said is neither"),
        pytest.param(Choices(power="on"), FixClass.GUARDED, id="guarded is not admitted"),
    ],
)
def test_leaves_it_to_a_person_where(choices: Choices, allow: FixClass | None) -> None:
    made = left(ID, sick, choices)

    assert made.allow is allow
    assert "--power on" in made.reason or "--allow guarded" in made.reason
