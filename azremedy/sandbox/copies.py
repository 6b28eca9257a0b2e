"""
Recovery points: which restore points of a VM its vault knows, and which of them it has a copy of.

Beside each protected item stands a note: where the service keeps its restore points, and its recovery points, newest
first, each with the restore point it was made from and whether the vault holds a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.sandbox import points
from azremedy.sandbox.answers import Answer, not_found, ok
from azremedy.sandbox.ground import digits
from azremedy.sandbox.times import ago

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call
    from azremedy.sandbox.description import Backup, Points, Policy, Vm
    from azremedy.sandbox.ground import Ground

KIND: Final = "copies"


def seeded(ground: Ground, vm: Vm, backup: Backup, policy: Policy, made: Mapping[str, Sequence[str]]) -> Json:
    """Return the note of an item as its estate begins; `made` are the ids of points, newest first, by collection."""
    held = [one for one in points.every_points(vm, policy) if not one.collection]
    crash = policy.consistency == "crash"
    known: list[Json] = []
    for one in held:
        for index, id_ in enumerate(made.get(home(ground, vm, one, policy), ())):
            age = ago(hours=one.newest + index * one.every)
            known.append({"point": id_.lower(), "time": age, "crash": crash})
    if not known and backup.completed is not None:
        known.append({"point": "", "time": ago(hours=backup.completed), "crash": crash})
    for index, recovery in enumerate(known):
        recovery |= {"name": digits(ground.vm(vm), index), "hardened": index >= backup.instant_only}
    return {"home": home(ground, vm, held[0] if held else points.NONE, policy), "points": known}


def home(ground: Ground, vm: Vm, held: Points, policy: Policy) -> str:
    """Return the id of the collection of some points."""
    group, name = points.collection_place(ground, vm, held, policy)
    return ground.id(group.upper(), points.COLLECTION, name)


def recovery_points(arm: Arm, call: Call) -> Answer:
    """Answer the recovery points of an item, each in the tiers that hold it."""
    item, _, name = call.key.partition("/recoverypoints")
    if item not in arm.store:
        raise not_found(item)
    shown = [
        one
        for point in (arm.store.noted(KIND, item) or {"points": []})["points"]
        if (one := body(arm, item, point))
    ]
    if not name:
        return ok({"value": shown})
    found = [one for one in shown if one["name"] == name.strip("/")]
    if not found:
        raise not_found(call.path)
    return ok(found[0])


def body(arm: Arm, item: str, point: Json) -> Json | None:
    """Return a recovery point, or None when neither tier holds it any more."""
    tiers = [{"type": "InstantRP", "status": "Valid"}] if point["point"] in arm.store else []
    tiers += [{"type": "HardenedRP", "status": "Valid"}] if point["hardened"] else []
    if not tiers:
        return None
    of: Json = arm.store.get(item)
    return {
        "id": f"{of['id']}/recoveryPoints/{point['name']}",
        "name": point["name"],
        "type": f"{of['type']}/recoveryPoints",
        "properties": {
            "objectType": "IaasVMRecoveryPoint",
            "recoveryPointType": "CrashConsistent" if point["crash"] else "AppConsistent",
            "recoveryPointTime": point["time"],
            "recoveryPointAdditionalInfo": "",
            "sourceVMStorageType": "NormalStorage",
            "isSourceVMEncrypted": False,
            "isInstantIlrSessionActive": False,
            "recoveryPointTierDetails": tiers,
            "isManagedVirtualMachine": True,
            "originalStorageAccountOption": False,
        },
    }


def add(arm: Arm, item: str, point: Json) -> None:
    """Let an item know a new recovery point."""
    noted = arm.store.noted(KIND, item)
    arm.store.note(KIND, item, {**noted, "points": [point, *noted["points"]]})


def harden(arm: Arm, item: str, name: str) -> None:
    """Let the vault hold a copy of a recovery point."""
    noted = arm.store.noted(KIND, item)
    for one in noted["points"]:
        one["hardened"] = one["hardened"] or one["name"] == name
    arm.store.note(KIND, item, noted)
