"""disk-size: a disk is larger than Azure Backup takes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from building import (
    GUARDED,
    attached,
    cured,
    disk,
    disk_id,
    estate,
    excluded,
    failed_item,
    failed_job,
    found,
    item,
    left,
    plans,
    sizes,
    undecided,
    vm,
    vm_id,
)

from azremedy.arm import Request
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Irreversible, Step, steps
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import AttachedDisk, Exclusion, Read, Unread

PLAYBOOK = "disk-size"
UNSUPPORTED = "UserErrorUnsupportedDiskSize"

failed = failed_item()


def with_disk(size: int, **changes: Any) -> tuple[Any, ...]:
    """A VM with one data disk of this size, at LUN 0."""
    return vm(disks=(attached("data1", 0),)), disk("data1", size, **changes)


def test_finds_the_disk_and_names_lun_size_limit_and_date() -> None:
    [finding] = found(PLAYBOOK, estate(*with_disk(2048), failed, failed_job(UNSUPPORTED)))

    assert (finding.vm, finding.resource) == (vm_id("sql1"), disk_id("data1"))
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.message == "disk 'data1' (LUN 0) has 2048 GiB, over the limit of 1023 GiB (2018-01-09)"
    assert (finding.evidence.lun, finding.evidence.size, finding.evidence.limit) == (0, 2048, 1023)
    assert finding.manual is None


@pytest.mark.parametrize(
    ("size", "encrypted", "severity", "limit"),
    [
        pytest.param(1024, False, Severity.INFO, 1023, id="over the limit of 2018"),
        pytest.param(32767, False, Severity.INFO, 1023, id="at the limit that is still printed"),
        pytest.param(32768, False, Severity.SUSPECTED, 32767, id="over it"),
        pytest.param(65536, False, Severity.SUSPECTED, 32767, id="at the limit of today"),
        pytest.param(65537, False, Severity.BLOCKING, 65536, id="over it, whatever the jobs say"),
        pytest.param(4096, True, Severity.INFO, 1023, id="encrypted in the guest, at its limit"),
        pytest.param(4097, True, Severity.BLOCKING, 4096, id="encrypted in the guest, over it"),
        pytest.param(65537, True, Severity.BLOCKING, 65536, id="encrypted and over the limit of all"),
    ],
)
def test_severity_without_a_failed_backup(size: int, encrypted: bool, severity: Severity, limit: int) -> None:
    [finding] = found(PLAYBOOK, estate(*with_disk(size, encrypted_in_guest=encrypted), item()))

    assert (finding.severity, finding.evidence.limit) == (severity, limit)
    assert finding.failure is None


@pytest.mark.parametrize(
    ("size", "severity"),
    [
        pytest.param(1024, Severity.CORROBORATED, id="over the limit of 2018"),
        pytest.param(32768, Severity.CORROBORATED, id="over the limit that is still printed"),
        pytest.param(65537, Severity.BLOCKING, id="over the limit of today, blocking as before"),
    ],
)
def test_severity_with_a_backup_that_failed_for_it(size: int, severity: Severity) -> None:
    [finding] = found(PLAYBOOK, estate(*with_disk(size), failed, failed_job(UNSUPPORTED)))

    assert finding.severity is severity
    assert finding.failure is not None


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(estate(*with_disk(2048), item(), failed_job(UNSUPPORTED)), id="a later one completed"),
        pytest.param(
            estate(*with_disk(2048), failed, failed_job("UserErrorRpCollectionLimitReached")),
            id="it failed with another code",
        ),
        pytest.param(
            estate(*with_disk(2048), failed, failed_job(UNSUPPORTED, "web1")), id="another vm's failed"
        ),
    ],
)
def test_is_information_where(read: Estate) -> None:
    [finding] = found(PLAYBOOK, read)

    assert (finding.severity, finding.failure) == (Severity.INFO, None)


three = (
    vm(disks=(attached("small", 0), attached("large", 1), attached("huge", 2))),
    disk("small", 512),
    disk("large", 2048),
    disk("huge", 40000),
)


def test_a_failed_backup_bears_out_only_the_disks_that_exceed_the_most() -> None:
    findings = found(PLAYBOOK, estate(*three, failed, failed_job(UNSUPPORTED)))

    assert [(one.resource, one.severity, one.failure is None) for one in findings] == [
        (disk_id("huge"), Severity.CORROBORATED, False),
        (disk_id("large"), Severity.INFO, True),
    ]


def test_the_os_disk_is_for_a_person_because_it_cannot_be_left_out() -> None:
    system = AttachedDisk(lun=None, name="os", disk=disk_id("os"), size=2048)
    [finding] = found(PLAYBOOK, estate(vm(disks=(system,)), item()))

    assert finding.message.startswith("disk 'os' (OS disk) has 2048 GiB")
    assert finding.manual == "the OS disk cannot be left out of a backup"


def test_an_unmanaged_disk_is_the_vms_and_the_largest_speaks() -> None:
    machine = vm(disks=(attached("a", 0, 1500, disk=None), attached("b", 1, 2000, disk=None)))
    [finding] = found(PLAYBOOK, estate(machine, item()))

    assert (finding.resource, finding.evidence.disk) == (vm_id("sql1"), "b")


def test_the_disk_itself_knows_its_size_better_than_the_vm() -> None:
    grown = estate(vm(disks=(attached("data1", 0, 512),)), disk("data1", 2048), item())
    listed_without = estate(vm(disks=(attached("data1", 0, 2048),)), item())

    assert found(PLAYBOOK, grown)[0].evidence.size == 2048
    assert found(PLAYBOOK, listed_without)[0].evidence.size == 2048


def test_finds_it_on_a_vm_that_does_not_run() -> None:
    assert len(found(PLAYBOOK, estate(*with_disk(70000), item(), power="deallocated"))) == 1


@pytest.mark.parametrize(
    ("exclusion", "names"),
    [
        pytest.param(None, {"huge", "large"}, id="everything without an exclusion"),
        pytest.param(excluded(2), {"large"}, id="all but the excluded lun"),
        pytest.param(excluded(0), {"huge", "large"}, id="all where another lun is excluded"),
        pytest.param(Exclusion((2,), inclusion=True), {"huge"}, id="only the included lun"),
        pytest.param(Exclusion((0,), inclusion=True), set(), id="none where only a small one is included"),
        pytest.param(Exclusion((), inclusion=True), set(), id="none where only the OS disk is included"),
    ],
)
def test_the_items_exclusion_decides_which_disks_are_looked_at(
    exclusion: Exclusion | None, names: set[str]
) -> None:
    findings = found(PLAYBOOK, estate(*three, item(exclusion=exclusion)))

    assert {one.evidence.disk for one in findings} == names


def test_an_exclusion_never_holds_for_the_os_disk() -> None:
    system = AttachedDisk(lun=None, name="os", disk=disk_id("os"), size=2048)

    assert len(found(PLAYBOOK, estate(vm(disks=(system,)), item(exclusion=excluded(0))))) == 1
    only = Exclusion((0,), inclusion=True)
    assert len(found(PLAYBOOK, estate(vm(disks=(system,)), item(exclusion=only)))) == 1


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(*with_disk(70000)), id="the vm is not protected"),
        pytest.param(estate(item(), disk("data1", 70000)), id="the vm is gone"),
        pytest.param(estate(*with_disk(1023), item()), id="the disk is at the limit of 2018"),
        pytest.param(
            estate(*with_disk(1023, encrypted_in_guest=True), item()), id="the disk is small and encrypted"
        ),
        pytest.param(
            estate(*with_disk(512), failed, failed_job(UNSUPPORTED)),
            id="the job says so and no disk is large",
        ),
        pytest.param(estate(vm(), item(), disk("data1", 70000)), id="the large disk is not attached"),
        pytest.param(estate(*with_disk(70000), item(exclusion=excluded(0))), id="the large disk is left out"),
        pytest.param(estate(vm(disks=()), item()), id="the vm has no disks"),
        pytest.param(
            estate(*with_disk(70000), item(protection_state="ProtectionStopped")), id="protection is stopped"
        ),
        pytest.param(estate(*with_disk(70000), item(soft_deleted=True)), id="the item is soft-deleted"),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(PLAYBOOK, healthy) == []
    assert undecided(PLAYBOOK, healthy) == []


def test_gives_no_verdict_when_the_size_is_not_known() -> None:
    [gap] = undecided(PLAYBOOK, estate(vm(disks=(attached("data1", 0),)), item()))

    assert (gap.playbook, gap.vm) == (PLAYBOOK, vm_id("sql1"))
    assert gap.because == "the size of disk 'data1' is not known"


def test_gives_no_verdict_when_encryption_decides_and_is_not_known() -> None:
    read = estate(vm(disks=(attached("data1", 0, 8000),)), item())
    [gap] = undecided(PLAYBOOK, read)

    assert gap.because == "whether disk 'data1' is encrypted in the guest is not known"
    assert [one.severity for one in found(PLAYBOOK, read)] == [Severity.INFO]


LIST = "properties.extendedProperties.diskExclusionProperties"
sick = estate(*with_disk(40000), failed, failed_job(UNSUPPORTED))


def excluding(*luns: int, **reasons: str) -> Choices:
    named = {("sql1", lun): "scratch data" for lun in luns} | {(vm, 0): why for vm, why in reasons.items()}
    return replace(GUARDED, exclude_luns=named)


def body(luns: list[int], *, inclusion: bool = False) -> Any:
    return {
        "properties": {
            "protectedItemType": "Microsoft.Compute/virtualMachines",
            "policyId": str(item().policy),
            "sourceResourceId": str(vm_id()),
            "extendedProperties": {
                "diskExclusionProperties": {"diskLunList": luns, "isInclusionList": inclusion}
            },
        }
    }


def test_leaves_the_named_disk_out_under_the_same_policy_and_tells_the_reason() -> None:
    target = item().id

    assert cured(PLAYBOOK, sick, excluding(0)).nodes == (
        Step(
            summary="leave out of VM sql1's backups: LUN 0 (scratch data)",
            request=Request("PUT", target, body=body([0])),
            before=(
                Expect(target, f"{LIST}.diskLunList", Check.ABSENT),
                Expect(target, f"{LIST}.isInclusionList", Check.ABSENT),
                Expect(target, "properties.policyId", Check.EQUALS, str(item().policy)),
                Expect(target, "properties.sourceResourceId", Check.EQUALS, str(vm_id())),
            ),
            after=(
                Expect(target, f"{LIST}.diskLunList", Check.EQUALS, [0]),
                Expect(target, f"{LIST}.isInclusionList", Check.EQUALS, value=False),
            ),
            undo=Request("PUT", target, body=body([])),
            within=timedelta(minutes=15),
            fix_class=FixClass.GUARDED,
        ),
    )


@pytest.mark.parametrize(
    ("had", "sent"),
    [
        pytest.param(excluded(3, 1), body([0, 1, 3]), id="added to what is left out"),
        pytest.param(
            Exclusion((0, 1), inclusion=True), body([1], inclusion=True), id="taken from what is kept"
        ),
        pytest.param(
            Exclusion((0,), inclusion=True), body([], inclusion=True), id="the last one that is kept"
        ),
    ],
)
def test_the_list_is_merged_with_what_it_holds_and_put_back_as_it_was(had: Exclusion, sent: Any) -> None:
    holding = replace(failed, exclusion=had)
    [step] = steps(*cured(PLAYBOOK, estate(*with_disk(40000), holding), excluding(0)).nodes)

    assert step.request.body == sent
    assert step.undo == Request("PUT", item().id, body=body(list(had.luns), inclusion=had.inclusion))
    assert step.before[:2] == (
        Expect(item().id, f"{LIST}.diskLunList", Check.EQUALS, list(had.luns)),
        Expect(item().id, f"{LIST}.isInclusionList", Check.EQUALS, had.inclusion),
    )


def test_two_disks_of_a_vm_go_in_one_write_and_an_unnamed_one_stays() -> None:
    machine = vm(disks=tuple(attached(f"d{lun}", lun) for lun in range(3)))
    read = estate(machine, *(disk(f"d{lun}", 40000) for lun in range(3)), failed)
    cure, rest = sorted(plans(PLAYBOOK, read, excluding(0, 2)), key=lambda one: isinstance(one, ByHand))

    assert isinstance(cure, Cure)
    assert [step.request.body for step in steps(*cure.nodes)] == [body([0, 2])]
    assert len(cure.findings) == 2
    assert isinstance(rest, ByHand)
    assert "--exclude-lun sql1:1=REASON" in rest.reason


def test_a_vm_may_be_named_by_its_id() -> None:
    by_id = replace(GUARDED, exclude_luns={(vm_id().key, 0): "scratch"})

    assert cured(PLAYBOOK, sick, by_id).vms == (vm_id(),)


@pytest.mark.parametrize(
    ("read", "choices", "reason", "allow"),
    [
        pytest.param(sick, GUARDED, "attach smaller disks", None, id="it is not named"),
        pytest.param(sick, excluding(1), "attach smaller disks", None, id="another lun is named"),
        pytest.param(sick, excluding(sql2="x"), "attach smaller disks", None, id="another vm is named"),
        pytest.param(sick, excluding(sql1=" "), "only with a reason", None, id="no reason is given"),
        pytest.param(
            sick,
            replace(excluding(0), allow=frozenset({FixClass.SAFE})),
            "needs --allow guarded",
            FixClass.GUARDED,
            id="guarded is not admitted",
        ),
        pytest.param(
            estate(vm(disks=(replace(attached("os", 0), lun=None),)), disk("os", 40000), failed),
            excluding(0),
            "the OS disk",
            None,
            id="it is the os disk",
        ),
        pytest.param(
            estate(*with_disk(40000), replace(failed, policy=None)),
            excluding(0),
            "names no policy",
            None,
            id="the item has no policy",
        ),
    ],
)
def test_leaves_it_to_a_person_where(
    read: Estate, choices: Choices, reason: str, allow: FixClass | None
) -> None:
    made = left(PLAYBOOK, read, choices)

    assert reason in made.reason
    assert made.allow is allow


ATTACH = "attachDetachDataDisks"
large = estate(*with_disk(2048), failed, failed_job(UNSUPPORTED))


def beside(*disks: tuple[str, int], **changes: Any) -> Choices:
    """Guarded choices that ask for smaller disks beside these, sql1's LUN 0 where none is named."""
    return replace(GUARDED, attach_disks=frozenset(disks or {("sql1", 0)}), **changes)


