"""After a run: what was sent is looked at, what was done can be taken back, rights are asked for first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from applying import (
    EASY,
    ESTATE,
    EXTENSION,
    LOCK,
    NOTES,
    NSG,
    RULE,
    Bench,
    allow,
    backup,
    bench,
    bracket,
    gone,
    group,
    header,
    item,
    lift,
    opened,
    outcomes,
    rung,
    uninstall,
    vm,
)

from azremedy.apply import Result, check, missing, resume, rollback, ways_back
from azremedy.arm import ArmId, Request
from azremedy.azure import ClientSecret
from azremedy.errors import MissingRights
from azremedy.journal import Journal
from azremedy.plan import Bracket, Done, Node, Outcome, Step
from azremedy.resources.reads import allows

A, S, K, U, F = Outcome.APPLIED, Outcome.STALE, Outcome.SKIPPED, Outcome.UNCONFIRMED, Outcome.FAILED


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def broken_off(
    lab: Bench, one: Step, *, body: Any = None, accepted: bool = False, reach: bool = False
) -> None:
    """Leave the journal of a run that died after the intent, perhaps after the write, perhaps after the answer."""
    lab.writer.get(str(NSG), {"api-version": "2024-05-01"})
    with Journal.new(header(lab.sandbox), lab.file) as written:
        written.begin((group(one),))
        written.intend("g1/0", "g1", one, body=body or {"values": {}}, at=lab.writer.now, opens=None)
        if reach or accepted:
            answer = lab.writer.send(one.request)
            if accepted:
                written.note("sent", "g1/0", lab.writer.now, operation=answer.operation)


def resumed(lab: Bench) -> list[Done]:
    lab.sandbox.clear()
    with Journal.append(lab.file) as more:
        result = resume(lab.journal, lab.writer, more, EASY, lab.clock, lab.told.append)
    return list(result.done)


def rolled_back(lab: Bench, around: Callable[[Step], Node] = lambda undo: undo) -> Result:
    """Take a run back; `around` puts a way back into brackets."""
    backs = [(back, back.undo and around(back.undo)) for back in ways_back(lab.journal, lab.writer)]
    lab.sandbox.clear()
    with Journal.append(lab.file) as more:
        return rollback(lab.journal, backs, lab.writer, more, EASY, lab.clock, lab.told.append)


class TestResuming:
    def test_finds_that_a_write_did_not_go_out_and_does_not_send_it(self, lab: Bench) -> None:
        broken_off(lab, uninstall())

        assert outcomes(resumed(lab)) == [K]
        assert lab.writes() == []
        assert lab.body(EXTENSION) is not None
        assert lab.journal.finished

    @pytest.mark.parametrize("accepted", [True, False], ids=["the answer came", "no answer came"])
    def test_finds_what_became_of_a_write_that_did(self, lab: Bench, *, accepted: bool) -> None:
        broken_off(lab, uninstall(), accepted=accepted, reach=True)

        assert outcomes(resumed(lab)) == [A]
        assert lab.writes() == []
        assert lab.body(EXTENSION) is None
        assert lab.journal.finished

    def test_finds_the_operation_that_failed(self, tmp_path: Path) -> None:
        broken = {**ESTATE, "vms": [{**ESTATE["vms"][1], "agent": "not-ready"}]}
        with bench(tmp_path, broken) as lab:
            broken_off(lab, uninstall(), accepted=True)

            [done] = resumed(lab)

        assert (done.outcome, done.code) == (F, "VMAgentStatusCommunicationError")

    def test_finds_the_backup_that_was_started(self, lab: Bench) -> None:
        broken_off(lab, backup("app1"), reach=True)

        assert outcomes(resumed(lab)) == [A]
        assert lab.writes() == []

    def test_never_starts_a_backup_that_may_not_have_been_started(self, lab: Bench) -> None:
        broken_off(lab, backup("app1"))

        [done] = resumed(lab)

        assert (done.outcome, done.code) == (U, "FateUnknown")
        assert lab.writes() == []

    def test_never_sends_a_post_again(self, lab: Bench) -> None:
        broken_off(lab, replace(rung("restart"), after=(), within=timedelta(minutes=1)))

        [done] = resumed(lab)

        assert (done.outcome, done.code) == (U, "FateUnknown")
        assert lab.writes() == []

    def test_leaves_alone_what_is_known(self, lab: Bench) -> None:
        lab.do(allow())

        assert resumed(lab) == []
        assert lab.writes() == []

    def test_a_bracket_that_was_cut_short_is_unconfirmed_and_its_lock_is_back(self, lab: Bench) -> None:
        before = lab.body(LOCK)["properties"]
        cut = bracket(lab)
        whole = lab.writer.get(str(LOCK), {"api-version": "2020-05-01"})
        with Journal.new(header(lab.sandbox), lab.file) as written:
            written.begin((group(cut),))
            at, key = lab.writer.now, "g1/0/open"
            written.intend(key, "g1", cut.open, body={"whole": whole}, at=at, opens="close")
            lab.writer.send(cut.open.request)
            written.note("confirmed", key, lab.writer.now)

        [done] = resumed(lab)

        assert (done.outcome, done.step) == (U, cut.open)
        assert "ended before its time, and" in (done.reason or "")
        assert "properties.restorePoints is a list of 18, expected below 18" in (done.reason or "")
        assert lab.body(LOCK)["properties"] == before
        assert lab.journal.finished


class TestRollingBack:
    def test_takes_back_the_newest_first(self, lab: Bench) -> None:
        lab.do(allow(), lift())

        result = rolled_back(lab)

        assert outcomes(list(result.done)) == [A, A]
        assert [one.split("/")[0] for one in lab.writes()] == ["PUT locks", "DELETE securityRules"]
        assert lab.body(LOCK)["properties"] == {"level": "CanNotDelete", "notes": NOTES}
        assert [one["name"] for one in lab.body(NSG)["properties"]["securityRules"]] == ["deny"]

    def test_takes_back_nothing_twice(self, lab: Bench) -> None:
        lab.do(allow())
        rolled_back(lab)

        assert rolled_back(lab).done == ()
        assert lab.writes() == []

    def test_leaves_what_others_changed_since(self, lab: Bench) -> None:
        lab.do(allow())
        lab.sandbox.change(str(NSG), f"properties.securityRules.[name={RULE.name}].properties.priority", 160)

        [done] = rolled_back(lab).done

        assert done.outcome is S
        assert "priority is 160, expected 150" in (done.reason or "")
        assert lab.writes() == []

    def test_leaves_a_lock_that_somebody_put_there_since(self, lab: Bench) -> None:
        lab.do(lift())
        theirs = {"id": str(LOCK), "name": LOCK.name, "properties": {"level": "ReadOnly"}}
        lab.sandbox.change(str(LOCK), "", theirs)

        assert outcomes(list(rolled_back(lab).done)) == [S]
        assert lab.body(LOCK)["properties"] == {"level": "ReadOnly"}

    def test_says_what_cannot_be_taken_back(self, lab: Bench) -> None:
        lab.do(uninstall())

        [done] = rolled_back(lab).done

        assert (done.outcome, done.reason) == (K, "the next backup installs it again")

    def test_a_closed_bracket_leaves_nothing_to_take_back(self, lab: Bench) -> None:
        lab.do(bracket(lab))

        assert [one.step.request.id for one in ways_back(lab.journal, lab.writer)] == [item("sql1")]

    def test_a_dry_run_shows_the_ways_back_and_sends_nothing(self, lab: Bench) -> None:
        lab.do(allow(), uninstall())
        lab.sandbox.clear()

        extension, rule = ways_back(lab.journal, lab.writer)

        assert (extension.undo, extension.why) == (None, "the next backup installs it again")
        assert rule.undo is not None
        assert (rule.undo.request, rule.why) == (Request("DELETE", RULE), None)
        assert lab.writes() == []

    def test_lifts_a_lock_in_its_way_and_puts_it_back(self, lab: Bench) -> None:
        lab.do(allow())
        production = add_lock(lab)

        result = rolled_back(lab, lambda undo: Bracket(lift(production), (undo,), ()))

        assert outcomes(list(result.done)) == [A, A]
        assert [one.closed for one in result.unlocked] == [True]
        assert lab.body(production)["properties"]["level"] == "CanNotDelete"
        assert [one["name"] for one in lab.body(NSG)["properties"]["securityRules"]] == ["deny"]
        assert lab.journal.finished
        assert ways_back(lab.journal, lab.writer) == ()

    def test_that_was_killed_under_a_lifted_lock_is_unfinished_until_resumed(self, lab: Bench) -> None:
        lab.do(allow())
        production = add_lock(lab)
        whole = lab.writer.get(str(production), {"api-version": "2020-05-01"})
        with Journal.append(lab.file) as more:
            at, body = lab.writer.now, {"whole": whole}
            more.intend("g1/0/unlocked/open", "g1", lift(production), body=body, at=at, opens="close")
        lab.writer.send(Request("DELETE", production))

        assert not lab.journal.finished
        assert outcomes(resumed(lab)) == []
        assert lab.body(production)["properties"]["level"] == "CanNotDelete"
        assert lab.journal.finished
        assert outcomes(list(rolled_back(lab, lambda undo: Bracket(lift(production), (undo,), ())).done)) == [
            A,
            A,
        ]


def add_lock(lab: Bench) -> ArmId:
    """Lock the NSG's group, as somebody else does."""
    lock = ArmId(f"{NSG.group}/providers/Microsoft.Authorization/locks/production")
    lab.writer.send(Request("PUT", lock, body={"properties": {"level": "CanNotDelete"}}))
    return lock


