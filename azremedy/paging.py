"""Lists of ARM, page by page: for those that are short. `azremedy.collect` reads the long ones in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azremedy.arm import Json, Reader
from azremedy.errors import ReadError


def listed(reader: Reader, address: str, query: Mapping[str, str]) -> Iterator[Json]:
    """Yield the members of a list at an address as it stands in a URL. Raises `ReadError`, also in its midst."""
    page, seen = reader.get(address, query), set[str]()
    while True:
        values, link = page.get("value"), page.get("nextLink")
        if not isinstance(values, list):
            raise ReadError(f"The list at {address} has no members that can be read.", code="NotAList")
        yield from values
        if not link:
            return
        if not isinstance(link, str) or link in seen:
            raise ReadError(f"The pages of the list at {address} never end.", code="NextLinkLoop")
        seen.add(link)
        page = reader.get(link)
