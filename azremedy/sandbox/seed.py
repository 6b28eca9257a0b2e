"""From a description to resources: everything that a sandbox starts with."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from azremedy.arm import ArmId
from azremedy.errors import AzremedyError
from azremedy.sandbox import (
    backup,
    compute,
    copies,
    governance,
    hierarchy,
    keys,
    machines,
    network,
    points,
    rules,
    writes,
)
from azremedy.sandbox.description import Assignment
from azremedy.sandbox.ground import Ground, guid
from azremedy.sandbox.identity import CLIENT_ID, CLIENT_SECRET, TENANT, Held, Principal
from azremedy.sandbox.reading import guess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from azremedy.arm import Json
    from azremedy.sandbox.description import Estate, Identity, Lock, Policy, Vault, Vm


def resources(estate: Estate, where: str) -> Mapping[str, Json]:
    """Return every resource of an estate by id. Names that stand for nothing are an `AzremedyError`."""
    ground = Ground(estate, where)
    made = dict(everything(ground))
    made |= dict(locks(ground, made))
    return made | dict(groups(ground, made)) | dict([subscription(ground)])


def everything(ground: Ground) -> Iterator[tuple[str, Json]]:
    estate = ground.estate
    nets = Nets(ground)
    for nsg in estate.nsgs:
        id_ = ground.nsg(nsg.name, "")
        yield network.nsg(ground, nsg, nets.nics_of[id_], nets.subnets_of[id_])
    for table in estate.route_tables:
        yield network.route_table(ground, table, nets.subnets_of[ground.route_table(table.name, "")])
    for vnet in estate.vnets:
        yield network.vnet(ground, vnet)
    chosen = {(vm.group, vm.name): protection(ground, vm) for vm in estate.vms}
    used: dict[tuple[str, str], int] = defaultdict(int)
    for number, vm in enumerate(estate.vms):
        vault, policy = chosen[vm.group, vm.name]
        if not vm.gone:
            yield network.nic(ground, vm, nets.subnet(vm), number)
        yield from compute.vm_resources(ground, vm, policy)
        if vault and policy and vm.backup:
            used[vault.name, policy.name] += 1
            yield from backup.protection(ground, vm, vm.backup, vault, policy)
            if vm.backup.running:
                yield backup.running(ground, vm, elsewhere(ground, vm, vault), vm.backup.running)
    yield from vaults(ground, used)


def vaults(ground: Ground, used: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, Json]]:
    """Make the vaults of backups and those of keys, and what governs all; `used` counts the VMs of each policy by vault and name."""
    for vault in ground.estate.vaults:
        yield backup.vault(ground, vault)
        for policy in vault.policies:
            yield backup.policy(ground, vault, policy, used[vault.name, policy.name])
    for held in ground.estate.key_vaults:
        yield keys.vault(ground, held)
        yield from keys.assignments(ground, held)
    for assignment in ground.estate.policy_assignments:
        yield from governance.resources(ground, assignment)


def protection(ground: Ground, vm: Vm) -> tuple[Vault | None, Policy | None]:
    """Return the vault and the policy that a VM's description names."""
    if vm.backup is None:
        return None, None
    user = f"In {ground.where}, VM '{vm.name}': there is no "
    vaults = {vault.name.lower(): vault for vault in ground.estate.vaults}
    vault = vaults.get(vm.backup.vault.lower())
    if vault is None:
        raise AzremedyError(f"{user}vault '{vm.backup.vault}'{guess(vm.backup.vault, vaults)}.")
    policies = {policy.name.lower(): policy for policy in vault.policies}
    policy = policies.get(vm.backup.policy.lower())
    if policy is None:
        raise AzremedyError(
            f"{user}policy '{vm.backup.policy}' in vault '{vault.name}'{guess(vm.backup.policy, policies)}."
        )
    return vault, policy


def elsewhere(ground: Ground, vm: Vm, own: Vault) -> Vault:
    """Return the vault in which a backup of a VM runs: its own, or the one that is named."""
    name = vm.backup.running.vault if vm.backup and vm.backup.running else None
    if name is None:
        return own
    vaults = {vault.name.lower(): vault for vault in ground.estate.vaults}
    if name.lower() not in vaults:
        raise AzremedyError(
            f"In {ground.where}, VM '{vm.name}': there is no vault '{name}'{guess(name, vaults)}."
        )
    return vaults[name.lower()]


