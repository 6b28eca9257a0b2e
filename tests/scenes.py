"""Small estates with one thing wrong, the playbook that cures each, and what a user admits for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import pytest

from azremedy.plan import Choices, FixClass
from azremedy.waves import amounts

GUARDED: Final = frozenset({FixClass.SAFE, FixClass.GUARDED})
DESTRUCTIVE: Final = GUARDED | {FixClass.DESTRUCTIVE}
ADMITTED: Final = Choices(allow=GUARDED)
NOTES: Final = 'Ask the operations desk; don\'t "just" remove it'


@dataclass(frozen=True, slots=True)
class Scene:
    """An estate with one thing wrong, the playbook that cures it, and what is admitted for that."""

    id: str
    playbook: str
    estate: Mapping[str, Any]
    choices: Choices = ADMITTED
    guest: bool = False
    """Whether it takes a look inside the VM."""
    lasting: bool = True
    """Whether the finding is gone, or lighter, once the cure is over."""
    causes: tuple[str, ...] = ()
    """What `diagnose` says is the cause, and nothing else is."""

    @property
    def vms(self) -> tuple[str, ...]:
        return tuple(one["name"] for one in self.estate["vms"])


def vm(name: str, failed: str, *, hours: int = 56, **members: Any) -> dict[str, Any]:
    """Describe a protected VM whose last backup failed with this code; one completed so many hours ago."""
    backup = {
        "vault": "vault", "policy": "daily", "completed": hours, "failed": {"code": failed, "hours_ago": 8},
        **members.pop("backup", {}),
    }  # fmt: skip
    return {"name": name, "group": "shop", "backup": backup, **members}


def estate(*vms: Mapping[str, Any], locks: Sequence[Any] = ()) -> dict[str, Any]:
    """Describe an estate of these VMs, one of whose NSGs lets nothing out."""
    return {
        "vaults": [{"name": "vault", "group": "backup", "policies": [
            {"name": "daily"}, {"name": "enhanced", "type": "V2"},
        ]}],
        "nsgs": [{"name": "closed", "rules": [
            {"name": "deny", "access": "Deny", "priority": 200, "to": "Internet"}
        ]}],
        "vnets": [{"name": "vnet", "subnets": [{"name": "servers", "prefix": "10.0.0.0/22"}]}],
        "locks": list(locks),
        "lock_lag": {"lifted": 5, "placed": 2},
        "vms": list(vms),
    }  # fmt: skip


def lock(scope: str, level: str = "CanNotDelete", name: str = "Keep It") -> dict[str, str]:
    return {"name": name, "scope": scope, "level": level, "notes": NOTES}


LIMIT: Final = "UserErrorRpCollectionLimitReached"
POINTS_LOCK: Final = lock("AzureBackupRG_westeurope_1")


def full(name: str) -> dict[str, Any]:
    """Describe a VM whose points have come to the limit, in the group that all VMs here share."""
    return vm(name, LIMIT, hours=32, points={"count": 18, "every": 24, "newest": 32})


def internal() -> dict[str, Any]:
    """Describe a backup that failed with an internal error."""
    failed = {"code": "BackUpOperationFailed", "hours_ago": 8}
    return {"vault": "vault", "policy": "daily", "completed": 32, "failed": failed}


def closed_in() -> dict[str, Any]:
    """Describe a VM that has no way to Storage."""
    nic = {"subnet": "servers", "nsg": "closed"}
    return vm("web1", "ExtensionSnapshotFailedNoNetwork", os="Linux", nic=nic)


def shut_down() -> dict[str, Any]:
    """Describe a VM that was shut down from inside."""
    return vm("print1", "UserErrorVmNotInDesirableState", hours=32, power="stopped")


COPIED: Final[Mapping[str, str]] = {
    "2018/a report.txt": "One line,\nand another one\n",
    "2018/empty": "",
    **{f"scans/{number}.txt": f"page {number}\n" for number in range(20)},
}
"""Files of a disk that was copied, by their paths from its root."""


def lists(files: Mapping[str, str], lun: int = 0) -> dict[str, str]:
    """Return what the disk on a LUN left of its files on a new one: path and size of all, checksums of some."""
    listed = "".join(sorted(f"{len(content.encode())} {path}\n" for path, content in files.items()))
    sums = "".join(f"{sha256(text.encode()).hexdigest()} {path}\n" for path, text in list(files.items())[:20])
    return {f"azremedy-lun{lun}.files": listed, f"azremedy-lun{lun}.sums": sums}


def copied(
    os: str = "Linux", *, released: bool = True, files: Mapping[str, str] | None = None, **volume: Any
) -> dict[str, Any]:
    """Describe a VM on whose large disk a person has worked: copied to two new ones, and let go of where `released`."""
    linux = os == "Linux"
    first, second, old = ("/data/one", "/data/two", "/data/old") if linux else ("/F:", "/G:", "/E:")
    kind = "ext4" if linux else "NTFS"
    held = COPIED if files is None else files
    there = {f"{first if number % 2 else second}/{path}": held[path] for number, path in enumerate(held)}
    volumes = [
        {"lun": 0, "filesystem": kind, "mount": None if released else old, "online": not released, **volume},
        {"lun": 1, "filesystem": kind, "mount": first},
        {"lun": 2, "filesystem": kind, "mount": second},
    ]
    listed = {f"{second}/{name}": content for name, content in lists(COPIED).items()}
    return vm(
        "archive1", "UserErrorUnsupportedDiskSize", os=os, size="Standard_D8s_v5",
        disks=[
            {"lun": 0, "size": 2000}, {"lun": 1, "size": 1000, "part_of": 0}, {"lun": 2, "size": 1000, "part_of": 0},
        ],
        guest={"volumes": volumes, "files": {**there, **listed}},
    )  # fmt: skip


SCENES: Final = (
    Scene("a lock on the points", "restore-point-lock", estate(full("sql1"), locks=[POINTS_LOCK]), causes=("C6", "C13")),
    Scene(
        "a lock on the points of three VMs", "restore-point-lock",
        estate(full("sql1"), full("sql2"), full("sql3"), locks=[POINTS_LOCK]),
        causes=("C6", "C13"),
    ),
    Scene(
        "a lock on the points of two VMs, one at a time", "restore-point-lock",
        estate(full("sql1"), full("sql2"), locks=[POINTS_LOCK]),
        replace(ADMITTED, bracket_size=1),
        causes=("C6", "C13"),
    ),
    Scene(
        "a lock on the points of three VMs, in two waves", "restore-point-lock",
        estate(full("sql1"), full("sql2"), full("sql3"), locks=[POINTS_LOCK]),
        replace(ADMITTED, waves=amounts("1,100%")),
        causes=("C6", "C13"),
    ),
    Scene(
        "two locks on the points", "restore-point-lock",
        estate(full("sql1"), locks=[lock("AzureBackupRG_westeurope_1", "ReadOnly", "Outer"), POINTS_LOCK]),
        lasting=False,
    ),
    Scene(
        "a point too many under a lock", "restore-point-lock",
        estate(full("sql1"), locks=[POINTS_LOCK]),
        Choices(allow=DESTRUCTIVE),
        causes=("C6", "C13"),
    ),
    Scene(
        "a lock on the points, moved to the VM", "restore-point-lock",
        estate(full("sql1"), locks=[POINTS_LOCK]),
        replace(ADMITTED, redesign_locks=True),
        causes=("C6", "C13"),
    ),
    Scene(
        "an agent that comes back after a restart", "agent-unresponsive",
        estate(vm(
            "dc1", "UserErrorGuestAgentStatusUnavailable", agent={"state": "not-ready", "back_after": "restart"}
        )),
        causes=("C2",),
    ),
    Scene(
        "a VM that failed", "vm-provisioning",
        estate(vm(
            "files1", "UserErrorVmProvisioningStateFailed", hours=32,
            provisioning={"state": "Failed", "cured_by": "reapply"},
        )),
        causes=("C8",),
    ),
    Scene(
        "extensions that are forbidden", "extension-operations",
        estate(vm(
            "edge1", "UserErrorGuestAgentStatusUnavailable", extension_operations=False
        )),
        causes=("C23",),
    ),
    Scene("no way to Storage", "storage-egress", estate(closed_in()), causes=("C1",)),
    Scene(
        "no way to Storage, locked", "storage-egress",
        estate(closed_in(), locks=[lock("network", "ReadOnly")]),
        causes=("C1",),
    ),
    Scene(
        "an extension that failed, locked", "vmsnapshot-extension",
        estate(
            vm("app1", "ExtensionOperationFailedForManagedDisks", snapshot={"state": "failed", "listed": True}),
            locks=[lock("shop")],
        ),
        causes=("C5",),
    ),
    Scene(
        "too many points", "restore-point-limit",
        estate(vm("web2", LIMIT, hours=32, points={"count": 18, "every": 8, "newest": 32})),
        Choices(allow=DESTRUCTIVE),
        causes=("C13",),
    ),
    Scene(
        "a disk that is too large", "disk-size",
        estate(vm(
            "archive1", "UserErrorUnsupportedDiskSize",
            disks=[{"lun": 0, "size": 40960, "sku": "StandardSSD_LRS"}],
        )),
        Choices(allow=GUARDED, exclude_luns={("archive1", 0): "copied elsewhere"}),
        causes=("C7",),
    ),
    Scene(
        "a disk that is too large, and smaller ones beside it", "disk-size",
        estate(vm(
            "archive1", "UserErrorUnsupportedDiskSize",
            disks=[{"lun": 0, "size": 40960, "sku": "StandardSSD_LRS"}],
        )),
        Choices(allow=GUARDED, attach_disks=frozenset({("archive1", 0)})),
        lasting=False,
    ),
    Scene(
        "a disk whose data was copied to smaller ones", "disk-size",
        estate(copied()),
        Choices(allow=DESTRUCTIVE, detach_disks=frozenset({("archive1", 0)})),
        guest=True,
        causes=("C7",),
    ),
    Scene(
        "a disk that VMs share", "disk-support",
        estate(vm(
            "cluster1", "UserErrorUnsupportedDiskSize", backup={"policy": "enhanced"},
            disks=[{"lun": 0, "size": 256, "max_shares": 2}],
        )),
        Choices(allow=GUARDED, exclude_luns={("cluster1", 0): "backed up by the cluster itself"}),
        causes=("C12",),
    ),
    Scene(
        "a backup that hangs", "backup-in-progress",
        estate(vm(
            "hung1", "UserErrorBackupOperationInProgress", hours=32, backup={"running": {"hours": 14}}
        )),
        causes=("C16",),
    ),
    Scene(
        "shut down from inside", "vm-power-state", estate(shut_down()), Choices(allow=GUARDED, power="on"),
        causes=("C14",),
    ),
    Scene(
        "shut down from inside, for good", "vm-power-state",
        estate(shut_down()),
        Choices(allow=GUARDED, power="off"),
        causes=("C14",),
    ),
    Scene(
        "protection that was stopped", "protection-state",
        estate(vm("hr1", LIMIT, backup={"state": "ProtectionStopped", "completed": 900, "failed": None})),
        Choices(allow=GUARDED, resume_protection=frozenset({"hr1"})),
        causes=("C15",),
    ),
)  # fmt: skip

TOLD: Final = (
    Scene(
        "an agent on Linux that comes back after a reapply", "agent-unresponsive",
        estate(vm(
            "web1", "UserErrorGuestAgentStatusUnavailable", os="Linux",
            agent={"state": "not-ready", "back_after": "reapply"},
        )),
        causes=("C3",),
    ),
    Scene(
        "a lock on the points, told as an internal error", "restore-point-lock",
        estate({**full("sql1"), "backup": internal()}, locks=[POINTS_LOCK]),
        causes=("C6",),
    ),
    Scene(
        "shut down from inside, told as a fault of the extension", "vm-power-state",
        estate(vm("print1", "ExtensionOperationFailedForManagedDisks", hours=32, power="stopped")),
        Choices(allow=GUARDED, power="off"),
        causes=("C4b",),
    ),
)  # fmt: skip
"""Scenes whose cures are those of others, and whose causes the origin document names for its messages."""


def each(*chosen: Scene) -> pytest.MarkDecorator:
    """Have a test run once for each of these scenes."""
    return pytest.mark.parametrize("scene", [pytest.param(one, id=one.id) for one in chosen])
