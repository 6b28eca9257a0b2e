"""Writes to the sandbox by the unmodified clients of the Azure SDK, and the operations behind them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from sandboxed import CALM, Lab, estate, lab, vm

from azremedy.errors import AzremedyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULE = {
    "access": "Allow",
    "direction": "Outbound",
    "priority": 150,
    "protocol": "Tcp",
    "sourceAddressPrefix": "VirtualNetwork",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "Storage.WestEurope",
    "destinationPortRange": "443",
}
NSGS = [
    {"name": "nsg1", "rules": [{"name": "no", "access": "Deny", "priority": 200, "to": "Internet"}]},
]


def code(refused: pytest.ExceptionInfo[HttpResponseError]) -> str:
    assert refused.value.error is not None
    return str(refused.value.error.code)


def states(azure: Lab) -> set[str]:
    return {one.code for one in azure.state().statuses}


def changes(before: Any, after: Any) -> set[str]:
    """Return the ids of what differs between two looks at the whole state."""
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, estate(vm(disks=[{"lun": 0, "size": 64}]), nsgs=NSGS), speed=CALM) as running:
        yield running


@pytest.mark.parametrize(
    ("verb", "during", "after"),
    [
        ("reapply", "running", "running"),
        ("restart", "running", "running"),
        ("redeploy", "running", "running"),
        ("deallocate", "deallocating", "deallocated"),
        ("power_off", "stopping", "stopped"),
        ("start", "starting", "running"),
    ],
)
def test_a_vm_passes_through_updating_to_its_next_state(
    azure: Lab, verb: str, during: str, after: str
) -> None:
    poller = getattr(azure.compute.virtual_machines, f"begin_{verb}")("shop", "sql1")
    assert states(azure) == {"ProvisioningState/updating", f"PowerState/{during}"}
    poller.result()
    assert states(azure) == {"ProvisioningState/succeeded", f"PowerState/{after}"}
    assert azure.compute.virtual_machines.get("shop", "sql1").provisioning_state == "Succeeded"
    assert (azure.state().vm_agent is None) == (after != "running")


def test_an_operation_is_told_at_two_addresses(azure: Lab) -> None:
    headers: dict[str, str] = {}
    poller = azure.compute.virtual_machines.begin_restart(
        "shop", "sql1", raw_response_hook=lambda answer: headers.update(answer.http_response.headers)
    )
    poller.wait()
    assert poller.status() == "Succeeded"
    asked = [one.path for one in azure.sandbox.requests if "/operations/" in one.path]
    assert not any("monitor" in path for path in asked[:-1])
    assert "monitor=true" in asked[-1]


def test_a_second_write_on_a_busy_vm_is_refused(azure: Lab) -> None:
    poller = azure.compute.virtual_machines.begin_restart("shop", "sql1")
    with pytest.raises(HttpResponseError) as refused:
        azure.compute.virtual_machines.begin_reapply("shop", "sql1")
    assert (refused.value.status_code, code(refused)) == (409, "OperationNotAllowed")
    poller.result()
    azure.compute.virtual_machines.begin_reapply("shop", "sql1").result()


def test_a_vm_that_is_off_is_not_restarted(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm(power="deallocated"))) as azure, pytest.raises(HttpResponseError) as refused:
        azure.compute.virtual_machines.begin_restart("shop", "sql1")
    assert code(refused) == "OperationNotAllowed"


def test_an_operation_outlives_its_client_and_its_sandbox(tmp_path: Path) -> None:
    with lab(tmp_path, estate(vm()), speed=1.0) as azure:
        token = azure.compute.virtual_machines.begin_restart("shop", "sql1").continuation_token()
        assert "ProvisioningState/updating" in states(azure)
        port = int(azure.sandbox.url.rpartition(":")[2])
    with lab(tmp_path, port=port) as again:
        again.compute.virtual_machines.begin_restart("shop", "sql1", continuation_token=token).result()
        assert "ProvisioningState/succeeded" in states(again)
        assert not any(one.method == "POST" and "restart" in one.path for one in again.sandbox.requests)


@pytest.mark.parametrize(
    ("agent", "verb", "back"),
    [
        ({"state": "not-ready", "back_after": "reapply"}, "reapply", True),
        ({"state": "not-ready"}, "reapply", False),
        ({"state": "not-ready"}, "restart", True),
        ({"state": "stale"}, "restart", True),
        ({"state": "not-ready", "back_after": "redeploy"}, "restart", False),
        ({"state": "not-ready", "back_after": "redeploy"}, "redeploy", True),
        ({"state": "not-ready", "back_after": "never"}, "redeploy", False),
        ("absent", "restart", False),
    ],
)
def test_an_agent_comes_back_after_what_its_estate_says(
    tmp_path: Path, agent: Any, verb: str, *, back: bool
) -> None:
    with lab(tmp_path, estate(vm(agent=agent))) as azure:
        before = azure.sandbox.now
        getattr(azure.compute.virtual_machines, f"begin_{verb}")("shop", "sql1").result()
        said = azure.agent()
        assert (said is not None and said.display_status == "Ready") is back
        assert not back or bool(said and said.time > before)


def test_a_ready_agent_is_silent_while_its_vm_restarts_and_reports_later_than_before(azure: Lab) -> None:
    before = azure.sandbox.now
    azure.compute.virtual_machines.begin_restart("shop", "sql1").wait(0)
    assert azure.state().vm_agent.statuses[0].display_status == "Not Ready"
    azure.wait(30)
    said = azure.agent()
    assert said.display_status == "Ready"
    assert said.time > before


@pytest.mark.parametrize(
    ("cured_by", "verb", "state"),
    [("reapply", "reapply", "Succeeded"), ("restart", "reapply", "Failed"), ("never", "redeploy", "Failed")],
)
def test_a_failed_vm_is_cured_by_what_its_estate_says(
    tmp_path: Path, cured_by: str, verb: str, state: str
) -> None:
    with lab(tmp_path, estate(vm(provisioning={"state": "Failed", "cured_by": cured_by}))) as azure:
        poller = getattr(azure.compute.virtual_machines, f"begin_{verb}")("shop", "sql1")
        if state == "Failed":
            with pytest.raises(HttpResponseError) as failed:
                poller.result()
            assert (failed.value.status_code, code(failed)) == (200, "VMExtensionProvisioningError")
        else:
            poller.result()
        assert azure.compute.virtual_machines.get("shop", "sql1").provisioning_state == state


def test_an_extension_is_not_uninstalled_without_its_agent(tmp_path: Path) -> None:
    listed = {"state": "failed", "listed": True}
    with lab(tmp_path / "silent", estate(vm(agent="not-ready", snapshot=listed))) as azure:
        poller = azure.compute.virtual_machine_extensions.begin_delete("shop", "sql1", "VMSnapshot")
        with pytest.raises(HttpResponseError) as failed:
            poller.result()
        assert code(failed) == "VMAgentStatusCommunicationError"
        azure.compute.virtual_machine_extensions.begin_delete("shop", "sql1", "Other").result()
    with lab(tmp_path / "off", estate(vm(power="deallocated", snapshot=listed))) as azure:
        with pytest.raises(HttpResponseError) as refused:
            azure.compute.virtual_machine_extensions.begin_delete("shop", "sql1", "VMSnapshot")
        assert code(refused) == "OperationNotAllowed"


def test_points_are_deleted_one_by_one_and_a_full_collection_after_its_time_outs(tmp_path: Path) -> None:
    full = {"count": 18, "timeouts": 2}
    with lab(tmp_path, estate(vm(points=full, backup={"instant_only": 2}))) as azure:
        (held,) = azure.compute.restore_point_collections.list_all()
        where = (held.id.split("/")[4], held.name)
        *_, second, newest = azure.points()
        assert azure.tiers()[:3] == [["InstantRP"], ["InstantRP"], ["InstantRP", "HardenedRP"]]
        for name in (newest, second):
            azure.compute.restore_points.begin_delete(*where, name).result()
        assert len(azure.points()) == 16
        assert len(azure.tiers()) == 16
        for _ in range(2):
            with pytest.raises(HttpResponseError) as late:
                azure.compute.restore_point_collections.begin_delete(*where).result()
            assert code(late) == "OperationTimedOut"
        azure.compute.restore_point_collections.begin_delete(*where).result()
        assert azure.points() == []
        assert azure.tiers() == [["HardenedRP"]] * 16


def test_a_rule_is_made_changed_and_deleted_under_new_etags(azure: Lab) -> None:
    rules, groups = azure.network.security_rules, azure.network.network_security_groups
    etags = [groups.get("network", "nsg1").etag]
    answers: list[Any] = []
    poller = rules.begin_create_or_update(
        "network", "nsg1", "allow", {"properties": RULE}, raw_response_hook=answers.append
    )
    assert poller.result().provisioning_state == "Succeeded"
    assert answers[0].http_response.status_code == 201
    assert answers[0].http_response.json()["properties"]["provisioningState"] == "Updating"
    etags.append(groups.get("network", "nsg1").etag)
    changed = {"properties": {**RULE, "priority": 151}}
    assert rules.begin_create_or_update("network", "nsg1", "allow", changed).result().priority == 151
    etags.append(groups.get("network", "nsg1").etag)
    rules.begin_delete("network", "nsg1", "allow").result()
    etags.append(groups.get("network", "nsg1").etag)
    assert len(set(etags)) == 4
    with pytest.raises(ResourceNotFoundError):
        rules.get("network", "nsg1", "allow")
    assert [one.name for one in rules.list("network", "nsg1")] == ["no"]
    assert [one.body is None for one in azure.sandbox.requests if one.method == "PUT"] == [False, False]


def test_a_rule_under_an_old_etag_is_refused(azure: Lab) -> None:
    etag = azure.network.network_security_groups.get("network", "nsg1").etag
    nsg = f"{azure.root}/resourceGroups/network/providers/Microsoft.Network/networkSecurityGroups/nsg1"
    azure.sandbox.change(nsg, "properties.securityRules.[name=no].properties.priority", 201)
    rules = azure.network.security_rules
    with pytest.raises(HttpResponseError) as refused:
        rules.begin_create_or_update(
            "network", "nsg1", "allow", {"properties": RULE}, headers={"If-Match": etag}
        )
    assert (refused.value.status_code, code(refused)) == (412, "PreconditionFailed")
    assert refused.value.error is not None
    assert refused.value.error.details[0].code == "PreconditionFailedEtagMismatch"
    now = azure.network.network_security_groups.get("network", "nsg1").etag
    made = rules.begin_create_or_update(
        "network", "nsg1", "allow", {"properties": RULE}, headers={"If-Match": now}
    )
    assert made.result().name == "allow"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"priority": 200}, "SecurityRuleConflict"),
        ({"priority": 99}, "SecurityRuleInvalidPriority"),
        ({"access": None}, "SecurityRuleParameterMissing"),
        ({"destinationAddressPrefix": None}, "SecurityRuleParameterMissing"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(azure: Lab, members: dict[str, Any], expected: str) -> None:
    with pytest.raises(HttpResponseError) as refused:
        azure.network.security_rules.begin_create_or_update(
            "network", "nsg1", "allow", {"properties": {**RULE, **members}}
        )
    assert (refused.value.status_code, code(refused)) == (400, expected)


def test_the_same_priority_may_be_used_inbound(azure: Lab) -> None:
    inbound = {**RULE, "priority": 200, "direction": "Inbound"}
    rules = azure.network.security_rules
    assert (
        rules.begin_create_or_update("network", "nsg1", "in", {"properties": inbound}).result().name == "in"
    )


def put_item(azure: Lab, **properties: Any) -> None:
    item = azure.protected()
    body = {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": item["sourceResourceId"],
        "policyId": item["policyId"],
        **properties,
    }
    azure.backup.protected_items.begin_create_or_update(
        **azure.item(), parameters={"properties": body}
    ).result()


def test_a_protected_item_leaves_out_disks_and_is_resumed(tmp_path: Path) -> None:
    big = vm(disks=[{"lun": 2, "size": 65537}], backup={"state": "ProtectionStopped"})
    with lab(tmp_path, estate(big)) as azure:
        put_item(azure, extendedProperties={"diskExclusionProperties": {"diskLunList": [2]}})
        item = azure.protected()
        assert item["protectionState"] == "Protected"
        assert item["extendedProperties"]["diskExclusionProperties"]["diskLunList"] == [2]
        assert azure.said() == "Completed"
        put_item(azure, protectionState="ProtectionStopped")
        assert azure.protected()["protectionState"] == "ProtectionStopped"
        assert azure.protected()["extendedProperties"]["diskExclusionProperties"]["diskLunList"] == [2]
        with pytest.raises(HttpResponseError, match="protectedItemType") as refused:
            put_item(azure, protectedItemType="AzureIaaSVMProtectedItem")
        assert refused.value.status_code == 400


def test_a_new_disk_is_attached_and_detached_under_the_vms_etag(azure: Lab) -> None:
    compute = azure.compute
    compute.disks.begin_create_or_update(
        "shop",
        "extra",
        {
            "location": "westeurope",
            "properties": {"creationData": {"createOption": "Empty"}, "diskSizeGB": 512},
        },
    ).result()
    machine = compute.virtual_machines.get("shop", "sql1")
    disks = [one.as_dict() for one in machine.storage_profile.data_disks]
    id_ = compute.disks.get("shop", "extra").id
    new = [
        {"lun": 1, "createOption": "Attach", "managedDisk": {"id": id_}},
        {"lun": 2, "createOption": "Empty", "diskSizeGB": 32},
    ]
    update = {"properties": {"storageProfile": {"dataDisks": [*disks, *new]}}}
    match = {"etag": machine.etag, "match_condition": MatchConditions.IfNotModified}
    made = compute.virtual_machines.begin_update("shop", "sql1", update, **match).result()
    assert [(one.lun, one.disk_size_gb) for one in made.storage_profile.data_disks] == [
        (0, 64),
        (1, 512),
        (2, 32),
    ]
    assert compute.disks.get("shop", "extra").managed_by.endswith("/sql1")
    with pytest.raises(HttpResponseError, match="is attached"):
        compute.disks.begin_delete("shop", "extra")
    with pytest.raises(HttpResponseError) as refused:
        compute.virtual_machines.begin_update("shop", "sql1", update, **match)
    assert refused.value.status_code == 412
    back = {"properties": {"storageProfile": {"dataDisks": disks}}}
    compute.virtual_machines.begin_update("shop", "sql1", back).result()
    compute.disks.begin_delete("shop", "extra").result()
    assert "extra" not in {one.name for one in compute.disks.list()}


def test_admin_rules_are_told_and_404_means_none(tmp_path: Path) -> None:
    deny = {"name": "no", "access": "Deny", "priority": 10, "to": "Internet", "vnets": ["net2"]}
    nets = [{"name": name, "subnets": [{"name": f"in-{name}"}]} for name in ("net1", "net2")]
    vms = [vm("sql1", nic={"subnet": "in-net1"}), vm("sql2", nic={"subnet": "in-net2"})]
    with lab(tmp_path, estate(*vms, vnets=nets, admin_rules=[deny])) as azure:
        ask = azure.network.list_network_manager_effective_security_admin_rules
        (rule,) = ask("network", "net2", {}).value
        assert rule.access == "Deny"
        assert rule.destinations[0].address_prefix == "Internet"
        with pytest.raises(ResourceNotFoundError):
            ask("network", "net1", {})


def test_what_others_change_is_seen_and_compared(azure: Lab) -> None:
    before = azure.sandbox.snapshot()
    machine = azure.compute.virtual_machines.get("shop", "sql1")
    azure.sandbox.change(machine.id, "tags", {"owner": "me"})
    changed = azure.compute.virtual_machines.get("shop", "sql1")
    assert (changed.tags, changed.etag) == ({"owner": "me"}, '"4"')
    azure.sandbox.change(machine.id, "tags", None)
    assert azure.compute.virtual_machines.get("shop", "sql1").tags is None
    id_ = f"{azure.root}/resourceGroups/shop/providers/Microsoft.Authorization/locks/{uuid.uuid4()}"
    azure.sandbox.change(id_, "", {"id": id_, "name": "keep", "properties": {"level": "ReadOnly"}})
    assert [one.level for one in azure.locks.list_at_resource_group_level("shop")] == ["ReadOnly"]
    azure.sandbox.change(id_, "", None)
    after = azure.sandbox.snapshot()
    assert changes(before, after) == {machine.id.lower()}
    for path in ("properties.nothing.at", "properties.storageProfile.dataDisks.[lun=9].name"):
        with pytest.raises(AzremedyError, match="The resource has no"):
            azure.sandbox.change(machine.id, path, 1)
    with pytest.raises(AzremedyError, match="There is no resource"):
        azure.sandbox.change(f"{machine.id}9", "tags", {})


def test_a_second_sandbox_on_a_state_is_refused(azure: Lab) -> None:
    folder = azure.sandbox.ca.parent
    with pytest.raises(AzremedyError, match="Another sandbox runs on the state in"), lab(folder):
        pass
