"""
VSS does not work in Windows: its service is disabled, or writers are in a bad state.

A snapshot asks every VSS writer, a part of Windows or of an application, to bring its data to rest. One that has failed
stays so until its service is restarted. Writers that wait for something (states 2 to 5) belong to a backup that runs, so
they are told of only where a backup failed because of them.

The service VSS is set to start on demand, as Windows has it. Writers of Windows's own parts and of SQL Server's VSS writer
have their services restarted, which interrupts no application. Those of others (Exchange, Active Directory, Hyper-V) are
applications, and when they may be restarted is for a person to say. Free disk space, memory and a calm hour come first in
the document: they are why writers fail.

Sources: V25; the services of writers are those that administrators know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.guest import restarting, starting
from azremedy.guest.components import WRITERS
from azremedy.plan import ByHand, Choices, Cure, FixClass, Irreversible, Step, View
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import Read, WindowsGuest, Writer

from ._cures import shows, singly
from ._inside import WRITES, of_windows, run

SERVICE = "VSS"
WAITING = range(2, 6)
"""The states of a writer that takes part in a backup just now."""
NAMED = 4
OTHERS = {
    "Microsoft Exchange Writer": "MSExchangeIS",
    "NTDS": "NTDS",
    "Microsoft Hyper-V VSS Writer": "vmms",
    "WMI Writer": "Winmgmt",
    "Cluster Database": "ClusSvc",
    "DHCP Jet Writer": "DHCPServer",
    "Certificate Authority": "CertSvc",
    "IIS Metabase Writer": "IISADMIN",
    "MSSearch Service Writer": "WSearch",
}
"""The service behind a writer whose restart interrupts more than the writer."""


@dataclass(frozen=True, slots=True)
class Unstable:
    """Whether the service VSS is disabled, and the writers out of order, by the number of their state."""

    disabled: bool
    writers: tuple[Writer, ...] = ()


def detect(estate: Estate) -> Iterator[Finding[Unstable] | NotEvaluated]:
    for protected, vm, guest in of_windows(estate):
        severity, failure = corroborated(estate, protected, "C20c")
        found = Unstable(disabled(guest), tuple(bad(guest, waiting=failure is not None)))
        if found.disabled or found.writers:
            yield Finding(
                vm=vm.id,
                resource=vm.id,
                message=said(found),
                severity=severity,
                evidence=found,
                failure=failure,
            )
        elif guest.writers is None:
            yield NotEvaluated(PLAYBOOK.id, vm.id, "vssadmin named no VSS writer")


def disabled(guest: WindowsGuest) -> bool:
    service = guest.service(SERVICE)
    return service is not None and service.start.lower() == "disabled"


def bad(guest: WindowsGuest, *, waiting: bool) -> Iterator[Writer]:
    """Yield the writers that have failed, and those that wait where these count as well."""
    return (one for one in guest.unstable if waiting or one.state not in WAITING)


def said(found: Unstable) -> str:
    if found.disabled:
        return "the service VSS (Volume Shadow Copy) is disabled"
    names = [f"{one.name} (state {one.state})" for one in found.writers]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"VSS writers are not stable: {', '.join(names[:NAMED])}{more}"


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Set the service right, or restart the services of writers, with a script inside the VM."""
    yield from singly(PLAYBOOK.id, findings, choices, means)


def means(finding: Finding[Any]) -> tuple[Step, ...] | str:
    found: Unstable = finding.evidence
    if found.disabled:
        return (enabled(finding.vm),)
    others = [one.name for one in found.writers if one.name not in WRITERS]
    if not others:
        return (restarted(finding.vm, found.writers),)
    known = [f"{name} ({OTHERS[name]})" if name in OTHERS else name for name in others]
    return (
        "look at free disk space, memory and page file first, then restart in the VM, in a maintenance window, the "
        f"services of these writers: {', '.join(known)}"
    )


def enabled(vm: ArmId) -> Step:
    return run(
        vm,
        starting(SERVICE, "Manual"),
        f"let the service {SERVICE} of {vm.name} start on demand",
        before=shows(vm, f"services.{SERVICE}.start", "Disabled", View.WINDOWS_GUEST),
        after=shows(vm, f"services.{SERVICE}.start", "Manual", View.WINDOWS_GUEST),
        undo=starting(SERVICE, "Disabled").on(vm),
    )


def restarted(vm: ArmId, writers: Sequence[Writer]) -> Step:
    services = tuple(dict.fromkeys(WRITERS[one.name] for one in writers))
    return run(
        vm,
        restarting(services),
        f"restart the services of the unstable VSS writers of {vm.name}: {', '.join(services)}",
        before=tuple(
            shows(vm, f"unstable.[name={one.name}].state", one.state, View.WINDOWS_GUEST) for one in writers
        ),
        after=tuple(shows(vm, f"unstable.[name={one.name}]", None, View.WINDOWS_GUEST) for one in writers),
        undo=Irreversible("a restart of services leaves nothing to take back"),
    )


PLAYBOOK = Playbook(
    id="vss-writers",
    title="VSS or one of its writers is in a bad state",
    causes=("C20c",),
    fix_class=FixClass.GUARDED,
    remedy="Let the service VSS start on demand, and restart the services of writers that have failed.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
