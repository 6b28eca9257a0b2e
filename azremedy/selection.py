"""Which VMs a user asks about: by name, group, vault or policy, by what backs them up, or because their backup starts soon."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.resources import Item, Job, Read
from azremedy.schedule import starts


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Which VMs a scan speaks of; empty means all. Names and ids are lower-cased; groups are named, never by id.

    `items` are protected items, `jobs` failed backups within the look-back, each by id or by the last part of it.
    `due_within` keeps those whose policy starts a backup within that time; of a schedule that nobody knows it does.
    """

    vms: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    vaults: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    due_within: timedelta | None = None
    items: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        vms: Iterable[str] = (),
        groups: Iterable[str] = (),
        vaults: Iterable[str] = (),
        policies: Iterable[str] = (),
        due_within: timedelta | None = None,
        *,
        items: Iterable[str] = (),
        jobs: Iterable[str] = (),
    ) -> Selection:
        """Make one of what a user wrote."""
        words = (lowered(vms), lowered(groups), lowered(vaults), lowered(policies))
        return cls(*words, due_within, lowered(items), lowered(jobs))

    def __contains__(self, vm: ArmId) -> bool:
        """Whether its name and group are asked for; of vault, policy and schedule only an estate tells (`within`)."""
        group = vm.group
        return (not self.vms or named(vm, self.vms)) and (
            not self.groups or (group is not None and group.name.lower() in self.groups)
        )

    @property
    def needs(self) -> frozenset[Read]:
        """What must be read to tell."""
        by_policy = self.policies or self.due_within is not None
        by_item = by_policy or self.vaults or self.items or self.jobs
        items = frozenset({Read.ITEMS}) if by_item else frozenset()
        jobs = frozenset({Read.JOBS}) if self.jobs else frozenset()
        return items | jobs | (frozenset({Read.POLICIES}) if by_policy else frozenset())

    def within(self, estate: Estate) -> Callable[[ArmId], bool]:
        """Return what tells whether a VM of this estate is selected."""
        if not self.needs:
            return self.__contains__
        return {item.vm for item in estate.items if item.vm in self and self.takes(estate, item)}.__contains__

    def takes(self, estate: Estate, item: Item) -> bool:
        """Whether a protected item is asked for: itself, or by its vault, its policy, its schedule or one of its jobs."""
        return (
            (not self.items or named(item.id, self.items))
            and (not self.jobs or any(named(job.id, self.jobs) for job in jobs_of(estate, item)))
            and (not self.vaults or named(item.vault, self.vaults))
            and (not self.policies or (item.policy is not None and named(item.policy, self.policies)))
            and (self.due_within is None or is_due(estate, item, self.due_within))
        )


EVERYTHING = Selection()


def lowered(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.lower().rstrip("/") for word in words)


def named(id_: ArmId, words: frozenset[str]) -> bool:
    """Whether one of these words is the id or the name of this resource."""
    return id_.key in words or id_.name.lower() in words


def jobs_of(estate: Estate, item: Item) -> Iterator[Job]:
    """Yield the jobs of a protected item that were read, joined by vault and container name."""
    container = item.container.lower()
    return (
        job for job in estate.jobs if job.vault == item.vault and (job.container or "").lower() == container
    )


def is_due(estate: Estate, item: Item, within: timedelta) -> bool:
    """Whether an item's policy starts a backup within a time from the reading on, or nobody knows that it does not."""
    if item.policy is None:
        return False
    policy = estate.policy.get(item.policy)
    if policy is None or policy.schedule is None:
        return True
    found = starts(policy.schedule, estate.read_at, estate.read_at + within)
    return found is None or next(found, None) is not None
