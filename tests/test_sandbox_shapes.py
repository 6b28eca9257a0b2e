"""The sandbox's answers beside recorded ones of the real Azure: the same keys, in the same case, of the same types."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from azremedy.sandbox import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

RECORDED = Path(__file__).parents[1].parent / "shared" / "recorded"

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers of Azure are not here")

Paths = dict[str, set[str]]

ESTATE: Mapping[str, Any] = {
    "vaults": [{"name": "vault1", "policies": [{"name": "daily"}]}],
    "nsgs": [
        {
            "name": "nsg1",
            "rules": [
                {"name": "one", "access": "Deny", "priority": 100, "to": "Internet", "ports": "443"},
                {"name": "several", "access": "Allow", "priority": 110, "ports": ["80", "8080-8084"]},
            ],
        }
    ],
    "route_tables": [
        {
            "name": "table1",
            "routes": [{"name": "out", "next_hop": "VirtualAppliance", "address": "10.0.0.4"}],
        }
    ],
    "vnets": [{"name": "net1", "subnets": [{"name": "a", "nsg": "nsg1", "route_table": "table1"}]}],
    "locks": [{"name": "keep", "scope": "shop", "notes": "why"}],
    "vms": [
        {
            "name": "linux1",
            "group": "shop",
            "os": "Linux",
            "disks": [{"lun": 0}],
            "nic": {"subnet": "a", "nsg": "nsg1", "public_ip": True},
            "extensions": [
                {
                    "name": "script1",
                    "publisher": "Microsoft.Azure.Extensions",
                    "type": "CustomScript",
                    "message": "x",
                }
            ],
            "backup": {"vault": "vault1", "policy": "daily"},
        },
        {"name": "windows1", "group": "shop"},
    ],
}

VM = {
    "id",
    "name",
    "type",
    "location",
    "properties.vmId",
    "properties.provisioningState",
    "properties.storageProfile.osDisk.osType",
    "properties.storageProfile.osDisk.name",
    "properties.storageProfile.osDisk.diskSizeGB",
    "properties.storageProfile.osDisk.managedDisk.id",
    "properties.storageProfile.dataDisks[].lun",
    "properties.storageProfile.dataDisks[].name",
    "properties.storageProfile.dataDisks[].diskSizeGB",
    "properties.storageProfile.dataDisks[].managedDisk.id",
    "properties.networkProfile.networkInterfaces[].id",
    "resources[].id",
}
VIEW = "properties.instanceView."
READ: Mapping[str, set[str]] = {
    "vm-list": VM,
    "vm-list-2024": VM
    | {
        "etag",
        "properties.osProfile.windowsConfiguration.provisionVMAgent",
        "properties.osProfile.allowExtensionOperations",
    },
    "vm-get-instance-view": VM
    | {
        VIEW + "osName",
        VIEW + "osVersion",
        VIEW + "vmAgent.vmAgentVersion",
        VIEW + "vmAgent.statuses[].code",
        VIEW + "vmAgent.statuses[].level",
        VIEW + "vmAgent.statuses[].displayStatus",
        VIEW + "vmAgent.statuses[].message",
        VIEW + "vmAgent.statuses[].time",
        VIEW + "vmAgent.extensionHandlers[].type",
        VIEW + "vmAgent.extensionHandlers[].typeHandlerVersion",
        VIEW + "vmAgent.extensionHandlers[].status.code",
        VIEW + "extensions[].name",
        VIEW + "extensions[].type",
        VIEW + "extensions[].statuses[].code",
        VIEW + "statuses[].code",
        VIEW + "statuses[].time",
    },
    "vm-extensions": {
        "id",
        "name",
        "properties.provisioningState",
        "properties.publisher",
        "properties.type",
        "properties.typeHandlerVersion",
    },
    "disks": {"id", "managedBy", "sku.name", "properties.diskSizeGB", "properties.diskState"},
    "nics": {
        "id",
        "etag",
        "properties.primary",
        "properties.virtualMachine.id",
        "properties.ipConfigurations[].properties.subnet.id",
        "properties.ipConfigurations[].properties.privateIPAddress",
        "properties.ipConfigurations[].properties.primary",
    },
    "nic-get": {"id", "properties.ipConfigurations[].properties.publicIPAddress.id"},
    "nsgs": {
        "id",
        "etag",
        "location",
        "properties.subnets[].id",
        *(
            f"properties.{kind}[].properties.{name}"
            for kind in ("securityRules", "defaultSecurityRules")
            for name in (
                "access",
                "direction",
                "priority",
                "protocol",
                "sourceAddressPrefix",
                "sourceAddressPrefixes",
                "destinationAddressPrefix",
                "destinationAddressPrefixes",
                "destinationPortRange",
                "destinationPortRanges",
            )
        ),
    },
    "route-tables": {"id", "properties.routes", "properties.subnets[].id"},
    "vaults": {"id", "name", "location", "properties.provisioningState"},
    "locks-at-resource-inherited": {"id", "name", "properties.level", "properties.notes"},
    "backup-status-protected": {"protectionStatus", "vaultId", "policyName", "containerName"},
    "backup-status-not-protected": {"protectionStatus", "containerName", "protectedItemName"},
}
"""What azremedy reads of each recorded answer."""

VM_PATH = "resourceGroups/shop/providers/Microsoft.Compute/virtualMachines"
PATHS: Mapping[str, str] = {
    "vm-list": "providers/Microsoft.Compute/virtualMachines",
    "vm-list-2024": "providers/Microsoft.Compute/virtualMachines",
    "vm-get-instance-view": f"{VM_PATH}/linux1?$expand=instanceView",
    "vm-extensions": f"{VM_PATH}/linux1/extensions",
    "disks": "providers/Microsoft.Compute/disks",
    "nics": "providers/Microsoft.Network/networkInterfaces",
    "nic-get": "resourceGroups/shop/providers/Microsoft.Network/networkInterfaces/linux1-nic",
    "nsgs": "providers/Microsoft.Network/networkSecurityGroups",
    "route-tables": "providers/Microsoft.Network/routeTables",
    "vaults": "providers/Microsoft.RecoveryServices/vaults",
    "locks-at-resource-inherited": f"{VM_PATH}/linux1/providers/Microsoft.Authorization/locks",
    "backup-status-protected": "linux1",
    "backup-status-not-protected": "windows1",
}


def paths(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Return the path of each member in a JSON value with the type of its value."""
    kind = "number" if type(value) in {int, float} else type(value).__name__
    if at:
        yield at, kind
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, f"{at}.{name}" if at else name)
    if isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{at}[]")


