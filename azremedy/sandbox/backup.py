"""Bodies of Microsoft.RecoveryServices: vaults, policies, protected items and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from azremedy.sandbox.failures import FAILURES
from azremedy.sandbox.ground import Ground, digits, guid
from azremedy.sandbox.times import ago

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azremedy.arm import Json
    from azremedy.sandbox.description import Backup, Failed, Policy, Running, Vault, Vm

VAULT: Final = "Microsoft.RecoveryServices/vaults"
WINDOW: Final = "2024-01-01T21:00:00Z"


def vault(ground: Ground, vault_: Vault) -> tuple[str, Json]:
    id_ = ground.id(vault_.group, VAULT, vault_.name)
    return id_, {
        "location": ground.location,
        "name": vault_.name,
        "etag": "W/\"datetime'2024-05-24T18%3A30%3A49.0624917Z'\"",
        "properties": {
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "privateEndpointStateForBackup": "None",
            "redundancySettings": {
                "standardTierStorageRedundancy": "GeoRedundant",
                "crossRegionRestore": "Disabled",
            },
        },
        "id": id_,
        "type": VAULT,
        "sku": {"name": "RS0", "tier": "Standard"},
    }


def inside(ground: Ground, vault_: Vault) -> str:
    """Return a vault's id as Azure Backup spells it in what lies in it."""
    return ground.id(vault_.group, VAULT, vault_.name).replace("/subscriptions/", "/Subscriptions/", 1)


def policy(ground: Ground, vault_: Vault, policy_: Policy, items: int) -> tuple[str, Json]:
    id_ = f"{inside(ground, vault_)}/backupPolicies/{policy_.name}"
    names: dict[str, Json] = {}
    if policy_.group_prefix:
        names["azureBackupRGNamePrefix"] = policy_.group_prefix
    if policy_.group_suffix:
        names["azureBackupRGNameSuffix"] = policy_.group_suffix
    properties: dict[str, Json] = {
        "backupManagementType": "AzureIaasVM",
        "policyType": policy_.type,
        "instantRPDetails": names,
        "schedulePolicy": schedule(policy_),
        "retentionPolicy": {
            "retentionPolicyType": "LongTermRetentionPolicy",
            "dailySchedule": {
                "retentionTimes": [WINDOW],
                "retentionDuration": {"count": 30, "durationType": "Days"},
            },
        },
        "instantRpRetentionRangeInDays": policy_.instant_days,
        "timeZone": "UTC",
        "protectedItemsCount": items,
    }
    if policy_.consistency == "crash":
        properties["snapshotConsistencyType"] = "OnlyCrashConsistent"
    return id_, {"id": id_, "name": policy_.name, "type": f"{VAULT}/backupPolicies", "properties": properties}


def schedule(policy_: Policy) -> Json:
    """Return a schedule in the shape of its policy's type: Standard policies know days and weeks only."""
    weekly = policy_.schedule == "weekly"
    if policy_.type == "V1":
        days = {"scheduleRunDays": ["Sunday"]} if weekly else {}
        return {
            "schedulePolicyType": "SimpleSchedulePolicy",
            "scheduleRunFrequency": "Weekly" if weekly else "Daily",
            "scheduleRunTimes": [WINDOW],
            "scheduleWeeklyFrequency": 0,
            **days,
        }
    enhanced: dict[str, Json] = {"schedulePolicyType": "SimpleSchedulePolicyV2"}
    if weekly:
        times = {"scheduleRunDays": ["Sunday"], "scheduleRunTimes": [WINDOW]}
        return {**enhanced, "scheduleRunFrequency": "Weekly", "weeklySchedule": times}
    if policy_.schedule == "daily":
        return {**enhanced, "scheduleRunFrequency": "Daily", "dailySchedule": {"scheduleRunTimes": [WINDOW]}}
    every = int(policy_.schedule.removeprefix("every ").removesuffix("h"))
    hourly = {"interval": every, "scheduleWindowStartTime": WINDOW, "scheduleWindowDuration": 24}
    return {**enhanced, "scheduleRunFrequency": "Hourly", "hourlySchedule": hourly}


def container(vm: Vm) -> str:
    """Return the container name that items and jobs share."""
    return f"iaasvmcontainerv2;{vm.group};{vm.name}".lower()


def protection(
    ground: Ground, vm: Vm, backup: Backup, vault_: Vault, policy_: Policy
) -> Iterator[tuple[str, Json]]:
    """Make a VM's protected item and its jobs."""
    yield item(ground, vm, backup, vault_, policy_)
    if backup.completed is not None and backup.state == "Protected":
        yield job(ground, vm, vault_, backup.completed + 0.5, None)
    if backup.failed:
        yield job(ground, vm, vault_, backup.failed.hours_ago, backup.failed)


