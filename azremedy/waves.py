"""How many VMs each wave of a run reaches: a canary, then more, then all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

AMOUNT: Final = re.compile(r"([0-9]{1,7})(%?)")
ALL: Final = 100


@dataclass(frozen=True, slots=True)
class Amount:
    """So many VMs, or so many in a hundred of those that are to be cured."""

    number: int
    percent: bool = False

    def of(self, vms: int) -> int:
        """Return how many of so many VMs that is; a share is rounded up."""
        return min(vms, -(-vms * self.number // ALL) if self.percent else self.number)

    def __str__(self) -> str:
        return f"{self.number}{'%' if self.percent else ''}"


def amounts(written: str) -> tuple[Amount, ...]:
    """
    Return the amounts in `1,5%,100%`: each counts the VMs of the waves before it as well.

    Raises `ValueError` with a sentence for what is none, does not grow, or does not end with all.
    """
    found = tuple(amount(one.strip()) for one in written.split(","))
    for percent in (True, False):
        for before, after in pairwise(one for one in found if one.percent is percent):
            if after.number <= before.number:
                raise ValueError(f"{after} comes after {before}: each wave reaches more VMs than the last")
    if found[-1] != Amount(ALL, percent=True):
        raise ValueError(
            f"it ends with {found[-1]}: end it with 100%, or name the VMs that are meant with --vm"
        )
    return found


def amount(written: str) -> Amount:
    read = AMOUNT.fullmatch(written)
    if read is None:
        raise ValueError(f"{written!r} is no number of VMs and no share of them: write it as in 1,5%,100%")
    made = Amount(int(read[1]), percent=bool(read[2]))
    if made.number == 0:
        raise ValueError(f"{made} of the VMs is no wave: begin with 1")
    if made.percent and made.number > ALL:
        raise ValueError(f"{made} is more than all VMs: end with 100%")
    return made