def hung(lun: int) -> str:
    return f"properties.storageProfile.dataDisks.[lun={lun}].managedDisk.id"


def part(number: int, of: str = "data1") -> Any:
    return disk_id(f"{of}-part{number}")


THERE = (
    Expect(vm_id(), hung(0), Check.EQUALS, str(disk_id("data1"))),
    Expect(disk_id("data1"), "managedBy", Check.EQUALS, str(vm_id())),
)


def made(number: int) -> Step:
    return Step(
        summary=f"make the empty disk 'data1-part{number}' of 683 GiB, like 'data1'",
        request=Request(
            "PUT",
            part(number),
            body={
                "location": "westeurope",
                "sku": {"name": "Premium_LRS"},
                "properties": {
                    "creationData": {"createOption": "Empty"},
                    "diskSizeGB": 683,
                    "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
                },
            },
        ),
        before=(Expect(part(number), "", Check.ABSENT), *THERE),
        after=(
            Expect(part(number), "properties.provisioningState", Check.EQUALS, "Succeeded"),
            Expect(part(number), "properties.diskSizeGB", Check.EQUALS, 683),
        ),
        undo=Irreversible(
            "it may hold data by then: once it is detached and looked at, a person may delete it"
        ),
        within=timedelta(minutes=10),
        fix_class=FixClass.GUARDED,
        changes_vm=vm_id(),
    )


