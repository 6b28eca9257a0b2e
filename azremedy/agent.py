"""The VM agent's version, and the oldest one that Azure supports on each operating system (MINV25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azremedy import limits

if TYPE_CHECKING:
    from azremedy.resources import Vm


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