class Nets:
    """Which subnets there are by name, and what each security group and route table is attached to."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._subnets: dict[str, str] = {}
        self.subnets_of: dict[str, list[str]] = defaultdict(list)
        self.nics_of: dict[str, list[str]] = defaultdict(list)
        twice: set[str] = set()
        for vnet in ground.estate.vnets:
            for subnet in vnet.subnets:
                id_ = network.subnet_id(ground, vnet, subnet)
                user = f"subnet '{subnet.name}'"
                if subnet.nsg:
                    self.subnets_of[ground.nsg(subnet.nsg, user)].append(id_)
                if subnet.route_table:
                    self.subnets_of[ground.route_table(subnet.route_table, user)].append(id_)
                twice |= {subnet.name.lower()} & self._subnets.keys()
                self._subnets |= {subnet.name.lower(): id_, f"{vnet.name}/{subnet.name}".lower(): id_}
        for name in twice:
            del self._subnets[name]
        for vm in ground.estate.vms:
            if vm.nic.nsg:
                self.nics_of[ground.nsg(vm.nic.nsg, f"VM '{vm.name}'")].append(network.nic_id(ground, vm))

    def subnet(self, vm: Vm) -> str | None:
        if vm.nic.subnet is None:
            return next(iter(self._subnets.values()), None)
        return self._ground.find("subnet", self._subnets, vm.nic.subnet, f"VM '{vm.name}'")


def locks(ground: Ground, made: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    scopes = known_scopes(ground, made)
    for lock in ground.estate.locks:
        scope = ground.find("subscription, group or resource", scopes, lock.scope, f"lock '{lock.name}'")
        yield one_lock(scope, lock)


def one_lock(scope: str, lock: Lock) -> tuple[str, Json]:
    id_ = f"{scope.replace('/resourceGroups/', '/resourcegroups/')}/providers/Microsoft.Authorization/locks/{lock.name}"
    properties: dict[str, Json] = {"level": lock.level}
    if lock.notes:
        properties["notes"] = lock.notes
    if lock.owners:
        properties["owners"] = [{"applicationId": one} for one in lock.owners]
    return id_, {
        "properties": properties,
        "id": id_,
        "type": "Microsoft.Authorization/locks",
        "name": lock.name,
    }


def known_scopes(ground: Ground, made: Mapping[str, Json]) -> Mapping[str, str]:
    """Return every scope by its id and by its lower-cased name; a group wins over a resource of its name."""
    scopes = {id_.rpartition("/")[2].lower(): id_ for id_ in made if "/instanceView" not in id_}
    scopes |= {id_.lower(): id_ for id_ in made}
    for vm in ground.estate.vms:
        scopes[f"{vm.group}/{vm.name}".lower()] = ground.vm(vm)
    path = ground.estate.subscription.management_groups
    scopes |= {name.lower(): hierarchy.group_id([name]) for name in path}
    scopes |= {name.lower(): f"{ground.root}/resourceGroups/{name}" for name in group_names(made)}
    return {**scopes, "subscription": ground.root}


def group_names(made: Mapping[str, Json]) -> Sequence[str]:
    """Return the names of the groups, each as the first resource in it spells it other than in capitals."""
    spelled: dict[str, str] = {}
    for id_ in made:
        name = group.name if (group := ArmId(id_).group) else ""
        if name and (name.lower() not in spelled or not name.isupper()):
            spelled[name.lower()] = name
    return list(spelled.values())


def groups(ground: Ground, made: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for name in group_names(made):
        id_ = f"{ground.root}/resourceGroups/{name}"
        yield (
            id_,
            {
                "id": id_,
                "name": name,
                "type": "Microsoft.Resources/resourceGroups",
                "location": ground.location,
                "properties": {"provisioningState": "Succeeded"},
            },
        )


def subscription(ground: Ground) -> tuple[str, Json]:
    given = ground.estate.subscription
    return ground.root, {
        "id": ground.root,
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": given.id,
        "tenantId": TENANT,
        "displayName": given.name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "EnterpriseAgreement_2014-09-01",
            "spendingLimit": "Off",
        },
    }


def owner(estates: Sequence[Estate]) -> Principal:
    """Return who may do everything in every subscription of a sandbox."""
    roles = tuple(Held("Owner", f"/subscriptions/{estate.subscription.id}") for estate in estates)
    return Principal(CLIENT_ID, CLIENT_SECRET, guid(CLIENT_ID), roles)


def principals(estate: Estate, where: str) -> Sequence[Principal]:
    """Return who else may sign in: the identities of a description."""
    if not estate.identities:
        return ()
    ground = Ground(estate, where)
    scopes = known_scopes(ground, dict(everything(ground)))

    def scope(name: str, one: Identity) -> str:
        return ground.find("subscription, group or resource", scopes, name, f"identity '{one.name}'").lower()

    return [
        Principal(
            one.client_id,
            one.secret,
            guid(one.client_id),
            tuple(Held(held.role, scope(held.scope, one)) for held in assigned(one)),
            one.actions,
            tuple(scope(name, one) for name in one.cannot_read),
        )
        for one in estate.identities
    ]


def assigned(one: Identity) -> Sequence[Assignment]:
    """Return the roles of an identity; who has actions of its own has none."""
    return () if one.actions else one.roles or (Assignment(one.role),)


def notes(estate: Estate, where: str, made: Mapping[str, Json]) -> Iterator[tuple[str, str, Json]]:
    """Yield what no client sees of an estate: how its VMs behave, and where their points and copies lie."""
    ground = Ground(estate, where)
    held: dict[str, list[str]] = defaultdict(list)
    for id_ in made:
        collection, found, _ = id_.partition("/restorePoints/")
        if found:
            held[collection].append(id_)
    for vm in estate.vms:
        yield machines.KIND, ground.vm(vm).lower(), msgspec.to_builtins(machines.Machine(vm))
        vault, policy = protection(ground, vm)
        if vault is None or policy is None or vm.backup is None:
            continue
        id_, _ = backup.item(ground, vm, vm.backup, vault, policy)
        yield copies.KIND, id_.lower(), copies.seeded(ground, vm, vm.backup, policy, held)
        for one in points.every_points(vm, policy):
            if one.timeouts:
                yield writes.TIMEOUTS, copies.home(ground, vm, one, policy).lower(), one.timeouts
    for rule in estate.admin_rules:
        yield rules.ADMIN, rule.name, network.admin_rule(ground, rule)
