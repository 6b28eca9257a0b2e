"""A protected item that is written: its disks, its policy, whether it is protected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.sandbox import operations
from azremedy.sandbox.answers import Answer, ArmError, not_found
from azremedy.sandbox.events import effect

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call

TYPES: Final = {"Microsoft.Compute/virtualMachines", "AzureIaaSComputeVMProtectedItem"}
SECONDS: Final = 5


def put(arm: Arm, call: Call) -> Answer:
    """Change which disks an item leaves out, its policy, or stop and resume its protection."""
    if call.key not in arm.store:
        raise not_found(call.path)
    given = call.properties
    if given.get("protectedItemType") not in TYPES:
        raise ArmError(
            400,
            "BMSUserErrorInvalidInput",
            f"Input provided for the call is invalid: protectedItemType '{given.get('protectedItemType')}'.",
        )
    body = arm.store.draft(call.key)
    properties = body["properties"]
    if given.get("protectionState") == "ProtectionStopped":
        properties["protectionState"] = "ProtectionStopped"
    elif policy := given.get("policyId"):
        properties |= protected_by(arm, policy, properties)
    if "extendedProperties" in given:
        properties["extendedProperties"] = given["extendedProperties"] or {}
    id_ = operations.begin(arm, call, "backup", SECONDS, settled, item=call.key, properties=properties)
    return operations.accepted(arm, call, id_)


def protected_by(arm: Arm, policy: str, properties: Json) -> Json:
    """Return what a policy makes of an item: protected, be it once more."""
    found: Json = arm.store.get(policy.lower())
    if found is None:
        raise ArmError(400, "BMSUserErrorInvalidPolicyInput", f"There is no policy '{policy}'.")
    if properties.get("isScheduledForDeferredDelete"):
        raise ArmError(
            400,
            "UserErrorProtectedItemSoftDeleted",
            "The item is in a soft-deleted state: undelete it first.",
        )
    resumed = "Protected" if properties.get("lastRecoveryPoint") else "IRPending"
    active = properties["protectionState"] in {"Protected", "IRPending", "ProtectionError"}
    return {
        "policyId": found["id"],
        "policyName": found["name"],
        "policyType": found["properties"]["policyType"],
        "protectionState": properties["protectionState"] if active else resumed,
    }


@effect
def settled(arm: Arm, _at: float, *, item: str, properties: Json) -> None:
    """End the change of an item."""
    if item in arm.store:
        body = arm.store.draft(item)
        changed = ("protectionState", "policyId", "policyName", "policyType", "extendedProperties")
        body["properties"] |= {name: properties[name] for name in changed if name in properties}
        arm.store.put(item, body)
