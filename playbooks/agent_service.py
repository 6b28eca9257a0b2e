"""
The service of the VM agent does not run, or is not kept running.

Azure Backup asks the agent for each snapshot, and an agent that has stopped is silent until somebody starts it. From
inside this shows as long as enough of it answers: on Windows one of its two services is stopped, or is not started with
the system, while the other one still carries out scripts; on Linux its unit is disabled, or systemd does not start it again
when it ends. The units that distributions ship are enabled and have `Restart=always`, so somebody changed that, or the image
is an old one.

Where it merely is not started again when it ends, that is information as long as no backup failed for want of an agent.

The cure has the system start the agent, and again whenever it ends. Where a service is stopped, or a backup failed for
want of an agent, it is restarted as the documents say: half a minute after the script is over, as the agent is what
carries that out. It went well once the agent has reported well after that.

Sources: SEED, T25, V25, WAL, WGA25, RCW25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate, Protected
from azremedy.guest.windows import AGENTS
from azremedy.plan import ByHand, Choices, Cure, FixClass, Step
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, Severity, corroborated
from azremedy.resources import LinuxGuest, Read, Service, Vm, WindowsGuest

from ._cures import singly
from ._inside import WRITES, of_linux, of_windows
from ._keeping import MODES, kept, kept_on_linux, restarted
from ._verbose import requested

STARTS = frozenset({"enabled", "enabled-runtime", "static", "generated", "alias", "indirect", "unknown"})
RESTARTS = frozenset({"always", "on-failure", "on-abnormal", "on-abort", "on-watchdog"})
RUNS = frozenset({"running", "start pending", "continue pending"})
INSTALLER = "https://go.microsoft.com/fwlink/?LinkID=394789"
"""Where the newest MSI of the agent for Windows is (SEED)."""
APART = frozenset({"inactive", "failed"})
"""States of a unit whose agent answers all the same: something else has started it."""


@dataclass(frozen=True, slots=True)
class Neglected:
    """What is wrong with the agent's service, or will be, and what is only not as advised; each in words."""

    faults: tuple[str, ...]
    hints: tuple[str, ...] = ()


def detect(estate: Estate) -> Iterator[Finding[Neglected] | NotEvaluated]:
    for protected, vm, windows in of_windows(estate):
        if not any(windows.service(name) for name in AGENTS):
            yield NotEvaluated(PLAYBOOK.id, vm.id, "Windows named no service of the agent that answered")
        elif seen := tuple(faults_of_windows(windows)):
            yield find(estate, protected, vm, Neglected(seen))
    for protected, vm, linux in of_linux(estate):
        found = Neglected(tuple(faults_of_linux(linux)), tuple(hints_of_linux(linux)))
        if found.faults or found.hints:
            yield find(estate, protected, vm, found)


def find(estate: Estate, protected: Protected, vm: Vm, found: Neglected) -> Finding[Neglected]:
    severity, failure = corroborated(estate, protected, "C2" if vm.windows else "C3")
    return Finding(
        vm=vm.id,
        resource=vm.id,
        message="; ".join((*found.faults, *found.hints)),
        severity=severity if found.faults or failure else Severity.INFO,
        evidence=found,
        failure=failure,
    )


def faults_of_windows(guest: WindowsGuest) -> Iterator[str]:
    for name in AGENTS:
        service = guest.service(name)
        if service is None:
            yield f"the agent's service {name} is not there"
            continue
        if service.state.lower() not in RUNS:
            yield f"the agent's service {name} is {service.state}"
        if service.start.lower() != "auto":
            yield f"the agent's service {name} does not start with Windows: its start mode is {service.start}"


def faults_of_linux(guest: LinuxGuest) -> Iterator[str]:
    unit = guest.agent
    if unit and unit.state.lower() in APART:
        yield f"the agent answers, and its unit {unit.name} is {unit.state}: something else has started it"
    if unit and unit.start.lower() not in STARTS:
        yield f"the agent's unit {unit.name} is {unit.start}: it is not started after a restart"


def hints_of_linux(guest: LinuxGuest) -> Iterator[str]:
    if guest.agent and guest.restart and guest.restart.lower() not in RESTARTS:
        yield f"systemd does not start {guest.agent.name} again when it ends (Restart={guest.restart})"


def plan(estate: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Have the agent started with the system and whenever it ends, and restart it where backups failed for want of it."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(estate, finding))


def means(estate: Estate, finding: Finding[Any]) -> tuple[Step, ...] | str:
    guest = estate.guest.get(finding.vm)
    if guest and guest.windows:
        return on_windows(guest.windows, finding)
    if guest and guest.linux and guest.linux.agent:
        return on_linux(guest.linux, guest.linux.agent, finding)
    return "what it is like inside is not known any more: scan it again"


def on_windows(guest: WindowsGuest, finding: Finding[Any]) -> tuple[Step, ...] | str:
    services = [one for name in AGENTS if (one := guest.service(name))]
    if missing := [name for name in AGENTS if not guest.service(name)]:
        return f"{' and '.join(missing)} is not there: {anew(services)}"
    if odd := [one for one in services if one.start.lower() not in MODES]:
        return f"run in the VM: Set-Service -Name {odd[0].name} -StartupType Automatic"
    late = [one for one in services if one.start.lower() != "auto"]
    bare = [one.name for one in services if f"recovery: {one.name}" not in guest.marks]
    stopped = [one for one in services if one.state.lower() not in RUNS]
    again = stopped or (services if finding.failure else [])
    return (*kept(finding.vm, late, bare), *restarted(finding.vm, again))


def anew(left: Sequence[Service]) -> str:
    """Return how a person installs the VM agent anew, of whose services these are left (SEED, WGA25)."""
    ends = [f"{does} {one.name}" for does in ("net stop", "sc.exe delete") for one in left]
    return (
        f"install the VM agent anew, in the VM as an administrator and while no backup runs: {', '.join(ends)}; "
        "uninstall Windows VM Agent where Programs and Features lists it; move C:\\WindowsAzure\\Packages and GuestAgent* "
        f"beside it into a folder OLD; get the newest MSI from {INSTALLER} and run msiexec.exe /i with its path; see that "
        f"{' and '.join(AGENTS)} run, and back up"
    )


def on_linux(guest: LinuxGuest, unit: Service, finding: Finding[Any]) -> tuple[Step, ...] | str:
    start = unit.start.lower() not in STARTS
    if unit.state.lower() in APART or (start and unit.start.lower() != "disabled"):
        return "set this right in the guest, over SSH and while no backup runs: " + "; ".join(
            finding.evidence.faults
        )
    again = guest.restart if any(hints_of_linux(guest)) else None
    restart = restarted(finding.vm, [unit], linux=True) if finding.failure else ()
    return (kept_on_linux(finding.vm, start=unit.start if start else None, again=again), *restart)


PLAYBOOK = Playbook(
    id="agent-service",
    title="The VM agent's service does not run, or is not kept running",
    causes=("C2", "C3"),
    fix_class=FixClass.GUARDED,
    remedy="Have the agent's service start by itself, now and whenever it ends, and restart it.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    requested=requested,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