def test_attaches_as_many_equal_smaller_disks_as_keep_the_limit_and_leaves_the_rest_to_people() -> None:
    cure = cured(PLAYBOOK, large, beside())
    parts = range(1, 4)
    disks = [{"diskId": str(part(one)), "lun": one, "caching": "None"} for one in parts]
    named = "disk 'data1-part1' (LUN 1), disk 'data1-part2' (LUN 2), disk 'data1-part3' (LUN 3)"

    assert cure.nodes == (
        *map(made, parts),
        Step(
            summary=f"attach to VM sql1: {named}",
            request=Request("POST", vm_id(), ATTACH, {"dataDisksToAttach": disks}),
            before=(
                *THERE,
                *(Expect(vm_id(), hung(one), Check.ABSENT) for one in parts),
                *(Expect(part(one), "properties.diskState", Check.EQUALS, "Unattached") for one in parts),
            ),
            after=(
                *THERE,
                *(Expect(vm_id(), hung(one), Check.EQUALS, str(part(one))) for one in parts),
                *(Expect(part(one), "managedBy", Check.EQUALS, str(vm_id())) for one in parts),
                Expect(vm_id(), "properties.provisioningState", Check.EQUALS, "Succeeded"),
            ),
            undo=Request(
                "POST", vm_id(), ATTACH, {"dataDisksToDetach": [{"diskId": str(part(one))} for one in parts]}
            ),
            within=timedelta(minutes=15),
            fix_class=FixClass.GUARDED,
            changes_vm=vm_id(),
        ),
    )
    assert cure.afterwards == (
        f"copy the data of disk 'data1' (LUN 0), in the guest of VM sql1, to: {named}",
        "check the copy, and let whatever uses disk 'data1' use the new ones",
        (
            "detach disk 'data1' from VM sql1 (--guest --detach-disk sql1:0 checks the copy first),"
            " and keep it until a backup of the new ones has completed"
        ),
    )
    assert {right for step in steps(*cure.nodes) for right in step.permissions} == {
        "Microsoft.Compute/disks/write",
        "Microsoft.Compute/virtualMachines/attachDetachDataDisks/action",
    }


