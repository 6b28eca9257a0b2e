"""JUnit XML: a case for each playbook on each VM, legal whatever the names hold."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from documents import (
    AGREED,
    HOSTILE,
    OTHER,
    document,
    finding,
    hostile,
    not_evaluated,
    subscription,
    unexplained,
    unread,
    vm_of,
)
from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml
from xmlschema import XMLSchema

from azremedy.report import junit
from azremedy.report.plain import plain

JENKINS = XMLSchema(Path(__file__).parent / "schemas" / "jenkins-junit.xsd")
LOCK, SIZE = "restore-point-lock", "disk-size"


def told(made: dict[str, Any]) -> ET.Element:
    """The XML of a document, held to Jenkins' schema and read by another library."""
    written = junit.text(made)
    JENKINS.validate(io.StringIO(written))
    root = ET.fromstring(written.encode())
    for suite, again in zip(root, JUnitXml.fromstring(written.encode()), strict=True):
        declared = (again.tests, again.failures, again.errors, again.skipped)
        again.update_statistics()  # type: ignore[no-untyped-call]  # junitparser leaves it bare
        assert declared == (again.tests, again.failures, again.errors, again.skipped)
        assert suite.get("tests") == str(len(suite.findall("testcase")))
    return root


def cases(root: ET.Element) -> dict[str, str]:
    """What became of each case, by its name; every name is there once."""
    found = [
        (str(case.get("name")), case[0].tag if len(case) else "passed") for case in root.iter("testcase")
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_a_suite_is_a_subscription_and_a_case_a_playbook_on_a_vm() -> None:
    here = subscription(playbooks=[LOCK, SIZE], protectedVms=[vm_of(), vm_of("well")])
    root = told(document(finding(), subscriptions=[here, subscription(OTHER, "other")]))

    assert [suite.get("name") for suite in root] == ["test", "other"]
    assert cases(root) == {
        f"{LOCK} on prod/sql1": "failure",
        f"{SIZE} on prod/sql1": "passed",
        f"{LOCK} on prod/well": "passed",
        f"{SIZE} on prod/well": "passed",
    }


def test_a_failure_names_evidence_failed_backup_and_remedy() -> None:
    root = told(document(finding(errorNumber=400155, errorText="Could not talk", job="/j")))
    [failure] = root.iter("failure")

    assert (failure.get("type"), failure.get("message")) == (
        "corroborated",
        "CanNotDelete lock 'keep' keeps Azure Backup from pruning",
    )
    assert failure.text is not None
    assert "Its backup failed: 400155 Could not talk\n" in failure.text
    assert f"resource: {vm_of()}\njob: /j\n" in failure.text
    assert "What can be done (guarded): Lift the lock." in failure.text


def test_two_findings_of_a_playbook_on_a_vm_are_one_case_whatever_the_case_of_its_id() -> None:
    root = told(
        document(finding(resource="/a"), finding(vm=vm_of("SQL1"), resource="/b", message="another lock"))
    )
    [failure] = root.iter("failure")

    assert "resource: /a" in str(failure.text)
    assert "another lock" in str(failure.text)


def test_what_is_not_known_is_an_error_and_what_was_not_judged_is_skipped() -> None:
    here = subscription(playbooks=[LOCK, SIZE], protectedVms=[vm_of()])
    root = told(
        document(
            subscriptions=[here],
            unread=[unread(), unread(OTHER, what="subscription")],
            notEvaluated=[not_evaluated()],
            unexplained=[unexplained()],
        )
    )

    assert cases(root) == {
        "read locks of /subscriptions/00000000-0000-4000-8000-000000000001": "error",
        "unexplained on prod/sql1": "error",
        f"{SIZE} on prod/sql1": "skipped",
        f"{LOCK} on prod/sql1": "passed",
        "read subscription of /subscriptions/00000000-0000-4000-8000-000000000002": "error",
    }
    assert [skipped.text for skipped in root.iter("skipped")] == ["not evaluated: disks not read"]
    assert root.get("errors") == "3"


def test_a_suppressed_finding_is_skipped_with_its_reason_unless_another_is_not() -> None:
    hidden = finding(resource="/a", suppressed=AGREED)
    root = told(document(hidden))

    assert cases(root) == {f"{LOCK} on prod/sql1": "skipped"}
    assert [skipped.text for skipped in root.iter("skipped")] == ["suppressed: agreed"]
    assert cases(told(document(hidden, finding()))) == {f"{LOCK} on prod/sql1": "failure"}


def test_beyond_100000_passed_cases_each_vm_has_one_and_nothing_else_is_folded() -> None:
    vms = [vm_of(f"v{number}") for number in range(9_000)]
    here = subscription(playbooks=[f"p-{number}" for number in range(12)], protectedVms=vms)
    made = document(finding("v0", playbook="p-0"), subscriptions=[here])
    root = ET.fromstring(junit.text(made))
    told_ = cases(root)

    assert len(told_) == 9_001
    assert told_["p-0 on prod/v0"] == "failure"
    assert told_["11 playbooks on prod/v0"] == "passed"
    assert told_["12 playbooks on prod/v1"] == "passed"


def test_a_suite_has_its_time_as_the_build_servers_read_it() -> None:
    [suite] = told(document())

    assert (suite.get("timestamp"), suite.get("time")) == ("2026-11-22T07:00:00", "2.5")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_text_from_azure_stays_text(text: str) -> None:
    root = told(hostile(text))

    assert {one.tag for one in root.iter()} <= {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped"
    }  # fmt: skip
    assert plain(text)[:900] in str(next(root.iter("failure")).get("message")) or len(text) > 900


@given(st.text(max_size=60))
def test_any_text_from_azure_makes_legal_xml(text: str) -> None:
    told(hostile(text))
