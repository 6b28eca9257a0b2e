"""The document of a scan: what stands in it, and that the shipped schema describes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from itertools import product
from typing import Any

import pytest
from building import (
    NOW,
    SERVICE_GROUP,
    SUBSCRIPTION,
    VAULT,
    ago,
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    points,
    vm,
    vm_id,
)
from jsonschema import Draft202012Validator

from azremedy import playbook
from azremedy.arm import ArmId
from azremedy.errors import PackagingError
from azremedy.estate import Estate
from azremedy.playbook import Severity
from azremedy.report.document import ROW, data, document, rows
from azremedy.report.schema import names, schema
from azremedy.resources import JobError, Read, Unread
from azremedy.scan import Scan, evaluate

LOCK_PLAYBOOK = [playbook.load()["restore-point-lock"]]
held = collection("sql1")
sick = estate(
    vm(),
    failed_item(),
    failed_job("UserErrorRpCollectionLimitReached"),
    held,
    points(18, held),
    lock(SERVICE_GROUP),
)
gap = Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "AuthorizationFailed")
blind = estate(vm(), item(), held, unread=(gap,))
puzzling = estate(vm(), failed_item(), failed_job(399999, errors=(JobError(399999, "?", "no idea"),)))


def scanned(read: Estate, **more: Any) -> Scan:
    return evaluate(read, LOCK_PLAYBOOK, **more)


def described(schema_: Any, value: Any, root: Any) -> None:
    """Every member of a value is named by its schema."""
    while "$ref" in schema_:
        schema_ = {
            **root["$defs"][schema_["$ref"].rpartition("/")[2]],
            **{key: part for key, part in schema_.items() if key != "$ref"},
        }
    assert schema_.get("description") or schema_ is root
    if isinstance(value, dict) and "properties" in schema_:
        assert set(value) <= set(schema_["properties"])
        for name, member in value.items():
            described(schema_["properties"][name], member, root)
    if isinstance(value, list) and "$ref" in schema_.get("items", {}):
        for member in value:
            described(schema_["items"], member, root)


@pytest.mark.parametrize(
    ("scans", "failed"),
    [
        pytest.param([], [gap], id="nothing could be read"),
        pytest.param([scanned(estate())], [], id="nothing is there"),
        pytest.param([scanned(sick, calls={Read.VMS: 2})], [], id="a lock"),
        pytest.param([scanned(blind)], [], id="something unread"),
        pytest.param([scanned(puzzling)], [], id="an unexplained failure"),
        pytest.param([scanned(sick), scanned(blind)], [gap], id="several subscriptions"),
    ],
)
def test_the_shipped_schema_describes_every_member_of(scans: list[Scan], failed: list[Unread]) -> None:
    whole, made = schema("scan"), document(scans, failed)

    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(made)
    described(whole, made, whole)


def test_the_schema_is_a_schema_and_refuses_what_is_not_a_scan() -> None:
    validator = Draft202012Validator(schema("scan"))
    validator.check_schema(schema("scan"))
    made = document([scanned(sick)])
    wrong = [{**made, "schemaVersion": 2}, {**made, "findings": [{}]}, {**made, "startedAt": "yesterday"}]

    assert [validator.is_valid(one) for one in [made, *wrong]] == [True, False, False, False]


def test_names_the_schemas_and_refuses_others() -> None:
    assert names() == [
        "diagnosis",
        "doctor",
        "estimate",
        "explanation",
        "logs",
        "plan",
        "run",
        "scan",
        "watch",
    ]
    with pytest.raises(PackagingError, match="'scna'"):
        schema("scna")


def test_a_finding_has_the_lock_the_job_and_its_error() -> None:
    [finding] = document([scanned(sick)])["findings"]
    [job] = sick.jobs

    assert {name: finding[name] for name in ("playbook", "causes", "severity", "vm", "resource", "job")} == {
        "playbook": "restore-point-lock",
        "causes": ["C6"],
        "severity": "corroborated",
        "vm": vm_id().text,
        "resource": lock(SERVICE_GROUP).id.text,
        "job": job.id.text,
    }
    assert finding["errorCode"] == finding["errorText"] == "UserErrorRpCollectionLimitReached"
    assert finding["errorNumber"] == 0
    assert finding["evidence"]["collections"] == [held.id.text]
    assert finding["evidence"]["daysLeft"] == 0
    assert finding["fix"] == {
        "class": "guarded",
        "available": True,
        "reason": None,
    }
    assert finding["suppressed"] is None


def test_a_fix_for_a_person_says_why() -> None:
    [finding] = document([scanned(estate(vm(), item(), held, lock("")))])["findings"]

    assert finding["fix"]["class"] == "manual"
    assert "whole subscription" in finding["fix"]["reason"]
    assert [finding[name] for name in ("errorCode", "errorNumber", "errorText", "job")] == [None] * 4


def test_counts_calls_and_vms() -> None:
    [one] = document([scanned(sick, calls={Read.VMS: 2, Read.LOCKS: 1})])["subscriptions"]

    assert one == {
        "id": "00000000-0000-4000-8000-000000000001",
        "name": "test",
        "calls": 3,
        "callsByKind": {"virtual machines": 2, "locks": 1},
        "vms": 1,
        "protected": 1,
        "closeLook": 0,
        "listsOnly": 1,
        "playbooks": ["restore-point-lock"],
        "protectedVms": [vm_id().text],
        "fromGraph": [],
    }


def test_tells_gaps_of_scans_and_subscriptions_that_could_not_be_read() -> None:
    lost = Unread(Read.SUBSCRIPTION, ArmId("/subscriptions/x"), "no answer")
    made = document([scanned(blind)], [lost])

    assert made["unread"] == [
        {
            "scope": "/subscriptions/x",
            "what": "subscription",
            "status": None,
            "code": None,
            "reason": "no answer",
        },
        {
            "scope": SUBSCRIPTION,
            "what": "locks",
            "status": 403,
            "code": "AuthorizationFailed",
            "reason": "ARM refused",
        },
    ]
    assert made["notEvaluated"] == [
        {"playbook": "restore-point-lock", "vm": vm_id().text, "because": "locks not read: ARM refused"}
    ]


def test_tells_failures_that_no_playbook_sees() -> None:
    [one] = document([scanned(puzzling)])["unexplained"]

    assert (one["vm"], one["job"]) == (vm_id().text, f"{VAULT}/backupJobs/job-of-sql1")
    assert (one["errorNumber"], one["errorText"]) == (399999, "no idea")


def test_findings_of_all_subscriptions_stand_worst_first_and_are_summed_up() -> None:
    mild = estate(vm("a"), item("a"), collection("a"), lock(SERVICE_GROUP))
    made = document([scanned(mild), scanned(sick)])

    assert [finding["severity"] for finding in made["findings"]] == ["corroborated", "suspected"]
    assert made["summary"] == {"blocking": 0, "corroborated": 1, "suspected": 1, "info": 0}


def test_times_span_all_scans_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    early = scanned(estate(), started=ago(hours=2), finished=ago(hours=1))
    late = scanned(estate(), started=ago(hours=1), finished=NOW.astimezone(east))
    made = document([late, early])

    assert (made["startedAt"], made["finishedAt"]) == ("2026-11-22T05:00:00Z", "2026-11-22T07:00:00Z")


class Flavour(StrEnum):
    SWEET = "sweet"


@dataclass(frozen=True)
class Inner:
    some_id: ArmId


@dataclass(frozen=True)
class Outer:
    first_part: Inner
    many_2_parts: tuple[Inner, ...]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        ("text", "text"),
        (ArmId("/a/B"), "/a/B"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(hours=1), 3600.0),
        (Flavour.SWEET, "sweet"),
        (Severity.BLOCKING, "blocking"),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({"a-b": (1, 2)}, {"a-b": [1, 2]}),
        (
            Outer(Inner(ArmId("/x")), (Inner(ArmId("/y")),)),
            {"firstPart": {"someId": "/x"}, "many2Parts": [{"someId": "/y"}]},
        ),
    ],
)
def test_evidence_becomes_plain_data(value: Any, plain: Any) -> None:
    made = data(value)

    assert made == plain
    assert not isinstance(made, Enum | IntEnum)


def test_rows_are_flat_and_have_every_column() -> None:
    made = rows(document([scanned(sick), scanned(estate(vm(), item(), held, lock("")))]))

    assert all(list(row) == list(ROW) for row in made)
    assert not any(
        isinstance(cell, dict | list | None) for row, name in product(made, ROW) for cell in [row[name]]
    )
