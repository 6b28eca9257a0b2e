"""What a planned change would break, in both formats, and what only looks as if it would."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from building import (
    SUBSCRIPTION,
    VAULT,
    arm_id,
    attached,
    collection,
    disk_id,
    estate,
    item,
    lock,
    nic_id,
    nsg,
    nsg_id,
    policy,
    rule,
    subnet,
    subnet_id,
    vm,
    vm_id,
)
from changing import (
    ALLOW_ARM,
    ALLOW_TF,
    IN_NSG1,
    LOCK,
    POINTS,
    arm_rule,
    broken,
    foreseen,
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
from azremedy.arm import ArmId
from azremedy.change.azurerm import KINDS, OUT_OF_SIGHT
from azremedy.playbook import load
from azremedy.report.document import document
from azremedy.resources import Exclusion, Lock, RouteTable
from azremedy.scan import evaluate
from azremedy.selection import Selection
from azremedy.session import connect

EXAMPLES = Path(__file__).parents[1] / "examples" / "changes"
ITEM = item().id
ROUTES = arm_id("Microsoft.Network/routeTables", "routes")
LOCKING = {"name": "keep", "scope": POINTS, "lock_level": "CanNotDelete", "notes": "mine"}
HELD = {"sourceResourceId": vm_id().text, "policyId": str(item().policy), "protectionState": "Protected"}
NIC_NSG = {
    "network_interface_id": nic_id("sql1-nic").text,
    "network_security_group_id": nsg_id("closed").text,
}
DROP = {"name": "drop", "address_prefix": "0.0.0.0/0", "next_hop_type": "None"}
AZAPI_RULE = {
    "type": "Microsoft.Network/networkSecurityGroups/securityRules@2024-01-01",
    "name": "shut",
    "parent_id": nsg_id("nsg1").text,
    "body": {"properties": arm_rule()["properties"]},
}

LOCKED = ("restore-point-lock", "sql1", "corroborated")
DENIED = ("storage-egress", "sql1", "corroborated")
ROUTED = ("egress-route", "sql1", "corroborated")
TOO_LARGE = ("disk-size", "sql1", "blocking")
STOPPED = ("protection-state", "sql1", "blocking")
FORBIDDEN = ("extension-operations", "sql1", "blocking")

BREAKS: dict[str, tuple[Any, tuple[str, str, str]]] = {
    "terraform locks the group of the points": (
        plan(planned("azurerm_management_lock", None, LOCKING, unknown={"id": True})),
        LOCKED,
    ),
    "terraform locks them read-only": (
        plan(planned("azurerm_management_lock", None, {**LOCKING, "lock_level": "ReadOnly"})),
        (*LOCKED[:2], "blocking"),
    ),
    "terraform locks the whole subscription": (
        plan(planned("azurerm_management_lock", None, {**LOCKING, "scope": SUBSCRIPTION})),
        LOCKED,
    ),
    "terraform locks them, in another case": (
        plan(planned("azurerm_management_lock", None, {**LOCKING, "scope": POINTS.upper()})),
        LOCKED,
    ),
    "what-if locks the group of the points": (
        what_if(foreseen(LOCK, None, {"level": "CanNotDelete"})),
        LOCKED,
    ),
    "azapi locks the group of the points": (
        plan(
            planned(
                "azapi_resource",
                None,
                {
                    "type": "Microsoft.Authorization/locks@2020-05-01",
                    "name": "keep",
                    "parent_id": POINTS,
                    "body": json.dumps({"properties": {"level": "CanNotDelete"}}),
                },
            )
        ),
        LOCKED,
    ),
    "terraform adds a rule that denies": (
        plan(planned("azurerm_network_security_rule", None, {**tf_rule(), **IN_NSG1}, unknown={"id": True})),
        DENIED,
    ),
    "terraform adds an inline rule that denies": (
        plan(
            planned("azurerm_network_security_group", tf_nsg(ALLOW_TF), tf_nsg(ALLOW_TF, tf_rule())),
        ),
        DENIED,
    ),
    "terraform adds a rule that denies ranges which hold all there is": (
        plan(
            planned(
                "azurerm_network_security_rule",
                None,
                {
                    **tf_rule(destination_address_prefix="", destination_port_range=""),
                    "destination_address_prefixes": ["0.0.0.0/1", "128.0.0.0/1"],
                    "destination_port_ranges": ["80", "440-450"],
                    **IN_NSG1,
                },
            )
        ),
        DENIED,
    ),
    "terraform puts an NSG that denies on the interface": (
        plan(
            planned(
                "azurerm_network_interface_security_group_association",
                None,
                NIC_NSG,
                unknown={"id": True},
            ),
            planned(
                "azurerm_network_security_group",
                None,
                {**tf_nsg(tf_rule(), name="closed"), "id": None},
            ),
        ),
        DENIED,
    ),
    "what-if adds a rule that denies": (
        what_if(foreseen(f"{nsg_id('nsg1')}/securityRules/shut", None, arm_rule()["properties"])),
        DENIED,
    ),
    "what-if writes an NSG that denies": (
        what_if(
            foreseen(
                nsg_id("nsg1"),
                {"securityRules": [ALLOW_ARM]},
                {"securityRules": [ALLOW_ARM, arm_rule()]},
            )
        ),
        DENIED,
    ),
    "azapi adds a rule that denies": (plan(planned("azapi_resource", None, AZAPI_RULE)), DENIED),
    "terraform drops the way out": (
        plan(
            planned(
                "azurerm_route_table",
                None,
                {"name": "routes", "resource_group_name": "prod", "route": [DROP]},
                unknown={"id": True},
            ),
            planned(
                "azurerm_subnet_route_table_association",
                None,
                {"subnet_id": subnet_id().text, "route_table_id": ROUTES.text},
            ),
        ),
        ROUTED,
    ),
    "terraform makes the subnet private": (
        plan(
            planned(
                "azurerm_subnet",
                {"id": subnet_id().text, "default_outbound_access_enabled": True},
                {"id": subnet_id().text, "default_outbound_access_enabled": False},
            )
        ),
        ROUTED,
    ),
    "what-if leads the way out to a firewall": (
        what_if(
            foreseen(
                ROUTES,
                None,
                {
                    "routes": [
                        {
                            "name": "all",
                            "properties": {
                                "addressPrefix": "0.0.0.0/0",
                                "nextHopType": "VirtualAppliance",
                                "nextHopIpAddress": "10.0.9.4",
                            },
                        }
                    ]
                },
            ),
            foreseen(
                arm_id("Microsoft.Network/virtualNetworks", "vnet1"),
                {"subnets": [{"name": "default", "properties": {}}]},
                {"subnets": [{"name": "default", "properties": {"routeTable": {"id": ROUTES.text}}}]},
            ),
        ),
        (*ROUTED[:2], "suspected"),
    ),
    "terraform makes a disk too large": (
        plan(planned("azurerm_managed_disk", tf_disk(512), tf_disk(65537))),
        TOO_LARGE,
    ),
    "terraform attaches a disk that is too large": (
        plan(
            planned(
                "azurerm_managed_disk", None, {**tf_disk(65537, "new"), "id": None}, unknown={"id": True}
            ),
            planned(
                "azurerm_virtual_machine_data_disk_attachment",
                None,
                {"virtual_machine_id": vm_id().text, "managed_disk_id": disk_id("new").text, "lun": 7},
            ),
        ),
        TOO_LARGE,
    ),
    "what-if makes a disk too large": (
        what_if(foreseen(disk_id("sql1-data"), {"diskSizeGB": 512}, {"diskSizeGB": 65537})),
        TOO_LARGE,
    ),
    "what-if makes a disk too large within the VM": (
        what_if(
            foreseen(
                vm_id(),
                None,
                {
                    "storageProfile": {
                        "dataDisks": [
                            {
                                "lun": 0,
                                "name": "sql1-data",
                                "diskSizeGB": 65537,
                                "managedDisk": {"id": disk_id("sql1-data").text},
                            }
                        ]
                    }
                },
                "Modify",
            )
        ),
        TOO_LARGE,
    ),
    "terraform encrypts a large disk in the guest": (
        plan(
            planned(
                "azurerm_managed_disk",
                tf_disk(512),
                {**tf_disk(5000), "encryption_settings": [{"disk_encryption_key": []}]},
            )
        ),
        TOO_LARGE,
    ),
    "terraform backs up a large disk that was left out": (
        plan(
            planned("azurerm_backup_protected_vm", tf_item(exclude_disk_luns=[3]), tf_item()),
        ),
        TOO_LARGE,
    ),
    "terraform destroys the protection": (
        plan(planned("azurerm_backup_protected_vm", tf_item(), None)),
        STOPPED,
    ),
    "terraform stops the protection": (
        plan(
            planned("azurerm_backup_protected_vm", tf_item(), tf_item(protection_state="ProtectionStopped"))
        ),
        STOPPED,
    ),
    "terraform protects another VM in its stead": (
        plan(
            planned(
                "azurerm_backup_protected_vm",
                tf_item(),
                {**tf_item(source_vm_id=vm_id("sql2").text), "id": None},
                "delete",
                "create",
                unknown={"id": True},
            )
        ),
        STOPPED,
    ),
    "terraform destroys the vault": (
        plan(
            planned(
                "azurerm_recovery_services_vault",
                {"id": VAULT.text, "name": "vault1", "resource_group_name": "backup"},
                None,
            )
        ),
        STOPPED,
    ),
    "terraform destroys the group of the vault": (
        plan(
            planned(
                "azurerm_resource_group",
                {"id": f"{SUBSCRIPTION}/resourceGroups/backup", "name": "backup"},
                None,
            )
        ),
        STOPPED,
    ),
    "what-if stops the protection": (
        what_if(foreseen(ITEM, HELD, {**HELD, "protectionState": "ProtectionStopped"})),
        STOPPED,
    ),
    "what-if deletes the protection": (what_if(foreseen(ITEM, HELD, None)), STOPPED),
    "terraform forbids extensions": (
        plan(planned("azurerm_windows_virtual_machine", tf_vm(), tf_vm(allow=False))),
        FORBIDDEN,
    ),
    "what-if forbids extensions": (
        what_if(
            foreseen(
                vm_id(),
                {"osProfile": {"allowExtensionOperations": True}},
                {"osProfile": {"allowExtensionOperations": False}},
            )
        ),
        FORBIDDEN,
    ),
    "azapi forbids extensions": (
        plan(
            planned(
                "azapi_update_resource",
                None,
                {
                    "type": "Microsoft.Compute/virtualMachines@2024-07-01",
                    "resource_id": vm_id().text,
                    "body": {"properties": {"osProfile": {"allowExtensionOperations": False}}},
                },
            )
        ),
        FORBIDDEN,
    ),
}


def starting(name: str) -> Any:
    """The estate that a break is laid over: in good health, for one with a large disk that is left out."""
    if "left out" not in name:
        return world()
    large = attached("sql1-huge", 3, 65537)
    whole = estate(
        vm(disks=(*vm().disks, large), allow_extension_operations=True),
        item(exclusion=Exclusion((3,), inclusion=False)),
        collection(),
    )
    return replace(whole, disks=(), nics=world().nics, subnets=world().subnets, nsgs=world().nsgs)


@pytest.mark.parametrize("name", BREAKS)
def test_finds_that(name: str) -> None:
    told, expected = BREAKS[name]

    assert broken(told, starting(name)) == [expected]


@pytest.mark.parametrize("name", BREAKS)
def test_the_message_names_what_in_the_change_does_it_and_reports_take_it(name: str) -> None:
    told, _ = BREAKS[name]
    found = judged(told, starting(name))
    [one] = found.diagnoses
    scan = replace(
        evaluate(world(), tuple(load().values())),
        diagnoses=found.diagnoses,
        not_evaluated=found.not_evaluated,
    )
    [row] = document([scan])["findings"]

    named = found.addresses[one.fingerprint]
    assert named
    assert all(address in json.dumps(told) for address in named)
    assert row["message"].startswith(f"{named[0]} (")
    assert row["fix"]["available"] is False


HARMLESS: dict[str, Any] = {
    "a lock on the VM's own group": plan(
        planned("azurerm_management_lock", None, {**LOCKING, "scope": vm_id().group.text})  # type: ignore[union-attr]  # a VM has one
    ),
    "a lock on the VM": what_if(
        foreseen(f"{vm_id()}/providers/Microsoft.Authorization/locks/keep", None, {"level": "ReadOnly"})
    ),
    "a lock on a group whose name begins like that of the points": plan(
        planned("azurerm_management_lock", None, {**LOCKING, "scope": POINTS + "0"})
    ),
    "an NSG rule that allows": plan(
        planned("azurerm_network_security_rule", None, {**tf_rule("Allow"), **IN_NSG1})
    ),
    "a rule that denies below the one that allows": plan(
        planned("azurerm_network_security_rule", None, {**tf_rule(priority=300), **IN_NSG1})
    ),
    "a rule that denies what comes in": plan(
        planned("azurerm_network_security_rule", None, {**tf_rule(direction="Inbound"), **IN_NSG1})
    ),
    "a rule that denies in an NSG of nobody": plan(
        planned(
            "azurerm_network_security_rule",
            None,
            {**tf_rule(), **IN_NSG1, "network_security_group_name": "other"},
        )
    ),
    "tags": plan(
        planned("azurerm_network_security_group", tf_nsg(ALLOW_TF), {**tf_nsg(ALLOW_TF), "tags": {"a": "b"}}),
        planned("azurerm_windows_virtual_machine", tf_vm(tags={}), tf_vm(tags={"a": "b"})),
        planned("azurerm_backup_protected_vm", tf_item(), tf_item()),
    ),
    "tags in a what-if": what_if(
        foreseen(nsg_id("nsg1"), {"securityRules": [ALLOW_ARM]}, {"securityRules": [ALLOW_ARM]})
    ),
    "a disk resized below the limit": plan(planned("azurerm_managed_disk", tf_disk(512), tf_disk(1023))),
    "no-op": plan(planned("azurerm_management_lock", LOCKING, LOCKING, "no-op")),
    "read": plan(planned("azurerm_management_lock", None, LOCKING, "read", mode="data")),
    "forgotten by terraform, not destroyed": plan(
        planned("azurerm_backup_protected_vm", tf_item(), None, "forget")
    ),
    "an update of azapi that is forgotten": plan(
        planned(
            "azapi_update_resource",
            {
                "type": "Microsoft.RecoveryServices/vaults@2024-01-01",
                "resource_id": VAULT.text,
                "body": {"properties": {}},
            },
            None,
        )
    ),
    "the protection moved to another address": plan(
        planned("azurerm_backup_protected_vm", None, tf_item(), name="new"),
        planned("azurerm_backup_protected_vm", tf_item(), None, name="old"),
    ),
    "the protection replaced by itself": plan(
        planned("azurerm_backup_protected_vm", tf_item(), {**tf_item(), "id": None}, "delete", "create")
    ),
    "a VM that goes with its protection": plan(
        planned("azurerm_windows_virtual_machine", tf_vm(), None),
        planned("azurerm_backup_protected_vm", tf_item(), None),
    ),
    "an association destroyed": plan(
        planned(
            "azurerm_network_interface_security_group_association",
            {**NIC_NSG, "network_security_group_id": nsg_id("nsg1").text},
            None,
        ),
        planned("azurerm_network_security_group", tf_nsg(ALLOW_TF), None),
    ),
    "an NSG destroyed that an interface still names": plan(
        planned("azurerm_network_security_group", tf_nsg(ALLOW_TF), None)
    ),
    "what what-if ignores and leaves alone": what_if(
        foreseen(LOCK, {"level": "ReadOnly"}, {"level": "ReadOnly"}, "Ignore"),
        foreseen(LOCK, {"level": "ReadOnly"}, {"level": "ReadOnly"}, "NoChange"),
        foreseen(LOCK, {"level": "ReadOnly"}, {"level": "ReadOnly"}, "NoEffect"),
    ),
    "a protection that the template words without its state": what_if(
        foreseen(ITEM, HELD, {name: HELD[name] for name in ("sourceResourceId", "policyId")})
    ),
    "a virtual network that leaves its subnets to others": what_if(
        foreseen(
            arm_id("Microsoft.Network/virtualNetworks", "vnet1"),
            {"subnets": [{"name": "default", "properties": {"natGateway": {"id": "/x"}}}]},
            {"subnets": []},
        )
    ),
    "types that have nothing to do with backups": plan(
        planned("azurerm_storage_account", None, {"name": "x", "primary_access_key": "k"}),
        planned("random_pet", None, {"id": "x"}),
        planned(
            "azapi_resource", None, {"type": "Microsoft.App/jobs@2024-01-01", "body": {"properties": {}}}
        ),
    ),
    "nothing at all": what_if(),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_stays_silent_about(name: str) -> None:
    found = judged(HARMLESS[name])

    assert found.diagnoses == ()
    assert found.not_evaluated == ()


BEFORE_AND_AFTER = {
    "locks a VM that is not protected": ("terraform locks the group of the points", world()),
    "denies a VM that is deallocated": ("terraform adds a rule that denies", world(power="deallocated")),
    "forbids extensions where backups are crash-consistent": (
        "terraform forbids extensions",
        world(policy(consistency="OnlyCrashConsistent")),
    ),
    "stops what is stopped": (
        "terraform stops the protection",
        replace(world(), items=(item(protection_state="ProtectionStopped"),)),
    ),
    "denies what is denied": (
        "terraform adds a rule that denies",
        replace(world(), nsgs=(nsg(rule("Deny", "*", 80), nics=(nic_id("sql1-nic"),)),)),
    ),
}


@pytest.mark.parametrize("name", BEFORE_AND_AFTER)
def test_nothing_gets_worse_when_it(name: str) -> None:
    broke, before = BEFORE_AND_AFTER[name]
    if "not protected" in name:
        before = replace(before, items=())

    assert broken(BREAKS[broke][0], before) == []


def test_a_lock_that_gets_stricter_is_worse_and_one_that_stays_is_not() -> None:
    held = world(lock(POINTS.rpartition("/")[2]))
    stricter = foreseen(LOCK, {"level": "CanNotDelete"}, {"level": "ReadOnly"})
    renamed = foreseen(LOCK, {"level": "CanNotDelete"}, {"level": "CanNotDelete", "notes": "new"})

    assert broken(what_if(stricter), held) == [("restore-point-lock", "sql1", "blocking")]
    assert broken(what_if(renamed), held) == []


def test_a_rule_that_allowed_storage_is_missed_when_it_goes() -> None:
    held = replace(world(), nsgs=(nsg(rule("Allow", "Storage", 100), rule("Deny", "*", 200)),))
    gone = planned("azurerm_network_security_rule", {**ALLOW_TF, **IN_NSG1}, None)

    assert broken(plan(gone), held) == [DENIED]


def test_a_policy_that_asks_the_guest_again_brings_its_causes_back() -> None:
    crash = policy(consistency="OnlyCrashConsistent")
    held = world(crash)
    held = replace(held, vms=tuple(replace(one, allow_extension_operations=False) for one in held.vms))
    told = what_if(
        foreseen(crash.id, {"snapshotConsistencyType": "OnlyCrashConsistent"}, {"policyType": "V2"}),
        foreseen(arm_id("Microsoft.Compute/virtualMachines", "other"), None, {"osProfile": {}}),
    )
    asking = foreseen(
        ITEM, {**HELD, "policyId": str(crash.id)}, {**HELD, "policyId": str(policy("guest").id)}
    )

    assert broken(told, held) == []
    assert broken(what_if(asking), replace(held, policies=(crash, policy("guest")))) == [FORBIDDEN]


def test_a_vm_that_was_not_protected_before_has_no_backup_to_break() -> None:
    large = attached("sql1-huge", 3, 65537)
    bare = replace(world(), vms=(vm(disks=(large,)),), items=())
    told = plan(planned("azurerm_backup_protected_vm", None, {**tf_item(), "id": None}))

    assert [one.id for one in change.laid_over(bare, read(told)).estate.protected] == [vm_id()]
    assert broken(told, bare) == []


def test_protection_that_is_made_again_of_a_deleted_item_is_protection() -> None:
    held = replace(world(), items=(item(soft_deleted=True),))
    told = read(plan(planned("azurerm_backup_protected_vm", None, {**tf_item(), "id": None})))

    assert held.protected == ()
    assert len(change.laid_over(held, told).estate.protected) == 1


def test_the_evidence_counts_who_shares_the_nsg_after_the_change() -> None:
    [one] = judged(BREAKS["terraform puts an NSG that denies on the interface"][0]).diagnoses

    assert (one.finding.evidence.shared_by_nics, one.finding.evidence.shared_by_subnets) == (1, 0)


def test_a_disk_that_azure_creates_with_the_change_gets_the_id_that_it_will_have() -> None:
    new = {"lun": 5, "name": "new", "diskSizeGB": 65537, "managedDisk": {"storageAccountType": "Premium_LRS"}}
    told = what_if(foreseen(vm_id(), {}, {"storageProfile": {"dataDisks": [new]}}))
    [one] = judged(told).diagnoses

    assert one.finding.resource == disk_id("new")


def test_what_else_the_change_does_to_the_vm_is_not_blamed() -> None:
    told = plan(
        planned("azurerm_managed_disk", tf_disk(512), tf_disk(600)),
        planned("azurerm_management_lock", None, LOCKING),
    )
    [one] = (found := judged(told)).diagnoses

    assert found.addresses[one.fingerprint] == ("azurerm_management_lock.it",)


def test_what_the_change_does_not_touch_is_not_told_again() -> None:
    held = world(lock(POINTS.rpartition("/")[2]), subnet("other"))

    assert [one.playbook.id for one in evaluate(held, tuple(load().values())).diagnoses] == [
        "restore-point-lock"
    ]
    assert broken(BREAKS["terraform forbids extensions"][0], held) == [FORBIDDEN]


def test_the_estate_as_read_is_left_as_it_was() -> None:
    held = world()
    after = change.laid_over(held, read(BREAKS["terraform locks the group of the points"][0]))

    assert held == world()
    assert after.estate.locks == (Lock(ArmId(LOCK), "CanNotDelete", "mine"),)
    assert replace(after.estate, locks=()) == held


def test_a_change_that_changes_nothing_gives_the_same_estate() -> None:
    held = world(RouteTable(ROUTES))

    assert change.laid_over(held, read(HARMLESS["tags"])).estate is held


def test_only_the_vms_selected_are_spoken_of() -> None:
    told = read(BREAKS["terraform locks the group of the points"][0])
    others = change.judge(world(), told, tuple(load().values()), Selection.of(vms=["sql2"]))

    assert others.diagnoses == ()


def test_only_the_playbooks_asked_and_the_check_of_extensions_speak() -> None:
    told = read(plan(*BREAKS["terraform locks the group of the points"][0]["resource_changes"]))
    asked = [load()["disk-size"]]

    assert change.judge(world(), told, asked).diagnoses == ()


def test_an_address_of_many_is_counted_not_listed() -> None:
    rules = [
        planned(
            "azurerm_network_security_rule",
            None,
            {**tf_rule(priority=90 - number, name=f"r{number}"), **IN_NSG1},
            name=f"r{number}",
        )
        for number in range(5)
    ]
    [one] = judged(plan(*rules)).diagnoses

    assert one.finding.message.startswith("azurerm_network_security_rule.r0 (create), ")
    assert " and 2 more: rule 'r4'" in one.finding.message


def test_hostile_names_are_text() -> None:
    name = "\x1b[31m##vso[task]${jndi}{0}%s\u202e"
    told = plan(planned("azurerm_management_lock", None, {**LOCKING, "name": name}, name=name))
    [one] = judged(told).diagnoses

    assert one.finding.resource.name == name
    assert name in one.finding.message


def test_what_lies_in_another_subscription_is_told_apart() -> None:
    elsewhere = f"/subscriptions/{'1' * 36}/resourceGroups/x"
    told = plan(planned("azurerm_management_lock", None, {**LOCKING, "scope": elsewhere}))
    provider = {
        "azurerm": {"name": "azurerm", "expressions": {"subscription_id": {"constant_value": "1" * 36}}}
    }
    created = {**tf_rule(), **IN_NSG1}
    other = plan(
        planned("azurerm_network_security_rule", None, created),
        words={"azurerm_network_security_rule.it": {}},
    )
    other["configuration"]["provider_config"] = provider

    assert judged(told).elsewhere == ("azurerm_management_lock.it",)
    assert judged(other).elsewhere == ("azurerm_network_security_rule.it",)
    assert broken(other) == []


def test_the_provider_may_name_its_subscription_by_a_variable() -> None:
    told = plan(
        planned("azurerm_network_security_rule", None, {**tf_rule(), **IN_NSG1}),
        words={"azurerm_network_security_rule.it": {}},
        variables={"subscription": {"value": SUBSCRIPTION.rpartition("/")[2]}},
    )
    stated = {"references": ["var.subscription"]}
    told["configuration"]["provider_config"] = {"azurerm": {"expressions": {"subscription_id": stated}}}

    assert broken(told) == [DENIED]


EXPECTED = {
    "lock": ("restore-point-lock", 13),
    "nsg": ("storage-egress", 1),
    "disk": ("disk-size", 1),
    "protection": ("protection-state", 1),
    "extensions": ("extension-operations", 1),
    "route": ("egress-route", 10),
}


@pytest.fixture(scope="module")
def demo() -> Any:
    """The demo of the sandbox, read by a session."""
    with connect(cloud="sandbox") as azure:
        [subscription] = azure.subscriptions(["demo"])
        return azure.read(subscription).estate


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_the_examples_break_of_the_demo_what_their_names_say(demo: Any, path: Path) -> None:
    found = change.judge(demo, change.read(path.read_bytes()), tuple(load().values()))
    kind = path.stem.rpartition("-")[2]
    broke = {one.playbook.id for one in found.diagnoses}

    assert found.not_evaluated == ()
    assert found.elsewhere == ()
    if kind == "harmless":
        assert found.diagnoses == ()
    else:
        assert (broke, len(found.diagnoses)) == ({EXPECTED[kind][0]}, EXPECTED[kind][1])
        assert all(one.finding.severity >= 2 for one in found.diagnoses)


def test_there_is_an_example_of_each_break_in_each_format() -> None:
    kinds = {*EXPECTED, "harmless"}

    assert {path.stem for path in EXAMPLES.iterdir()} == {
        f"{of}-{kind}" for of in ("terraform", "what-if") for kind in kinds
    }


PAGE = (EXAMPLES.parents[1] / "docs" / "change.md").read_text(encoding="utf-8")


def test_the_page_names_every_type_that_is_read_or_known_to_matter() -> None:
    named = {*KINDS, *OUT_OF_SIGHT}
    grouped = ("association", "security_rule", "template_deployment", "admin_rule")

    assert [one for one in named if one not in PAGE and not one.endswith(grouped)] == []


def test_the_python_of_the_page_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    monkeypatch.chdir(EXAMPLES.parents[1])
    exec(compile(shown[1], "docs/change.md", "exec"), {})

    assert "corroborated app1 azurerm_management_lock.points (create): " in capsys.readouterr().out
