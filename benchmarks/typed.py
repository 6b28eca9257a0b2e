"""
The same lists and details through the SDK's own typed list methods, as a program without azremedy would read them.

Started by `benchmarks/scan.py` with a file of addresses, as `benchmarks/baseline.py` is. Each address is turned into the
method that asks for it, 16 at once; every model object is made and dropped. The list of vaults is left out: its client is
no package of azremedy's.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from azure.identity import DefaultAzureCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.resource.locks import ManagementLockClient
from azure.mgmt.resource.resources import ResourceManagementClient

WORKERS = 16


def methods(endpoint: str, subscription: str) -> dict[str, Callable[..., Any]]:
    """The typed method for the end of each kind of address; what it takes stands in `asked`."""
    ca = os.environ["REQUESTS_CA_BUNDLE"]
    credential = DefaultAzureCredential(
        authority=endpoint, disable_instance_discovery=True, connection_verify=ca
    )
    known: dict[str, Any] = {
        "base_url": endpoint,
        "credential_scopes": ["https://management.azure.com/.default"],
        "connection_verify": ca,
    }
    compute = ComputeManagementClient(credential, subscription, **known)
    network = NetworkManagementClient(credential, subscription, **known)
    backup = RecoveryServicesBackupClient(credential, subscription, **known)
    locks = ManagementLockClient(credential, subscription, **known)
    groups = ResourceManagementClient(credential, subscription, **known)
    return {
        "virtualmachines": compute.virtual_machines.list_all,
        "disks": compute.disks.list,
        "restorepointcollections": compute.restore_point_collections.list_all,
        "networkinterfaces": network.network_interfaces.list_all,
        "networksecuritygroups": network.network_security_groups.list_all,
        "virtualnetworks": network.virtual_networks.list_all,
        "routetables": network.route_tables.list_all,
        "locks": locks.management_locks.list_at_subscription_level,
        "resourcegroups": groups.resource_groups.list,
        "backupprotecteditems": backup.backup_protected_items.list,
        "backupjobs": backup.backup_jobs.list,
        "backuppolicies": backup.backup_policies.list,
        "instanceview": compute.virtual_machines.instance_view,
        "backupjob": backup.job_details.get,
        "restorepointcollection": compute.restore_point_collections.get,
    }


def asked(url: str) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """The kind of an address, and what its method takes by position and by name."""
    parts = urlsplit(url)
    query = {name.lower(): values[0] for name, values in parse_qs(parts.query).items()}
    match [unquote(one) for one in parts.path.split("/")][3:]:
        case ["resourceGroups", group, "providers", _, "vaults", vault, kind]:
            named = {"vault_name": vault, "resource_group_name": group, "filter": query["$filter"]}
            return kind.lower(), (), named
        case ["resourceGroups", group, "providers", _, "vaults", vault, "backupJobs", job]:
            return "backupjob", (vault, group, job), {}
        case ["resourceGroups", group, "providers", _, "virtualMachines", name, "instanceView"]:
            return "instanceview", (group, name), {}
        case ["resourceGroups", group, "providers", _, "restorePointCollections", name]:
            return "restorepointcollection", (group, name), {"expand": query["$expand"]}
        case [*_, kind]:
            return kind.lower(), (), {"status_only": "true"} if "statusonly" in query else {}
    return "", (), {}


def main(addresses: Path, endpoint: str) -> None:
    urls = json.loads(addresses.read_text(encoding="utf-8"))
    known = methods(endpoint, urlsplit(urls["lists"][1]).path.split("/")[2])

    def listed(url: str) -> None:
        kind, taken, named = asked(url)
        if kind in known:
            deque(known[kind](*taken, **named), maxlen=0)

    def read(url: str) -> None:
        kind, taken, named = asked(url)
        if kind in known:
            known[kind](*taken, **named)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(listed, urls["lists"]))
        list(pool.map(read, urls["singles"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
