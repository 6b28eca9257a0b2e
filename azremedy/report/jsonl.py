"""JSON lines: one finding a line."""

from __future__ import annotations

import json
from typing import Any

from azremedy.report.plain import plain_json


def text(data: Any) -> str:
    """Return each member of a list on a line of its own; anything else is one line."""
    members = data if isinstance(data, list) else [data]
    return "".join(plain_json(json.dumps(member, ensure_ascii=False)) + "\n" for member in members)
