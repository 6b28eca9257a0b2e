"""What is asked of the sandbox, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from azremedy.sandbox.description import LockLag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    if_match: str | None = None

    @property
    def key(self) -> str:
        return self.path.lower()

    @property
    def json(self) -> Json:
        """The body as the mapping that ARM takes; 400 for any other."""
        try:
            given = msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise ArmError(
                400, "InvalidRequestContent", f"The request content is not JSON: {error}."
            ) from error
        if not isinstance(given, dict):
            raise ArmError(400, "InvalidRequestContent", "The request content must be an object.")
        return given

    @property
    def properties(self) -> Json:
        """The `properties` of the body."""
        found = self.json.get("properties")
        if not isinstance(found, dict):
            raise ArmError(400, "InvalidRequestContent", "The request content has no 'properties'.")
        return found


@dataclass(frozen=True, slots=True)
class Arm:
    """
    What answers need: the state, the size of pages where it is not Azure's, how late locks take hold.

    `root` is the lower-cased id of the subscription that is asked; while none is, the first.
    """

    store: Store
    page_size: int | None = None
    lag: LockLag = field(default_factory=LockLag)
    root: str = ""

    @property
    def now(self) -> float:
        """The second since 1970 by the sandbox's clock."""
        return self.store.clock.now()

    @property
    def subscription(self) -> str:
        """The lower-cased id of the subscription that is asked."""
        return self.root or self.store.keys("subscriptions")[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; the server adds ARM's own headers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class ArmError(Exception):
    """A request that ARM refuses, with the code and text of its error body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: Mapping[str, str] | None = None,
        details: Sequence[Json] = (),
        *,
        target: str | None = None,
    ) -> None:
        super().__init__(message)
        self.error: Json = {"code": code, "message": message} | ({"details": details} if details else {})
        if target:
            self.error["target"] = target
        self.answer = Answer(status, msgspec.json.encode({"error": self.error}), headers or {})


def ok(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, msgspec.json.encode(body), headers or {})


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
