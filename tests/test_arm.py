"""Resource ids, as ARM writes and compares them."""

from __future__ import annotations

import pytest

from azremedy.arm import ArmId

VM = ArmId("/subscriptions/S1/resourceGroups/Prod/providers/Microsoft.Compute/virtualMachines/sql1")
LOCK = ArmId(f"{VM}/providers/Microsoft.Authorization/locks/keep")


def test_ids_are_equal_without_case_and_keep_their_spelling() -> None:
    shouted = ArmId(VM.text.upper())

    assert shouted == VM
    assert hash(shouted) == hash(VM)
    assert str(shouted) != str(VM)
    assert VM.text != VM


@pytest.mark.parametrize(
    ("id_", "name", "type_", "group", "scope"),
    [
        pytest.param(
            VM,
            "sql1",
            "microsoft.compute/virtualmachines",
            "Prod",
            VM.text.partition("/providers/")[0],
            id="vm",
        ),
        pytest.param(LOCK, "keep", "microsoft.authorization/locks", "Prod", VM.text, id="lock on a vm"),
        pytest.param(ArmId("/subscriptions/S1"), "S1", "", None, "/subscriptions/S1", id="subscription"),
        pytest.param(
            ArmId("/subscriptions/S1/resourceGroups/Prod/"),
            "Prod",
            "",
            "Prod",
            "/subscriptions/S1/resourceGroups/Prod",
            id="group",
        ),
        pytest.param(
            ArmId(f"{VM}/extensions/a"),
            "a",
            "microsoft.compute/virtualmachines/extensions",
            "Prod",
            VM.text.partition("/providers/")[0],
            id="child",
        ),
        pytest.param(ArmId("nonsense"), "nonsense", "", None, "nonsense", id="nonsense"),
    ],
)
def test_an_id_tells(id_: ArmId, name: str, type_: str, group: str | None, scope: str) -> None:
    assert (id_.name, id_.type, id_.group and id_.group.name, id_.scope.text) == (name, type_, group, scope)


def test_a_scope_covers_itself_and_what_is_inside_and_no_longer_name() -> None:
    group = ArmId("/subscriptions/s1/resourcegroups/prod")

    assert group.covers(VM)
    assert group.covers(group)
    assert ArmId("/subscriptions/s1").covers(group)
    assert not ArmId("/subscriptions/s1/resourcegroups/pro").covers(group)
    assert not VM.covers(group)
