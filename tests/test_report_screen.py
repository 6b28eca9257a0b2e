"""The table on the screen: what a person is told, in the columns that there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from building import (
    SERVICE_GROUP,
    SUBSCRIPTION,
    ago,
    collection,
    container,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    points,
    view,
    vm,
    vm_id,
)
from rich.cells import cell_len

from azremedy import playbook
from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.report import screen
from azremedy.resources import JobError, Read, Subscription, Unread
from azremedy.scan import Scan, evaluate

held = collection("sql1")
sick = estate(
    vm(),
    failed_item(),
    failed_job("UserErrorRpCollectionLimitReached"),
    held,
    points(18, held),
    lock(SERVICE_GROUP),
    view(),
)
GAP = Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "AuthorizationFailed")


def scanned(read: Estate, **more: Any) -> Scan:
    """What one playbook says, as if it were the only one there is."""
    return replace(
        evaluate(read, [playbook.load()["restore-point-lock"]], **more), playbooks=tuple(playbook.load())
    )


def shown(*scans: Scan, **more: Any) -> str:
    return " ".join(screen.text(scans, **more).split())


def test_a_finding_names_vm_cause_evidence_failed_job_and_remedy() -> None:
    text = shown(scanned(sick), width=400)

    assert "corroborated sql1 restore-point-lock CanNotDelete lock 'keep'" in text
    assert "backup failed 8 h ago: UserErrorRpCollectionLimitReached" in text
    assert playbook.load()["restore-point-lock"].remedy in text
    assert "0 blocking, 1 corroborated, 0 suspected, 0 info on 1 VM" in text


def test_a_finding_for_a_person_says_why_instead_of_the_remedy() -> None:
    text = shown(scanned(estate(vm(), item(), held, lock(""))), width=400)

    assert "by hand: lifting a lock of the whole subscription" in text


def test_the_head_names_the_subscription_and_counts() -> None:
    assert shown(scanned(sick)).startswith(
        "Subscription test (00000000-0000-4000-8000-000000000001): 1 VM, 1 protected, as of 2026-11-2"
    )


def test_a_failure_without_a_known_code_is_shown_by_number_and_text() -> None:
    odd = failed_job(0, errors=(JobError(399999, "?", "no idea"),))
    text = shown(scanned(estate(vm(), failed_item(), odd)))

    assert (
        "Something is wrong, and no finding says what: prod/sql1: backup failed 8 h ago: 399999 no idea"
        in text
    )
    assert "All good" not in text


def test_vms_of_one_name_are_told_apart_by_their_group() -> None:
    other = vm_id("sql1", "test")
    twin = replace(item(), id=ArmId(f"{item().id}-twin"), vm=other, container=container("sql1", "test"))
    twins = estate(
        vm(), vm(id=other), item(), twin, held, replace(held, id=ArmId(f"{held.id}2"), source=other), lock("")
    )
    text = shown(scanned(twins))

    assert "prod/sql1" in text
    assert "test/sql1" in text
    assert "prod/sql1" not in shown(scanned(sick))


def test_all_good_is_said_where_everything_was_read_and_nothing_found() -> None:
    assert "All good" in shown(scanned(estate(vm(), item())))


@pytest.mark.parametrize(
    ("read", "instead"),
    [
        pytest.param(
            estate(vm(), item(), unread=(GAP,)), "Nothing was found in what could be read", id="unread"
        ),
        pytest.param(estate(vm()), "no VM here is protected", id="nothing protected"),
        pytest.param(
            estate(vm(), failed_item(), failed_job("UserErrorUnsupportedDiskSize")),
            "No known cause was found",
            id="unexplained",
        ),
    ],
)
def test_all_good_is_not_said_where(read: Estate, instead: str) -> None:
    text = shown(scanned(read))

    assert instead in text
    assert "All good" not in text


def test_the_foot_tells_gaps_and_groups_what_was_not_evaluated() -> None:
    two = estate(vm("a"), vm("b"), item("a"), item("b"), unread=(GAP,))
    text = shown(scanned(two), width=200)

    assert f"locks of {SUBSCRIPTION}: ARM refused (403 AuthorizationFailed)" in text
    assert "restore-point-lock on 2 VMs: locks not read: ARM refused" in text


def test_a_subscription_that_could_not_be_read_is_told() -> None:
    lost = Unread(Read.SUBSCRIPTION, ArmId("/subscriptions/x"), "no answer")

    assert "subscription of /subscriptions/x: no answer" in shown(failed=[lost])


def test_the_foot_tells_vms_judged_from_lists_calls_and_seconds() -> None:
    listed = scanned(
        estate(vm(), vm("b"), item(), item("b"), view()),
        calls={Read.VMS: 2, Read.LOCKS: 1},
        started=ago(seconds=2.5),
    )
    text = shown(listed)

    assert "1 of 2 protected VMs were judged from lists only (--deep reads each)" in text
    assert "3 calls to ARM in 2.5 s" in text
    assert "lists only" not in shown(scanned(sick))


@pytest.mark.parametrize(
    ("span", "age"),
    [
        (timedelta(seconds=-5), "0 min ago"),
        (timedelta(minutes=59), "59 min ago"),
        (timedelta(hours=47), "47 h ago"),
        (timedelta(days=3, hours=5), "3 days ago"),
    ],
)
def test_ages_are_told_in_their_largest_unit(span: timedelta, age: str) -> None:
    assert screen.age(span) == age


@pytest.mark.parametrize("width", [40, 60, 89, 90, 120, 200])
def test_no_line_is_wider_than_the_screen_and_nothing_is_cut(width: int) -> None:
    long = vm("a-very-long-name-of-a-virtual-machine-" + "中文" * 10)
    points_of = replace(collection("x"), source=long.id)
    owned = replace(item(), vm=long.id)
    text = screen.text(
        [scanned(estate(long, owned, points_of, lock(SERVICE_GROUP), unread=(GAP,)))], width=width
    )

    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    assert text.count("中") >= 10


def test_colours_are_there_when_asked_for_and_only_then() -> None:
    assert "\x1b[31m" in screen.text([scanned(sick)], color=True)
    assert "\x1b" not in screen.text([scanned(sick)])


@pytest.mark.parametrize("width", [60, 120])
def test_hostile_names_are_shown_and_not_obeyed(width: int) -> None:
    hostile = "\x1b[31m[red]x\u202e\ny"
    bad = lock(SERVICE_GROUP, name=hostile)
    owner = Subscription(ArmId(SUBSCRIPTION), hostile)
    gap = Unread(Read.LOCKS, ArmId(f"/x/{hostile}"), hostile, 403, hostile)
    read = estate(vm(), item(), held, bad, subscription=owner, unread=(gap,))
    text = screen.text([scanned(read)], width=width)
    whole = "".join(text.split())

    assert not set("\x1b\u202e") & set(text)
    assert whole.count(r"\x1b[31m[red]x\u202e\ny") >= 5


def test_a_scan_for_one_cause_does_not_call_all_good() -> None:
    one = evaluate(estate(vm(), item()), [playbook.load()["disk-size"]], whole=False)

    assert "Nothing was found; looked for: disk-size. Other causes were not." in shown(one)


def test_gaps_of_one_kind_are_not_told_one_by_one() -> None:
    gaps = tuple(
        Unread(Read.VIEW, vm_id(f"vm{number}"), "gone", None, "ConnectionRefused") for number in range(900)
    )
    text = shown(scanned(replace(estate(vm(), item()), unread=gaps)), width=400)

    assert "instance view: 899 more (ConnectionRefused)" in text
    assert text.count("gone") <= 3