def item(ground: Ground, vm: Vm, backup: Backup, vault_: Vault, policy_: Policy) -> tuple[str, Json]:
    name = f"VM;{container(vm)}"
    root = inside(ground, vault_)
    id_ = f"{root}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{container(vm)}/protectedItems/{name}"
    failed = backup.failed
    properties: dict[str, Any] = {
        "kpisHealths": {},
        "friendlyName": vm.name,
        "virtualMachineId": ground.vm(vm),
        "protectionStatus": "Unhealthy" if failed else "Healthy",
        "protectionState": backup.state,
        "healthStatus": "ActionRequired" if failed else "Passed",
        "healthDetails": [health(failed)] if failed else [],
        **last_backup(backup),
        "protectedItemDataId": digits(id_),
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "backupManagementType": "AzureIaasVM",
        "workloadType": "VM",
        "containerName": container(vm),
        "sourceResourceId": ground.vm(vm),
        "policyId": f"{root}/backupPolicies/{policy_.name}",
        "policyName": policy_.name,
        "policyType": policy_.type,
        "isArchiveEnabled": False,
        "softDeleteRetentionPeriodInDays": 14,
    }
    if backup.excluded_luns:
        exclusion = {"diskLunList": list(backup.excluded_luns), "isInclusionList": False}
        properties["extendedProperties"] = {"diskExclusionProperties": exclusion}
    if backup.soft_deleted:
        properties |= {
            "isScheduledForDeferredDelete": True,
            "isDeferredDeleteScheduleUpcoming": False,
            "deferredDeleteTimeInUTC": ago(days=2),
            "deferredDeleteTimeRemaining": "12.0:0:0",
        }
    type_ = f"{VAULT}/backupFabrics/protectionContainers/protectedItems"
    return id_, {"id": id_, "name": name, "type": type_, "properties": properties}


def last_backup(backup: Backup) -> Json:
    """Return what an item says of its last backup; one that never ran has a status of no letters and an old date."""
    point = {} if backup.completed is None else {"lastRecoveryPoint": ago(hours=backup.completed)}
    if backup.failed:
        return {"lastBackupStatus": "Failed", "lastBackupTime": ago(hours=backup.failed.hours_ago), **point}
    if backup.completed is None:
        return {"lastBackupStatus": "", "lastBackupTime": "2001-01-01T00:00:00Z"}
    return {"lastBackupStatus": "Completed", "lastBackupTime": ago(hours=backup.completed), **point}


def text(failed: Failed) -> str:
    said = FAILURES[failed.code]
    return said.spanish if failed.language == "es" else said.english


def advice(failed: Failed) -> str:
    if failed.language == "es":
        return "Consulte la documentación de solución de problemas de Azure Backup."
    return "See the troubleshooting pages of Azure Backup."


def health(failed: Failed) -> Json:
    return {
        "code": FAILURES[failed.code].number,
        "title": "BackupFailed",
        "message": text(failed),
        "recommendations": [advice(failed)],
    }


def job(ground: Ground, vm: Vm, vault_: Vault, hours: float, failed: Failed | None) -> tuple[str, Json]:
    """Make a scheduled backup that started `hours` ago and took 20 minutes, or failed after twelve."""
    name = guid(ground.vm(vm), vault_.name, "failed" if failed else "completed")
    id_ = f"{inside(ground, vault_)}/backupJobs/{name}"
    minutes = 12 if failed else 20
    state = "Failed" if failed else "Completed"
    tasks = [
        {"taskId": "Take Snapshot", "duration": "PT0S", "status": state},
        {"taskId": "Transfer data to vault", "duration": "PT0S", "status": "Skipped" if failed else state},
    ]
    extended: dict[str, Json] = {
        "tasksList": tasks,
        "propertyBag": {"VM Name": vm.name} | ({} if failed else {"Backup Size": "2332 MB"}),
        "internalPropertyBag": {"IsInstantRpJob": "True"},
    }
    if failed:
        extended["dynamicErrorMessage"] = ""
    properties: dict[str, Json] = {
        "jobType": "AzureIaaSVMJob",
        "containerName": container(vm),
        "duration": f"PT{minutes}M31.1934928S" if failed else f"00:{minutes}:23.0896697",
        "virtualMachineVersion": "Compute",
        "isUserTriggered": False,
        "extendedInfo": extended,
        "entityFriendlyName": vm.name,
        "backupManagementType": "AzureIaasVM",
        "operation": "Backup",
        "status": state,
        "startTime": ago(hours=hours),
        "endTime": ago(hours=hours, minutes=-minutes),
        "activityId": guid(name, "activity"),
        "errorDetails": [error(failed)] if failed else None,
    }
    if failed:
        properties["actionsInfo"] = [2]
    return id_, {"id": id_, "name": name, "type": f"{VAULT}/backupJobs", "properties": properties}


def running(ground: Ground, vm: Vm, vault_: Vault, given: Running) -> tuple[str, Json]:
    """Make a scheduled backup that started a while ago and does not end."""
    name = guid(ground.vm(vm), vault_.name, "running")
    id_ = f"{inside(ground, vault_)}/backupJobs/{name}"
    taking = given.phase == "snapshot"
    tasks = [
        {"taskId": "Take Snapshot", "duration": "PT0S", "status": "InProgress" if taking else "Completed"},
        {
            "taskId": "Transfer data to vault",
            "duration": "PT0S",
            "status": "NotStarted" if taking else "InProgress",
        },
    ]
    properties: dict[str, Json] = {
        "jobType": "AzureIaaSVMJob",
        "containerName": container(vm),
        "duration": f"PT{given.hours:.0f}H",
        "virtualMachineVersion": "Compute",
        "isUserTriggered": False,
        "actionsInfo": [1] if taking else [],
        "extendedInfo": {
            "tasksList": tasks,
            "propertyBag": {"VM Name": vm.name},
            "internalPropertyBag": {"IsInstantRpJob": "True"},
        },
        "entityFriendlyName": vm.name,
        "backupManagementType": "AzureIaasVM",
        "operation": "Backup",
        "status": "InProgress",
        "startTime": ago(hours=given.hours),
        "activityId": guid(name, "activity"),
        "errorDetails": None,
    }
    return id_, {"id": id_, "name": name, "type": f"{VAULT}/backupJobs", "properties": properties}


def error(failed: Failed) -> Json:
    return {
        "errorCode": FAILURES[failed.code].number,
        "errorTitle": text(failed).rstrip("."),
        "errorString": text(failed),
        "recommendations": [advice(failed)],
    }
