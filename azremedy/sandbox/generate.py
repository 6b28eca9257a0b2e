"""
Estates of any size, always the same for the same seed.

About 8 % of the VMs are broken, in turn by each cause; 10 % look broken and are not; the rest are plain. The result has
the structure of an estate's YAML, and `planted` names what a scan should find in it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Vm = dict[str, Any]

BROKEN: Final = 0.08
ALIKE: Final = 0.10
PER_VAULT: Final = 900
"""Azure's limit is 1000 VMs a vault."""

WORKLOADS: Final = (
    "web",
    "app",
    "sql",
    "file",
    "mail",
    "auth",
    "report",
    "queue",
    "cache",
    "batch",
    "print",
    "build",
)
TEAMS: Final = ("retail", "finance", "logistics", "hr", "platform", "research", "sales", "support")
STAGES: Final = ("prd", "prd", "prd", "stg", "dev")


def fleet(subscriptions: int, vms: int, seed: int) -> Sequence[Mapping[str, Any]]:
    """
    Return the descriptions of many subscriptions of `vms` VMs each.

    They lie in the management group Fleet: every tenth, from the first on, in Canary in it, the others in Production.
    """
    made = [generate(vms, seed + nth, nth) for nth in range(subscriptions)]
    if subscriptions == 1:
        return made
    return [{**one, "subscription": {**one["subscription"], **placed(nth)}} for nth, one in enumerate(made)]


def placed(nth: int) -> Mapping[str, Any]:
    return {"management_groups": ("Fleet", "Production" if nth % 10 else "Canary")}


