"""The JSON Schemas of the outputs, as they ship in the package."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from azremedy.errors import PackagingError

FOLDER = files("azremedy.report") / "schemas"


def names() -> list[str]:
    """Return the names of the schemas: `scan`."""
    found = [] if not FOLDER.is_dir() else [entry.name for entry in FOLDER.iterdir()]
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json"))


def schema(name: str) -> dict[str, Any]:
    """Return the schema of one output. Raises `PackagingError` where the installation lacks it."""
    try:
        found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    except OSError as missing:
        raise PackagingError(
            f"The schema {name!r} is not part of this installation of azremedy."
        ) from missing
    return found
