"""From an estate to a scan: order, gaps, selection, and failures that nobody explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from building import (
    SUBSCRIPTION,
    VAULT,
    ago,
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    nic_id,
    vm,
    vm_id,
)

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.plan import FixClass
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity, fingerprint
from azremedy.resources import Read, Unread
from azremedy.scan import evaluate
from azremedy.selection import Selection


def finding(name: str, severity: Severity = Severity.SUSPECTED, resource: str = "x") -> Finding[None]:
    return Finding(vm_id(name), ArmId(f"/{resource}"), "m", severity, None)


def playbook(
    *said: Finding[None] | NotEvaluated, id_: str = "one", needs: frozenset[Read] = frozenset()
) -> Playbook[Any]:
    def detect(_: Estate) -> Iterator[Finding[None] | NotEvaluated]:
        yield from said

    return Playbook(id_, "Title", ("C1",), FixClass.MANUAL, "Do.", needs, detect, "why")


def unread(read: Read, scope: ArmId | str) -> Unread:
    return Unread(read, ArmId(str(scope)), "ARM says no.", 403, "AuthorizationFailed")


two = estate(vm("sql1"), vm("web1"), item("sql1"), item("web1"))


def test_findings_come_worst_first_then_by_vm_and_playbook() -> None:
    said = (
        playbook(finding("web1"), finding("sql1"), finding("web1", Severity.BLOCKING, "y")),
        playbook(finding("sql1"), id_="a"),
    )
    scan = evaluate(two, said)

    assert [(one.finding.severity, one.finding.vm.name, one.playbook.id) for one in scan.diagnoses] == [
        (Severity.BLOCKING, "web1", "one"),
        (Severity.SUSPECTED, "sql1", "a"),
        (Severity.SUSPECTED, "sql1", "one"),
        (Severity.SUSPECTED, "web1", "one"),
    ]
    assert scan.worst is Severity.BLOCKING
    assert scan.counts() == {
        Severity.BLOCKING: 1,
        Severity.CORROBORATED: 0,
        Severity.SUSPECTED: 3,
        Severity.INFO: 0,
    }


def test_what_two_items_of_a_vm_lead_to_is_one_finding_the_worst() -> None:
    scan = evaluate(two, [playbook(finding("sql1"), finding("sql1", Severity.BLOCKING), finding("sql1"))])

    assert [one.finding.severity for one in scan.diagnoses] == [Severity.BLOCKING]


@pytest.mark.parametrize(
    ("gap", "vms"),
    [
        pytest.param(unread(Read.LOCKS, SUBSCRIPTION), {"sql1", "web1"}, id="of the whole subscription"),
        pytest.param(unread(Read.JOBS, VAULT), {"sql1", "web1"}, id="of their vault"),
        pytest.param(unread(Read.VIEW, vm_id("sql1")), {"sql1"}, id="of one of them"),
        pytest.param(unread(Read.JOB_DETAIL, item("web1").id), {"web1"}, id="of its item"),
        pytest.param(unread(Read.POINTS, collection("sql1").id), {"sql1"}, id="of its collection"),
        pytest.param(unread(Read.NICS, nic_id("web1-nic")), {"web1"}, id="of its network interface"),
        pytest.param(unread(Read.NICS, nic_id("other")), set(), id="of a network interface of neither"),
        pytest.param(unread(Read.NSGS, SUBSCRIPTION), set(), id="of what the playbook does not need"),
    ],
)
def test_a_silent_playbook_is_not_evaluated_for_a_vm_with_a_gap(gap: Unread, vms: set[str]) -> None:
    needs = frozenset({Read.LOCKS, Read.JOBS, Read.VIEW, Read.JOB_DETAIL, Read.POINTS, Read.NICS})
    scan = evaluate(replace(two, collections=(collection("sql1"),), unread=(gap,)), [playbook(needs=needs)])

    assert {one.vm.name for one in scan.not_evaluated} == vms
    assert all(gap.read in one.because and gap.reason in one.because for one in scan.not_evaluated)


def test_what_was_written_keeps_what_decides_and_lets_names_go() -> None:
    gap = unread(Read.LOCKS, SUBSCRIPTION)
    looking = playbook(finding("sql1"), needs=frozenset({Read.LOCKS}))
    scan = evaluate(replace(two, unread=(gap,)), [looking])

    assert len(scan.protected_vms) == 2
    assert scan.not_evaluated
    assert (scan.told.protected_vms, scan.told.not_evaluated) == ((), ())
    assert (scan.told.diagnoses, scan.told.unread, scan.told.protected) == (scan.diagnoses, (gap,), 2)


def test_a_playbook_that_spoke_is_not_also_unevaluated() -> None:
    said: list[Finding[None] | NotEvaluated] = [
        finding("sql1"),
        NotEvaluated("one", vm_id("web1"), "cannot tell"),
    ]
    scan = evaluate(
        replace(two, unread=(unread(Read.LOCKS, SUBSCRIPTION),)),
        [playbook(*said, needs=frozenset({Read.LOCKS}))],
    )

    assert [(one.vm.name, one.because) for one in scan.not_evaluated] == [("web1", "cannot tell")]


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        pytest.param(Selection.of(), ["sql1", "web1"], id="nothing named: all"),
        pytest.param(Selection.of(vms=["SQL1"]), ["sql1"], id="a name, in another case"),
        pytest.param(Selection.of(vms=[str(vm_id("web1")).upper()]), ["web1"], id="an id"),
        pytest.param(Selection.of(groups=["Prod"]), ["sql1", "web1"], id="their group"),
        pytest.param(Selection.of(groups=["prod"], vms=["web1"]), ["web1"], id="group and name"),
        pytest.param(Selection.of(groups=["test"]), [], id="another group"),
    ],
)
def test_only_what_is_selected_is_spoken_of(selection: Selection, names: list[str]) -> None:
    scan = evaluate(two, [playbook(finding("sql1"), finding("web1"))], selection=selection)

    assert [one.finding.vm.name for one in scan.diagnoses] == names
    assert (scan.vms, scan.protected) == (len(names), len(names))


def test_a_failed_backup_that_no_finding_bears_out_is_named() -> None:
    failed = estate(vm("sql1"), failed_item("sql1"), failed_job(4711, "sql1"))
    failure = failed.failures_of[failed_item("sql1").id][0]

    [alone] = evaluate(failed, [playbook(finding("sql1"))]).unexplained
    assert (alone.vm.name, alone.failure) == ("sql1", failure)
    borne_out = replace(finding("sql1", Severity.CORROBORATED), failure=failure)
    assert evaluate(failed, [playbook(borne_out)]).unexplained == ()
    assert evaluate(failed, [playbook(finding("sql1", Severity.BLOCKING))]).unexplained == ()


@pytest.mark.parametrize(
    ("read", "because"),
    [
        pytest.param(estate(item("sql1")), "the VM that it protects is gone", id="the vm is gone"),
        pytest.param(
            estate(vm("sql1"), failed_item("sql1")),
            "its last backup failed, before the look-back",
            id="an older failure",
        ),
        pytest.param(
            estate(vm("sql1"), item("sql1", protection_state="ProtectionError")),
            "its protection state is ProtectionError",
            id="an error of the protection",
        ),
        pytest.param(
            estate(vm("sql1"), item("sql1", health="ActionRequired")),
            "Azure Backup calls it ActionRequired",
            id="its health",
        ),
        pytest.param(
            estate(vm("sql1"), item("sql1", protection_status="Unhealthy")),
            "Azure Backup calls it Unhealthy",
            id="its status",
        ),
    ],
)
def test_an_item_that_calls_itself_unwell_is_never_passed_over(read: Estate, because: str) -> None:
    [one] = evaluate(read, [playbook()]).unexplained

    assert (one.because, one.failure) == (because, None)
    assert evaluate(read, [playbook(finding("sql1"))]).unexplained == ()


def test_a_vm_whose_list_was_not_read_is_not_called_gone() -> None:
    unsure = replace(estate(item("sql1")), unread=(unread(Read.VMS, SUBSCRIPTION),))

    assert evaluate(unsure, [playbook()]).unexplained == ()


def test_a_point_that_a_failing_backup_left_completes_nothing() -> None:
    left = failed_item("sql1", last_backup=ago(hours=8), last_recovery_point=ago(hours=7, minutes=50))
    failed = estate(vm("sql1"), left, failed_job(4711, "sql1"))

    assert len(failed.failures_of[left.id]) == 1


def test_a_gap_of_a_lock_is_one_of_all_that_it_stands_on() -> None:
    group = collection("sql1").id.group
    assert group is not None
    gaps = replace(two, collections=(collection("sql1"),), unread=(unread(Read.LOCKS, group),))

    [one] = evaluate(gaps, [playbook(needs=frozenset({Read.LOCKS}))]).not_evaluated
    assert one.vm.name == "sql1"


def test_only_failed_backups_of_the_items_own_vault_count() -> None:
    other_vault = failed_job(1, "sql1", vault=ArmId(f"{VAULT}x"))
    completed = failed_job(2, "sql1", status="Completed")

    assert estate(vm("sql1"), failed_item("sql1"), other_vault, completed).failures_of == {}


def test_a_fingerprint_does_not_hang_on_case_nor_on_the_message() -> None:
    one = finding("sql1")
    same = replace(one, vm=ArmId(one.vm.text.upper()), message="other", severity=Severity.INFO)

    assert fingerprint("p", one) == fingerprint("p", same)
    assert fingerprint("p", one) != fingerprint("q", one)
    assert fingerprint("p", one) != fingerprint("p", replace(one, resource=ArmId("/y")))
