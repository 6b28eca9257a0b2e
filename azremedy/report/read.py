"""The document of a scan read back: what `azremedy scan --output json` wrote, checked before anything is made of it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from azremedy.errors import AzremedyError
from azremedy.report.document import SCHEMA_VERSION

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
Id: TypeAlias = Annotated[str, msgspec.Meta(pattern="^/")]
Time: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$")
]
Slug: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
Fingerprint: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class Part(msgspec.Struct, rename="camel"):
    """An object of the document; members that this version does not know are nothing wrong."""


class Tool(Part):
    name: Literal["azremedy"]
    version: str


class Subscription(Part):
    id: str
    name: str
    calls: Count
    vms: Count
    protected: Count
    close_look: Count
    calls_by_kind: dict[str, Count] = {}
    lists_only: Count = 0
    playbooks: list[Slug] = []
    protected_vms: list[Id] = []
    from_graph: list[str] = []


class Fix(Part):
    available: bool
    reason: str | None
    class_: Literal["safe", "guarded", "destructive", "manual"] = msgspec.field(name="class")


class Finding(Part):
    fingerprint: Fingerprint
    playbook: Slug
    causes: list[str]
    severity: Literal["blocking", "corroborated", "suspected", "info"]
    vm: Id
    resource: Id
    message: str
    evidence: Any
    error_code: str | None
    error_number: int | None
    error_text: str | None
    job: Id | None
    fix: Fix
    suppressed: dict[str, Any] | None
    title: str = ""
    remedy: str = ""
    data_age: dict[str, Any] | None = None


class Unread(Part):
    scope: Id
    what: str
    status: int | None
    code: str | None
    reason: str


class NotEvaluated(Part):
    playbook: str
    vm: Id
    because: str


class Unexplained(Part):
    vm: Id
    because: str
    job: str | None
    error_code: str | None
    error_number: int | None
    error_text: str | None


class Summary(Part):
    blocking: Count
    corroborated: Count
    suspected: Count
    info: Count


class Named(Part):
    id: str
    name: str


class Choices(Part):
    max_unlocked: float


class ByHand(Part):
    finding: Fingerprint
    reason: str


class Group(Part):
    id: str
    playbooks: list[str]
    vms: list[Id]
    findings: list[Fingerprint]
    relief: list[str]
    steps: list[dict[str, Any]]
    class_: Literal["safe", "guarded", "destructive"] = msgspec.field(name="class")


class Plan(Part):
    """What a report shows of a plan; `readable` looks at its steps."""

    created: Time
    expires: Time
    subscription: Named
    choices: Choices
    groups: list[Group]
    by_hand: list[ByHand]


class Scanned(Part):
    """The whole of `schemas/scan.json`."""

    schema_version: Literal[1]
    tool: Tool
    started_at: Time
    finished_at: Time
    subscriptions: list[Subscription]
    findings: list[Finding]
    unread: list[Unread]
    not_evaluated: list[NotEvaluated]
    unexplained: list[Unexplained]
    summary: Summary
    plan: Plan | None = None


def read(content: bytes, source: str) -> dict[str, Any]:
    """
    Return the document that a file holds, in any Unicode encoding; `source` is what messages call the file.

    Raises `AzremedyError` for what is no JSON, no scan, or a scan of another version.
    """
    made = "make one with `azremedy scan --output json`"
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise AzremedyError(f"{source} is no JSON{where}: {made}.") from error
    if not isinstance(found, dict) or "schemaVersion" not in found:
        raise AzremedyError(f"{source} is not the JSON of a scan: {made}.")
    if found["schemaVersion"] != SCHEMA_VERSION:
        raise AzremedyError(
            f"{source} is of schema version {json.dumps(found['schemaVersion'])}; this azremedy reads version {SCHEMA_VERSION}."
        )
    try:
        msgspec.convert(found, Scanned)
    except msgspec.ValidationError as error:
        raise AzremedyError(f"{source} is not the JSON of a scan: {error}; {made}.") from error
    if found.get("plan") is not None and not readable(found["plan"]):
        raise AzremedyError(f"The plan in {source} is none that `azremedy fix` made; {made}.")
    return found


def readable(plan: dict[str, Any]) -> bool:
    """Return whether the steps of a plan hold what a report shows of them."""
    from azremedy.report.html import dryrun  # noqa: PLC0415 - few documents hold a plan

    try:
        return all(isinstance(line.text, str) for group in dryrun.planned(plan) for line in group.lines)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return False
