"""
Reading the logs of one VM from inside: each by the script that azremedy ships for it, one after the other.

It is asked under the same conditions as by `azremedy.asking`, announced and journaled alike. After a script that failed no
other one is sent: each could take as long to fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from azremedy.arm import ArmId, ProbingReader
from azremedy.asking import Inside, in_the_way, nonsense, not_asked, ran, step, unfit
from azremedy.collect.logs import log as decoded
from azremedy.estate import Estate
from azremedy.guest import LOGS, Script
from azremedy.guest import logs as known
from azremedy.guest.logs import Log, Logged
from azremedy.journal import Journal
from azremedy.plan import Group, Step
from azremedy.playbook import GUEST_READS
from azremedy.resources import LogTold, Read, Unread, Vm

READS: Final = GUEST_READS | {Read.LOCKS}
"""What tells whether a VM may be asked."""


def read_logs(reader: ProbingReader, estate: Estate, vm: ArmId, inside: Inside) -> tuple[Logged, ...]:
    """Return the logs of a VM, each with what it told, in their order; nothing where its operating system is not known."""
    model = estate.vm.get(vm)
    os = (model.os or "").lower() if model else ""
    logs = known.LOGS.get(os, ())
    if model is None or not logs:
        return ()
    items = tuple(one.item.id for one in estate.protected if one.id == vm)
    if why := unwilling(estate, model, os, items):
        return tuple(Logged(log, not_asked(vm, why)) for log in logs)
    with inside.begin([vm]) as journal:
        journal.begin((Group("logs", (), tuple(step_of(model, log) for log in logs)),))
        found = tuple(told(Run(reader, journal, inside, model, items), logs))
        journal.finish(reader.now)
    return found


def step_of(vm: Vm, log: Log) -> Step:
    """Return the step that reads a log, as the journal notes it."""
    return replace(step(vm, script_of(vm, log)), summary=f"read the log {log.name} inside {vm.id.name}")


def script_of(vm: Vm, log: Log) -> Script:
    return LOGS[(vm.os or "").lower()][log.name]


def unwilling(estate: Estate, vm: Vm, os: str, items: Sequence[ArmId]) -> str | None:
    """Return why a VM may not be asked for its logs, as far as what was read tells."""
    power = estate.power.get(vm.id)
    if power not in ("running", None):
        return f"it does not run: it is {power}"
    if not items:
        return "no backup of it is on, and azremedy asks no other VM"
    return unfit(estate, vm, next(iter(LOGS[os].values())))


@dataclass(frozen=True, slots=True)
class Run:
    """What it takes to read the logs of one VM."""

    reader: ProbingReader
    journal: Journal
    inside: Inside
    vm: Vm
    items: tuple[ArmId, ...]


def told(run: Run, logs: Sequence[Log]) -> Iterator[Logged]:
    """Yield each log as the VM told it; once a script failed, the rest as not asked."""
    failed: Unread | None = None
    for number, log in enumerate(logs):
        if failed:
            yield Logged(log, not_asked(run.vm.id, "the script before it failed"))
            continue
        result = of_log(run, number, log)
        failed = result if isinstance(result, Unread) and result.status != 200 else None
        yield Logged(log, result)


def of_log(run: Run, number: int, log: Log) -> LogTold | Unread:
    """Read one log, unless a backup is in the way."""
    vm, os = run.vm.id, (run.vm.os or "").lower()
    if gap := in_the_way(run.reader, run.inside, vm, run.items):
        return gap
    script = script_of(run.vm, log)
    result = ran(run.reader, run.journal, f"logs/{number}", step_of(run.vm, log), script)
    if isinstance(result, Unread):
        return result
    try:
        return decoded(os, log.name, result, names_only=log.names_only)
    except ValueError as error:
        return nonsense(vm, error)
