"""Reading a change: two formats, nothing else, no secret, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import copy
from typing import Any

import pytest
from building import vm_id
from changing import LOCK, POINTS, foreseen, plan, planned, read, tf_vm, what_if, world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_change import BREAKS
from test_change_unknown import UNKNOWN

from azremedy import change
from azremedy.change.azurerm import KINDS, OUT_OF_SIGHT
from azremedy.errors import AzremedyError
from azremedy.playbook import load

MADE = "make it with `terraform show -json plan.out > change.json`, or with `az deployment group what-if"
PLAYBOOKS = tuple(load().values())
LOCKING = planned(
    "azurerm_management_lock", None, {"name": "keep", "scope": POINTS, "lock_level": "ReadOnly"}
)


def test_tells_the_formats_apart() -> None:
    assert read(plan()).source == "terraform"
    assert read(what_if()).source == "what-if"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("no", "is not JSON"),
        ("{", "is not JSON"),
        ("[]", "is JSON of another kind"),
        ("null", "is JSON of another kind"),
        ('"text"', "is JSON of another kind"),
        ("{}", "is neither a plan of Terraform nor a what-if"),
        ('{"changes": {}}', "is neither a plan of Terraform nor a what-if"),
        ('{"properties": {"changes": 3}}', "is neither a plan of Terraform nor a what-if"),
        (b"PK\x03\x04plan", "is a binary plan, not its JSON"),
        (b"\xff\x00\x99", "is not text in UTF-8 or UTF-16"),
        ('{"format_version": "2.0", "resource_changes": []}', "is of a version of Terraform's JSON"),
        ('{"format_version": "0.2", "resource_changes": []}', "is of a version of Terraform's JSON"),
        ('{"format_version": 1, "resource_changes": []}', "is of a version of Terraform's JSON"),
        ('{"format_version": "1.0", "values": {}}', "is a Terraform state, not a plan"),
        ('{"format_version": "1.0"}', "has a `format_version` and no plan of Terraform"),
        ('{"format_version": "1.0", "resource_changes": 1}', "has a `format_version` and no plan"),
        (
            '{"@level":"info","@message":"Terraform 1.9.8"}\n{"@level":"info"}',
            "is the log of `terraform plan -json`, not the plan",
        ),
        (
            "Resource and property changes are indicated with these symbols:\n  + Create",
            "is what-if's report for people, not its JSON",
        ),
        ('{"changes": ["\\ud800"]}', "holds text that is not Unicode"),
        ("[" * 100_000, "is nested too deep to be either"),
    ],
)
def test_refuses_everything_else_with_one_sentence(text: str | bytes, what: str) -> None:
    with pytest.raises(AzremedyError) as refused:
        change.read(text)

    assert str(refused.value).startswith(f"The change {what}")
    assert MADE in str(refused.value)
    assert refused.value.exit == 2


@pytest.mark.parametrize(
    "failed",
    [
        what_if(status="Failed"),
        what_if(error={"code": "InvalidTemplate"}),
        {"status": "Failed", "error": {"code": "InvalidTemplate"}},
        {"status": "Canceled", "changes": None},
    ],
)
def test_refuses_a_what_if_that_failed(failed: Any) -> None:
    with pytest.raises(AzremedyError, match="did not succeed: run it again"):
        read(failed)


def test_reads_what_the_rest_api_answers() -> None:
    answer = {"status": "succeeded", "properties": {"changes": [foreseen(LOCK, None, {"level": "ReadOnly"})]}}

    assert [one.address for one in read(answer).entries] == [LOCK]


def test_reads_ids_without_their_first_slash() -> None:
    [one] = read(what_if(foreseen(LOCK[1:], None, {"level": "ReadOnly"}))).entries

    assert str(one.id) == LOCK


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_reads_what_windows_writes(encoding: str) -> None:
    told = json.dumps(plan(LOCKING), ensure_ascii=False)

    assert len(change.read(told.encode(encoding)).entries) == 1
    assert len(change.read("\ufeff" + told).entries) == 1


def test_keeps_nothing_of_a_change_that_no_verdict_looks_at() -> None:
    secret = "correct-horse-battery"
    terraform = plan(
        planned(
            "azurerm_windows_virtual_machine",
            tf_vm(admin_password=secret),
            tf_vm(allow=False, admin_password=secret, custom_data=secret),
        ),
        planned("azurerm_linux_virtual_machine", None, tf_vm(name="x", user_data=secret)),
        planned(
            "azurerm_management_lock", None, {"notes": secret, "scope": POINTS}, sensitive={"notes": True}
        ),
        planned("azurerm_resource_group_template_deployment", None, {"parameters_content": secret}),
        planned(
            "azapi_resource",
            None,
            {
                "type": "Microsoft.Compute/virtualMachines@2024-01-01",
                "id": vm_id().text,
                "body": json.dumps({"properties": {"osProfile": {"adminPassword": secret}}}),
                "sensitive_body": {"properties": {"osProfile": {"adminPassword": secret}}},
            },
        ),
        planned("azurerm_backup_protected_vm", None, {"source_vm_id": secret}, sensitive=True),
        variables={"password": {"value": secret}},
    )
    foretold = what_if(
        foreseen(vm_id(), None, {"osProfile": {"adminPassword": secret, "allowExtensionOperations": False}})
    )
    for document in (terraform, foretold):
        told = read(document)
        judged = change.judge(world(), told, PLAYBOOKS)
        assert told.entries
        assert secret not in repr(told)
        assert secret not in repr(judged)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(
    [
        "id",
        "name",
        "scope",
        "lock_level",
        "resource_group_name",
        "security_rule",
        "route",
        "disk_size_gb",
        "virtual_machine_id",
        "managed_disk_id",
        "lun",
        "subnet_id",
        "network_security_group_id",
        "route_table_id",
        "source_vm_id",
        "recovery_vault_name",
        "protection_state",
        "exclude_disk_luns",
        "backup",
        "type",
        "body",
        "parent_id",
        "properties",
        "securityRules",
        "dataDisks",
        "storageProfile",
        "osProfile",
        "subnets",
        "networkSecurityGroup",
        "level",
        "diskSizeGB",
    ]
)
IDS = st.sampled_from([vm_id().text, POINTS, LOCK, "/", "", "/subscriptions/{0}/x", world().items[0].id.text])
VALUES = st.recursive(
    JSON | IDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=15,
)
TYPES = st.sampled_from([*KINDS, *OUT_OF_SIGHT, "azapi_resource", "azapi_update_resource"])
AZAPI = st.sampled_from(
    ["Microsoft.Authorization/locks@1", "Microsoft.Network/networkSecurityGroups@1", "x", ""]
)
SIDES = st.none() | st.dictionaries(WORDS, VALUES, max_size=8) | VALUES
ACTIONS = st.sampled_from(
    [["create"], ["update"], ["delete"], ["delete", "create"], ["no-op"], [], "create", None]
)
CHANGES = st.fixed_dictionaries(
    {
        "address": st.text(max_size=5) | VALUES,
        "type": TYPES,
        "name": st.text(max_size=5),
        "change": st.fixed_dictionaries(
            {
                "actions": ACTIONS,
                "before": SIDES,
                "after": SIDES,
                "after_unknown": VALUES | st.dictionaries(WORDS, st.just(value=True)),
                "after_sensitive": VALUES,
            }
        ),
    },
    optional={"module_address": VALUES, "index": VALUES, "mode": VALUES},
)
FORESEEN = st.fixed_dictionaries(
    {
        "resourceId": st.sampled_from(
            [
                LOCK,
                vm_id().text,
                str(world().nsgs[0].id),
                str(world().items[0].id),
                "[x(locks)]",
                "",
                "/",
                "//providers/",
            ]
        )
        | VALUES,
        "changeType": st.sampled_from(
            ["Create", "Delete", "Modify", "Deploy", "Unsupported", "Ignore", "", None]
        ),
        "before": SIDES,
        "after": SIDES | st.fixed_dictionaries({"properties": st.dictionaries(WORDS, VALUES)}),
    }
)
PLANS = st.fixed_dictionaries(
    {"format_version": st.just("1.2"), "resource_changes": st.lists(CHANGES | VALUES, max_size=3)},
    optional={"configuration": VALUES, "variables": VALUES, "errored": VALUES},
)
WHAT_IFS = st.fixed_dictionaries(
    {"changes": st.lists(FORESEEN | VALUES, max_size=3)},
    optional={"diagnostics": VALUES, "potentialChanges": st.lists(FORESEEN), "properties": VALUES},
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(JSON | PLANS | WHAT_IFS)
def test_never_a_traceback_on_any_json(document: Any) -> None:
    try:
        told = change.read(json.dumps(document))
    except AzremedyError:
        return
    change.judge(world(), told, PLAYBOOKS)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place within a document."""
    members = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    yield path
    for key, member in members:
        yield from places(member, (*path, key))


def altered(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value in one place."""
    if not path:
        return value
    changed = copy(document)
    changed[path[0]] = altered(document[path[0]], path[1:], value)
    return changed


REAL = [told for told, _ in (*BREAKS.values(), *UNKNOWN.values())]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(st.data())
def test_never_a_traceback_whatever_one_value_of_a_real_change_becomes(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from(REAL))
    path = data.draw(st.sampled_from(list(places(document))))
    try:
        told = change.read(json.dumps(altered(document, path, data.draw(VALUES))))
    except AzremedyError:
        return
    change.judge(world(), told, PLAYBOOKS)


@given(st.binary() | st.text())
def test_never_a_traceback_on_any_bytes(text: str | bytes) -> None:
    with pytest.raises(AzremedyError, match="The change "):
        change.read(text)
