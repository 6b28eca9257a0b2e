"""How a command that is printed finds what this one found."""

from __future__ import annotations

from typing import Protocol


class Lying(Protocol):
    """Where to look, as it was named."""

    @property
    def cloud(self) -> str | None: ...
    @property
    def tenant(self) -> str | None: ...


def lying(flags: Lying) -> tuple[str, ...]:
    """Return the words by which a command finds the cloud and the tenant, where they were named."""
    named = {"--cloud": flags.cloud, "--tenant": flags.tenant}
    return tuple(word for flag, value in named.items() if value for word in (flag, value))
