"""
The service of Azure Backup's provider does not start by itself.

On Windows the backup extension installs a VSS provider, whose service IaasVmProvider takes the snapshot. The document of
2018 has it started automatically; where it is disabled the extension cannot use it. Before the first backup of a VM there
is no such service, and that is as it should be. A service that starts on demand is a hint only: the documents of today
do not name it any more.

Sources: SEED, T18a, MAN25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.guest import starting
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, View
from azremedy.playbook import GUEST_READS, Finding, Playbook, Severity, corroborated
from azremedy.resources import Read

from ._cures import shows, singly
from ._inside import WRITES, of_windows, run

SERVICE = "IaasVmProvider"
AUTOMATIC = "auto"
MODES = {"manual": "Manual", "disabled": "Disabled"}
"""What Set-Service calls a start mode, by what Windows does, in lower case."""


@dataclass(frozen=True, slots=True)
class Idle:
    """How the service starts (`Manual`, `Disabled`), and its state."""

    service: str
    start: str
    state: str


def detect(estate: Estate) -> Iterator[Finding[Idle]]:
    for protected, vm, guest in of_windows(estate):
        service = guest.service(SERVICE)
        if service is None or service.start.lower() == AUTOMATIC:
            continue
        severity, failure = corroborated(estate, protected, "C5")
        if failure is None and service.start.lower() != "disabled":
            severity = Severity.INFO
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=f"the service {SERVICE} does not start by itself: its start mode is {service.start}",
            severity=severity,
            evidence=Idle(SERVICE, service.start, service.state),
            failure=failure,
        )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Have the service start automatically, with a script inside the VM."""
    yield from singly(PLAYBOOK.id, findings, choices, means)


def means(finding: Finding[Any]) -> tuple[Step, ...] | str:
    before = MODES.get(finding.evidence.start.lower())
    if before is None:
        return f"run in the VM: Set-Service -Name {SERVICE} -StartupType Automatic"
    step = run(
        finding.vm,
        starting(SERVICE, "Automatic"),
        f"let the service {SERVICE} of {finding.vm.name} start automatically",
        before=starts(finding.vm, finding.evidence.start),
        after=starts(finding.vm, "Auto"),
        undo=starting(SERVICE, before).on(finding.vm),
    )
    return (step,)


def starts(vm: ArmId, mode: str) -> Expect:
    """Expect the service to start so, in Windows's own word."""
    return shows(vm, f"services.{SERVICE}.start", mode, View.WINDOWS_GUEST)


PLAYBOOK = Playbook(
    id="provider-service",
    title="The service of Backup's provider does not start by itself",
    causes=("C5",),
    fix_class=FixClass.GUARDED,
    remedy=f"Let the service {SERVICE} start automatically.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
