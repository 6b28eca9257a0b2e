"""JSON, for programs; two spaces deep, for people too."""

from __future__ import annotations

import json
from typing import Any

from azremedy.report.plain import plain_json


def text(data: Any) -> str:
    """Return one JSON document."""
    return plain_json(json.dumps(data, indent=2, ensure_ascii=False)) + "\n"
