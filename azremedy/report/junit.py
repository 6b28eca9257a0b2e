"""
JUnit XML, for the test pages of Azure DevOps, GitLab and Jenkins.

A suite is a subscription, a case is a playbook on a VM: failed where it found something, skipped where that is
suppressed or no verdict was given, passed where it looked and found nothing. What could not be read, and a failed
backup that no finding explains, are errors: neither passed nor failed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from azremedy.report import excerpt
from azremedy.report.excerpt import Document
from azremedy.report.plain import plain

PASSED = 100_000
"""Passed cases of a report that are told one by one; where there are more, each VM has one for all its playbooks."""

LONGEST = 1_000
"""Characters of a name or a message."""

Said = Mapping[str, Any]


@dataclass(slots=True)
class Suite:
    """One subscription: its cases by playbook and VM, and what else is to be said of it."""

    id: str
    name: str
    playbooks: Sequence[str] = ()
    vms: Sequence[str] = ()
    findings: dict[tuple[str, str], list[Said]] = field(default_factory=lambda: defaultdict(list))
    undecided: dict[tuple[str, str], Said] = field(default_factory=dict)
    unread: list[Said] = field(default_factory=list)
    unexplained: list[Said] = field(default_factory=list)

    def told(self, playbook: str, vm: str) -> bool:
        return (playbook, vm) in self.findings or (playbook, vm) in self.undecided


def text(document: Document) -> str:
    """Return the XML of a scan."""
    held = list(suites(document).values())
    folded = sum(len(suite.vms) * len(suite.playbooks) for suite in held) > PASSED
    root = ET.Element("testsuites", name="azremedy", time=str(seconds(document)))
    for suite in held:
        root.append(element(suite, document, folded))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, 0)) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def suites(document: Document) -> dict[str, Suite]:
    """Return the subscriptions of a document, those included of which nothing could be read."""
    made = {
        one["id"].lower(): Suite(
            one["id"], one["name"], one.get("playbooks", ()), one.get("protectedVms", ())
        )
        for one in document["subscriptions"]
    }

    def of(scope: str) -> Suite:
        id_ = excerpt.subscription_of(scope)
        return made.setdefault(id_, Suite(id_, id_))

    for finding in document["findings"]:
        of(finding["vm"]).findings[finding["playbook"], finding["vm"].lower()].append(finding)
    for one in document["notEvaluated"]:
        of(one["vm"]).undecided[one["playbook"], one["vm"].lower()] = one
    for gap in document["unread"]:
        of(gap["scope"]).unread.append(gap)
    for one in document["unexplained"]:
        of(one["vm"]).unexplained.append(one)
    return made


def element(suite: Suite, document: Document, folded: bool) -> ET.Element:
    """Return a suite; `folded` gives each VM one passed case for all the playbooks that found nothing on it."""
    made = ET.Element("testsuite", name=shown(suite.name) or shown(suite.id))
    properties = ET.SubElement(made, "properties")
    ET.SubElement(properties, "property", name="subscription", value=shown(suite.id))
    made.extend(cases(suite, folded))
    tags = [part.tag for case in made.iterfind("testcase") for part in case[:1]]
    made.set("tests", str(len(made) - 1))
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        made.set(count, str(tags.count(tag)))
    made.set("time", str(seconds(document)))
    made.set("timestamp", document["startedAt"][:19])
    return made


def cases(suite: Suite, folded: bool) -> Iterator[ET.Element]:
    for gap in suite.unread:
        yield error("unread", f"read {gap['what']} of {gap['scope']}", excerpt.unread(gap))
    for one in suite.unexplained:
        words = f"{one['because']} {excerpt.failure(one)}".rstrip()
        yield error("unexplained", f"unexplained on {excerpt.place(one['vm'])}", words)
    for (playbook, _), findings in suite.findings.items():
        yield found(playbook, findings)
    for (playbook, vm), one in suite.undecided.items():
        if (playbook, vm) not in suite.findings:
            made = case(playbook, f"{playbook} on {excerpt.place(one['vm'])}")
            ET.SubElement(made, "skipped").text = shown(f"not evaluated: {one['because']}")
            yield made
    yield from passed(suite, folded)


def passed(suite: Suite, folded: bool) -> Iterator[ET.Element]:
    for vm in suite.vms:
        place, key = excerpt.place(vm), vm.lower()
        fine = [playbook for playbook in suite.playbooks if not suite.told(playbook, key)]
        if folded and fine:
            yield case("azremedy", f"{len(fine)} playbooks on {place}")
        elif not folded:
            yield from (case(playbook, f"{playbook} on {place}") for playbook in fine)


def found(playbook: str, findings: Sequence[Said]) -> ET.Element:
    """Return the case of what a playbook found on a VM: failed, or skipped where all of it is suppressed."""
    made = case(playbook, f"{playbook} on {excerpt.place(findings[0]['vm'])}")
    failed = [one for one in findings if not one["suppressed"]]
    if not failed:
        reasons = dict.fromkeys(str(one["suppressed"].get("reason", "no reason")) for one in findings)
        ET.SubElement(made, "skipped").text = shown(f"suppressed: {'; '.join(reasons)}")
        return made
    failure = ET.SubElement(made, "failure", type=failed[0]["severity"], message=shown(failed[0]["message"]))
    failure.text = "\n\n".join("\n".join(map(shown, told(one))) for one in failed)
    return made


def told(finding: Said) -> Iterator[str]:
    """Yield what a person needs to go on from a failed case, line by line."""
    yield f"{finding['severity']}: {finding['message']}"
    if failed := excerpt.failure(finding):
        yield f"Its backup failed: {failed}"
    yield from (f"{name}: {finding[name]}" for name in ("vm", "resource", "job") if finding[name])
    if remedy := finding["fix"]["reason"] or finding.get("remedy"):
        yield f"What can be done ({finding['fix']['class']}): {remedy}"
    yield f"Fingerprint: {finding['fingerprint']}"


def seconds(document: Document) -> float:
    """Return how long the scan took."""
    began, ended = (datetime.fromisoformat(document[name]) for name in ("startedAt", "finishedAt"))
    return round(max(0.0, (ended - began).total_seconds()), 3)


def case(of: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=shown(of), name=shown(name))


def error(kind: str, name: str, words: str) -> ET.Element:
    made = case(kind, name)
    ET.SubElement(made, "error", type=kind, message=shown(words))
    return made


def shown(text: str) -> str:
    return excerpt.shortened(plain(text), LONGEST)
