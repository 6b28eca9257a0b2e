"""unprotected-vm: no vault backs the VM up."""

from __future__ import annotations

import pytest
from building import (
    NOT_READY,
    SUBSCRIPTION,
    VAULT,
    arm_id,
    collection,
    estate,
    found,
    item,
    points,
    undecided,
    view,
    vm,
    vm_id,
)

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.playbook import Severity
from azremedy.resources import Read, Unread, Vault

ID = "unprotected-vm"
SCALE_SET = arm_id("Microsoft.Compute/virtualMachineScaleSets", "pool")


def test_finds_the_vm_and_names_the_vaults_that_could_back_it_up() -> None:
    far = Vault(arm_id("Microsoft.RecoveryServices/vaults", "far"), "northeurope")
    near = Vault(VAULT, "West Europe")
    [finding] = found(ID, estate(vm(), far, near))

    assert (finding.vm, finding.resource) == (vm_id(), vm_id())
    assert finding.severity is Severity.INFO
    assert finding.failure is None
    assert finding.evidence.location == "westeurope"
    assert finding.evidence.vaults == (VAULT,)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(estate(vm()), id="runs"),
        pytest.param(estate(vm(), power="deallocated"), id="is deallocated"),
        pytest.param(estate(vm(), item("web"), vm("web")), id="stands beside one that is backed up"),
        pytest.param(estate(vm(), item("sql1-old")), id="has a name that another's begins with"),
        pytest.param(
            estate(vm(), item(vm=arm_id("Microsoft.Compute/virtualMachines", "sql1", "test"))),
            id="has the name of one in another group that is backed up",
        ),
        pytest.param(
            estate(vm(), collection(), points(2, collection())), id="has restore points from an earlier time"
        ),
        pytest.param(estate(vm(), view(agent=NOT_READY)), id="has a dead agent"),
        pytest.param(estate(vm(provisioning_state="Failed")), id="failed to provision"),
        pytest.param(estate(vm(provisioning_state=None)), id="has no known provisioning state"),
        pytest.param(estate(vm(managed_by="")), id="is managed by an empty name"),
        pytest.param(
            estate(vm(), Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "forbidden", 403)),
            id="is judged although something else is unread",
        ),
    ],
)
def test_finds_a_vm_that(read: Estate) -> None:
    [finding] = found(ID, read)

    assert finding.vm == vm_id()
    assert finding.severity is Severity.INFO
    assert undecided(ID, read) == []


def test_finds_it_where_the_subscription_has_no_vault() -> None:
    [finding] = found(ID, estate(vm(), vaults=()))

    assert finding.evidence.vaults == ()


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="there is no vm"),
        pytest.param(estate(vm(), item()), id="a vault backs it up"),
        pytest.param(
            estate(vm(), item(vm=ArmId(str(vm_id()).upper()))),
            id="a vault backs it up, spelt in another case",
        ),
        pytest.param(
            estate(vm(), item(protection_state="IRPending")), id="its first backup is still to come"
        ),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped")),
            id="its protection is stopped, which is another cause",
        ),
        pytest.param(estate(vm(), item(soft_deleted=True)), id="its item is soft-deleted"),
        pytest.param(estate(vm(scale_set=SCALE_SET)), id="it belongs to a scale set"),
        pytest.param(estate(vm(managed_by="/subscriptions/s/clusters/c")), id="another service manages it"),
        pytest.param(estate(vm(provisioning_state="Deleting")), id="it is being deleted"),
        pytest.param(estate(item()), id="a vault names a vm that is gone"),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


@pytest.mark.parametrize(
    "gap",
    [
        pytest.param(Unread(Read.VAULTS, ArmId(SUBSCRIPTION), "no answer"), id="the list of vaults"),
        pytest.param(Unread(Read.ITEMS, VAULT, "forbidden", 403), id="the items of one vault"),
        pytest.param(Unread(Read.ITEMS, item("web").id, "no virtualMachineId"), id="one item"),
    ],
)
def test_gives_no_verdict_where_there_is_no_answer_about(gap: Unread) -> None:
    read = estate(vm(), vm("web"), vm("app"), vm("pool1", scale_set=SCALE_SET), item("app"), gap)

    assert found(ID, read) == []
    assert [one.vm for one in undecided(ID, read)] == [vm_id(), vm_id("web")]
    assert gap.reason in undecided(ID, read)[0].because
