"""
The guest waits for a restart.

The documents of today name a pending restart first among what interferes with a backup: updates that are half installed may
keep the agent, COM+ or VSS from working. The guest itself knows: Windows by keys of the registry that servicing and
Windows Update leave, Linux by `/run/reboot-required`.

Most guests that wait back up all the same, so it is information until a backup failed with a code whose causes name it. On
Windows files that wait to be renamed are no mark of their own: any installer leaves them. The restart itself is downtime,
and when it may be is for a person to say.

Sources: T25; the marks are those that administrators look for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, Playbook, Severity, corroborated
from azremedy.resources import Guest, Read

from ._cures import singly
from ._inside import asked

WORDS = {
    "reboot: component servicing": "Windows servicing waits for it",
    "reboot: update": "Windows Update waits for it",
}
"""What each mark means, strong ones only."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for a restart, in words."""

    marks: tuple[str, ...]


def detect(estate: Estate) -> Iterator[Finding[Waiting]]:
    for protected, vm, guest in asked(estate):
        marks = tuple(marked(guest))
        if not marks:
            continue
        severity, failure = corroborated(estate, protected, "C9")
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=f"a restart is due: {', '.join(marks)}",
            severity=severity if failure else Severity.INFO,
            evidence=Waiting(marks),
            failure=failure,
        )


def marked(guest: Guest) -> Iterator[str]:
    if guest.windows:
        yield from (WORDS[mark] for mark in guest.windows.marks if mark in WORDS)
    if guest.linux and guest.linux.reboot_required:
        yield "/run/reboot-required is there"


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to do."""
    advice = "restart the VM in a maintenance window, while no backup runs (az vm restart)"
    yield from singly(PLAYBOOK.id, findings, choices, lambda _: advice)


PLAYBOOK = Playbook(
    id="pending-reboot",
    title="The guest waits for a restart",
    causes=("C9",),
    fix_class=FixClass.MANUAL,
    remedy="Restart the VM in a maintenance window.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
