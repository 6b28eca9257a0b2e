"""
Backup jobs: how they are asked for, what becomes of them, and what they leave behind.

A job takes its snapshot, which something may stop (`verdict`), then transfers it to the vault. Whichever way the
snapshot ends, the service then prunes what its policy no longer keeps, unless a lock forbids it: so the first backup at
the limit fails, and the next one does not.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from azremedy.arm import ArmId
from azremedy.sandbox import copies, locks, machines, operations, points, verdict, writes
from azremedy.sandbox.answers import Answer, ArmError, not_found
from azremedy.sandbox.backup import VAULT, error, health
from azremedy.sandbox.compute import snapshot_of
from azremedy.sandbox.description import Failed
from azremedy.sandbox.events import due, effect
from azremedy.sandbox.failures import FAILURES
from azremedy.sandbox.guest.state import installed
from azremedy.sandbox.times import seconds, stamp

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call

TYPE: Final = "microsoft.recoveryservices/vaults/backupjobs"

START: Final = 5
SNAPSHOT: Final = 30
TRANSFER: Final = 60
PRUNING: Final = 30
"""How many seconds each phase takes."""

PER_DAY: Final = 9
"""How many backups of an item a user may ask for in a day of UTC."""


def trigger(arm: Arm, call: Call) -> Answer:
    """Take the POST that asks for a backup now."""
    item = call.key.removesuffix("/backup")
    body: Json = arm.store.get(item)
    if body is None:
        raise not_found(call.path.rpartition("/")[0])
    if call.properties.get("objectType") != "IaasVMBackupRequest":
        raise ArmError(
            400,
            "BMSUserErrorInvalidInput",
            "Input provided for the call is invalid: objectType is not IaasVMBackupRequest.",
        )
    mine = list(of_item(arm, body))
    today = stamp(arm.now)[:10]
    asked = [one for one in mine if one["isUserTriggered"] and one["startTime"][:10] == today]
    if len(asked) >= PER_DAY:
        raise ArmError(
            400,
            "UserErrorOnDemandBackupLimitReached",
            f"The limit of {PER_DAY} on-demand backups a day has been reached for this item. Try again tomorrow (UTC).",
        )
    if any(one["status"] in {"InProgress", "Cancelling"} for one in mine):
        id_ = operations.begin(arm, call, "backup", START, refused, code="UserErrorBackupOperationInProgress")
        return operations.accepted(arm, call, id_)
    job = started(arm, body, call.properties.get("recoveryPointExpiryTimeInUTC"))
    id_ = operations.begin(arm, call, "backup", START, begun, job=job)
    due(arm, arm.now + SNAPSHOT, snapshot, item=item, job=job)
    return operations.accepted(arm, call, id_)


@effect
def begun(_arm: Arm, _at: float, *, job: str) -> Json:
    return {"objectType": "OperationStatusJobExtendedInfo", "jobId": job.rpartition("/")[2]}


@effect
def refused(_arm: Arm, _at: float, *, code: str) -> None:
    raise ArmError(409, code, FAILURES[code].english)


def of_item(arm: Arm, item: Json) -> Any:
    """Yield the properties of the jobs of a protected item, by vault and container."""
    vault = item["id"].lower().partition("/backupfabrics/")[0]
    for key in arm.store.keys(TYPE, vault):
        job: Json = arm.store.get(key)
        if job["properties"]["containerName"] == item["properties"]["containerName"]:
            yield job["properties"]


def started(arm: Arm, item: Json, expiry: str | None) -> str:
    """Make a job that has just begun, and return its lower-cased id."""
    vault, name = item["id"].partition("/backupFabrics/")[0], str(uuid.uuid4())
    bag = {"VM Name": item["properties"]["friendlyName"]}
    if expiry:
        bag["Recovery Point Expiry Time in UTC"] = expiry
    properties: dict[str, Json] = {
        "jobType": "AzureIaaSVMJob",
        "containerName": item["properties"]["containerName"],
        "duration": "PT0S",
        "virtualMachineVersion": "Compute",
        "isUserTriggered": True,
        "actionsInfo": [1],
        "extendedInfo": {
            "tasksList": tasks("InProgress", "NotStarted"),
            "propertyBag": bag,
            "internalPropertyBag": {"IsInstantRpJob": "True"},
        },
        "entityFriendlyName": item["properties"]["friendlyName"],
        "backupManagementType": "AzureIaasVM",
        "operation": "Backup",
        "status": "InProgress",
        "startTime": stamp(arm.now),
        "activityId": str(uuid.uuid4()),
        "errorDetails": None,
    }
    id_ = f"{vault}/backupJobs/{name}"
    arm.store.put(id_, {"id": id_, "name": name, "type": f"{VAULT}/backupJobs", "properties": properties})
    return id_.lower()


def tasks(taking: str, transferring: str) -> list[Json]:
    given = (("Take Snapshot", taking), ("Transfer data to vault", transferring))
    return [{"taskId": name, "duration": "PT0S", "status": state} for name, state in given]


@effect
def snapshot(arm: Arm, at: float, *, item: str, job: str) -> None:
    """Take the snapshot of a job, or fail."""
    if item not in arm.store or job not in arm.store:
        return
    due(arm, at + PRUNING, prune, item=item)
    if arm.store.draft(job)["properties"]["status"] != "InProgress":
        return
    if code := verdict.obstacle(arm, item):
        failed = Failed(code=code)
        end(arm, at, job, "Failed", tasks("Failed", "Skipped"), errorDetails=[error(failed)], actionsInfo=[2])
        seen(arm, job, item, "Failed", [health(failed)])
        return
    name = new_point(arm, at, item)
    install(arm, at, item)
    body = arm.store.draft(job)
    body["properties"]["extendedInfo"]["tasksList"] = tasks("Completed", "InProgress")
    body["properties"]["actionsInfo"] = []
    arm.store.put(job, body)
    due(arm, at + TRANSFER, transfer, item=item, job=job, point=name)


@effect
def transfer(arm: Arm, at: float, *, item: str, job: str, point: str) -> None:
    """End the transfer of a snapshot to the vault, and with it the job."""
    if item not in arm.store or job not in arm.store:
        return
    copies.harden(arm, item, point)
    end(arm, at, job, "Completed", tasks("Completed", "Completed"))
    seen(arm, job, item, "Completed", [])


def end(arm: Arm, at: float, job: str, status: str, done: list[Json], **members: Json) -> None:
    """Let a job be over."""
    shown: Json = arm.store.get(job)
    body, began = arm.store.draft(job), seconds(shown["properties"]["startTime"])
    body["properties"]["extendedInfo"] |= {"tasksList": done}
    body["properties"] |= {
        "status": status,
        "endTime": stamp(at),
        "duration": f"PT{at - began:.7f}S",
        "actionsInfo": [],
        **members,
    }
    arm.store.put(job, body)


def seen(arm: Arm, job: str, item: str, status: str, details: list[Json]) -> None:
    """Let a protected item say how its last backup went."""
    body = arm.store.draft(item)
    body["properties"] |= {
        "lastBackupStatus": status,
        "lastBackupTime": arm.store.draft(job)["properties"]["startTime"],
        "protectionStatus": "Unhealthy" if details else "Healthy",
        "healthStatus": "ActionRequired" if details else "Passed",
        "healthDetails": details,
    }
    if not details:
        body["properties"]["lastRecoveryPoint"] = arm.store.noted(copies.KIND, item)["points"][0]["time"]
        if body["properties"]["protectionState"] != "ProtectionStopped":
            body["properties"]["protectionState"] = "Protected"
    arm.store.put(item, body)


def new_point(arm: Arm, at: float, item: str) -> str:
    """Make a restore point, with its collection where that is gone, and return the name of the recovery point."""
    home = arm.store.noted(copies.KIND, item)["home"]
    vm = arm.store.draft(item)["properties"]["sourceResourceId"]
    model = arm.store.draft(vm.lower())
    group = ArmId(home).group
    if group and group.key not in arm.store:
        body = {"id": group.text, "name": group.name, "type": "Microsoft.Resources/resourceGroups"}
        arm.store.put(
            group.text,
            {**body, "location": model["location"], "properties": {"provisioningState": "Succeeded"}},
        )
    if home.lower() not in arm.store:
        arm.store.put(home, points.collection_body(home, vm, model["location"]))
    moment = datetime.fromtimestamp(at, UTC)
    id_ = f"{home}/restorePoints/AzureBackup_{moment:%Y%m%d_%H%M%S}"
    source = {
        "vmId": model["properties"]["vmId"],
        "hardwareProfile": model["properties"]["hardwareProfile"],
        "location": model["location"],
    }
    policy = arm.store.get(arm.store.draft(item)["properties"]["policyId"].lower()) or {"properties": {}}
    crash = policy["properties"].get("snapshotConsistencyType") == "OnlyCrashConsistent" or (
        verdict.power(arm, vm.lower()) != "running"
    )
    arm.store.put(id_, points.point_body(id_, source, stamp(at, "f"), crash=crash))
    name = str(uuid.uuid4().int % 10**15)
    copies.add(
        arm, item, {"name": name, "point": id_.lower(), "time": stamp(at), "crash": crash, "hardened": False}
    )
    return name


def install(arm: Arm, at: float, item: str) -> None:
    """Install Backup's extension anew where it is missing and the agent can do it."""
    vm = arm.store.draft(item)["properties"]["sourceResourceId"].lower()
    one = machines.machine(arm, vm)
    held = snapshot_of(one.vm)
    if held.state != "absent" or one.vm.power != "running":
        return
    one = machines.Machine(installed(one.vm), at)
    writes.list_snapshot(arm, vm, one)
    writes.show_extensions(arm, vm, one)


