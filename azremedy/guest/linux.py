"""The scripts for Linux, as they lie in `scripts/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def script(name: str) -> tuple[str, ...]:
    """Return the lines of a script that azremedy ships."""
    return tuple(files("azremedy.guest").joinpath("scripts", f"{name}.sh").read_text("utf-8").splitlines())
