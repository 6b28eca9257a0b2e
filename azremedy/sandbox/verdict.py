"""
What stops a backup: the state of the VM, of its extension, its disks, its network, its locks and its points.

Nothing here is scripted: the same look at the same state decides every backup, whoever changed the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy import limits
from azremedy.arm import ArmId
from azremedy.sandbox import governance, keys, locks, machines, reach
from azremedy.sandbox.guest.faults import fault
from azremedy.sandbox.times import seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm

COLLECTION: Final = "microsoft.compute/restorepointcollections"
POINT: Final = f"{COLLECTION}/restorepoints"

ACTIVE: Final = {"Protected", "IRPending", "ProtectionError"}
UNSTEADY: Final = {"starting", "stopping", "deallocating"}

MISREPORTED: Final = frozenset({"UserErrorVmNotInDesirableState", "ExtensionOperationFailedForManagedDisks"})
"""Failures of a VM that was shut down from inside: the service takes it for one that runs."""

STALE: Final = 15 * 60
"""After how many seconds of silence the service takes an agent for dead."""


def obstacle(arm: Arm, item: str) -> str | None:
    """Return the code with which a backup of this item would fail now, or None."""
    body: Json = arm.store.get(item)
    properties = body["properties"]
    if properties["protectionState"] not in ACTIVE or properties.get("isScheduledForDeferredDelete"):
        return "UserErrorBcmDatasourceNotPresent"
    vm = properties["sourceResourceId"].lower()
    model: Json = arm.store.get(vm)
    if model is None:
        return "BCMV2VMNotFound"
    policy: Json = arm.store.get(properties["policyId"].lower()) or {"properties": {}}
    return (
        contended(arm, body)
        or unfit(arm, vm, model)
        or too_large(arm, vm, model, properties)
        or keys.out_of_reach(arm, model)
        or unsupported(arm, model, properties, policy["properties"])
        or silence(arm, vm, model, policy["properties"])
        or (unreachable(arm, vm, model))
        or full(arm, item, vm, policy["properties"])
        or governance.refused(arm, (arm.store.noted("copies", item) or {}).get("home", ""))
    )


def contended(arm: Arm, item: Json) -> str | None:
    """Return that a backup of the same VM runs in another vault."""
    own = item["id"].lower().partition("/backupfabrics/")[0]
    for key in arm.store.keys("microsoft.recoveryservices/vaults/backupjobs"):
        job: Json = arm.store.get(key)["properties"]
        same = job["containerName"] == item["properties"]["containerName"]
        if same and job["status"] == "InProgress" and not key.startswith(f"{own}/"):
            return "UserErrorBackupOperationInProgress"
    return None


def power(arm: Arm, vm: str) -> str:
    """Return the power state that a VM's instance view shows."""
    view: Json = arm.store.get(f"{vm}/instanceview")
    codes = [one["code"].partition("/") for one in view["statuses"]]
    return next((rest for word, _, rest in codes if word == "PowerState"), "unknown")


def last_failure(arm: Arm, vm: str) -> str:
    """Return the code of the failure with which the estate began: it says how this VM is backed up."""
    backup = machines.machine(arm, vm).vm.backup
    return backup.failed.code if backup and backup.failed else ""


def unfit(arm: Arm, vm: str, model: Json) -> str | None:
    state, on = model["properties"]["provisioningState"], power(arm, vm)
    if state == "Failed":
        return "UserErrorVmProvisioningStateFailed"
    misreported = on == "stopped" and last_failure(arm, vm) in MISREPORTED
    if state != "Succeeded" or on in UNSTEADY:
        return "UserErrorVmNotInDesirableState"
    return last_failure(arm, vm) if misreported else None


def too_large(arm: Arm, vm: str, model: Json, item: Json) -> str | None:
    strict = last_failure(arm, vm) == "UserErrorUnsupportedDiskSize"
    excluded = exclusion(item)
    for disk in model["properties"]["storageProfile"]["dataDisks"]:
        body: Json = arm.store.get(disk.get("managedDisk", {}).get("id", "").lower()) or {"properties": {}}
        ade = body["properties"].get("encryptionSettingsCollection", {}).get("enabled")
        limit = limits.DISK_2018 if strict else limits.DISK_ADE if ade else limits.DISK
        size = body["properties"].get("diskSizeGB", disk.get("diskSizeGB", 0))
        if disk["lun"] not in excluded and size > limit.value:
            return "UserErrorUnsupportedDiskSize"
    return None


