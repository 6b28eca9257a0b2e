"""What of a planned change nobody can judge before it is made: not evaluated, with the reason."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from building import SUBSCRIPTION, nsg, nsg_id, rule, subnet_id, vm_id
from changing import (
    ALLOW_ARM,
    ALLOW_TF,
    IN_NSG1,
    LOCK,
    POINTS,
    arm_rule,
    broken,
    foreseen,
    gaps,
    judged,
    plan,
    planned,
    read,
    tf_disk,
    tf_item,
    tf_nsg,
    tf_rule,
    tf_vm,
    what_if,
    world,
)

from azremedy import change
from azremedy.playbook import load
from azremedy.selection import Selection

LOCK_TF = {"name": "keep", "lock_level": "CanNotDelete"}
VNET = f"{SUBSCRIPTION}/resourceGroups/prod/providers/Microsoft.Network/virtualNetworks/vnet1"
BROKEN_RULE = {key: value for key, value in tf_rule().items() if key != "access"}

UNKNOWN: dict[str, tuple[Any, str]] = {
    "the scope of a lock": (
        plan(planned("azurerm_management_lock", None, LOCK_TF, unknown={"scope": True})),
        "azurerm_management_lock.it: its scope is known only after apply",
    ),
    "the scope of a lock that a module is handed": (
        plan(
            planned(
                "azurerm_management_lock",
                None,
                LOCK_TF,
                unknown={"scope": True},
                module_address='module.locks["a.b"]',
            ),
            configuration={
                "root_module": {
                    "module_calls": {
                        "locks": {
                            "module": {
                                "resources": [
                                    {
                                        "type": "azurerm_management_lock",
                                        "name": "it",
                                        "expressions": {"scope": {"references": ["var.scope"]}},
                                    }
                                ]
                            }
                        }
                    }
                }
            },
        ),
        "azurerm_management_lock.it: its scope is known only after apply",
    ),
    "a scope that is sensitive": (
        plan(
            planned("azurerm_management_lock", None, {**LOCK_TF, "scope": POINTS}, sensitive={"scope": True})
        ),
        "azurerm_management_lock.it: its scope is marked sensitive",
    ),
    "the level of a lock": (
        plan(
            planned(
                "azurerm_management_lock",
                None,
                {"name": "keep", "scope": POINTS},
                unknown={"lock_level": True},
            )
        ),
        "azurerm_management_lock.it: its level is known only after apply",
    ),
    "the prefix of a rule": (
        plan(
            planned(
                "azurerm_network_security_rule",
                None,
                {**tf_rule(destination_address_prefix=None), **IN_NSG1},
                unknown={"destination_address_prefix": True},
            )
        ),
        "azurerm_network_security_rule.it (create): NSG 'nsg1' was not read",
    ),
    "one prefix of several": (
        plan(
            planned(
                "azurerm_network_security_rule",
                None,
                {
                    **tf_rule(destination_address_prefix=None),
                    "destination_address_prefixes": ["10.0.0.0/8", None],
                    **IN_NSG1,
                },
                unknown={"destination_address_prefixes": [False, True]},
            )
        ),
        "azurerm_network_security_rule.it (create): NSG 'nsg1' was not read",
    ),
    "the rules of an NSG": (
        plan(
            planned(
                "azurerm_network_security_group",
                tf_nsg(ALLOW_TF),
                {key: value for key, value in tf_nsg().items() if key != "security_rule"},
                unknown={"security_rule": True},
            )
        ),
        "azurerm_network_security_group.it (update): NSG 'nsg1' was not read",
    ),
    "what an inline rule does": (
        plan(planned("azurerm_network_security_group", tf_nsg(ALLOW_TF), tf_nsg(ALLOW_TF, BROKEN_RULE))),
        "azurerm_network_security_group.it (update): NSG 'nsg1' was not read",
    ),
    "which NSG comes onto a subnet": (
        plan(
            planned(
                "azurerm_subnet_network_security_group_association",
                None,
                {"subnet_id": subnet_id().text},
                unknown={"network_security_group_id": True},
            )
        ),
        (
            "azurerm_subnet_network_security_group_association.it (create):"
            " NSG 'network_security_group_id' was not read"
        ),
    ),
    "which subnet an NSG comes onto": (
        plan(
            planned(
                "azurerm_subnet_network_security_group_association",
                None,
                {"network_security_group_id": nsg_id("nsg1").text},
                unknown={"subnet_id": True},
            )
        ),
        "azurerm_subnet_network_security_group_association.it: its subnet_id is known only after apply",
    ),
    "which route table comes onto a subnet": (
        plan(
            planned(
                "azurerm_subnet_route_table_association",
                None,
                {"subnet_id": subnet_id().text},
                unknown={"route_table_id": True},
            )
        ),
        "azurerm_subnet_route_table_association.it (create): route table 'route_table_id' was not read",
    ),
    "the size of a disk": (
        plan(planned("azurerm_managed_disk", tf_disk(512), tf_disk(None), unknown={"disk_size_gb": True})),
        "azurerm_managed_disk.it (update): the size of disk 'sql1-data' is not known",
    ),
    "which disk is attached": (
        plan(
            planned(
                "azurerm_virtual_machine_data_disk_attachment",
                None,
                {"virtual_machine_id": vm_id().text, "lun": 4},
                unknown={"managed_disk_id": True},
            )
        ),
        (
            "azurerm_virtual_machine_data_disk_attachment.it (create):"
            " the size of disk 'managed_disk_id' is not known"
        ),
    ),
    "whether extensions are allowed": (
        plan(
            planned(
                "azurerm_linux_virtual_machine",
                tf_vm(),
                tf_vm(),
                unknown={"allow_extension_operations": True},
            )
        ),
        "azurerm_linux_virtual_machine.it: its allow_extension_operations is known only after apply",
    ),
    "a VM that is replaced": (
        plan(planned("azurerm_linux_virtual_machine", tf_vm(), tf_vm(), "delete", "create")),
        "azurerm_linux_virtual_machine.it: Azure Backup takes the VM that replaces this one for another VM",
    ),
    "whether the VM stays protected": (
        plan(
            planned("azurerm_backup_protected_vm", tf_item(), tf_item(), unknown={"protection_state": True})
        ),
        "azurerm_backup_protected_vm.it: its protection_state is known only after apply",
    ),
    "the configuration of an interface": (
        plan(
            planned(
                "azurerm_network_interface",
                {"id": "/x", "ip_configuration": [{"subnet_id": "/a"}]},
                {"id": "/x", "ip_configuration": [{"subnet_id": "/b"}]},
            )
        ),
        "azurerm_network_interface.it: what a change of azurerm_network_interface does is not looked at",
    ),
    "a template within a plan": (
        plan(planned("azurerm_resource_group_template_deployment", None, {"template_content": "{}"})),
        (
            "azurerm_resource_group_template_deployment.it:"
            " what a change of azurerm_resource_group_template_deployment does is not looked at"
        ),
    ),
    "a body of azapi": (
        plan(
            planned(
                "azapi_update_resource",
                None,
                {"type": "Microsoft.Compute/virtualMachines@2024-07-01", "resource_id": vm_id().text},
                unknown={"body": True},
            )
        ),
        "azapi_update_resource.it: its body is known only after apply, or sensitive",
    ),
    "a place of azapi": (
        plan(
            planned(
                "azapi_resource",
                None,
                {"type": "Microsoft.Authorization/locks@2020-05-01", "name": "keep", "body": {}},
                unknown={"parent_id": True},
            )
        ),
        "azapi_resource.it: where it is is known only after apply",
    ),
    "the rest of a plan that ended in an error": (
        plan(errored=True),
        "the plan: it ended in an error, so that it does not hold the whole change",
    ),
    "the rest of a plan that defers": (
        plan(complete=False),
        "the plan: it defers a part of the change to a later one",
    ),
    "what-if does not support": (
        what_if({**foreseen(LOCK, None, None, "Unsupported"), "unsupportedReason": "too deep"}),
        f"{LOCK}: what-if does not support it: too deep",
    ),
    "what-if does not know the id of": (
        what_if(
            foreseen(
                "[extensionResourceId(x, 'Microsoft.Authorization/locks', 'keep')]", None, None, "Unsupported"
            )
        ),
        "[extensionResourceId(x, 'Microsoft.Authorization/locks', 'keep')]: what-if does not support it",
    ),
    "what-if prints the id of, and no more": (
        what_if(foreseen(LOCK, None, None, "Create")),
        f"{LOCK}: what-if does not say what is deployed (run it without --result-format ResourceIdOnly)",
    ),
    "what-if calls deployed": (
        what_if(foreseen(LOCK, None, None, "Deploy")),
        f"{LOCK}: what-if does not say what is deployed (run it without --result-format ResourceIdOnly)",
    ),
    "what-if holds for possible": (
        what_if(potentialChanges=[foreseen(LOCK, None, {"level": "ReadOnly"})]),
        f"{LOCK}: what-if holds it for possible only",
    ),
    "what-if did not open": (
        what_if(
            diagnostics=[{"code": "NestedDeploymentShortCircuited", "level": "Warning", "target": "inner"}]
        ),
        "inner: what-if did not open this nested deployment",
    ),
    "an expression that only the deployment resolves": (
        what_if(
            foreseen(
                nsg_id("nsg1"),
                {"securityRules": [ALLOW_ARM]},
                {"securityRules": [arm_rule(destinationAddressPrefix="[reference('x').prefix]")]},
            )
        ),
        f"{nsg_id('nsg1')} (update): NSG 'nsg1' was not read",
    ),
    "the subnets' NSG in a what-if": (
        what_if(
            foreseen(
                VNET,
                {"subnets": [{"name": "default", "properties": {}}]},
                {
                    "subnets": [
                        {
                            "name": "default",
                            "properties": {"networkSecurityGroup": {"id": "[resourceId('a', 'b')]"}},
                        }
                    ]
                },
            )
        ),
        f"{VNET} (update): subnet 'default' was not read",
    ),
    "a change type that nobody knows": (
        what_if(foreseen(LOCK, None, {"level": "ReadOnly"}, "Nonsense")),
        f"{LOCK}: the change type 'Nonsense' is not known here, so what becomes of it cannot be told",
    ),
    "a change without a type": (
        what_if({**foreseen(LOCK, None, {"level": "ReadOnly"}), "changeType": None}),
        f"{LOCK}: it has no change type, so what becomes of it cannot be told",
    ),
    "a change of nothing": (
        what_if({**foreseen(LOCK, None, {"level": "ReadOnly"}), "resourceId": 7}),
        "a change without a resourceId: what-if does not say what it is of",
    ),
    "a possible change that what-if does not support": (
        what_if(potentialChanges=[foreseen(LOCK, None, None, "Unsupported")]),
        f"{LOCK}: what-if does not support it",
    ),
    "an element of a what-if that is no change": (
        {**what_if(), "changes": [None]},
        "element 0 of changes: it is not a resource: the file is not whole",
    ),
    "an element of a plan that is no change": (
        {**plan(), "resource_changes": [planned("azurerm_nothing", None, {}), None]},
        "element 1 of resource_changes: it is not a resource: the file is not whole",
    ),
    "an action that nobody knows": (
        plan(planned("azurerm_management_lock", None, {"lock_level": "ReadOnly"}, "conjure")),
        "azurerm_management_lock.it: the action 'conjure' is not known here, so what becomes of it cannot be told",
    ),
    "a resource without an action": (
        plan({**planned("azurerm_management_lock", None, {}), "change": None}),
        "azurerm_management_lock.it: it has no action, so what becomes of it cannot be told",
    ),
    "a resource without a type": (
        plan({**planned("azurerm_management_lock", None, {}), "type": None}),
        "azurerm_management_lock.it: the plan does not say of what type it is",
    ),
    "the disks of a VM in a what-if": (
        what_if(
            foreseen(
                vm_id(),
                {"storageProfile": {"dataDisks": [{"lun": 0, "name": "sql1-data"}]}},
                {"storageProfile": {"dataDisks": "[createArray(1)]"}},
            )
        ),
        f"{vm_id()}: its disks is known only after apply",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_not_evaluated(name: str) -> None:
    told, because = UNKNOWN[name]
    found = judged(told)

    assert found.diagnoses == ()
    assert because in [one.because for one in found.not_evaluated]


@pytest.mark.parametrize("name", ["the rest of a plan that defers", "an element of a plan that is no change"])
def test_what_any_playbook_might_speak_of_is_told_whichever_is_asked(name: str) -> None:
    told, because = UNKNOWN[name]
    found = change.judge(world(), read(told), [load()["disk-size"]])

    assert [(one.playbook, one.because) for one in found.not_evaluated] == [("disk-size", because)]


@pytest.mark.parametrize(
    "told",
    [
        what_if(foreseen(LOCK, {"level": "ReadOnly"}, {"level": "ReadOnly"}, "NoChange")),
        what_if(foreseen(LOCK, {"level": "ReadOnly"}, None, "Ignore")),
        what_if(foreseen("/subscriptions/x/resourceGroups/g/providers/Microsoft.Web/sites/a", None, {}, "Nonsense")),
        plan(planned("azurerm_management_lock", {}, {}, "no-op")),
        plan(planned("azurerm_management_lock", {}, None, "forget")),
        plan(planned("azurerm_linux_web_app", None, {}, "conjure")),
        plan({**planned("azurerm_management_lock", None, {}), "mode": "data"}),
    ],
)  # fmt: skip
def test_what_changes_nothing_that_matters_is_no_gap(told: Any) -> None:
    assert judged(told).not_evaluated == ()


def test_a_gap_that_none_of_the_playbooks_speaks_of_is_nobodys() -> None:
    told = UNKNOWN["the scope of a lock"][0]
    chosen = [load()["disk-size"]]

    assert change.judge(world(), change.read(json.dumps(told)), chosen).not_evaluated == ()


CREATED_NSG = planned(
    "azurerm_network_security_group",
    None,
    {**tf_nsg(tf_rule(), name="new"), "id": None},
    name="new",
    unknown={"id": True},
)
ON_SUBNET = planned(
    "azurerm_subnet_network_security_group_association",
    None,
    {"subnet_id": subnet_id().text},
    unknown={"network_security_group_id": True, "id": True},
)


def referring(*references: str) -> dict[str, Any]:
    return {
        "azurerm_subnet_network_security_group_association.it": {
            "network_security_group_id": {"references": list(references)}
        }
    }


def test_an_id_that_is_known_after_apply_is_followed_to_what_the_plan_creates() -> None:
    words = referring("azurerm_network_security_group.new.id", "azurerm_network_security_group.new")

    assert broken(plan(CREATED_NSG, ON_SUBNET, words=words)) == [("storage-egress", "sql1", "corroborated")]


def test_an_id_that_may_be_of_several_is_not_guessed() -> None:
    other = {**CREATED_NSG, "name": "other", "address": "azurerm_network_security_group.other"}
    words = referring("azurerm_network_security_group.new.id", "azurerm_network_security_group.other.id")

    assert gaps(plan(CREATED_NSG, other, ON_SUBNET, words=words)) != []
    assert broken(plan(CREATED_NSG, other, ON_SUBNET, words=words)) == []


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ('azurerm_network_security_group.new["b"].id', True),
        ("azurerm_network_security_group.new.id", True),
        ('azurerm_network_security_group.new["c"].id', False),
    ],
)
def test_of_several_instances_the_one_named_or_that_of_the_same_key_is_meant(
    reference: str, found: bool
) -> None:
    harmless = planned(
        "azurerm_network_security_group",
        None,
        {**tf_nsg(name="quiet"), "id": None},
        name="new",
        index="a",
    )
    harmless["address"] = 'azurerm_network_security_group.new["a"]'
    shut = {**CREATED_NSG, "index": "b", "address": 'azurerm_network_security_group.new["b"]'}
    on = {**ON_SUBNET, "index": "b"}
    told = plan(harmless, shut, on, words=referring(reference))

    assert bool(broken(told)) is found
    assert bool(gaps(told)) is not found


def test_a_lock_on_a_group_that_the_plan_creates_is_no_riddle() -> None:
    words = {"azurerm_management_lock.it": {"scope": {"references": ["azurerm_resource_group.new.id"]}}}
    told = plan(
        planned("azurerm_resource_group", None, {"name": "new"}, name="new", unknown={"id": True}),
        planned("azurerm_management_lock", None, LOCK_TF, unknown={"scope": True, "id": True}),
        words=words,
    )

    assert (broken(told), gaps(told)) == ([], [])


def test_a_lock_on_something_else_that_the_plan_creates_is_no_riddle() -> None:
    words = {"azurerm_management_lock.it": {"scope": {"references": ["azapi_resource.new.id"]}}}
    storage = {"type": "Microsoft.Compute/disks@2024-01-01", "name": "x", "parent_id": POINTS, "body": {}}
    told = plan(
        planned("azapi_resource", None, storage, name="new", unknown={"id": True}),
        planned("azurerm_management_lock", None, LOCK_TF, unknown={"scope": True, "id": True}),
        words=words,
    )

    assert (broken(told), gaps(told)) == ([], [])


def test_a_whole_new_vm_is_nobodys_broken_backup() -> None:
    told = plan(
        planned("azurerm_linux_virtual_machine", None, {**tf_vm(allow=False), "id": None, "name": "new"}),
        planned(
            "azurerm_managed_disk", None, {**tf_disk(None, "new"), "id": None}, unknown={"disk_size_gb": True}
        ),
        planned(
            "azurerm_backup_protected_vm",
            None,
            {**tf_item(), "id": None, "source_vm_id": vm_id("new").text},
            unknown={"protection_state": True},
        ),
    )

    assert (broken(told), gaps(told)) == ([], [])


def test_a_verdict_that_nobody_could_give_before_is_not_missed_after() -> None:
    dark = replace(world(), nsgs=())
    told = UNKNOWN["the prefix of a rule"][0]

    assert gaps(told, dark) == []


def test_of_a_vm_that_was_not_selected_no_gap_is_told() -> None:
    told = change.read(json.dumps(UNKNOWN["whether extensions are allowed"][0]))
    found = change.judge(world(), told, tuple(load().values()), Selection.of(vms=["other"]))

    assert found.not_evaluated == ()


def test_a_range_that_may_hold_storage_leaves_the_vm_undecided() -> None:
    held = replace(world(), nsgs=(nsg(rule("Allow", "Storage", 100)),))
    part = planned(
        "azurerm_network_security_rule",
        None,
        {**tf_rule(destination_address_prefix="20.60.0.0/16"), **IN_NSG1},
    )

    assert broken(plan(part), held) == []
    assert gaps(plan(part), held) == [
        (
            "azurerm_network_security_rule.it (create):"
            " rule 'shut' of NSG 'nsg1' may match part of the traffic to Azure Storage"
        ),
    ]
