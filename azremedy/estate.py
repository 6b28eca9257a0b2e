"""The estate: everything that was read of one subscription, at one moment, with what could not be read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from azremedy import points, symptoms
from azremedy.arm import ArmId
from azremedy.derived import carried, derived
from azremedy.resources import (
    AdminRules,
    Collection,
    Disk,
    DiskCopy,
    Guest,
    InstanceView,
    Item,
    Job,
    JobError,
    KeyVault,
    Lock,
    Nic,
    Nsg,
    Policy,
    PolicyAssignment,
    PowerState,
    Read,
    RecoveryPoint,
    RecoveryPoints,
    ResourceGroup,
    RestorePoint,
    RestorePoints,
    RouteTable,
    Rule,
    RunningJobs,
    ServiceTags,
    Subnet,
    Subscription,
    Unread,
    Vault,
    Vm,
    VmSizes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from azremedy.symptoms import Symptom

T = TypeVar("T")
K = TypeVar("K")

INACTIVE = frozenset({"protectionstopped", "protectionpaused", "backupssuspended"})
"""Values of `protectionState` under which the service takes no backups."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A backup that failed after the item's last completed one, and what its error is known as, if it is."""

    job: Job
    symptom: Symptom | None

    @property
    def error(self) -> JobError | None:
        """The entry of the job's errors that bears the symptom, else the first."""
        return symptoms.stated_by(self.job, self.symptom)

    def lists(self, *causes: str) -> bool:
        """Whether any edition of the documents names one of these causes (`C6`, `C4a`) for this symptom."""
        return self.symptom is not None and self.symptom.lists(*causes)


@dataclass(frozen=True, slots=True)
class Protected:
    """A VM that a vault backs up: the item, and the VM's model where it still exists."""

    item: Item
    vm: Vm | None
    policy: Policy | None
    power: str | None
    policy_unread: bool = False
    """Whether the item's policy could not be read, so that nobody knows what its backups need."""

    @property
    def id(self) -> ArmId:
        """The VM's id as the VM list wrote it, or as the item names it where the VM is gone."""
        return self.vm.id if self.vm else self.item.vm

    @property
    def crash_consistent(self) -> bool:
        """Whether the policy asks for crash-consistent points only, which need nothing of the guest."""
        return ((self.policy is not None and self.policy.consistency) or "").lower() == "onlycrashconsistent"

    @property
    def needs_guest(self) -> bool:
        """
        Whether a backup is known to need agent, extension and guest network.

        It is where the VM runs and its policy asks for them; of a policy that was not read nothing is known.
        """
        running = self.vm is not None and self.power == "running"
        return running and not self.crash_consistent and not self.policy_unread