@pytest.mark.parametrize(
    ("size", "encrypted", "sizes"),
    [
        pytest.param(1024, False, [512, 512], id="one GiB over"),
        pytest.param(2046, False, [1023, 1023], id="twice the limit"),
        pytest.param(2047, False, [683, 683, 683], id="one GiB over twice the limit"),
        pytest.param(32768, False, [16384, 16384], id="over the limit that is printed"),
        pytest.param(8193, True, [2731, 2731, 2731], id="over that of encrypted disks"),
    ],
)
def test_the_parts_hold_it_and_none_is_over_the_limit(size: int, encrypted: bool, sizes: list[int]) -> None:
    read = estate(*with_disk(size, encrypted_in_guest=encrypted), failed, failed_job(UNSUPPORTED))
    *puts, _ = steps(*cured(PLAYBOOK, read, beside()).nodes)
    limit = found(PLAYBOOK, read)[0].evidence.limit

    assert [put.request.body["properties"]["diskSizeGB"] for put in puts] == sizes
    assert sum(sizes) >= size
    assert max(sizes) <= limit


def test_the_new_disks_are_of_the_old_ones_kind() -> None:
    kept = disk_id("cmk")
    machine = vm(disks=(attached("data1", 0, caching="ReadOnly"),))
    old = disk(
        "data1", 2046, sku="StandardSSD_ZRS", location="northeurope", zones=("2",), encryption_set=kept,
        encryption="EncryptionAtRestWithCustomerKey", network_access="AllowPrivate", public_access="Disabled",
        disk_access=disk_id("access"), data_access_auth="None",
    )  # fmt: skip
    put, _, post = steps(
        *cured(PLAYBOOK, estate(machine, old, failed, failed_job(UNSUPPORTED)), beside()).nodes
    )

    assert put.request.body == {
        "location": "northeurope",
        "zones": ["2"],
        "sku": {"name": "StandardSSD_ZRS"},
        "properties": {
            "creationData": {"createOption": "Empty"},
            "diskSizeGB": 1023,
            "encryption": {"type": "EncryptionAtRestWithCustomerKey", "diskEncryptionSetId": str(kept)},
            "networkAccessPolicy": "AllowPrivate",
            "publicNetworkAccess": "Disabled",
            "diskAccessId": str(disk_id("access")),
        },
    }
    assert {one["caching"] for one in post.request.body["dataDisksToAttach"]} == {"ReadOnly"}


