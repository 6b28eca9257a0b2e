"""disk-support: a disk is of a kind that Azure Backup does not take."""

from __future__ import annotations

from dataclasses import replace
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
    policy,
    policy_id,
    undecided,
    vm,
    vm_id,
)

from azremedy.estate import Estate
from azremedy.plan import Choices, FixClass, Step
from azremedy.playbook import Severity
from azremedy.resources import Exclusion, Item, Policy, Read, Unread

ID = "disk-support"
CODE = "UserErrorUnsupportedDiskSize"
ENHANCED = policy(type="V2")
STANDARD = policy()


def facing(
    of: Policy = STANDARD,
    protected: Item | None = None,
    *more: Any,
    machine: dict[str, Any] | None = None,
    **changes: Any,
) -> Estate:
    """An estate in which sql1 has a data disk like this."""
    held = attached("data1", 0, 256, **(machine or {}))
    model = vm(disks=(*vm().disks, held))
    return estate(model, disk("data1", 256, **changes), protected or item(), of, *more)


@pytest.mark.parametrize(
    ("read", "kind", "source"),
    [
        pytest.param(
            facing(sku="UltraSSD_LRS"), "UltraSSD_LRS", "SM25, EP25", id="an ultra disk, standard policy"
        ),
        pytest.param(
            facing(sku="premiumv2_lrs"), "premiumv2_lrs", "SM25, EP25", id="premium v2, in lower case"
        ),
        pytest.param(facing(max_shares=2), "shared", "SM25, EP25", id="a shared disk, standard policy"),
        pytest.param(
            facing(ENHANCED, max_shares=3), "shared", "SM25, EP25", id="a shared disk, enhanced policy"
        ),
        pytest.param(
            facing(ENHANCED, data_access_auth="AzureActiveDirectory"),
            "under data access authentication",
            "EP25",
            id="entra decides who exports it",
        ),
        pytest.param(
            facing(max_shares=2, sku="UltraSSD_LRS"),
            "shared",
            "SM25, EP25",
            id="shared and ultra: the worse one",
        ),
        pytest.param(
            facing(STANDARD, item(exclusion=Exclusion((0,), inclusion=True)), sku="UltraSSD_LRS"),
            "UltraSSD_LRS",
            "SM25, EP25",
            id="it is among those that are backed up by name",
        ),
    ],
)
def test_blocks(read: Estate, kind: str, source: str) -> None:
    [finding] = found(ID, read)

    assert (finding.vm, finding.resource) == (vm_id(), disk_id("data1"))
    assert finding.severity is Severity.BLOCKING
    assert (finding.evidence.kind, finding.evidence.source, finding.evidence.lun) == (kind, source, 0)
    assert "LUN 0" in finding.message
    assert finding.evidence.since.startswith("20")


def test_takes_the_kind_from_the_model_where_the_os_disk_is_in_no_list() -> None:
    model = vm(disks=(replace(vm().disks[0], sku="UltraSSD_LRS"),))
    [finding] = found(ID, estate(model, item()))

    assert "OS disk" in finding.message


def test_blocks_a_vm_with_more_data_disks_in_its_backups_than_may_be() -> None:
    luns = range(34)
    model = vm(disks=(*vm().disks, *(attached(f"d{lun}", lun, 8) for lun in luns)))
    records = [disk(f"d{lun}", 8) for lun in luns]
    [finding] = found(ID, estate(model, item(exclusion=excluded(0)), *records))

    assert (finding.resource, finding.severity) == (vm_id(), Severity.BLOCKING)
    assert "33 data disks" in finding.message
    assert found(ID, estate(model, item(exclusion=excluded(0, 1)), *records)) == []


@pytest.mark.parametrize(
    ("read", "kind"),
    [
        pytest.param(
            facing(machine={"write_accelerated": True}), "under Write Accelerator", id="write accelerator"
        ),
        pytest.param(
            facing(STANDARD, item(exclusion=excluded(0)), machine={"write_accelerated": True}),
            "under Write Accelerator",
            id="write accelerator on a disk that is left out",
        ),
        pytest.param(
            estate(vm(disks=(replace(vm().disks[0], ephemeral=True),)), item()),
            "ephemeral",
            id="an ephemeral os disk",
        ),
    ],
)
def test_tells_of_what_works_under_conditions(read: Estate, kind: str) -> None:
    [finding] = found(ID, read)

    assert (finding.severity, finding.evidence.kind) == (Severity.INFO, kind)
    assert finding.failure is None


