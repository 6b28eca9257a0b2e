"""What a scan does not know, gathered: gaps of one kind and one answer stand together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from azremedy.report.html.figures import Bar, bars

UNREAD, UNDECIDED, UNEXPLAINED = "not read", "not evaluated", "unexplained"
KINDS = (UNREAD, UNDECIDED, UNEXPLAINED)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is not known of several scopes, for one reason."""

    what: str
    because: str
    scopes: tuple[str, ...]


def unread(document: Mapping[str, Any]) -> list[Gap]:
    """Return the reads that failed, those with the same answer together."""
    return together(
        (one["what"], " ".join([one["reason"], *answer(one)]), one["scope"]) for one in document["unread"]
    )


def answer(one: Mapping[str, Any]) -> list[str]:
    """Return the status and code of a failed read in brackets, where there is one."""
    said = " ".join(str(part) for part in (one["status"], one["code"]) if part is not None)
    return [f"({said})"] if said else []


def undecided(document: Mapping[str, Any]) -> list[Gap]:
    """Return the verdicts that are missing, those of one playbook for one reason together."""
    return together((one["playbook"], one["because"], one["vm"]) for one in document["notEvaluated"])


def together(of: Iterable[tuple[str, str, str]]) -> list[Gap]:
    alike: dict[tuple[str, str], list[str]] = {}
    for what, because, scope in of:
        alike.setdefault((what, because), []).append(scope)
    return [Gap(what, because, tuple(scopes)) for (what, because), scopes in alike.items()]


def unknown(document: Mapping[str, Any]) -> list[Bar]:
    """Return a bar for each kind of thing that was not read, each playbook that gave no verdict, and the unexplained."""
    counted = [
        *((what, {UNREAD: number}) for what, number in of(document, "unread", "what")),
        *((what, {UNDECIDED: number}) for what, number in of(document, "notEvaluated", "playbook")),
        *([("failures", {UNEXPLAINED: number})] if (number := len(document["unexplained"])) else []),
    ]
    return bars(((what, what, numbers) for what, numbers in counted), KINDS)


def of(document: Mapping[str, Any], list_: str, member: str) -> list[tuple[str, int]]:
    """Return how often each value of a member stands in one of the document's lists, the most frequent first."""
    return Counter(one[member] for one in document[list_]).most_common()
