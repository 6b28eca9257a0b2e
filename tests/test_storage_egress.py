"""storage-egress: a network security group keeps a VM from Azure Storage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from building import (
    attached,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    nic,
    nic_id,
    nsg,
    nsg_id,
    policy,
    rule,
    subnet,
    subnet_id,
    undecided,
    view,
    vm,
    vm_id,
)

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.playbook import Severity

PLAYBOOK = "storage-egress"
NO_NETWORK = "ExtensionSnapshotFailedNoNetwork"

deny = rule("Deny", "Internet", 300)
closed = nsg(deny, nics=(nic_id("sql1-nic"), nic_id("web1-nic")), subnets=(subnet_id("a"),))
behind = nic(nsg=nsg_id("nsg1"))
network = (behind, closed, subnet())


def test_finds_the_rule_that_denies_and_who_shares_its_nsg() -> None:
    [finding] = found(PLAYBOOK, estate(vm(), failed_item(), failed_job(NO_NETWORK), *network))

    assert (finding.vm, finding.resource) == (vm_id("sql1"), nsg_id("nsg1"))
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.message == (
        "rule 'deny-300' (priority 300) of NSG 'nsg1' denies TCP 443 to Azure Storage in westeurope"
    )
    assert (finding.evidence.rule, finding.evidence.priority) == ("deny-300", 300)
    assert (finding.evidence.shared_by_nics, finding.evidence.shared_by_subnets) == (2, 1)
    assert finding.evidence.nic == nic_id("sql1-nic")


def test_finds_each_nsg_that_blocks_on_the_interface_and_on_the_subnet() -> None:
    below = subnet(nsg=nsg_id("nsg2"))
    findings = found(PLAYBOOK, estate(vm(), item(), behind, closed, nsg(deny, name="nsg2"), below))

    assert [finding.resource for finding in findings] == [nsg_id("nsg1"), nsg_id("nsg2")]


def test_finds_what_blocks_although_the_other_nsg_is_unread() -> None:
    read = estate(vm(), item(), behind, closed, subnet(nsg=nsg_id("gone")))

    assert [finding.resource for finding in found(PLAYBOOK, read)] == [nsg_id("nsg1")]
    assert undecided(PLAYBOOK, read) == []


def grounded(*resources: Any, **changes: Any) -> Estate:
    return estate(vm(**changes), *resources, *network)


failed = failed_item()
plain, accelerated = attached("data1", 0), attached("data1", 0, write_accelerated=True)
unmanaged = attached("data1", 0, disk=None)


@pytest.mark.parametrize(
    ("read", "severity", "reasons"),
    [
        pytest.param(grounded(item()), Severity.INFO, 0, id="info where the last backup was fine"),
        pytest.param(
            grounded(failed, failed_job("UserErrorRpCollectionLimitReached")),
            Severity.INFO,
            0,
            id="info where a backup failed with a code that has nothing to do with it",
        ),
        pytest.param(
            grounded(failed, failed_job("UserErrorGuestAgentStatusUnavailable")),
            Severity.SUSPECTED,
            1,
            id="suspected where a code failed for which the origin names C1",
        ),
        pytest.param(
            grounded(failed, failed_job(NO_NETWORK)),
            Severity.CORROBORATED,
            1,
            id="corroborated by the code for no network",
        ),
        pytest.param(
            grounded(failed, failed_job("snapshot failed, ErrorCode=76")),
            Severity.CORROBORATED,
            1,
            id="corroborated by number 76 of the extension",
        ),
        pytest.param(
            grounded(failed, failed_job("snapshot failed, ErrorCode=761")),
            Severity.CORROBORATED,
            1,
            id="corroborated by number 761 of the extension",
        ),
        pytest.param(
            grounded(failed, failed_job(76)), Severity.INFO, 0, id="info where the service's own number is 76"
        ),
        pytest.param(
            grounded(item(), failed_job(NO_NETWORK)),
            Severity.INFO,
            0,
            id="info once a later backup completed",
        ),
        pytest.param(
            grounded(item(), disks=(plain,)), Severity.INFO, 0, id="info with managed disks that are plain"
        ),
        pytest.param(
            grounded(item(), disks=(plain, accelerated)),
            Severity.SUSPECTED,
            1,
            id="suspected with write-accelerated disks",
        ),
        pytest.param(
            grounded(item(), disks=(plain, unmanaged)),
            Severity.SUSPECTED,
            1,
            id="suspected with unmanaged disks",
        ),
        pytest.param(
            grounded(item(), view(agent_version="2.7.41491.999")),
            Severity.SUSPECTED,
            1,
            id="suspected with a Windows agent below the minimum, compared as numbers",
        ),
        pytest.param(
            grounded(item(), view(agent_version="2.7.41491.1010")),
            Severity.INFO,
            0,
            id="info with the oldest supported agent",
        ),
        pytest.param(
            grounded(item(), view(agent_version="2.2.10.0"), os="Linux"),
            Severity.SUSPECTED,
            1,
            id="suspected with a Linux agent below the minimum",
        ),
        pytest.param(
            grounded(item(), view(agent_version="2.2.53.1"), os="Linux"),
            Severity.INFO,
            0,
            id="info with the oldest supported Linux agent",
        ),
        pytest.param(
            grounded(item(), view(agent_version="Unknown")),
            Severity.INFO,
            0,
            id="info with an agent of unknown version",
        ),
    ],
)
def test_severity_is(read: Estate, severity: Severity, reasons: int) -> None:
    [finding] = found(PLAYBOOK, read)

    assert finding.severity is severity
    assert (finding.failure is not None) == (severity is Severity.CORROBORATED)
    assert len(finding.evidence.grounds) == reasons


second = nic("second", nsg=nsg_id("nsg1"), primary=False)


def with_rule(access: str, destination: str, **changes: Any) -> Estate:
    return estate(vm(), item(), behind, nsg(rule(access, destination, **changes)), subnet())


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(vm(), *network), id="the vm is not protected"),
        pytest.param(estate(item(), *network), id="the vm is gone"),
        pytest.param(estate(vm(), item(), nic(), subnet()), id="there is no nsg"),
        pytest.param(estate(vm(), item(), behind, nsg(), subnet()), id="only default rules are there"),
        pytest.param(estate(vm(), item(), nic(), closed, subnet()), id="the nsg is not the vm's"),
        pytest.param(
            estate(vm(nics=(nic_id("sql1-nic"), nic_id("second"))), item(), nic(), second, closed, subnet()),
            id="the nsg is on an interface that is not primary",
        ),
        pytest.param(estate(vm(), item(), *network, power="deallocated"), id="the vm is deallocated"),
        pytest.param(estate(vm(), item(), *network, power="stopped"), id="the vm is stopped"),
        pytest.param(
            estate(vm(), item(), policy(consistency="OnlyCrashConsistent"), *network),
            id="backups are crash-consistent",
        ),
        pytest.param(
            estate(vm(), item(protection_state="ProtectionStopped"), *network), id="protection is stopped"
        ),
        pytest.param(with_rule("Deny", "Internet", direction="Inbound"), id="the deny is inbound"),
        pytest.param(with_rule("Deny", "Internet", protocol="Udp"), id="the deny is for udp"),
        pytest.param(with_rule("Deny", "Internet", ports=("80",)), id="the deny is for another port"),
        pytest.param(with_rule("Deny", "Internet", sources=("10.0.9.0/24",)), id="the deny is for others"),
        pytest.param(with_rule("Deny", "Storage.NorthEurope"), id="another region's storage is denied"),
        pytest.param(with_rule("Deny", "VirtualNetwork"), id="the virtual network is denied"),
        pytest.param(
            estate(vm(), item(), behind, nsg(rule("Allow", "Storage", 200), deny), subnet()),
            id="storage is allowed above the deny",
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(PLAYBOOK, healthy) == []
    assert undecided(PLAYBOOK, healthy) == []


two = (nic_id("a"), nic_id("b"))
ranged = nsg(rule("Deny", "20.60.0.0/16"))


@pytest.mark.parametrize(
    ("read", "because"),
    [
        pytest.param(
            estate(vm(), item(), behind, ranged, subnet()),
            "rule 'deny-100' of NSG 'nsg1' may match part of the traffic to Azure Storage",
            id="a rule names a range of public addresses",
        ),
        pytest.param(
            estate(vm(), item(), behind, subnet()), "NSG 'nsg1' was not read", id="the nsg is unread"
        ),
        pytest.param(estate(vm(), item(), nic()), "subnet 'default' was not read", id="the subnet is unread"),
        pytest.param(
            estate(vm(), item()), "network interface 'sql1-nic' was not read", id="the interface is unread"
        ),
        pytest.param(
            estate(vm(nics=two, primary_nic=None), item()),
            "which network interface is the primary one is not known",
            id="no interface is primary",
        ),
    ],
)
def test_gives_no_verdict_when(read: Estate, because: str) -> None:
    [gap] = undecided(PLAYBOOK, read)

    assert (gap.playbook, gap.vm, gap.because) == (PLAYBOOK, vm_id("sql1"), because)
    assert found(PLAYBOOK, read) == []


def test_ids_in_another_case_are_the_same() -> None:
    shouted = replace(behind, nsg=ArmId(str(nsg_id("nsg1")).upper()))

    assert len(found(PLAYBOOK, estate(vm(), item(), shouted, closed, subnet()))) == 1
