"""Fixed means: looked again, and it is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from building import SUBSCRIPTION, estate, lock, vm_id

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.lifting import lift
from azremedy.plan import Bracket, Cure, Done, FixClass, Group, Irreversible, Outcome, Step
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity, fingerprint
from azremedy.resources import Lock, Read, Unread
from azremedy.scan import Diagnosis
from azremedy.verify import Verdict, verify, verify_run

SQL1 = vm_id("sql1")
PLAYBOOK: Playbook[Any] = Playbook(
    id="one",
    title="A test",
    causes=(),
    fix_class=FixClass.GUARDED,
    remedy="Do it.",
    needs=frozenset({Read.VMS, Read.LOCKS}),
    detect=lambda _: iter(()),
    about="",
)
BROKEN: Finding[Any] = Finding(SQL1, SQL1, "it is broken", Severity.CORROBORATED, None)
WORSE = Diagnosis(PLAYBOOK, BROKEN, fingerprint("one", BROKEN))
LIGHTER = replace(WORSE, finding=replace(BROKEN, severity=Severity.SUSPECTED))
HEAVIER = replace(WORSE, finding=replace(BROKEN, severity=Severity.BLOCKING))
OTHER = replace(WORSE, fingerprint="another")
UNREAD = Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "AuthorizationFailed")
UNRELATED = Unread(Read.ROUTE_TABLES, ArmId(SUBSCRIPTION), "ARM refused", 403, "AuthorizationFailed")
KEEP = lock("AzureBackupRG_westeurope_1", name="keep")
GAP = NotEvaluated("one", SQL1, "nobody knows")


def group(relief: str | None = None) -> Group:
    return Group("g1", (Cure("one", (SQL1,), (WORSE.fingerprint,), (), relief),), ())


@pytest.mark.parametrize(
    ("again", "after", "gaps", "relief", "verdict"),
    [
        pytest.param(estate(), [], [], None, Verdict.FIXED, id="it is gone"),
        pytest.param(estate(), [OTHER], [], None, Verdict.FIXED, id="another one is there"),
        pytest.param(estate(), [], [], "until Friday", Verdict.FIXED, id="it is gone for good"),
        pytest.param(estate(), [WORSE], [], None, Verdict.STILL_THERE, id="it is there"),
        pytest.param(estate(), [WORSE], [], "until Friday", Verdict.STILL_THERE, id="no relief came"),
        pytest.param(estate(), [LIGHTER], [], "until Friday", Verdict.RELIEVED, id="relief came"),
        pytest.param(estate(), [LIGHTER], [], None, Verdict.RELIEVED, id="it is below the bar"),
        pytest.param(estate(), [HEAVIER], [], "until Friday", Verdict.STILL_THERE, id="it is worse"),
        pytest.param(estate(unread=(UNREAD,)), [], [], None, Verdict.UNDECIDABLE, id="unread"),
        pytest.param(estate(unread=(UNREAD,)), [WORSE], [], None, Verdict.STILL_THERE, id="there all the same"),
        pytest.param(estate(unread=(UNRELATED,)), [], [], None, Verdict.FIXED, id="unread is something else"),
        pytest.param(estate(), [], [GAP], None, Verdict.UNDECIDABLE, id="not evaluated"),
        pytest.param(estate(reads=frozenset({Read.ITEMS})), [], [], None, Verdict.UNDECIDABLE, id="not asked for"),
    ],
)  # fmt: skip
def test_a_second_look_says(
    again: Estate, after: list[Diagnosis], gaps: list[NotEvaluated], relief: str | None, verdict: Verdict
) -> None:
    [said] = verify([group(relief)], [WORSE], again, after, gaps)

    assert said.verdict is verdict
    assert (said.playbook, said.vm, said.finding) == ("one", SQL1, WORSE.fingerprint)


def test_what_was_blocking_and_is_corroborated_is_still_there() -> None:
    [said] = verify([group("until Friday")], [HEAVIER], estate(), [WORSE])

    assert said.verdict is Verdict.STILL_THERE


@pytest.mark.parametrize(
    ("relief", "locks", "verdict"),
    [
        ("until Friday", [KEEP], Verdict.RELIEVED),
        ("until Friday", [], Verdict.FIXED),
        ("until Friday", [lock("shop", name="other")], Verdict.FIXED),
        (None, [KEEP], Verdict.FIXED),
    ],
)
def test_what_is_gone_while_the_lock_that_was_lifted_for_it_is_back_is_relieved(
    relief: str | None, locks: list[Lock], verdict: Verdict
) -> None:
    nodes = (Bracket(lift(KEEP), (), ()),)
    cure = Cure("one", (SQL1,), (WORSE.fingerprint,), nodes, relief)
    groups = [Group("g1", (cure,), nodes)]

    [said] = verify(groups, [WORSE], estate(*locks), [])
    [resumed] = verify_run(groups, {"one": PLAYBOOK}, estate(*locks), [])

    assert (said.verdict, said.reason) == (verdict, relief if verdict is Verdict.RELIEVED else None)
    assert (resumed.verdict, resumed.reason) == (said.verdict, said.reason)


@pytest.mark.parametrize(
    ("again", "after", "gaps", "verdict"),
    [
        pytest.param(estate(), [], [], Verdict.FIXED, id="it is gone"),
        pytest.param(estate(), [WORSE], [], Verdict.STILL_THERE, id="it is there"),
        pytest.param(estate(), [LIGHTER], [], Verdict.RELIEVED, id="it is below the bar"),
        pytest.param(estate(unread=(UNREAD,)), [], [], Verdict.UNDECIDABLE, id="unread"),
        pytest.param(estate(), [], [GAP], Verdict.UNDECIDABLE, id="not evaluated"),
    ],
)
def test_a_verdict_can_be_given_where_only_the_journal_of_a_run_is_left(
    again: Estate, after: list[Diagnosis], gaps: list[NotEvaluated], verdict: Verdict
) -> None:
    [said] = verify_run([group()], {"one": PLAYBOOK}, again, after, gaps)

    assert (said.playbook, said.vm, said.verdict) == ("one", SQL1, verdict)


def test_relief_says_until_when_and_a_gap_what_it_is() -> None:
    [relieved] = verify([group("until Friday")], [WORSE], estate(), [LIGHTER])
    [near] = verify([group()], [WORSE], estate(), [LIGHTER])
    [unknown] = verify([group()], [WORSE], estate(unread=(UNREAD,)), [])

    assert relieved.reason == "until Friday"
    assert near.reason == "only suspected now: it is broken"
    assert unknown.reason == "locks not read: ARM refused"


def test_only_what_was_to_be_cured_gets_a_verdict() -> None:
    assert verify([], [WORSE], estate(), []) == ()
    assert len(verify([group()], [WORSE, OTHER], estate(), [])) == 1


MAKE, ATTACH = (
    Step("do", Request("POST", SQL1, action), (), (), Irreversible("a test"), timedelta(), FixClass.GUARDED)
    for action in ("make", "attach")
)
HALF = Group(
    "g1",
    (Cure("one", (SQL1,), (WORSE.fingerprint,), (MAKE, ATTACH), afterwards=("copy it", "check it")),),
    (),
)


def ended(*outcomes: Outcome) -> list[Done]:
    return [Done("g1", step, outcome) for step, outcome in zip((MAKE, ATTACH), outcomes, strict=False)]


@pytest.mark.parametrize("again", [WORSE, LIGHTER])
def test_what_people_have_to_finish_is_still_there_with_what_they_do(again: Diagnosis) -> None:
    done = ended(Outcome.APPLIED, Outcome.APPLIED)
    [said] = verify([HALF], [WORSE], estate(), [again], done=done)

    assert (said.verdict, said.reason) == (
        Verdict.STILL_THERE,
        "by hand now: (1) copy it; (2) check it",
    )


@pytest.mark.parametrize(
    "done",
    [
        pytest.param([], id="nothing was done"),
        pytest.param(ended(Outcome.APPLIED), id="not all was done"),
        pytest.param(ended(Outcome.APPLIED, Outcome.UNCONFIRMED), id="it was not seen"),
    ],
)
def test_people_are_asked_to_finish_only_what_was_begun_as_planned(done: list[Done]) -> None:
    [said] = verify([HALF], [WORSE], estate(), [WORSE], done=done)

    assert (said.verdict, said.reason) == (Verdict.STILL_THERE, "it is broken")
