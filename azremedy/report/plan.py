"""What a plan would do, for a person at a terminal: every write with what it changes, what it costs and its way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from rich.console import Group as Parts
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from azremedy.arm import ArmId, Json, Request
from azremedy.lifting import place
from azremedy.plan import (
    INSIDE,
    Bracket,
    ByHand,
    Expect,
    FixClass,
    Group,
    Guarded,
    Irreversible,
    Ladder,
    Node,
    Restore,
    Step,
    Test,
    Undo,
    View,
)
from azremedy.planning import Plan
from azremedy.report.plain import plain, plain_line
from azremedy.report.screen import count, local, unread, vm_names
from azremedy.report.table import WIDTH, drawn, listed, whole
from azremedy.resources import Unread

COLORS = {FixClass.SAFE: "green", FixClass.GUARDED: "yellow", FixClass.DESTRUCTIVE: "bold red"}
INDENT = 2
LOCK = "microsoft.authorization/locks"
GUARDING = "what the locks guard, before and after:"
SHOWN = 12
"""How many guarded things a line names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Context:
    """Beside the plan: of what, when it was made, and how long a scope may be unlocked."""

    name: str
    created: datetime
    max_unlocked: timedelta
    unread: tuple[Unread, ...] = ()


def text(plan: Plan, context: Context, *, width: int = WIDTH, color: bool = False) -> str:
    """Return a plan as it is shown before it is carried out."""
    return drawn(of(plan, context), width=width, color=color)


def of(plan: Plan, context: Context) -> Iterator[RenderableType]:
    yield Text(f"Plan for {plain(context.name)}, as of {local(context.created)}", "bold")
    yield Text()
    for wave, groups in groupby(plan.groups, lambda group: group.wave):
        members = list(groups)
        if wave is not None:
            yield of_wave(wave, members)
        for group in members:
            yield of_group(group, context)
            yield Text()
    if plan.by_hand:
        yield listed(Text("By hand:", "bold"), by_hand(plan.by_hand))
        yield Text()
    if context.unread:
        yield unread(context.unread)
        yield Text()
    yield summary(plan)
    yield from (Text(line, "dim") for line in further(plan))


def of_wave(number: int, groups: Iterable[Group]) -> Text:
    """Return which VMs a wave reaches."""
    names = vm_names(vm for group in groups for vm in group.vms)
    said = plain(", ".join(sorted(names.values())))
    return Text.assemble((f"Wave {number}, {count(len(names), 'VM')}: ", "bold"), said)


def of_group(group: Group, context: Context) -> Parts:
    """Return a group: for which VMs, and what is done."""
    names = vm_names(group.vms)
    whose = ", ".join(dict.fromkeys(cure.playbook for cure in group.cures))
    head = Text.assemble((f"{', '.join(names.values())}: {whose}", "bold"), (f"  [{group.id}]", "dim"))
    relief = [Text(plain(f"relieved only: {cure.relief}"), "yellow") for cure in group.cures if cure.relief]
    said = (*relief, *guards(group), *afterwards(group))
    return Parts(head, *indented(nodes(group.nodes, context)), *indented(said))


def guards(group: Group) -> Iterator[Text]:
    """Yield what locks guard before and after, where they are moved."""
    held = [guarded for cure in group.cures for guarded in cure.guards]
    if held:
        yield Text(GUARDING, "bold")
    for said, stays in guarding(held):
        yield Text(plain(f"  {said}"), "green" if stays else "yellow")


def guarding(held: Iterable[Guarded]) -> Iterator[tuple[str, bool]]:
    """Yield a line for all that is guarded alike before and after, and whether it is guarded in the end."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in held:
        change = one.before or "no lock", one.after or "no lock"
        found.setdefault(change, []).append(place(one.resource))
    for (before, after), things in found.items():
        more = f" and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
        yield f"{before} -> {after}: {', '.join(things[:SHOWN])}{more}", after != "no lock"


def afterwards(group: Group) -> Iterator[Text]:
    """Yield what is left to people once the steps are done, in order."""
    said = [line for cure in group.cures for line in cure.afterwards]
    if said:
        yield Text("then, by hand, without which it is not cured:", "yellow")
    yield from (Text(plain(f"  {number}. {line}")) for number, line in enumerate(said, 1))


def nodes(of: Iterable[Node], context: Context) -> Iterator[RenderableType]:
    for node in of:
        match node:
            case Step():
                yield from step(node)
            case Bracket():
                yield from bracket(node, context)
            case Ladder():
                yield Text("one after the other, until it helps:", "italic")
                yield from indented(nodes(node.rungs, context))
                yield Text(f"enough once {conditions(node.until)}", "dim")


def step(one: Step) -> Iterator[RenderableType]:
    """Yield what a step does, line by line."""
    yield Text.assemble((str(one.fix_class), COLORS[one.fix_class]), f"  {plain(one.summary)}")
    yield from indented(details(one))


def details(one: Step) -> Iterator[Text]:
    yield Text(plain(f"{one.request.method} {one.request.address}"))
    yield from changes(one)
    yield from (Text(f"lost for good: {plain(lost)}", "bold red") for lost in one.loses)
    yield Text(f"way back: {way_back(one.undo)}", "dim")
    yield Text(f"needs: {', '.join(sorted(one.permissions))}", "dim")


def changes(one: Step) -> Iterator[Text]:
    """Yield what is there before and after as a diff, and under which conditions it is sent."""
    body = dict(leaves(one.request.body))
    touched = {expect.path for expect in one.after if expect.target == one.request.id} | body.keys()
    whole = one.request.method == "DELETE" or "" in touched
    stays = [before for before in one.before if before in one.after and before.view is View.RESOURCE]
    for before in one.before:
        own = before.target == one.request.id and before.view is View.RESOURCE and before not in stays
        if own and before.test is Test.EQUALS and (whole or before.path in touched):
            yield Text(f"- {condition(before)}", "red")
        elif not (own and before.test is Test.ABSENT and (whole or not before.path)):
            yield Text(f"  only while {shown(before, one.request.id)}", "dim")
    if one.request.method == "POST":
        yield from (line for path, value in body.items() for line in told(path, value))
    else:
        yield from (Text(plain(f"+ {path}: {value}"), "green") for path, value in body.items())
    for after in one.after:
        if after not in stays and (body.get(after.path) != after.value or after.test is not Test.EQUALS):
            yield Text(f"+ {shown(after, one.request.id)}", "green")


def told(path: str, value: Json) -> Iterator[Text]:
    """Yield what a POST sends at a path; a script line by line, as it is run."""
    if path != "script" or not isinstance(value, list | tuple):
        yield Text(plain(f"  with {path}: {value}"))
        return
    yield Text("  with this script:")
    yield from (whole(f"    {plain_line(str(line))}") for line in value)


def shown(expect: Expect, own: ArmId) -> str:
    """Return what is expected of a step's own resource, or with its name of another one."""
    said, target = condition(expect), expect.target
    if target == own:
        return said
    on = f" on {place(target.scope)}" if target.type == LOCK else ""
    return f"{plain(f'{target.name}{on}')} shows {said}"


