"""
Long-running operations: a write that goes on behind its answer.

The answer names two addresses, in `Azure-AsyncOperation` (its status) and `Location` (its result). The operation is
noted with the write, so a killed client and a restarted sandbox find it again. While it runs, its target is busy.
"""

from __future__ import annotations

import math
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from azremedy.sandbox import times
from azremedy.sandbox.answers import Answer, ArmError, ok
from azremedy.sandbox.events import EFFECTS, Effect, due, effect, name_of

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call

KIND: Final = "operation"
BUSY: Final = "busy"

POLL: Final = {"compute": 5, "network": 2, "backup": 60}
"""How many seconds a client is asked to wait between two looks."""


def begin(
    arm: Arm,
    call: Call,
    family: str,
    seconds: float,
    then: Effect,
    *,
    target: str | None = None,
    **details: Any,
) -> str:
    """Note an operation at whose end `then` is carried out, and return its id. Details are JSON."""
    id_ = str(uuid.uuid4())
    arm.store.note(
        KIND,
        id_,
        {
            "family": family,
            "status": "InProgress",
            "began": arm.now,
            "path": call.path,
            "target": target,
        },
    )
    if target:
        arm.store.note(BUSY, target, id_)
    due(arm, arm.now + seconds, finish, operation=id_, then=name_of(then), details=details)
    return id_


def accepted(arm: Arm, call: Call, id_: str, *, status: int = 202, body: Json = None) -> Answer:
    """Return the answer to a write whose operation has begun."""
    operation = arm.store.noted(KIND, id_)
    headers = {
        "Azure-AsyncOperation": address(arm, call, operation, id_, "status"),
        "Location": address(arm, call, operation, id_, "result"),
        "Retry-After": whole(arm, operation["family"]),
    }
    return ok(body, status, headers) if body is not None else Answer(status, headers=headers)


def address(arm: Arm, call: Call, operation: Json, id_: str, kind: str) -> str:
    family = operation["family"]
    version = quote(call.query["api-version"])
    if family == "backup":
        item = operation["path"].removesuffix("/backup")
        word = "operationsStatus" if kind == "status" else "operationResults"
        return f"{call.base}{quote(item)}/{word}/{id_}?api-version={version}"
    provider = "Microsoft.Compute" if family == "compute" else "Microsoft.Network"
    root = f"{call.base}{arm.subscription}/providers/{provider}/locations/{location(arm)}"
    if family == "network":
        word = "operations" if kind == "status" else "operationResults"
        return f"{root}/{word}/{id_}?api-version={version}"
    monitor = "&monitor=true" if kind == "result" else ""
    return f"{root}/operations/{id_}?p={uuid.uuid4()}{monitor}&api-version={version}"


def location(arm: Arm) -> str:
    return next(iter(arm.store.about.get("regions", {})), "westeurope")


def wait(arm: Arm, family: str) -> str:
    """Return Retry-After as this clock's speed makes it, be it a fraction of a second."""
    return f"{arm.store.clock.real_seconds(POLL[family]):.3g}"


def whole(arm: Arm, family: str) -> str:
    """Return Retry-After for the answer to a write: the typed clients take nothing but whole seconds there."""
    return str(math.ceil(arm.store.clock.real_seconds(POLL[family])))


def not_busy(arm: Arm, key: str) -> None:
    """Refuse a second write on what an operation works on."""
    if arm.store.noted(BUSY, key) is None:
        return
    name = key.rpartition("/")[2]
    if "/microsoft.network/" in key:
        raise ArmError(
            429,
            "RetryableErrorDueToAnotherOperation",
            f"Operation on '{name}' has not completed because another operation on it is in progress.",
            {"Retry-After": whole(arm, "network")},
        )
    raise ArmError(
        409,
        "OperationNotAllowed",
        f"The operation is not allowed on '{name}' because another operation on it is in progress. "
        "Please try again later.",
        details=[{"code": "Conflict", "message": "Another operation is in progress."}],
    )


@effect
def finish(arm: Arm, at: float, *, operation: str, then: str, details: Json) -> None:
    """End an operation: with what its effect returns, or with the error that it raises."""
    noted = arm.store.noted(KIND, operation)
    if noted["target"]:
        arm.store.forget(BUSY, noted["target"])
    noted["ended"] = at
    try:
        noted["result"] = EFFECTS[then](arm, at, **details)
        noted["status"] = "Succeeded"
    except ArmError as failed:
        noted |= {"status": "Failed", "error": failed.error}
    arm.store.note(KIND, operation, noted)


def status(arm: Arm, call: Call) -> Answer:
    """Answer `Azure-AsyncOperation`, and for Compute `Location`, too."""
    if "monitor" in call.query:
        return result(arm, call)
    id_, found = named(arm, call)
    body = {
        "id": call.path,
        "name": id_,
        "status": found["status"],
        "startTime": times.stamp(found["began"], "f"),
    }
    if found["status"] == "InProgress":
        return ok(body, 200, {"Retry-After": wait(arm, found["family"])})
    body["endTime"] = times.stamp(found["ended"], "f")
    if found["family"] == "backup":
        body["properties"] = found.get("result")
    elif found["family"] == "compute" and found.get("result") is not None:
        body["properties"] = {"output": found["result"]}
    if "error" in found:
        body["error"] = found["error"]
    return ok(body)


def result(arm: Arm, call: Call) -> Answer:
    """Answer `Location`: 202 while the operation runs, then what it led to."""
    id_, found = named(arm, call)
    if found["status"] == "InProgress":
        headers = {
            "Location": address(arm, call, found, id_, "result"),
            "Retry-After": wait(arm, found["family"]),
        }
        return Answer(202, headers=headers)
    if "error" in found:
        return ok({"error": found["error"]}, 409)
    if found["family"] == "backup" or found.get("result") is None:
        return Answer(204)
    return ok(found["result"])


def named(arm: Arm, call: Call) -> tuple[str, Json]:
    id_ = call.key.rpartition("/")[2]
    found = arm.store.noted(KIND, id_)
    if found is None:
        raise ArmError(404, "NotFound", f"There is no operation '{id_}'.")
    return id_, found
