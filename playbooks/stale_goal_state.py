"""
An old Linux agent has left goal-state files behind, and does not answer for them.

In January 2018 the document told to delete `/var/lib/waagent/*.[0-9]*.xml` where the agent could not communicate with Azure
Backup: agents of that time stumbled over files of goal states long gone. The note was gone by June. Agents of today
keep their history elsewhere, clean it up themselves, and leave a placeholder `GoalState.1.xml` which others need.

So this is found only where all of it is there: a backup failed with that very code after the last good one, the agent's
package is older than 2.2.20, and such files lie there beside the placeholder.

Sources: SEED, T18b, WAL; the version is this tool's own reading of the agent's history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy import agent
from azremedy.arm import ArmId
from azremedy.estate import Estate, Failure, Protected
from azremedy.guest import ASIDE, ASIDE_BACK
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, View
from azremedy.playbook import GUEST_READS, Finding, Playbook, Severity
from azremedy.resources import LinuxGuest, Read

from ._cures import shows, singly
from ._inside import WRITES, of_linux, run

CODE = "UserErrorGuestAgentStatusUnavailable"
CLEAN_SINCE = (2, 2, 20)
"""The version from which the agent cleans up after itself."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """How many files of goal states long gone there are, and the version of the agent's package."""

    files: int
    version: str


def detect(estate: Estate) -> Iterator[Finding[Leftover]]:
    for protected, vm, guest in of_linux(estate):
        failure = silent(estate, protected)
        if guest.stale and guest.package and failure and old(guest):
            files = f"{guest.stale} goal-state file{'' if guest.stale == 1 else 's'}"
            yield Finding(
                vm=vm.id,
                resource=vm.id,
                message=f"{files} of an old agent ({guest.package}) are left in /var/lib/waagent",
                severity=Severity.CORROBORATED,
                evidence=Leftover(guest.stale, guest.package),
                failure=failure,
            )


def silent(estate: Estate, protected: Protected) -> Failure | None:
    """Return the newest backup that failed because the agent could not communicate."""
    failures = estate.failures_of.get(protected.item.id, ())
    return next((one for one in failures if one.symptom and one.symptom.code == CODE), None)


def old(guest: LinuxGuest) -> bool:
    have = agent.numbers(guest.package)
    return have is not None and have < CLEAN_SINCE


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Move the files aside, with a script inside the VM; the placeholder stays."""
    yield from singly(PLAYBOOK.id, findings, choices, means)


def means(finding: Finding[Any]) -> tuple[Step, ...]:
    step = run(
        finding.vm,
        ASIDE,
        f"move the leftover goal-state files of {finding.vm.name} aside, to /var/lib/waagent/azremedy-aside",
        before=left_over(finding.vm, finding.evidence.files),
        after=left_over(finding.vm, 0),
        undo=ASIDE_BACK.on(finding.vm),
    )
    return (step,)


def left_over(vm: ArmId, number: int) -> Expect:
    return shows(vm, "stale", number, View.LINUX_GUEST)


PLAYBOOK = Playbook(
    id="stale-goal-state",
    title="An old Linux agent has left goal-state files behind",
    causes=("C3",),
    fix_class=FixClass.GUARDED,
    remedy="Move the leftover goal-state files aside, and update the agent.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
