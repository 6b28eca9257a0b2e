"""A plan as commands of `az`, for who would rather send them by hand; quoted for a POSIX shell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from azremedy.apply.addresses import version
from azremedy.arm import Request, resolved
from azremedy.plan import Bracket, Group, Ladder, Node, Restore, Step
from azremedy.report.plain import plain
from azremedy.report.plan import afterwards, conditions, way_back
from azremedy.report.shell import quoted

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
    verb = VERBS.get((request.method, request.id.type, request.action))
    if verb:
        return f"az {verb} --ids {quoted(request.id.text)}"
    url = f"{request.address}?api-version={version(request.id)}"
    body = resolved(request.body, lambda: now)
    given = [] if body is None else ["--body", quoted(json.dumps(body))]
    return " ".join(["az rest --method", request.method.lower(), "--url", quoted(url), *given])


def relock(lifted: Step) -> str:
    """Return the command that puts a lock back as the plan saw it."""
    lock, scope = lifted.request.id, lifted.request.id.scope
    held = {expect.path.rpartition(".")[2]: expect.value for expect in lifted.before if expect.target == lock}
    words = ["az lock create --name", quoted(lock.name), "--lock-type", quoted(str(held.get("level")))]
    if held.get("notes"):
        words += ["--notes", quoted(str(held["notes"]))]
    if scope.type:
        words += ["--resource", quoted(scope.text)]
    elif scope.group:
        words += ["--resource-group", quoted(scope.name)]
    return " ".join([*words, "--subscription", quoted(str(lock.subscription))])


def comment(said: str) -> str:
    return plain(f"# {said}")
