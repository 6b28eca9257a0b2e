"""Queries of Azure Resource Graph, as text: whatever is compared stands in a literal that ends where it should."""

from __future__ import annotations

from collections.abc import Iterable

VM = "microsoft.compute/virtualmachines"
EXTENSION = f"{VM}/extensions"
DISK = "microsoft.compute/disks"
COLLECTION = "microsoft.compute/restorepointcollections"
NIC = "microsoft.network/networkinterfaces"
NSG = "microsoft.network/networksecuritygroups"
VNET = "microsoft.network/virtualnetworks"
ROUTE_TABLE = "microsoft.network/routetables"
VAULT = "microsoft.recoveryservices/vaults"
ITEM = f"{VAULT}/backupfabrics/protectioncontainers/protecteditems"
POLICY = f"{VAULT}/backuppolicies"
JOB = f"{VAULT}/backupjobs"

COLUMNS = "id, type, subscriptionId, location, managedBy, sku, plan, zones, extendedLocation, properties"


def literal(text: str) -> str:
    """Return a text as a KQL string literal, whatever it holds."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{''.join(one if one.isprintable() else escape(one) for one in escaped)}'"


def escape(one: str) -> str:
    """Return a character by its number: two halves where it is beyond the first 65,536."""
    units = one.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def among(column: str, values: Iterable[str]) -> str:
    """Return the condition that a column is one of these, in any case."""
    return f"{column} in~ ({', '.join(map(literal, values))})"


def equal(column: str, value: str) -> str:
    """Return the condition that a column is this, in any case."""
    return f"{column} =~ {literal(value)}"


def query(table: str, *conditions: str, columns: str = COLUMNS) -> str:
    """Return the query for all rows of a table under all these conditions, in an order that pages can rely on."""
    return f"{table} | where {' and '.join(conditions)} | project {columns} | order by id asc"


def counted(table: str, *conditions: str) -> str:
    """Return the query for the number of rows of a table under all these conditions."""
    return f"{table} | where {' and '.join(conditions)} | count"


OF_VMS = equal("properties.backupManagementType", "AzureIaasVM")

VMS = query("resources", equal("type", VM), columns="id, subscriptionId")
RESOURCES = query("resources", among("type", (VM, DISK, COLLECTION, NIC, NSG, VNET, ROUTE_TABLE)))
EXTENSIONS = query("resources", equal("type", EXTENSION), columns="id, subscriptionId")
BACKUPS = query("recoveryservicesresources", among("type", (ITEM, POLICY)), OF_VMS)
FAILED = (
    equal("type", JOB),
    OF_VMS,
    equal("properties.operation", "Backup"),
    equal("properties.status", "Failed"),
)
JOBS = query("recoveryservicesresources", *FAILED, columns="id, subscriptionId")
