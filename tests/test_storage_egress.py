"""storage-egress: a network security group keeps a VM from Azure Storage."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from building import (
    attached,
    cured,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    nic,
    nic_id,
    nsg,
    nsg_id,
    plans,
    policy,
    rule,
    subnet,
    subnet_id,
    undecided,
    view,
    vm,
    vm_id,
)

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, steps
from azremedy.plan import Test as Check
from azremedy.playbook import Severity
from azremedy.resources import AdminRules, IpConfiguration, Read, Rule, ServiceTags, Unread

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


tags = ServiceTags("westeurope", ("Storage", "Storage.NorthEurope", "Storage.WestEurope"))
free = AdminRules(nic_id("sql1-nic"))
shared = nsg(deny, nics=(nic_id("sql1-nic"), nic_id("web1-nic")), subnets=(subnet_id("a"),))
sick = estate(vm(), failed_item(), failed_job(NO_NETWORK), behind, shared, subnet(), tags, free)
NAME = "azremedy-allow-storage-sql1"


def rule_id(name: str = NAME, of: str = "nsg1") -> ArmId:
    return ArmId(f"{nsg_id(of)}/securityRules/{name}")


def bodies(cure: Cure) -> list[Any]:
    return [step.request.body["properties"] for step in steps(*cure.nodes)]


def test_allows_this_vm_alone_just_above_the_rule_that_denies() -> None:
    properties = {
        "description": "Azure Backup of VM sql1 reaches Azure Storage",
        "direction": "Outbound",
        "access": "Allow",
        "priority": 299,
        "protocol": "Tcp",
        "sourcePortRange": "*",
        "destinationPortRange": "443",
        "destinationAddressPrefix": "Storage.WestEurope",
        "sourceAddressPrefix": "10.0.0.4/32",
    }
    denying = ArmId(f"{nsg_id('nsg1')}/securityRules/deny-300")

    assert cured(PLAYBOOK, sick).nodes == (
        Step(
            summary="allow VM sql1 (address 10.0.0.4) TCP 443 to Storage.WestEurope in NSG 'nsg1' with priority 299,"
            " above rule 'deny-300'; 2 network interfaces and 1 subnet share it",
            request=Request("PUT", rule_id(), body={"properties": properties}),
            before=(
                Expect(rule_id(), "", Check.ABSENT),
                Expect(denying, "properties.access", Check.EQUALS, "Deny"),
                Expect(denying, "properties.priority", Check.EQUALS, 300),
                Expect(nic_id("sql1-nic"), "properties.virtualMachine.id", Check.EQUALS, str(vm_id("sql1"))),
                Expect(
                    nic_id("sql1-nic"),
                    "properties.networkSecurityGroup.id",
                    Check.EQUALS,
                    str(nsg_id("nsg1")),
                ),
            ),
            after=(
                Expect(rule_id(), "properties.direction", Check.EQUALS, "Outbound"),
                Expect(rule_id(), "properties.access", Check.EQUALS, "Allow"),
                Expect(rule_id(), "properties.priority", Check.EQUALS, 299),
                Expect(rule_id(), "properties.destinationAddressPrefix", Check.EQUALS, "Storage.WestEurope"),
            ),
            undo=Request("DELETE", rule_id()),
            within=timedelta(minutes=5),
            fix_class=FixClass.GUARDED,
        ),
    )


def test_what_the_rule_allows_ends_the_finding() -> None:
    [body] = bodies(cured(PLAYBOOK, sick))
    made = rule(
        body["access"],
        body["destinationAddressPrefix"],
        body["priority"],
        sources=(body["sourceAddressPrefix"],),
        ports=(body["destinationPortRange"],),
        protocol=body["protocol"],
    )
    opened = nsg(deny, made, nics=shared.nics, subnets=shared.subnets)

    assert found(PLAYBOOK, replace(sick, nsgs=(opened,))) == []


@pytest.mark.parametrize("known", [(), (ServiceTags("westeurope", ("Storage", "Sql.WestEurope")),)])
def test_without_a_tag_of_its_region_it_is_the_global_one(known: tuple[ServiceTags, ...]) -> None:
    [body] = bodies(cured(PLAYBOOK, replace(sick, service_tags=known)))

    assert body["destinationAddressPrefix"] == "Storage"


def with_rules(*rules: Rule) -> Estate:
    return replace(sick, nsgs=(nsg(*rules, nics=shared.nics, subnets=shared.subnets),))


@pytest.mark.parametrize(
    ("rules", "priority"),
    [
        pytest.param((deny, rule("Allow", "Sql", 299)), 298, id="the next one is taken"),
        pytest.param(
            (deny, rule("Allow", "Sql", 299, direction="Inbound")), 299, id="inbound ones do not count"
        ),
        pytest.param((deny, rule("Deny", "20.60.0.0/16", 200)), 199, id="a range above it is denied too"),
        pytest.param((rule("Deny", "Internet", 101),), 100, id="the highest there is"),
    ],
)
def test_the_priority_is_the_highest_free_one_above_every_deny_of_storage(
    rules: tuple[Rule, ...], priority: int
) -> None:
    [body] = bodies(cured(PLAYBOOK, with_rules(*rules)))

    assert body["priority"] == priority


def test_two_vms_behind_one_nsg_get_two_priorities_and_two_names() -> None:
    web = nic("web1-nic", vm=vm_id("web1"), nsg=nsg_id("nsg1"))
    read = estate(
        vm(), vm("web1"), failed_item(), failed_item("web1"), behind, web, shared, subnet(), tags,
        free, AdminRules(web.id),
    )  # fmt: skip
    one, two = (made for made in plans(PLAYBOOK, read) if isinstance(made, Cure))

    assert [bodies(made)[0]["priority"] for made in (one, two)] == [299, 298]
    assert [made.vms for made in (one, two)] == [(vm_id("sql1"),), (vm_id("web1"),)]
    assert plans(PLAYBOOK, read) == [one, two]


def test_both_nsgs_of_a_vm_are_opened_in_one_cure_or_none() -> None:
    below = subnet(nsg=nsg_id("nsg2"))
    crowded = nsg(rule("Deny", "Internet", 100), name="nsg2")
    read = estate(vm(), failed_item(), behind, shared, nsg(deny, name="nsg2"), below, tags, free)
    cure = cured(PLAYBOOK, read)

    assert [step.request.id for step in steps(*cure.nodes)] == [rule_id(), rule_id(of="nsg2")]
    assert (
        Expect(below.id, "properties.networkSecurityGroup.id", Check.EQUALS, str(nsg_id("nsg2")))
        in list(steps(*cure.nodes))[1].before
    )
    assert len(cure.findings) == 2
    assert {type(one) for one in plans(PLAYBOOK, replace(read, nsgs=(shared, crowded)))} == {ByHand}


@pytest.mark.parametrize("name", ["a" * 64, "sql 1", "größe", "ends-with-", "x/../../y".replace("/", "%2F")])
def test_a_rule_has_a_legal_name_whatever_the_vm_is_called(name: str) -> None:
    its = replace(behind, vm=vm_id(name), id=nic_id("sql1-nic"))
    machine = vm(name, nics=(its.id,), primary_nic=its.id)
    read = estate(machine, failed_item(name), its, shared, subnet(), tags, free)
    [step] = steps(*cured(PLAYBOOK, read).nodes)

    assert re.fullmatch(r"azremedy-allow-storage-[\w.-]{0,56}\w", step.request.id.name, re.ASCII)
    assert step.request.id.covers(rule_id(step.request.id.name))


def test_namesakes_get_rules_of_different_names() -> None:
    test = ArmId(str(vm_id()).replace("prod", "test"))
    namesake = vm("sql1", id=test, nics=(nic_id("web1-nic"),), primary_nic=nic_id("web1-nic"))
    web = nic("web1-nic", vm=test, nsg=nsg_id("nsg1"))
    theirs = replace(failed_item(), id=ArmId(f"{item().id}-test"), vm=test)
    read = estate(
        vm(), namesake, failed_item(), theirs, behind, web, shared, subnet(), tags, free, AdminRules(web.id)
    )
    one, two = (made for made in plans(PLAYBOOK, read) if isinstance(made, Cure))
    [first], [second] = (list(steps(*made.nodes)) for made in (one, two))

    assert first.request.id != second.request.id
    assert first.request.id.name.startswith(NAME)


group_of_vms = ArmId(str(nic_id("x")).replace("networkInterfaces", "applicationSecurityGroups"))


def test_without_an_address_the_rule_is_for_the_vms_application_group() -> None:
    address = IpConfiguration(subnet_id(), None, primary=True, application_groups=(group_of_vms,))
    [body] = bodies(cured(PLAYBOOK, replace(sick, nics=(replace(behind, ip_configurations=(address,)),))))

    assert body["sourceApplicationSecurityGroups"] == [{"id": str(group_of_vms)}]
    assert "sourceAddressPrefix" not in body


def admin(access: str, destination: str = "Internet", **changes: Any) -> AdminRules:
    return AdminRules(nic_id("sql1-nic"), (rule(access, destination, 10, **changes),))


def ruled(rules: AdminRules, *more: Rule) -> Estate:
    return replace(sick, admin_rules=(replace(rules, rules=(*more, *rules.rules)),))


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(ruled(admin("Allow")), id="allow"),
        pytest.param(ruled(admin("Deny"), rule("Allow", "Storage", 5)), id="allow storage above a deny"),
        pytest.param(ruled(admin("Deny", direction="Inbound")), id="deny the other direction"),
        pytest.param(ruled(admin("Deny", ports=("22",))), id="deny another port"),
        pytest.param(ruled(admin("Deny", sources=("10.9.0.0/16",))), id="deny others"),
    ],
)
def test_is_planned_where_admin_rules(read: Estate) -> None:
    assert cured(PLAYBOOK, read).vms == (vm_id(),)


no_address = IpConfiguration(subnet_id(), "dynamic", primary=True)


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        pytest.param(ruled(admin("Deny")), "'deny-10' (Deny)", id="an admin rule denies"),
        pytest.param(ruled(admin("Deny", "20.60.0.0/16")), "'deny-10'", id="an admin rule may deny a part"),
        pytest.param(ruled(admin("AlwaysAllow")), "(AlwaysAllow)", id="an admin rule passes by every nsg"),
        pytest.param(
            ruled(admin("Deny", sources=("/subscriptions/1/networkGroups/g",))),
            "'deny-10'",
            id="an admin rule is for a network group",
        ),
        pytest.param(replace(sick, admin_rules=()), "were not read", id="admin rules were not asked for"),
        pytest.param(
            replace(
                sick, admin_rules=(), unread=(Unread(Read.ADMIN_RULES, nic_id("sql1-nic"), "no right to"),)
            ),
            "were not read (no right to)",
            id="admin rules are unreadable",
        ),
        pytest.param(
            with_rules(rule("Deny", "Internet", 100)), "no priority is free", id="the deny is the first"
        ),
        pytest.param(
            with_rules(rule("Deny", "Internet", 101), rule("Allow", "Sql", 100)),
            "no priority is free",
            id="what is above the deny is taken",
        ),
        pytest.param(
            with_rules(deny, rule("Allow", "Sql", 4000, name=NAME.upper())),
            "is there already",
            id="it is there",
        ),
        pytest.param(
            replace(sick, nics=(replace(behind, ip_configurations=(no_address,)),)),
            "shows no address",
            id="the address is unknown",
        ),
        pytest.param(
            replace(sick, nics=(replace(behind, vm=vm_id("web1")),)),
            "does not name this VM",
            id="the interface is another vm's",
        ),
        pytest.param(
            replace(sick, nics=(replace(behind, vm=None),)),
            "does not name this VM",
            id="the interface is nobody's",
        ),
    ],
)
def test_leaves_it_to_a_person_where(read: Estate, reason: str) -> None:
    made = left(PLAYBOOK, read)

    assert reason in made.reason
    assert made.allow is None


def test_is_guarded() -> None:
    assert left(PLAYBOOK, sick, Choices()).allow is FixClass.GUARDED
