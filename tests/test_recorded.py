"""Does the reading code understand what the real Azure Resource Manager sent?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from azremedy.arm import ArmId
from azremedy.collect import backup, decode

RECORDED = Path(__file__).parents[1].parent / "shared" / "recorded"

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers of ARM lie beside the checkout, not in it"
)


def body(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["body"]


def test_virtual_machines() -> None:
    [old] = [decode.vm(one) for one in body("vm-list")["value"]]
    windows, *_ = [decode.vm(one) for one in body("vm-list-2024")["value"]]

    assert (old.id.name, old.os, old.provisioning_state) == ("cctestvm", "Linux", "Succeeded")
    assert old.vm_id == "f6a6b9b2-9b99-45b0-8a18-025998fc74d0"
    assert [(disk.lun, disk.size, disk.managed) for disk in old.disks] == [(None, 30, True), (0, 1023, True)]
    assert old.primary_nic == old.nics[0]
    assert (windows.windows, windows.provision_agent) == (True, True)
    assert old.id.group == ArmId("/subscriptions/ea42f556-5106-4743-99b0-c129bfa71a47/resourcegroups/test_vm")


def test_an_instance_view() -> None:
    answer = body("vm-get-instance-view")
    view = decode.instance_view(ArmId(answer["id"]), answer["properties"]["instanceView"])

    assert (view.agent_version, view.os_name) == ("2.2.54.2", "ubuntu")
    assert view.agent is not None
    assert (view.agent.code, view.agent.display) == ("ProvisioningState/succeeded", "Ready")
    assert view.agent.time == datetime(2021, 5, 24, 14, 41, 43, tzinfo=UTC)
    assert [handler.type for handler in view.handlers] == ["Microsoft.Azure.Extensions.CustomScript"]
    assert decode.power_of(one.code for one in view.statuses) == "running"
    assert decode.vm(answer).extensions[0].name == "script1"


def test_disks() -> None:
    disks = [decode.disk(one) for one in body("disks")["value"]]

    assert (disks[0].size, disks[0].sku, disks[0].managed_by) == (1023, "Standard_LRS", None)
    assert any(disk.managed_by is not None for disk in disks)
    assert {disk.location for disk in disks} >= {"southcentralus"}


def test_network_interfaces() -> None:
    nics = [decode.nic(one) for one in body("nics")["value"]]
    one = decode.nic(body("nic-get"))

    assert len(nics) > 1
    assert one.primary is True
    assert one.vm is not None
    assert (one.vm.name, one.ip_configurations[0].address) == ("cctestvm", "10.0.0.4")
    assert one.ip_configurations[0].subnet is not None
    assert one.ip_configurations[0].subnet.name == "Subnet"
    assert one.ip_configurations[0].public_ip is not None


def test_network_security_groups_with_their_default_rules_last() -> None:
    for one in body("nsgs")["value"]:
        nsg = decode.nsg(one)
        assert [rule.priority for rule in nsg.rules] == sorted(rule.priority for rule in nsg.rules)
        assert [rule.name for rule in nsg.rules if rule.direction == "Outbound"][-1] == "DenyAllOutBound"
        assert all(rule.ports for rule in nsg.rules)


def test_route_tables() -> None:
    tables = [decode.route_table(one) for one in body("route-tables")["value"]]

    assert any(route.next_hop for table in tables for route in table.routes)


def test_a_lock_that_a_resource_inherits_keeps_the_scope_it_stands_on() -> None:
    [lock] = [decode.lock(one) for one in body("locks-at-resource-inherited")["value"]]

    assert (lock.level, lock.scope.name, lock.scope.type) == ("CanNotDelete", "test_locked", "")
    assert lock.scope.covers(ArmId(f"{lock.scope.text.upper()}/providers/Microsoft.Compute/disks/d1"))


def test_vaults() -> None:
    [vault] = [backup.vault(one) for one in body("vaults")["value"]]

    assert (vault.location, vault.id.type) == ("eastus", "microsoft.recoveryservices/vaults")


def test_containers_are_named_alike_by_every_answer() -> None:
    status = body("backup-status-protected")

    assert backup.container(status["containerName"]) == "iaasvmcontainerv2;test_disk_type_modify;c7n-test-vm"
    assert backup.container(status["protectedItemName"]) == backup.container(status["containerName"])
