"""What the bodies of a sandbox's resources share: where things lie, and what a name in a description means."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from azremedy.errors import AzremedyError
from azremedy.sandbox.reading import guess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azremedy.sandbox.description import Estate, Vm

SPACE: Final = uuid.UUID("5a6db0c5-0000-4000-8000-000000000000")


def guid(*words: object) -> str:
    """Return a GUID that is always the same for the same words."""
    return str(uuid.uuid5(SPACE, "\n".join(map(str, words)).lower()))


def digits(*words: object) -> str:
    """Return 15 digits that are always the same for the same words."""
    return f"{uuid.UUID(guid(*words)).int % 9 * 10**14 + uuid.UUID(guid(*words)).int % 10**14 + 10**14}"


@dataclass(frozen=True)
class Ground:
    """An estate while its resources are made. Every lookup of a name raises one sentence when nothing has it."""

    estate: Estate
    where: str

    @property
    def root(self) -> str:
        return f"/subscriptions/{self.estate.subscription.id}"

    @property
    def location(self) -> str:
        return self.estate.location

    def id(self, group: str, type_: str, name: str) -> str:
        return f"{self.root}/resourceGroups/{group}/providers/{type_}/{name}"

    def vm(self, vm: Vm, *, upper: bool = False) -> str:
        """Return a VM's id; Compute writes the group of what it lists in capitals."""
        group = vm.group.upper() if upper else vm.group
        return self.id(group, "Microsoft.Compute/virtualMachines", vm.name)

    def machine(self, vm: Vm) -> str:
        """Return the GUID of a VM: it stays what it is when the VM moves to another group."""
        made_in = self.id(vm.moved_from or vm.group, "Microsoft.Compute/virtualMachines", vm.name)
        return guid(made_in, "again") if vm.recreated else guid(made_in)

    def find(self, word: str, known: Mapping[str, str], name: str, user: str) -> str:
        """Return what a name stands for, or say who used a name that nothing has."""
        found = known.get(name.lower())
        if found is None:
            raise AzremedyError(f"In {self.where}, {user}: there is no {word} '{name}'{guess(name, known)}.")
        return found

    def key_vault(self, name: str, user: str) -> str:
        known = {
            one.name.lower(): self.id(one.group, "Microsoft.KeyVault/vaults", one.name)
            for one in self.estate.key_vaults
        }
        return self.find("key vault", known, name, user)

    def nsg(self, name: str, user: str) -> str:
        known = {
            one.name.lower(): self.id(one.group, "Microsoft.Network/networkSecurityGroups", one.name)
            for one in self.estate.nsgs
        }
        return self.find("NSG", known, name, user)

    def route_table(self, name: str, user: str) -> str:
        known = {
            one.name.lower(): self.id(one.group, "Microsoft.Network/routeTables", one.name)
            for one in self.estate.route_tables
        }
        return self.find("route table", known, name, user)
