"""
DHCP is off in the Windows guest, with the address typed into Windows.

Azure's DHCP tells the guest, in option 245, where the wire server is, over which agent and extension get their work. A
static address belongs on the network interface in Azure, where DHCP hands it out all the same; typed into Windows it
takes this way to the extension away.

With several addresses on one adapter Azure asks for a static configuration in the guest, so such an adapter is silent; so
is a guest of which another connected adapter has DHCP. A Linux guest that holds a lease is silent, too; of one that holds
none nothing is said: where leases lie differs from one distribution to the next.

It is changed by a person: a wrong step cuts the VM off from its network, and on a cluster more than the VM.

Sources: SEED, T25, WAL, WGA25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import Adapter, Read

from ._cures import singly
from ._inside import of_linux, of_windows


@dataclass(frozen=True, slots=True)
class Typed:
    """The connected adapters, none of which has DHCP."""

    adapters: tuple[Adapter, ...]


def detect(estate: Estate) -> Iterator[Finding[Typed] | NotEvaluated]:
    for protected, vm, guest in of_windows(estate):
        if not guest.adapters:
            yield NotEvaluated(PLAYBOOK.id, vm.id, "Windows named no connected network adapter")
            continue
        if any(one.dhcp or one.addresses > 1 for one in guest.adapters):
            continue
        severity, failure = corroborated(estate, protected, "C4c")
        names = ", ".join(one.name for one in guest.adapters)
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=f"DHCP is off in Windows, and the address is typed in there ({names})",
            severity=severity,
            evidence=Typed(guest.adapters),
            failure=failure,
        )
    for _, vm, told in of_linux(estate):
        if not told.leases:
            yield NotEvaluated(PLAYBOOK.id, vm.id, "no lease of DHCP lies where Linux commonly keeps it")


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to do, and in which order."""
    advice = (
        "make the address static on the network interface in Azure first, then turn DHCP on in Windows, at the serial "
        "console or in a maintenance window: a wrong step cuts the VM off"
    )
    yield from singly(PLAYBOOK.id, findings, choices, lambda _: advice)


PLAYBOOK = Playbook(
    id="guest-dhcp",
    title="DHCP is off in the Windows guest",
    causes=("C4c",),
    fix_class=FixClass.MANUAL,
    remedy="Set the static address in Azure, and turn DHCP on in Windows.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
