"""A sandbox with the unmodified clients of the Azure SDK, signed in."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.resource.locks import ManagementLockClient

from azremedy.sandbox import Sandbox, embedded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SPEED = 200.0
"""How fast a sandbox's clock runs where only the end matters."""

CALM = 40.0
"""How fast it runs where something is looked at on its way."""

VAULT: dict[str, Any] = {"vaults": [{"name": "vault1", "policies": [{"name": "daily", "instant_days": 2}]}]}
BACKUP = {"vault": "vault1", "policy": "daily"}


def vm(name: Any = "sql1", **members: Any) -> dict[str, Any]:
    """Describe a protected VM."""
    backup = {**BACKUP, **members.pop("backup", {})}
    return {"name": name, "group": "shop", "backup": backup, **members}


def estate(*vms: Any, **sections: Any) -> dict[str, Any]:
    """Describe an estate of these VMs, in a network."""
    nets = [{"name": "net1", "subnets": [{"name": "a"}]}]
    return {**VAULT, "vnets": nets, "vms": list(vms), **sections}


class Lab:
    """The clients of one sandbox, and what tests ask of them."""

    def __init__(self, sandbox: Sandbox, who: tuple[str, str] | None = None, speed: float = SPEED) -> None:
        self.sandbox = sandbox
        self._speed = speed
        client_id, secret = who or (sandbox.client_id, sandbox.client_secret)
        self.credential = ClientSecretCredential(
            sandbox.tenant,
            client_id,
            secret,
            authority=sandbox.url,
            disable_instance_discovery=True,
            connection_verify=str(sandbox.ca),
        )
        self._clients: list[Any] = []
        self.compute: Any = self._client(ComputeManagementClient)
        self.network: Any = self._client(NetworkManagementClient)
        self.backup: Any = self._client(RecoveryServicesBackupClient)
        self.locks: Any = self._client(ManagementLockClient).management_locks

    def _client(self, kind: Any) -> Any:
        client = kind(
            self.credential,
            self.sandbox.subscription,
            base_url=self.sandbox.url,
            credential_scopes=[f"{self.sandbox.url}/.default"],
            connection_verify=str(self.sandbox.ca),
            retry_total=0,
            polling_interval=0.02,
        )
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close the connections of its clients."""
        for client in (*self._clients, self.credential):
            client.close()

    @property
    def root(self) -> str:
        return f"/subscriptions/{self.sandbox.subscription}"

    def wait(self, seconds: float) -> None:
        """Let the sandbox's clock go on."""
        time.sleep(seconds / self._speed)

    def state(self, name: str = "sql1") -> Any:
        """Return a VM's instance view."""
        return self.compute.virtual_machines.instance_view("shop", name)

    def agent(self, name: str = "sql1") -> Any:
        """Return the status of a VM's agent, once what brings it back has had its time."""
        self.wait(60)
        found = self.state(name).vm_agent
        return found.statuses[0] if found else None

    def vault_of(self, vault: str = "vault1") -> dict[str, str]:
        return {"vault_name": vault, "resource_group_name": "backup"}

    def item(self, name: str = "sql1", vault: str = "vault1", group: str = "shop") -> dict[str, str]:
        container = f"IaasVMContainer;iaasvmcontainerv2;{group};{name}"
        return {
            **self.vault_of(vault),
            "fabric_name": "Azure",
            "container_name": container,
            "protected_item_name": container.replace("IaasVMContainer", "VM"),
        }

    def protected(self, **item: str) -> Any:
        """Return the properties of a protected item."""
        return self.backup.protected_items.get(**self.item(**item)).properties

    def trigger(self, **item: str) -> Mapping[str, str]:
        """Ask for a backup and return the headers of the answer."""
        headers: dict[str, str] = self.backup.backups.trigger(
            **self.item(**item),
            parameters={"properties": {"objectType": "IaasVMBackupRequest"}},
            cls=lambda answer, _body, _headers: dict(answer.http_response.headers),
        )
        return headers

    def operation(self, headers: Mapping[str, str], **item: str) -> Any:
        """Follow the operation of a backup to its end."""
        id_ = headers["Azure-AsyncOperation"].partition("?")[0].rpartition("/")[2]
        while True:
            found = self.backup.protected_item_operation_statuses.get(**self.item(**item), operation_id=id_)
            if found.status != "InProgress":
                return found
            self.wait(5)

    def job(self, **item: str) -> Any:
        """Ask for a backup and follow its job to the end."""
        name = self.operation(self.trigger(**item), **item).properties.job_id
        while True:
            vault = self.vault_of(item.get("vault", "vault1"))
            found = self.backup.job_details.get(**vault, job_name=name).properties
            if found.status != "InProgress":
                return found
            self.wait(10)

    def said(self, **item: str) -> str:
        """Return how a backup ends now: Completed, or the text of its error."""
        job = self.job(**item)
        return str(job.error_details[0].error_string if job.error_details else job.status)

    def points(self, name: str = "sql1") -> list[str]:
        """Return the names of the restore points of a VM over all its collections."""
        return [
            point.name
            for one in self.compute.restore_point_collections.list_all()
            if one.source.id.lower().endswith(f"/{name}")
            for point in self.compute.restore_point_collections.get(
                one.id.split("/")[4], one.name, expand="restorePoints"
            ).restore_points
            or ()
        ]

    def tiers(self, **item: str) -> list[list[str]]:
        """Return the tiers of each recovery point, newest first."""
        found = self.backup.recovery_points.list(**self.item(**item))
        return [[tier["type"] for tier in one.properties["recoveryPointTierDetails"]] for one in found]


@contextmanager
def lab(folder: Path, description: Any = None, *, speed: float = SPEED, **options: Any) -> Iterator[Lab]:
    """Run a sandbox whose clock is fast."""
    with (
        embedded(folder, estate=description, speed=speed, **options) as running,
        closing(Lab(running, speed=speed)) as made,
    ):
        yield made
