"""Explanations for a person at a terminal, in the order in which one reads them: what it is, then cause after cause."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from azremedy.report.explanation import Document, done_about, order, seen_by
from azremedy.report.plain import plain
from azremedy.report.table import WIDTH, columns, drawn

COLORS = {"safe": "green", "guarded": "yellow", "destructive": "bold red", "manual": "cyan"}


def text(made: Document, *, width: int = WIDTH, color: bool = False) -> str:
    """Return one explanation as paragraphs, several as a table."""
    found = made["explanations"]
    parts: Iterable[RenderableType] = [listing(found)] if len(found) != 1 else of(found[0], made)
    return drawn(parts, width=width, color=color)


def listing(found: Iterable[Document]) -> Table:
    """Return all that can be explained, a line each."""
    table = columns("What", "Means", "Causes")
    table.columns[0].no_wrap = True
    for one in found:
        table.add_row(Text(one["id"]), Text(one["title"] or one["means"]), Text(" ".join(one["causes"])))
    return table


def of(one: Document, made: Document) -> Iterator[RenderableType]:
    """Yield an explanation part by part."""
    cards = {card["id"]: card for card in made["playbooks"]}
    causes = [cause for id_ in one["causes"] for cause in made["causes"] if cause["id"] == id_]
    yield Text(heading(one), "bold")
    if one["takenFor"]:
        yield Text(plain(f"taken for the message: {one['takenFor']}"), "yellow")
    yield from (Text(line, "dim") for line in sayings(one))
    yield Text()
    yield from paragraphs(one["means"])
    yield from told(one)
    if one["kind"] == "cause" and [cause["id"] for cause in causes] == [one["id"]]:
        yield Padding(Group(*inner(causes[0], cards)), (0, 0, 0, 2))
    elif causes:
        yield Text()
        yield Text(f"{'Causes' if len(causes) > 1 else 'The cause'}, in the order in which to look:", "bold")
        for number, cause in enumerate(causes, 1):
            yield Text()
            yield from numbered(number, cause, cards)
    yield from ending(one)


def heading(one: Document) -> str:
    return f"{one['id']}: {one['title']}" if one["title"] else str(one["id"])


def sayings(one: Document) -> Iterator[str]:
    """Yield how else it is said: other messages, Spanish, spellings, numbers, and the code that a result belongs to."""
    yield from (f"also: {message}" for message in one["messages"][1:])
    yield from (f"Spanish: {message}" for message in one["spanish"])
    if one["spellings"]:
        yield f"also spelt {', '.join(one['spellings'])}"
    if one["kind"] == "symptom" and one["numbers"]:
        yield f"number {', '.join(map(str, one['numbers']))}"


def told(one: Document) -> Iterator[RenderableType]:
    """Yield what holds of the thing itself: then, now, by hand."""
    if one["kind"] == "cause":
        return
    yield from labelled("in 2018", filter(None, [one["in2018"]]))
    yield from labelled("today", filter(None, [one["now"]]))
    yield from labelled("by hand", one["byHand"])


def numbered(number: int, cause: Document, cards: Mapping[str, Document]) -> Iterator[RenderableType]:
    where = {"windows": " (Windows only)", "linux": " (Linux only)"}.get(cause["os"] or "", "")
    title = "" if "(" in cause["title"] else where
    yield Text.assemble((f"{number}. {cause['id']}  {cause['title']}{title}", "bold"))
    yield Padding(Group(Text(cause["means"]), *inner(cause, cards)), (0, 0, 0, 3))


def inner(cause: Document, cards: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what is known of a cause, a labelled line for each question."""
    yield from labelled("seen by", seen_by(cause, cards))
    yield from labelled("azremedy can", done_about(cause, cards), cards)
    yield from labelled("by hand", cause["byHand"])
    yield from labelled("in 2018", filter(None, [cause["in2018"]]))
    yield from labelled("today", [cause["now"]])
    yield from labelled("sources", [", ".join(cause["sources"])])


def labelled(label: str, lines: Iterable[str], cards: Mapping[str, Any] | None = None) -> Iterator[Table]:
    """Yield lines beside what they are; nothing where there is no line."""
    held = list(lines)
    if not held:
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=12, no_wrap=True)
    grid.add_column()
    for first, line in enumerate(held):
        shown = Text(line)
        for class_ in COLORS if cards else ():
            shown.highlight_words([f"({class_})"], COLORS[class_])
        grid.add_row(Text("" if first else label, "cyan"), shown)
    yield grid


def paragraphs(prose: str) -> Iterator[Text]:
    for number, part in enumerate(prose.split("\n\n")):
        if number:
            yield Text()
        yield Text(part)


def ending(one: Document) -> Iterator[RenderableType]:
    """Yield what it stands in: the codes that list it, the editions' own orders, the sources."""
    which = "which of them it is at one VM: azremedy diagnose --vm NAME"
    rest = [
        *([which] if one["kind"] == "symptom" and len(one["causes"]) > 1 else []),
        *(["codes that list it: " + ", ".join(one["symptoms"])] if one["symptoms"] else []),
        *(["as the documents list them: " + "; ".join(order(one["editions"]))] if one["editions"] else []),
        *([f"sources: {', '.join(one['sources'])} (docs/sources.md)"] if one["sources"] else []),
    ]
    if rest:
        yield Text()
    yield from (Text(line, "dim") for line in rest)
