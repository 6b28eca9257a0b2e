"""Builders: an estate in a few words. Everything has a healthy default; a test says only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from azremedy import playbook
from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import Finding, NotEvaluated, fingerprint
from azremedy.resources import (
    Access,
    AccessPolicy,
    Adapter,
    AdminRules,
    AttachedDisk,
    Collection,
    Disk,
    Exclusion,
    Guest,
    Handler,
    InstanceView,
    IpConfiguration,
    Item,
    Job,
    JobError,
    KeyVault,
    LinuxGuest,
    Lock,
    Nic,
    Nsg,
    Policy,
    PolicyAssignment,
    Port,
    PowerState,
    RecoveryPoint,
    RecoveryPoints,
    ResourceGroup,
    RestorePoint,
    RestorePoints,
    Rule,
    RunningJobs,
    Service,
    ServiceTags,
    Setting,
    Status,
    Subnet,
    Subscription,
    Tier,
    Unread,
    Vault,
    Vm,
    VmSize,
    VmSizes,
    WindowsGuest,
)

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
VAULT = ArmId(f"{SUBSCRIPTION}/resourceGroups/backup/providers/Microsoft.RecoveryServices/vaults/vault1")
SERVICE_GROUP = "AzureBackupRG_westeurope_1"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def arm_id(type_: str, name: str, group: str = "prod") -> ArmId:
    return ArmId(f"{SUBSCRIPTION}/resourceGroups/{group}/providers/{type_}/{name}")


def vm_id(name: str = "sql1", group: str = "prod") -> ArmId:
    return arm_id("Microsoft.Compute/virtualMachines", name, group)


def disk_id(name: str, group: str = "prod") -> ArmId:
    return arm_id("Microsoft.Compute/disks", name, group)


def nic_id(name: str, group: str = "prod") -> ArmId:
    return arm_id("Microsoft.Network/networkInterfaces", name, group)


def nsg_id(name: str, group: str = "prod") -> ArmId:
    return arm_id("Microsoft.Network/networkSecurityGroups", name, group)


def subnet_id(name: str = "default", network: str = "vnet1") -> ArmId:
    return arm_id("Microsoft.Network/virtualNetworks", f"{network}/subnets/{name}")


def collection_id(name: str, group: str = SERVICE_GROUP) -> ArmId:
    return arm_id("Microsoft.Compute/restorePointCollections", name, group)


def vm(name: str = "sql1", **changes: Any) -> Vm:
    id_ = vm_id(name)
    machine = Vm(
        id=id_,
        location="westeurope",
        size="Standard_E16s_v5",
        os="Windows",
        vm_id=f"guid-of-{name}",
        provisioning_state="Succeeded",
        disks=(AttachedDisk(lun=None, name=f"{name}-os", disk=disk_id(f"{name}-os"), size=127),),
        nics=(nic_id(f"{name}-nic"),),
        primary_nic=nic_id(f"{name}-nic"),
        provision_agent=True,
    )
    return replace(machine, **changes)


def disk(name: str, size: int, **changes: Any) -> Disk:
    plain = Disk(
        id=disk_id(name), size=size, sku="Premium_LRS", managed_by=vm_id(), location="westeurope",
        encryption="EncryptionAtRestWithPlatformKey",
    )  # fmt: skip
    return replace(plain, **changes)


def attached(name: str, lun: int, size: int | None = None, **changes: Any) -> AttachedDisk:
    return replace(AttachedDisk(lun=lun, name=name, disk=disk_id(name), size=size), **changes)


def nic(name: str = "sql1-nic", subnet: ArmId | None = None, **changes: Any) -> Nic:
    address = IpConfiguration(subnet=subnet or subnet_id(), address="10.0.0.4", primary=True)
    return replace(Nic(id=nic_id(name), vm=vm_id(), primary=True, ip_configurations=(address,)), **changes)


def nsg(*rules: Rule, name: str = "nsg1", **changes: Any) -> Nsg:
    """An NSG with these rules above the three outbound default ones."""
    ordered = tuple(sorted((*rules, *DEFAULT_RULES), key=lambda rule: rule.priority))
    return replace(Nsg(id=nsg_id(name), location="westeurope", rules=ordered), **changes)


def rule(access: str, destination: str, priority: int = 100, **changes: Any) -> Rule:
    name = f"{access.lower()}-{priority}"
    return replace(Rule(name, "Outbound", access, priority, destinations=(destination,)), **changes)


DEFAULT_RULES = (
    Rule(
        "AllowVnetOutBound",
        "Outbound",
        "Allow",
        65000,
        sources=("VirtualNetwork",),
        destinations=("VirtualNetwork",),
        default=True,
    ),
    Rule("AllowInternetOutBound", "Outbound", "Allow", 65001, destinations=("Internet",), default=True),
    Rule("DenyAllOutBound", "Outbound", "Deny", 65500, default=True),
)


def subnet(name: str = "default", **changes: Any) -> Subnet:
    return replace(Subnet(id=subnet_id(name)), **changes)


def policy(name: str = "daily", **changes: Any) -> Policy:
    standard = Policy(id=policy_id(name), type="V1", instant_days=2, per_day=1.0)
    return replace(standard, **changes)


def policy_id(name: str) -> ArmId:
    return ArmId(f"{VAULT}/backupPolicies/{name}")


def container(name: str, group: str = "prod") -> str:
    return f"iaasvmcontainer;iaasvmcontainerv2;{group};{name}"


def item(name: str = "sql1", **changes: Any) -> Item:
    path = f"backupFabrics/Azure/protectionContainers/{container(name)}/protectedItems/vm;iaasvmcontainerv2;prod;{name}"
    healthy = Item(
        id=ArmId(f"{VAULT}/{path}"),
        vault=VAULT,
        vm=vm_id(name),
        container=container(name),
        protection_state="Protected",
        protection_status="Healthy",
        health="Passed",
        last_backup_status="Completed",
        last_backup=ago(hours=8),
        last_recovery_point=ago(hours=8),
        policy=policy_id("daily"),
    )
    return replace(healthy, **changes)


def failed_item(name: str = "sql1", **changes: Any) -> Item:
    """An item whose last backup failed eight hours ago and last completed three days ago."""
    return item(
        name,
        **{
            "last_backup_status": "Failed",
            "health": "ActionRequired",
            "last_recovery_point": ago(days=3),
            **changes,
        },
    )


def failed_job(code: str | int, name: str = "sql1", **changes: Any) -> Job:
    """A backup of eight hours ago that failed with a symbolic code (as text) or a number."""
    text, number = (code, 0) if isinstance(code, str) else ("localized", code)
    failed = Job(
        id=ArmId(f"{VAULT}/backupJobs/job-of-{name}"),
        vault=VAULT,
        container=container(name),
        friendly_name=name,
        operation="Backup",
        status="Failed",
        started=ago(hours=8),
        ended=ago(hours=7),
        errors=(JobError(code=number, title=text, text=text),),
    )
    return replace(failed, **changes)


def collection(
    name: str = "sql1", group: str = SERVICE_GROUP, suffix: str = "_140738144265919"
) -> Collection:
    return Collection(id=collection_id(f"AzureBackup_{name}{suffix}", group), source=vm_id(name))


def points(number: int, of: Collection, vm_guid: str = "guid-of-sql1") -> RestorePoints:
    """`number` points of a collection, a day apart, newest eight hours old."""
    taken = (
        RestorePoint(
            id=ArmId(f"{of.id}/restorePoints/AzureBackup_{index}"),
            created=ago(hours=8, days=index),
            vm_id=vm_guid,
        )
        for index in range(number)
    )
    return RestorePoints(collection=of.id, points=tuple(taken))


VAULTED = (Tier("InstantRP", "Valid"), Tier("HardenedRP", "Valid"))
ONLY_INSTANT = (Tier("InstantRP", "Valid"),)


def copies(
    *of: RestorePoints, name: str = "sql1", tiers: tuple[Tier, ...] = VAULTED, **changes: Any
) -> RecoveryPoints:
    """The recovery points of an item: one for each of these restore points, taken a minute before it."""
    kept = tuple(
        replace(
            RecoveryPoint(
                ArmId(f"{item(name).id}/recoveryPoints/{held.collection.name}-{point.id.name}"),
                point.created - timedelta(minutes=1) if point.created else None,
                "AppConsistent",
                tiers,
            ),
            **changes,
        )
        for held in of
        for point in held.points
    )
    return RecoveryPoints(item(name).id, kept)


def lock(on: ArmId | str, level: str = "CanNotDelete", name: str = "keep", **changes: Any) -> Lock:
    """A lock on a resource id, or on the group of this name; `""` is the subscription."""
    scope = (
        str(on) if isinstance(on, ArmId) else f"{SUBSCRIPTION}/resourceGroups/{on}" if on else SUBSCRIPTION
    )
    id_ = ArmId(f"{scope}/providers/Microsoft.Authorization/locks/{name}")
    return replace(Lock(id=id_, level=level, notes="do not touch"), **changes)


READY = Status("ProvisioningState/succeeded", "Info", "Ready", "GuestAgent is running", ago(minutes=1))
NOT_READY = Status(
    "ProvisioningState/Unavailable",
    "Warning",
    "Not Ready",
    "VM status blob is found but not yet populated.",
    ago(minutes=1),
)


def view(name: str = "sql1", **changes: Any) -> InstanceView:
    """A running Windows VM whose agent is ready and whose backup extension works."""
    snapshot = Handler("Microsoft.Azure.RecoveryServices.VMSnapshot", "1.0.91.0", replace(READY, time=None))
    healthy = InstanceView(
        vm=vm_id(name),
        agent_version="2.7.41491.1172",
        agent=READY,
        handlers=(snapshot,),
        statuses=(Status("ProvisioningState/succeeded", time=ago(days=30)), Status("PowerState/running")),
        os_name="Windows Server 2022 Datacenter",
    )
    return replace(healthy, **changes)


def key_vault(*policies: AccessPolicy, name: str = "keys1", **changes: Any) -> KeyVault:
    """A key vault that goes by these access policies."""
    id_ = arm_id("Microsoft.KeyVault/vaults", name, "keys")
    return replace(KeyVault(id_, policies=policies), **changes)


def assignment(name: str = "tags", **changes: Any) -> PolicyAssignment:
    """An Azure Policy that denies what has no tags."""
    place = f"{SUBSCRIPTION}/providers/Microsoft.Authorization"
    own, of = ArmId(f"{place}/policyAssignments/{name}"), ArmId(f"{place}/policyDefinitions/{name}")
    return replace(PolicyAssignment(own, of, effect="deny", on_tags=True), **changes)


def windows(name: str = "sql1", *, ports: tuple[Port, ...] | None = None, **changes: Any) -> Guest:
    """What a healthy Windows VM tells from inside."""
    healthy = WindowsGuest(
        services=(
            Service("RdAgent", "Running", "Auto"),
            Service("WindowsAzureGuestAgent", "Running", "Auto"),
            Service("IaasVmProvider", "Running", "Auto"),
            Service("COMSysApp", "Running", "Manual"),
            Service("MSDTC", "Running", "Auto"),
            Service("VSS", "Stopped", "Manual"),
        ),
        accounts=(Setting("MSDTC", r"NT AUTHORITY\NetworkService"),),
        settings=(Setting(".NET", "528449"), Setting("installer", "3")),
        adapters=(Adapter("Ethernet", dhcp=True, addresses=1),),
        writers=5,
        crypto=(Setting("v4.0.30319", "1"), Setting("v2.0.50727", "1")),
        machine_keys=(Access("S-1-1-0", 1180063), Access("S-1-5-32-544", 2032127)),
    )
    return Guest(
        vm_id(name), NOW, windows=replace(healthy, **changes), ports=OPEN if ports is None else ports
    )


def linux(name: str = "sql1", *, ports: tuple[Port, ...] | None = None, **changes: Any) -> Guest:
    """What a healthy Linux VM tells from inside."""
    healthy = LinuxGuest(
        distribution="ubuntu",
        release="24.04",
        agent=Service("walinuxagent", "active", "enabled"),
        restart="always",
        package="2.11.1.12",
        goal_state="2.11.1.12",
        config=(Setting("Extensions.Enabled", "y"), Setting("Provisioning.Agent", "auto")),
        snapshot=1,
        leases=1,
        dhcp=1,
        pythons=("python3",),
    )
    return Guest(vm_id(name), NOW, linux=replace(healthy, **changes), ports=OPEN if ports is None else ports)


OPEN = (Port(80, reached=True), Port(32526, reached=True))


FIELDS = {
    PolicyAssignment: "policy_assignments",
    KeyVault: "key_vaults",
    Vm: "vms",
    Guest: "guests",
    PowerState: "power_states",
    Disk: "disks",
    Nic: "nics",
    Nsg: "nsgs",
    Subnet: "subnets",
    Collection: "collections",
    Lock: "locks",
    Item: "items",
    Policy: "policies",
    Job: "jobs",
    InstanceView: "views",
    RestorePoints: "restore_points",
    ResourceGroup: "groups",
    RunningJobs: "running_jobs",
    RecoveryPoints: "recovery_points",
    ServiceTags: "service_tags",
    AdminRules: "admin_rules",
    Unread: "unread",
    Vault: "vaults",
    VmSizes: "vm_sizes",
}


def estate(*resources: Any, power: str = "running", **changes: Any) -> Estate:
    """
    An estate of these resources, in any order.

    Each VM has the power state `power` unless one is given, the vault, the policy `daily` and the VM's size are there, and a VM is
    not implied by its item: `estate(item())` is an item whose VM is gone.
    """
    sorted_in: dict[str, list[Any]] = {field: [] for field in (*FIELDS.values(), "route_tables")}
    for resource in resources:
        sorted_in[FIELDS.get(type(resource), "route_tables")].append(resource)
    stated = {state.vm for state in sorted_in["power_states"]}
    sorted_in["power_states"] += [
        PowerState(one.id, power) for one in sorted_in["vms"] if one.id not in stated
    ]
    if not any(one.id == policy_id("daily") for one in sorted_in["policies"]):
        sorted_in["policies"].append(policy())
    if not sorted_in["vaults"]:
        sorted_in["vaults"].append(Vault(VAULT, "westeurope"))
    if not sorted_in["vm_sizes"]:
        sorted_in["vm_sizes"].append(sizes(Standard_E16s_v5=32))
    return Estate(
        **{
            "subscription": Subscription(ArmId(SUBSCRIPTION), "test"),
            "read_at": NOW,
            "lookback": timedelta(days=7),
            **{field: tuple(values) for field, values in sorted_in.items()},
            **changes,
        }
    )


def sizes(location: str = "westeurope", **disks: int) -> VmSizes:
    """The sizes of a region, and how many data disks a VM of each takes."""
    return VmSizes(location, tuple(VmSize(name, most) for name, most in disks.items()))


def excluded(*luns: int) -> Exclusion:
    return Exclusion(luns=luns, inclusion=False)


def found(playbook_id: str, read: Estate) -> list[Finding[Any]]:
    """What this playbook finds in an estate, in its order."""
    return [found for found in playbook.load()[playbook_id].detect(read) if isinstance(found, Finding)]


def undecided(playbook_id: str, read: Estate) -> list[NotEvaluated]:
    """The VMs on which this playbook gives no verdict."""
    return [gap for gap in playbook.load()[playbook_id].detect(read) if isinstance(gap, NotEvaluated)]


def allowing(*classes: FixClass, **choices: Any) -> Choices:
    """Choices that admit these classes besides the safe one."""
    return Choices(allow=frozenset({FixClass.SAFE, *classes}), **choices)


GUARDED = allowing(FixClass.GUARDED)
DESTRUCTIVE = allowing(FixClass.GUARDED, FixClass.DESTRUCTIVE)


def plans(playbook_id: str, read: Estate, choices: Choices = GUARDED) -> list[Cure | ByHand]:
    """What this playbook plans for all that it finds in an estate, each finding answered once."""
    one = playbook.load()[playbook_id]
    findings = {fingerprint(playbook_id, finding): finding for finding in found(playbook_id, read)}
    assert one.plan is not None
    made = list(one.plan(read, list(findings.values()), choices))
    told = [told for said in made for told in (said.findings if isinstance(said, Cure) else (said.finding,))]
    assert sorted(told) == sorted(findings)
    return made


def cured(playbook_id: str, read: Estate, choices: Choices = GUARDED) -> Cure:
    """The one cure that this playbook plans in an estate."""
    [made] = plans(playbook_id, read, choices)
    assert isinstance(made, Cure), made
    return made


def left(playbook_id: str, read: Estate, choices: Choices = GUARDED) -> ByHand:
    """The one finding of this playbook in an estate, left to a person."""
    [made] = plans(playbook_id, read, choices)
    assert isinstance(made, ByHand), made
    return made
