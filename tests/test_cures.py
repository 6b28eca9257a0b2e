"""What every cure owes, whatever it cures: shown here on an estate in which everything is wrong at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from building import (
    DESTRUCTIVE,
    GUARDED,
    NOT_READY,
    SERVICE_GROUP,
    VAULT,
    ago,
    assignment,
    attached,
    collection,
    collection_id,
    copies,
    disk,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    key_vault,
    linux,
    lock,
    nic,
    nic_id,
    nsg,
    nsg_id,
    plans,
    points,
    policy,
    policy_id,
    rule,
    subnet,
    subnet_id,
    view,
    vm,
    vm_id,
    windows,
)

from azremedy.arm import ArmId, Request
from azremedy.estate import Estate
from azremedy.guest import SHIPPED, powershell
from azremedy.plan import ByHand, Choices, Cure, FixClass, Irreversible, Step, as_data, steps
from azremedy.planning import Blocked, cleared, requested
from azremedy.playbook import load
from azremedy.points import service_collections
from azremedy.resources import (
    Access,
    Adapter,
    AdminRules,
    ExtensionView,
    Handler,
    Item,
    Lock,
    Port,
    PowerState,
    Read,
    Route,
    RouteTable,
    RunningJobs,
    Service,
    ServiceTags,
    Setting,
    Status,
    Task,
    Vault,
    Writer,
)

PLAYBOOKS = load()
FAILED = Status("ProvisioningState/failed/4", "Error", "Not Ready")
SILENT = "UserErrorGuestAgentStatusUnavailable"
LIMIT = "UserErrorRpCollectionLimitReached"


def machine(name: str, **changes: Any) -> list[Any]:
    """A protected VM with a failed backup, an interface of its own, and room for what is wrong with it."""
    its = nic_id(f"{name}-nic")
    wire = nic(
        f"{name}-nic", vm=vm_id(name), subnet=changes.pop("subnet", None), nsg=changes.pop("nsg", None)
    )
    job = failed_job(changes.pop("code", LIMIT), name)
    return [
        vm(name, nics=(its,), primary_nic=its, **changes),
        failed_item(name),
        job,
        wire,
        AdminRules(its),
    ]


def full(name: str, **of: Any) -> list[Any]:
    held = collection(name, **of)
    kept = points(18, held, f"guid-of-{name}")
    return [held, kept, copies(kept, name=name)]


hung = replace(
    failed_job(0, "hung1"),
    id=ArmId(f"{VAULT}/backupJobs/running"),
    status="InProgress",
    started=ago(hours=14),
    tasks=(Task("Take Snapshot", "InProgress"),),
)
stopped = item("stopped1", protection_state="ProtectionStopped")
wrong = (
    *machine("locked1"),
    *full("locked1"),
    *machine("locked2"),
    *full("locked2"),
    lock(SERVICE_GROUP),
    lock(collection("locked2").id, name="inner"),
    *machine("full1"),
    *full("full1", group="AzureBackupRG_westeurope_2"),
    *machine("broken1", code="ExtensionStuckInDeletionState"),
    view(
        "broken1",
        handlers=(),
        extensions=(
            ExtensionView("VMSnapshot", "Microsoft.Azure.RecoveryServices.VMSnapshot", "1.0", (FAILED,)),
            ExtensionView("Scanner", "Acme.Scanner", "1.0", (FAILED,)),
        ),
    ),
    *machine("shut1", nsg=nsg_id("nsg1"), code="ExtensionSnapshotFailedNoNetwork"),
    *machine("shut2", nsg=nsg_id("nsg1"), code="ExtensionSnapshotFailedNoNetwork"),
    nsg(rule("Deny", "Internet", 300), nics=(nic_id("shut1-nic"), nic_id("shut2-nic"))),
    *machine("routed1", subnet=subnet_id("routed")),
    subnet(),
    subnet("routed", route_table=ArmId(f"{vm_id('rt')}")),
    RouteTable(ArmId(f"{vm_id('rt')}"), (Route("default", "0.0.0.0/0", "VirtualAppliance"),)),
    *machine("big1", disks=(attached("big", 0), attached("big2", 1)), code="UserErrorUnsupportedDiskSize"),
    disk("big", 70000),
    disk("big2", 70000, managed_by=vm_id("big1")),
    *machine("silent1"),
    view("silent1", agent_version="Unknown", agent=NOT_READY),
    *machine("old1"),
    view("old1", agent_version="2.7.0.0"),
    *machine("old2", os="Linux"),
    view("old2", agent_version="2.2.40"),
    linux("old2", package="2.2.40"),
    *machine("broken2", os="Linux", code="ExtensionOperationFailedForManagedDisks"),
    view("broken2", handlers=(Handler("Microsoft.Azure.RecoveryServices.VMSnapshotLinux", "1.0", FAILED),)),
    linux("broken2"),
    *machine("failed1", provisioning_state="Failed"),
    view("failed1"),
    *machine("off1"),
    PowerState(vm_id("off1"), "stopped"),
    *machine("blocked1", code=SILENT),
    windows(
        "blocked1",
        ports=(Port(80, reached=False),),
        settings=(),
        adapters=(Adapter("Ethernet", dhcp=False, addresses=1),),
    ),
    *machine("server1", code="ExtensionSnapshotFailedNoNetwork"),
    windows(
        "server1",
        services=(
            Service("MSSQLSERVER", "Running", "Auto"),
            Service("IaasVmProvider", "Stopped", "Disabled"),
        ),
        marks=("reboot: update",),
    ),
    *machine("parts1", code="ExtensionFailedVssWriterInBadState"),
    windows(
        "parts1",
        services=(
            *(Service(one, "Stopped", "Disabled") for one in ("COMSysApp", "MSDTC", "VSS")),
            Service("SQLWriter", "Running", "Auto"),
        ),
        writers=5,
        unstable=(Writer("SqlServerWriter", 8),),
        crypto=(Setting("v4.0.30319", "0"),),
        machine_keys=(Access("S-1-5-32-544", 2032127),),
        settings=(Setting(".NET", "528449"), Setting("installer", "4")),
    ),
    *machine("penguin1", os="Linux", code=SILENT),
    linux(
        "penguin1",
        stale=2,
        package="2.2.14",
        agent=Service("waagent", "active", "disabled"),
        pythons=(),
    ),
    vm("stopped1"),
    stopped,
    *machine("edge1", allow_extension_operations=False, code="UserErrorGuestAgentStatusUnavailable"),
    view("edge1"),
    *(
        one
        for one in machine("cluster1", disks=(attached("shared", 0),), code="UserErrorUnsupportedDiskSize")
        if not isinstance(one, Item)
    ),
    failed_item("cluster1", policy=policy_id("enhanced")),
    policy("enhanced", type="V2"),
    disk("shared", 256, managed_by=vm_id("cluster1"), max_shares=2),
    *machine("hung1", code="UserErrorBackupOperationInProgress"),
    RunningJobs(VAULT, (hung,)),
    *machine("tagless1", code="UserErrorRequestDisallowedByPolicy"),
    assignment(),
    *machine("pay1", disks=(attached("closed", 0),), code="UserErrorKeyvaultPermissionsNotConfigured"),
    disk("closed", 256, managed_by=vm_id("pay1"), secrets=(key_vault().id,)),
    key_vault(),
    item("gone1"),
    vm("bare1"),
    ServiceTags("westeurope", ("Storage.WestEurope",)),
    Vault(VAULT, "westeurope"),
)
sick = estate(*wrong)

lookalike = replace(collection("locked1"), id=collection_id("AzureBackup_locked1_1", "snapshots"))
hostile = estate(
    *(one for one in wrong if one not in full("locked1")),
    *full("locked1"),
    lookalike,
    points(3, lookalike, "guid-of-locked1"),
    replace(collection("locked1", suffix="_9"), source=vm_id("somebody-else")),
    *full("locked12"),
    *machine("full12"),
    lock("snapshots", name="theirs"),
    lock("prod", name="production"),
    lock("AzureBackupRG_westeurope_11", name="longer"),
    nsg(rule("Deny", "Internet", 300), name="nsg10"),
)

EVERYTHING: dict[str, Any] = {
    "exclude_luns": {("big1", 0): "scratch", ("cluster1", 0): "backed up elsewhere"},
    "attach_disks": frozenset({("big1", 1)}),
    "detach_disks": frozenset({("big1", 2)}),
    "resume_protection": frozenset({"stopped1"}),
    "vss_copy": frozenset({"server1"}),
    "verbose_agent_log": frozenset({("penguin1", True)}),
}
WORLDS = [
    pytest.param(read, replace(choices, **named), id=f"{which}, {how}")
    for which, read in {"everything is wrong": sick, "among look-alikes": hostile}.items()
    for how, choices, named in (
        ("only what is safe", Choices(), EVERYTHING),
        ("nothing named", GUARDED, {}),
        ("guarded", GUARDED, EVERYTHING | {"power": "on"}),
        ("destructive", DESTRUCTIVE, EVERYTHING | {"power": "off"}),
        ("collections", DESTRUCTIVE, {"delete_collection": frozenset({"locked1", "full1"})}),
        ("locks moved", GUARDED, {"redesign_locks": True}),
        ("brackets of one", GUARDED, {"bracket_size": 1, "keep_unlocked": True}),
    )
]


def said(read: Estate, choices: Choices) -> Iterator[Cure | ByHand]:
    for name in PLAYBOOKS:
        yield from plans(name, read, choices)
    yield from requested(read, choices)


def written(read: Estate, choices: Choices) -> Iterator[tuple[Cure, Step]]:
    for one in said(read, choices):
        if isinstance(one, Cure):
            yield from ((one, step) for step in steps(*one.nodes))


def test_the_estate_has_every_cause_and_a_cure_for_each_that_has_one() -> None:
    choices = replace(DESTRUCTIVE, **EVERYTHING, power="on")
    cured = {one.playbook for one in said(sick, choices) if isinstance(one, Cure)}

    assert {name for name in PLAYBOOKS if found(name, sick)} == set(PLAYBOOKS)
    assert set(PLAYBOOKS) - cured == {
        "agent-config", "egress-route", "key-vault-access", "orphaned-item", "policy-denial", "unprotected-vm",
        "wire-server", "guest-dhcp", "dotnet-runtime", "pending-reboot", "machine-keys",
    }  # fmt: skip


@pytest.mark.parametrize(("read", "choices"), WORLDS)
class TestEveryCure:
    def test_is_planned_twice_the_same(self, read: Estate, choices: Choices) -> None:
        assert [as_data(one) for one in said(read, choices)] == [as_data(one) for one in said(read, choices)]

    def test_is_plain_data(self, read: Estate, choices: Choices) -> None:
        json.dumps([as_data(one) for one in said(read, choices)])

    def test_has_nothing_in_it_that_was_not_admitted(self, read: Estate, choices: Choices) -> None:
        assert {step.fix_class for _, step in written(read, choices)} <= choices.allow

    def test_says_what_must_hold_before_and_after(self, read: Estate, choices: Choices) -> None:
        for _, step in written(read, choices):
            assert step.before, step.summary
            assert step.after, step.summary
            assert step.within.total_seconds() > 0

    def test_needs_rights_that_rbac_knows(self, read: Estate, choices: Choices) -> None:
        for _, step in written(read, choices):
            assert all(
                re.fullmatch(r"Microsoft\.\w+/[\w/]+/(write|delete|action)", right)
                for right in step.permissions
            )

    def test_needs_no_right_that_its_card_does_not_name(self, read: Estate, choices: Choices) -> None:
        for cure, step in written(read, choices):
            assert step.permissions <= PLAYBOOKS[cure.playbook].writes, step.summary
            for lifted in steps(*with_locks_lifted(read, cure, choices)):
                assert lifted.permissions <= PLAYBOOKS[cure.playbook].fix_permissions, lifted.summary

    def test_says_what_is_lost_where_something_is(self, read: Estate, choices: Choices) -> None:
        for _, step in written(read, choices):
            if step.fix_class is FixClass.DESTRUCTIVE:
                assert step.loses
                assert isinstance(step.undo, Irreversible)

    def test_changes_a_vm_only_where_backups_of_it_are_looked_at_first(
        self, read: Estate, choices: Choices
    ) -> None:
        for cure, step in written(read, choices):
            if step.request.id.type.startswith("microsoft.compute/virtualmachines"):
                assert step.changes_vm in cure.vms

    def test_sends_nothing_but_the_writes_of_this_tool(self, read: Estate, choices: Choices) -> None:
        for _, step in written(read, choices):
            for request in (step.request, step.undo):
                if isinstance(request, Request):
                    assert allowed(request), request

    def test_touches_nothing_that_is_not_proven_to_be_the_vms(self, read: Estate, choices: Choices) -> None:
        for cure, step in written(read, choices):
            mine = {thing for one in (*cure.vms, *beneath(read, cure)) for thing in things(read, one)}
            assert any(thing.covers(step.request.id) for thing in mine), step.summary
            if isinstance(step.undo, Request):
                assert step.undo.id == step.request.id

    def test_speaks_to_a_person_in_a_phrase(self, read: Estate, choices: Choices) -> None:
        for one in said(read, choices):
            if isinstance(one, ByHand):
                assert len(one.reason) > 10
                assert not one.reason.endswith(".")
                assert (one.allow is None) == ("--allow" not in one.reason)


ITEM = "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems"
ALLOWED = {
    "microsoft.authorization/locks": {"DELETE", "PUT"},
    "microsoft.recoveryservices/vaults/backupjobs": {"POST cancel"},
    "microsoft.compute/restorepointcollections": {"DELETE"},
    "microsoft.compute/restorepointcollections/restorepoints": {"DELETE"},
    "microsoft.compute/virtualmachines/extensions": {"DELETE"},
    "microsoft.compute/virtualmachines": {
        f"POST {action}"
        for action in (
            "reapply",
            "restart",
            "redeploy",
            "start",
            "deallocate",
            "powerOff",
            "attachDetachDataDisks",
            "runCommand",
        )
    }
    | {"PATCH"},
    "microsoft.compute/disks": {"PUT"},
    "microsoft.network/networksecuritygroups/securityrules": {"PUT", "DELETE"},
    ITEM: {"PUT", "POST backup"},
}


def allowed(request: Request) -> bool:
    if request.action == "runCommand" and not ours(request.body):
        return False
    return f"{request.method} {request.action}".strip() in ALLOWED.get(request.id.type, set())


def beneath(read: Estate, cure: Cure) -> Iterator[ArmId]:
    """The VMs over whose restore points a lock stands that is moved: all of them are guarded in its place."""
    deleted = [
        one.request.id for one in cure.nodes if isinstance(one, Step) and one.request.method == "DELETE"
    ]
    scopes = [id_.scope for id_ in deleted if cure.guards]
    for one in read.protected:
        held = service_collections(read, one)
        if any(scope.covers(each.id) for scope in scopes for each in held):
            yield one.id


def ours(body: Any) -> bool:
    """Whether a script is one that azremedy ships, or made of its statements for Windows."""
    lines = tuple(body["script"])
    if body["commandId"] == "RunPowerShellScript":
        return powershell.rendered(powershell.statements(lines)) == lines
    return body["commandId"] == "RunShellScript" and lines in SHIPPED


def things(read: Estate, of: ArmId) -> Iterator[ArmId]:
    """What is a VM's own, told apart from what is only called like it."""
    yield of
    yield from (one.id for one in read.items if one.vm == of)
    for one in read.protected:
        if one.id == of:
            for held in service_collections(read, one):
                assert held.source == of
                yield held.id
                yield from (lock.id for lock in read.locks_over(held.id))
            yield from (
                job.id
                for held in read.running_jobs
                for job in held.jobs
                if job.container == one.item.container
            )
    if machine := read.vm.get(of):
        yield from (*machine.nics, *(disk.disk for disk in machine.disks if disk.disk))
    for large in read.disks:
        if large.managed_by == of:
            yield from (ArmId(f"{large.id}-part{number}") for number in range(1, 33))
    for wire in read.nics:
        if wire.vm == of and wire.nsg:
            yield wire.nsg


