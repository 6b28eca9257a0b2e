"""vm-provisioning: the VM is in a failed provisioning state, or stuck in a change."""

from __future__ import annotations

from typing import Any

import pytest
from building import (
    DESTRUCTIVE,
    READY,
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
from azremedy.estate import Estate
from azremedy.plan import Choices, Cure, Expect, FixClass, Ladder, View, steps
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import ExtensionView, Handler, InstanceView, Read, Status, Unread, Vm

ID = "vm-provisioning"
STATE_FAILED = "UserErrorVmProvisioningStateFailed"
broken = vm(provisioning_state="Failed")
failed = failed_job(STATE_FAILED)


def shown(code: str, hours: float | None = 5, **changes: Any) -> InstanceView:
    """A view whose provisioning status has this code since so many hours."""
    since = None if hours is None else ago(hours=hours)
    status = Status(code, "Error", "Provisioning failed", "it went wrong", since)
    return view(statuses=(status, Status("PowerState/running")), **changes)


def in_state(state: str) -> Vm:
    return vm(provisioning_state=state)


def test_finds_the_failed_state_with_its_error_and_the_failed_extensions() -> None:
    script = ExtensionView("script1", "Contoso.Script", statuses=(Status("ProvisioningState/failed/1"),))
    fine = ExtensionView("antivirus", "Contoso.Antivirus", statuses=(Status("ProvisioningState/succeeded"),))
    hidden = Handler("Contoso.Hidden", status=Status("ProvisioningState/failed"))
    seen = shown(
        "ProvisioningState/failed/VMExtensionProvisioningError",
        extensions=(script, fine),
        handlers=(hidden, Handler("contoso.script", status=Status("ProvisioningState/failed")), Handler("x")),
    )
    [finding] = found(ID, estate(broken, failed_item(), failed, seen))

    assert (finding.vm, finding.resource) == (vm_id(), vm_id())
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.failure.job == failed
    assert finding.evidence.error == "VMExtensionProvisioningError"
    assert finding.evidence.message == "it went wrong"
    assert finding.evidence.since == ago(hours=5)
    assert finding.evidence.extensions == ("script1", "Contoso.Hidden")
    assert "VMExtensionProvisioningError" in finding.message
    assert "script1, Contoso.Hidden" in finding.message


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(estate(broken, item()), id="and nothing more is known"),
        pytest.param(estate(in_state("failed"), item()), id="spelt in another case"),
        pytest.param(estate(broken, item(), shown("ProvisioningState/failed")), id="without an error code"),
        pytest.param(estate(broken, item(), shown("ProvisioningState/failed/X", None)), id="without a time"),
        pytest.param(
            estate(broken, item(), shown("ProvisioningState/failed/X", 0.1)), id="since six minutes ago"
        ),
        pytest.param(estate(broken, item(), power="deallocated"), id="and it is deallocated"),
        pytest.param(
            estate(broken, item(), policy(consistency="OnlyCrashConsistent")),
            id="and its policy is crash-consistent",
        ),
        pytest.param(
            estate(broken, item(), Unread(Read.VIEW, vm_id(), "forbidden", 403)),
            id="and its instance view cannot be read",
        ),
    ],
)
def test_finds_a_vm_that_failed(read: Estate) -> None:
    [finding] = found(ID, read)

    assert finding.severity is Severity.SUSPECTED
    assert finding.message.startswith(f"the VM is in provisioning state {finding.evidence.state}")


@pytest.mark.parametrize("state", ["Updating", "Creating", "Migrating", "Deleting", "updating"])
def test_finds_a_vm_that_is_stuck(state: str) -> None:
    [finding] = found(ID, estate(in_state(state), item(), shown(f"ProvisioningState/{state.lower()}", 3)))

    assert finding.message == f"the VM is in provisioning state {state} for 3 h"
    assert finding.severity is Severity.SUSPECTED


