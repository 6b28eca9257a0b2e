"""What a person may decide at one VM: the flag of each decision, and what is planned with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.plan import Choices, FixClass
from azremedy.planning import Diagnosed, Plan, plan

CHOICES = Choices(allow=frozenset({FixClass.SAFE, FixClass.GUARDED}))
"""What a cure is shown for that nobody asked for: nothing that cannot be taken back."""
ANY = replace(CHOICES, allow=CHOICES.allow | {FixClass.DESTRUCTIVE})


@dataclass(frozen=True, slots=True)
class Decision:
    """The words of a flag, what is planned with it, and how a reason names it; a class that is admitted needs no words."""

    flag: tuple[str, ...]
    choices: Choices
    said: str

    def is_in(self, reason: str) -> bool:
        """Whether a reason names it; a LUN is not named by another that begins alike."""
        return re.search(rf"{re.escape(self.said)}(?![0-9])", reason) is not None


def decided(
    estate: Estate, vm: ArmId, found: Sequence[Diagnosed], without: Plan, *, called: str
) -> Iterator[tuple[tuple[str, ...], Plan]]:
    """
    Yield each decision that a reason in `without` names and that cures what is left there: its flag, and what is planned.

    `called` is the VM's name, or its id where others share the name.
    """
    for decision in decisions(estate, vm, called):
        left = {one.finding for one in without.by_hand if decision.is_in(one.reason)} - {""}
        planned = plan(estate, found, decision.choices) if left else without
        if any(left & set(cure.findings) for group in planned.groups for cure in group.cures):
            yield decision.flag, planned


def decisions(estate: Estate, vm: ArmId, called: str) -> Iterator[Decision]:
    """Yield what can be asked for at a VM."""
    named = frozenset({vm.key})
    yield Decision((), ANY, "--allow destructive")
    for power in ("on", "off"):
        yield Decision(("--power", power), replace(CHOICES, power=power), f"--power {power}")
    resumed = replace(CHOICES, resume_protection=named)
    yield Decision(("--resume-protection", called), resumed, "--resume-protection")
    yield Decision(("--vss-copy", called), replace(CHOICES, vss_copy=named), "--vss-copy")
    deleted = replace(ANY, delete_collection=named)
    yield Decision(("--delete-collection", called), deleted, "--delete-collection")
    lifted = replace(CHOICES, lift_subscription_locks=True)
    yield Decision(("--lift-subscription-locks",), lifted, "--lift-subscription-locks")
    yield from of_disks(estate, vm, called)


def of_disks(estate: Estate, vm: ArmId, called: str) -> Iterator[Decision]:
    """Yield what can be asked for at each data disk of a VM."""
    model = estate.vm.get(vm)
    for lun in sorted(one.lun for one in model.disks if one.lun is not None) if model else ():
        left_out = replace(CHOICES, exclude_luns={(vm.key, lun): "REASON"})
        beside = replace(CHOICES, attach_disks=frozenset({(vm.key, lun)}))
        disk = f"{vm.name}:{lun}"
        yield Decision(("--exclude-lun", f"{called}:{lun}=REASON"), left_out, f"--exclude-lun {disk}")
        yield Decision(("--attach-disks", f"{called}:{lun}"), beside, f"--attach-disks {disk}")
