"""What somebody else changes: a resource edited, made or deleted behind a client's back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from azremedy.errors import AzremedyError
from azremedy.sandbox import rules

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.store import Store

PICK = re.compile(r"\[([^=\]]+)=([^\]]*)\]")


def change(store: Store, id_: str, path: str, value: Json) -> None:
    """
    Set what stands at `path` in a resource, or delete it where `value` is None; an empty path is the whole resource.

    A segment `[name=value]` picks the member of a list.
    """
    key = id_.lower()
    if not path:
        store.delete(key) if value is None else store.put(id_, value)
        return
    if key not in store:
        raise AzremedyError(f"There is no resource {id_} in the sandbox to change.")
    body = store.draft(key)
    *segments, last = re.findall(r"\[[^\]]*\]|[^.\[]+", path)
    place = body
    for segment in segments:
        place = step(place, segment, path)
    place_in(place, last, value, path)
    if "etag" in body:
        moved(body)
    store.put(key, body)


def step(place: Json, segment: str, path: str) -> Json:
    try:
        return place[index(place, segment)]
    except (LookupError, TypeError, StopIteration) as error:
        raise AzremedyError(f"The resource has no '{path}': nothing is at '{segment}'.") from error


def index(place: Json, segment: str) -> str | int:
    """Return the key or the position that a segment of a path stands for."""
    if picked := PICK.fullmatch(segment):
        return next(
            at for at, one in enumerate(place) if str(one.get(picked[1])).lower() == picked[2].lower()
        )
    return int(segment) if isinstance(place, list) else segment


def place_in(place: Json, segment: str, value: Json, path: str) -> None:
    try:
        at = index(place, segment)
        if value is None:
            del place[at]
        else:
            place[at] = value
    except (LookupError, TypeError, ValueError, StopIteration) as error:
        raise AzremedyError(f"The resource has no '{path}'.") from error


def moved(body: Json) -> None:
    """Give a resource another etag, as each write of it does."""
    if body["etag"].startswith("W/"):
        rules.stamped(body)
    else:
        body["etag"] = f'"{int(body["etag"].strip(chr(34))) + 1}"'
