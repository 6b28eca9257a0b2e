"""Commands of `az` that say what they say, whatever the names and notes in them are."""

from __future__ import annotations

import json
import shlex

import pytest

from azremedy.apply import shell
from azremedy.arm import ArmId, Request

GROUP = "/subscriptions/5a6db0c5-0000-4000-8000-000000000001/resourceGroups/shop"


def lock(name: str = "keep") -> ArmId:
    return ArmId(f"{GROUP}/providers/Microsoft.Authorization/locks/{name}")


@pytest.mark.parametrize("notes", ["@/etc/hosts", "see=@~/.netrc", "- ask ops", "--debug", "@-"])
def test_a_note_that_az_would_take_for_a_file_or_an_option_goes_in_a_body(notes: str) -> None:
    words = shlex.split(shell.lock(lock(), "ReadOnly", notes))

    assert words[:4] == ["az", "rest", "--method", "put"]
    assert not [one for one in words if one.startswith("@") or "=@" in one]
    assert json.loads(words[-1])["properties"] == {"level": "ReadOnly", "notes": notes}


@pytest.mark.parametrize("notes", ["ask ops@example.org", "a=b@c", "a=b=@c", "it's - fine", "=", ""])
def test_any_other_note_is_the_word_of_an_option(notes: str) -> None:
    words = shlex.split(shell.lock(lock(), "CanNotDelete", notes or None))

    assert words[:7] == ["az", "lock", "create", "--name", "keep", "--lock-type", "CanNotDelete"]
    assert words[7:9] == (["--notes", notes] if notes else ["--resource-group", "shop"])


def test_a_lock_with_owners_is_made_again_with_them() -> None:
    owners = [{"applicationId": "5a6db0c5-0000-4000-8000-0000000000aa"}]
    words = shlex.split(shell.lock(lock(), "ReadOnly", None, owners))

    assert json.loads(words[-1]) == {"properties": {"level": "ReadOnly", "owners": owners}}


def test_a_name_that_az_would_take_for_a_file_stands_in_an_address_in_another_way() -> None:
    words = shlex.split(shell.of_ids("lock delete", Request("DELETE", lock("x=@y z"))))

    assert words[:4] == ["az", "rest", "--method", "delete"]
    assert words[5] == f"{GROUP}/providers/Microsoft.Authorization/locks/x=%40y%20z?api-version=2020-05-01"


def test_what_a_terminal_would_obey_is_written_for_bash() -> None:
    assert shell.word("a b") == "'a b'"
    assert shell.word("\x1b[2J\n'\\\x9b\u202e\U000e0001") == r"$'\x1b[2J\n\'\\\u009b\u202e\U000e0001'"
