"""What a backup does in the sandbox: its state decides, not a script."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError
from sandboxed import CALM, SPEED, estate, lab, vm

from azremedy.sandbox import embedded

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = "The Restore point collection max limit has reached."
SILENT = "VM Agent unable to communicate with Azure Backup"
NO_NETWORK = "Snapshot operation failed due to no network connectivity on the virtual machine"
FULL = {"points": {"count": 18, "every": 24, "newest": 32}}
FAILED_CLOSED = {"failed": {"code": "ExtensionSnapshotFailedNoNetwork"}}
CLOSED = [{"name": "closed", "rules": [{"name": "no", "access": "Deny", "priority": 200, "to": "Internet"}]}]
ALLOW = {
    "access": "Allow",
    "direction": "Outbound",
    "priority": 150,
    "protocol": "Tcp",
    "source_address_prefix": "VirtualNetwork",
    "source_port_range": "*",
    "destination_address_prefix": "Storage.WestEurope",
    "destination_port_range": "443",
}


def test_a_backup_that_nothing_stops_leaves_a_point_a_copy_and_a_healthy_item(tmp_path: Path) -> None:
    failed = {"completed": 56, "failed": {"code": "BackUpOperationFailed"}}
    with lab(tmp_path, estate(vm(backup=failed)), speed=CALM) as azure:
        before = azure.points()
        headers = azure.trigger()
        assert headers["Retry-After"] == "2"  # 60 seconds of a clock that is forty times as fast
        assert "/operationResults/" in headers["Location"]
        job = azure.operation(headers).properties
        running = azure.backup.job_details.get(**azure.vault_of(), job_name=job.job_id).properties
        assert running.status == "InProgress"
        assert running.is_user_triggered
        assert [one.task_id for one in running.extended_info.tasks_list] == [
            "Take Snapshot",
            "Transfer data to vault",
        ]
        azure.wait(40)
        (new,) = set(azure.points()) - set(before)
        assert datetime.strptime(new, "AzureBackup_%Y%m%d_%H%M%S").replace(tzinfo=UTC) < azure.sandbox.now
        assert azure.tiers()[0] == ["InstantRP"]
        azure.wait(80)
        ended = azure.backup.job_details.get(**azure.vault_of(), job_name=job.job_id).properties
        assert ended.status == "Completed"
        assert azure.tiers()[0] == ["InstantRP", "HardenedRP"]
        item = azure.protected()
        assert (item["lastBackupStatus"], item["healthStatus"]) == ("Completed", "Passed")
        assert item["healthDetails"] == []
        assert item["lastRecoveryPoint"][:19] > ended.start_time.isoformat()[:19]


STOPS: list[tuple[dict[str, Any], str]] = [
    (vm(agent="not-ready"), SILENT),
    (vm(agent="stale"), SILENT),
    (vm(agent="absent"), SILENT),
    (vm(agent={"version": "2.6.1198.718"}), "Could not communicate with the VM agent for snapshot status"),
    (vm(provisioning="Failed"), "The VM is in failed provisioning state"),
    (vm(snapshot="failed"), "VMSnapshot extension operation failed"),
    (vm(snapshot="stuck"), "Extension state is not supportive to the backup operation"),
    (vm(power="starting"), "VM is not in a state that allows backups."),
    (
        vm(power="stopped", backup={"failed": {"code": "UserErrorVmNotInDesirableState"}}),
        "VM is not in a state that allows backups.",
    ),
    (
        vm(disks=[{"lun": 0, "size": 65537}]),
        "The configured disk size(s) is currently not supported by Azure Backup.",
    ),
    (
        vm(disks=[{"lun": 0, "size": 4097, "encrypted_in_guest": True}]),
        "The configured disk size(s) is currently not supported by Azure Backup.",
    ),
    (
        vm(backup={"state": "ProtectionStopped"}),
        "Backup failed: This virtual machine is not (actively) protected by Azure Backup.",
    ),
    (vm(**FULL), LIMIT),
    (vm(nic={"nsg": "closed"}, backup=FAILED_CLOSED), NO_NETWORK),
]

PASSES: list[dict[str, Any]] = [
    vm(),
    vm(agent="not-ready", power="deallocated"),
    vm(agent="not-ready", power="stopped"),
    vm(agent="not-ready", backup={"policy": "crash"}),
    vm(snapshot="absent"),
    vm(nic={"nsg": "closed"}),
    vm(backup=FAILED_CLOSED),
    vm(disks=[{"lun": 0, "size": 40960}]),
    vm(disks=[{"lun": 3, "size": 65537}], backup={"excluded_luns": [3]}),
    vm(points={"count": 17}),
    vm(points={"count": 40, "newest": 3, "every": 4}, backup={"policy": "crash"}),
]
POLICIES = [
    {"name": "daily", "instant_days": 2},
    {"name": "crash", "type": "V2", "consistency": "crash", "instant_days": 7},
]


def test_every_backup_ends_as_the_state_of_its_vm_demands(tmp_path: Path) -> None:
    expected = [*STOPS, *((one, "Completed") for one in PASSES)]
    vms = [{**one, "name": f"vm{number}"} for number, (one, _) in enumerate(expected)]
    vaults = [{"name": "vault1", "policies": POLICIES}]
    with lab(tmp_path, estate(*vms, vaults=vaults, nsgs=CLOSED)) as azure:
        for one in vms:
            azure.trigger(name=one["name"])
        azure.wait(120)
        ends = {}
        for one in azure.backup.backup_jobs.list(**azure.vault_of()):
            if one.properties.is_user_triggered:
                job = azure.backup.job_details.get(**azure.vault_of(), job_name=one.name).properties
                errors = job.error_details
                ends[job.entity_friendly_name] = errors[0].error_string if errors else job.status
    assert [ends[one["name"]] for one in vms] == [end for _, end in expected]


def test_a_failed_backup_is_seen_on_the_item(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm(agent="not-ready"))) as azure:
        job = azure.job()
        assert (job.status, job.error_details[0].error_string) == ("Failed", SILENT)
        assert job.extended_info.tasks_list[1].status == "Skipped"
        item = azure.protected()
        assert (item["lastBackupStatus"], item["healthStatus"]) == ("Failed", "ActionRequired")
        assert item["healthDetails"][0]["message"] == SILENT


def test_at_the_limit_the_first_backup_fails_and_the_clean_up_lets_the_next_one_pass(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm(**FULL))) as azure:
        assert azure.said() == LIMIT
        assert len(azure.points()) == 18
        azure.wait(60)
        assert len(azure.points()) == 1
        assert azure.tiers().count(["HardenedRP"]) == 17
        assert azure.said() == "Completed"


def test_a_lock_over_the_points_keeps_the_service_from_pruning(tmp_path: Path) -> None:
    points = {**FULL["points"], "group": "points"}
    with lab(tmp_path, estate(vm(points=points), locks=[{"name": "keep", "scope": "points"}])) as azure:
        assert azure.said() == LIMIT
        azure.wait(60)
        assert len(azure.points()) == 18
        azure.locks.delete_at_resource_group_level("points", "keep")
        assert azure.said() == LIMIT
        azure.wait(60)
        azure.locks.create_or_update_at_resource_group_level("points", "keep", {"level": "CanNotDelete"})
        assert len(azure.points()) == 1
        assert azure.said() == "Completed"


def test_a_read_only_lock_over_the_points_lets_no_backup_pass(tmp_path: Path) -> None:
    locks = [{"name": "keep", "scope": "points", "level": "ReadOnly"}]
    with lab(tmp_path, estate(vm(points={"count": 2, "group": "points"}), locks=locks)) as azure:
        assert "internal error" in azure.said()


def test_points_of_somebody_else_count_but_are_not_pruned(tmp_path: Path) -> None:
    points = [{"count": 9, "newest": 99}, {"count": 9, "newest": 99, "collection": "mine"}]
    with lab(tmp_path, estate(vm(points=points))) as azure:
        assert azure.said() == LIMIT
        azure.wait(60)
        assert len(azure.points()) == 9


def test_a_collection_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm(**FULL))) as azure:
        (held,) = azure.compute.restore_point_collections.list_all()
        azure.compute.restore_point_collections.begin_delete(held.id.split("/")[4], held.name).result()
        assert azure.points() == []
        assert azure.said() == "Completed"
        assert len(azure.points()) == 1


def test_an_extension_that_was_uninstalled_is_installed_by_the_next_backup(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm(snapshot={"state": "failed", "listed": True}))) as azure:
        extensions = azure.compute.virtual_machine_extensions
        assert extensions.get("shop", "sql1", "VMSnapshot").provisioning_state == "Failed"
        extensions.begin_delete("shop", "sql1", "VMSnapshot").result()
        assert azure.state().vm_agent.extension_handlers == []
        assert not extensions.list("shop", "sql1").value
        assert azure.said() == "Completed"
        (handler,) = azure.state().vm_agent.extension_handlers
        assert handler.status.code == "ProvisioningState/succeeded"
        assert extensions.get("shop", "sql1", "VMSnapshot").provisioning_state == "Succeeded"


def test_an_allow_rule_opens_the_way_to_storage(tmp_path: Path) -> None:
    closed = vm(nic={"nsg": "closed"}, backup=FAILED_CLOSED)
    with lab(tmp_path, estate(closed, nsgs=CLOSED)) as azure:
        assert azure.said() == NO_NETWORK
        rules = azure.network.security_rules
        rules.begin_create_or_update("network", "closed", "allow", {"properties": camel(ALLOW)}).result()
        assert azure.said() == "Completed"
        rules.begin_delete("network", "closed", "allow").result()
        assert azure.said() == NO_NETWORK


def camel(names: dict[str, Any]) -> dict[str, Any]:
    """Return members as ARM spells them."""
    words = {name: name.split("_") for name in names}
    return {first + "".join(map(str.title, rest)): names[name] for name, (first, *rest) in words.items()}


def test_a_route_to_a_firewall_and_an_admin_rule_close_it_again(tmp_path: Path) -> None:
    routes = {"route_tables": [{"name": "out", "routes": [{"name": "d", "next_hop": "VirtualAppliance"}]}]}
    nets = [{"name": "net1", "subnets": [{"name": "a", "route_table": "out"}]}]
    with lab(tmp_path / "route", estate(vm(backup=FAILED_CLOSED), **{**routes, "vnets": nets})) as azure:
        assert azure.said() == NO_NETWORK
    deny = [{"name": "no", "access": "Deny", "priority": 10, "to": "Internet"}]
    with lab(tmp_path / "admin", estate(vm(backup=FAILED_CLOSED), admin_rules=deny)) as azure:
        assert azure.said() == NO_NETWORK


def test_a_second_backup_beside_a_running_one_is_refused(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm()), speed=CALM) as azure:
        azure.trigger()
        second = azure.operation(azure.trigger())
        assert second.status == "Failed"
        assert second.error.code == "UserErrorBackupOperationInProgress"
        azure.wait(150)
        assert azure.said() == "Completed"


def test_nine_backups_a_day_are_enough(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm(agent="not-ready"))) as azure:
        if (now := azure.sandbox.now).hour == 23:  # the count begins anew at midnight
            azure.wait(3600 - now.minute * 60)
        for _ in range(9):
            azure.said()
        with pytest.raises(HttpResponseError, match="9 on-demand backups a day"):
            azure.trigger()


def test_a_request_that_is_no_backup_request_is_refused(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm())) as azure, pytest.raises(HttpResponseError, match="objectType"):
        azure.backup.backups.trigger(**azure.item(), parameters={"properties": {"objectType": "Other"}})


def test_a_job_is_cancelled_while_its_snapshot_is_taken_and_not_later(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm()), speed=20.0) as azure:
        job = azure.operation(azure.trigger()).properties.job_id
        azure.backup.job_cancellations.trigger(**azure.vault_of(), job_name=job)
        found = azure.backup.job_details.get(**azure.vault_of(), job_name=job).properties
        assert found.status == "Cancelled"
        with pytest.raises(HttpResponseError, match="cannot be cancelled"):
            azure.backup.job_cancellations.trigger(**azure.vault_of(), job_name=job)


def test_a_restarted_sandbox_goes_on_with_its_jobs(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm(**FULL))) as azure:
        headers = azure.trigger()
    azure.wait(100)
    with lab(tmp_path) as again:
        job = again.operation(headers).properties.job_id
        found = again.backup.job_details.get(**again.vault_of(), job_name=job).properties
        assert found.error_details[0].error_string == LIMIT
        assert len(again.points()) == 1


def test_the_clock_is_anchored_in_the_state_and_never_goes_back(tmp_path: Path) -> None:
    with embedded(tmp_path, speed=SPEED * 50) as sandbox:
        first = sandbox.now
    with embedded(tmp_path) as sandbox:
        assert sandbox.now > first
