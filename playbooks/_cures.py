"""What cures have in common: who admits them, and what a fresh read must show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from azremedy.arm import ArmId, Json
from azremedy.estate import Estate, Protected
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Node, Test, View, steps
from azremedy.playbook import Finding, fingerprint
from azremedy.resources import InstanceView, Vm


def cure(playbook: str, findings: Sequence[Finding[Any]], *nodes: Node, relief: str | None = None) -> Cure:
    """Return the cure of these findings."""
    vms = tuple(dict.fromkeys(finding.vm for finding in findings))
    return Cure(playbook, vms, tuple(fingerprint(playbook, finding) for finding in findings), nodes, relief)


def by_hand(playbook: str, finding: Finding[Any], reason: str, allow: FixClass | None = None) -> ByHand:
    """Return what a person has to do about a finding, or to allow."""
    return ByHand(playbook, finding.vm, fingerprint(playbook, finding), reason, allow)


def admit(planned: Cure, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Yield a cure, or for each of its findings the strongest class that is not admitted."""
    missing = {step.fix_class for step in steps(*planned.nodes)} - choices.allow
    if not missing:
        yield planned
        return
    strongest = max(missing, key=list(FixClass).index)
    for finding in findings:
        yield by_hand(planned.playbook, finding, f"its cure needs --allow {strongest}", strongest)


def singly(
    playbook: str,
    findings: Sequence[Finding[Any]],
    choices: Choices,
    means: Callable[[Finding[Any]], tuple[Node, ...] | str],
) -> Iterator[Cure | ByHand]:
    """Cure each finding by itself, where `means` returns the nodes for it and not the reason why there are none."""
    for finding in findings:
        nodes = means(finding)
        if isinstance(nodes, str):
            yield by_hand(playbook, finding, nodes)
        else:
            yield from admit(cure(playbook, [finding], *nodes), [finding], choices)


def shows(target: ArmId, path: str, value: Json, view: View = View.RESOURCE) -> Expect:
    """Expect this value, or nothing where it is None."""
    return Expect(target, path, Test.ABSENT if value is None else Test.EQUALS, value, view)


def gone(target: ArmId) -> Expect:
    """Expect that there is no such resource."""
    return Expect(target, "", Test.ABSENT)


def protection(estate: Estate, vm: ArmId) -> Protected | None:
    """Return the VM as the one vault backs it up that does; None where none or several say so, or it is gone."""
    found = [one for one in estate.protected if one.id == vm]
    return found[0] if len(found) == 1 and found[0].vm else None


def agent_missing(vm: Vm, view: InstanceView | None) -> bool:
    """Whether a VM was made without the VM agent and none has ever reported since."""
    return vm.provision_agent is False and view is not None and view.agent is None


AGENT_READY = "vmAgent.statuses.[code=ProvisioningState/succeeded]"
"""Where an instance view says that the agent is ready."""

UNCLEAR = "no vault backs the VM up, or more than one says that it does: look at its items first"
"""Why a VM for which `protection` has no answer is not touched."""
