"""Changes in a few words: documents as Terraform and `az` print them, and what a change does to an estate."""

from __future__ import annotations

import json
from typing import Any

from building import (
    SERVICE_GROUP,
    SUBSCRIPTION,
    attached,
    collection,
    disk,
    disk_id,
    estate,
    item,
    nic,
    nsg,
    nsg_id,
    rule,
    subnet,
    vm,
    vm_id,
)

from azremedy import change, playbook
from azremedy.arm import ArmId
from azremedy.change import Change, Judged
from azremedy.estate import Estate

DATA = attached("sql1-data", 0)
POINTS = f"{SUBSCRIPTION}/resourceGroups/{SERVICE_GROUP}"
LOCK = f"{POINTS}/providers/Microsoft.Authorization/locks/keep"


def world(*more: Any, **changes: Any) -> Estate:
    """A protected VM in good health: a data disk, an NSG that lets it out, points in the service's own group."""
    machine = vm(disks=(*vm().disks, DATA), allow_extension_operations=True, location="westeurope")
    return estate(
        machine,
        item(),
        nic(nsg=nsg_id("nsg1")),
        subnet(),
        nsg(rule("Allow", "Storage", 100)),
        disk("sql1-os", 127),
        disk("sql1-data", 512),
        collection(),
        *more,
        **changes,
    )


def planned(
    type_: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    *actions: str,
    name: str = "it",
    unknown: Any = None,
    sensitive: Any = None,
    **more: Any,
) -> dict[str, Any]:
    """One element of a plan's `resource_changes`; without actions, what its two sides say."""
    implied = ["create"] if before is None else ["delete"] if after is None else ["update"]
    return {
        "address": f"{type_}.{name}",
        "mode": "managed",
        "type": type_,
        "name": name,
        "provider_name": "registry.terraform.io/hashicorp/azurerm",
        "change": {
            "actions": list(actions) or implied,
            "before": before,
            "after": after,
            "after_unknown": unknown or {},
            "before_sensitive": {},
            "after_sensitive": sensitive or {},
        },
        **more,
    }


def plan(
    *changes: dict[str, Any], words: dict[str, dict[str, Any]] | None = None, **more: Any
) -> dict[str, Any]:
    """A plan of Terraform; `words` are the expressions of the configuration by address."""
    resources = [
        {
            "address": address,
            "mode": "managed",
            "type": address.partition(".")[0],
            "name": address.partition(".")[2],
            "provider_config_key": "azurerm",
            "expressions": expressions,
        }
        for address, expressions in (words or {}).items()
    ]
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "planned_values": {"root_module": {}},
        "resource_changes": list(changes),
        "configuration": {"root_module": {"resources": resources}},
        **more,
    }


def body(id_: ArmId | str, properties: dict[str, Any] | None, **more: Any) -> dict[str, Any] | None:
    if properties is None:
        return None
    found = ArmId(str(id_))
    return {
        "id": found.text,
        "name": found.name,
        "type": found.type,
        "apiVersion": "2024-01-01",
        "properties": properties,
        **more,
    }


def foreseen(
    id_: ArmId | str, before: dict[str, Any] | None, after: dict[str, Any] | None, kind: str | None = None
) -> dict[str, Any]:
    """One element of a what-if's `changes`; without a kind, what its two sides say."""
    implied = "Create" if before is None else "Delete" if after is None else "Modify"
    return {
        "resourceId": str(id_),
        "changeType": kind or implied,
        "before": body(id_, before, location="westeurope"),
        "after": body(id_, after, location="westeurope"),
        "delta": [],
        "unsupportedReason": None,
    }


def what_if(*changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A what-if as `az deployment group what-if --no-pretty-print` prints it."""
    return {
        "changes": list(changes),
        "diagnostics": [],
        "error": None,
        "potentialChanges": None,
        "status": "Succeeded",
        **more,
    }


def read(document: Any) -> Change:
    return change.read(json.dumps(document))


def judged(document: Any, on: Estate | None = None) -> Judged:
    """What all playbooks say of a change to an estate."""
    return change.judge(on or world(), read(document), tuple(playbook.load().values()))


def broken(document: Any, on: Estate | None = None) -> list[tuple[str, str, str]]:
    """What a change breaks: playbook, VM and severity."""
    found = judged(document, on).diagnoses
    return [(one.playbook.id, one.finding.vm.name, str(one.finding.severity)) for one in found]


def gaps(document: Any, on: Estate | None = None) -> list[str]:
    """Why no verdict can be given on a part of a change."""
    return [one.because for one in judged(document, on).not_evaluated]


def tf_rule(access: str = "Deny", priority: int = 90, name: str = "shut", **more: Any) -> dict[str, Any]:
    """The attributes of an outbound rule, as the provider names them."""
    return {
        "name": name,
        "access": access,
        "priority": priority,
        "direction": "Outbound",
        "protocol": "*",
        "source_address_prefix": "*",
        "source_port_range": "*",
        "destination_address_prefix": "*",
        "destination_port_range": "*",
        "source_address_prefixes": None,
        "description": "",
        **more,
    }


def arm_rule(access: str = "Deny", priority: int = 90, name: str = "shut", **more: Any) -> dict[str, Any]:
    """The same as ARM spells it."""
    properties = {
        "access": access,
        "priority": priority,
        "direction": "Outbound",
        "protocol": "*",
        "sourceAddressPrefix": "*",
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": "*",
        **more,
    }
    return {"name": name, "properties": properties}


ALLOW_TF = tf_rule("Allow", 100, "allow-100", destination_address_prefix="Storage")
ALLOW_ARM = arm_rule("Allow", 100, "allow-100", destinationAddressPrefix="Storage")
IN_NSG1 = {"network_security_group_name": "nsg1", "resource_group_name": "prod"}


def tf_nsg(*rules: dict[str, Any], name: str = "nsg1") -> dict[str, Any]:
    return {
        "id": nsg_id(name).text,
        "name": name,
        "resource_group_name": "prod",
        "location": "westeurope",
        "security_rule": list(rules),
        "tags": {},
    }


def tf_disk(size: int | None, name: str = "sql1-data") -> dict[str, Any]:
    return {
        "id": disk_id(name).text,
        "name": name,
        "resource_group_name": "prod",
        "disk_size_gb": size,
        "encryption_settings": [],
    }


def tf_vm(allow: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "id": vm_id().text,
        "name": "sql1",
        "resource_group_name": "prod",
        "allow_extension_operations": allow,
        "provision_vm_agent": True,
        **more,
    }


def tf_item(**more: Any) -> dict[str, Any]:
    return {
        "id": item().id.text,
        "resource_group_name": "backup",
        "recovery_vault_name": "vault1",
        "source_vm_id": vm_id().text,
        "backup_policy_id": str(item().policy),
        "protection_state": "Protected",
        "exclude_disk_luns": [],
        "include_disk_luns": [],
        **more,
    }
