"""The management clients of the Azure SDK, unmodified, against the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.resources import ResourceManagementClient

from azremedy.sandbox import Sandbox, embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VAULT = {"vault_name": "vault-shop", "resource_group_name": "backup"}
FILTER = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"
CONTAINER = "IaasVMContainer;iaasvmcontainerv2;shop;sql1"


def credential(sandbox: Sandbox, secret: str | None = None) -> ClientSecretCredential:
    return ClientSecretCredential(
        sandbox.tenant,
        sandbox.client_id,
        secret or sandbox.client_secret,
        authority=sandbox.url,
        disable_instance_discovery=True,
        connection_verify=str(sandbox.ca),
    )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with embedded(tmp_path_factory.mktemp("sandbox"), page_size=7) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[Callable[[Any], Any]]:
    signed_in = credential(sandbox)
    made: dict[Any, Any] = {}

    def of(kind: Any) -> Any:
        if kind not in made:
            made[kind] = kind(
                signed_in,
                sandbox.subscription,
                base_url=sandbox.url,
                credential_scopes=[f"{sandbox.url}/.default"],
                connection_verify=str(sandbox.ca),
                retry_total=0,
            )
        return made[kind]

    yield of
    for one in made.values():
        one.close()
    signed_in.close()


def test_compute_lists_and_gets_vms(client: Callable[[Any], Any]) -> None:
    compute = client(ComputeManagementClient)
    assert len(list(compute.virtual_machines.list_all())) == 16
    assert len(list(compute.virtual_machines.list_all(status_only="true"))) == 16
    assert {vm.name for vm in compute.virtual_machines.list("SHOP")} >= {"sql1", "hana1"}
    vm = compute.virtual_machines.get("shop", "sql1", expand="instanceView")
    assert vm.storage_profile.data_disks[0].disk_size_gb == 1024
    assert vm.instance_view.vm_agent.statuses[0].display_status == "Ready"
    view = compute.virtual_machines.instance_view("shop", "app1")
    handler = view.vm_agent.extension_handlers[0]
    assert (handler.type, handler.status.level) == ("Microsoft.Azure.RecoveryServices.VMSnapshot", "Error")
    (scanner,) = compute.virtual_machine_extensions.list("office", "web1").value
    assert scanner.provisioning_state == "Failed"
    assert compute.virtual_machine_extensions.get("office", "web1", "Scanner").name == "Scanner"


def test_compute_lists_and_gets_disks_and_restore_points(client: Callable[[Any], Any]) -> None:
    compute = client(ComputeManagementClient)
    disks = list(compute.disks.list())
    assert {disk.disk_size_gb for disk in disks} >= {127, 1024, 40960}
    assert compute.disks.get("shop", disks[-1].name).managed_by
    collections = list(compute.restore_point_collections.list_all())
    (locked,) = compute.restore_point_collections.list("AzureBackupRG_westeurope_2")
    assert locked.id in {one.id for one in collections}
    full = compute.restore_point_collections.get(
        "AzureBackupRG_westeurope_2", locked.name, expand="restorePoints"
    )
    assert len(full.restore_points) == 18
    point = compute.restore_points.get("azurebackuprg_westeurope_2", locked.name, full.restore_points[0].name)
    assert point.time_created.tzinfo


def test_network_lists_and_gets_everything(client: Callable[[Any], Any]) -> None:
    network = client(NetworkManagementClient)
    nics = list(network.network_interfaces.list_all())
    assert len(nics) == 16
    assert network.network_interfaces.get("shop", "web1-nic").network_security_group.id.endswith("nsg-closed")
    (closed, _) = network.network_security_groups.list_all()
    assert closed.default_security_rules[-1].access == "Deny"
    (rule,) = network.security_rules.list("network", "nsg-closed")
    assert network.security_rules.get("network", "nsg-closed", rule.name).priority == 200
    (vnet,) = network.virtual_networks.list_all()
    assert [subnet.name for subnet in network.subnets.list("network", vnet.name)] == ["servers", "inspected"]
    assert network.subnets.get("network", vnet.name, "inspected").route_table.id.endswith("to-firewall")
    (table,) = network.route_tables.list_all()
    assert network.routes.get("network", table.name, "default").next_hop_type == "VirtualAppliance"
    assert network.service_tags.list("westeurope").values_property[0].name == "Storage"


def test_locks_are_found_at_every_level(client: Callable[[Any], Any]) -> None:
    locks = client(ManagementLockClient).management_locks
    assert {lock.name for lock in locks.list_at_subscription_level()} == {"keep-everything", "production"}
    assert [lock.level for lock in locks.list_at_resource_group_level("office")] == ["CanNotDelete"]
    inherited = locks.list_at_resource_level("office", "Microsoft.Compute", "", "virtualMachines", "dc1")
    assert [lock.name for lock in inherited] == ["production"]
    assert locks.get_at_resource_group_level("office", "production").level == "CanNotDelete"


def test_a_scope_that_the_client_quotes_is_understood(client: Callable[[Any], Any], sandbox: Sandbox) -> None:
    locks = client(ManagementLockClient).management_locks
    scope = f"subscriptions/{sandbox.subscription}/resourceGroups/office"
    assert [lock.name for lock in locks.list_by_scope(scope)] == ["production"]
    assert "%2F" in sandbox.requests[-1].path


def test_groups_and_resources_are_listed(client: Callable[[Any], Any]) -> None:
    resources = client(ResourceManagementClient)
    assert {"shop", "office", "backup"} <= {group.name for group in resources.resource_groups.list()}
    vaults = list(resources.resources.list(filter="resourceType eq 'Microsoft.RecoveryServices/vaults'"))
    assert [vault.name for vault in vaults] == ["vault-office", "vault-shop"]
    assert resources.resources.get_by_id(vaults[0].id, api_version="2024-04-01").location == "westeurope"


def test_backup_lists_and_gets_items_policies_jobs_and_points(client: Callable[[Any], Any]) -> None:
    backup = client(RecoveryServicesBackupClient)
    items = list(backup.backup_protected_items.list(**VAULT, filter=FILTER))
    assert len(items) == 7
    item = backup.protected_items.get(
        **VAULT,
        fabric_name="Azure",
        container_name=CONTAINER,
        protected_item_name=CONTAINER.replace("IaasVMContainer", "VM"),
    )
    assert item.properties["friendlyName"] == "sql1"
    assert item.id in {one.id for one in items}
    policies = {policy.name: policy.properties for policy in backup.backup_policies.list(**VAULT)}
    assert policies["hourly"].policy_type == "V2"
    assert backup.protection_policies.get(**VAULT, policy_name="daily").name == "daily"
    failed = list(backup.backup_jobs.list(**VAULT, filter="operation eq 'Backup' and status eq 'Failed'"))
    job = backup.job_details.get(**VAULT, job_name=failed[0].name)
    assert job.properties.error_details[0].error_code
    (point, *others) = backup.recovery_points.list(
        **VAULT,
        fabric_name="Azure",
        container_name=CONTAINER,
        protected_item_name=CONTAINER.replace("IaasVMContainer", "VM"),
    )
    tiers = [[one["type"] for one in it.properties["recoveryPointTierDetails"]] for it in (point, *others)]
    assert tiers == [["InstantRP"], *[["InstantRP", "HardenedRP"]] * 17]
    status = backup.backup_status.get(
        "westeurope", {"resourceType": "VM", "resourceId": item.properties["sourceResourceId"]}
    )
    assert status.protection_status == "Protected"


def test_refusals_become_the_errors_of_the_sdk(client: Callable[[Any], Any], sandbox: Sandbox) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        client(ComputeManagementClient).virtual_machines.get("shop", "nobody")
    assert missing.value.error is not None
    assert missing.value.error.code == "ResourceNotFound"
    with pytest.raises(HttpResponseError) as written:
        client(ComputeManagementClient).virtual_machines.begin_delete("shop", "sql1")
    assert written.value.status_code == 405
    with (
        credential(sandbox, "wrong") as wrong,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        wrong.get_token(f"{sandbox.url}/.default")
