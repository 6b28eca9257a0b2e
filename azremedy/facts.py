"""What an estate shows of one VM, in words: the ground for saying of a cause that it is not the one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from azremedy import egress, network, points
from azremedy.estate import Protected
from azremedy.resources import Read

if TYPE_CHECKING:
    from azremedy.arm import ArmId
    from azremedy.estate import Estate
    from azremedy.resources import AttachedDisk, Handler, Item

BACKUP = "microsoft.azure.recoveryservices.vmsnapshot"
"""How the type of Azure Backup's own extension begins, on Windows and on Linux."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One VM, and the protected item that its backups are judged by, if it has one."""

    estate: Estate
    vm: ArmId
    item: Item | None

    @property
    def protected(self) -> Protected | None:
        """The VM with its item, whether its backups are on or not."""
        if self.item is None:
            return None
        estate, item = self.estate, self.item
        policy = estate.policy.get(item.policy) if item.policy else None
        return Protected(item, estate.vm.get(self.vm), policy, estate.power.get(self.vm))


def power(of: Subject) -> str | None:
    state = of.estate.power.get(of.vm)
    return f"power state {state}" if state else None


def provisioning(of: Subject) -> str | None:
    vm = of.estate.vm.get(of.vm)
    return f"provisioning state {vm.provisioning_state}" if vm and vm.provisioning_state else None


def agent_ready(of: Subject) -> bool:
    """Whether the agent says that it is well, as far as its status was read."""
    view = of.estate.view.get(of.vm)
    return view is None or (
        view.agent is not None and view.agent.code.lower() == "provisioningstate/succeeded"
    )


def agent(of: Subject) -> str | None:
    view = of.estate.view.get(of.vm)
    if view is None:
        return None
    if view.agent_version is None or view.agent is None:
        return "no VM agent reports"
    return f"VM agent {view.agent_version} is {view.agent.display or view.agent.code}"


def extension(of: Subject) -> str | None:
    view = of.estate.view.get(of.vm)
    if view is None:
        return None
    found = [one for one in view.handlers if one.type.lower().startswith(BACKUP)]
    return ", ".join(map(handler, found)) or "the agent reports no backup extension"


def handler(one: Handler) -> str:
    status = (one.status.display or one.status.code) if one.status else "without a status"
    return f"{' '.join(filter(None, (one.type.rpartition('.')[2], one.version)))} is {status}"


def locks(of: Subject) -> str | None:
    protected = of.protected
    if protected is None or Read.LOCKS not in of.estate.reads or of.estate.any_unread(Read.LOCKS):
        return None
    held = points.service_collections(of.estate, protected)
    found = {lock.id: lock for one in held for lock in of.estate.locks_over(one.id)}
    if not found:
        return "no lock holds on its restore points"
    return "locks on its restore points: " + ", ".join(
        f"{one.level} '{one.id.name}'" for one in found.values()
    )


def counted(of: Subject) -> str | None:
    protected = of.protected
    number = points.count(of.estate, protected) if protected else None
    if protected is None or number is None or Read.POINTS not in of.estate.reads:
        return None
    return f"{number} of {points.limit(protected).value} restore points"


def disks(of: Subject) -> str | None:
    vm = of.estate.vm.get(of.vm)
    told = (size(of.estate, one) for one in vm.disks) if vm else iter(())
    return ", ".join(one for one in told if one) or None


def size(estate: Estate, one: AttachedDisk) -> str | None:
    resource = estate.disk.get(one.disk) if one.disk else None
    held = one.size or (resource.size if resource else None)
    if held is None:
        return None
    return f"{'OS disk' if one.lun is None else f'LUN {one.lun}'} {held} GiB"


def policy(of: Subject) -> str | None:
    held = of.protected.policy if of.protected else None
    if held is None:
        return None
    kind = {"V1": "Standard", "V2": "Enhanced"}.get((held.type or "").upper(), "unknown")
    return f"policy '{held.id.name}' ({kind})"


def protection(of: Subject) -> str | None:
    if of.item is None:
        return None
    return f"protected in vault '{of.item.vault.name}', state {of.item.protection_state or 'unknown'}"


def way_out(of: Subject) -> str | None:
    vm = of.estate.vm.get(of.vm)
    nic = egress.interface(of.estate, vm) if vm else ""
    if isinstance(nic, str):
        return None
    path = network.path(of.estate, nic)
    groups = [one.name for one in (nic.nsg, path.subnet.nsg if path.subnet else None) if one]
    told = f"NSG {' and '.join(groups)}" if groups else "no NSG"
    return f"{told}, {f'route table {path.table.id.name}' if path.table else 'no route table'}"


FACTS: Mapping[str, Callable[[Subject], str | None]] = {
    "power": power,
    "provisioning": provisioning,
    "agent": agent,
    "extension": extension,
    "locks": locks,
    "points": counted,
    "disks": disks,
    "policy": policy,
    "protection": protection,
    "network": way_out,
}
"""Each by the name that a cause calls it by (`Cause.looks_at`); None where the estate does not tell."""


def shown(of: Subject, names: tuple[str, ...]) -> Iterator[str]:
    """Yield what an estate shows, as far as it does."""
    return (told for name in names if (told := FACTS[name](of)))
