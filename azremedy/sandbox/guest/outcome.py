"""What comes of a script that was run in a guest."""

from __future__ import annotations

from dataclasses import dataclass

from azremedy.sandbox.inside import Guest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script wrote, and the guest as it left it. `cut`: it stopped the agent that was to tell of its end."""

    out: str
    err: str
    guest: Guest
    cut: bool = False
    restarts: bool = False
    """Whether it had the agent restart later, once it was over."""
    reboots: bool = False
    """Whether it had the VM restarted later, once it was over."""


class Uncared(Exception):  # noqa: N818 - a word for what is refused reads better than "Error"
    """A script that the sandbox does not run here, and why."""