def shape(body: Any) -> Paths:
    found: Paths = defaultdict(set)
    for element in body.get("value", [body]):
        for path, kind in paths(element):
            found[path].add(kind)
    return found


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    with (
        embedded(tmp_path_factory.mktemp("sandbox"), estate=ESTATE) as sandbox,
        requests.Session() as session,
    ):
        session.trust_env = False
        session.verify = str(sandbox.ca)
        signed_in = session.post(
            f"{sandbox.url}/{sandbox.tenant}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": sandbox.client_id,
                "client_secret": sandbox.client_secret,
            },
        ).json()
        session.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        root = f"{sandbox.url}/subscriptions/{sandbox.subscription}"
        version = {"api-version": "2024-07-01"}

        def asked(path: str) -> Any:
            if "/" in path:
                return session.get(f"{root}/{path}", params=version).json()
            vm = f"/subscriptions/{sandbox.subscription}/{VM_PATH}/{path}"
            address = f"{root}/providers/Microsoft.RecoveryServices/locations/westeurope/backupStatus"
            return session.post(address, params=version, json={"resourceType": "VM", "resourceId": vm}).json()

        yield asked


@pytest.mark.parametrize("name", PATHS)
def test_what_azremedy_reads_is_there_in_the_same_type(name: str, ask: Callable[[str], Any]) -> None:
    recorded = shape(json.loads((RECORDED / f"{name}.json").read_text("utf-8"))["body"])
    answered = shape(ask(PATHS[name]))
    assert READ[name] <= recorded.keys(), "read, but Azure never sent it"
    assert READ[name] <= answered.keys(), "read, but the sandbox does not send it"
    unlike = {path for path in recorded.keys() & answered.keys() if not recorded[path] & answered[path]}
    assert not unlike


@pytest.mark.parametrize("name", PATHS)
def test_keys_are_spelled_as_azure_spells_them(name: str, ask: Callable[[str], Any]) -> None:
    recorded = shape(json.loads((RECORDED / f"{name}.json").read_text("utf-8"))["body"])
    spelled = {path.lower(): path for path in recorded}
    wrong = {
        path: spelled[path.lower()]
        for path in shape(ask(PATHS[name]))
        if spelled.get(path.lower(), path) != path
    }
    assert not wrong


def test_recorded_paths_are_understood_as_they_were_sent(ask: Callable[[str], Any]) -> None:
    """`$expand=instanceview` in lower case, `resourcegroups` in lower case: what clients really send."""
    full = ask("resourcegroups/SHOP/providers/Microsoft.Compute/virtualMachines/linux1?$expand=instanceview")
    assert full["properties"]["instanceView"]["statuses"][-1]["code"] == "PowerState/running"
    assert full["resources"][0]["properties"]["type"] == "CustomScript"
