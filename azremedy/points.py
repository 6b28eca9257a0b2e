"""
Restore points of a VM: which collections are Azure Backup's, how many points there are, and when it is full.

Collections are joined by `source.id`, never by a prefix of their name (`AzureBackup_web` is not `web2`'s). Every
collection of that source counts against the limit; only Azure Backup's own may ever be cleaned up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from azremedy import limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azremedy.arm import ArmId
    from azremedy.estate import Estate, Protected
    from azremedy.limits import Limit
    from azremedy.resources import Collection, Policy

SERVICE_NAME = "azurebackup_"
SERVICE_GROUP = "azurebackuprg_"


def service_collections(estate: Estate, protected: Protected) -> tuple[Collection, ...]:
    """Return this VM's collections that Azure Backup made and prunes, by name *and* by place."""
    return estate.service_collections_of.get(protected.id, ())


def is_service(held: Collection, vm: ArmId, policies: Iterable[Policy]) -> bool:
    """Whether Azure Backup made this collection of a VM: its own group, a policy's, or the shape of 2018."""
    name = held.id.name.lower()
    if not name.startswith(SERVICE_NAME) or (group := held.id.group) is None:
        return False
    return is_service_group(group.name, policies) or (
        group == vm.group and name == SERVICE_NAME + vm.name.lower()
    )


def is_service_group(name: str, policies: Iterable[Policy]) -> bool:
    """Whether Azure Backup made a group of this name to keep restore points in: its own kind, or a policy's."""
    lowered = name.lower()
    return lowered.startswith(SERVICE_GROUP) or any(in_policy_group(lowered, policy) for policy in policies)


def in_policy_group(group: str, policy: Policy) -> bool:
    """
    Whether a group is one that a policy names: prefix, number, suffix.

    Any policy may have named it: points stay in their group when the VM changes its policy, or that its group (RG).
    """
    prefix, suffix = (policy.group_prefix or "").lower(), (policy.group_suffix or "").lower()
    if not prefix or not group.startswith(prefix) or not group.endswith(suffix):
        return False
    return group[len(prefix) : len(group) - len(suffix)].isdigit()


def count(estate: Estate, protected: Protected) -> int | None:
    """Return the number of points over all collections of the VM, or None while one of them is not counted."""
    held = estate.collections_of.get(protected.id, ())
    if any(collection.id not in estate.points for collection in held):
        return None
    return sum(len(estate.points[collection.id]) for collection in held)


def limit(protected: Protected) -> Limit:
    """Return the number of points at which the next backup fails; without a known policy, the Standard one."""
    enhanced = protected.policy is not None and (protected.policy.type or "").upper() == "V2"
    return limits.POINTS_PLATFORM if enhanced else limits.POINTS_STANDARD


def days_left(protected: Protected, counted: int) -> int:
    """Return in how many days the limit is reached if no point is pruned, at the policy's pace."""
    per_day = (protected.policy.per_day if protected.policy else None) or 1.0
    return max(0, int((limit(protected).value - counted) / per_day))
