"""What cures ask for beyond a scan: read for the VMs found and for no other, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from building import (
    SUBSCRIPTION,
    ago,
    estate,
    failed_item,
    item,
    lock,
    nic,
    nic_id,
    subnet,
    subnet_id,
    vm,
    vm_id,
)
from misbehaving import Answer, Server, Watch, error, misbehaving, timed

from azremedy import saved
from azremedy.arm import ArmId
from azremedy.azure import ArmReader
from azremedy.collect import Reading
from azremedy.collect.cures import read_for_cures
from azremedy.errors import WriteRefused
from azremedy.estate import Estate
from azremedy.playbook import Finding, Playbook, Severity, load
from azremedy.resources import Read, RecoveryPoint, Rule, Tier

NETWORK = str(subnet_id()).partition("/subnets/")[0]
ADMIN = f"{NETWORK}/listNetworkManagerEffectiveSecurityAdminRules"
SIZES = f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/vmSizes"
TAGS = f"{SUBSCRIPTION}/providers/Microsoft.Network/locations/westeurope/serviceTags"
POINTS = f"{item().id}/recoveryPoints"
LOCKS = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/locks"
EGRESS, LIMIT, DISKS = (load()[name] for name in ("storage-egress", "restore-point-limit", "disk-size"))
ASKED_FOR = EGRESS.needs | LIMIT.needs

sick = estate(vm(), failed_item(), nic(), subnet(), reads=ASKED_FOR, vm_sizes=())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        made.on(LOCKS, Answer({"value": []}))
        made.on(TAGS, Answer({"values": [{"name": "Storage"}, {"name": "Storage.WestEurope"}, {}]}))
        made.on(POINTS, Answer({"value": [recovery_point("1")]}))
        made.on(ADMIN, Answer({"value": [admin_rule("Internet")]}))
        yield made


@pytest.fixture
def reader(server: Server) -> Iterator[ArmReader]:
    with timed(server, Watch()) as made:
        yield made


def finding(of: ArmId | None = None) -> Finding[None]:
    vm = of or vm_id()
    return Finding(vm, vm, "it is broken", Severity.CORROBORATED, None)


def read(reader: ArmReader, of: Estate = sick, *playbooks: Playbook[Any], vm: ArmId | None = None) -> Reading:
    return read_for_cures(reader, of, [(one, finding(vm)) for one in playbooks or (EGRESS, LIMIT)])


def recovery_point(name: str, **changes: Any) -> Any:
    properties = {
        "objectType": "IaasVMRecoveryPoint",
        "recoveryPointType": "AppConsistent",
        "recoveryPointTime": "2026-11-21T23:00:00.4353958Z",
        "isInstantIlrSessionActive": False,
        "recoveryPointTierDetails": [
            {"type": "InstantRP", "status": "Valid"},
            {"type": "ArchivedRP", "status": "Rehydrated", "extendedInfo": {"RehydratedRPExpiryTime": "x"}},
        ],
    }
    return {"id": f"{POINTS}/{name}", "properties": properties | changes}


def admin_rule(destination: str, name: str = "closed", priority: int = 10, **changes: Any) -> Any:
    """A rule as a network manager's virtual network answers it."""
    properties = {
        "protocol": "Any",
        "sources": [{"addressPrefixType": "IPPrefix", "addressPrefix": "*"}],
        "destinations": [{"addressPrefixType": "ServiceTag", "addressPrefix": destination}],
        "sourcePortRanges": ["0-65535"],
        "destinationPortRanges": ["443"],
        "direction": "Outbound",
        "access": "Deny",
        "priority": priority,
    }
    manager = "/subscriptions/1/resourceGroups/hub/providers/Microsoft.Network/networkManagers/hub"
    id_ = f"{manager}/securityAdminConfigurations/all/ruleCollections/all/rules/{name}"
    return {"id": id_, "kind": "Custom", "properties": properties | changes}


