"""
The Linux agent is configured so that extensions do not work.

`/etc/waagent.conf` decides whether the agent takes up extensions (`Extensions.Enabled`) and who provisions the VM
(`Provisioning.Agent`, which Microsoft wants to be `auto`). With extensions off the agent passes over what Backup asks for;
as Run Command is an extension, too, this shows from inside only as long as the agent has not read the file again. The
extension also needs a Python interpreter.

That the agent does not update itself, or who provisions the VM, breaks nothing today and is information. The values may
be meant: an appliance may keep extensions out on purpose.

Sources: T19, T25, WAL, EXT, MINV25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate, Failure
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, Playbook, Severity, corroborated
from azremedy.resources import LinuxGuest, Read

from ._cures import singly
from ._inside import of_linux

NO = frozenset({"n", "no", "false", "0"})
NAMED = 4
NO_PYTHON = "there is no Python interpreter that the extension would find"
INSTALL = (
    "install python3 in the guest, from its distribution's repository, while no backup runs: the backup extension"
    " fails without it"
)


@dataclass(frozen=True, slots=True)
class Configured:
    """What breaks extensions, and what is only not as advised; each in words."""

    faults: tuple[str, ...]
    hints: tuple[str, ...]


def detect(estate: Estate) -> Iterator[Finding[Configured]]:
    for protected, vm, guest in of_linux(estate):
        found = Configured(tuple(faults(guest)), tuple(hints(guest)))
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
            cause=which(failure),
        )


def which(failure: Failure | None) -> str | None:
    """Return the cause that a failed backup bears out: the settings, where the documents name them for it, or the agent."""
    if failure is None:
        return None
    return "C18" if failure.lists("C18") else "C3"


def faults(guest: LinuxGuest) -> Iterator[str]:
    """Yield what keeps extensions from working."""
    if guest.config is None:
        yield "there is no /etc/waagent.conf"
    if (guest.configured("Extensions.Enabled") or "y").lower() in NO:
        yield "Extensions.Enabled is off in /etc/waagent.conf"
    if not guest.pythons:
        yield NO_PYTHON


def hints(guest: LinuxGuest) -> Iterator[str]:
    """Yield what is not as advised, and breaks nothing today."""
    provisioning = guest.configured("Provisioning.Agent")
    if provisioning and provisioning.lower() not in {"auto", "y"}:
        yield f"Provisioning.Agent is {provisioning}, and auto is what Azure Backup's documents ask for"
    latest = guest.configured("AutoUpdate.UpdateToLatestVersion")
    if (latest or guest.configured("AutoUpdate.Enabled") or "y").lower() in NO:
        yield "the agent does not update itself"


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what is not right: it may be meant."""
    yield from singly(PLAYBOOK.id, findings, choices, advice)


def advice(finding: Finding[Any]) -> str:
    found: Configured = finding.evidence
    settings = "; ".join(one for one in (*found.faults, *found.hints) if one != NO_PYTHON)
    right = settings and (
        f"set this right in the guest if it is not meant, and restart the agent while no backup runs: {settings}"
    )
    python = INSTALL if NO_PYTHON in found.faults else ""
    return "; then ".join(filter(None, (python, right)))


PLAYBOOK = Playbook(
    id="agent-config",
    title="The Linux agent's configuration keeps extensions from working",
    causes=("C18", "C3"),
    fix_class=FixClass.MANUAL,
    remedy="Set /etc/waagent.conf right in the guest, or install python3 where there is no Python.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
