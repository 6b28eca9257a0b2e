"""protection-state: backups of the VM are stopped, paused, suspended or deleted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from building import (
    GUARDED,
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
    policy_id,
    undecided,
    vm,
    vm_id,
)

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import Choices, Expect, FixClass, Step
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import Item, Read, Unread

ID = "protection-state"
OTHER = ArmId(str(VAULT).replace("vault1", "vault2"))


def moved(one: Item) -> Item:
    """The same VM's item in another vault."""
    return replace(one, id=ArmId(str(one.id).replace("vault1", "vault2")), vault=OTHER)


stopped = item(protection_state="ProtectionStopped")
deleted = item(soft_deleted=True)


def test_finds_the_stopped_item_and_leaves_it_to_a_person() -> None:
    [finding] = found(ID, estate(vm(), stopped))

    assert (finding.vm, finding.resource) == (vm_id(), stopped.id)
    assert finding.severity is Severity.BLOCKING
    assert finding.evidence.vault == VAULT
    assert finding.evidence.state == "ProtectionStopped"
    assert finding.evidence.last_recovery_point == ago(hours=8)
    assert not finding.evidence.soft_deleted
    assert "vault1" in finding.message
    assert finding.manual is not None
    assert "deliberate" in finding.manual


@pytest.mark.parametrize(
    ("inactive", "says"),
    [
        pytest.param(stopped, "ProtectionStopped", id="stopped"),
        pytest.param(
            item(protection_state="protectionpaused"), "protectionpaused", id="paused, in lower case"
        ),
        pytest.param(item(protection_state="BackupsSuspended"), "BackupsSuspended", id="suspended"),
        pytest.param(deleted, "soft-deleted", id="soft-deleted while its state still says protected"),
        pytest.param(
            item(soft_deleted=True, protection_state="ProtectionStopped"),
            "soft-deleted",
            id="stopped and soft-deleted",
        ),
        pytest.param(
            item(protection_state=None, soft_deleted=True), "soft-deleted", id="soft-deleted, stateless"
        ),
    ],
)
def test_finds_an_item_that_is(inactive: Item, says: str) -> None:
    [finding] = found(ID, estate(vm(), inactive))

    assert finding.message.endswith(f"its item is {says}")
    assert finding.severity is Severity.BLOCKING


def test_each_inactive_item_of_a_vm_is_a_finding_of_its_own() -> None:
    findings = found(ID, estate(vm(), stopped, moved(deleted)))

    assert [finding.resource for finding in findings] == [stopped.id, moved(deleted).id]


def test_names_the_vm_as_the_list_of_vms_writes_it() -> None:
    shouted = replace(stopped, vm=ArmId(str(stopped.vm).upper()))
    [finding] = found(ID, estate(vm(), shouted))

    assert str(finding.vm) == str(vm_id())


@pytest.mark.parametrize("power", ["running", "stopped", "deallocated"])
def test_blocks_whatever_the_power_state(power: str) -> None:
    [finding] = found(ID, estate(vm(), stopped, power=power))

    assert finding.severity is Severity.BLOCKING


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(vm()), id="no vault knows the vm"),
        pytest.param(estate(vm(), item()), id="it is protected"),
        pytest.param(estate(vm(), item(protection_state="protected")), id="it is protected, in lower case"),
        pytest.param(
            estate(vm(), item(protection_state="IRPending")), id="the first backup is still to come"
        ),
        pytest.param(estate(vm(), item(protection_state="ProtectionError")), id="the item is in error"),
        pytest.param(
            estate(vm(), failed_item(), failed_job("UserErrorBcmDatasourceNotPresent")),
            id="a backup failed and the item is active",
        ),
        pytest.param(estate(vm(), item(protection_state=None)), id="no state is known"),
        pytest.param(estate(vm(), item(protection_state="SomethingNew")), id="the state is a new one"),
        pytest.param(estate(vm(), stopped, moved(item())), id="another vault backs the vm up"),
        pytest.param(
            estate(vm(), deleted, moved(item())), id="it was deleted here and another vault backs it up"
        ),
        pytest.param(
            estate(vm(), stopped, moved(item(vm=ArmId(str(vm_id()).lower())))),
            id="another vault backs the vm up, spelt in another case",
        ),
        pytest.param(
            estate(vm(), stopped, moved(item(protection_state="IRPending"))),
            id="another vault is about to back the vm up",
        ),
        pytest.param(estate(stopped), id="the vm is gone and its recovery points are kept"),
        pytest.param(estate(deleted, vm("web")), id="the vm is gone and its item is soft-deleted"),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