def test_reads_points_tags_rules_and_locks_and_counts_the_requests(server: Server, reader: ArmReader) -> None:
    server.on(LOCKS, Answer({"value": [{"id": str(lock("prod").id), "properties": {"level": "ReadOnly"}}]}))
    reading = read(reader)
    got = reading.estate

    assert got.recovery == {
        item().id: (
            RecoveryPoint(
                ArmId(f"{POINTS}/1"),
                ago(hours=8).replace(microsecond=435395),
                "AppConsistent",
                (Tier("InstantRP", "Valid"), Tier("ArchivedRP", "Rehydrated")),
            ),
        )
    }
    assert got.tags == {"westeurope": ("Storage", "Storage.WestEurope")}
    assert got.admin == {
        nic_id("sql1-nic"): (
            Rule(
                "closed",
                "Outbound",
                "Deny",
                10,
                destinations=("Internet",),
                ports=("443",),
                source_ports=("0-65535",),
            ),
        )
    }
    assert [one.id for one in got.locks] == [lock("prod").id]
    assert got.unread == ()
    assert got.reads == ASKED_FOR | {Read.LOCKS, Read.RECOVERY_POINTS, Read.SERVICE_TAGS, Read.ADMIN_RULES}
    assert reading.calls == {
        Read.LOCKS: 1,
        Read.RECOVERY_POINTS: 1,
        Read.SERVICE_TAGS: 1,
        Read.ADMIN_RULES: 1,
    }


def test_what_the_scan_has_read_already_is_not_read_again(server: Server, reader: ArmReader) -> None:
    known = replace(sick, reads=sick.reads | {Read.LOCKS}, locks=(lock("prod"),))

    assert read(reader, known).estate.locks == (lock("prod"),)
    assert server.requests(LOCKS) == []


def test_only_what_is_asked_for_and_only_for_the_vms_found(server: Server, reader: ArmReader) -> None:
    reading = read(reader, sick, EGRESS, vm=vm_id("another"))

    assert reading.calls == {Read.LOCKS: 1}
    assert reading.estate.admin == {}


def test_nothing_found_asks_for_nothing(server: Server, reader: ArmReader) -> None:
    reading = read_for_cures(reader, sick, [])

    assert (reading.estate, reading.calls) == (sick, {})


def test_two_vms_of_one_network_and_region_cost_one_request_each(server: Server, reader: ArmReader) -> None:
    web = nic("web1-nic", vm=vm_id("web1"))
    two = replace(sick, vms=(vm(), vm("web1", nics=(web.id,), primary_nic=web.id)), nics=(nic(), web))
    found = [(EGRESS, finding(one.id)) for one in two.vms]
    reading = read_for_cures(reader, two, found)

    assert reading.calls == {Read.LOCKS: 1, Read.SERVICE_TAGS: 1, Read.ADMIN_RULES: 1}
    assert set(reading.estate.admin) == {nic_id("sql1-nic"), web.id}


def test_the_pages_of_every_list_are_followed(server: Server, reader: ArmReader) -> None:
    more = f"{server.address}{POINTS}-more"
    server.on(POINTS, Answer({"value": [recovery_point("1")], "nextLink": more}))
    server.on(f"{POINTS}-more", Answer({"value": [recovery_point("2")], "nextLink": None}))
    server.on(
        ADMIN,
        Answer({"value": [admin_rule("Internet", "second", 20)], "skipToken": "page 2"}),
        Answer({"value": [admin_rule("Storage", "first", 5)]}),
    )
    got = read(reader).estate

    assert [point.id.name for point in got.recovery[item().id]] == ["1", "2"]
    assert [rule.name for rule in got.admin[nic_id("sql1-nic")]] == ["first", "second"]
    assert [json.loads(asked.body) for asked in server.requests(ADMIN)] == [{}, {"skipToken": "page 2"}]


def test_half_a_list_of_recovery_points_is_none(server: Server, reader: ArmReader) -> None:
    server.on(POINTS, Answer({"value": [recovery_point("1")], "nextLink": f"{server.address}{POINTS}-gone"}))
    got = read(reader).estate

    assert got.recovery == {}
    assert [(gap.read, gap.scope) for gap in got.unread] == [(Read.RECOVERY_POINTS, item().id)]


def test_a_recovery_point_that_makes_no_sense_spoils_the_list(server: Server, reader: ArmReader) -> None:
    server.on(POINTS, Answer({"value": [recovery_point("1"), {"id": None}]}))
    got = read(reader).estate

    assert got.recovery == {}
    assert got.not_read(Read.RECOVERY_POINTS, item().id)


@pytest.mark.parametrize("said", [None, "yes", True])
def test_a_file_recovery_counts_unless_it_is_denied(server: Server, reader: ArmReader, said: Any) -> None:
    server.on(POINTS, Answer({"value": [recovery_point("1", isInstantIlrSessionActive=said)]}))
    [point] = read(reader).estate.recovery[item().id]

    assert point.file_recovery


