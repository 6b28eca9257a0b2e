"""
Markdown, for people: a job summary, a pull request, a ticket.

Text from Azure never becomes markup. Plain words stay as they are; a word with any character that GitHub's markdown
or one of its filters could take for more (a link, an image, a mention, HTML, an emoji) stands in a code span.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from azremedy.report import excerpt
from azremedy.report.excerpt import Document
from azremedy.report.plain import plain

MOST = 1_000_000
"""Bytes of a report; GitHub takes a summary of less than 1 MiB."""
LONGEST = 500
"""Characters of one text from Azure."""
GAPS = 50
"""Lines of what is unread, not evaluated or unexplained that are told one by one."""

ICONS = {"blocking": "⛔", "corroborated": "🔴", "suspected": "🟡", "info": "🔵"}

WORD = re.compile(
    r"[('\"]?(?![0-9a-f]{7,}\b)(?:[^\W_]+(?:[-'][^\W\d_]+)*|[0-9]+(?:[.][0-9]+)+%?)[%)'\".,;:?]*"
)
"""
A word that no markdown means anything by: letters, digits, hyphens in between, points between digits. What
looks like the hash of a commit (seven hexadecimal digits or more) or the number of an issue (`AB-1`) is none.
"""
LISTED = re.compile(r"[0-9]+[.)]")


def text(document: Document, most: int = MOST) -> str:
    """Return the report of a scan in at most so many bytes: the worst findings first, the rest counted."""
    findings = excerpt.active(document)
    top = "".join(f"{line}\n" for line in [*head(document, findings), *gaps(document)])
    foot = "".join(f"{line}\n" for line in (*aged(document), *suppressed(document)))
    room = most - len((top + foot).encode()) - len(left_out(len(findings)).encode())
    table, told = fitting(findings, room)
    left = len(findings) - told
    return top + table + (left_out(left) if left else "") + foot


def head(document: Document, findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Azure VM backups"
    yield ""
    yield verdict(document, findings)
    yield ""
    if document["subscriptions"]:
        yield "| Subscription | VMs | Protected | Findings |"
        yield "|---|--:|--:|--:|"
    number = [excerpt.subscription_of(finding["vm"]) for finding in findings]
    for one in document["subscriptions"][:GAPS]:
        yield f"| {code(one['name'])} | {one['vms']} | {one['protected']} | {number.count(one['id'].lower())} |"
    if (more := len(document["subscriptions"]) - GAPS) > 0:
        yield f"| {more} more | | | |"
    yield ""


def verdict(document: Document, findings: Sequence[Mapping[str, Any]]) -> str:
    """Return the counts, or that all is well: only where everything was read and judged."""
    if findings:
        told = (
            f"{ICONS[name]} {number} {name}" for name, number in excerpt.counts(findings).items() if number
        )
        vms = len({finding["vm"].lower() for finding in findings})
        return f"**{', '.join(told)}** on {vms} VM{'s' if vms > 1 else ''}."
    if document["unread"] or document["notEvaluated"]:
        return "**Nothing was found in what could be read**; what could not stands below."
    if document["unexplained"]:
        return "**No known cause was found**, and something is wrong all the same."
    return "**Nothing was found.**"


def gaps(document: Document) -> Iterator[str]:
    """Yield what is not known, above the findings: it weighs more."""
    for gap in listed("Not read, so nothing here is known to be healthy", document["unread"]):
        yield gap if isinstance(gap, str) else f"- {prose(excerpt.unread(gap))}"
    for one in listed("Something is wrong, and no finding says what", document["unexplained"]):
        if isinstance(one, str):
            yield one
        else:
            words = f"{one['because']} {excerpt.failure(one)}".rstrip()
            yield f"- {code(excerpt.place(one['vm']))}: {prose(words)}"
    undecided = sorted(document["notEvaluated"], key=reason)
    alike = [(key, sum(1 for _ in group)) for key, group in groupby(undecided, key=reason)]
    for told in listed("Not evaluated", alike):
        if isinstance(told, str):
            yield told
        else:
            (playbook, because), number = told
            yield f"- {code(playbook)} on {number} VM{'s' if number > 1 else ''}: {prose(because)}"


def reason(one: Mapping[str, Any]) -> tuple[str, str]:
    return one["playbook"], one["because"]


def listed(title: str, told: Sequence[Any]) -> Iterator[Any]:
    """Yield a heading, the first of these, and how many more there are; nothing where there is none."""
    if not told:
        return
    yield f"### {title}"
    yield ""
    yield from told[:GAPS]
    if len(told) > GAPS:
        yield f"- {len(told) - GAPS} more stand in the JSON of the scan"
    yield ""


def fitting(findings: Sequence[Mapping[str, Any]], room: int) -> tuple[str, int]:
    """Return the table of as many findings as there is room for, in bytes, and their number."""
    if not findings:
        return "", 0
    written = [
        "### Findings\n\n| Severity | VM | Cause | Evidence | What can be done |\n|---|---|---|---|---|\n"
    ]
    room -= len(written[0])
    for told, finding in enumerate(findings):
        line = f"{row(finding)}\n"
        room -= len(line.encode())
        if room < 0:
            return "".join(written), told
        written.append(line)
    return "".join(written), len(findings)


def row(finding: Mapping[str, Any]) -> str:
    failed = excerpt.failure(finding)
    evidence = prose(finding["message"]) + (f"<br>backup failed: {prose(failed)}" if failed else "")
    fix = finding["fix"]
    remedy = f"by hand: {fix['reason']}" if fix["reason"] else finding.get("remedy") or fix["class"]
    severity = f"{ICONS[finding['severity']]} {finding['severity']}"
    cells = (severity, code(excerpt.place(finding["vm"])), code(finding["playbook"]), evidence, prose(remedy))
    return f"| {' | '.join(cells)} |"


def left_out(number: int) -> str:
    return f"\n**{number} more** findings, none worse than these, stand in the JSON of the scan.\n"


def aged(document: Document) -> Iterator[str]:
    """Yield how old what stands here may be, where Azure Resource Graph told some of it."""
    if told := excerpt.aged(document):
        yield ""
        yield prose(told)


def suppressed(document: Document) -> Iterator[str]:
    if number := sum(1 for finding in document["findings"] if finding["suppressed"]):
        yield ""
        yield f"{number} suppressed finding{'s are' if number > 1 else ' is'} not shown."


def prose(text: str) -> str:
    """Return a sentence with text from Azure in it: words as words, all else in code spans."""
    words = excerpt.shortened(plain(text), LONGEST).split()
    parts = groupby(enumerate(words), key=lambda word: harmless(*word))
    runs = ((fine, " ".join(word for _, word in held)) for fine, held in parts)
    return " ".join(held if fine else code(held) for fine, held in runs)


def harmless(place: int, word: str) -> bool:
    """Whether a word means nothing in markdown where it stands; at the beginning a number could make a list."""
    return WORD.fullmatch(word) is not None and not (place == 0 and LISTED.match(word))


def code(text: str) -> str:
    """Return a text as a code span, in which nothing is interpreted, that stays within a cell of a table."""
    held = excerpt.shortened(plain(text), LONGEST).replace("|", r"\x7c")
    if not held.strip():
        return "(blank)"
    longest = max((len(run) for run in re.findall("`+", held)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if held.startswith(("`", " ")) or held.endswith(("`", " ")) else ""
    return f"{fence}{edge}{held}{edge}{fence}"