class TestRights:
    def test_names_what_is_missing_for_a_step_and_for_its_way_back(self, lab: Bench) -> None:
        secret = ClientSecret(lab.sandbox.tenant, "5a6db0c5-0000-4000-8000-c11e47000009", "ops")
        with opened(lab.sandbox, secret) as writer:
            groups = [group(lift(), allow())]

            assert missing(writer, groups) == (
                ("Microsoft.Authorization/locks/delete", LOCK.scope),
                ("Microsoft.Authorization/locks/write", LOCK.scope),
            )
            with pytest.raises(
                MissingRights, match=r"Nothing was sent: the identity lacks Microsoft\.Authorization"
            ):
                check(writer, groups)
            check(writer, [group(allow(), uninstall(), backup("app1"))])

    def test_an_owner_lacks_nothing_and_each_scope_is_asked_for_once(self, lab: Bench) -> None:
        check(lab.writer, [group(lift(), allow()), group(allow(), uninstall(), id_="g2")])

        asked = [one.path for one in lab.sandbox.requests if "permissions" in one.path]
        assert len(asked) == len(set(asked)) == 3

    @pytest.mark.parametrize(
        ("actions", "exceptions", "allowed"),
        [
            (["*"], [], True),
            (["microsoft.compute/VIRTUALMACHINES/*"], [], True),
            (["Microsoft.Compute/*/action"], [], True),
            (["*"], ["Microsoft.Compute/virtualMachines/*/action"], False),
            (["*/read"], [], False),
            (["Microsoft.Compute/virtualMachines/start/action"], [], False),
            (["Microsoft.Compute/virtualMachines"], [], False),
            ([], [], False),
        ],
    )
    def test_actions_less_exceptions_with_wildcards_without_case(
        self, actions: list[str], exceptions: list[str], *, allowed: bool
    ) -> None:
        role = {"actions": actions, "notActions": exceptions}

        assert allows([role], "Microsoft.Compute/virtualMachines/restart/action") is allowed

    def test_what_one_role_excepts_another_may_allow(self) -> None:
        roles = [{"actions": ["*"], "notActions": ["A/b/write"]}, {"actions": ["A/b/*"]}]

        assert allows(roles, "A/b/write")


def test_the_right_to_write_to_a_rule_is_asked_for_at_its_nsg(lab: Bench) -> None:
    check(lab.writer, [group(allow(), uninstall())])

    asked = {one.path.partition("/providers/Microsoft.Authorization")[0] for one in lab.sandbox.requests}
    assert str(NSG) in asked
    assert str(vm("app1")) in asked
    assert gone(RULE) in allow().before
