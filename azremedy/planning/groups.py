"""Cures in groups: what shares a step or a target is carried out one after the other, equal steps once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

from azremedy.arm import ArmId
from azremedy.plan import Bracket, Cure, Expect, Group, Ladder, Node, Step, as_data, steps

WHOLE = ("/providers/microsoft.compute/", "/providers/microsoft.network/")
"""Providers whose child resources (extensions, rules, restore points) change together with their parent."""


def grouped(cures: Sequence[Cure], bracket_size: int) -> Iterator[Group]:
    """
    Yield the cures in groups, in the order they came.

    Together are those that share a step or a target, and those of one VM alone of which one backs it up: a backup tells
    something only once what comes before it is done.
    """
    groups: list[tuple[set[str], list[int]]] = []
    for number, cure in enumerate(cures):
        held, together, apart = touched(cure), [number], []
        for marks, members in groups:
            if marks.isdisjoint(held):
                apart.append((marks, members))
            else:
                held, together = held | marks, [*members, *together]
        groups = [*apart, (held, sorted(together))]
    for numbers in sorted(by_vm(cures, [members for _, members in groups])):
        group = tuple(cures[number] for number in numbers)
        nodes = joined((node for cure in group for node in cure.nodes), bracket_size)
        yield Group(identity(group, nodes), group, nodes)


def by_vm(cures: Sequence[Cure], groups: Sequence[list[int]]) -> Iterator[list[int]]:
    """Yield groups, those of one VM alone as one where a step of them backs it up."""
    alone: dict[ArmId, list[list[int]]] = {}
    for members in groups:
        vms = {vm for number in members for vm in cures[number].vms}
        if len(vms) == 1:
            alone.setdefault(vms.pop(), []).append(members)
        else:
            yield members
    for held in alone.values():
        whole = sorted(number for members in held for number in members)
        backs_up = any(step.triggers_backup for number in whole for step in steps(*cures[number].nodes))
        yield from [whole] if backs_up else held


def touched(cure: Cure) -> set[str]:
    """Return what a cure changes, in words that are equal for whatever must not be changed at the same time."""
    return {
        word
        for step in steps(*cure.nodes)
        for word in (whole(step.request.id), step.changes_vm.key if step.changes_vm else "")
        if word
    }


def whole(target: ArmId) -> str:
    """Return the id of what a write changes: the VM of an extension, the NSG of a rule, the collection of a point."""
    head, provider, rest = target.key.rpartition("/providers/")
    if not f"{provider}{rest}".startswith(WHOLE):
        return target.key
    return head + provider + "/".join(rest.split("/")[:3])


def identity(cures: Iterable[Cure], nodes: Sequence[Node]) -> str:
    """Return what a group is called: a hash of its content."""
    content = [[cure.playbook, sorted(cure.findings)] for cure in cures], as_data(nodes)
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def joined(nodes: Iterable[Node], bracket_size: int) -> tuple[Node, ...]:
    """Return these nodes with equal steps once, and one bracket for each lock as long as its VMs are few enough."""
    made: list[tuple[Node, frozenset[str]]] = []
    held: set[str] = set()
    for node in nodes:
        names = frozenset(map(same, sure([node])))
        if isinstance(node, Step) and names <= held:
            continue
        if not names.isdisjoint(held):
            made = [one for one in made if not isinstance(one[0], Step) or one[1].isdisjoint(names)]
        for number, (there, _) in enumerate(made if not isinstance(node, Step) else ()):
            if (both := one_of(there, node, bracket_size)) is not None:
                made[number] = both, frozenset(map(same, sure([both])))
                held = set().union(*(known for _, known in made))
                break
        else:
            made.append((node, names))
            held |= names
    return tuple(node for node, _ in made)


def sure(nodes: Iterable[Node]) -> Iterator[Step]:
    """Yield the steps of these nodes that will be sent if all goes well: later rungs may not be needed."""
    for node in nodes:
        match node:
            case Step():
                yield node
            case Bracket():
                yield from sure(node.body)
            case Ladder():
                yield from sure(node.rungs[:1])


def one_of(there: Node, new: Node, bracket_size: int) -> Node | None:
    """Return the node that does what both do, or None where they stay apart."""
    match there, new:
        case (Ladder(), Ladder()) if not rungs(there).isdisjoint(rungs(new)):
            within = max(there.within, new.within)
            return Ladder(climb(there.rungs, new.rungs), once(*there.until, *new.until), within)
        case (Bracket(), Bracket()) if there.open.request == new.open.request:
            body = joined((*there.body, *new.body), bracket_size)
            kept = there.keep_open == new.keep_open
            if kept and len(served(body)) <= bracket_size:
                return replace(there, body=body, until=once(*there.until, *new.until))
    return None


def same(node: Node) -> str:
    """Return what makes two steps one: everything but how they are called."""
    unnamed = replace(node, summary="") if isinstance(node, Step) else node
    return json.dumps(as_data(unnamed), sort_keys=True)


def rungs(ladder: Ladder) -> set[str]:
    return {same(rung) for rung in ladder.rungs}


def climb(there: Sequence[Node], new: Sequence[Node]) -> tuple[Node, ...]:
    """Return the rungs of both ladders, each once, in the order of each."""
    order = {same(rung): rung for rung in (*there, *new)}
    names = [same(rung) for rung in there]
    place = 0
    for rung in map(same, new):
        if rung not in names:
            names.insert(place, rung)
        place = names.index(rung) + 1
    return tuple(order[name] for name in names)


def once(*expected: Expect) -> tuple[Expect, ...]:
    """Return these, each once: the strictest reading of two bodies is that both are over."""
    return tuple({json.dumps(as_data(one), sort_keys=True): one for one in expected}.values())


def served(body: Sequence[Node]) -> set[ArmId]:
    """Return the VMs and protected items for which the steps of a body are made."""
    return {one for step in steps(*body) for one in (step.changes_vm, step.triggers_backup) if one}
