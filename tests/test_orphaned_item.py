"""orphaned-item: a protected item has lost its VM."""

from __future__ import annotations

from dataclasses import replace

import pytest
from building import (
    SUBSCRIPTION,
    VAULT,
    ago,
    collection,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    points,
    undecided,
    vm,
    vm_id,
)

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.playbook import Severity
from azremedy.resources import Read, Unread

ID = "orphaned-item"
AWAY = vm_id("sql1", "front")

held = collection("sql1")
counted = points(3, held)
moved = replace(vm("sql1"), id=AWAY)
made_again = vm(vm_id="guid-of-another")


@pytest.mark.parametrize("code", ["UserErrorVmNotFoundV2", "BCMV2VMNotFound", 320001, 400094])
def test_finds_the_item_of_a_vm_that_is_gone(code: str | int) -> None:
    [finding] = found(ID, estate(failed_item(), failed_job(code), vm("web1")))

    assert (finding.vm, finding.resource) == (vm_id(), item().id)
    assert finding.severity is Severity.BLOCKING
    assert finding.failure is not None
    assert finding.evidence.vault == VAULT
    assert finding.evidence.last_recovery_point == ago(days=3)
    assert finding.message == "the VM is gone; its item in vault 'vault1' goes on to ask for backups"


def test_finds_it_before_any_backup_has_failed() -> None:
    [finding] = found(ID, estate(item()))

    assert (finding.severity, finding.failure) == (Severity.BLOCKING, None)


def test_knows_where_a_vm_moved_to_by_the_machine_its_points_are_of() -> None:
    [finding] = found(ID, estate(item(), moved, held, counted))

    assert finding.evidence.moved_to == AWAY
    assert "the VM moved to group 'front'" in finding.message
    assert "protect the VM" in (finding.manual or "")


def test_does_not_take_a_namesake_for_the_vm_that_moved() -> None:
    namesake = replace(moved, vm_id="guid-of-another")
    [finding] = found(ID, estate(item(), namesake, held, counted))

    assert finding.evidence.moved_to is None
    assert finding.evidence.namesakes == (AWAY,)


def test_suspects_a_vm_that_was_made_again_under_its_old_name() -> None:
    [finding] = found(ID, estate(made_again, item(), held, counted))

    assert finding.severity is Severity.SUSPECTED
    assert finding.evidence.recreated
    assert "predecessor" in finding.message


@pytest.mark.parametrize("code", ["BackUpOperationFailed", "UserErrorVmNotFoundV2"])
def test_a_failed_backup_bears_out_that_it_was_made_again(code: str) -> None:
    [finding] = found(ID, estate(made_again, failed_item(), failed_job(code), held, counted))

    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None


own = points(1, held, "guid-of-another")
backed_up_since = replace(counted, points=(replace(own.points[0], created=ago(hours=1)), *counted.points))


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is there"),
        pytest.param(estate(vm(), item()), id="the vm is there"),
        pytest.param(estate(vm(), item(vm=ArmId(str(vm_id()).upper()))), id="its id is spelt in capitals"),
        pytest.param(estate(vm(), item(), held, counted), id="its points are its own"),
        pytest.param(
            estate(vm(vm_id="GUID-OF-SQL1"), item(), held, counted), id="its points spell its guid in another case"
        ),
        pytest.param(estate(made_again, item(), held), id="nobody counted its points"),
        pytest.param(
            estate(made_again, item(), held, backed_up_since), id="it was made again, and backed up since"
        ),
        pytest.param(estate(vm(vm_id=None), item(), held, counted), id="the vm does not tell its guid"),
        pytest.param(estate(vm(), item(), held, points(3, held, "")), id="the points do not tell whose they are"),
        pytest.param(estate(item(protection_state="ProtectionStopped")), id="gone, and its points are kept"),
        pytest.param(estate(item(soft_deleted=True)), id="gone, and its item is deleted"),
        pytest.param(
            estate(made_again, item(), mine := replace(held, id=ArmId(f"{SUBSCRIPTION}/resourceGroups/prod/providers/"
            "Microsoft.Compute/restorePointCollections/mine")), points(3, mine)),
            id="a customer's own points are of the predecessor",
        ),
    ],
)  # fmt: skip
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


ELSEWHERE = ArmId(str(vm_id()).replace("0001", "0002"))


@pytest.mark.parametrize(
    ("read", "because"),
    [
        pytest.param(
            estate(item(), Unread(Read.VMS, ArmId(SUBSCRIPTION), "forbidden")),
            "was not read: forbidden",
            id="no list",
        ),
        pytest.param(
            estate(item(), Unread(Read.VMS, vm_id(), "makes no sense")), "was not read", id="a broken entry"
        ),
        pytest.param(
            estate(item(vm=ELSEWHERE)), "another subscription", id="it lies in another subscription"
        ),
    ],
)
def test_gives_no_verdict_where(read: Estate, because: str) -> None:
    assert found(ID, read) == []
    assert [because in gap.because for gap in undecided(ID, read)] == [True]


@pytest.mark.parametrize(
    ("read", "says"),
    [
        pytest.param(estate(item()), "keep the data", id="gone"),
        pytest.param(
            estate(item(), moved, held, counted), "protect the VM in group 'front' anew", id="moved"
        ),
        pytest.param(estate(made_again, item(), held, counted), "that bears its name", id="made again"),
    ],
)
def test_leaves_it_to_a_person(read: Estate, says: str) -> None:
    made = left(ID, read)

    assert says in made.reason
    assert "vault 'vault1'" in made.reason
