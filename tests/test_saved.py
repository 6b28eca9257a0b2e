"""A saved estate is the estate."""

from __future__ import annotations

from pathlib import Path

import pytest
from building import (
    collection,
    disk,
    estate,
    excluded,
    failed_item,
    failed_job,
    lock,
    nic,
    nsg,
    points,
    policy,
    rule,
    subnet,
    view,
    vm,
)

from azremedy import saved
from azremedy.arm import ArmId
from azremedy.errors import AzremedyError
from azremedy.resources import Read, Route, RouteTable, Unread

WHOLE = estate(
    vm(),
    failed_item(exclusion=excluded(1, 2)),
    failed_job(4711),
    collection(),
    points(3, collection()),
    lock(""),
    view(),
    nic(),
    nsg(rule("Deny", "Internet")),
    subnet(),
    disk("data", 2048),
    policy("hourly", per_day=4.0),
    RouteTable(ArmId("/r"), (Route("default", "0.0.0.0/0", "VirtualAppliance", "10.0.0.4"),)),
    Unread(Read.VIEW, ArmId("/v"), "no", 403, "AuthorizationFailed"),
)


def test_what_is_saved_is_loaded_again_to_the_last_field(tmp_path: Path) -> None:
    path = tmp_path / "estate.json"
    path.write_bytes(saved.dump(WHOLE))

    assert saved.load(path) == WHOLE
    assert saved.dump(saved.load(path)) == path.read_bytes()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "is not an estate", id="an empty file"),
        pytest.param("[]", "is not an estate", id="other JSON"),
        pytest.param('{"schemaVersion": 99, "estate": null}', "version 99", id="another version"),
        pytest.param(
            '{"schemaVersion": 1, "estate": {"subscription": 5}}', "is not an estate", id="an altered file"
        ),
        pytest.param('{"schemaVersion": 1, "estate"', "is not an estate", id="half a file"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "estate.json"
    path.write_text(text)

    with pytest.raises(AzremedyError, match=says):
        saved.load(path)


def test_a_missing_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AzremedyError, match="Cannot read"):
        saved.load(tmp_path / "none.json")
