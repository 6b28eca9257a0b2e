"""Views that are made once: each rests on the fields that it names, and stays where a copy differs in none of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from building import (
    collection,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    nic,
    nsg,
    points,
    subnet,
    view,
    vm,
    vm_id,
)

from azremedy.derived import Derived
from azremedy.estate import Estate
from azremedy.resources import Read, Unread

VIEWS = {name: one for name, one in vars(Estate).items() if isinstance(one, Derived)}
NAMES = {one.name for one in fields(Estate)}


class Watched(Estate):
    """An estate that notes which of its fields are looked at."""

    def __getattribute__(self, name: str) -> Any:
        if name in NAMES:
            object.__getattribute__(self, "__dict__").setdefault("looked", set()).add(name)
        return object.__getattribute__(self, name)


def whole() -> dict[str, Any]:
    """An estate in which each view has something to look at."""
    held = collection("sql1")
    made = estate(
        vm(),
        nic(),
        nsg(),
        subnet(),
        item(),
        failed_item("web2"),
        failed_job("UserErrorGuestAgentStatusUnavailable", "web2"),
        held,
        points(3, held),
        view(),
        lock(vm_id()),
        Unread(Read.POLICIES, item().vault, "no rights"),
    )
    return {name: getattr(made, name) for name in NAMES}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_rests_on_no_field_that_it_does_not_name(name: str) -> None:
    watched = Watched(**whole())

    getattr(watched, name)

    assert vars(watched).get("looked", set()) <= VIEWS[name].fields


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_stays_unless_one_of_its_fields_changes(name: str) -> None:
    made = Estate(**whole())
    before = getattr(made, name)

    for field in NAMES:
        changed = made.changed(**{field: getattr(made, field)})
        assert (vars(changed).get(name) is before) == (field not in VIEWS[name].fields)
