"""Whether what a user names is there: a name that is mistyped must not pass for a healthy VM."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from azremedy.arm import ArmId
from azremedy.cli.options import meant
from azremedy.errors import AzremedyError
from azremedy.estate import Estate
from azremedy.resources import Read
from azremedy.selection import Selection, lowered, named


@dataclass(frozen=True, slots=True)
class Backup:
    """A VM in a vault, and the policy by which it is backed up."""

    vm: ArmId
    vault: ArmId
    policy: ArmId | None


@dataclass(slots=True)
class Seen:
    """The VMs that were seen, and where they are backed up."""

    vms: set[ArmId] = field(default_factory=set)
    certain: bool = True
    """Whether every VM there is was seen."""
    backups: set[Backup] = field(default_factory=set)
    vaults_certain: bool = True
    """Whether every vault was seen."""
    dark: set[ArmId] = field(default_factory=set)
    """Vaults whose protected items could not be read."""

    def add(self, estate: Estate) -> None:
        """Take in the VMs of an estate, those of which only an item or a gap is left included."""
        self.vms.update(vm.id for vm in estate.vms)
        self.vms.update(item.vm for item in estate.items)
        self.vms.update(gap.scope for gap in estate.unread if gap.read is Read.VMS)
        self.certain &= Read.VMS in estate.reads and not estate.not_read(Read.VMS)
        self.backups.update(Backup(item.vm, item.vault, item.policy) for item in estate.items)
        self.dark.update(gap.scope for gap in estate.unread if gap.read is Read.ITEMS)
        listed = {Read.VAULTS, Read.ITEMS} <= estate.reads
        self.vaults_certain &= (
            listed and not estate.any_unread(Read.VAULTS) and not estate.not_read(Read.ITEMS)
        )

    def missed(self) -> None:
        """Take in that a subscription could not be read at all."""
        self.certain = self.vaults_certain = False

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

    def check_backups(self, selection: Selection, vaults: Sequence[str], policies: Sequence[str]) -> None:
        """Raise `AzremedyError` for a `--vault` or `--policy` by which no VM is backed up, or none of those selected."""
        if not self.vaults_certain or not (vaults or policies):
            return
        refuse_unknown("in a vault", vaults, {one.vault for one in self.backups} | self.dark)
        if self.dark:
            return
        refuse_unknown("by a policy", policies, {one.policy for one in self.backups if one.policy})
        if not any(taken(selection, one) for one in self.backups):
            raise AzremedyError(
                "None of the VMs selected is backed up in the vaults and by the policies named."
            )


def refuse_unknown(how: str, names: Iterable[str], known: set[ArmId]) -> None:
    for name, words in ((name, lowered([name])) for name in names):
        if not any(named(one, words) for one in known):
            near = meant(name, (one.text if "/" in name else one.name for one in known))
            raise AzremedyError(f"No VM is backed up {how} {name!r}.{near}")


def taken(selection: Selection, backup: Backup) -> bool:
    """Whether a backup is one of those selected, whenever it is due."""
    return (
        backup.vm in selection
        and (not selection.vaults or named(backup.vault, selection.vaults))
        and (
            not selection.policies or (backup.policy is not None and named(backup.policy, selection.policies))
        )
    )