@pytest.mark.parametrize(
    ("read", "severity"),
    [
        pytest.param(
            estate(in_state("Updating"), failed_item(), failed, shown("ProvisioningState/updating")),
            Severity.CORROBORATED,
            id="corroborated where a backup failed over a stuck vm",
        ),
        pytest.param(
            estate(broken, failed_item(), failed_job("VmNotInDesirableState")),
            Severity.CORROBORATED,
            id="corroborated by another code that lists the vm's state",
        ),
        pytest.param(
            estate(broken, failed_item(), failed_job("UserErrorGuestAgentStatusUnavailable")),
            Severity.CORROBORATED,
            id="corroborated by the agent's code, which later editions lay to extensions",
        ),
        pytest.param(
            estate(broken, failed_item(), failed_job("UserErrorRpCollectionLimitReached")),
            Severity.SUSPECTED,
            id="suspected where the backup failed with another code",
        ),
        pytest.param(
            estate(broken, item(), failed), Severity.SUSPECTED, id="suspected where a later backup completed"
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
        pytest.param(estate(vm(), failed_item(), failed, view()), id="provisioning succeeded"),
        pytest.param(estate(vm(provisioning_state=None), item()), id="no state is known"),
        pytest.param(estate(in_state("Hibernating"), item(), shown("x")), id="the state is a new one"),
        pytest.param(estate(in_state("Canceled"), item()), id="the last change was cancelled"),
        pytest.param(estate(in_state("Updating"), item()), id="it is updating and was not looked at closely"),
        pytest.param(
            estate(in_state("Updating"), item(), shown("ProvisioningState/updating", 0.9)),
            id="it has been updating for less than an hour",
        ),
        pytest.param(
            estate(in_state("Updating"), item(), shown("ProvisioningState/updating", 1)),
            id="it has been updating for exactly an hour",
        ),
        pytest.param(
            estate(in_state("Updating"), item(), shown("ProvisioningState/updating", None)),
            id="it is updating since nobody knows when",
        ),
        pytest.param(
            estate(in_state("Updating"), item(), view()),
            id="an old success stands in the view of a vm that began to update",
        ),
        pytest.param(
            estate(in_state("Creating"), item(), shown("ProvisioningState/creating", 0.5)),
            id="it is being created",
        ),
        pytest.param(
            estate(in_state("Deleting"), item(), shown("ProvisioningState/deleting", 0.5)),
            id="it is being deleted",
        ),
        pytest.param(
            estate(in_state("Migrating"), item(), shown("ProvisioningState/migrating", 0.5)),
            id="it is migrating",
        ),
        pytest.param(
            estate(vm(), item(), view(handlers=(Handler("A.B", status=Status("ProvisioningState/failed")),))),
            id="an extension failed and the vm did not",
        ),
        pytest.param(estate(broken), id="the vm is not protected"),
        pytest.param(estate(failed_item(), failed), id="the vm is gone"),
        pytest.param(estate(broken, item(soft_deleted=True)), id="the item is soft-deleted"),
        pytest.param(estate(broken, item(protection_state="ProtectionPaused")), id="protection is paused"),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


def test_the_error_is_taken_from_the_provisioning_status_only() -> None:
    seen = view(agent=READY, statuses=(Status("ProvisioningState/failedover/X"), Status("PowerState/failed")))
    [finding] = found(ID, estate(broken, item(), seen))

    assert (finding.evidence.error, finding.evidence.message) == (None, None)


def test_an_updating_vm_whose_view_is_unread_is_not_taken_for_healthy() -> None:
    read = estate(in_state("Updating"), item(), Unread(Read.VIEW, vm_id(), "forbidden", 403))
    said = scan.evaluate(read, [playbook.load()[ID]])

    assert said.diagnoses == ()
    assert [one.vm for one in said.not_evaluated] == [vm_id()]


def rungs(cure: Cure) -> list[str]:
    [ladder] = cure.nodes
    assert isinstance(ladder, Ladder)
    return [step.request.action for step in steps(ladder)]


STATE = "properties.provisioningState"
stuck_view = shown("ProvisioningState/failed")


def test_reapplies_then_restarts_until_the_state_is_well() -> None:
    cure = cured(ID, estate(broken, failed_item(), failed, stuck_view))
    [ladder] = cure.nodes
    assert isinstance(ladder, Ladder)

    assert rungs(cure) == ["reapply", "restart"]
    assert ladder.until == (Expect(vm_id(), STATE, Check.EQUALS, "Succeeded"),)
    for step in steps(ladder):
        assert step.before[0] == Expect(vm_id(), STATE, Check.EQUALS, "Failed")
        assert step.changes_vm == vm_id()


def test_redeploys_last_and_only_when_destructive_is_admitted() -> None:
    read = estate(broken, failed_item(), failed, stuck_view)

    assert rungs(cured(ID, read, DESTRUCTIVE)) == ["reapply", "restart", "redeploy"]


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param((), id="no view tells"),
        pytest.param((view(statuses=(Status("PowerState/deallocated"),)),), id="it is off"),
    ],
)
def test_only_reapplies_a_vm_that_is_not_known_to_run(seen: tuple[InstanceView, ...]) -> None:
    cure = cured(ID, estate(broken, failed_item(), failed, *seen), DESTRUCTIVE)
    [step] = steps(*cure.nodes)

    assert rungs(cure) == ["reapply"]
    assert step.after == (
        Expect(vm_id(), "statuses.[code=ProvisioningState/updating]", Check.ABSENT, view=View.INSTANCE_VIEW),
    )


def test_a_change_that_may_still_go_on_is_left_alone() -> None:
    made = left(ID, estate(in_state("Updating"), failed_item(), failed, shown("ProvisioningState/updating")))

    assert "may still go on" in made.reason
    assert made.allow is None


def test_is_guarded() -> None:
    assert left(ID, estate(broken, failed_item(), failed), Choices()).allow is FixClass.GUARDED
