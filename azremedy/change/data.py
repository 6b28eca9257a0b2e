"""A change as both formats tell it: what is written where, and what is not known of it yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from azremedy.arm import ArmId, Json

Values: TypeAlias = Mapping[str, Any]
"""The attributes of a Terraform resource, or the body of an ARM one: only those that a verdict looks at."""

EXISTS = "exists"
"""The member that says that a resource is there at all."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that the file does not tell, and why: not known before apply, or marked sensitive and never kept."""

    because: str


UNKNOWN = Hidden("known only after apply")
SENSITIVE = Hidden("marked sensitive")


@dataclass(frozen=True, slots=True)
class Reference:
    """An id that is known only after apply, and the address of the resource of the same plan that it will be of."""

    address: str


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One resource of the change.

    `address` is what the file calls it, `type` Terraform's or ARM's (in lower case), `action` one of `create`,
    `update`, `replace` and `delete`. `before` and `after` are None where there is nothing. `id` and `subscription`
    stand where the file names them.
    """

    address: str
    type: str
    action: str
    before: Values | None
    after: Values | None
    id: ArmId | None = None
    subscription: str | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """
    Something of the change that cannot be laid over an estate, and the playbook that might speak of it.

    Where that is None any might: it is not known what it is, or it is the whole change.
    """

    playbook: str | None
    address: str
    because: str
    about: ArmId | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change as it was read. `source` is `terraform` or `what-if`."""

    source: str
    entries: tuple[Entry, ...]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that can be written: a member of a resource, or the element `key` of a member that is a list."""

    id: ArmId
    member: str
    key: str | int | None = None


Picture: TypeAlias = dict[Slot, Any]
"""What one side of a change says of the world. Members that it does not speak of are not in it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One slot that the change fills anew; a `value` of None empties it."""

    entry: Entry
    slot: Slot
    value: Any


class UnplacedError(Exception):
    """A resource of the change of which it cannot be told which one of the estate it is."""


def strange(elements: Json, called: str) -> Iterator[Gap]:
    """Yield the elements of a list that are no objects, so that nobody knows what they would change."""
    for place, one in enumerate(elements if isinstance(elements, list) else ()):
        if not isinstance(one, dict):
            yield Gap(None, f"element {place} of {called}", "it is not a resource: the file is not whole")
