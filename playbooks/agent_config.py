"""
The Linux agent is configured so that extensions do not work, or that it will not be there after a restart.

`/etc/waagent.conf` decides whether the agent takes up extensions (`Extensions.Enabled`) and who provisions the VM
(`Provisioning.Agent`, which Microsoft wants to be `auto`). With extensions off the agent passes over what Backup asks for;
as Run Command is an extension, too, this shows from inside only as long as the agent has not read the file again. The
extension also needs a Python interpreter, and the agent a unit that systemd starts.

That systemd does not start the agent again when it ends, or that it does not update itself, breaks nothing today and is
information. The values may be meant: an appliance may keep extensions out on purpose.

Sources: T19, T25, WAL, EXT, MINV25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate, Failure
from azremedy.guest import DISABLE, ENABLE
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, View
from azremedy.playbook import GUEST_READS, Finding, Playbook, Severity, corroborated
from azremedy.resources import LinuxGuest, Read

from ._cures import shows, singly
from ._inside import WRITES, of_linux, run

NO = frozenset({"n", "no", "false", "0"})
STARTS = frozenset({"enabled", "enabled-runtime", "static", "generated", "alias", "indirect", "unknown"})
RESTARTS = frozenset({"always", "on-failure", "on-abnormal", "on-abort", "on-watchdog"})
NAMED = 4


@dataclass(frozen=True, slots=True)
class Configured:
    """
    What breaks extensions, or will, and what is only not as advised; each in words.

    `start` is systemd's word for a unit that it does not start (`disabled`), None where it starts it.
    """

    faults: tuple[str, ...]
    hints: tuple[str, ...]
    start: str | None = None


def detect(estate: Estate) -> Iterator[Finding[Configured]]:
    for protected, vm, guest in of_linux(estate):
        found = Configured(tuple(faults(guest)), tuple(hints(guest)), disabled(guest))
        if not (found.faults or found.hints):
            continue
        severity, failure = (
            corroborated(estate, protected, "C18", "C3") if found.faults else (Severity.INFO, None)
        )
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message="; ".join((found.faults or found.hints)[:NAMED]),
            severity=severity,
            evidence=found,
            failure=failure,
            cause=which(guest, failure),
        )


def which(guest: LinuxGuest, failure: Failure | None) -> str | None:
    """Return the cause that a failed backup bears out: the settings, where the documents name them for it, or the unit."""
    if failure is None:
        return None
    return "C18" if failure.lists("C18") and any(settings(guest)) else "C3"


def faults(guest: LinuxGuest) -> Iterator[str]:
    """Yield what keeps extensions from working, now or after a restart."""
    yield from settings(guest)
    if guest.agent and disabled(guest):
        yield f"the agent's unit {guest.agent.name} is {guest.agent.start}: it is not started after a restart"


def settings(guest: LinuxGuest) -> Iterator[str]:
    """Yield what keeps extensions from working now."""
    if guest.config is None:
        yield "there is no /etc/waagent.conf"
    if (guest.configured("Extensions.Enabled") or "y").lower() in NO:
        yield "Extensions.Enabled is off in /etc/waagent.conf"
    if not guest.pythons:
        yield "there is no Python interpreter that the extension would find"


def disabled(guest: LinuxGuest) -> str | None:
    """Return how the agent's unit starts, where systemd does not start it."""
    start = guest.agent.start if guest.agent else None
    return start if start and start.lower() not in STARTS else None


def hints(guest: LinuxGuest) -> Iterator[str]:
    """Yield what is not as advised, and breaks nothing today."""
    provisioning = guest.configured("Provisioning.Agent")
    if provisioning and provisioning.lower() not in {"auto", "y"}:
        yield f"Provisioning.Agent is {provisioning}, and auto is what Azure Backup's documents ask for"
    if guest.agent and guest.restart and guest.restart.lower() not in RESTARTS:
        yield f"systemd does not start {guest.agent.name} again when it ends (Restart={guest.restart})"
    latest = guest.configured("AutoUpdate.UpdateToLatestVersion")
    if (latest or guest.configured("AutoUpdate.Enabled") or "y").lower() in NO:
        yield "the agent does not update itself"


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Have systemd start the agent where that is all that is wrong, and tell a person of the rest: it may be meant."""
    yield from singly(PLAYBOOK.id, findings, choices, means)


def means(finding: Finding[Any]) -> tuple[Step, ...] | str:
    found: Configured = finding.evidence
    if (found.start or "").lower() != "disabled" or len(found.faults) > 1:
        return (
            "set this right in the guest if it is not meant, and restart the agent while no backup runs: "
            + "; ".join((*found.faults, *found.hints))
        )
    step = run(
        finding.vm,
        ENABLE,
        f"have systemd start the agent of {finding.vm.name} after a restart",
        before=starts(finding.vm, "disabled"),
        after=starts(finding.vm, "enabled"),
        undo=DISABLE.on(finding.vm),
    )
    return (step,)


def starts(vm: ArmId, start: str) -> Expect:
    return shows(vm, "agent.start", start, View.LINUX_GUEST)


PLAYBOOK = Playbook(
    id="agent-config",
    title="The Linux agent's configuration keeps extensions from working",
    causes=("C18", "C3"),
    fix_class=FixClass.GUARDED,
    remedy="Have systemd start the agent; set /etc/waagent.conf right in the guest.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
