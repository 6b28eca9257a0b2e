"""
The Windows Installer is disabled, so the extension cannot install the runtime that it brings.

The backup extension installs the Visual C++ runtime from its own folder as an installer package. The service `Msiserver` has to
start on demand for that: the value `Start` of its key has to be 3, and not 4. The document has it set in the registry, and
so does the cure; a Windows that has the old value in memory takes the new one up with its next restart.

Sources: V25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.guest import installer
from azremedy.guest.components import DISABLED, ON_DEMAND
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, View
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import Read

from ._cures import shows, singly
from ._inside import WRITES, of_windows, run

SETTING = "installer"


@dataclass(frozen=True, slots=True)
class Installer:
    """How the Windows Installer starts, as the registry has it: 3 on demand, 4 never."""

    start: str


def detect(estate: Estate) -> Iterator[Finding[Installer] | NotEvaluated]:
    for protected, vm, guest in of_windows(estate):
        start = guest.setting(SETTING)
        if start is None:
            yield NotEvaluated(
                PLAYBOOK.id, vm.id, "the registry does not tell how the Windows Installer starts"
            )
            continue
        if start != str(DISABLED):
            continue
        severity, failure = corroborated(estate, protected, "C20g")
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message="the Windows Installer (Msiserver) is disabled: its Start is 4",
            severity=severity,
            evidence=Installer(start),
            failure=failure,
        )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Have the installer start on demand, with a script inside the VM."""
    yield from singly(PLAYBOOK.id, findings, choices, means)


def means(finding: Finding[Any]) -> tuple[Step, ...]:
    step = run(
        finding.vm,
        installer(ON_DEMAND),
        f"let the Windows Installer of {finding.vm.name} start on demand",
        before=starts(finding.vm, DISABLED),
        after=starts(finding.vm, ON_DEMAND),
        undo=installer(DISABLED).on(finding.vm),
    )
    return (step,)


def starts(vm: ArmId, start: int) -> Expect:
    return shows(vm, f"settings.{SETTING}", str(start), View.WINDOWS_GUEST)


PLAYBOOK = Playbook(
    id="windows-installer",
    title="The Windows Installer is disabled",
    causes=("C20g",),
    fix_class=FixClass.GUARDED,
    remedy="Let the Windows Installer start on demand.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