def test_two_disks_of_a_vm_are_attached_to_in_one_write_on_luns_of_their_own() -> None:
    machine = vm(disks=(attached("a", 0), attached("b", 2), attached("c", 3)))
    read = estate(machine, disk("a", 2046), disk("b", 2046), disk("c", 2046), failed, failed_job(UNSUPPORTED))
    cure, rest = sorted(
        plans(PLAYBOOK, read, beside(("sql1", 0), (vm_id().key, 2))), key=lambda one: isinstance(one, ByHand)
    )

    assert isinstance(cure, Cure)
    *_, post = steps(*cure.nodes)
    hanging = [
        (one["diskId"].rpartition("/")[2], one["lun"]) for one in post.request.body["dataDisksToAttach"]
    ]
    assert hanging == [("a-part1", 1), ("a-part2", 4), ("b-part1", 5), ("b-part2", 6)]
    assert len(cure.afterwards) == 6
    assert isinstance(rest, ByHand)
    assert "--attach-disks sql1:3" in rest.reason


def test_no_lun_is_taken_that_backups_leave_out_and_a_list_of_those_they_take_is_to_be_added_to() -> None:
    leaving = replace(failed, exclusion=excluded(1, 3))
    taking = replace(failed, exclusion=Exclusion((0,), inclusion=True))
    one, other = (
        cured(PLAYBOOK, estate(*with_disk(2046), item, failed_job(UNSUPPORTED)), beside())
        for item in (leaving, taking)
    )

    assert "(LUN 2), disk 'data1-part2' (LUN 4)" in list(steps(*one.nodes))[-1].summary
    assert not any("limited to" in line for line in one.afterwards)
    assert other.afterwards[2] == "add to the LUNs that the backups of VM sql1 are limited to: 1, 2"


