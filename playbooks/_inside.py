"""What playbooks that judge the inside of a VM have in common: which VMs told something, and whose backups need it."""

from __future__ import annotations

from collections.abc import Iterator

from azremedy.estate import Estate, Protected
from azremedy.resources import Guest, LinuxGuest, Vm, WindowsGuest


def asked(estate: Estate) -> Iterator[tuple[Protected, Vm, Guest]]:
    """Yield each protected VM that told what is inside it, and whose backups need that."""
    for protected in estate.protected:
        guest = estate.guest.get(protected.id)
        if guest and protected.vm and protected.needs_guest:
            yield protected, protected.vm, guest


def of_windows(estate: Estate) -> Iterator[tuple[Protected, Vm, WindowsGuest]]:
    for protected, vm, guest in asked(estate):
        if guest.windows:
            yield protected, vm, guest.windows


def of_linux(estate: Estate) -> Iterator[tuple[Protected, Vm, LinuxGuest]]:
    for protected, vm, guest in asked(estate):
        if guest.linux:
            yield protected, vm, guest.linux