def test_what_blocks_is_borne_out_by_a_failed_backup_and_what_informs_is_not() -> None:
    failed = failed_item(), failed_job(CODE)
    [blocking] = found(ID, facing(STANDARD, failed[0], failed[1], sku="UltraSSD_LRS"))
    [informing] = found(ID, facing(STANDARD, failed[0], failed[1], machine={"write_accelerated": True}))

    assert blocking.failure is not None
    assert (informing.severity, informing.failure) == (Severity.INFO, None)


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is there"),
        pytest.param(facing(), id="a plain disk"),
        pytest.param(facing(ENHANCED, sku="UltraSSD_LRS"), id="an ultra disk under an enhanced policy"),
        pytest.param(
            facing(policy(type="v2"), sku="PremiumV2_LRS"), id="the type of the policy in lower case"
        ),
        pytest.param(facing(max_shares=1), id="a disk that may be shared by one"),
        pytest.param(facing(data_access_auth="None"), id="no data access authentication"),
        pytest.param(facing(STANDARD, item(exclusion=excluded(0)), sku="UltraSSD_LRS"), id="ultra, left out"),
        pytest.param(facing(STANDARD, item(exclusion=excluded(0)), max_shares=2), id="shared, left out"),
        pytest.param(
            facing(STANDARD, item(exclusion=Exclusion((3,), inclusion=True)), max_shares=2),
            id="shared, and only others are backed up",
        ),
        pytest.param(
            facing(STANDARD, item(protection_state="ProtectionStopped"), max_shares=2),
            id="backups are stopped",
        ),
        pytest.param(facing(sku="PremiumV3_LRS"), id="a kind that nobody knows"),
        pytest.param(
            facing(sku="StandardSSD_ZRS", encryption="EncryptionAtRestWithCustomerKey"), id="zrs with a key"
        ),
        pytest.param(
            facing(network_access="DenyAll", public_access="Disabled"), id="reached by private link only"
        ),
        pytest.param(facing(encrypted_in_guest=True), id="encrypted in the guest"),
        pytest.param(estate(item()), id="the vm is gone"),
        pytest.param(
            estate(vm(disks=(*vm().disks, replace(attached("blob", 0), disk=None))), item()),
            id="an unmanaged disk",
        ),
        pytest.param(
            estate(
                vm(disks=(*vm().disks, *(attached(f"d{lun}", lun, 8) for lun in range(32)))),
                *(disk(f"d{lun}", 8) for lun in range(32)),
                item(),
            ),
            id="as many data disks as may be",
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


@pytest.mark.parametrize(
    ("read", "because"),
    [
        pytest.param(
            estate(vm(disks=(*vm().disks, attached("data1", 0, 256))), item()), "is shared is not known", id="no such disk"
        ),
        pytest.param(
            facing(STANDARD, item(policy=policy_id("other")), sku="UltraSSD_LRS"), "depends on the policy", id="no such policy"
        ),
        pytest.param(
            facing(
                STANDARD, item(policy=policy_id("other")), Unread(Read.POLICIES, policy_id("other"), "forbidden"),
                sku="UltraSSD_LRS",
            ),
            "depends on the policy",
            id="the policy was not read",
        ),
    ],
)  # fmt: skip
def test_gives_no_verdict_where(read: Estate, because: str) -> None:
    assert found(ID, read) == []
    assert [because in gap.because for gap in undecided(ID, read)] == [True]


NAMED = replace(GUARDED, exclude_luns={("sql1", 0): "the cluster backs it up"})


def test_leaves_out_a_shared_disk_that_the_user_names() -> None:
    [step] = cured(ID, facing(ENHANCED, max_shares=2), NAMED).nodes

    assert isinstance(step, Step)
    assert step.request.body["properties"]["extendedProperties"]["diskExclusionProperties"] == {
        "diskLunList": [0],
        "isInclusionList": False,
    }
    assert step.summary.endswith("LUN 0 (the cluster backs it up)")
    assert step.fix_class is FixClass.GUARDED


@pytest.mark.parametrize(
    ("read", "choices", "reason"),
    [
        pytest.param(
            facing(ENHANCED, max_shares=2), GUARDED, "--exclude-lun sql1:0=REASON", id="it is not named"
        ),
        pytest.param(
            facing(max_shares=2), NAMED, "Enhanced policy", id="the policy lets nothing shared be left out"
        ),
        pytest.param(facing(sku="UltraSSD_LRS"), NAMED, "cannot be taken back", id="it needs another policy"),
        pytest.param(
            facing(ENHANCED, data_access_auth="AzureActiveDirectory"),
            NAMED,
            "data access",
            id="its owner decides",
        ),
        pytest.param(
            facing(ENHANCED, max_shares=2),
            replace(NAMED, allow=Choices().allow),
            "--allow guarded",
            id="not admitted",
        ),
    ],
)
def test_leaves_it_to_a_person_where(read: Estate, choices: Choices, reason: str) -> None:
    assert reason in left(ID, read, choices).reason