def test_a_disk_that_is_encrypted_in_the_guest_is_not_copied_to_plain_ones() -> None:
    read = estate(*with_disk(4097, encrypted_in_guest=True), item())

    assert cured(PLAYBOOK, read, beside()).afterwards[0] == (
        "encrypt in the guest, as disk 'data1' is (Azure Disk Encryption): disk 'data1-part1' (LUN 1),"
        " disk 'data1-part2' (LUN 2)"
    )


@pytest.mark.parametrize("name", ["d", "x" * 80, f"{'y' * 70}._.-abc", f"a{'-' * 75}bcde"])
def test_the_new_names_are_legal(name: str) -> None:
    read = estate(vm(disks=(attached(name, 0),)), disk(name, 2048), failed, failed_job(UNSUPPORTED))
    *puts, _ = steps(*cured(PLAYBOOK, read, beside()).nodes)

    for put in puts:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,78}[A-Za-z0-9_]", put.request.id.name)
        assert put.request.id.group == disk_id(name).group


def crowd(number: int) -> tuple[AttachedDisk, ...]:
    return (attached("data1", 0), *(attached(f"d{one}", one, 8) for one in range(1, number)))


GAP = Unread(Read.DISKS, vm_id(), "ARM refused", 403, "AuthorizationFailed")


