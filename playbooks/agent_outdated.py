"""
The VM agent is older than the oldest one that Azure supports.

Most agent and extension faults on Linux come from an outdated agent, and below the supported version the extensions
that Azure Backup needs may not load at all. The version is that of the agent which runs (on Linux the goal-state
agent, which updates itself and can be newer than the package), compared number by number: 2.2.9 is older than 2.2.53.

On Linux the cure is an update from the distribution's own repository, never from the project's source, and not while
a backup runs. It is put off until Run Command is over, as the agent that is replaced carries that out; that it came about
is seen in a later version and a newer status of the agent. A package that is held, or of which the repository offers none
newer, stays as it is. On Windows the cure is the installer, in the guest.

Sources: SEED, T25, MINV25, V25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy import agent
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.guest import UPDATE
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Irreversible, Step, Test, View
from azremedy.playbook import GUEST_READS, Finding, Playbook, corroborated
from azremedy.resources import Read, Vm

from ._cures import AGENT_READY, shows, singly
from ._inside import WRITES, run

BY_HAND = "the Windows VM agent is updated by its installer, inside the guest"
UNASKED = (
    "give --guest, and the agent is updated from the distribution's repository; or update it so in the guest, while no"
    " backup runs"
)
VERSION = "vmAgent.vmAgentVersion"


@dataclass(frozen=True, slots=True)
class OldAgent:
    """The version that reports, and the oldest that is supported on this operating system."""

    os: str | None
    version: str
    minimum: str


def detect(estate: Estate) -> Iterator[Finding[OldAgent]]:
    for protected in estate.protected:
        view, vm = estate.view.get(protected.id), protected.vm
        if view is None or vm is None or not protected.needs_guest:
            continue
        minimum = agent.oldest_supported(vm)
        if view.agent_version and minimum and agent.unsupported(vm, view.agent_version):
            yield find(estate, protected, vm, OldAgent(vm.os, view.agent_version, minimum))


def find(estate: Estate, protected: Protected, vm: Vm, old: OldAgent) -> Finding[OldAgent]:
    severity, failure = corroborated(estate, protected, "C2" if vm.windows else "C3")
    return Finding(
        vm=protected.id,
        resource=vm.id,
        message=f"VM agent {old.version} is older than {old.minimum}, the oldest supported on {old.os}",
        severity=severity,
        evidence=old,
        failure=failure,
        manual=BY_HAND if vm.windows else None,
    )


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Update the agent from inside a Linux VM that was asked; a person does the rest."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding))


def means(estate: Estate, finding: Finding[Any]) -> tuple[Step, ...] | str:
    guest = estate.guest.get(finding.vm)
    if finding.manual:
        return finding.manual
    if guest is None or guest.linux is None:
        return UNASKED
    return (update(finding.vm, finding.evidence.version),)


def update(vm: ArmId, old: str) -> Step:
    return run(
        vm,
        UPDATE,
        f"update the agent of {vm.name} from its distribution's repository, keep its configuration, and restart it",
        before=shows(vm, VERSION, old, View.INSTANCE_VIEW),
        after=(
            Expect(vm, VERSION, Test.ABOVE, old, View.INSTANCE_VIEW),
            Expect(vm, f"{AGENT_READY}.time", Test.NEWER, view=View.INSTANCE_VIEW),
        ),
        undo=Irreversible("an older agent is not supported, and the repository may no longer offer it"),
    )


PLAYBOOK = Playbook(
    id="agent-outdated",
    title="The VM agent is older than the oldest supported version",
    causes=("C3", "C2"),
    fix_class=FixClass.GUARDED,
    remedy="Update the VM agent, on Linux from the distribution's repository, while no backup runs.",
    needs=GUEST_READS,
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
