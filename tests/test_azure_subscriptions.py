"""Which subscriptions are meant: ids, names, the default, and what is said where none fits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from misbehaving import Answer, Server, Watch, error, misbehaving, timed

from azremedy.azure import ArmReader
from azremedy.azure.subscriptions import default_subscription, find
from azremedy.errors import AmbiguousSubscription, Exit, Incomplete, ReadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE, TWO, THREE = (f"{number}1111111-1111-4111-8111-11111111111a" for number in "abc")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        yield made


@pytest.fixture
def reader(server: Server) -> Iterator[ArmReader]:
    with timed(server, Watch()) as made:
        yield made


def described(guid: str, name: str, state: str = "Enabled") -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{guid}",
        "subscriptionId": guid,
        "displayName": name,
        "state": state,
        "tenantId": "t",
    }


@pytest.fixture
def three(server: Server) -> Server:
    """Three subscriptions on two pages; two share a name."""
    first = {"value": [described(ONE, "Prod")], "nextLink": f"{server.address}/subscriptions/more"}
    rest = {"value": [described(TWO, "Test"), described(THREE, "test", "Disabled")]}
    server.on("/subscriptions", Answer(first))
    server.on("/subscriptions/more", Answer(rest))
    return server


def test_finds_by_id_with_one_read(server: Server, reader: ArmReader) -> None:
    server.on(f"/subscriptions/{ONE.upper()}", Answer(described(ONE, "Prod")))

    [found] = find(reader, [ONE.upper()])
    assert (found.id.name, found.name, found.tenant, found.state) == (ONE, "Prod", "t", "Enabled")
    assert reader.sent == 1


def test_finds_by_name_in_any_case_through_the_pages(three: Server, reader: ArmReader) -> None:
    assert [one.id.name for one in find(reader, ["prod"])] == [ONE]


def test_names_each_once_in_the_order_given(three: Server, reader: ArmReader) -> None:
    three.on(f"/subscriptions/{THREE}", Answer(described(THREE, "test", "Disabled")))

    assert [one.id.name for one in find(reader, [THREE, "PROD", f"/subscriptions/{THREE}", "prod"])] == [
        THREE,
        ONE,
    ]


def test_a_star_is_every_enabled_one(three: Server, reader: ArmReader) -> None:
    assert [one.id.name for one in find(reader, ["*"])] == [ONE, TWO]


def test_a_star_that_shows_nothing_is_incomplete(server: Server, reader: ArmReader) -> None:
    server.on("/subscriptions", Answer({"value": []}))

    with pytest.raises(Incomplete, match="no enabled subscription"):
        find(reader, ["*"])


@pytest.mark.parametrize(
    "answer",
    [
        error(404, "SubscriptionNotFound", "The subscription could not be found."),
        error(403, "AuthorizationFailed", "no"),
        error(400, "InvalidSubscriptionId", "no"),
    ],
    ids=["not found", "forbidden", "invalid"],
)
def test_an_id_that_arm_does_not_show_is_incomplete(
    server: Server, reader: ArmReader, answer: Answer
) -> None:
    server.on(f"/subscriptions/{ONE}", answer)

    with pytest.raises(Incomplete, match=f"ARM shows no subscription {ONE} to this identity") as raised:
        find(reader, [ONE])
    assert raised.value.exit == Exit.INCOMPLETE


def test_a_name_that_fits_none_suggests_close_ones(three: Server, reader: ArmReader) -> None:
    with pytest.raises(
        AmbiguousSubscription, match="no subscription named 'prd': did you mean 'Prod'"
    ) as raised:
        find(reader, ["prd"])
    assert raised.value.exit == Exit.USAGE


def test_a_name_that_fits_several_lists_their_ids(three: Server, reader: ArmReader) -> None:
    with pytest.raises(AmbiguousSubscription, match=f"Several .* 'TEST': .*{TWO}, {THREE}"):
        find(reader, ["TEST"])


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ({}, "NotAList"),
        ({"value": None}, "NotAList"),
        ({"value": [{"displayName": "nameless"}]}, "NotArm"),
        ({"value": [None]}, "NotArm"),
        ({"value": [], "nextLink": 7}, "NextLinkLoop"),
    ],
)
def test_a_list_without_sense_is_an_error_not_an_empty_list(
    server: Server, reader: ArmReader, page: Any, code: str
) -> None:
    server.on("/subscriptions", Answer(page))

    with pytest.raises(ReadError) as raised:
        find(reader, ["prod"])
    assert raised.value.code == code


def test_pages_that_lead_in_a_circle_end(server: Server, reader: ArmReader) -> None:
    server.on("/subscriptions", Answer({"value": [], "nextLink": f"{server.address}/subscriptions"}))

    with pytest.raises(ReadError, match="never end"):
        find(reader, ["prod"])


def profile(folder: Path, *entries: dict[str, Any]) -> dict[str, str]:
    (folder / "azureProfile.json").write_text(json.dumps({"subscriptions": entries}), "utf-8-sig")
    return {"AZURE_CONFIG_DIR": str(folder)}


def entry(guid: str, cloud: str, *, default: bool) -> dict[str, Any]:
    return {"id": guid, "name": "n", "isDefault": default, "environmentName": cloud}


def test_the_variable_is_the_default(tmp_path: Path) -> None:
    environ = profile(tmp_path, entry(ONE, "AzureCloud", default=True)) | {"AZURE_SUBSCRIPTION_ID": TWO}

    assert default_subscription(environ) == TWO


def test_the_az_profile_names_a_default_for_each_cloud(tmp_path: Path) -> None:
    environ = profile(
        tmp_path,
        entry(ONE, "AzureUSGovernment", default=True),
        entry(TWO, "AzureCloud", default=False),
        entry(THREE, "AzureCloud", default=True),
    )
    assert default_subscription(environ) == THREE
    assert default_subscription(environ, "usgov") == ONE
    assert default_subscription(environ, "china") is None

    (tmp_path / "config").write_text("[cloud]\nname = AzureUSGovernment\n")
    assert default_subscription(environ) == ONE
    assert default_subscription(environ, "public") == THREE


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"subscriptions": null}', '{"subscriptions": [{"isDefault": true}]}']
)
def test_a_profile_without_sense_names_no_default(tmp_path: Path, text: str) -> None:
    (tmp_path / "azureProfile.json").write_text(text)

    assert default_subscription({"AZURE_CONFIG_DIR": str(tmp_path)}) is None


def test_without_a_profile_there_is_no_default(tmp_path: Path) -> None:
    assert default_subscription({"AZURE_CONFIG_DIR": str(tmp_path)}) is None