def unsupported(arm: Arm, model: Json, item: Json, policy: Json) -> str | None:
    """Return that a disk which is not left out is of a kind that no backup takes under this policy."""
    excluded = exclusion(item)
    for disk in model["properties"]["storageProfile"]["dataDisks"]:
        body: Json = arm.store.get(disk.get("managedDisk", {}).get("id", "").lower())
        if body is None or disk["lun"] in excluded:
            continue
        newer = body["sku"]["name"] in {"UltraSSD_LRS", "PremiumV2_LRS"} and policy.get("policyType") != "V2"
        told = body["properties"]
        closed = told.get("dataAccessAuthMode", "None") != "None"
        if newer or closed or told.get("maxShares", 1) > 1:
            return "UserErrorUnsupportedDiskSize"
    return None


def exclusion(item: Json) -> set[int]:
    """Return the LUNs that a backup leaves out."""
    given = (item.get("extendedProperties") or {}).get("diskExclusionProperties") or {}
    luns = set(given.get("diskLunList", ()))
    return set(range(64)) - luns if given.get("isInclusionList") else luns


def silence(arm: Arm, vm: str, model: Json, policy: Json) -> str | None:
    """Return what is wrong with the agent or Backup's extension, where the backup asks them."""
    if power(arm, vm) != "running" or policy.get("snapshotConsistencyType") == "OnlyCrashConsistent":
        return None
    view: Json = arm.store.get(f"{vm}/instanceview")
    agent = view.get("vmAgent")
    said = agent["statuses"][0] if agent else {"code": ""}
    silent = said["code"] != "ProvisioningState/succeeded" or arm.now - seconds(said["time"]) > STALE
    if silent or not model["properties"]["osProfile"]["allowExtensionOperations"]:
        return "UserErrorGuestAgentStatusUnavailable"
    windows = machines.machine(arm, vm).vm.os == "Windows"
    oldest = limits.AGENT_WINDOWS if windows else limits.AGENT_LINUX
    if version(agent["vmAgentVersion"]) < version(oldest):
        return "GuestAgentSnapshotTaskStatusError"
    for handler in agent.get("extensionHandlers", ()):
        if handler["type"].startswith("Microsoft.Azure.RecoveryServices.VMSnapshot"):
            code = handler["status"]["code"]
            if code.startswith("ProvisioningState/transitioning"):
                return "ExtensionStuckInDeletionState"
            if code != "ProvisioningState/succeeded":
                return "ExtensionOperationFailedForManagedDisks"
    return fault(machines.machine(arm, vm).vm)


def version(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(".") if one.isdigit())


def unreachable(arm: Arm, vm: str, model: Json) -> str | None:
    """Return that Storage is out of reach, for a VM that takes its snapshots from inside."""
    inside = last_failure(arm, vm) == "ExtensionSnapshotFailedNoNetwork"
    if inside and power(arm, vm) == "running" and reach.blocked(arm, model):
        return "ExtensionSnapshotFailedNoNetwork"
    return None


def full(arm: Arm, item: str, vm: str, policy: Json) -> str | None:
    """Return that no further restore point may be made."""
    home = (arm.store.noted("copies", item) or {}).get("home", "").lower()
    if home and any(locks.over(arm, home, read_only=True)):
        return "BackUpOperationFailed"
    limit = limits.POINTS_PLATFORM if policy.get("policyType") == "V2" else limits.POINTS_STANDARD
    held = sum(len(arm.store.keys(POINT, one)) for one in collections(arm, vm))
    return "UserErrorRpCollectionLimitReached" if held >= limit.value else None


def collections(arm: Arm, vm: str) -> Iterator[str]:
    """Yield the lower-cased ids of the collections of a VM, whoever made them."""
    for key in arm.store.keys(COLLECTION):
        body: Json = arm.store.get(key)
        if ArmId(body["properties"]["source"]["id"]).key == vm:
            yield key