def test_gives_no_verdict_where_the_list_of_vms_is_unread() -> None:
    read = estate(stopped, item("web"), Unread(Read.VMS, ArmId(SUBSCRIPTION), "no answer"))

    assert found(ID, read) == []
    assert [(gap.playbook, gap.vm) for gap in undecided(ID, read)] == [(ID, vm_id())]


def test_finds_a_vm_that_was_listed_although_a_later_page_was_not_read() -> None:
    read = estate(vm(), stopped, Unread(Read.VMS, ArmId(SUBSCRIPTION), "no answer"))

    assert len(found(ID, read)) == 1
    assert undecided(ID, read) == []


NAMED = replace(GUARDED, resume_protection=frozenset({"sql1"}))


def test_resumes_what_the_user_names_under_the_policy_that_it_had() -> None:
    kind = {"protectedItemType": "Microsoft.Compute/virtualMachines", "sourceResourceId": str(vm_id())}
    target = stopped.id

    assert cured(ID, estate(vm(), stopped), NAMED).nodes == (
        Step(
            summary="resume backups of VM sql1 in vault 'vault1'",
            request=Request(
                "PUT", target, body={"properties": {**kind, "policyId": str(policy_id("daily"))}}
            ),
            before=(
                Expect(target, "properties.protectionState", Check.EQUALS, "ProtectionStopped"),
                Expect(target, "properties.policyId", Check.EQUALS, str(policy_id("daily"))),
                Expect(target, "properties.sourceResourceId", Check.EQUALS, str(vm_id())),
            ),
            after=(Expect(target, "properties.protectionState", Check.EQUALS, "Protected"),),
            undo=Request(
                "PUT", target, body={"properties": {**kind, "protectionState": "ProtectionStopped"}}
            ),
            within=timedelta(minutes=15),
            fix_class=FixClass.GUARDED,
        ),
    )


def test_an_item_without_any_point_waits_for_its_first() -> None:
    [step] = cured(ID, estate(vm(), replace(stopped, last_recovery_point=None)), NAMED).nodes
    assert isinstance(step, Step)

    assert step.after == (Expect(stopped.id, "properties.protectionState", Check.EQUALS, "IRPending"),)


@pytest.mark.parametrize(
    ("read", "choices", "reason", "allow"),
    [
        pytest.param(estate(vm(), stopped), GUARDED, "may be deliberate", None, id="it is not named"),
        pytest.param(
            estate(vm(), stopped),
            replace(GUARDED, resume_protection=frozenset({"sql"})),
            "may be deliberate",
            None,
            id="a prefix of its name is named",
        ),
        pytest.param(estate(vm(), deleted), NAMED, "undelete", None, id="the item is soft-deleted"),
        pytest.param(
            estate(vm(), replace(stopped, soft_deleted=True)), NAMED, "undelete", None, id="it is both"
        ),
        pytest.param(
            estate(vm(), replace(stopped, policy=None)),
            NAMED,
            "names no policy",
            None,
            id="its policy is gone",
        ),
        pytest.param(
            estate(vm(), stopped),
            Choices(resume_protection=frozenset({vm_id().key})),
            "needs --allow guarded",
            FixClass.GUARDED,
            id="guarded is not admitted",
        ),
    ],
)
def test_leaves_it_to_a_person_where(
    read: Estate, choices: Choices, reason: str, allow: FixClass | None
) -> None:
    made = left(ID, read, choices)

    assert reason in made.reason
    assert made.allow is allow