def generate(vms: int, seed: int, nth: int = 0) -> Mapping[str, Any]:
    """Return the description of an estate of `vms` VMs, the `nth` of several."""
    chance = random.Random(seed)  # noqa: S311 - an estate is no secret
    vaults = max(1, -(-vms // PER_VAULT)) + (vms > 50)
    machines = [plain(chance, number, vaults) for number in range(vms)]
    order = chance.sample(range(vms), vms)
    broken = max(min(vms, len(CAUSES)) if vms >= 2 * len(CAUSES) else 0, round(vms * BROKEN))
    planted: list[list[str]] = []
    for turn, number in enumerate(order[:broken]):
        playbook, break_it = CAUSES[turn % len(CAUSES)]
        break_it(machines[number])
        planted.append([machines[number]["name"], playbook])
    for turn, number in enumerate(order[broken : broken + round(vms * ALIKE)]):
        ALIKES[turn % len(ALIKES)](machines[number])
    return {
        "subscription": subscription(vms, nth),
        "vaults": [vault(number) for number in range(vaults)],
        **NETWORK,
        "locks": [lock for lock in LOCKS if lock["scope"] in groups(machines)],
        "vms": machines,
        "planted": planted,
    }


def subscription(vms: int, nth: int) -> Mapping[str, str]:
    if not nth:
        return {"name": f"generated-{vms}"}
    id_ = f"5a6db0c5-0000-4000-8000-{nth + 0xF1EE7000:012x}"
    return {"name": f"generated-{vms}-{nth:04d}", "id": id_}


def groups(machines: Iterable[Vm]) -> set[str]:
    """Return the groups that VMs or their restore points lie in: a lock elsewhere would lock nothing."""
    found: set[str] = set()
    for vm in machines:
        held = vm.get("points", ())
        found |= {vm["group"]} | {
            one["group"] for one in ([held] if isinstance(held, dict) else held) if "group" in one
        }
    return found


def planted(description: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the pairs of VM name and playbook id that were planted in a description."""
    return {(vm, playbook) for vm, playbook in description.get("planted", ())}


def plain(chance: random.Random, number: int, vaults: int) -> Vm:
    """Return a healthy VM; its number makes its name unique."""
    team, stage = chance.choice(TEAMS), chance.choice(STAGES)
    disks = [
        {"lun": lun, "size": chance.choice((64, 128, 256, 512, 1023))}
        for lun in range(chance.choice((0, 1, 1, 2)))
    ]
    return {
        "name": f"{chance.choice(WORKLOADS)}-{stage}-{number:04d}",
        "group": f"rg-{team}-{stage}",
        "os": chance.choice(("Windows", "Linux")),
        "disks": disks,
        "nic": {"subnet": f"vnet-{chance.choice(('a', 'b'))}/{chance.choice(('front', 'back'))}"},
        "backup": {
            "vault": f"vault-{number % vaults}",
            "policy": "daily",
            "completed": round(chance.uniform(2, 20), 1),
        },
    }


def vault(number: int) -> Mapping[str, Any]:
    policies = [
        {"name": "daily", "instant_days": 2},
        {"name": "enhanced", "type": "V2", "schedule": "every 4h", "instant_days": 7},
        {"name": "crash", "type": "V2", "consistency": "crash", "instant_days": 7},
    ]
    return {"name": f"vault-{number}", "group": "rg-backup", "policies": policies}


NETWORK: Final[Mapping[str, Any]] = {
    "nsgs": [
        {"name": "nsg-web", "group": "rg-network", "rules": [
            {"name": "allow-https", "access": "Allow", "priority": 200, "direction": "Inbound", "ports": "443"},
        ]},
        {"name": "nsg-closed", "group": "rg-network", "rules": [
            {"name": "deny-internet", "access": "Deny", "priority": 300, "to": "Internet"},
        ]},
        {"name": "nsg-storage", "group": "rg-network", "rules": [
            {"name": "allow-storage", "access": "Allow", "priority": 200, "to": "Storage.WestEurope",
             "ports": "443", "protocol": "Tcp"},
            {"name": "deny-all", "access": "Deny", "priority": 300},
        ]},
    ],
    "route_tables": [
        {"name": "via-firewall", "group": "rg-network", "routes": [
            {"name": "default", "next_hop": "VirtualAppliance", "address": "10.1.0.4"},
        ]},
    ],
    "vnets": [
        {"name": f"vnet-{net}", "group": "rg-network", "subnets": [
            {"name": "front", "prefix": "10.0.0.0/18", "nsg": "nsg-web"},
            {"name": "back", "prefix": "10.0.64.0/18"},
            {"name": "inspected", "prefix": "10.0.128.0/18", "route_table": "via-firewall"},
        ]}
        for net in ("a", "b")
    ],
}  # fmt: skip

LOCKED: Final = "AzureBackupRG_westeurope_2"
"""A group of Azure Backup's own, in which only the VMs that a lock is to break keep their points."""

LOCKS: Final = [
    {"name": "do-not-delete", "scope": LOCKED, "notes": "Set by the landing zone."},
    {"name": "production", "scope": "rg-locked-vms"},
]


ENGLISH_ONLY: Final = frozenset({"UserErrorVmNotInDesirableState"})


def fail(vm: Vm, code: str) -> None:
    """Let the last backup fail: every second VM says so in Spanish, where the documents print it."""
    language = "es" if int(vm["name"][-4:]) % 2 and code not in ENGLISH_ONLY else "en"
    vm["backup"] |= {"completed": 55, "failed": {"code": code, "hours_ago": 8, "language": language}}


def lock(vm: Vm) -> None:
    vm["points"] = {"count": 9, "group": LOCKED}


def limit(vm: Vm) -> None:
    vm["points"] = {"count": 18, "every": 6, "newest": 55}
    fail(vm, "UserErrorRpCollectionLimitReached")


def snapshot(vm: Vm) -> None:
    vm["snapshot"] = "failed"
    fail(vm, "ExtensionOperationFailedForManagedDisks")


def egress(vm: Vm) -> None:
    vm["nic"] |= {"nsg": "nsg-closed"}
    fail(vm, "ExtensionSnapshotFailedNoNetwork")


def route(vm: Vm) -> None:
    vm["nic"] = {"subnet": f"{vm['nic']['subnet'].partition('/')[0]}/inspected"}
    fail(vm, "ExtensionSnapshotFailedNoNetwork")


def disk(vm: Vm) -> None:
    vm["disks"] = [{"lun": 0, "size": 40960, "sku": "StandardSSD_LRS"}]
    fail(vm, "UserErrorUnsupportedDiskSize")


def agent(vm: Vm) -> None:
    vm["agent"] = "not-ready"
    fail(vm, "UserErrorGuestAgentStatusUnavailable")


def old_agent(vm: Vm) -> None:
    vm["agent"] = {"version": "2.6.1198.718" if vm["os"] == "Windows" else "2.2.18"}
    fail(vm, "GuestAgentSnapshotTaskStatusError")


def provisioning(vm: Vm) -> None:
    vm["provisioning"] = "Failed"
    fail(vm, "UserErrorVmProvisioningStateFailed")


def power(vm: Vm) -> None:
    vm["power"] = "stopped"
    fail(vm, "UserErrorVmNotInDesirableState")


def stopped(vm: Vm) -> None:
    vm["backup"] |= {"state": "ProtectionStopped", "completed": 500}


def unprotected(vm: Vm) -> None:
    del vm["backup"]


CAUSES: Final[tuple[tuple[str, Callable[[Vm], None]], ...]] = (
    ("restore-point-lock", lock),
    ("restore-point-limit", limit),
    ("vmsnapshot-extension", snapshot),
    ("storage-egress", egress),
    ("egress-route", route),
    ("disk-size", disk),
    ("agent-unresponsive", agent),
    ("agent-outdated", old_agent),
    ("vm-provisioning", provisioning),
    ("vm-power-state", power),
    ("protection-state", stopped),
    ("unprotected-vm", unprotected),
)


def group_locked(vm: Vm) -> None:
    vm["group"] = "rg-locked-vms"


def deallocated(vm: Vm) -> None:
    vm["power"] = "deallocated"


def crash_consistent(vm: Vm) -> None:
    vm["agent"] = "not-ready"
    vm["backup"]["policy"] = "crash"


def enhanced(vm: Vm) -> None:
    vm["points"] = {"count": 44, "every": 4, "newest": 3}
    vm["backup"] |= {"policy": "enhanced", "completed": 3}


def big_disk_excluded(vm: Vm) -> None:
    vm["disks"] = [{"lun": 0, "size": 40960}]
    vm["backup"]["excluded_luns"] = [0]


def storage_allowed(vm: Vm) -> None:
    vm["nic"] |= {"nsg": "nsg-storage"}


def points_of_their_own(vm: Vm) -> None:
    vm["points"] = [{"count": 3}, {"count": 5, "collection": f"nightly-{vm['name']}", "newest": 12}]


def vendor_extension(vm: Vm) -> None:
    vm["extensions"] = [
        {
            "name": "Scanner",
            "publisher": "Contoso.Security",
            "type": "Scanner",
            "state": "Failed",
            "message": "No licence.",
        }
    ]


ALIKES: Final[tuple[Callable[[Vm], None], ...]] = (
    group_locked,
    deallocated,
    crash_consistent,
    enhanced,
    big_disk_excluded,
    storage_allowed,
    points_of_their_own,
    vendor_extension,
)