@effect
def prune(arm: Arm, at: float, *, item: str) -> None:
    """Delete the restore points that the policy of an item no longer keeps, where no lock forbids it."""
    if item not in arm.store:
        return
    properties: Json = arm.store.get(item)["properties"]
    policy: Json = arm.store.get(properties["policyId"].lower()) or {"properties": {}}
    oldest = at - policy["properties"].get("instantRpRetentionRangeInDays", 2) * 86400
    known = {one["point"] for one in arm.store.noted(copies.KIND, item)["points"]}
    for collection in list(verdict.collections(arm, properties["sourceResourceId"].lower())):
        for key in list(arm.store.keys(verdict.POINT, collection)):
            created = arm.store.get(key)["properties"]["timeCreated"]
            if key in known and seconds(created) < oldest and not any(locks.over(arm, key)):
                arm.store.delete(key)


def cancel(arm: Arm, call: Call) -> Answer:
    """Take the POST that cancels a job: only while its snapshot is taken."""
    key = call.key.removesuffix("/cancel")
    if key not in arm.store:
        raise not_found(call.path.rpartition("/")[0])
    properties = arm.store.draft(key)["properties"]
    taking = properties["extendedInfo"]["tasksList"][0]["status"] == "InProgress"
    if properties["status"] != "InProgress" or not taking:
        raise ArmError(
            409, "UserErrorJobNotCancellable", "The job cannot be cancelled in the phase that it is in."
        )
    end(arm, arm.now, key, "Cancelled", tasks("Cancelled", "Skipped"))
    return Answer(202)
