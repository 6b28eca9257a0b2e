"""
The guest does not reach the wire server, the address of Azure's host at 168.63.129.16.

Agent and extensions are told over this address, on the ports 80 and 32526, what there is to do, and Backup's extension
on Linux asks the host for its snapshot over it first. Neither security groups nor routes lie on this way: only what runs
inside the VM can block it, such as its own firewall or a proxy for all programs. It is what is left today of the document's
"no internet access" (2018), where the way to Storage stood in its place.

Whether the ports are reached is tried from inside the VM, so this is looked for only where somebody lets azremedy ask
there. The agent that answered is then ready, so what blocks may be new, or block one of the ports only.

Sources: T25, FW25, WGA25, EXT, IP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import Read

from ._cures import singly
from ._inside import asked

CAUSES = ("C1w", "C1")


@dataclass(frozen=True, slots=True)
class Unreached:
    """The ports of 168.63.129.16 that the guest does not reach, and those that it does."""

    os: str | None
    blocked: tuple[int, ...]
    open: tuple[int, ...]


def detect(estate: Estate) -> Iterator[Finding[Unreached] | NotEvaluated]:
    for protected, vm, guest in asked(estate):
        blocked = tuple(port.number for port in guest.ports if port.reached is False)
        if not blocked and guest.wire_server is None:
            yield NotEvaluated(PLAYBOOK.id, vm.id, "the guest has nothing to try the ports with (no curl)")
        if not blocked:
            continue
        severity, failure = corroborated(estate, protected, *CAUSES)
        shown = " and ".join(map(str, blocked))
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=f"the guest does not reach 168.63.129.16 on port {shown}",
            severity=severity,
            evidence=Unreached(vm.os, blocked, tuple(port.number for port in guest.ports if port.reached)),
            failure=failure,
            cause="C1w" if failure is None or failure.lists("C1w") else "C1",
        )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person where to look: nothing but software in the guest blocks this way."""
    where = {
        "windows": "Windows Firewall and other security software, and the proxy (netsh winhttp show proxy)",
        "linux": "iptables or nftables, and a proxy in the environment of the agent",
    }
    yield from singly(
        PLAYBOOK.id,
        findings,
        choices,
        lambda finding: (
            "let the guest reach 168.63.129.16 on the TCP ports 80 and 32526: look at "
            f"{where.get((finding.evidence.os or '').lower(), 'its firewall and its proxy')}"
        ),
    )


PLAYBOOK = Playbook(
    id="wire-server",
    title="The guest does not reach Azure's wire server",
    causes=("C1w", "C1"),
    fix_class=FixClass.MANUAL,
    remedy="Let the guest reach 168.63.129.16 on the TCP ports 80 and 32526.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
