"""Lists in pages, each with the absolute link to the next."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from azremedy.sandbox.answers import Answer, ArmError, page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call

PAGE: Final = 1000
"""How many resources a page holds, where a type does not say otherwise."""


def listing(
    arm: Arm,
    call: Call,
    keys: Sequence[str],
    view: str = "plain",
    make: Callable[[Json], Json] | None = None,
    *,
    size: int = PAGE,
) -> Answer:
    """Answer a page of these resources."""
    shown, link = cut(arm, call, keys, size)
    return page((arm.store.rendered(key, view, make) for key in shown), link)


def cut(arm: Arm, call: Call, keys: Sequence[str], size: int) -> tuple[Sequence[str], str | None]:
    """Return the keys of the page that a request asks for, and the link to the next one."""
    start = bisect_right(keys, after(call.query["$skiptoken"])) if "$skiptoken" in call.query else 0
    end = start + (arm.page_size or size)
    if end >= len(keys):
        return keys[start:], None
    token = base64.urlsafe_b64encode(keys[end - 1].encode()).decode()
    query = urlencode({**call.query, "$skiptoken": token}, quote_via=quote)
    return keys[start:end], f"{call.base}{quote(call.path)}?{query}"


def after(token: str) -> str:
    """Return the last key of the page before."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise ArmError(400, "InvalidSkipToken", f"The skip token '{token}' is not valid.") from error
