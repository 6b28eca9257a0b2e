"""
SARIF 2.1.0, as GitHub code scanning takes it.

A cloud resource has no file, so an inventory is written beside the report, with one resource a line, and each result
points at the line of its resource. The fingerprint keeps an alert the same where the line moves.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from azremedy.playbook import load
from azremedy.report import excerpt
from azremedy.report.excerpt import Document
from azremedy.report.plain import plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {"blocking": "error", "corroborated": "error", "suspected": "warning", "info": "note"}

RUNS = 20
RESULTS = 25_000
BYTES = 10_000_000
"""What GitHub takes in one file: runs, results, and bytes of it gzipped."""
LONGEST = 1_000
"""Characters of a message or name; GitHub takes no more than 1,024 of a description."""
NOTICES = 1_000
"""Notifications of one run that are told one by one."""

INVENTORY = "azremedy.inventory.txt"

Data = dict[str, Any]
Finding = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the inventory: its number from 1, and its length as SARIF counts, in UTF-16 code units."""

    number: int
    length: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """The file that results point into, by the address that they name it by."""

    uri: str
    lines: Mapping[str, Line]


def text(document: Document, inventory: str = INVENTORY) -> str:
    """Return the SARIF of a scan whose inventory is at this path, relative to the root of the repository."""
    pointed = Inventory(quote(inventory), numbered(document))
    kept = RESULTS
    while True:
        written = serialized(document, pointed, kept)
        size = gzipped(written)
        if size <= BYTES or not kept:
            return written
        kept = min(kept, len(document["findings"])) * BYTES // (size + size // 10)


def inventory_of(report: PurePath) -> PurePath:
    """Return where the inventory of a report stands: `x.sarif` has `x.inventory.txt` beside it."""
    return report.with_name(f"{report.stem}.inventory.txt")


def inventory(document: Document) -> str:
    """Return the inventory: the protected VMs and all that carries a cause, one id a line, sorted without case."""
    return "".join(f"{line}\n" for line in resources(document))


def resources(document: Document) -> list[str]:
    ids = [shown(one["resource"]) for one in document["findings"]]
    ids += [shown(vm) for one in document["subscriptions"] for vm in one.get("protectedVms", ())]
    once = {id_.lower(): id_ for id_ in reversed(ids)}
    return [once[key] for key in sorted(once)]


