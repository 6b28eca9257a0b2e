"""Whether what a user names is there: a name that is mistyped must not pass for a healthy VM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from azremedy.arm import ArmId
from azremedy.cli.options import meant
from azremedy.errors import AzremedyError
from azremedy.estate import Estate
from azremedy.resources import Read
from azremedy.selection import Selection


@dataclass(slots=True)
class Seen:
    """The VMs that were seen."""

    vms: set[ArmId] = field(default_factory=set)
    certain: bool = True
    """Whether every VM there is was seen."""

    def add(self, estate: Estate) -> None:
        """Take in the VMs of an estate, those of which only an item or a gap is left included."""
        self.vms.update(vm.id for vm in estate.vms)
        self.vms.update(item.vm for item in estate.items)
        self.vms.update(gap.scope for gap in estate.unread if gap.read is Read.VMS)
        self.certain &= Read.VMS in estate.reads and not estate.not_read(Read.VMS)

    def check(self, vms: Sequence[str], groups: Sequence[str]) -> None:
        """Raise `AzremedyError` for a `--vm` or `--resource-group` in which there is no VM."""
        if not self.certain:
            return
        for name in vms:
            if not any(vm in Selection.of(vms=[name]) for vm in self.vms):
                known = (vm.text if "/" in name else vm.name for vm in self.vms)
                raise AzremedyError(f"No VM {name!r} is there.{meant(name, known)}")
        if vms and groups and not any(vm in Selection.of(vms, groups) for vm in self.vms):
            raise AzremedyError("None of the VMs named is in the resource groups named.")
        for name in groups:
            if not any(vm in Selection.of(groups=[name]) for vm in self.vms):
                known = (vm.group.name for vm in self.vms if vm.group)
                raise AzremedyError(f"No VM is in a resource group {name!r}.{meant(name, known)}")