@pytest.mark.parametrize("one", PLAYBOOKS.values(), ids=list(PLAYBOOKS))
def test_a_playbook_that_writes_asks_for_the_locks(one: Any) -> None:
    if one.plan is not None and any(isinstance(made, Cure) for made in plans(one.id, sick, DESTRUCTIVE)):
        assert Read.LOCKS in one.needs | one.plan_needs


def test_a_card_names_no_right_that_no_cure_needs() -> None:
    used: dict[str, set[str]] = {name: set() for name in PLAYBOOKS}
    for world in WORLDS:
        for cure, step in written(*world.values):  # type: ignore[arg-type]  # pytest forgets what it was given
            used[cure.playbook] |= step.permissions

    assert used == {name: one.writes for name, one in PLAYBOOKS.items()}


def with_locks_lifted(read: Estate, cure: Cure, choices: Choices) -> tuple[Any, ...]:
    """The nodes of a cure where each group that it writes to is locked, as planning clears them."""
    locked = tuple(
        Lock(ArmId(f"{group}/providers/Microsoft.Authorization/locks/azremedy-test"), "CanNotDelete")
        for group in dict.fromkeys(step.request.id.group for step in steps(*cure.nodes))
    )
    clear = cleared(replace(read, locks=(*read.locks, *locked)), cure.nodes, choices)
    return () if isinstance(clear, Blocked) else clear


def test_look_alikes_change_no_cure() -> None:
    choices = replace(DESTRUCTIVE, **EVERYTHING, power="on")
    plain = {one.findings: as_data(one) for one in said(sick, choices) if isinstance(one, Cure)}
    among = {one.findings: as_data(one) for one in said(hostile, choices) if isinstance(one, Cure)}
    differing = {of for of in plain if among.get(of) != plain[of]}

    assert {plain[of]["playbook"] for of in differing} <= {"restore-point-lock"}