def numbered(document: Document) -> dict[str, Line]:
    return {
        line.lower(): Line(number, len(line) if line.isascii() else len(line.encode("utf-16-le")) // 2)
        for number, line in enumerate(resources(document), 1)
    }


def shown(text: str) -> str:
    return excerpt.shortened(plain(text), LONGEST)


def said(text: str) -> Data:
    """Return a message. Brackets would be links in one, and braces placeholders."""
    return {"text": excerpt.shortened(plain(text).translate(MARKS), LONGEST)}


MARKS = str.maketrans({"[": "\\[", "]": "\\]", "{": "{{", "}": "}}"})


def gzipped(written: str) -> int:
    """Return the bytes of a gzipped text, or of the text itself where those are few enough already."""
    return len(written) if len(written) <= BYTES else len(zlib.compress(written.encode("ascii"), level=6))


def serialized(document: Document, pointed: Inventory, most: int) -> str:
    """Return the document with the `most` worst results, one result a line."""
    kept, left = parted(document, most)
    heads = {of: head(document, of, kept[of], left.get(of, 0)) for of in kept}
    if elsewhere := {of: number for of, number in left.items() if of not in kept}:
        gaps = sum(excerpt.subscription_of(gap["scope"]) in elsewhere for gap in document["unread"])
        many = (
            f"{len(elsewhere)} more subscriptions, with {sum(elsewhere.values())} findings and {gaps} failed reads, "
            f"are not in this file, which holds {RUNS}"
        )
        told = next(iter(heads.values()))["invocations"][0].setdefault("toolExecutionNotifications", [])
        told.append(notice("left-out", "error" if gaps else "warning", many))
    runs = (with_list(heads[of], "results", results(heads[of], kept[of], pointed)) for of in kept)
    return with_list({"$schema": SCHEMA, "version": "2.1.0"}, "runs", runs) + "\n"


def with_list(data: Data, name: str, members: Iterable[str]) -> str:
    """Return an object as JSON with one more member, a list of JSON texts, each on a line of its own."""
    return f'{json.dumps(data)[:-1]}, "{name}": [\n' + ",\n".join(members) + "\n]}"


def parted(document: Document, most: int) -> tuple[dict[str, list[Finding]], dict[str, int]]:
    """Return the findings to be told, worst first, by subscription, and the number of those left out."""
    worst = sorted(document["findings"], key=lambda one: excerpt.SEVERITIES.index(one["severity"]))
    found = [(excerpt.subscription_of(one["vm"]), one) for one in worst]
    gaps = (excerpt.subscription_of(gap["scope"]) for gap in document["unread"])
    read = (one["id"].lower() for one in document["subscriptions"])
    runs = list(dict.fromkeys([*(of for of, _ in found), *gaps, *read]))
    kept: dict[str, list[Finding]] = {of: [] for of in runs[:RUNS]}
    left: dict[str, int] = dict.fromkeys(runs[RUNS:], 0)
    room = most
    for of, finding in found:
        if of in kept and room > 0:
            kept[of].append(finding)
            room -= 1
        else:
            left[of] = left.get(of, 0) + 1
    return kept, left


def head(document: Document, of: str, findings: Sequence[Finding], left: int) -> Data:
    """Return the run of one subscription but for its results; `left` findings of it are not told."""
    here = [one for one in document["subscriptions"] if one["id"].lower() == of]
    looked = [playbook for one in here for playbook in one.get("playbooks", ())]
    told = {**dict.fromkeys(looked), **{finding["playbook"]: finding for finding in findings}}
    return {
        "tool": {
            "driver": {
                "name": document["tool"]["name"],
                "version": plain(document["tool"]["version"]) or "unknown",
                "rules": [rule(id_, finding or {}) for id_, finding in told.items()],
            }
        },
        "automationDetails": {"id": f"azremedy/{shown(of)}/"},
        "columnKind": "utf16CodeUnits",
        "invocations": [invocation(document, of, left)],
    }


def rule(id_: str, finding: Finding) -> Data:
    """Return what GitHub shows of a playbook: as this azremedy has it, or as a finding of another version says."""
    if card := load().get(id_):
        title, remedy, about = card.title, card.remedy, card.about.rpartition("Sources:")[0].strip()
        causes = list(card.causes)
    else:
        title = about = shown(finding.get("title") or id_)
        remedy = shown(finding.get("remedy") or title)
        causes = [shown(cause) for cause in finding.get("causes", ()) if cause]
    return {
        "id": id_,
        "name": "".join(part.capitalize() for part in id_.split("-")),
        "shortDescription": said(title),
        "fullDescription": said(" ".join(about.split())),
        "help": {"text": f"{about}\n\n{remedy}", "markdown": f"{about}\n\n**What can be done:** {remedy}"},
        "properties": {"tags": ["azure-backup", *causes]},
    }


def results(head: Data, findings: Sequence[Finding], pointed: Inventory) -> Iterator[str]:
    index = {rule["id"]: number for number, rule in enumerate(head["tool"]["driver"]["rules"])}
    any_suppressed = any(finding["suppressed"] for finding in findings)
    return (json.dumps(result(one, index, pointed, any_suppressed)) for one in findings)


def result(finding: Finding, index: Mapping[str, int], pointed: Inventory, with_suppressions: bool) -> Data:
    resource = shown(finding["resource"])
    line = pointed.lines[resource.lower()]
    made: Data = {
        "ruleId": finding["playbook"],
        "ruleIndex": index[finding["playbook"]],
        "level": LEVELS[finding["severity"]],
        "message": said(sentence(finding)),
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": pointed.uri},
                    "region": {
                        "startLine": line.number,
                        "startColumn": 1,
                        "endLine": line.number,
                        "endColumn": line.length + 1,
                    },
                },
                "logicalLocations": [{"fullyQualifiedName": resource, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": finding["fingerprint"]},
        "properties": properties(finding),
    }
    if with_suppressions:
        made["suppressions"] = suppressions(finding["suppressed"])
    return made


def sentence(finding: Finding) -> str:
    """Return what a person reads: the VM, the cause, and the failed backup that bears it out."""
    error = excerpt.failure(finding)
    told = f"{excerpt.shortened(excerpt.place(finding['vm']), 200)}: {finding['message'].removesuffix('.')}."
    return excerpt.shortened(told, LONGEST - 200) + (f" Its backup failed: {error}." if error else "")


def properties(finding: Finding) -> Data:
    """Return the members of a finding that SARIF has no place for, but the empty ones."""
    wanted = ("severity", "vm", "job", "errorCode", "errorNumber")
    kept = {name: finding[name] for name in wanted if finding[name] not in (None, "")}
    named = {**kept, "fixClass": finding["fix"]["class"]}
    return {name: shown(value) if isinstance(value, str) else value for name, value in named.items()}


def suppressions(suppressed: Mapping[str, Any] | None) -> list[Data]:
    """Return why a result is not to be acted on; none where it is."""
    if not suppressed:
        return []
    known = {name: shown(str(value)) for name, value in suppressed.items() if value and name != "reason"}
    made: Data = {"kind": "external", "status": "accepted"}
    if reason := suppressed.get("reason"):
        made["justification"] = shown(str(reason))
    return [{**made, "properties": known} if known else made]


def invocation(document: Document, of: str, left: int) -> Data:
    """Return how the scan of a subscription went: what was not read, not judged, not explained or not told."""
    made: Data = {
        "executionSuccessful": not any(
            excerpt.subscription_of(gap["scope"]) == of for gap in document["unread"]
        ),
        "startTimeUtc": document["startedAt"],
        "endTimeUtc": document["finishedAt"],
    }
    words = list(notices(document, of))
    told = [notice(*one) for one in words[:NOTICES]]
    for number, kind in ((left, "findings"), (len(words) - NOTICES, "notifications")):
        if number > 0:
            told.append(notice("left-out", "warning", f"{number} more {kind} are not in this file"))
    return {**made, "toolExecutionNotifications": told} if told else made


def notices(document: Document, of: str) -> Iterator[tuple[str, str, str]]:
    """Yield what the findings of a subscription do not say: its kind, its level, and the words for it."""
    for gap in mine(document["unread"], "scope", of):
        yield "unread", "error", excerpt.unread(gap)
    for one in mine(document["notEvaluated"], "vm", of):
        words = f"{one['playbook']} gives no verdict on {excerpt.place(one['vm'])}: {one['because']}"
        yield "not-evaluated", "warning", words
    for one in mine(document["unexplained"], "vm", of):
        words = f"no finding says what is wrong with {excerpt.place(one['vm'])}: {one['because']}"
        yield "unexplained", "warning", f"{words} {excerpt.failure(one)}".rstrip()


def mine(told: Iterable[Mapping[str, Any]], scope: str, of: str) -> Iterator[Mapping[str, Any]]:
    return (one for one in told if excerpt.subscription_of(one[scope]) == of)


def notice(kind: str, level: str, words: str) -> Data:
    return {"descriptor": {"id": kind}, "level": level, "message": said(words)}
