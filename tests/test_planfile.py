"""A plan in a file: what is saved, what is refused, and what was approved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from building import NOW, SUBSCRIPTION, VAULT, lock, vm_id
from jsonschema import Draft202012Validator

from azremedy import planfile
from azremedy.arm import ArmId, Request
from azremedy.errors import AzremedyError, Exit, PlanRefused
from azremedy.plan import (
    Bracket,
    ByHand,
    Choices,
    Cure,
    Expect,
    FixClass,
    Group,
    Irreversible,
    Ladder,
    Node,
    Restore,
    Step,
)
from azremedy.plan import Test as Check
from azremedy.planfile import Asked, Place
from azremedy.planning import Plan
from azremedy.playbook import Severity
from azremedy.report.schema import schema
from azremedy.resources import Read, Subscription, Unread

SQL1 = vm_id("sql1")
LOCK = lock("prod").id
RULE = ArmId(f"{SQL1.group}/providers/Microsoft.Network/networkSecurityGroups/nsg1/securityRules/allow")
ITEM = ArmId(f"{VAULT}/backupFabrics/Azure/protectionContainers/c/protectedItems/i")
TENANT = "11111111-0000-4000-8000-000000000001"
PLACE = Place("https://management.azure.com", Subscription(ArmId(SUBSCRIPTION), "prod", TENANT))
CHOICES = Choices(
    allow=frozenset({FixClass.SAFE, FixClass.GUARDED, FixClass.DESTRUCTIVE}),
    max_unlocked=timedelta(hours=2),
    bracket_size=5,
    keep_unlocked=True,
    lift_subscription_locks=True,
    delete_collection=frozenset({"sql1"}),
    exclude_luns={("sql1", 3): "copied elsewhere"},
    attach_disks=frozenset({("sql1", 4), ("/subscriptions/x/sql2", 0)}),
    detach_disks=frozenset({("sql1", 5)}),
    power="off",
    resume_protection=frozenset({"sql2"}),
    vss_copy=frozenset({"sql3"}),
    verbose_agent_log=frozenset({("web1", True), ("/subscriptions/x/web2", False)}),
)
ASKED = Asked(("restore-point-lock",), ("sql1",), ("prod",), Severity.SUSPECTED, timedelta(days=3), deep=True)

open_ = Step(
    summary="lift the lock",
    request=Request("DELETE", LOCK),
    before=(Expect(LOCK, "properties.level", Check.EQUALS, "CanNotDelete"),),
    after=(Expect(LOCK, "", Check.ABSENT),),
    undo=Restore(),
    within=timedelta(minutes=10),
    fix_class=FixClass.GUARDED,
)
backup = Step(
    summary="back up sql1",
    request=Request("POST", ITEM, "backup", {"properties": {"recoveryPointExpiryTimeInUTC": "now+P7D"}}),
    before=(),
    after=(),
    undo=Irreversible("a backup expires by itself"),
    within=timedelta(minutes=10),
    fix_class=FixClass.GUARDED,
    triggers_backup=ITEM,
)
allow = Step(
    summary="allow Storage",
    request=Request("PUT", RULE, body={"properties": {"priority": 190, "access": "Allow"}}),
    before=(Expect(RULE, "", Check.ABSENT),),
    after=(Expect(RULE, "properties.access", Check.EQUALS, "Allow"),),
    undo=Request("DELETE", RULE),
    within=timedelta(minutes=5),
    fix_class=FixClass.GUARDED,
)
redeploy = Step(
    summary="redeploy sql1",
    request=Request("POST", SQL1, "redeploy"),
    before=(),
    after=(),
    undo=Irreversible("the VM lives on another host then"),
    within=timedelta(minutes=20),
    fix_class=FixClass.DESTRUCTIVE,
    loses=("the temporary disk of sql1",),
    changes_vm=SQL1,
)
NODES: tuple[Node, ...] = (
    Bracket(open_, (backup,), (Expect(SQL1, "n", Check.BELOW, 18),)),
    Ladder((allow, redeploy), (), timedelta(minutes=30)),
)


def group(*nodes: Node, id_: str = "ab12", playbook: str = "restore-point-lock") -> Group:
    cure = Cure(playbook, (SQL1,), ("f1",), nodes, relief="until Friday", afterwards=("copy", "check"))
    return Group(id_, (cure,), nodes)


WHOLE = group(*NODES)
PLAN = Plan((WHOLE,), (ByHand("disk-size", SQL1, "f2", "too large", FixClass.GUARDED),), suspected=2)
GAP = Unread(Read.DISKS, ArmId(SUBSCRIPTION), "ARM refused", 403, "AuthorizationFailed")


def document(plan: Plan = PLAN) -> dict[str, Any]:
    return planfile.document(plan, place=PLACE, asked=ASKED, choices=CHOICES, created=NOW, unread=[GAP])


def saved(folder: Path, content: Any) -> Path:
    file = folder / "plan.json"
    file.write_bytes(planfile.dump(content))
    return file


def rehashed(content: dict[str, Any]) -> dict[str, Any]:
    """A document as somebody would leave it who alters it and knows how the hash is made."""
    return {**content, "sha256": planfile.digest(content)}


def test_what_is_saved_is_what_the_schema_says() -> None:
    Draft202012Validator.check_schema(schema("plan"))
    Draft202012Validator(schema("plan")).validate(json.loads(planfile.dump(document())))


def test_every_member_is_described() -> None:
    root = schema("plan")

    def walk(described: Any, value: Any, path: str) -> None:
        while "$ref" in described:
            described = root["$defs"][described["$ref"].rpartition("/")[2]]
        options = described.get("oneOf", [described])
        for one in options:
            if Draft202012Validator({**one, "$defs": root["$defs"]}).is_valid(value):
                described = one
        while "$ref" in described:
            described = root["$defs"][described["$ref"].rpartition("/")[2]]
        if isinstance(value, dict) and described.get("properties"):
            for name, member in value.items():
                assert name in described["properties"], f"{path}.{name}"
                walk(described["properties"][name], member, f"{path}.{name}")
        if isinstance(value, list) and "items" in described:
            for member in value:
                walk(described["items"], member, f"{path}[]")

    walk(root, json.loads(planfile.dump(document())), "")


def test_what_was_asked_and_chosen_comes_back_as_it_was(tmp_path: Path) -> None:
    file = planfile.load(saved(tmp_path, document()))

    assert (file.asked, file.choices) == (ASKED, CHOICES)
    assert (file.created, file.expires) == (NOW, NOW + timedelta(hours=24))
    planfile.check(file, PLACE, NOW + timedelta(hours=23, minutes=59))


def test_what_is_left_to_people_stands_in_the_file_in_order() -> None:
    [made] = document()["groups"]

    assert made["afterwards"] == ["copy", "check"]


def members(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every member of a document, however deep."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in pairs:
        yield (*path, name)
        yield from members(member, (*path, name))


def altered(content: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    """The document with another value of the same kind at a path."""
    made = deepcopy(content)
    place: Any = made
    for name in path[:-1]:
        place = place[name]
    match place[path[-1]]:
        case bool() as value:
            place[path[-1]] = not value
        case int() | float() as value:
            place[path[-1]] = value + 1
        case str() as value:
            place[path[-1]] = value + "x"
        case list() as value:
            place[path[-1]] = [*value, "x"]
        case dict() as value:
            place[path[-1]] = {**value, "x": 1}
        case _:
            place[path[-1]] = "x"
    return made


EVERY = list(members(json.loads(planfile.dump(document()))))


@pytest.mark.parametrize("path", EVERY, ids=lambda path: ".".join(map(str, path)))
def test_a_file_that_was_altered_anywhere_is_refused(path: tuple[Any, ...], tmp_path: Path) -> None:
    content = json.loads(planfile.dump(document()))

    with pytest.raises(PlanRefused):
        planfile.load(saved(tmp_path, altered(content, path)))


TEXTS = {
    "summary", "reason", "relief", "id", "findings", "permissions", "within", "after", "until", "close", "class"
}  # fmt: skip
"""Members of a group that are not compared; the class of a step is, that of the group follows from it."""


def compared(path: tuple[Any, ...]) -> bool:
    if path[:1] != ("groups",) or len(path) < 3:
        return False
    if path[2:] == ("class",):
        return False
    last = [name for name in path if isinstance(name, str)]
    return not (TEXTS - {"class"}) & set(last) and path[2] in ("playbooks", "vms", "steps")


@pytest.mark.parametrize(
    "path", [path for path in EVERY if compared(path)], ids=lambda path: ".".join(map(str, path))
)
def test_an_approval_of_something_else_approves_nothing(path: tuple[Any, ...], tmp_path: Path) -> None:
    content = rehashed(altered(json.loads(planfile.dump(document())), path))

    try:
        run, refused = planfile.approved(planfile.load(saved(tmp_path, content)), [WHOLE])
    except PlanRefused:
        return
    if isinstance(dig(content, path), dict) and path[-1] not in ("body", "properties"):
        assert run in ((), (WHOLE,)), "a member that nobody reads binds nobody"
        return
    assert run == ()
    assert [one.group for one in refused] == ["ab12"]


def dig(content: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        content = content[name]
    return content


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda step: replace(step, request=Request("PUT", RULE, body={"x": 1})), id="the body"),
        pytest.param(lambda step: replace(step, request=Request("DELETE", RULE)), id="the method"),
        pytest.param(lambda step: replace(step, fix_class=FixClass.SAFE), id="the class"),
        pytest.param(lambda step: replace(step, undo=Restore()), id="the way back"),
        pytest.param(lambda step: replace(step, before=()), id="the condition"),
        pytest.param(lambda step: replace(step, loses=("a point",)), id="what is lost"),
        pytest.param(lambda step: replace(step, changes_vm=SQL1), id="the VM that it changes"),
    ],
)
def test_a_group_whose_step_differs_now_is_refused(changed: Callable[[Step], Step], tmp_path: Path) -> None:
    file = planfile.load(saved(tmp_path, document(Plan((group(allow),), ()))))
    run, [refused] = planfile.approved(file, [group(changed(allow))])

    assert run == ()
    assert "differs in steps[0]" in refused.reason


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(group(replace(allow, summary="otherwise said")), id="a text"),
        pytest.param(group(replace(allow, within=timedelta(hours=1))), id="a time"),
        pytest.param(group(allow, id_="other"), id="the name of the group"),
        pytest.param(
            group(replace(allow, request=replace(allow.request, id=ArmId(RULE.text.upper())))), id="ARM's case"
        ),
    ],
)  # fmt: skip
def test_a_group_that_only_reads_otherwise_runs_as_it_is_planned_now(changed: Group, tmp_path: Path) -> None:
    file = planfile.load(saved(tmp_path, document(Plan((group(allow),), ()))))
    [run], refused = planfile.approved(file, [changed])

    assert run is changed
    assert refused == ()


def test_groups_are_approved_one_by_one(tmp_path: Path) -> None:
    one, two, three = group(allow), group(backup, id_="cd34"), group(redeploy, playbook="other")
    file = planfile.load(saved(tmp_path, document(Plan((one, two), ()))))
    run, refused = planfile.approved(file, [two, three])

    assert run == (two,)
    assert [(one.group, one.reason.partition(":")[0]) for one in refused] == [
        ("ab12", "it is not planned any more")
    ]  # fmt: skip


def test_no_group_is_approved_twice(tmp_path: Path) -> None:
    twice = Plan((group(allow), group(allow)), ())
    run, refused = planfile.approved(planfile.load(saved(tmp_path, document(twice))), [group(allow)])

    assert (len(run), len(refused)) == (1, 1)


@pytest.mark.parametrize(
    ("place", "hours", "reason"),
    [
        (replace(PLACE, cloud="https://localhost:1"), 0, "made for the cloud"),
        (replace(PLACE, subscription=replace(PLACE.subscription, tenant="other")), 0, "made in the tenant"),
        (replace(PLACE, subscription=replace(PLACE.subscription, id=ArmId("/subscriptions/x"))), 0, "subscription"),
        (PLACE, 24, "expired"),
        (PLACE, -1, "expired"),
    ],
)  # fmt: skip
def test_a_plan_for_another_place_or_time_is_refused(
    place: Place, hours: int, reason: str, tmp_path: Path
) -> None:
    file = planfile.load(saved(tmp_path, document()))

    with pytest.raises(PlanRefused, match=reason):
        planfile.check(file, place, NOW + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("expires",), "2099-01-01T00:00:00Z"),
        (("choices", "maxUnlocked"), float("inf")),
        (("choices", "maxUnlocked"), float("nan")),
        (("choices", "maxUnlocked"), -5),
        (("choices", "maxUnlocked"), 0),
        (("choices", "bracketSize"), 0),
        (("choices", "bracketSize"), 1.5),
        (("choices", "bracketSize"), float("inf")),
        (("asked", "lookback"), 1e30),
        (("asked", "lookback"), 1e12),
        (("asked", "lookback"), -1),
    ],
    ids=str,
)
def test_what_no_flag_can_say_is_refused(where: tuple[str, ...], value: Any, tmp_path: Path) -> None:
    made = deepcopy(document())
    place = made if len(where) == 1 else made[where[0]]
    assert where[-1] in place
    place[where[-1]] = value

    with pytest.raises(PlanRefused, match=r"plan\.json is no plan that"):
        planfile.load(saved(tmp_path, rehashed(made)))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b"\xff", b'{"sha256": 1}', b"[" * 100_000,
        planfile.dump(rehashed({**document(), "schemaVersion": 2})),
        planfile.dump(rehashed({**document(), "tool": {"name": "azremedy", "version": "0"}})),
        planfile.dump(rehashed({**document(), "groups": None})),
        planfile.dump(rehashed({**document(), "groups": [{}]})),
        planfile.dump(rehashed({**document(), "choices": {"allow": ["everything"]}})),
        planfile.dump(rehashed({**document(), "created": "yesterday"})),
        planfile.dump(rehashed({**document(), "created": "2026-11-22T07:00:00"})),
    ],
)  # fmt: skip
def test_what_is_no_plan_of_this_version_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(content)

    with pytest.raises(PlanRefused, match="plan"):
        planfile.load(file)


def test_a_file_that_is_not_there_is_a_mistake_in_the_command(tmp_path: Path) -> None:
    with pytest.raises(AzremedyError, match=r"nothing\.json cannot be read") as missing:
        planfile.load(tmp_path / "nothing.json")
    assert missing.value.exit is Exit.USAGE
