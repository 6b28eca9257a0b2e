"""
Azure Resource Graph: the resources of many subscriptions as rows, asked for by queries (see `kql`).

It shows what the caller may read and says nothing of the rest. Of VMs it tells the power state and no more of what they
report, of protected items and jobs less than Recovery Services does, and in other words. Locks and restore points are
not in it.
"""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from azremedy.arm import ArmId
from azremedy.sandbox import kql, rights
from azremedy.sandbox.answers import Answer, ArmError, ok
from azremedy.sandbox.identity import TENANT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call
    from azremedy.sandbox.kql import Query

PATH: Final = "/providers/microsoft.resourcegraph/resources"
VM: Final = "microsoft.compute/virtualmachines"
VAULT: Final = "microsoft.recoveryservices/vaults"
ITEM: Final = f"{VAULT}/backupfabrics/protectioncontainers/protecteditems"
JOB: Final = f"{VAULT}/backupjobs"

HELD: Final[Mapping[str, tuple[str, ...]]] = {
    "resources": (
        VM, f"{VM}/extensions", "microsoft.compute/disks", "microsoft.compute/restorepointcollections",
        "microsoft.network/networkinterfaces", "microsoft.network/networksecuritygroups",
        "microsoft.network/virtualnetworks", "microsoft.network/routetables", "microsoft.keyvault/vaults", VAULT,
    ),
    "resourcecontainers": ("resourcegroups", "subscriptions"),
    "recoveryservicesresources": (ITEM, JOB, f"{VAULT}/backuppolicies"),
}  # fmt: skip
"""The types in each table, as the store calls them."""

SCOPES: Final = {
    "resourcegroups": "microsoft.resources/subscriptions/resourcegroups",
    "subscriptions": "microsoft.resources/subscriptions",
}

MOST: Final = 1000
"""Rows of a page."""
KEPT: Final = 14 * 86400
"""Seconds for which jobs stay."""
PER_WINDOW: Final = 15
WINDOW: Final = 5.0
PENDING: Final = 64
"""How many queries a user may send in how many seconds, and of how many further pages may be asked for."""

STATES: Final = {"Protected": "ProtectionConfigured", "IRPending": "ConfiguringProtection"}
"""Protection states in Resource Graph's words; it knows others by the same name."""
UNTOLD: Final = frozenset(
    {
        "protectionState", "protectionStatus", "healthStatus", "healthDetails", "kpisHealths", "extendedProperties",
        "isScheduledForDeferredDelete", "isDeferredDeleteScheduleUpcoming", "deferredDeleteTimeInUTC",
        "deferredDeleteTimeRemaining",
    }
)  # fmt: skip
"""What Recovery Services tells of a protected item and Resource Graph does not."""


