"""From findings to a plan: locks lifted around steps, steps shared, groups, and what is left to a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from building import SERVICE_GROUP, VAULT, collection, estate, item, lock, vm_id

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.lifting import lift
from azremedy.plan import (
    Bracket,
    ByHand,
    Choices,
    Cure,
    Expect,
    FixClass,
    Irreversible,
    Ladder,
    Node,
    Restore,
    Step,
    steps,
)
from azremedy.plan import Test as Check
from azremedy.planning import Plan, plan
from azremedy.playbook import Finding, Playbook, Severity, fingerprint
from azremedy.resources import Lock, Read, Unread
from azremedy.scan import Diagnosis

GUARDED = Choices(allow=frozenset({FixClass.SAFE, FixClass.GUARDED}))
ALL = Choices(allow=frozenset({FixClass.SAFE, FixClass.GUARDED, FixClass.DESTRUCTIVE}))
SQL1, SQL2 = vm_id("sql1"), vm_id("sql2")


def step(method: str, target: ArmId, action: str = "", **changes: Any) -> Step:
    made = Step(
        summary=f"{method} {action} {target.name}",
        request=Request(method, target, action),
        before=(),
        after=(),
        undo=Irreversible("it is a test"),
        within=timedelta(minutes=5),
        fix_class=FixClass.GUARDED,
    )
    return replace(made, **changes)


def restart(vm: ArmId, **changes: Any) -> Step:
    return step("POST", vm, "restart", changes_vm=vm, **changes)


def uninstall(vm: ArmId, name: str = "VMSnapshot") -> Step:
    return step("DELETE", ArmId(f"{vm}/extensions/{name}"), changes_vm=vm)


def trigger(name: str) -> Step:
    return step("POST", item(name).id, "backup", triggers_backup=item(name).id)


def playbook(id_: str, *nodes: Node, **changes: Any) -> Playbook[Any]:
    """A playbook whose cure for each finding is these nodes."""

    def cures(read: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
        for one in findings:
            yield Cure(id_, (one.vm,), (fingerprint(id_, one),), nodes)

    card: Playbook[Any] = Playbook(
        id=id_,
        title="A test",
        causes=(),
        fix_class=FixClass.GUARDED,
        remedy="Do it by hand.",
        needs=frozenset(),
        detect=lambda _: iter(()),
        about="",
        plan=cures,
    )
    return replace(card, **changes)


def found(
    of: Playbook[Any], vm: ArmId = SQL1, severity: Severity = Severity.CORROBORATED, **changes: Any
) -> Diagnosis:
    made: Finding[Any] = Finding(vm, vm, "it is broken", severity, None)
    finding = replace(made, **changes)
    return Diagnosis(of, finding, fingerprint(of.id, finding))


def planned(
    *nodes: Node, locks: Sequence[Lock] = (), choices: Choices = GUARDED, read: Estate | None = None
) -> Plan:
    return plan(read or estate(*locks), [found(playbook("one", *nodes))], choices)


def nodes_of(made: Plan) -> tuple[Node, ...]:
    [group] = made.groups
    return group.nodes


def test_a_cure_without_a_lock_in_its_way_is_planned_as_it_is() -> None:
    made = planned(restart(SQL1), uninstall(SQL1), locks=[lock("other"), lock(vm_id("sql2"), "ReadOnly")])

    assert nodes_of(made) == (restart(SQL1), uninstall(SQL1))
    assert made.by_hand == ()


@pytest.mark.parametrize(
    ("refused", "level", "lifted"),
    [
        (uninstall(SQL1), "CanNotDelete", True),
        (uninstall(SQL1), "ReadOnly", True),
        (restart(SQL1), "CanNotDelete", False),
        (restart(SQL1), "ReadOnly", True),
        (step("PUT", SQL1), "CanNotDelete", False),
        (step("PUT", SQL1), "ReadOnly", True),
    ],
)
def test_a_lock_is_lifted_around_a_step_only_where_it_refuses_it(
    refused: Step, level: str, lifted: bool
) -> None:
    held = lock("prod", level)
    made = planned(refused, locks=[held])

    assert nodes_of(made) == ((Bracket(lift(held), (refused,), until=()),) if lifted else (refused,))


def test_a_lock_inside_what_is_deleted_refuses_it_too() -> None:
    of = collection("sql1").id
    held = lock(ArmId(f"{of}/restorePoints/p1"))

    assert nodes_of(planned(step("DELETE", of), locks=[held]))[0] == Bracket(
        lift(held), (step("DELETE", of),), until=()
    )


def test_only_the_stretch_of_steps_that_a_lock_refuses_stands_in_its_bracket() -> None:
    held = lock("prod")
    made = planned(
        restart(SQL1), uninstall(SQL1, "a"), trigger("sql1"), uninstall(SQL1, "b"), step("PUT", SQL1), locks=[held]
    )  # fmt: skip

    assert nodes_of(made) == (
        restart(SQL1),
        Bracket(lift(held), (uninstall(SQL1, "a"), trigger("sql1"), uninstall(SQL1, "b")), until=()),
        step("PUT", SQL1),
    )


def test_a_ladder_is_cleared_as_a_whole() -> None:
    held = lock("prod", "ReadOnly")
    ladder = Ladder((step("POST", SQL1, "reapply"), restart(SQL1)), (), timedelta(minutes=5))

    assert nodes_of(planned(ladder, locks=[held])) == (Bracket(lift(held), (ladder,), until=()),)


def test_brackets_open_from_the_widest_scope_inward() -> None:
    whole, group, own = lock("", "ReadOnly", "whole"), lock("prod", "ReadOnly"), lock(SQL1)
    same_scope = lock("prod", "CanNotDelete", "a second one")
    choices = replace(GUARDED, lift_subscription_locks=True)
    made = planned(uninstall(SQL1), locks=[own, same_scope, group, whole], choices=choices)

    assert [one.request.id for one in steps(*nodes_of(made))] == [
        whole.id, group.id, same_scope.id, own.id, uninstall(SQL1).request.id
    ]  # fmt: skip


def test_a_lifted_lock_is_put_back_as_it_was_and_only_lifted_if_it_is_still_the_same() -> None:
    held = lock("prod", notes=None)
    opened = lift(held)

    assert opened.undo == Restore()
    assert opened.before == (
        Expect(held.id, "properties.level", Check.EQUALS, "CanNotDelete"),
        Expect(held.id, "properties.notes", Check.ABSENT, None),
        Expect(held.id, "properties.owners", Check.ABSENT, None),
    )
    assert opened.permissions == {
        "Microsoft.Authorization/locks/delete",
        "Microsoft.Authorization/locks/write",
    }


@pytest.mark.parametrize(
    ("locks", "choices", "reason", "allow"),
    [
        pytest.param([lock("prod")], Choices(), "--allow guarded lifts it", FixClass.GUARDED, id="not admitted"),
        pytest.param([lock("prod", owners=("app",))], GUARDED, "managed application", None, id="owned"),
        pytest.param([lock("")], GUARDED, "--lift-subscription-locks", None, id="the whole subscription"),
        pytest.param(
            [lock("prod", "ReadOnly"), lock("prod", "ReadOnly", "two")],
            GUARDED, "second ReadOnly lock", None, id="could not be put back",
        ),
        pytest.param(
            [lock("", "ReadOnly"), lock(SQL1)], GUARDED, "ReadOnly lock 'keep' on the whole subscription", None,
            id="under a wider ReadOnly lock that stays",
        ),
    ],
)  # fmt: skip
def test_a_lock_that_is_not_lifted_leaves_the_cure_to_a_person(
    locks: list[Lock], choices: Choices, reason: str, allow: FixClass | None
) -> None:
    made = planned(uninstall(SQL1), locks=locks, choices=choices)

    assert made.groups == ()
    [left] = made.by_hand
    assert reason in left.reason
    assert left.allow is allow
    assert left.finding == found(playbook("one")).fingerprint


def test_a_wider_read_only_lock_is_lifted_around_a_playbooks_own_bracket_or_nothing_is() -> None:
    own, wide = lock(SERVICE_GROUP), lock("", "ReadOnly", "wide")
    bracket = Bracket(lift(own), (trigger("sql1"),), until=())
    choices = replace(GUARDED, lift_subscription_locks=True)

    assert nodes_of(planned(bracket, locks=[own, wide], choices=choices)) == (
        Bracket(lift(wide), (bracket,), until=()),
    )
    assert planned(bracket, locks=[own, wide]).groups == ()


def test_inside_a_playbooks_bracket_only_what_it_does_not_lift_itself_is_lifted() -> None:
    own, narrow = lock(SERVICE_GROUP), lock(collection("sql1").id, name="narrow")
    delete = step("DELETE", collection("sql1").id)
    bracket = Bracket(lift(own), (delete,), until=())

    assert nodes_of(planned(bracket, locks=[own])) == (bracket,)
    assert nodes_of(planned(bracket, locks=[own, narrow])) == (
        Bracket(lift(own), (Bracket(lift(narrow), (delete,), until=()),), until=()),
    )


def test_a_read_only_lock_on_the_vault_is_lifted_around_the_backup_alone() -> None:
    own, vault = lock(SERVICE_GROUP), lock(VAULT, "ReadOnly", "vault")
    bracket = Bracket(lift(own), (trigger("sql1"),), until=())

    assert nodes_of(planned(bracket, locks=[own, vault])) == (
        Bracket(lift(own), (Bracket(lift(vault), (trigger("sql1"),), until=()),), until=()),
    )


@pytest.mark.parametrize(
    ("class_", "choices", "admitted"),
    [
        (FixClass.SAFE, Choices(), True),
        (FixClass.GUARDED, Choices(), False),
        (FixClass.GUARDED, GUARDED, True),
        (FixClass.DESTRUCTIVE, GUARDED, False),
        (FixClass.DESTRUCTIVE, ALL, True),
    ],
)
def test_a_class_is_planned_only_where_it_is_admitted(
    class_: FixClass, choices: Choices, admitted: bool
) -> None:
    made = planned(restart(SQL1, fix_class=class_), choices=choices)

    assert bool(made.groups) is admitted
    assert made.further(class_) == (not admitted)
    assert [one.allow for one in made.by_hand] == ([] if admitted else [class_])


def test_a_cure_needs_every_class_in_it() -> None:
    made = planned(
        restart(SQL1), restart(SQL1, fix_class=FixClass.DESTRUCTIVE, summary="more"), choices=Choices()
    )

    assert "--allow guarded --allow destructive admits it" in made.by_hand[0].reason


def test_findings_below_the_bar_are_counted_and_not_planned() -> None:
    of = playbook("one", restart(SQL1))
    weak = [
        found(of, SQL1, Severity.SUSPECTED),
        found(of, SQL2, Severity.SUSPECTED, manual="ask"),
        found(of, vm_id("sql3"), Severity.INFO),
        found(replace(of, plan=None), vm_id("sql4"), Severity.SUSPECTED),
    ]

    assert plan(estate(), weak, GUARDED) == Plan((), (), suspected=1)
    assert len(plan(estate(), weak[:1], GUARDED, severity=Severity.SUSPECTED).groups) == 1


def test_no_finding_is_lost() -> None:
    silent = playbook("silent", plan=lambda *_: iter(()))
    manual = playbook("manual", plan=None)
    made = plan(estate(), [found(silent), found(manual), found(manual, SQL2, manual="ask")], GUARDED)

    assert [(one.playbook, one.vm, one.reason) for one in made.by_hand] == [
        ("silent", SQL1, "Do it by hand."),
        ("manual", SQL1, "Do it by hand."),
        ("manual", SQL2, "ask"),
    ]


def test_a_refused_cure_of_several_findings_names_each() -> None:
    def cures(read: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
        marks = tuple(fingerprint("one", one) for one in findings)
        yield Cure("one", tuple(one.vm for one in findings), marks, (restart(SQL1),))

    of = playbook("one", plan=cures)
    made = plan(estate(), [found(of, SQL1), found(of, SQL2)], Choices())

    assert [one.vm for one in made.by_hand] == [SQL1, SQL2]
    assert made.further(FixClass.GUARDED) == 2


def test_equal_steps_of_two_cures_are_sent_once_whatever_they_are_called() -> None:
    one = playbook("one", restart(SQL1))
    two = playbook("two", restart(SQL1, summary="otherwise said"), uninstall(SQL1))
    made = plan(estate(), [found(one), found(two)], GUARDED)

    [group] = made.groups
    assert [cure.playbook for cure in group.cures] == ["one", "two"]
    assert group.nodes == (restart(SQL1), uninstall(SQL1))


def test_a_step_inside_a_bracket_is_not_sent_a_second_time_outside() -> None:
    bracket = Bracket(lift(lock(SERVICE_GROUP)), (trigger("sql1"),), until=())
    inside, bare = playbook("inside", bracket), playbook("bare", trigger("sql1"))

    assert nodes_of(plan(estate(), [found(inside), found(bare)], GUARDED)) == (bracket,)
    assert nodes_of(plan(estate(), [found(bare), found(inside)], GUARDED)) == (bracket,)


def test_a_step_that_may_not_be_needed_stands_for_no_other() -> None:
    ladder = Ladder((step("POST", SQL1, "reapply"), restart(SQL1)), (), timedelta(minutes=5))
    made = plan(estate(), [found(playbook("one", ladder)), found(playbook("two", restart(SQL1)))], GUARDED)

    assert nodes_of(made) == (ladder, restart(SQL1))


def test_ladders_with_a_rung_in_common_are_one() -> None:
    reapply, redeploy = step("POST", SQL1, "reapply"), step("POST", SQL1, "redeploy")
    ready = Expect(SQL1, "agent", Check.EQUALS, "Ready")
    whole = Expect(SQL1, "state", Check.EQUALS, "Succeeded")
    one = playbook("one", Ladder((restart(SQL1), redeploy), (ready,), timedelta(minutes=5)))
    two = playbook("two", Ladder((reapply, restart(SQL1)), (whole,), timedelta(minutes=9)))

    assert nodes_of(plan(estate(), [found(one), found(two)], GUARDED)) == (
        Ladder((reapply, restart(SQL1), redeploy), (ready, whole), timedelta(minutes=9)),
    )


def test_two_cures_under_one_lock_share_a_bracket_as_long_as_it_is_small_enough() -> None:
    held = lift(lock(SERVICE_GROUP))
    below = [Expect(collection(name).id, "n", Check.BELOW, 18) for name in ("sql1", "sql2")]
    one = playbook("one", Bracket(held, (trigger("sql1"),), (below[0],)))
    two = playbook("two", Bracket(held, (trigger("sql2"),), (below[1],)))
    both = [found(one, SQL1), found(two, SQL2)]

    assert nodes_of(plan(estate(), both, GUARDED)) == (
        Bracket(held, (trigger("sql1"), trigger("sql2")), tuple(below)),
    )
    assert len(nodes_of(plan(estate(), both, replace(GUARDED, bracket_size=1)))) == 2


def test_a_bracket_that_stays_open_on_purpose_is_not_joined_with_one_that_closes() -> None:
    held = lift(lock(SERVICE_GROUP))
    one = playbook("one", Bracket(held, (trigger("sql1"),), ()))
    two = playbook("two", Bracket(held, (trigger("sql2"),), (), keep_open=True))

    assert len(nodes_of(plan(estate(), [found(one, SQL1), found(two, SQL2)], GUARDED))) == 2


NSG = ArmId(f"{SQL1.group}/providers/Microsoft.Network/networkSecurityGroups/nsg1")


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        pytest.param(restart(SQL1), uninstall(SQL1), True, id="a VM and its extension"),
        pytest.param(restart(SQL1), restart(SQL2), False, id="two VMs"),
        pytest.param(
            step("PUT", ArmId(f"{NSG}/securityRules/a")), step("PUT", ArmId(f"{NSG}/securityRules/b")), True,
            id="two rules of an NSG",
        ),
        pytest.param(trigger("sql1"), trigger("sql2"), False, id="two items of a vault"),
        pytest.param(
            step("DELETE", ArmId(f"{collection('sql1').id}/restorePoints/1")),
            step("DELETE", collection("sql1").id), True, id="a point and its collection",
        ),
    ],
)  # fmt: skip
def test_what_shares_a_target_is_one_group(one: Step, other: Step, together: bool) -> None:
    made = plan(estate(), [found(playbook("one", one)), found(playbook("two", other), SQL2)], ALL)

    assert (len(made.groups) == 1) is together


def test_a_third_cure_can_bring_two_groups_together() -> None:
    bridge = playbook("three", uninstall(SQL1), uninstall(SQL2))
    made = plan(
        estate(),
        [found(playbook("one", restart(SQL1))), found(playbook("two", restart(SQL2)), SQL2), found(bridge)],
        GUARDED,
    )

    [group] = made.groups
    assert [cure.playbook for cure in group.cures] == ["one", "two", "three"]


def test_groups_are_called_the_same_for_equal_content_only() -> None:
    first, again = planned(restart(SQL1)), planned(restart(SQL1))

    assert first.groups[0].id == again.groups[0].id
    assert first.groups[0].id != planned(restart(SQL2)).groups[0].id


def test_counts_are_by_class_with_every_rung() -> None:
    ladder = Ladder((restart(SQL1), restart(SQL1, fix_class=FixClass.DESTRUCTIVE)), (), timedelta(minutes=5))

    assert planned(ladder, choices=ALL).counts() == {
        FixClass.SAFE: 0, FixClass.GUARDED: 1, FixClass.DESTRUCTIVE: 1
    }  # fmt: skip


@pytest.mark.parametrize(
    "blind",
    [
        estate(unread=(Unread(Read.LOCKS, vm_id("sql1"), "ARM refused"),)),
        estate(reads=frozenset(Read) - {Read.LOCKS}),
    ],
)
def test_nothing_is_planned_where_nobody_knows_the_locks(blind: Estate) -> None:
    made = planned(restart(SQL1), read=blind)

    assert made.groups == ()
    assert "locks that may refuse it" in made.by_hand[0].reason
