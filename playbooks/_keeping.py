"""How the agent's service is kept running, and restarted apart from the script that it carries out itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from azremedy.arm import ArmId
from azremedy.guest import RESTART, keep_agent, keep_agents, keep_no_agent, keep_no_agents, restart_agents
from azremedy.plan import Expect, Irreversible, Step, Test, View
from azremedy.resources import Service

from ._cures import AGENT_READY, shows
from ._inside import run

MODES = {"auto": "Automatic", "manual": "Manual", "disabled": "Disabled"}
"""What Set-Service calls a start mode, by what Windows does, in lower case."""
BACK = timedelta(minutes=3)
"""
How long after a script that puts a restart off an agent reports which has come back.

The script takes half a minute, and so does what it puts off; a word from before that proves nothing.
"""


def back(vm: ArmId) -> Expect:
    """Expect the agent to report, well after a restart that a script put off."""
    seconds = round(BACK.total_seconds())
    return Expect(vm, f"{AGENT_READY}.time", Test.NEWER, seconds, View.INSTANCE_VIEW)


def kept(vm: ArmId, late: Sequence[Service], bare: Sequence[str]) -> Iterator[Step]:
    """Yield the step after which services start with Windows, and those that are `bare` whenever they end."""
    if not (late or bare):
        return
    before = {one.name: MODES[one.start.lower()] for one in late}
    yield run(
        vm,
        keep_agents(dict.fromkeys(before, "Automatic"), bare),
        f"have Windows start the agent of {vm.name} with itself, and again when it ends",
        before=(
            *(starts(vm, one.name, one.start) for one in late),
            *(recovers(vm, one, there=False) for one in bare),
        ),
        after=(
            *(starts(vm, one.name, "Auto") for one in late),
            *(recovers(vm, one, there=True) for one in bare),
        ),
        undo=keep_no_agents(before, bare).on(vm),
    )


def starts(vm: ArmId, service: str, mode: str) -> Expect:
    """Expect a service to start so, in Windows's own word."""
    return shows(vm, f"services.{service}.start", mode, View.WINDOWS_GUEST)


def recovers(vm: ArmId, service: str, *, there: bool) -> Expect:
    """Expect Windows to do something when a service ends, or nothing."""
    return shows(vm, f"marks.recovery: {service}", there or None, View.WINDOWS_GUEST)


def kept_on_linux(vm: ArmId, *, start: str | None, again: str | None) -> Step:
    """
    Return the step after which systemd starts the agent with the VM, and again whenever it ends.

    `start` and `again` are how it starts, and what happens at its end, until then; None where that stays.
    """
    what = {"agent.start": (start, "enabled"), "restart": (again, "always")}
    changed = {path: words for path, words in what.items() if words[0]}
    script = {"start": start is not None, "again": again is not None}
    when = [word for word, there in (("after a restart", start), ("again when it ends", again)) if there]
    return run(
        vm,
        keep_agent(**script),
        f"have systemd start the agent of {vm.name} {' and '.join(when)}",
        before=tuple(shows(vm, path, was, View.LINUX_GUEST) for path, (was, _) in changed.items()),
        after=tuple(shows(vm, path, then, View.LINUX_GUEST) for path, (_, then) in changed.items()),
        undo=keep_no_agent(**script).on(vm),
    )


def restarted(vm: ArmId, services: Sequence[Service], *, linux: bool = False) -> Iterator[Step]:
    """Yield the step that restarts services of the agent, or starts those that are stopped; none for none."""
    if not services:
        return
    view = View.LINUX_GUEST if linux else View.WINDOWS_GUEST
    path = "agent.state" if linux else "services.{}.state"
    runs = "active" if linux else "Running"
    yield run(
        vm,
        RESTART if linux else restart_agents([one.name for one in services]),
        f"restart the agent of {vm.name} ({', '.join(one.name for one in services)}), once the script is over",
        before=tuple(shows(vm, path.format(one.name), one.state, view) for one in services),
        after=(back(vm), *(shows(vm, path.format(one.name), runs, view) for one in services)),
        undo=Irreversible("a restart leaves nothing to take back"),
    )