def test_a_tier_in_numbers_is_no_copy_to_count_on(server: Server, reader: ArmReader) -> None:
    server.on(
        POINTS, Answer({"value": [recovery_point("1", recoveryPointTierDetails=[{"type": 2, "status": 1}])]})
    )
    [point] = read(reader).estate.recovery[item().id]

    assert point.tiers == (Tier("", ""),)


def test_a_network_without_a_manager_has_no_rules(server: Server, reader: ArmReader) -> None:
    server.on(ADMIN, error(404, "NotFound", "There is no network manager."))
    got = read(reader).estate

    assert got.admin == {nic_id("sql1-nic"): ()}
    assert got.unread == ()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(error(403, "AuthorizationFailed", "You may not."), "You may not.", id="forbidden"),
        pytest.param(Answer({"rules": []}), "no 'value'", id="no list"),
        pytest.param(
            Answer({"value": [admin_rule("Storage", access=None)]}), "makes no sense", id="no access"
        ),
        pytest.param(Answer({"value": ["rule"]}), "makes no sense", id="no rule"),
        pytest.param(
            Answer({"value": [], "skipToken": "again"}), "leads back", id="a token that comes again"
        ),
    ],
)
def test_rules_that_are_not_known_are_unread(
    server: Server, reader: ArmReader, answer: Answer, reason: str
) -> None:
    server.on(ADMIN, answer)
    got = read(reader).estate

    assert nic_id("sql1-nic") not in got.admin
    [gap] = got.unread
    assert (gap.read, gap.scope) == (Read.ADMIN_RULES, nic_id("sql1-nic"))
    assert reason in gap.reason


def test_the_protocol_and_the_ends_of_a_rule_are_those_of_security_rules(
    server: Server, reader: ArmReader
) -> None:
    group = {"addressPrefixType": "NetworkGroup", "addressPrefix": "/subscriptions/1/networkGroups/g"}
    server.on(
        ADMIN,
        Answer(
            {"value": [admin_rule("x", protocol="Tcp", sources=[group], destinations=[], kind="Default")]}
        ),
    )
    [rule] = read(reader).estate.admin[nic_id("sql1-nic")]

    assert (rule.protocol, rule.sources, rule.destinations) == (
        "Tcp",
        ("/subscriptions/1/networkGroups/g",),
        ("*",),
    )


def test_service_tags_that_cannot_be_read_are_unread(server: Server, reader: ArmReader) -> None:
    server.on(TAGS, Answer({"value": []}))
    got = read(reader).estate

    assert got.tags == {}
    assert [gap.read for gap in got.unread] == [Read.SERVICE_TAGS]


def test_sizes_of_vms_are_read_once_for_their_region(server: Server, reader: ArmReader) -> None:
    told = [
        {"name": "Standard_D2s_v5", "numberOfCores": 2, "maxDataDiskCount": 4},
        {"name": "Standard_X"},
        {"maxDataDiskCount": 8},
    ]
    server.on(SIZES, Answer({"value": told}))
    two = replace(sick, vms=(vm(), vm("web1", location="West Europe")))
    reading = read_for_cures(reader, two, [(DISKS, finding(one.id)) for one in two.vms])

    assert reading.calls == {Read.LOCKS: 1, Read.VM_SIZES: 1}
    assert reading.estate.sizes == {"westeurope": {"standard_d2s_v5": 4}}
    assert reading.estate.unread == ()


def test_sizes_of_vms_that_cannot_be_read_are_unread(server: Server, reader: ArmReader) -> None:
    server.on(SIZES, Answer({"values": []}))
    got = read(reader, sick, DISKS).estate

    assert got.sizes == {}
    assert [gap.read for gap in got.unread] == [Read.VM_SIZES]


def test_a_location_that_is_no_name_is_not_asked_for(server: Server, reader: ArmReader) -> None:
    read(reader, replace(sick, vms=(vm(location="../../x"),)))

    assert all("serviceTags" not in asked.path for asked in server.asked)


def test_what_was_read_can_be_saved(reader: ArmReader, tmp_path: Path) -> None:
    got = read(reader).estate
    path = tmp_path / "estate.json"
    path.write_bytes(saved.dump(got))

    assert saved.load(path) == got


@pytest.mark.parametrize("address", [NETWORK, f"{NETWORK}/subnets/a", f"{ADMIN}/x", f"{vm_id()}/restart"])
def test_no_other_post_leaves(server: Server, reader: ArmReader, address: str) -> None:
    with pytest.raises(WriteRefused):
        reader.post_read(address, {}, {"api-version": "2024-05-01"})

    assert server.requests(address) == []
