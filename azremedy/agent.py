"""The VM agent: whether it reports, its version, and the oldest one that Azure supports on each operating system (MINV25)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from azremedy import limits

if TYPE_CHECKING:
    from azremedy.resources import InstanceView, Vm

READY: Final = "provisioningstate/succeeded"
UNKNOWN: Final = "unknown"

STALE_AFTER: Final = timedelta(minutes=15)
"""A ready agent reports every few minutes; an older status says what was, not what is."""


def silence(view: InstanceView, now: datetime) -> str | None:
    """Say what is wrong with the agent, or None where it is ready."""
    if view.agent is None:
        return "no VM agent reports, although the VM runs"
    if view.agent.code.lower() != READY:
        return f"the VM agent is not ready ({view.agent.display or view.agent.code})"
    if (view.agent_version or UNKNOWN).lower() == UNKNOWN:
        return "the VM agent does not tell its version"
    if view.agent.time and now - view.agent.time > STALE_AFTER:
        minutes = (now - view.agent.time) // timedelta(minutes=1)
        return f"the VM agent's status is stale: it said it was ready {minutes} minutes ago"
    return None


def oldest_supported(vm: Vm) -> str | None:
    """Return the minimum version for a VM's operating system, None where that is not known."""
    if vm.windows:
        return limits.AGENT_WINDOWS
    return limits.AGENT_LINUX if vm.linux else None


def unsupported(vm: Vm, version: str | None) -> bool:
    """Whether a version is below the minimum; what is not made of numbers (`Unknown`) is not judged."""
    have, want = numbers(version), numbers(oldest_supported(vm))
    return have is not None and want is not None and have < want


def numbers(version: str | None) -> tuple[int, ...] | None:
    """Return the numbers of a dotted version, to be compared part by part."""
    parts = (version or "").strip().split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        return None
    return tuple(int(part) for part in parts)
