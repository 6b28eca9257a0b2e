"""
DHCP is off in the guest, with the address typed in there.

Azure's DHCP tells the guest, in option 245, where the wire server is, over which agent and extension get their work. A
static address belongs on the network interface in Azure, where DHCP hands it out all the same; typed into the guest it
takes this way to the extension away.

With several addresses on one adapter Azure asks for a static configuration in Windows, so such an adapter is silent; so is a
guest of which another connected adapter has DHCP. On Linux the configuration tells: netplan (also where cloud-init wrote it),
NetworkManager, ifcfg files, `interfaces`, networkd. An address that is typed in beside DHCP is silent, and so is an agent
that is told where the wire server is (`Protocol.EndpointDiscovery=static`). A lease beside a configuration that is all
static may be an old one, and no configuration and no lease may be one of another kind: of these nothing is said.

It is changed by a person: a wrong step cuts the VM off from its network, and on a cluster more than the VM.

Sources: SEED, T25, WAL, WGA25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate, Protected
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import Adapter, LinuxGuest, Read, Vm

from ._cures import singly
from ._inside import of_linux, of_windows

DISCOVERY = "Protocol.EndpointDiscovery"
HOW = {
    "netplan": "dhcp4: true in /etc/netplan, then netplan try",
    "NetworkManager": "nmcli connection modify NAME ipv4.method auto ipv4.addresses '' ipv4.gateway ''",
    "ifcfg": "BOOTPROTO=dhcp in the ifcfg file, without IPADDR",
    "interfaces": "iface eth0 inet dhcp in /etc/network/interfaces",
    "networkd": "DHCP=ipv4 in /etc/systemd/network, without Address",
}
"""How DHCP is turned on, by who sets the address."""


@dataclass(frozen=True, slots=True)
class Typed:
    """The connected adapters of Windows, none of which has DHCP; on Linux who sets the address (`netplan`, `ifcfg`)."""

    adapters: tuple[Adapter, ...] = ()
    set_by: tuple[str, ...] = ()


def detect(estate: Estate) -> Iterator[Finding[Typed] | NotEvaluated]:
    for protected, vm, windows in of_windows(estate):
        if not windows.adapters:
            yield NotEvaluated(PLAYBOOK.id, vm.id, "Windows named no connected network adapter")
        elif not any(one.dhcp or one.addresses > 1 for one in windows.adapters):
            yield finding(estate, protected, vm, Typed(adapters=windows.adapters))
    for protected, vm, linux in of_linux(estate):
        if (linux.configured(DISCOVERY) or "").lower() == "static":
            continue
        if linux.static and not (linux.dhcp or linux.leases):
            yield finding(estate, protected, vm, Typed(set_by=linux.static))
        elif why := doubt(linux):
            yield NotEvaluated(PLAYBOOK.id, vm.id, why)


def doubt(linux: LinuxGuest) -> str | None:
    """Return why nothing can be said of a guest that is not all static; None where it has DHCP."""
    if linux.static and not linux.dhcp:
        return "the address is typed in, and a lease of DHCP lies there all the same, which may be an old one"
    return None if linux.leases else "no lease of DHCP lies where Linux commonly keeps it"


def finding(estate: Estate, protected: Protected, vm: Vm, typed: Typed) -> Finding[Typed]:
    severity, failure = corroborated(estate, protected, "C4c")
    where = ", ".join(one.name for one in typed.adapters) or ", ".join(typed.set_by)
    return Finding(
        vm=vm.id,
        resource=vm.id,
        message=f"DHCP is off in {'Linux' if typed.set_by else 'Windows'}, and the address is typed in there ({where})",
        severity=severity,
        evidence=typed,
        failure=failure,
    )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to do, and in which order."""
    yield from singly(PLAYBOOK.id, findings, choices, advice)


def advice(found: Finding[Any]) -> str:
    first = "make the address static on the network interface in Azure first, then turn DHCP on in"
    last = "at the serial console or in a maintenance window: a wrong step cuts the VM off"
    how = "; ".join(HOW[one] for one in found.evidence.set_by if one in HOW)
    return f"{first} Linux ({how}), {last}" if how else f"{first} Windows, {last}"


PLAYBOOK = Playbook(
    id="guest-dhcp",
    title="DHCP is off in the guest",
    causes=("C4c",),
    fix_class=FixClass.MANUAL,
    remedy="Set the static address in Azure, and turn DHCP on in the guest.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
