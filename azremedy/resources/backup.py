"""What Recovery Services tells: vaults, protected items, policies, jobs and recovery points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from azremedy.arm import ArmId


@dataclass(frozen=True, slots=True)
class Vault:
    """A Recovery Services vault."""

    id: ArmId
    location: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Selective disk backup: the LUNs named, and whether they are the ones kept or the ones left out."""

    luns: tuple[int, ...]
    inclusion: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A protected item: one VM in one vault. `container` is the name that jobs carry too."""

    id: ArmId
    vault: ArmId
    vm: ArmId
    container: str
    protection_state: str | None = None
    protection_status: str | None = None
    health: str | None = None
    last_backup_status: str | None = None
    last_backup: datetime | None = None
    last_recovery_point: datetime | None = None
    policy: ArmId | None = None
    exclusion: Exclusion | None = None
    soft_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of day at which a policy starts backups, the days (in lower case; none: every day), and their zone."""

    times: tuple[time, ...]
    days: tuple[str, ...] = ()
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """
    A backup policy. `type` is `V1` (Standard) or `V2` (Enhanced).

    `per_day` is the number of scheduled backups a day, `instant_days` how long instant restore points stay; `schedule`
    is None where it is of a kind not known here.
    """

    id: ArmId
    type: str | None = None
    consistency: str | None = None
    instant_days: int | None = None
    per_day: float | None = None
    group_prefix: str | None = None
    group_suffix: str | None = None
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True)
class JobError:
    """One entry of a job's `errorDetails`: `code` is an integer without a published table, texts are localized."""

    code: int | None = None
    title: str | None = None
    text: str | None = None
    recommendations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """A part of a job: `name` such as `Take Snapshot`, `status` such as `InProgress`."""

    name: str
    status: str


@dataclass(frozen=True, slots=True)
class Job:
    """
    A backup job. `container` joins it to its item; the friendly name does not, as two VMs may share it.

    Only its own address tells its `tasks`.
    """

    id: ArmId
    vault: ArmId
    container: str | None = None
    friendly_name: str | None = None
    operation: str | None = None
    status: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    duration: timedelta | None = None
    errors: tuple[JobError, ...] = ()
    dynamic_text: str | None = None
    user_triggered: bool = False
    tasks: tuple[Task, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningJobs:
    """The backups that run in one vault."""

    vault: ArmId
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class Tier:
    """One copy of a recovery point: `type` such as `InstantRP` or `HardenedRP`, `status` such as `Valid`."""

    type: str
    status: str


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """A recovery point of a protected item, with the tiers that hold a copy of it."""

    id: ArmId
    time: datetime | None = None
    type: str | None = None
    tiers: tuple[Tier, ...] = ()
    file_recovery: bool = False
    """Whether a file-recovery session has it mounted."""


@dataclass(frozen=True, slots=True)
class RecoveryPoints:
    """The recovery points of one protected item."""

    item: ArmId
    points: tuple[RecoveryPoint, ...] = ()