@dataclass(frozen=True)
class Estate:
    """
    One subscription as it was read. Tuples are sorted by id; the derived views below are made once.

    What Resource Graph told of the kinds `from_graph` may be older than `read_at`; it was asked at `graph_at`.
    """

    subscription: Subscription
    read_at: datetime
    lookback: timedelta
    reads: frozenset[Read] = frozenset(Read)
    from_graph: frozenset[Read] = frozenset()
    graph_at: datetime | None = None
    vms: tuple[Vm, ...] = ()
    power_states: tuple[PowerState, ...] = ()
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    nsgs: tuple[Nsg, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    locks: tuple[Lock, ...] = ()
    groups: tuple[ResourceGroup, ...] = ()
    collections: tuple[Collection, ...] = ()
    vaults: tuple[Vault, ...] = ()
    items: tuple[Item, ...] = ()
    policies: tuple[Policy, ...] = ()
    jobs: tuple[Job, ...] = ()
    running_jobs: tuple[RunningJobs, ...] = ()
    views: tuple[InstanceView, ...] = ()
    restore_points: tuple[RestorePoints, ...] = ()
    key_vaults: tuple[KeyVault, ...] = ()
    policy_assignments: tuple[PolicyAssignment, ...] = ()
    recovery_points: tuple[RecoveryPoints, ...] = ()
    service_tags: tuple[ServiceTags, ...] = ()
    admin_rules: tuple[AdminRules, ...] = ()
    vm_sizes: tuple[VmSizes, ...] = ()
    guests: tuple[Guest, ...] = ()
    copies: tuple[DiskCopy, ...] = ()
    unread: tuple[Unread, ...] = ()

    def changed(self, **fields: Any) -> Estate:
        """Return this estate with other fields; what is derived from none of them is not made anew."""
        return carried(self, replace(self, **fields), fields)

    @derived("vms")
    def vm(self) -> Mapping[ArmId, Vm]:
        return by(self.vms, lambda vm: vm.id)

    @derived("power_states")
    def power(self) -> Mapping[ArmId, str]:
        return {state.vm: state.state.lower() for state in self.power_states}

    @derived("disks")
    def disk(self) -> Mapping[ArmId, Disk]:
        return by(self.disks, lambda disk: disk.id)

    @derived("nics")
    def nic(self) -> Mapping[ArmId, Nic]:
        return by(self.nics, lambda nic: nic.id)

    @derived("nsgs")
    def nsg(self) -> Mapping[ArmId, Nsg]:
        return by(self.nsgs, lambda nsg: nsg.id)

    @derived("subnets")
    def subnet(self) -> Mapping[ArmId, Subnet]:
        return by(self.subnets, lambda subnet: subnet.id)

    @derived("route_tables")
    def route_table(self) -> Mapping[ArmId, RouteTable]:
        return by(self.route_tables, lambda table: table.id)

    @derived("policies")
    def policy(self) -> Mapping[ArmId, Policy]:
        return by(self.policies, lambda policy: policy.id)

    @derived("views")
    def view(self) -> Mapping[ArmId, InstanceView]:
        return by(self.views, lambda view: view.vm)

    @derived("guests")
    def guest(self) -> Mapping[ArmId, Guest]:
        """What VMs told from inside; a VM that was not asked, or did not answer, is not in it."""
        return by(self.guests, lambda guest: guest.vm)

    @derived("restore_points")
    def points(self) -> Mapping[ArmId, tuple[RestorePoint, ...]]:
        """Restore points by collection; a collection that was not counted is not in it."""
        return {held.collection: held.points for held in self.restore_points}

    @derived("recovery_points")
    def recovery(self) -> Mapping[ArmId, tuple[RecoveryPoint, ...]]:
        """Recovery points by protected item; an item that was not looked at is not in it."""
        return {held.item: held.points for held in self.recovery_points}

    @derived("service_tags")
    def tags(self) -> Mapping[str, tuple[str, ...]]:
        """Names of service tags by region, its name in lower case without blanks."""
        return {held.location.lower().replace(" ", ""): held.names for held in self.service_tags}

    @derived("vm_sizes")
    def sizes(self) -> Mapping[str, Mapping[str, int]]:
        """Data disks that a VM takes by region, its name in lower case without blanks, and lower-cased size."""
        return {
            held.location.lower().replace(" ", ""): {one.name.lower(): one.data_disks for one in held.sizes}
            for held in self.vm_sizes
        }

    @derived("admin_rules")
    def admin(self) -> Mapping[ArmId, tuple[Rule, ...]]:
        """Security admin rules by interface; an interface that was not looked at is not in it."""
        return {held.nic: held.rules for held in self.admin_rules}

    @derived("items")
    def items_of(self) -> Mapping[ArmId, tuple[Item, ...]]:
        """Protected items by VM: one, or several where another vault still holds old recovery points."""
        return group(self.items, lambda item: item.vm)

    @derived("items", "vms", "policies", "power_states", "subscription", "unread")
    def protected(self) -> tuple[Protected, ...]:
        """Every VM whose backups are on, once for each item that takes them."""
        return tuple(
            Protected(
                item=item,
                vm=self.vm.get(item.vm),
                policy=self.policy.get(item.policy) if item.policy else None,
                power=self.power.get(item.vm),
                policy_unread=self._policy_unread(item),
            )
            for item in self.items
            if not item.soft_deleted and (item.protection_state or "").lower() not in INACTIVE
        )

    def _policy_unread(self, item: Item) -> bool:
        if item.policy is None or item.policy in self.policy:
            return False
        return self.not_read(Read.POLICIES, item.vault, item.policy) is not None

    @derived("items", "jobs", "read_at", "lookback")
    def failures_of(self) -> Mapping[ArmId, tuple[Failure, ...]]:
        """
        Failed backups by item, newest first: within the look-back and after the item's last completed backup.

        Jobs join items by vault and container name, never by friendly name, which two VMs may share.
        """
        jobs = group(self.jobs, lambda job: (job.vault, (job.container or "").lower()))
        return {
            item.id: failures
            for item in self.items
            if (failures := self._failures(item, jobs.get((item.vault, item.container.lower()), ())))
        }

    def _failures(self, item: Item, jobs: Iterable[Job]) -> tuple[Failure, ...]:
        since = self.read_at - self.lookback
        if (completed := last_completed(item)) and completed > since:
            since = completed
        failed = sorted(
            (
                job
                for job in jobs
                if job.started and job.started > since and (job.status or "").lower() == "failed"
            ),
            key=lambda job: (job.started, job.id.key),
            reverse=True,
        )
        return tuple(Failure(job, symptoms.of(job)) for job in failed)

    @derived("collections")
    def collections_of(self) -> Mapping[ArmId, tuple[Collection, ...]]:
        """Every collection by its source VM, wherever it lies: they all count against the platform's limit."""
        return group((held for held in self.collections if held.source), lambda held: held.source or held.id)

    @derived("collections", "policies")
    def service_collections_of(self) -> Mapping[ArmId, tuple[Collection, ...]]:
        """The collections that Azure Backup made, by their source VM (see `azremedy.points`)."""
        made = {
            vm: tuple(one for one in held if points.is_service(one, vm, self.policies))
            for vm, held in self.collections_of.items()
        }
        return {vm: held for vm, held in made.items() if held}

    def locks_over(self, target: ArmId) -> tuple[Lock, ...]:
        """Every lock that holds on `target`: its own and those of its group and subscription, widest first."""
        locks = self._locks_by_scope
        if not locks:
            return ()
        segments = target.key.split("/")
        found = (locks.get("/".join(segments[:end]), ()) for end in range(3, len(segments) + 1))
        return tuple(lock for held in found for lock in held)

    @derived("locks")
    def _locks_by_scope(self) -> Mapping[str, tuple[Lock, ...]]:
        return group(self.locks, lambda lock: lock.scope.key)

    def not_read(self, read: Read, *scopes: ArmId) -> Unread | None:
        """The gap, if there is one, that leaves `read` unknown for the whole subscription or one of `scopes`."""
        gaps = self._unread.get(read, {})
        for scope in (self.subscription.id, *scopes):
            if scope in gaps:
                return gaps[scope]
        return None

    def any_unread(self, *reads: Read) -> Unread | None:
        """The first gap of these kinds anywhere, for verdicts that rest on something being absent."""
        return next((gap for read in reads for gap in self._unread.get(read, {}).values()), None)

    @derived("unread")
    def _unread(self) -> Mapping[Read, Mapping[ArmId, Unread]]:
        gaps: dict[Read, dict[ArmId, Unread]] = defaultdict(dict)
        for gap in self.unread:
            gaps[gap.read][gap.scope] = gap
        return gaps


def last_completed(item: Item) -> datetime | None:
    """
    When the item's last completed backup was, as far as the item itself tells.

    A backup that took its snapshot and then failed leaves a recovery point too; that one completed nothing.
    """
    status, started, point = (
        (item.last_backup_status or "").lower(),
        item.last_backup,
        item.last_recovery_point,
    )
    if status.startswith("completed"):
        return max((time for time in (started, point) if time), default=None)
    if status == "failed" and started and point and point >= started:
        return None
    return point


def vaults_near(estate: Estate, protected: Protected) -> tuple[Vault, ...]:
    """Return the vaults that can back a VM up: those of its region, as far as it is known, and its own."""
    place = plain(protected.vm.location) if protected.vm else ""
    return tuple(
        vault
        for vault in estate.vaults
        if vault.id == protected.item.vault or (place and plain(vault.location) == place)
    )


def plain(location: str) -> str:
    """Return a region's name as `westeurope`; ARM writes `West Europe`, too."""
    return location.lower().replace(" ", "")


def by(values: Iterable[T], key: Callable[[T], K]) -> Mapping[K, T]:
    """`values` by their key; ARM's ids are unique, so none hides another."""
    return {key(value): value for value in values}


def group(values: Iterable[T], key: Callable[[T], K]) -> Mapping[K, tuple[T, ...]]:
    """`values` in tuples by their key, in the order they came."""
    groups: dict[K, list[T]] = defaultdict(list)
    for value in values:
        groups[key(value)].append(value)
    return {name: tuple(members) for name, members in groups.items()}
