"""extension-operations: the VM takes no extensions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from building import (
    READY,
    cured,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    policy,
    policy_id,
    undecided,
    view,
    vm,
    vm_id,
)

from azremedy.arm import Request
from azremedy.estate import Estate
from azremedy.plan import Choices, Expect, FixClass, Step, View
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import Read, Unread

ID = "extension-operations"
CODE = "UserErrorGuestAgentStatusUnavailable"

forbidding = vm(allow_extension_operations=False)
bare = vm(provision_agent=False)
silent = view(agent=None, agent_version=None, handlers=())


def test_finds_the_vm_that_allows_no_extension() -> None:
    [finding] = found(ID, estate(forbidding, item(), view()))

    assert (finding.vm, finding.resource) == (vm_id(), vm_id())
    assert finding.severity is Severity.SUSPECTED
    assert finding.evidence.allow_extension_operations is False
    assert finding.evidence.provision_agent is True
    assert finding.manual is None


def test_finds_the_vm_that_was_made_without_an_agent_and_got_none() -> None:
    [finding] = found(ID, estate(bare, item(), silent))

    assert "without the VM agent" in finding.message
    assert finding.manual is not None
    assert "ARM cannot install the VM agent" in finding.manual


def test_an_agent_that_is_missing_comes_before_what_forbids_extensions() -> None:
    machine = vm(allow_extension_operations=False, provision_agent=False)
    [finding] = found(ID, estate(machine, item(), silent))

    assert finding.message.startswith("the VM was made without the VM agent")


def test_leaves_the_vm_without_an_agent_to_no_other_playbook() -> None:
    assert found("agent-unresponsive", estate(bare, item(), silent)) == []
    assert len(found("agent-unresponsive", estate(vm(), item(), silent))) == 1


@pytest.mark.parametrize("machine", [pytest.param(forbidding, id="forbidden"), pytest.param(bare, id="bare")])
@pytest.mark.parametrize("code", [CODE, "AzureVmOffline", 380008])
def test_is_borne_out_by_a_code_that_lists_it(machine: object, code: str | int) -> None:
    [finding] = found(ID, estate(machine, failed_item(), failed_job(code), silent))

    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None


def test_is_not_borne_out_by_another_code() -> None:
    job = failed_job("UserErrorRpCollectionLimitReached")
    [finding] = found(ID, estate(forbidding, failed_item(), job, view()))

    assert (finding.severity, finding.failure) == (Severity.SUSPECTED, None)


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is there"),
        pytest.param(estate(vm(), item(), view()), id="nothing is forbidden"),
        pytest.param(estate(vm(allow_extension_operations=True), item(), view()), id="it is allowed by name"),
        pytest.param(
            estate(vm(allow_extension_operations=None), item(), view()),
            id="ARM does not say, which allows it",
        ),
        pytest.param(estate(forbidding), id="no vault backs the vm up"),
        pytest.param(estate(item()), id="the vm is gone"),
        pytest.param(
            estate(forbidding, item(protection_state="ProtectionStopped")), id="backups are stopped"
        ),
        pytest.param(estate(forbidding, item(), power="deallocated"), id="the vm is deallocated"),
        pytest.param(estate(forbidding, item(), power="stopped"), id="the vm is shut down"),
        pytest.param(
            estate(forbidding, item(), policy(consistency="OnlyCrashConsistent")),
            id="an appliance, backed up crash-consistently",
        ),
        pytest.param(estate(bare, item(), view()), id="somebody installed the agent by hand"),
        pytest.param(
            estate(bare, item(), view(agent=replace(READY, code="ProvisioningState/Unavailable"))),
            id="an agent was installed by hand and does not answer, which is another cause",
        ),
        pytest.param(estate(bare, item()), id="made without an agent, and nobody looked whether one reports"),
        pytest.param(
            estate(vm(provision_agent=None), item(), silent), id="ARM does not say that there is none"
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


def test_says_nothing_where_the_policy_was_not_read() -> None:
    gone = item(policy=policy_id("other"))

    assert (
        found(ID, estate(forbidding, gone, Unread(Read.POLICIES, policy_id("other"), "forbidden"), view()))
        == []
    )


def test_allows_extension_operations_where_an_agent_waits_for_them() -> None:
    path = "properties.osProfile.allowExtensionOperations"
    ready = Expect(
        vm_id(), "vmAgent.statuses.[code=ProvisioningState/succeeded].code", Check.EQUALS,
        "ProvisioningState/succeeded", View.INSTANCE_VIEW,
    )  # fmt: skip

    assert cured(ID, estate(forbidding, item(), view())).nodes == (
        Step(
            summary="allow extension operations on VM sql1",
            request=Request("PATCH", vm_id(), body=says(allowed=True)),
            before=(Expect(vm_id(), path, Check.EQUALS, value=False), ready),
            after=(
                Expect(vm_id(), path, Check.EQUALS, value=True),
                Expect(vm_id(), "properties.provisioningState", Check.EQUALS, "Succeeded"),
            ),
            undo=Request("PATCH", vm_id(), body=says(allowed=False)),
            within=timedelta(minutes=15),
            fix_class=FixClass.GUARDED,
            changes_vm=vm_id(),
        ),
    )


def test_waits_for_the_cure_of_an_agent_that_does_not_report() -> None:
    made = cured(ID, estate(forbidding, item(), silent))

    assert made.first is not None
    assert made.first.playbook == "agent-unresponsive"
    assert "no ready VM agent" in made.first.reason
    assert cured(ID, estate(forbidding, item(), view())).first is None


def says(*, allowed: bool) -> object:
    return {"properties": {"osProfile": {"allowExtensionOperations": allowed}}}


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        pytest.param(estate(forbidding, item()), "no ready VM agent", id="nobody looked at the agent"),
        pytest.param(
            estate(vm(allow_extension_operations=False, provision_agent=False), item(), silent),
            "ARM cannot install",
            id="it was made without an agent and has none",
        ),
        pytest.param(
            estate(vm(allow_extension_operations=False, offer="firewall"), item(), view()),
            "marketplace offer 'firewall'",
            id="it is an appliance",
        ),
    ],
)
def test_leaves_it_to_a_person_where(read: Estate, reason: str) -> None:
    made = left(ID, read)

    assert reason in made.reason
    assert made.allow is None


def test_a_vm_with_an_agent_installed_by_hand_is_cured_like_any_other() -> None:
    machine = vm(allow_extension_operations=False, provision_agent=False)

    assert cured(ID, estate(machine, item(), view())).nodes


def test_asks_for_the_guarded_class() -> None:
    assert left(ID, estate(forbidding, item(), view()), Choices()).allow is FixClass.GUARDED