def condition(expect: Expect) -> str:
    path = expect.path or {View.NEWEST_JOB: "backup job"}.get(expect.view, "")
    path = f"inside, {path}" if expect.view in INSIDE else path
    match expect.test:
        case Test.EQUALS:
            said = f"{path}: {expect.value}"
        case Test.ABSENT:
            said = f"{path}: none" if path else "(gone)"
        case Test.BELOW:
            said = f"{path}: fewer than {expect.value}"
        case Test.ABOVE:
            said = f"{path}: a later version than {expect.value}"
        case Test.NEWER:
            by = f", by {expect.value} s" if expect.value else ""
            said = f"{path}: later than this write{by}"
    return plain(said)


def conditions(until: Sequence[Expect]) -> str:
    met = (f"{plain(one.target.name)} shows {condition(one)}" for one in until)
    return " and ".join(met) if until else "its steps are done"


def leaves(body: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every value of a body with its dotted path."""
    match body:
        case dict() if body:
            for name, value in body.items():
                yield from leaves(value, f"{path}.{name}" if path else name)
        case list() if body and any(isinstance(one, dict | list) for one in body):
            for number, value in enumerate(body):
                yield from leaves(value, f"{path}[{number}]")
        case None if not path:
            return
        case _:
            yield path, body


def way_back(undo: Undo) -> str:
    match undo:
        case Restore():
            return "put back as it was read just before"
        case Irreversible():
            return plain(f"none: {undo.reason}")
        case Request():
            return plain(f"{undo.method} {undo.address}")


def bracket(one: Bracket, context: Context) -> Iterator[RenderableType]:
    """Yield a write, what is done meanwhile, and when it is taken back."""
    yield from step(one.open)
    yield from indented(nodes(one.body, context), 2 * INDENT)
    if one.keep_open:
        yield Text("it stays lifted, as asked with --keep-unlocked", "bold yellow")
        return
    latest = local(context.created + context.max_unlocked)
    yield Text(f"put back once {conditions(one.until)};")
    yield Text(
        f"unlocked for at most {span(context.max_unlocked)}: if begun now, closed by {latest} in any case",
        "yellow",
    )


def indented(parts: Iterable[RenderableType], by: int = INDENT) -> Iterator[RenderableType]:
    return (Padding(part, (0, 0, 0, by)) for part in parts)


def by_hand(left: Sequence[ByHand]) -> list[str]:
    """Return a line for each playbook and reason, with the VMs."""
    names = vm_names(one.vm for one in left)
    together: dict[tuple[str, str], list[str]] = {}
    for one in left:
        together.setdefault((one.playbook, one.reason), []).append(names[one.vm])
    return [
        f"{', '.join(dict.fromkeys(vms))}: {playbook}: {plain(reason)}"
        for (playbook, reason), vms in together.items()
    ]


def summary(plan: Plan) -> Text:
    """Return the counts, or that nothing is planned."""
    if not plan.groups:
        return Text("Nothing is planned.", "bold")
    numbers = Counter({one: number for one, number in plan.counts().items() if number})
    classes = Text(", ").join(Text(f"{number} {one}", COLORS[one]) for one, number in numbers.items())
    vms = len({vm for group in plan.groups for vm in group.vms})
    return Text.assemble((count(numbers.total(), "write"), "bold"), " (", classes, f") on {count(vms, 'VM')}")


def further(plan: Plan) -> Iterator[str]:
    """Yield what more would be cured with which flag."""
    for class_ in (FixClass.GUARDED, FixClass.DESTRUCTIVE):
        if number := plan.further(class_):
            yield f"{count(number, 'more finding')} with --allow {class_}"
    if plan.suspected:
        yield f"up to {count(plan.suspected, 'more finding')} with --severity suspected"


def span(of: timedelta) -> str:
    """Return a length of time in its largest whole unit: `4 h`."""
    seconds = int(of.total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
