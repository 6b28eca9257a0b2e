"""
Explanations as Markdown: the page of all symptoms and causes, or what is known of one thing.

The texts are azremedy's own and hold nothing but words and code spans; what was pasted is shown and never interpreted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from azremedy.report.explanation import Document, done_about, order, seen_by
from azremedy.report.markdown import code

MARKUP = re.compile(r"([\\*_<>\[\]|])")
"""What markdown would take for more than a sign, outside of code spans."""

ABOUT = """\
# Symptoms and causes

Every documented error of an Azure VM backup: what it means, the causes in the order in which to look, how azremedy sees
each, what it can do and what only a person can do, what was advised in 2018 and what holds today. `azremedy explain` prints
one of them for a code, a number, a cause or a message pasted from the portal, in English or Spanish; `azremedy diagnose`
says of one VM which of the causes it is.

Editions are states of the documents: `2018-01` is the origin document, `2018-06`, `2019` and `2025` are its later states,
`2018-08` and `2022` states of the page beside it, `2023` is compute's own page. Where editions differ, the order in which to
look is that of the newest, and what only an old one lists comes last. The tags of sources stand in [sources](sources.md).
This page is made by `azremedy explain --all --output markdown`.
"""


def text(made: Document) -> str:
    """Return one explanation with its causes, or the page of all of them."""
    found = made["explanations"]
    lines = whole(made) if len(found) > 1 else single(found[0], made)
    return "\n".join(lines) + "\n"


def whole(made: Document) -> Iterator[str]:
    kinds = {kind: [one for one in made["explanations"] if one["kind"] == kind] for kind in ("symptom", "extension-result", "cause")}  # fmt: skip
    yield ABOUT
    yield "## Codes and messages"
    yield ""
    yield "| Code | Message | Causes |"
    yield "|---|---|---|"
    for one in kinds["symptom"]:
        yield f"| [`{one['id']}`](#{one['id'].lower()}) | {prose(one['title'] or '')} | {linked(one['causes'])} |"
    for one in kinds["symptom"]:
        yield ""
        yield f"### {one['id']}"
        yield ""
        yield from symptom(one)
    yield ""
    yield "## Result numbers of the Linux backup extension"
    yield ""
    yield "They stand in its `extension.log` and in its sub-status (EXT)."
    yield ""
    yield "| Number | Name | Means | Causes | By hand |"
    yield "|--:|---|---|---|---|"
    for one in kinds["extension-result"]:
        name = f"`{one['title']}`" if " " not in one["title"] else one["title"]
        codes = " ".join(f"[as {code_}](#{code_.lower()})" for code_ in one["symptoms"])
        yield f"| {one['id']} | {name} | {prose(one['means'])} | {codes} | {prose(' '.join(one['byHand']))} |"
    yield ""
    yield "## Causes"
    yield from causes(made["causes"], made)


def single(one: Document, made: Document) -> Iterator[str]:
    """Yield what is known of one thing, under a heading of its own."""
    yield f"## {one['id']}"
    yield ""
    if one["kind"] == "symptom":
        yield from symptom(one)
    else:
        yield f"**{prose(one['title'])}**"
        yield ""
        yield prose(one["means"])
        yield from listed("By hand", one["byHand"] if one["kind"] != "cause" else ())
        yield from rest(one)
    alone = one["kind"] == "cause" and one["causes"] == [one["id"]]
    if alone:
        yield ""
        yield from of_cause(made["causes"][0], made)
        return
    in_order = {id_: place for place, id_ in enumerate(one["causes"])}
    yield from causes(sorted(made["causes"], key=lambda cause: in_order[cause["id"]]), made)


def symptom(one: Document) -> Iterator[str]:
    """Yield what a failed backup says of itself, and what it means."""
    if one["takenFor"]:
        yield f"Taken for the message {code(one['takenFor'])}."
        yield ""
    for message in one["messages"]:
        yield f"- {code(message)}"
    for message in one["spanish"]:
        yield f"- Spanish: {code(message)}"
    if one["spellings"]:
        yield f"- also spelt {', '.join(map(code, one['spellings']))}"
    if one["numbers"]:
        yield f"- number {', '.join(map(str, one['numbers']))}"
    if any(one[kind] for kind in ("messages", "spanish", "spellings", "numbers")):
        yield ""
    yield prose(one["means"])
    if one["causes"]:
        yield ""
        yield f"Look at, in this order: {linked(one['causes'])}."
    yield from listed("In 2018", [one["in2018"]] if one["in2018"] else ())
    yield from listed("Today", [one["now"]] if one["now"] else ())
    yield from listed("By hand", one["byHand"])
    yield from rest(one)


def rest(one: Document) -> Iterator[str]:
    """Yield what stands below: the editions' own orders, the codes that list a cause, the sources."""
    if one["editions"]:
        yield ""
        yield f"As the documents list them: {'; '.join(order(one['editions']))}."
    if one["kind"] in {"cause", "playbook"} and one["symptoms"]:
        yield ""
        yield f"Codes that list it: {', '.join(f'`{name}`' for name in one['symptoms'])}."
    if one["sources"] and one["kind"] != "cause":
        yield ""
        yield f"Sources: {', '.join(one['sources'])}."


def causes(held: Iterable[Document], made: Document) -> Iterator[str]:
    for cause in held:
        yield ""
        yield f"### {cause['id']}"
        yield ""
        yield f"**{prose(cause['title'])}**" + (f" ({cause['os'].title()} only)" if cause["os"] else "")
        yield ""
        yield prose(cause["means"])
        yield from of_cause(cause, made)


def of_cause(cause: Document, made: Document) -> Iterator[str]:
    """Yield what is known of a cause, a bold word for each question."""
    cards: Mapping[str, Any] = {card["id"]: card for card in made["playbooks"]}
    yield from listed("Seen by", tuple(seen_by(cause, cards)))
    yield from listed("azremedy can", tuple(done_about(cause, cards)))
    yield from listed("By hand", cause["byHand"])
    yield from listed("In 2018", [cause["in2018"]] if cause["in2018"] else ())
    yield from listed("Today", [cause["now"]])
    yield ""
    yield f"Sources: {', '.join(cause['sources'])}."


def listed(label: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield one line beside what it is, or several below; nothing where there is none."""
    if not lines:
        return
    yield ""
    if len(lines) == 1:
        yield f"**{label}:** {prose(lines[0])}"
        return
    yield f"**{label}:**"
    yield ""
    yield from (f"- {prose(line)}" for line in lines)


def linked(ids: Iterable[str]) -> str:
    return " ".join(f"[{id_}](#{id_.lower()})" for id_ in ids)


def prose(text: str) -> str:
    """Return a text of azremedy's own in which nothing but its code spans is markup."""
    parts = text.split("`")
    return "`".join(part if number % 2 else MARKUP.sub(r"\\\1", part) for number, part in enumerate(parts))
