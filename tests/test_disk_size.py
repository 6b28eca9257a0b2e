"""disk-size: a disk is larger than Azure Backup takes."""

from __future__ import annotations

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
    undecided,
    vm,
    vm_id,
)

from azremedy.arm import Request
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, steps
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import AttachedDisk, Exclusion

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
