"""Whether a build server runs this, and which: told from the environment alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NO: Final = frozenset({"", "0", "false", "no"})


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether a build server runs this: `CI` is set, and not to a word for no, or Azure DevOps' own `TF_BUILD` is."""
    return any(environ.get(name, "").lower() not in NO for name in ("CI", "TF_BUILD"))
