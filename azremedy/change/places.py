"""Where the resources of a Terraform plan are, or will be: ids of ARM, put together from names where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from azremedy.arm import ArmId
from azremedy.change.data import Entry, Hidden, Reference, UnplacedError, Values
from azremedy.collect.values import arm_id

IN_GROUP = "/resourceGroups/{resource_group_name}/providers"
IN_VAULT = f"{IN_GROUP}/Microsoft.RecoveryServices/vaults/{{recovery_vault_name}}"

PATHS: Mapping[str, str] = {
    "azurerm_resource_group": "/resourceGroups/{name}",
    "azurerm_network_security_group": f"{IN_GROUP}/Microsoft.Network/networkSecurityGroups/{{name}}",
    "azurerm_network_interface": f"{IN_GROUP}/Microsoft.Network/networkInterfaces/{{name}}",
    "azurerm_virtual_network": f"{IN_GROUP}/Microsoft.Network/virtualNetworks/{{name}}",
    "azurerm_subnet": f"{IN_GROUP}/Microsoft.Network/virtualNetworks/{{virtual_network_name}}/subnets/{{name}}",
    "azurerm_route_table": f"{IN_GROUP}/Microsoft.Network/routeTables/{{name}}",
    "azurerm_nat_gateway": f"{IN_GROUP}/Microsoft.Network/natGateways/{{name}}",
    "azurerm_managed_disk": f"{IN_GROUP}/Microsoft.Compute/disks/{{name}}",
    "azurerm_linux_virtual_machine": f"{IN_GROUP}/Microsoft.Compute/virtualMachines/{{name}}",
    "azurerm_windows_virtual_machine": f"{IN_GROUP}/Microsoft.Compute/virtualMachines/{{name}}",
    "azurerm_virtual_machine": f"{IN_GROUP}/Microsoft.Compute/virtualMachines/{{name}}",
    "azurerm_recovery_services_vault": f"{IN_GROUP}/Microsoft.RecoveryServices/vaults/{{name}}",
    "azurerm_backup_policy_vm": f"{IN_VAULT}/backupPolicies/{{name}}",
}
"""Where ARM keeps what these types create, below the subscription."""

NAMES = ("name", "resource_group_name", "virtual_network_name", "recovery_vault_name")


@dataclass(frozen=True, slots=True)
class Place:
    """Where ids are looked up: the subscription that holds what is created, and the other resources of the plan."""

    subscription: ArmId
    entries: Mapping[str, Entry]

    def own(self, type_: str, values: Values) -> ArmId:
        """Return the id of a resource of a type of `PATHS`. Raises `UnplacedError` where it cannot be told."""
        if known := arm_id(values.get("id")):
            return known
        template, names = PATHS[type_], {}
        for _, name, _, _ in Formatter().parse(template):
            if name:
                value = values.get(name)
                if not isinstance(value, str) or not value:
                    because = value.because if isinstance(value, Hidden) else "not stated"
                    raise UnplacedError(f"its {name} is {because}")
                names[name] = value
        return ArmId(f"{self.subscription}{template.format_map(names)}")

    def of(self, value: Any, attribute: str) -> ArmId:
        """Return the id that an attribute holds, or that of the resource of this plan that it refers to."""
        if isinstance(value, Reference):
            entry = self.entries[value.address]
            values = entry.after or entry.before or {}
            if entry.type in PATHS:
                return self.own(entry.type, values)
            return ArmId(f"{self.subscription}/created/{value.address}")
        if known := arm_id(value):
            return known
        because = value.because if isinstance(value, Hidden) else "not an id"
        raise UnplacedError(f"its {attribute} is {because}")

    def maybe(self, value: Any, attribute: str) -> ArmId | None:
        """Return the same for an attribute that may be left out; an id that is not told is one nobody has."""
        if value is None or value == "":
            return None
        try:
            return self.of(value, attribute)
        except UnplacedError:
            return ArmId(f"{self.subscription}/unknown/{attribute}")
