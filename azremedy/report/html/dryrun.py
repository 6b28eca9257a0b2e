"""What a saved plan would do, line by line, in the words that the terminal has for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from azremedy.arm import ArmId
from azremedy.plan import Expect, Guarded, Test, View
from azremedy.report.plan import GUARDING, conditions, guarding, leaves, shown, span

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line of a dry run, set in by `depth`.

    `kind` is `step` (then `fix_class` says of which class), `address`, `gone`, `new`, `lost`, `note` or `aside`.
    """

    kind: str
    text: str
    depth: int
    fix_class: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A group of a plan: how many findings it is for, what it does, and until when a relief lasts."""

    id: str
    findings: int
    vms: tuple[str, ...]
    playbooks: tuple[str, ...]
    fix_class: str
    relief: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def shared(self) -> bool:
        """Whether it stands in a place of its own: no diff stands twice on a page, and what was asked for stands somewhere."""
        return self.findings != 1


def planned(plan: Data) -> Iterator[Planned]:
    """Yield the groups of a plan's document (`schemas/plan.json`)."""
    unlocked = span(timedelta(seconds=plan["choices"]["maxUnlocked"]))
    for group in plan["groups"]:
        yield Planned(
            id=group["id"],
            findings=len(group["findings"]),
            vms=tuple(ArmId(vm).name for vm in group["vms"]),
            playbooks=tuple(group["playbooks"]),
            fix_class=group["class"],
            relief=tuple(group["relief"]),
            lines=(*wave(group), *nodes(group["steps"], unlocked, 0), *guards(group)),
        )


def wave(group: Data) -> Iterator[Line]:
    """Yield in which wave a group comes, where there are waves."""
    if number := group.get("wave"):
        yield Line(
            "note",
            f"in wave {number}" + (", once the one before is over and has helped" if number > 1 else ""),
            0,
        )


def guards(group: Data) -> Iterator[Line]:
    """Yield what locks guard before and after, where they are moved."""
    held = [Guarded(ArmId(one["resource"]), one["before"], one["after"]) for one in group["guards"]]
    if held:
        yield Line("note", GUARDING, 0)
    yield from (Line("new" if stays else "gone", said, 1) for said, stays in guarding(held))


def group_of(plan: Data) -> dict[str, str]:
    """Return by a finding's fingerprint the group that cures it."""
    return {finding: group["id"] for group in plan["groups"] for finding in group["findings"]}


def nodes(of: Iterable[Data], unlocked: str, depth: int) -> Iterator[Line]:
    for node in of:
        if "open" in node:
            yield from bracket(node, unlocked, depth)
        elif "rungs" in node:
            yield Line("note", "one after the other, until it helps:", depth)
            yield from nodes(node["rungs"], unlocked, depth + 1)
            yield Line("aside", f"enough once {conditions(expects(node['until']))}", depth)
        else:
            yield from step(node, depth)


def bracket(one: Data, unlocked: str, depth: int) -> Iterator[Line]:
    """Yield a write, what is done meanwhile, and when it is taken back."""
    yield from step(one["open"], depth)
    yield from nodes(one["body"], unlocked, depth + 2)
    if one["keepOpen"]:
        yield Line("lost", "it stays lifted, as asked with --keep-unlocked", depth)
        return
    yield Line(
        "note", f"put back once {conditions(expects(one['until']))}; in any case after {unlocked}", depth
    )


def step(one: Data, depth: int) -> Iterator[Line]:
    """Yield what a step does: its request, what is there before and after, its losses, its way back, its rights."""
    yield Line("step", one["summary"], depth, one["class"])
    yield Line("address", f"{one['method']} {address(one)}", depth + 1)
    for kind, text in (
        *changes(one),
        *(("lost", f"lost for good: {lost}") for lost in one["loses"]),
        ("aside", f"way back: {way_back(one['undo'])}"),
        ("aside", f"needs: {', '.join(one['permissions'])}"),
    ):
        yield Line(kind, text, depth + 1)


def address(request: Data) -> str:
    return f"{request['resource']}/{request['action']}" if request["action"] else request["resource"]


def changes(one: Data) -> Iterator[tuple[str, str]]:
    """Yield what is there before and after as a diff, and under which conditions it is sent."""
    own, body = ArmId(one["resource"]), dict(leaves(one["body"]))
    after = expects(one["after"])
    touched = {expect.path for expect in after if expect.target == own} | body.keys()
    whole = one["method"] == "DELETE" or "" in touched
    for before in expects(one["before"]):
        mine = before.target == own and before.view is View.RESOURCE
        if mine and before.test is Test.EQUALS and (whole or before.path in touched):
            yield "gone", f"- {shown(before, own)}"
        elif not (mine and before.test is Test.ABSENT and (whole or not before.path)):
            yield "aside", f"only while {shown(before, own)}"
    posted = one["method"] == "POST"
    for path, value in body.items():
        yield ("note", f"with {path}: {value}") if posted else ("new", f"+ {path}: {value}")
    for expect in after:
        if body.get(expect.path) != expect.value or expect.test is not Test.EQUALS:
            yield "new", f"+ {shown(expect, own)}"


def expects(of: Iterable[Data]) -> Sequence[Expect]:
    return [
        Expect(ArmId(one["target"]), one["path"], Test(one["test"]), one["value"], View(one["view"]))
        for one in of
    ]


def way_back(undo: Data) -> str:
    match undo["kind"]:
        case "restore":
            return "put back as it was read just before"
        case "irreversible":
            return f"none: {undo['reason']}"
        case _:
            return f"{undo['method']} {address(undo)}"