def facing(*resources: Any, **changes: Any) -> Estate:
    """VM sql1 with the disk data1 on LUN 0, as changed, and others."""
    machine = changes.pop("machine", vm(disks=(attached("data1", 0),)))
    old = disk("data1", changes.pop("size", 2048), **changes)
    return estate(machine, old, failed, failed_job(UNSUPPORTED), *resources)


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        pytest.param(facing(max_shares=2), "shared disk", id="it is shared"),
        pytest.param(facing(sku="UltraSSD_LRS"), "UltraSSD_LRS needs settings", id="it is an Ultra Disk"),
        pytest.param(facing(sku="PremiumV2_LRS"), "PremiumV2_LRS needs", id="it is a Premium SSD v2"),
        pytest.param(facing(sku=None), "of the kind unknown", id="its kind is not known"),
        pytest.param(facing(location=""), "where it lies", id="its place is not known"),
        pytest.param(facing(extended_location="attatlanta1"), "edge zone", id="it is in an edge zone"),
        pytest.param(facing(data_access_auth="AzureActiveDirectory"), "Entra", id="it is under Entra"),
        pytest.param(
            facing(machine=vm(disks=(attached("data1", 0, write_accelerated=True),))),
            "Write Accelerator",
            id="it is write accelerated",
        ),
        pytest.param(
            facing(machine=vm(disks=(attached("data1", 0),), provisioning_state="Failed")),
            "provisioning state is Failed",
            id="the VM failed",
        ),
        pytest.param(facing(managed_by=vm_id("sql2")), "not proven", id="it says that it hangs on another VM"),
        pytest.param(facing(managed_by=None), "not proven", id="it says that it hangs on none"),
        pytest.param(
            estate(vm(disks=(attached("data1", 0, 2048),)), failed, failed_job(UNSUPPORTED)),
            "not proven",
            id="the disk itself is not there",
        ),
        pytest.param(facing(GAP), "not all disks of the subscription could be read", id="not all disks were read"),
        pytest.param(
            replace(facing(), reads=frozenset(Read) - {Read.DISKS}), "not asked for", id="no disks were read"
        ),
        pytest.param(facing(machine=vm(disks=crowd(30))), "with 32 data disks at most", id="the VM is full"),
        pytest.param(
            facing(sizes(Standard_E16s_v5=3)),
            "it takes 3 more disks, and a VM of the size Standard_E16s_v5 takes 3 in all",
            id="the VM is too small",
        ),
        pytest.param(
            facing(sizes("northeurope", Standard_E16s_v5=32)),
            "how many data disks a VM of the size Standard_E16s_v5 takes is not known",
            id="the sizes of its region were not read",
        ),
        pytest.param(
            facing(machine=vm(disks=(attached("data1", 0),), size=None)), "of the size unknown", id="its size is not told"
        ),
        pytest.param(facing(size=32767), "it takes 33 more disks", id="it takes too many"),
        pytest.param(
            replace(facing(), items=(replace(failed, exclusion=excluded(*range(1, 62))),)),
            "not as many free LUNs",
            id="no LUN is free that is backed up",
        ),
        pytest.param(facing(disk("data1-part2", 8, managed_by=None)), "or delete them if empty", id="a name is taken"),
        pytest.param(
            facing(*(disk(f"data1-part{one}", 683) for one in (1, 2, 3))),
            "smaller disks hang beside it: 'data1-part1', 'data1-part2', 'data1-part3'; copy its data",
            id="they were attached before",
        ),
        pytest.param(
            estate(vm(disks=(attached("a", 0, 2048, disk=None),)), failed, failed_job(UNSUPPORTED)),
            "unmanaged",
            id="it is unmanaged",
        ),
    ],
)  # fmt: skip
def test_attaches_nothing_and_says_why_where(read: Estate, reason: str) -> None:
    assert reason in left(PLAYBOOK, read, beside()).reason


def test_the_size_of_a_vm_is_looked_up_without_case_and_blanks() -> None:
    machine = vm(disks=(attached("data1", 0),), size="standard_e16S_V5", location="West Europe")

    assert len(cured(PLAYBOOK, facing(sizes(Standard_E16s_v5=4), machine=machine), beside()).nodes) == 4


def test_a_vm_with_room_for_as_many_as_it_takes_gets_them() -> None:
    assert len(cured(PLAYBOOK, facing(machine=vm(disks=crowd(29))), beside()).nodes) == 4


def test_the_last_room_goes_to_one_of_two_disks() -> None:
    machine = vm(disks=(*crowd(29), attached("data2", 29)))
    read = facing(disk("data2", 1024), machine=machine, size=1024)
    one, other = plans(PLAYBOOK, read, beside(("sql1", 0), ("sql1", 29)))

    assert sorted((isinstance(one, Cure), isinstance(other, Cure))) == [False, True]
    [refused] = (said.reason for said in (one, other) if isinstance(said, ByHand))
    assert refused == "it takes 2 more disks, and a VM is backed up with 32 data disks at most"


def test_a_disk_that_is_named_for_both_cures_gets_none() -> None:
    both = replace(beside(), exclude_luns={(vm_id().key, 0): "scratch"})

    assert "named both" in left(PLAYBOOK, large, both).reason


def test_smaller_disks_are_attached_only_where_guarded_is_admitted() -> None:
    made = left(PLAYBOOK, large, replace(beside(), allow=frozenset({FixClass.SAFE})))

    assert (made.reason, made.allow) == ("its cure needs --allow guarded", FixClass.GUARDED)


def test_the_os_disk_and_disks_that_are_not_named_get_none_beside_them() -> None:
    system = AttachedDisk(lun=None, name="os", disk=disk_id("os"), size=2048)
    read = estate(vm(disks=(system,)), disk("os", 2048), failed, failed_job(UNSUPPORTED))

    assert "the OS disk" in left(PLAYBOOK, read, beside()).reason
    for choices in (beside(("sql1", 1)), beside(("sql2", 0))):
        assert "--attach-disks sql1:0" in left(PLAYBOOK, large, choices).reason
