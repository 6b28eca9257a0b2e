"""
COM+ does not work in Windows: the service COM+ System Application is disabled, or cannot be started.

The backup extension installs its provider and takes its snapshots through COM+, whose service is `COMSysApp`. It starts on
demand, so one that is stopped is as it should be, unless a backup has just failed with an error of COM+: the document then
has it started first. The transaction coordinator, on which COM+ rests, has a playbook of its own
(`transaction-coordinator`).

A service that is not there at all is for a person: COM+ is part of Windows, and somebody took it out.

Sources: V25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass, Step
from azremedy.playbook import GUEST_READS, Finding, Playbook, corroborated
from azremedy.resources import Read

from ._cures import singly
from ._inside import WRITES, of_windows
from ._windows_service import Down, disabled, said, seen, started, stopped

SERVICE = "COMSysApp"


def detect(estate: Estate) -> Iterator[Finding[Down]]:
    for protected, vm, guest in of_windows(estate):
        severity, failure = corroborated(estate, protected, "C20a")
        down = seen(guest, SERVICE)
        wrong = down.start is None or disabled(down) or (failure is not None and stopped(down))
        if not wrong:
            continue
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=said(down, "COM+ System Application"),
            severity=severity,
            evidence=down,
            failure=failure,
        )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Have the service start on demand, and start it, with a script inside the VM."""
    yield from singly(PLAYBOOK.id, findings, choices, means)


def means(finding: Finding[Any]) -> tuple[Step, ...] | str:
    if finding.evidence.start is None:
        return "bring COM+ back in the VM (sfc /scannow), then run net start COMSysApp there"
    return started(finding.vm, finding.evidence, "Manual")


PLAYBOOK = Playbook(
    id="com-system-application",
    title="COM+ does not work in Windows",
    causes=("C20a",),
    fix_class=FixClass.GUARDED,
    remedy="Let the service COMSysApp start on demand, and start it.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
