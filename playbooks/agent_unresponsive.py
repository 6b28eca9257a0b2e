"""
The VM agent of a running VM does not answer.

Azure Backup asks the VM agent to load its extension and to report the snapshot. An agent that is not ready, was never
installed or has stopped reporting leaves the backup without a consistent snapshot. On Windows the agent's service has
stopped or its files are damaged; on Linux `waagent` has stopped or is too old to go on.

A service that was stopped can leave an old *Ready* standing, so a status older than 15 minutes counts as silence. A VM
that does not run has no agent to ask, and a crash-consistent policy needs none.

Sources: SEED, T25, MINV25, WGA25; the 15 minutes are this tool's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azremedy import agent
from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Ladder, Test, View
from azremedy.playbook import GUEST_READS, Finding, Playbook, corroborated
from azremedy.resources import InstanceView, Read, Vm

from ._cures import AGENT_READY, agent_missing, shows, singly
from ._ladder import WRITES, is_running, ladder

RUNNING = "powerstate/running"


@dataclass(frozen=True, slots=True)
class SilentAgent:
    """What the agent last said of itself; all None where none ever reported."""

    os: str | None
    version: str | None
    code: str | None
    display: str | None
    message: str | None
    reported: datetime | None


def detect(estate: Estate) -> Iterator[Finding[SilentAgent]]:
    for protected in estate.protected:
        view = estate.view.get(protected.id)
        if view is None or not protected.needs_guest:
            continue
        vm = protected.vm
        if (
            vm
            and not shut_down(view)
            and not agent_missing(vm, view)
            and (silence := agent.silence(view, estate.read_at))
        ):
            yield find(estate, protected, vm, view, silence)


def shut_down(view: InstanceView) -> bool:
    """Whether the VM has left the running state since the lists were read."""
    codes = (status.code.lower() for status in view.statuses)
    return any(code.startswith("powerstate/") and code != RUNNING for code in codes)


def find(
    estate: Estate, protected: Protected, vm: Vm, view: InstanceView, silence: str
) -> Finding[SilentAgent]:
    severity, failure = corroborated(estate, protected, *causes(vm))
    told = view.agent
    return Finding(
        vm=protected.id,
        resource=vm.id,
        message=silence,
        severity=severity,
        evidence=SilentAgent(
            os=vm.os,
            version=view.agent_version,
            code=told.code if told else None,
            display=told.display if told else None,
            message=told.message if told else None,
            reported=told.time if told else None,
        ),
        failure=failure,
    )


def causes(vm: Vm) -> tuple[str, ...]:
    """The documents know an unresponsive agent as C2 on Windows and as C3 on Linux."""
    if vm.windows:
        return ("C2",)
    return ("C3",) if vm.linux else ("C2", "C3")


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Reapply, restart, redeploy, until the agent is ready and has said so anew."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding, choices))


def means(estate: Estate, finding: Finding[Any], choices: Choices) -> tuple[Ladder] | str:
    vm, view = finding.vm, estate.view.get(finding.vm)
    if vm not in estate.vm or view is None or not is_running(estate, vm):
        return "whether the VM still runs is not known: scan it again"
    back = (Expect(vm, f"{AGENT_READY}.time", Test.NEWER, view=View.INSTANCE_VIEW),)
    return (ladder(estate, vm, choices, before=(silent(vm, view),), until=back),)


def silent(vm: ArmId, view: InstanceView) -> Expect:
    """Expect the agent to be as silent as it was found."""
    if view.agent is None or view.agent.code.lower() != agent.READY:
        return shows(vm, AGENT_READY, None, View.INSTANCE_VIEW)
    if (view.agent_version or agent.UNKNOWN).lower() == agent.UNKNOWN:
        return shows(vm, "vmAgent.vmAgentVersion", view.agent_version, View.INSTANCE_VIEW)
    told = view.agent.time.isoformat() if view.agent.time else None
    return shows(vm, f"{AGENT_READY}.time", told, View.INSTANCE_VIEW)


PLAYBOOK = Playbook(
    id="agent-unresponsive",
    title="The VM agent of a running VM does not answer",
    causes=("C2", "C3"),
    fix_class=FixClass.GUARDED,
    remedy="Reapply the VM, then restart it; redeploy it only if neither brings the agent back.",
    needs=GUEST_READS,
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