@dataclass(slots=True)
class Queries:
    """What is left to each user of the queries of a window, and the rows of which further pages may be asked for."""

    _windows: dict[str, tuple[float, int]] = field(default_factory=dict)
    _kept: dict[str, list[Json]] = field(default_factory=dict)

    def keep(self, rows: list[Json]) -> str:
        """Keep the rows of a query for its further pages, and return their name."""
        while len(self._kept) >= PENDING:
            del self._kept[next(iter(self._kept))]
        self._kept[name := uuid.uuid4().hex] = rows
        return name

    def kept(self, name: str) -> list[Json]:
        if name not in self._kept:
            raise kql.refused(
                400, {"code": "InvalidSkipToken", "message": "The skip token is not valid any more."}
            )
        return self._kept[name]

    def take(self, user: str) -> Mapping[str, str]:
        """Take one query and return the headers that tell what is left. Raises `ArmError` where nothing is."""
        now = time.monotonic()
        began, sent = self._windows.get(user, (now, 0))
        if now >= began + WINDOW:
            began, sent = now, 0
        self._windows[user] = began, sent + 1
        left, wait = PER_WINDOW - sent - 1, max(1, -int(-(began + WINDOW - now) // 1))
        told = {
            "x-ms-user-quota-remaining": str(max(left, 0)),
            "x-ms-user-quota-resets-after": f"00:00:{wait:02}",
        }
        if left < 0:
            detail = {
                "code": "RateLimiting",
                "message": "Please pace your requests. Too many in a short time.",
            }
            raise kql.refused(429, detail, headers={**told, "Retry-After": str(wait)})
        return told


def answer(arm: Arm, call: Call, queries: Queries) -> Answer:
    """Answer a query."""
    if call.method != "POST":
        raise ArmError(405, "MethodNotAllowed", f"This address does not support '{call.method}'.")
    told = queries.take(call.principal.client_id if call.principal else "")
    body = call.json
    asked, options = body.get("query"), body.get("options") or {}
    if not isinstance(asked, str) or not isinstance(options, dict):
        raise kql.refused(400, {"code": "InvalidRequest", "message": "The request has no 'query'."})
    if options.get("resultFormat", "objectArray") != "objectArray":
        raise kql.refused(
            400, {"code": "InvalidRequest", "message": "Only resultFormat objectArray is known."}
        )
    query, size = kql.parse(asked), arm.page_size or top(options)
    name, start = place(options)
    rows = queries.kept(name) if name else query.of(every(arm, call, query, chosen(arm, body)))
    shown = rows[start : start + size]
    token = {}
    if len(rows) > start + size:
        token["$skipToken"] = token_of(name or queries.keep(rows), start + size)
    return ok(
        {
            "totalRecords": len(rows),
            "count": len(shown),
            "data": shown,
            "facets": [],
            "resultTruncated": "false",
            **token,
        },
        headers=told,
    )


def top(options: Json) -> int:
    given = options.get("$top", 100)
    if not isinstance(given, int) or not 1 <= given <= MOST:
        raise kql.refused(400, {"code": "InvalidRequest", "message": f"$top must be between 1 and {MOST}."})
    return given


def token_of(name: str, start: int) -> str:
    return base64.b64encode(f"{name} {start}".encode()).decode()


def place(options: Json) -> tuple[str, int]:
    """Return the name of the rows that a skip token continues, and where; no name without a token."""
    token = options.get("$skipToken")
    if not token:
        return "", 0
    try:
        name, start = base64.b64decode(token, validate=True).decode().split(" ")
        return name, int(start)
    except (binascii.Error, ValueError, TypeError) as error:
        raise kql.refused(
            400, {"code": "InvalidSkipToken", "message": "The skip token is not valid."}
        ) from error


def chosen(arm: Arm, body: Json) -> list[str]:
    """Return the keys of the subscriptions that a query is about: those named, or all."""
    every_ = arm.store.keys("subscriptions")
    named = body.get("subscriptions")
    if named is None:
        return list(every_)
    found = [key for one in named if (key := f"/subscriptions/{one}".lower()) in every_]
    if not found:
        text = f"There must be at least one subscription that is eligible to contain resources. Given: '{named}'."
        raise kql.refused(400, {"code": "NoValidSubscriptionsInQueryRequest", "message": text})
    return found


def every(arm: Arm, call: Call, query: Query, subscriptions: list[str]) -> Iterator[dict[str, Json]]:
    """Yield the rows of a query's table that the caller may see and that have a type it asks for."""
    for type_ in HELD[query.table]:
        if query.types is not None and SCOPES.get(type_, type_) not in query.types:
            continue
        for subscription in subscriptions:
            keys = (
                [subscription] if type_ == "subscriptions" else arm.store.keys(type_, subscription)
            )  # fmt: skip
            for key in keys:
                if visible(call, key) and (row := of_type(arm, type_, key)) is not None:
                    yield row


def visible(call: Call, key: str) -> bool:
    who = call.principal
    if who is None or not who.may_read(key):
        return who is None
    wanted = f"{rights.action_on(key)}/read"
    return not who.actions or rights.holds(who, key, wanted)


def of_type(arm: Arm, type_: str, key: str) -> dict[str, Json] | None:
    body: Json = arm.store.get(key)
    if type_ == VM:
        return row(type_, body, with_power(arm, key, body))
    if type_ == ITEM:
        return row(type_, body, item(body["properties"]))
    if type_ == JOB:
        held = {**body["properties"], "errorDetails": None, "extendedInfo": None}
        return row(type_, body, held) if recent(arm, held) else None
    return row(SCOPES.get(type_, type_), body, body.get("properties", {}))


def row(type_: str, body: Json, properties: Json) -> dict[str, Json]:
    """Return a resource as a row: all columns, those empty that it has not."""
    id_ = ArmId(body["id"])
    return {
        "id": body["id"],
        "name": body.get("name") or id_.name,
        "type": type_,
        "tenantId": TENANT,
        "kind": "",
        "location": body.get("location", ""),
        "resourceGroup": id_.group.name.lower() if id_.group else "",
        "subscriptionId": id_.subscription or "",
        "managedBy": body.get("managedBy", ""),
        **{name: body.get(name) for name in ("sku", "plan", "tags", "identity", "zones", "extendedLocation")},
        "properties": properties,
    }


def with_power(arm: Arm, key: str, vm: Json) -> Json:
    """Return the properties of a VM with what Resource Graph adds: its power state and the name of its system."""
    view: Json = arm.store.get(f"{key}/instanceview") or {}
    power = next(
        (one for one in view.get("statuses", ()) if one["code"].lower().startswith("powerstate/")), None
    )
    extended: dict[str, Any] = {
        name: view[name] for name in ("computerName", "osName", "osVersion") if name in view
    }
    if power:
        extended["powerState"] = {name: power[name] for name in ("code", "displayStatus", "level")}
    return {**vm["properties"], "extended": {"instanceView": extended}}


def item(properties: Json) -> Json:
    """Return the properties of a protected item in Resource Graph's words."""
    gone = properties.get("isScheduledForDeferredDelete") is True
    state = properties["protectionState"]
    return {
        **{name: value for name, value in properties.items() if name not in UNTOLD},
        "currentProtectionState": "SoftDeleted" if gone else STATES.get(state, state),
        "dataSourceInfo": {
            "resourceID": properties["sourceResourceId"],
            "datasourceType": "Microsoft.Compute/virtualMachines",
            "objectType": "Datasource",
        },
    }


def recent(arm: Arm, job: Json) -> bool:
    started = datetime.fromisoformat(job["startTime"])
    return started.timestamp() > arm.now - KEPT
