"""The sizes of VMs that a region has, and how many data disks each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from azremedy.sandbox.answers import ok

if TYPE_CHECKING:
    from azremedy.sandbox.answers import Answer, Arm, Call

SIZES: Final = {
    "Standard_B1s": (1, 1, 2),
    "Standard_B2s": (2, 4, 4),
    "Standard_D2s_v5": (2, 8, 4),
    "Standard_D4s_v5": (4, 16, 8),
    "Standard_D8s_v5": (8, 32, 16),
    "Standard_D16s_v5": (16, 64, 32),
    "Standard_E2s_v5": (2, 16, 4),
    "Standard_E4s_v5": (4, 32, 8),
    "Standard_E8s_v5": (8, 64, 16),
    "Standard_E16s_v5": (16, 128, 32),
    "Standard_M64s": (64, 1024, 64),
}
"""Cores, GiB of memory, data disks."""


def listed(_arm: Arm, _call: Call) -> Answer:
    """Answer the sizes of a region: the same few everywhere."""
    return ok(
        {
            "value": [
                {
                    "name": name,
                    "numberOfCores": cores,
                    "osDiskSizeInMB": 1047552,
                    "resourceDiskSizeInMB": 0,
                    "memoryInMB": memory * 1024,
                    "maxDataDiskCount": disks,
                }
                for name, (cores, memory, disks) in SIZES.items()
            ]
        }
    )


def most(size: str) -> int:
    """Return how many data disks a VM of a size takes; one that nobody knows takes as many as there are LUNs."""
    return {name.lower(): disks for name, (_, _, disks) in SIZES.items()}.get(size.lower(), 64)
