"""vmsnapshot-extension: the backup extension has failed, is stuck or is not ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from building import (
    GUARDED,
    NOT_READY,
    ago,
    arm_id,
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

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Expect, FixClass, Irreversible, Step, View
from azremedy.plan import Test as Check
from azremedy.playbook import Severity, load
from azremedy.resources import ExtensionView, Handler, InstanceView, Status, Vm

PLAYBOOK = "vmsnapshot-extension"
WINDOWS = "Microsoft.Azure.RecoveryServices.VMSnapshot"
LINUX = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
STUCK = "ExtensionStuckInDeletionState"

FAILED = Status("ProvisioningState/failed/4", "Error", "Not Ready", "handler reported failure")
FINE = Status("ProvisioningState/succeeded", "Info", "Ready", "Plugin enabled")


def handled(status: Status | None, type_: str = WINDOWS, **changes: Any) -> InstanceView:
    return view(handlers=(Handler(type_, "1.0.91.0", status),), **changes)


def listed(*statuses: Status, name: str = "VMSnapshot", type_: str | None = WINDOWS) -> InstanceView:
    return view(handlers=(), extensions=(ExtensionView(name, type_, "1.0.91.0", statuses),))


def deleting(**age: float) -> Status:
    return Status("ProvisioningState/deleting", "Info", "Deleting", time=ago(**age) if age else None)


def extension_id(name: str) -> ArmId:
    return arm_id("Microsoft.Compute/virtualMachines", f"sql1/extensions/{name}")


def test_finds_the_failed_handler_and_shows_the_failed_job() -> None:
    failed = failed_job(STUCK)
    [finding] = found(PLAYBOOK, estate(vm(), failed_item(), failed, handled(FAILED)))

    assert (finding.vm, finding.resource) == (vm_id("sql1"), vm_id("sql1"))
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.failure.job == failed
    assert finding.message == (
        f"backup extension {WINDOWS} 1.0.91.0 is in state Not Ready (ProvisioningState/failed/4)"
    )
    assert (finding.evidence.code, finding.evidence.message) == (
        "ProvisioningState/failed/4",
        "handler reported failure",
    )


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(handled(FAILED, LINUX), id="on linux"),
        pytest.param(handled(FAILED, WINDOWS.upper()), id="whose type is spelt in another case"),
        pytest.param(
            handled(Status("ProvisioningState/failed")), id="that has failed, with nothing else said"
        ),
        pytest.param(handled(Status("ProvisioningState/error", "Warning")), id="that is in error"),
        pytest.param(handled(Status("ProvisioningState/anything", "Error")), id="of level error"),
        pytest.param(
            handled(Status("ProvisioningState/NotReady", "Warning", "Not Ready")), id="that is not ready"
        ),
        pytest.param(handled(Status("ProvisioningState/Unresponsive", "Warning")), id="that does not answer"),
        pytest.param(
            handled(Status("ProvisioningState/transitioning", "Info", "Updating", time=ago(hours=4))),
            id="that has been moving for hours",
        ),
        pytest.param(listed(FAILED), id="that ARM lists as failed"),
        pytest.param(listed(FAILED, name="backup"), id="that ARM lists by another name and its type"),
        pytest.param(listed(FAILED, name="VMSnapshotLinux", type_=None), id="that ARM lists without a type"),
        pytest.param(listed(FINE, FAILED), id="of which one status of several is bad"),
        pytest.param(listed(deleting(hours=5)), id="that has been going for hours"),
    ],
)
def test_finds_an_extension(broken: InstanceView) -> None:
    [finding] = found(PLAYBOOK, estate(vm(), item(), broken))

    assert finding.severity is Severity.SUSPECTED


def test_finds_a_removal_of_unknown_age_where_a_backup_failed_for_it() -> None:
    broken = listed(deleting())
    [finding] = found(PLAYBOOK, estate(vm(), failed_item(), failed_job(STUCK), broken))

    assert finding.severity is Severity.CORROBORATED
    assert found(PLAYBOOK, estate(vm(), item(), broken)) == []


def test_one_vm_is_one_finding_however_many_statuses_are_bad() -> None:
    both = view(
        handlers=(Handler(WINDOWS, "1.0", FAILED),),
        extensions=(ExtensionView("VMSnapshot", WINDOWS, "1.0", (FAILED,)),),
    )

    assert len(found(PLAYBOOK, estate(vm(), item(), both))) == 1


def test_is_cured_inside_the_vm_where_arm_hides_the_extension() -> None:
    [finding] = found(PLAYBOOK, estate(vm(), item(), handled(FAILED)))

    assert finding.evidence.listed is False
    assert finding.manual is None


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(
            estate(vm(extensions=(extension_id("VMSnapshot"),)), item(), handled(FAILED)), id="under the vm"
        ),
        pytest.param(
            estate(vm(extensions=(extension_id("vmsnapshotlinux"),)), item(), handled(FAILED, LINUX)),
            id="in another case",
        ),
        pytest.param(estate(vm(), item(), listed(FAILED)), id="in the instance view"),
    ],
)
def test_is_not_for_a_person_where_arm_lists_the_extension(read: Estate) -> None:
    [finding] = found(PLAYBOOK, read)

    assert finding.evidence.listed is True
    assert finding.manual is None


@pytest.mark.parametrize(
    ("read", "severity"),
    [
        pytest.param(
            estate(
                vm(), failed_item(), failed_job("ExtensionOperationFailedForManagedDisks"), handled(FAILED)
            ),
            Severity.CORROBORATED,
            id="corroborated where a backup failed with a code that lists C5",
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("UserErrorUnsupportedDiskSize"), handled(FAILED)),
            Severity.SUSPECTED,
            id="suspected where it failed with another",
        ),
        pytest.param(
            estate(vm(), item(), failed_job(STUCK), handled(FAILED)),
            Severity.SUSPECTED,
            id="suspected where a later backup completed",
        ),
    ],
)
def test_severity_is(read: Estate, severity: Severity) -> None:
    [finding] = found(PLAYBOOK, read)

    assert finding.severity is severity


broken = handled(FAILED)
security_agent = Handler("Vendor.Security.Agent", "2.0", FAILED)


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(vm(), broken), id="the vm is not protected"),
        pytest.param(estate(item(), broken), id="the vm is gone"),
        pytest.param(estate(vm(), item(), view()), id="the extension is ready"),
        pytest.param(estate(vm(), item(), listed(FINE)), id="the extension that ARM lists is fine"),
        pytest.param(estate(vm(), item()), id="nobody looked"),
        pytest.param(estate(vm(), item(), view(handlers=())), id="the extension is not installed yet"),
        pytest.param(estate(vm(), item(), handled(None)), id="the handler has no status yet"),
        pytest.param(
            estate(vm(), failed_item(), failed_job(STUCK), view()),
            id="a job says so and the extension is fine",
        ),
        pytest.param(
            estate(vm(), item(), view(handlers=(security_agent,))), id="another vendor's extension failed"
        ),
        pytest.param(
            estate(vm(), item(), listed(FAILED, type_="Vendor.Other.VMSnapshot")),
            id="another vendor's extension of this name failed",
        ),
        pytest.param(
            estate(vm(), item(), handled(FAILED, "Microsoft.Azure.RecoveryServices.SiteRecovery.Windows")),
            id="site recovery's extension failed",
        ),
        pytest.param(
            estate(vm(), item(), handled(FAILED, agent=NOT_READY)), id="the agent itself is not ready"
        ),
        pytest.param(estate(vm(), item(), handled(FAILED, agent=None)), id="the agent says nothing"),
        pytest.param(
            estate(vm(), item(), handled(Status("ProvisioningState/transitioning", "Info", "Not Ready"))),
            id="the extension is moving",
        ),
        pytest.param(
            estate(vm(), item(), handled(Status("ProvisioningState/updating", time=ago(minutes=20)))),
            id="the extension is updating",
        ),
        pytest.param(estate(vm(), item(), listed(deleting(minutes=10))), id="its removal has just begun"),
        pytest.param(estate(vm(), item(), broken, power="deallocated"), id="the vm is deallocated"),
        pytest.param(estate(vm(), item(), broken, power="stopped"), id="the vm is stopped"),
        pytest.param(
            estate(vm(), item(), policy(consistency="OnlyCrashConsistent"), broken),
            id="backups are crash-consistent",
        ),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped"), broken), id="protection is stopped"
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(PLAYBOOK, healthy) == []
    assert undecided(PLAYBOOK, healthy) == []


READY_CODE = "ProvisioningState/succeeded"


def test_uninstalls_the_extension_that_arm_lists() -> None:
    target = extension_id("VMSnapshot")

    assert cured(PLAYBOOK, estate(vm(), failed_item(), failed_job(STUCK), listed(FAILED))).nodes == (
        Step(
            summary="uninstall extension VMSnapshot of VM sql1",
            request=Request("DELETE", target),
            before=(
                Expect(target, "properties.publisher", Check.EQUALS, "microsoft.azure.recoveryservices"),
                Expect(target, "properties.type", Check.EQUALS, "VMSnapshot"),
                Expect(
                    vm_id(),
                    f"vmAgent.statuses.[code={READY_CODE}].code",
                    Check.EQUALS,
                    READY_CODE,
                    View.INSTANCE_VIEW,
                ),
            ),
            after=(Expect(target, "", Check.ABSENT),),
            undo=Irreversible("the next backup installs it again"),
            within=timedelta(minutes=30),
            fix_class=FixClass.GUARDED,
            changes_vm=vm_id(),
        ),
    )


def requested(read: Estate) -> ArmId:
    [step] = cured(PLAYBOOK, read).nodes
    assert isinstance(step, Step)
    return step.request.id


@pytest.mark.parametrize(
    ("machine", "seen", "name"),
    [
        pytest.param(
            vm(extensions=(extension_id("VMSnapshot"),)), handled(FAILED), "VMSnapshot", id="the model"
        ),
        pytest.param(
            vm(extensions=(extension_id("VMSnapshotLinux"), extension_id("CustomScript"))),
            handled(FAILED, LINUX),
            "VMSnapshotLinux",
            id="the model, beside another",
        ),
        pytest.param(
            vm(), listed(FAILED, name="iaas.backup-1"), "iaas.backup-1", id="the view, under its own name"
        ),
        pytest.param(vm(), listed(FAILED, type_=None), "VMSnapshot", id="the view, without a type"),
    ],
)
def test_the_extension_is_the_one_in(machine: Vm, seen: InstanceView, name: str) -> None:
    assert requested(estate(machine, failed_item(), seen)) == extension_id(name)


elsewhere = ArmId(str(extension_id("VMSnapshot")).replace("sql1", "sql2"))
acme = ExtensionView("VMSnapshot", "Acme.Backup.VMSnapshot", "1.0", (FINE,))


@pytest.mark.parametrize(
    ("machine", "seen"),
    [
        pytest.param(vm(), handled(FAILED), id="arm hides it"),
        pytest.param(
            vm(extensions=(extension_id("VMSnapshot"),)),
            handled(FAILED, extensions=(acme,)),
            id="the listed one is another vendor's of that name",
        ),
        pytest.param(
            vm(extensions=(extension_id("MyVMSnapshot"),)), handled(FAILED), id="the name only ends so"
        ),
        pytest.param(vm(extensions=(elsewhere,)), handled(FAILED), id="the listed one is another vm's"),
        pytest.param(
            vm(), listed(FAILED, name="../../sql2/extensions/x"), id="its name would lead elsewhere"
        ),
    ],
)
def test_explains_the_guests_own_cure_where(machine: Vm, seen: InstanceView) -> None:
    made = left(PLAYBOOK, estate(machine, failed_item(), seen))

    assert "give --guest" in made.reason
    assert made.allow is None


def test_is_guarded_and_needs_a_ready_agent() -> None:
    sick = estate(vm(), failed_item(), listed(FAILED))
    findings = found(PLAYBOOK, sick)
    plan = load()[PLAYBOOK].plan
    assert plan is not None
    gone = replace(sick, views=(replace(listed(FAILED), agent=NOT_READY),))
    [later] = plan(gone, findings, GUARDED)

    assert left(PLAYBOOK, sick, Choices()).allow is FixClass.GUARDED
    assert isinstance(later, ByHand)
    assert "not ready" in later.reason
