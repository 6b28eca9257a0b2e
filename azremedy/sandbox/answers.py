"""What is asked of the sandbox, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azremedy.arm import Json
    from azremedy.sandbox.identity import Principal
    from azremedy.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request.

    `path` is unquoted, without doubled or trailing slashes; `key` is the same in lower case, and so are the names in
    `query`. `base` is the address that the client used, for links back.
    """

    method: str
    path: str
    query: Mapping[str, str]
    base: str
    body: bytes = b""
    principal: Principal | None = None

    @property
    def key(self) -> str:
        return self.path.lower()


@dataclass(frozen=True, slots=True)
class Arm:
    """What answers need: the state, and how many resources a page holds where a test wants other than Azure's."""

    store: Store
    page_size: int | None = None

    @property
    def subscription(self) -> str:
        """The lower-cased id of the one subscription."""
        return self.store.keys("subscriptions")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; the server adds ARM's own headers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class ArmError(Exception):
    """A request that ARM refuses, with the code and text of its error body."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.answer = Answer(
            status, msgspec.json.encode({"error": {"code": code, "message": message}}), headers or {}
        )


def ok(body: Json) -> Answer:
    return Answer(200, msgspec.json.encode(body))


def page(texts: Iterable[bytes], next_link: str | None) -> Answer:
    """Return one page of resources that are JSON already."""
    link = b',"nextLink":' + msgspec.json.encode(next_link) if next_link else b""
    return Answer(200, b'{"value":[' + b",".join(texts) + b"]" + link + b"}")


def not_found(path: str) -> ArmError:
    """Return ARM's words for a resource that is not there."""
    segments = path.split("/")
    group = segments[4] if len(segments) > 4 and segments[3].lower() == "resourcegroups" else ""
    kind = path.rpartition("/providers/")[2]
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )
