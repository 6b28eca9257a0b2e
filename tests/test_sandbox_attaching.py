"""`attachDetachDataDisks` on the sandbox, by the unmodified client of the Azure SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.compute.models import (
    AttachDetachDataDisksRequest,
    CreationData,
    DataDisksToAttach,
    DataDisksToDetach,
    Disk,
    DiskProperties,
    DiskSku,
    Encryption,
)
from sandboxed import CALM, Lab, estate, lab, vm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHO = ("5a6db0c5-0000-4000-8000-c11e47000009", "secret")
DISKS = [{"lun": 0, "size": 64}]


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, estate(vm(disks=DISKS), vm("sql2", power="deallocated")), speed=CALM) as running:
        yield running


def made(azure: Lab, name: str, **properties: Any) -> Any:
    """Make an empty disk of 32 GiB."""
    disk = Disk(
        location="westeurope",
        zones=["1"],
        sku=DiskSku(name="Premium_LRS"),
        properties=DiskProperties(
            creation_data=CreationData(create_option="Empty"), disk_size_gb=32, **properties
        ),
    )
    return azure.compute.disks.begin_create_or_update("shop", name, disk).result()


def change(azure: Lab, *coming: DataDisksToAttach, leaving: tuple[str, ...] = (), name: str = "sql1") -> Any:
    asked = AttachDetachDataDisksRequest(
        data_disks_to_attach=list(coming) or None,
        data_disks_to_detach=[DataDisksToDetach(disk_id=one) for one in leaving] or None,
    )
    return azure.compute.virtual_machines.begin_attach_detach_data_disks("shop", name, asked)


def luns(azure: Lab, name: str = "sql1") -> list[int]:
    profile = azure.compute.virtual_machines.get("shop", name).storage_profile
    return [one.lun for one in profile.data_disks]


def test_a_new_disk_is_what_it_was_asked_to_be(azure: Lab) -> None:
    disk = made(
        azure, "extra", network_access_policy="DenyAll", public_network_access="Disabled",
        encryption=Encryption(type="EncryptionAtRestWithPlatformKey"),
    )  # fmt: skip

    assert (disk.zones, disk.sku.name, disk.sku.tier) == (["1"], "Premium_LRS", "Premium")
    assert (disk.disk_size_gb, disk.disk_state, disk.provisioning_state) == (32, "Unattached", "Succeeded")
    assert (disk.network_access_policy, disk.public_network_access) == ("DenyAll", "Disabled")


def test_disks_come_and_go_and_the_others_are_not_spoken_of(azure: Lab) -> None:
    first, second = (str(made(azure, name).id) for name in ("first", "second"))
    poller = change(
        azure, DataDisksToAttach(disk_id=first, lun=5, caching="ReadOnly"), DataDisksToAttach(disk_id=second)
    )
    during = azure.compute.virtual_machines.get("shop", "sql1")
    profile = poller.result()

    assert during.provisioning_state == "Updating"
    assert [(one.lun, one.name, one.caching) for one in profile.data_disks[1:]] == [
        (5, "first", "ReadOnly"),
        (1, "second", "None"),
    ]
    assert profile.os_disk.os_type == "Windows"
    assert azure.compute.virtual_machines.get("shop", "sql1").provisioning_state == "Succeeded"
    assert azure.compute.disks.get("shop", "first").managed_by.endswith("/sql1")
    assert azure.compute.disks.get("shop", "first").disk_state == "Attached"
    change(azure, leaving=(first,)).result()
    assert luns(azure) == [0, 1]
    gone = azure.compute.disks.get("shop", "first")
    assert (gone.managed_by, gone.disk_state) == (None, "Unattached")


def test_a_disk_of_a_deallocated_vm_is_reserved(azure: Lab) -> None:
    change(azure, DataDisksToAttach(disk_id=str(made(azure, "extra").id), lun=0), name="sql2").result()

    assert azure.compute.disks.get("shop", "extra").disk_state == "Reserved"


def refused(azure: Lab, *coming: DataDisksToAttach, leaving: tuple[str, ...] = ()) -> tuple[int, str, str]:
    before = azure.sandbox.snapshot()
    with pytest.raises(HttpResponseError) as error:
        change(azure, *coming, leaving=leaving)
    assert azure.sandbox.snapshot() == before
    assert error.value.error is not None
    return error.value.status_code or 0, str(error.value.error.code), str(error.value.error.message)


def test_it_is_refused_whole_and_in_azures_words(azure: Lab) -> None:
    extra, other = (str(made(azure, name).id) for name in ("extra", "other"))
    change(azure, DataDisksToAttach(disk_id=other, lun=0), name="sql2").result()
    fine = DataDisksToAttach(disk_id=extra, lun=1)

    assert refused(azure, DataDisksToAttach(disk_id=extra, lun=0)) == (
        400, "InvalidParameter", "A disk at LUN 0 already exists."
    )  # fmt: skip
    status, code, said = refused(azure, fine, DataDisksToAttach(disk_id=other, lun=2))
    assert (status, code) == (409, "ConflictingUserInput")
    assert "is already owned by VM" in said
    assert refused(azure, fine, DataDisksToAttach(disk_id=f"{extra}x", lun=2))[:2] == (404, "NotFound")
    assert refused(azure, DataDisksToAttach(disk_id=extra, lun=64))[:2] == (400, "InvalidParameter")
    assert refused(azure, fine, leaving=(other,))[:2] == (400, "InvalidParameter")
    assert refused(azure)[:2] == (400, "InvalidParameter")
    with pytest.raises(ResourceNotFoundError):
        change(azure, fine, name="sql9")


def test_a_vm_takes_no_more_disks_than_its_size_says(azure: Lab) -> None:
    sizes = {
        one.name: one.max_data_disk_count for one in azure.compute.virtual_machine_sizes.list("westeurope")
    }
    size = azure.compute.virtual_machines.get("shop", "sql1").hardware_profile.vm_size
    disks = [str(made(azure, f"d{one}").id) for one in range(4)]
    coming = [DataDisksToAttach(disk_id=one, lun=lun) for lun, one in enumerate(disks, 1)]

    assert (size, sizes[size]) == ("Standard_D2s_v5", 4)
    assert refused(azure, *coming) == (
        409,
        "OperationNotAllowed",
        "The maximum number of data disks allowed to be attached to a VM of this size is 4.",
    )
    change(azure, *coming[:3]).result()
    assert luns(azure) == [0, 1, 2, 3]


def test_a_second_change_waits_for_the_first(azure: Lab) -> None:
    one, two = (str(made(azure, name).id) for name in ("one", "two"))
    running = change(azure, DataDisksToAttach(disk_id=one, lun=1))

    assert refused(azure, DataDisksToAttach(disk_id=two, lun=2))[:2] == (409, "OperationNotAllowed")
    running.result()


def test_a_read_only_lock_refuses_it_and_one_against_deletion_does_not(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm(disks=DISKS))) as azure:
        extra = DataDisksToAttach(disk_id=str(made(azure, "extra").id), lun=1)
        azure.locks.create_or_update_at_resource_group_level("shop", "keep", {"level": "CanNotDelete"})
        change(azure, extra).result()
        azure.locks.create_or_update_at_resource_group_level("shop", "keep", {"level": "ReadOnly"})
        assert refused(azure, leaving=(str(extra.disk_id),))[:2] == (409, "ScopeLocked")
        with pytest.raises(HttpResponseError, match="ScopeLocked"):
            made(azure, "another")


@pytest.mark.parametrize(
    ("role", "may"), [("Contributor", True), ("Virtual Machine Contributor", True), ("Reader", False)]
)
def test_who_may_do_it(role: str, may: bool, tmp_path: Path) -> None:
    someone = {"name": "someone", "client_id": WHO[0], "secret": WHO[1], "role": role}
    with lab(tmp_path, estate(vm(disks=DISKS), identities=[someone])) as owners:
        extra = DataDisksToAttach(disk_id=str(made(owners, "extra").id), lun=1)
        azure = Lab(owners.sandbox, WHO)
        try:
            if may:
                change(azure, extra).result()
            else:
                action = "Microsoft.Compute/virtualMachines/attachDetachDataDisks/action"
                with pytest.raises(HttpResponseError, match=action):
                    change(azure, extra)
        finally:
            azure.close()
        assert luns(owners) == ([0, 1] if may else [0])
