"""ARM in words: resource ids, and what it takes to be read from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

Json: TypeAlias = Any
"""What a JSON document holds. It is `Any` until `azremedy.collect` has decoded it."""


@final
class ArmId:
    """
    The id of a resource or scope, as ARM wrote it, compared as ARM compares: without case.

    ARM answers the same id in several cases (`resourcegroups`, `RESOURCEGROUPS`, renamed groups), so two
    ids are equal when their lower-cased texts are. `text` keeps the spelling for people.
    """

    __slots__ = ("key", "text")

    key: Final[str]
    text: Final[str]

    def __init__(self, text: str) -> None:
        self.text = text.rstrip("/")
        self.key = self.text.lower()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArmId) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: ArmId) -> bool:
        return self.key < other.key

    def __repr__(self) -> str:
        return f"ArmId({self.text!r})"

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        """The last segment: the resource's own name."""
        return self.text.rpartition("/")[2]

    @property
    def subscription(self) -> str | None:
        """The subscription's GUID, lower-cased."""
        return self._after("subscriptions")

    @property
    def group(self) -> ArmId | None:
        """The resource group that holds this resource (or that this id names)."""
        segments = self.key.split("/", 5)
        if len(segments) < 5 or segments[1] != "subscriptions" or segments[3] != "resourcegroups":
            return None
        return ArmId("/".join(self.text.split("/", 5)[:5]))

    @property
    def type(self) -> str:
        """The resource type in lower case, e.g. `microsoft.compute/virtualmachines`; empty for a scope."""
        _, found, rest = self.key.rpartition("/providers/")
        if not found:
            return ""
        segments = rest.split("/")
        return "/".join([segments[0], *segments[1::2]])

    @property
    def scope(self) -> ArmId:
        """What an extension resource such as a lock stands on: the id before its last `/providers/`."""
        return ArmId(self.text[: self.key.rindex("/providers/")] if "/providers/" in self.key else self.text)

    def covers(self, other: ArmId) -> bool:
        """Whether `other` is this scope or lies inside it, so that a lock here holds there."""
        return other.key == self.key or other.key.startswith(self.key + "/")

    def _after(self, segment: str) -> str | None:
        segments = self.key.split("/")
        try:
            return segments[segments.index(segment) + 1]
        except (ValueError, IndexError):
            return None


PROVIDER_TYPES: Mapping[str, str] = {
    "microsoft.authorization/locks": "Microsoft.Authorization/locks",
    "microsoft.compute/virtualmachines": "Microsoft.Compute/virtualMachines",
    "microsoft.compute/virtualmachines/extensions": "Microsoft.Compute/virtualMachines/extensions",
    "microsoft.compute/disks": "Microsoft.Compute/disks",
    "microsoft.compute/restorepointcollections": "Microsoft.Compute/restorePointCollections",
    "microsoft.compute/restorepointcollections/restorepoints": "Microsoft.Compute/restorePointCollections/restorePoints",
    "microsoft.network/networksecuritygroups/securityrules": "Microsoft.Network/networkSecurityGroups/securityRules",
    "microsoft.recoveryservices/vaults/backupjobs": "Microsoft.RecoveryServices/Vaults/backupJobs",
    "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems": (
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems"
    ),
}
"""The types that cures write to, as RBAC spells them."""


def permission_type(id_: ArmId) -> str:
    """Return a resource's type as RBAC spells it. A type that no cure may write to is a mistake in a playbook."""
    return PROVIDER_TYPES[id_.type]


@dataclass(frozen=True, slots=True)
class Request:
    """
    One ARM write: `method` on `id`, or on `id/action` for a POST.

    A text `now+P7D` in the body stands for the moment seven days after the send. The api-version is the edge's to choose.
    """

    method: str
    id: ArmId
    action: str = ""
    body: Json = None

    @property
    def address(self) -> str:
        """The path below the ARM endpoint."""
        return f"{self.id}/{self.action}" if self.action else str(self.id)

    @property
    def permission(self) -> str:
        """The Azure RBAC action that the write needs."""
        type_ = permission_type(self.id)
        if self.method == "DELETE":
            return f"{type_}/delete"
        return f"{type_}/{self.action}/action" if self.action else f"{type_}/write"


