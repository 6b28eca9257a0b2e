"""The JSON of Recovery Services, decoded: vaults, protected items, policies and jobs."""

from __future__ import annotations

from azremedy.arm import ArmId, Json
from azremedy.collect.decode import MalformedError, own_id
from azremedy.collect.values import arm_id, flag, number, record, records, span, text, texts, when
from azremedy.resources import Exclusion, Item, Job, JobError, Policy, RecoveryPoint, Task, Tier, Vault
from azremedy.schedule import of_policy as schedule_of


def vault(body: Json) -> Vault:
    return Vault(id=own_id(body), location=text(body.get("location")) or "")


def container(name: Json) -> str | None:
    """
    The part of a container name that items and jobs agree on: `iaasvmcontainerv2;<group>;<vm>`, in lower case.

    Items write it with `iaasvmcontainer;` before it, jobs with other words or none.
    """
    segments = (text(name) or "").lower().split(";")
    return ";".join(segments[-3:]) if len(segments) >= 3 else None


def item(of: ArmId, body: Json) -> Item | None:
    """
    A protected item, or None where it protects something that is not an Azure VM.

    An item that does not tell what it protects, or whether it does, is no item that may be passed over.
    """
    id_ = own_id(body)
    properties = record(body.get("properties"))
    machine = arm_id(properties.get("sourceResourceId")) or arm_id(properties.get("virtualMachineId"))
    named = container(path_segment(id_, "protectioncontainers") or properties.get("containerName"))
    if machine is not None and machine.type != "microsoft.compute/virtualmachines":
        return None
    state = text(properties.get("protectionState"))
    if machine is None or named is None or state is None:
        raise MalformedError("a protected item without its VM, container or protection state")
    return Item(
        id=id_,
        vault=of,
        vm=machine,
        container=named,
        protection_state=state,
        protection_status=text(properties.get("protectionStatus")),
        health=text(properties.get("healthStatus")),
        last_backup_status=text(properties.get("lastBackupStatus")),
        last_backup=when(properties.get("lastBackupTime")),
        last_recovery_point=when(properties.get("lastRecoveryPoint")),
        policy=arm_id(properties.get("policyId")),
        exclusion=exclusion(properties),
        soft_deleted=flag(properties.get("isScheduledForDeferredDelete")) is True,
    )


def path_segment(id_: ArmId, after: str) -> str | None:
    segments, lowered = id_.text.split("/"), id_.key.split("/")
    position = lowered.index(after) + 1 if after in lowered else len(segments)
    return segments[position] if position < len(segments) else None


def exclusion(properties: dict[str, Json]) -> Exclusion | None:
    stated = record(record(properties.get("extendedProperties")).get("diskExclusionProperties"))
    listed = stated.get("diskLunList")
    if not isinstance(listed, list):
        return None
    luns = tuple(lun for one in listed if (lun := number(one)) is not None)
    return Exclusion(luns=luns, inclusion=stated.get("isInclusionList") is True)


def policy(body: Json) -> Policy:
    properties = record(body.get("properties"))
    place = record(properties.get("instantRPDetails"))
    return Policy(
        id=own_id(body),
        type=text(properties.get("policyType")) or "V1",
        consistency=text(properties.get("snapshotConsistencyType")),
        instant_days=number(properties.get("instantRpRetentionRangeInDays")),
        per_day=per_day(record(properties.get("schedulePolicy"))),
        group_prefix=text(place.get("azureBackupRGNamePrefix")),
        group_suffix=text(place.get("azureBackupRGNameSuffix")),
        schedule=schedule_of(properties),
    )


def per_day(schedule: dict[str, Json]) -> float | None:
    """How many backups a day a schedule takes; None for a schedule of a kind not known here."""
    frequency = (text(schedule.get("scheduleRunFrequency")) or "").lower()
    if frequency == "daily":
        return 1.0
    if frequency == "weekly":
        weekly = record(schedule.get("weeklySchedule")) or schedule
        return len(texts(weekly.get("scheduleRunDays"))) / 7 or None
    hourly = record(schedule.get("hourlySchedule"))
    interval, window = number(hourly.get("interval")), number(hourly.get("scheduleWindowDuration"))
    return max(1.0, window / interval) if frequency == "hourly" and interval and window else None


def job(of: ArmId, body: Json) -> Job:
    """
    A job as the list or its own address gives it; only the latter carries errors.

    A job that cannot be told to be of some VM and some time would be lost to every verdict.
    """
    properties = record(body.get("properties"))
    named, started = container(properties.get("containerName")), when(properties.get("startTime"))
    if named is None or started is None:
        raise MalformedError("a job without its container or start")
    extended = record(properties.get("extendedInfo"))
    return Job(
        id=own_id(body),
        vault=of,
        container=named,
        friendly_name=text(properties.get("entityFriendlyName")),
        operation=text(properties.get("operation")),
        status=text(properties.get("status")),
        started=started,
        ended=when(properties.get("endTime")),
        duration=span(properties.get("duration")),
        errors=tuple(job_error(one) for one in records(properties.get("errorDetails"))),
        dynamic_text=text(extended.get("dynamicErrorMessage")),
        user_triggered=flag(properties.get("isUserTriggered")) is True,
        tasks=tuple(
            Task(name, text(one.get("status")) or "")
            for one in records(extended.get("tasksList"))
            if (name := text(one.get("taskId")))
        ),
    )


def job_error(body: dict[str, Json]) -> JobError:
    return JobError(
        code=number(body.get("errorCode")),
        title=text(body.get("errorTitle")),
        text=text(body.get("errorString")),
        recommendations=texts(body.get("recommendations")),
    )


def recovery_point(body: Json) -> RecoveryPoint:
    """A recovery point with its tiers; one whose tier or status is not told is a copy that nobody counts on."""
    properties = record(body.get("properties"))
    return RecoveryPoint(
        id=own_id(body),
        time=when(properties.get("recoveryPointTime")),
        type=text(properties.get("recoveryPointType")),
        tiers=tuple(
            Tier(type=text(one.get("type")) or "", status=text(one.get("status")) or "")
            for one in records(properties.get("recoveryPointTierDetails"))
        ),
        file_recovery=flag(properties.get("isInstantIlrSessionActive")) is not False,
    )
