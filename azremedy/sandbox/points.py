"""Bodies of restore point collections and their points, and of the recovery points that a vault has of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from azremedy.sandbox.description import Points
from azremedy.sandbox.ground import Ground, digits, guid
from azremedy.sandbox.times import ago

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azremedy.arm import Json
    from azremedy.sandbox.description import Policy, Vm

COLLECTION: Final = "Microsoft.Compute/restorePointCollections"

NONE: Final = Points(count=0)
"""What stands for the points of a VM that has none yet."""


def every_points(vm: Vm, policy: Policy | None) -> tuple[Points, ...]:
    """Return the points of a VM; a protected one that says nothing has those its policy keeps, and one more."""
    if isinstance(vm.points, Points):
        return (vm.points,)
    if vm.points is not None:
        return vm.points
    if vm.backup is None or policy is None or vm.backup.completed is None or vm.backup.soft_deleted:
        return ()
    return (Points(count=policy.instant_days + 1, newest=vm.backup.completed),)


def collection(ground: Ground, vm: Vm, points: Points, policy: Policy | None) -> Iterator[tuple[str, Json]]:
    """Make a restore point collection with its points."""
    group, name = collection_place(ground, vm, points, policy)
    id_ = ground.id(group.upper(), COLLECTION, name)
    yield id_, collection_body(id_, ground.vm(vm), ground.location)
    crash = policy is not None and policy.consistency == "crash"
    seeded = datetime.now(UTC)
    for index in range(points.count):
        age = points.newest + index * points.every
        point = f"AzureBackup_{seeded - timedelta(hours=age):%Y%m%d_%H%M%S}_{index:03d}"
        yield (
            f"{id_}/restorePoints/{point}",
            point_body(
                f"{id_}/restorePoints/{point}",
                {
                    "vmId": guid(ground.vm(vm)),
                    "hardwareProfile": {"vmSize": vm.size},
                    "location": ground.location,
                },
                ago(hours=age, form="f"),
                crash=crash,
            ),
        )


def collection_body(id_: str, vm: str, location: str) -> Json:
    return {
        "name": id_.rpartition("/")[2],
        "id": id_,
        "type": COLLECTION,
        "location": location,
        "properties": {
            "source": {"id": vm, "location": location},
            "restorePointCollectionId": guid(id_),
            "provisioningState": "Succeeded",
        },
    }


def point_body(id_: str, source: Json, created: str, *, crash: bool) -> Json:
    return {
        "name": id_.rpartition("/")[2],
        "id": id_,
        "type": f"{COLLECTION}/restorePoints",
        "properties": {
            "sourceMetadata": source,
            "provisioningState": "Succeeded",
            "consistencyMode": "CrashConsistent" if crash else "ApplicationConsistent",
            "timeCreated": created,
        },
    }


def collection_place(ground: Ground, vm: Vm, points: Points, policy: Policy | None) -> tuple[str, str]:
    """Return the group and the name of a collection of points."""
    if points.collection:
        return points.group or vm.group, points.collection
    if points.legacy:
        return vm.group, f"AzureBackup_{vm.name}"
    service = f"AzureBackupRG_{ground.location}_1"
    if policy and policy.group_prefix:
        service = f"{policy.group_prefix}1{policy.group_suffix or ''}"
    return points.group or service, f"AzureBackup_{vm.name}_{digits(ground.vm(vm))}"