LATER: Final = re.compile(r"now\+P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", re.ASCII)


def resolved(body: Json, now: Callable[[], datetime]) -> Json:
    """Return a request's body in which `now+P7D` is the moment seven days after `now`, as ARM spells it."""
    match body:
        case dict():
            return {name: resolved(value, now) for name, value in body.items()}
        case list() | tuple():
            return [resolved(value, now) for value in body]
        case str() if found := LATER.fullmatch(body):
            days, hours, minutes = (int(number or 0) for number in found.groups())
            moment = now() + timedelta(days=days, hours=hours, minutes=minutes)
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return body


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    ARM's answer to a write that it took.

    `operation` is the address of the long-running operation, if the write goes on behind the answer, `result` that of
    what it leads to; `retry_after` the seconds that ARM asks to wait before the first look at it.
    """

    status: int
    body: Json = None
    operation: str | None = None
    retry_after: float | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """
    One look at a long-running operation: its status as ARM words it.

    `code` and `reason` are those of its error; `retry_after` the seconds ARM asks to wait before the next look.
    """

    status: str
    retry_after: float | None = None
    code: str | None = None
    reason: str | None = None

    @property
    def over(self) -> bool:
        """Whether it will not change any more. A status that nobody knows goes on."""
        return self.status.lower() in {"succeeded", "failed", "canceled", "cancelled"}

    @property
    def succeeded(self) -> bool:
        return self.status.lower() == "succeeded"


class Reader(Protocol):
    """Everything that may be asked of ARM by who must not change it."""

    def get(self, address: str, query: Mapping[str, str] | None = None) -> Json:
        """
        Return the decoded JSON body of one GET.

        `address` is a path below the ARM endpoint, or a next link that ARM gave (absolute; refused unless it
        is on the ARM endpoint's own host). Raises `ReadError` when there is no usable answer.
        """
        ...

    @property
    def now(self) -> datetime:
        """The `Date` header of ARM's newest answer, in UTC: the only clock a verdict may look at."""
        ...


class PostingReader(Reader, Protocol):
    """A reader that also sends the few POSTs that only read."""

    def post_read(self, address: str, body: Json, query: Mapping[str, str] | None = None) -> Json:
        """Return the decoded JSON body of one of the few POSTs that only read. Raises `ReadError`."""
        ...


class ProbingReader(Reader, Protocol):
    """A reader that also sends the probes that azremedy ships into VMs, where it was opened for that."""

    @property
    def sent(self) -> int:
        """How many requests have left, every attempt counted."""
        ...

    def probe(self, vm: ArmId, script: bytes) -> Accepted:
        """
        Send a probe into a VM, once: `script` is its body, byte for byte.

        Raises `WriteRefused` for anything but a shipped probe, `ReadError` where ARM did not take it or nobody knows.
        """
        ...

    def outcome(self, accepted: Accepted, within: float) -> Json:
        """
        Return what an operation led to, once it is over; at most `within` seconds are waited, by ARM's clock.

        Raises `ReadError` where it failed, did not end, or cannot be read.
        """
        ...


class Writer(Reader, Protocol):
    """A reader that may also write. Only `azremedy.apply` is ever handed one."""

    @property
    def signed_in_for(self) -> float | None:
        """Seconds for which the sign-in surely holds, where it cannot be counted on to renew itself; else None."""
        ...

    def send(self, request: Request, etag: str | None = None) -> Accepted:
        """
        Send a write, once; with `etag`, only if the resource still has it.

        It is sent again only where ARM surely did not execute it (429, connection refused). Raises `WriteError`,
        whose `executed` is False where ARM refused it and None where nobody knows what became of it.
        """
        ...

    def look(self, operation: str) -> Look:
        """Read a long-running operation at the address that ARM gave. Raises `ReadError`."""
        ...
