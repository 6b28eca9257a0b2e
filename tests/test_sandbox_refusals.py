"""What the sandbox refuses, late or wrongly: locks, rights, faults."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from sandboxed import SPEED, Lab, estate, lab, vm

from azremedy.errors import AzremedyError
from azremedy.sandbox import Fault, LockLag, embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OWNER = "5a6db0c5-0000-4000-8000-0000000000aa"
WHO = ("5a6db0c5-0000-4000-8000-c11e47000009", "secret")
LISTED = {"snapshot": {"state": "failed", "listed": True}}
BODY = {"level": "CanNotDelete", "notes": "Ask first.", "owners": [{"application_id": OWNER}]}
RULE = {
    "access": "Deny",
    "direction": "Outbound",
    "priority": 100,
    "protocol": "*",
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "*",
}


def code(refused: pytest.ExceptionInfo[HttpResponseError]) -> str:
    assert refused.value.error is not None
    return str(refused.value.error.code)


def delete_point(azure: Lab) -> Any:
    return azure.compute.restore_points.begin_delete("points", held(azure), "nothing", polling=False)


WRITES: dict[str, Callable[[Lab], Any]] = {
    "extension": lambda azure: azure.compute.virtual_machine_extensions.begin_delete(
        "shop", "sql1", "VMSnapshot", polling=False
    ),
    "restart": lambda azure: azure.compute.virtual_machines.begin_restart("shop", "sql1", polling=False),
    "rule": lambda azure: azure.network.security_rules.begin_delete("network", "nsg1", "no", polling=False),
    "new rule": lambda azure: azure.network.security_rules.begin_create_or_update(
        "network", "nsg1", "new", {"properties": RULE}, polling=False
    ),
    "collection": lambda azure: azure.compute.restore_point_collections.begin_delete(
        "points", held(azure), polling=False
    ),
    "backup": lambda azure: azure.trigger(),
    "lock": lambda azure: azure.locks.create_or_update_at_resource_group_level("shop", "new", BODY),
    "unlock": lambda azure: azure.locks.delete_at_resource_group_level("shop", "nothing"),
}


def held(azure: Lab) -> str:
    (found,) = azure.compute.restore_point_collections.list_all()
    return str(found.name)


def broken(**sections: Any) -> Any:
    nsgs = [{"name": "nsg1", "rules": [{"name": "no", "access": "Deny", "priority": 200, "to": "Internet"}]}]
    return estate(vm(points={"count": 3, "group": "points"}, **LISTED), nsgs=nsgs, **sections)


def refused(azure: Lab, doing: Callable[[Lab], Any]) -> str | None:
    """Return the code with which a write is refused, or None."""
    try:
        doing(azure)
    except HttpResponseError as error:
        return error.error.code if error.error else "NoCode"
    return None


@pytest.mark.parametrize(
    ("level", "forbidden"),
    [
        ("CanNotDelete", {"extension", "rule", "collection"}),
        ("ReadOnly", set(WRITES) - {"unlock"}),
    ],
)
def test_a_lock_of_the_subscription_forbids_what_its_level_says(
    tmp_path: Path, level: str, forbidden: set[str]
) -> None:
    locks = [{"name": "all", "scope": "subscription", "level": level}]
    with lab(tmp_path, broken(locks=locks)) as azure:
        found = {name for name in forbidden if refused(azure, WRITES[name]) == "ScopeLocked"}
        assert found == forbidden
        assert {name for name in set(WRITES) - forbidden if refused(azure, WRITES[name])} <= {"restart"}
        assert azure.state().statuses
        assert len(azure.points()) == 3


def test_a_refusal_names_the_target_and_the_locked_scopes(tmp_path: Path) -> None:
    locks = [{"name": "group", "scope": "points"}, {"name": "all", "scope": "subscription"}]
    with lab(tmp_path, broken(locks=locks)) as azure:
        with pytest.raises(HttpResponseError) as locked:
            azure.compute.restore_point_collections.begin_delete("points", held(azure))
        assert (locked.value.status_code, code(locked)) == (409, "ScopeLocked")
        text = str(locked.value.error and locked.value.error.message)
        assert text.startswith(f"The scope '{azure.root}/resourceGroups/points/providers/Microsoft.Compute/")
        locked_scopes = f"'{azure.root}','{azure.root}/resourcegroups/points'"
        assert f"scope(s) are locked: {locked_scopes}. please remove the lock" in text.lower()


def test_a_lock_on_another_group_forbids_nothing(tmp_path: Path) -> None:
    with lab(tmp_path, broken(locks=[{"name": "other", "scope": "backup"}])) as azure:
        assert refused(azure, WRITES["collection"]) is None


def test_a_lock_below_a_wider_read_only_lock_is_not_placed_and_one_beside_it_is(tmp_path: Path) -> None:
    locks = [{"name": "all", "scope": "shop", "level": "ReadOnly"}]
    with lab(tmp_path, broken(locks=locks)) as azure:
        azure.locks.create_or_update_at_resource_group_level("shop", "beside", {"level": "ReadOnly"})
        with pytest.raises(HttpResponseError) as locked:
            azure.locks.create_or_update_at_resource_level(
                "shop",
                "Microsoft.Compute",
                "",
                "virtualMachines",
                "sql1",
                "below",
                {"level": "CanNotDelete"},
            )
        assert code(locked) == "ScopeLocked"


def test_a_lock_is_kept_exactly_and_put_back_as_it_was(tmp_path: Path) -> None:
    locks = [{"name": "Keep It", "scope": "points", "notes": "Ask first."}]
    with lab(tmp_path, broken(locks=locks)) as azure:
        before = {key: body for key, body in azure.sandbox.snapshot().items() if "/locks/" in key}
        azure.locks.delete_at_resource_group_level("points", "Keep It")
        with pytest.raises(ResourceNotFoundError):
            azure.locks.get_at_resource_group_level("points", "Keep It")
        azure.locks.delete_at_resource_group_level("points", "Keep It")
        body = {"level": "CanNotDelete", "notes": "Ask first."}
        azure.locks.create_or_update_at_resource_group_level("points", "Keep It", body)
        after = {key: body for key, body in azure.sandbox.snapshot().items() if "/locks/" in key}
        assert after == before
        statuses = [one.status for one in azure.sandbox.requests if "/locks/" in one.path]
        assert statuses == [200, 404, 204, 201]


def test_a_lock_of_an_application_is_its_own(tmp_path: Path) -> None:
    locks = [{"name": "keep", "scope": "points", "owners": [OWNER]}]
    with lab(tmp_path, broken(locks=locks)) as azure:
        with pytest.raises(HttpResponseError, match=OWNER) as theirs:
            azure.locks.delete_at_resource_group_level("points", "keep")
        assert theirs.value.status_code == 403
        assert azure.locks.get_at_resource_group_level("points", "keep").owners[0].application_id == OWNER


def test_locks_take_hold_and_let_go_late(tmp_path: Path) -> None:
    lag = {"lifted": 60, "placed": 60}
    with lab(tmp_path, broken(locks=[{"name": "keep", "scope": "points"}], lock_lag=lag)) as azure:
        azure.locks.delete_at_resource_group_level("points", "keep")
        assert refused(azure, delete_point) == "ScopeLocked"
        azure.wait(61)
        assert refused(azure, delete_point) is None
        azure.locks.create_or_update_at_resource_group_level("points", "keep", {"level": "CanNotDelete"})
        with pytest.raises(ResourceNotFoundError):
            azure.locks.get_at_resource_group_level("points", "keep")
        azure.wait(61)
        assert azure.locks.get_at_resource_group_level("points", "keep").level == "CanNotDelete"
        azure.sandbox.lock_lag = LockLag()
        azure.locks.delete_at_resource_group_level("points", "keep")
        assert refused(azure, delete_point) is None


@pytest.mark.parametrize("body", [{"level": "Nothing"}, {"level": "ReadOnly", "notes": "x" * 513}])
def test_a_lock_that_makes_no_sense_is_refused(tmp_path: Path, body: dict[str, str]) -> None:
    with lab(tmp_path, broken()) as azure, pytest.raises(HttpResponseError) as wrong:
        azure.locks.create_or_update_at_resource_group_level("points", "new", body)
    assert wrong.value.status_code == 400


MAY = {
    "Owner": set(WRITES),
    "Contributor": set(WRITES) - {"lock", "unlock"},
    "Reader": set(),
    "User Access Administrator": {"lock", "unlock"},
    "Backup Operator": {"backup"},
    "Virtual Machine Contributor": {"restart", "extension"},
    "Network Contributor": {"rule", "new rule"},
}


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_write_what_azures_definition_of_it_says(tmp_path: Path, role: str) -> None:
    identity = {"name": "me", "client_id": WHO[0], "secret": WHO[1], "role": role}
    with lab(tmp_path, broken(identities=[identity])) as owner, closing(Lab(owner.sandbox, WHO)) as azure:
        codes = {name: refused(azure, doing) for name, doing in WRITES.items()}
        assert {name for name, said in codes.items() if said != "AuthorizationFailed"} == MAY[role]
        assert azure.state().statuses


def test_a_role_at_a_scope_holds_there_and_below(tmp_path: Path) -> None:
    roles = [{"role": "Owner", "scope": "points"}, {"role": "Virtual Machine Contributor", "scope": "sql1"}]
    identity = {"name": "me", "client_id": WHO[0], "secret": WHO[1], "roles": roles}
    with lab(tmp_path, broken(identities=[identity])) as owner, closing(Lab(owner.sandbox, WHO)) as azure:
        allowed = {name for name, doing in WRITES.items() if refused(azure, doing) != "AuthorizationFailed"}
        assert allowed == {"restart", "extension", "collection"}
        points = permissions(azure, f"{azure.root}/resourceGroups/points")
        assert points == [(["*"], [])]
        assert permissions(azure, azure.root) == []
        vm_ = f"{azure.root}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/sql1"
        ((actions, _),) = permissions(azure, vm_)
        assert "Microsoft.Compute/virtualMachines/*" in actions


def permissions(azure: Lab, scope: str) -> list[tuple[list[str], list[str]]]:
    path = f"{scope}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
    token = azure.credential.get_token(f"{azure.sandbox.url}/.default").token
    answer = requests.get(
        azure.sandbox.url + path,
        headers={"Authorization": f"Bearer {token}"},
        verify=str(azure.sandbox.ca),
    ).json()
    return [(one["actions"], one["notActions"]) for one in answer["value"]]


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, broken(), speed=1.0) as running:
        yield running


def restart(azure: Lab) -> Any:
    return azure.compute.virtual_machines.begin_restart("shop", "sql1", polling=False)


def restarted(azure: Lab) -> bool:
    return "ProvisioningState/updating" in {one.code for one in azure.state().statuses}


def test_a_fault_answers_in_arms_place(azure: Lab) -> None:
    azure.sandbox.faults = [
        Fault("POST .*/restart$", status=429, code="TooManyRequests", retry_after=7, times=2)
    ]
    for _ in range(2):
        with pytest.raises(HttpResponseError) as struck:
            restart(azure)
        assert (struck.value.status_code, code(struck)) == (429, "TooManyRequests")
        answer: Any = struck.value.response
        assert answer.headers["Retry-After"] == "7"
    assert not restarted(azure)
    restart(azure)
    assert restarted(azure)


def test_a_fault_strikes_from_the_nth_request_on(azure: Lab) -> None:
    azure.sandbox.faults.append(Fault("GET .*/instanceView", nth=3, times=None, status=500))
    codes = []
    for _ in range(5):
        try:
            azure.state()
            codes.append(200)
        except HttpResponseError as struck:
            codes.append(struck.status_code or 0)
    assert codes == [200, 200, 500, 500, 500]


@pytest.mark.parametrize(("kind", "executed"), [("drop-before", False), ("drop-after", True)])
def test_a_connection_is_dropped_before_or_after_a_write_took_effect(
    azure: Lab, kind: Any, *, executed: bool
) -> None:
    azure.sandbox.faults = [Fault("/restart$", kind=kind)]
    with pytest.raises(Exception, match=r"(?i)connection|remote|disconnected"):
        restart(azure)
    assert restarted(azure) is executed
    assert [
        one.status for one in azure.sandbox.requests if one.method == "POST" and "restart" in one.path
    ] == [0]


def test_an_answer_is_slow_or_breaks_off(azure: Lab) -> None:
    azure.sandbox.faults = [Fault("instanceView", kind="slow", seconds=0.3)]
    began = time.monotonic()
    azure.state()
    assert time.monotonic() - began > 0.29
    azure.sandbox.faults = [Fault("instanceView", kind="truncate")]
    with pytest.raises(Exception, match=r"(?i)incomplete|broken|more expected"):
        azure.state()
    assert azure.state().statuses


def test_somebody_else_may_be_quicker(azure: Lab) -> None:
    vm = azure.compute.virtual_machines.get("shop", "sql1").id
    azure.sandbox.faults = [
        Fault("/restart$", kind="drift", resource=vm or "", path="tags", value={"by": "them"})
    ]
    restart(azure)
    assert azure.compute.virtual_machines.get("shop", "sql1").tags == {"by": "them"}


def test_a_drift_of_what_is_not_there_is_answered_in_one_sentence(azure: Lab) -> None:
    azure.sandbox.faults = [Fault("/restart$", kind="drift", resource="/subscriptions/x/y", path="tags")]
    with pytest.raises(HttpResponseError, match="There is no resource /subscriptions/x/y"):
        restart(azure)
    assert not restarted(azure)


def test_an_estate_may_begin_with_faults(tmp_path: Path) -> None:
    with lab(tmp_path, broken(faults=[{"match": "instanceView", "status": 503}])) as azure:
        with pytest.raises(HttpResponseError):
            azure.state()
        assert azure.state().statuses


@pytest.mark.parametrize(
    ("faults", "sentence"),
    [
        ([{"match": "("}], "fault '(': 'match' is no pattern"),
        ([{"match": "x", "kind": "dorp-after"}], "did you mean 'drop-after'?"),
    ],
)
def test_a_wrong_fault_is_one_sentence(tmp_path: Path, faults: Any, sentence: str) -> None:
    with pytest.raises(AzremedyError) as wrong:
        embedded(tmp_path, estate=broken(faults=faults))
    assert sentence in str(wrong.value)


def test_writes_are_recorded_with_their_bodies(azure: Lab) -> None:
    azure.locks.create_or_update_at_resource_group_level("points", "new", {"level": "ReadOnly"})
    (write,) = (one for one in azure.sandbox.requests if one.method == "PUT")
    assert write.body == {"properties": {"level": "ReadOnly"}}
    assert write.status == 201


def test_the_clock_of_the_sandbox_is_told_in_every_answer(tmp_path: Path) -> None:
    with lab(tmp_path, broken()) as azure:
        began = azure.sandbox.now
        time.sleep(0.1)
        assert (azure.sandbox.now - began).total_seconds() > 0.09 * SPEED
    for speed in (0, -1, float("inf"), float("nan")):
        with pytest.raises(AzremedyError, match="cannot run at speed"):
            embedded(tmp_path, speed=speed)
