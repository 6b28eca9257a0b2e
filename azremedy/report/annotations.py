"""What a build server shows beside a job: one line for each of the worst findings, and how many more there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from azremedy.report import excerpt
from azremedy.report.excerpt import Document
from azremedy.report.plain import plain

SHOWN = 10
"""Annotations of one kind that a step may make; the last of more than these is the number of the others."""
LONGEST = 1_000
"""Characters of a message; build servers cut longer ones."""

KINDS = {"blocking": "error", "corroborated": "error", "suspected": "warning", "info": "notice"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """One line: its kind (error, warning or notice), a title, and a message, both of them plain text."""

    kind: str
    title: str
    message: str


def annotated(document: Document) -> Iterator[Annotation]:
    """Yield what is not known, then the worst findings of each kind."""
    if document["unread"]:
        yield unread(document["unread"])
    if document["unexplained"]:
        yield unexplained(document["unexplained"])
    findings = excerpt.active(document)
    for kind, before in (("error", document["unread"]), ("warning", document["unexplained"]), ("notice", ())):
        room = SHOWN - bool(before)
        held = [one for one in findings if KINDS[one["severity"]] == kind]
        yield from map(of, held if len(held) <= room else held[: room - 1])
        if len(held) > room:
            more = f"{len(held) - room + 1} more findings: the report of the scan has them all"
            yield Annotation(kind, "azremedy", more)


def unread(gaps: list[Mapping[str, Any]]) -> Annotation:
    more = f", and {len(gaps) - 1} more" if len(gaps) > 1 else ""
    words = f"{shown(excerpt.unread(gaps[0]))}{more}. Nothing there is known to be healthy."
    return Annotation("error", "azremedy: not everything was read", words)


def unexplained(vms: list[Mapping[str, Any]]) -> Annotation:
    one = vms[0]
    more = f", and {len(vms) - 1} more" if len(vms) > 1 else ""
    words = f"{excerpt.place(one['vm'])}: {one['because']} {excerpt.failure(one)}".rstrip()
    return Annotation("warning", "azremedy: a failure that no finding explains", shown(words) + more)


def of(finding: Mapping[str, Any]) -> Annotation:
    title = f"{finding['severity']}: {excerpt.place(finding['vm'])}: {finding['playbook']}"
    failed = excerpt.failure(finding)
    words = finding["message"] + (f" (backup failed: {failed})" if failed else "")
    return Annotation(KINDS[finding["severity"]], shown(title), shown(words))


def shown(text: str) -> str:
    return excerpt.shortened(plain(text), LONGEST)
