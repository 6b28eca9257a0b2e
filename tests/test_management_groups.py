"""Subscriptions chosen by management group: nested, paged, beside others, and what of them nobody may see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Desk, Ended, document
from sandboxed import estate, vm

from azremedy.resources import Read
from azremedy.sandbox import Sandbox, embedded
from azremedy.sandbox.answers import Answer, Call, ok
from azremedy.sandbox.generate import fleet

WHO = "5a6db0c5-0000-4000-8000-c11e47000007"


def one(nth: int, *path: str, **sections: Any) -> dict[str, Any]:
    """Describe a subscription in the management group of this path."""
    id_ = f"5a6db0c5-0000-4000-8000-{nth:012d}"
    return estate(vm(), subscription={"name": f"s{nth}", "id": id_, "management_groups": path}, **sections)


def refused(*names: str, **members: Any) -> list[dict[str, Any]]:
    return [{"name": "reader", "client_id": WHO, "secret": "s", "cannot_read": names, **members}]


TREE = [
    one(1, "Contoso", "Landing Zones", "Online"),
    one(2, "Contoso", "Landing Zones", "Corp"),
    one(3, "Contoso"),
    one(4),
    one(
        5,
        "Contoso",
        "Closed",
        identities=refused("Closed", "subscription"),
    ),
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with embedded(tmp_path_factory.mktemp("sandbox"), estate=TREE) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    sandbox.instead = lambda _: None
    return Desk(sandbox, tmp_path)


def names(ended: Ended) -> list[str]:
    return sorted(one["name"] for one in document(ended)["subscriptions"])


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (("contoso",), ["s1", "s2", "s3", "s5"]),
        (("landing-zones",), ["s1", "s2"]),
        (("Landing Zones",), ["s1", "s2"]),
        (("/providers/Microsoft.Management/managementGroups/ONLINE",), ["s1"]),
        (("online", "corp"), ["s1", "s2"]),
        (("contoso", "corp"), ["s1", "s2", "s3", "s5"]),
    ],
)
def test_all_subscriptions_under_a_group_are_read_once(
    run: Desk, named: tuple[str, ...], found: list[str]
) -> None:
    ended = run("scan", *(word for name in named for word in ("--management-group", name)), "-o", "json")

    assert (ended.code, names(ended)) == (0, found)


def test_others_may_be_named_beside_a_group(run: Desk) -> None:
    assert names(run("scan", "--management-group", "online", "-s", "s4", "-s", "s1", "-o", "json")) == [
        "s1",
        "s4",
    ]


def test_a_gate_takes_a_group_too(run: Desk) -> None:
    assert names(run("gate", "--management-group", "corp", "-o", "json")) == ["s2"]


def test_a_group_without_subscriptions_a_wrong_one_and_a_closed_one_are_one_sentence(run: Desk) -> None:
    wrong = run("scan", "--management-group", "nowhere")
    closed = run("scan", "--management-group", "closed", AZURE_CLIENT_ID=WHO, AZURE_CLIENT_SECRET="s")

    assert (wrong.code, closed.code) == (3, 3)
    assert "ARM shows no management group 'nowhere' to this identity: check the id" in wrong.err
    assert "on the group, which holds Microsoft.Management/managementGroups/descendants/read." in closed.err


def test_a_group_that_cannot_be_read_costs_only_itself(run: Desk) -> None:
    ended = run("scan", "--management-group", "nowhere", "-s", "s4", "-o", "json")

    assert (ended.code, names(ended)) == (3, ["s4"])
    assert [(gap["what"], gap["scope"].rpartition("/")[2]) for gap in document(ended)["unread"]] == [
        ("management groups", "nowhere")
    ]


def test_a_subscription_that_a_group_tells_of_and_arm_does_not_show_is_a_gap(
    run: Desk, sandbox: Sandbox
) -> None:
    def without(call: Call) -> Answer | None:
        if call.key != "/subscriptions":
            return None
        shown = [
            {"id": f"/subscriptions/{one}", "subscriptionId": one, "displayName": "s", "state": "Enabled"}
            for one in ["5a6db0c5-0000-4000-8000-000000000001"]
        ]
        return ok({"value": shown})

    sandbox.instead = without
    ended = run("scan", "--management-group", "landing-zones", "-o", "json")

    assert ended.code == 3
    assert [gap["scope"][-2:] for gap in document(ended)["unread"]] == ["02"]


@pytest.mark.parametrize("name", ["../../subscriptions", "a b?$filter=x", "%2e%2e", "\u202egnp", "*"])
def test_a_hostile_name_asks_for_nothing_else(run: Desk, sandbox: Sandbox, name: str) -> None:
    sandbox.clear()
    ended = run("scan", "--management-group", name)

    assert ended.code == 3
    assert "\u202e" not in ended.err
    assert set(sandbox.calls()) <= {Read.SUBSCRIPTION, Read.MANAGEMENT_GROUPS, None}


def test_descendants_come_in_pages(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate=fleet(21, 1, 1), page_size=4) as sandbox:
        ended = Desk(sandbox, tmp_path)("scan", "--management-group", "canary", "-o", "json")
        whole = Desk(sandbox, tmp_path)("scan", "--management-group", "fleet", "-o", "json")

    assert names(ended) == ["generated-1", "generated-1-0010", "generated-1-0020"]
    assert len(names(whole)) == 21
    assert [found(ended), found(whole)] == [6 + 1, 6 + 6]


def found(ended: Ended) -> int:
    """Return how many requests found the subscriptions: their pages, and those of what lies in the group."""
    return sum(one["callsByKind"].get("subscription", 0) for one in document(ended)["subscriptions"])
