"""A plan as commands of `az`, for who would rather send them by hand; quoted for bash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from azremedy.apply import shell
from azremedy.arm import Request, resolved
from azremedy.plan import Bracket, Group, Ladder, Node, Restore, Step
from azremedy.report.plain import plain
from azremedy.report.plan import afterwards, conditions, way_back

LOCK = "microsoft.authorization/locks"
VM = "microsoft.compute/virtualmachines"
VERBS = {
    ("DELETE", LOCK, ""): "lock delete",
    ("DELETE", f"{VM}/extensions", ""): "vm extension delete",
    **{
        ("POST", VM, verb): f"vm {verb}" for verb in ("reapply", "redeploy", "restart", "start", "deallocate")
    },
}
"""What `az` has a verb for; all else goes through `az rest`."""


def text(groups: Iterable[Group], now: datetime) -> str:
    """
    Return the commands of these groups, and between them in comments what azremedy would wait for.

    Moments that lie a span after the send are written as if all were sent `now`: no shell computes dates everywhere.
    """
    return "".join(f"{line}\n" for group in groups for line in of_group(group, now))


def of_group(group: Group, now: datetime) -> Iterator[str]:
    if group.wave is not None:
        yield comment(f"wave {group.wave}: begin it once the one before is over and has helped")
    for cure in group.cures:
        yield comment(f"{cure.playbook}: {', '.join(vm.name for vm in cure.vms)}")
    yield from nodes(group.nodes, now)
    yield from (comment(said.plain) for said in afterwards(group))
    yield ""


def nodes(of: Iterable[Node], now: datetime) -> Iterator[str]:
    for node in of:
        match node:
            case Step():
                yield comment(node.summary)
                yield command(node.request, now)
            case Ladder():
                for rung in node.rungs:
                    yield from nodes([rung], now)
                    yield comment(f"wait; the rest is not needed once {conditions(node.until)}")
            case Bracket():
                yield from bracket(node, now)


def bracket(one: Bracket, now: datetime) -> Iterator[str]:
    yield from nodes([one.open], now)
    yield from nodes(one.body, now)
    if one.keep_open:
        return
    yield comment(f"wait until {conditions(one.until)}, then put back what was lifted")
    undo = one.open.undo
    if isinstance(undo, Restore) and one.open.request.id.type == LOCK:
        yield relock(one.open)
    elif isinstance(undo, Request):
        yield command(undo, now)
    else:
        yield comment(way_back(undo))


def command(request: Request, now: datetime) -> str:
    """Return the command that sends a request."""
    if request.method == "PUT" and request.id.type == LOCK:
        told = request.body["properties"]
        return shell.lock(request.id, told["level"], told.get("notes"))
    verb = VERBS.get((request.method, request.id.type, request.action))
    sent = replace(request, body=resolved(request.body, lambda: now))
    return shell.of_ids(verb, sent) if verb else shell.rest(sent)


def relock(lifted: Step) -> str:
    """Return the command that puts a lock back as the plan saw it."""
    lock = lifted.request.id
    held = {expect.path.rpartition(".")[2]: expect.value for expect in lifted.before if expect.target == lock}
    return shell.lock(lock, str(held.get("level")), held.get("notes"))


def comment(said: str) -> str:
    return plain(f"# {said}")
