"""How a resource looks in each answer: a list shows less of it than a GET, and an expanded GET more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.store import Store


def vm_full(store: Store, key: str, vm: Json, *, expand: bool) -> Json:
    """Return a VM as GET shows it: its extensions in full, and the instance view where it was asked for."""
    found = {**vm, "resources": [store.get(one) for one in extensions(store, key)]}
    if not found["resources"]:
        del found["resources"]
    if expand and (view := store.get(f"{key}/instanceview")):
        found["properties"] = {**vm["properties"], "instanceView": view}
    return found


def vm_status(store: Store, key: str, vm: Json) -> Json:
    """Return a VM as the list of run-time states shows it: its statuses, without agent and extensions."""
    view = store.get(f"{key}/instanceview") or {}
    properties = {
        "vmId": vm["properties"]["vmId"],
        "provisioningState": vm["properties"]["provisioningState"],
        "instanceView": {"statuses": view.get("statuses", [])},
    }
    return {**{name: vm[name] for name in ("name", "id", "type", "location")}, "properties": properties}


def extensions(store: Store, key: str) -> list[str]:
    """Return the ids of a VM's extensions that ARM lists."""
    return list(store.keys("microsoft.compute/virtualmachines/extensions", f"{key}/extensions"))


def collection_full(store: Store, key: str, collection: Json) -> Json:
    """Return a restore point collection with its points."""
    keys = store.keys("microsoft.compute/restorepointcollections/restorepoints", f"{key}/restorepoints")
    points = [store.get(one) for one in keys]
    return {**collection, "properties": {**collection["properties"], "restorePoints": points}}


def job_in_list(job: Json) -> Json:
    """Return a job as lists show it: what went wrong stands only in the job itself."""
    return {**job, "properties": {**job["properties"], "errorDetails": None, "extendedInfo": None}}
