"""
What each address of ARM answers.

Ids are compared without case. A path ends in a name (one resource) or in a type (a list at what stands before it);
the few that differ from that rule are in `SPECIAL`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from azremedy.arm import ArmId
from azremedy.sandbox import (
    attaching,
    copies,
    filters,
    governance,
    hierarchy,
    locks,
    machines,
    operations,
    protection,
    rights,
    rules,
    runcommand,
    sizes,
    tags,
    views,
    writes,
)
from azremedy.sandbox import (
    jobs as backup_jobs,
)
from azremedy.sandbox.answers import Answer, ArmError, not_found, ok, page
from azremedy.sandbox.pages import PAGE, cut, listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from azremedy.arm import Json
    from azremedy.sandbox.answers import Arm, Call

VM: Final = "microsoft.compute/virtualmachines"
COLLECTION: Final = "microsoft.compute/restorepointcollections"
VAULT: Final = "microsoft.recoveryservices/vaults"
ITEM: Final = f"{VAULT}/backupfabrics/protectioncontainers/protecteditems"
JOB: Final = f"{VAULT}/backupjobs"
COMPUTE: Final = "microsoft.compute"
NETWORK: Final = "microsoft.network"
RULE: Final = f"{NETWORK}/networksecuritygroups/securityrules"
ADMIN_RULES: Final = "listnetworkmanagereffectivesecurityadminrules"

PAGES: Final = {VM: 200, ITEM: 200, JOB: 200}
"""How many resources Azure puts on a page, where it is not `PAGE`."""

PLAIN: Final = frozenset(
    {
        VM,
        f"{VM}/extensions",
        "microsoft.compute/disks",
        COLLECTION,
        f"{COLLECTION}/restorepoints",
        "microsoft.network/networkinterfaces",
        "microsoft.network/networksecuritygroups",
        "microsoft.network/virtualnetworks",
        "microsoft.network/routetables",
        "microsoft.keyvault/vaults",
        VAULT,
        f"{VAULT}/backuppolicies",
        ITEM,
    }
)
"""Types that are resources of the store, each with its own GET and list."""

NESTED: Final = {
    "microsoft.network/networksecuritygroups/securityrules": "securityRules",
    "microsoft.network/networksecuritygroups/defaultsecurityrules": "defaultSecurityRules",
    "microsoft.network/virtualnetworks/subnets": "subnets",
    "microsoft.network/routetables/routes": "routes",
}
"""Types that stand in a property of their parent."""


def answer(arm: Arm, call: Call) -> Answer:
    """Return what ARM answers, or raise `ArmError`."""
    segments = call.key.strip("/").split("/")
    if call.key.startswith(hierarchy.ROOT.lower()):
        only_get(call)
        return hierarchy.answer(arm, call)
    if segments[0] != "subscriptions" or "\0" in call.path:
        raise ArmError(404, "InvalidResourceType", f"The path '{call.path}' is not one that ARM knows.")
    if segments == ["subscriptions"]:
        only_get(call)
        return listing(arm, call, arm.store.keys("subscriptions"))
    arm = replace(arm, root=f"/subscriptions/{segments[1]}")
    if arm.root not in arm.store:
        raise ArmError(404, "SubscriptionNotFound", f"The subscription '{segments[1]}' could not be found.")
    if "providers" not in segments:
        only_get(call)
        return scopes(arm, call, segments)
    group = ArmId(call.path).group
    if group and group.key not in arm.store:
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{group.name}' could not be found.")
    type_ = ArmId(call.path).type
    if (write := WRITES.get((call.method, type_))) and (call.method == "POST") != names_one(call):
        return written(arm, call, write)
    if special := SPECIAL.get(type_):
        return special(arm, call)
    only_get(call)
    return plain(arm, call)


def written(arm: Arm, call: Call, write: Callable[[Arm, Call], Answer]) -> Answer:
    """Carry out a write that the caller's roles allow and no lock forbids: wholly, or not at all."""
    rights.require(call)
    locks.enforce(arm, call)
    try:
        with arm.store.writing():
            return write(arm, call)
    except (TypeError, LookupError, AttributeError, ValueError) as error:
        raise ArmError(
            400, "InvalidRequestContent", f"The request content is not what this address takes: {error!r}."
        ) from error


def only_get(call: Call) -> None:
    if call.method != "GET":
        raise ArmError(
            405,
            "MethodNotAllowed",
            f"The requested resource does not support http method '{call.method}'.",
            {"Allow": "GET"},
        )


def scopes(arm: Arm, call: Call, segments: Sequence[str]) -> Answer:
    """Answer a subscription, its resource groups, or the resources in either."""
    if len(segments) in {2, 4} and call.key in arm.store:
        return Answer(body=arm.store.rendered(call.key, "plain"))
    if segments[2:] == ["resourcegroups"]:
        return listing(arm, call, arm.store.keys("resourcegroups", arm.subscription))
    if segments[-1] == "resources" and len(segments) in {3, 5}:
        return resources(arm, call)
    if segments[2] == "resourcegroups" and len(segments) == 4:
        name = call.path.rpartition("/")[2]
        raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
    raise not_found(call.path)


def resources(arm: Arm, call: Call) -> Answer:
    """Answer the list of tracked resources of any type, with `$filter=resourceType eq '…'`."""
    wanted = filters.parse(call.query.get("$filter", ""), ("resourcetype", "name"))
    types = sorted(one for one in PLAIN if one.count("/") == 1)
    if "resourcetype" in wanted:
        types = [one for one in types if one == wanted["resourcetype"].lower()]
    scope = call.key.removesuffix("/resources")
    keys = sorted(key for one in types for key in arm.store.keys(one, scope))
    if "name" in wanted:
        keys = [key for key in keys if key.rpartition("/")[2] == wanted["name"].lower()]
    return listing(arm, call, keys, "generic", generic)


def generic(body: Json) -> Json:
    return {name: body[name] for name in ("id", "name", "type", "location", "sku", "tags") if name in body}


def plain(arm: Arm, call: Call) -> Answer:
    """Answer the GET or the list of a type that follows the rule."""
    type_ = ArmId(call.path).type
    if type_ in NESTED:
        return nested(arm, call, NESTED[type_])
    if type_ not in PLAIN:
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The resource type '{type_.partition('/')[2]}' could not be found in the namespace "
            f"'{type_.partition('/')[0]}' for api version '{call.query['api-version']}'.",
        )
    if names_one(call):
        return one(arm, call, type_)
    scope = call.key.rpartition("/providers/")[0]
    parent, _, _ = call.key.rpartition("/")
    if type_.count("/") > 1:
        if parent not in arm.store:
            raise not_found(parent)
        scope = parent
    keys = arm.store.keys(type_, scope)
    if type_ == VM and call.query.get("statusonly", "").lower() == "true":
        return vm_states(arm, call, keys)
    return listing(arm, call, keys, size=PAGES.get(type_, PAGE))


def names_one(call: Call) -> bool:
    """Whether a path ends in a name, not in a type."""
    return len(call.key.rpartition("/providers/")[2].split("/")) % 2 == 1


def one(arm: Arm, call: Call, type_: str) -> Answer:
    """Answer one resource, with what `$expand` asks for."""
    store, key = arm.store, call.key
    if key not in store:
        raise not_found(call.path)
    expand = call.query.get("$expand", "").lower()
    if type_ == VM:
        view = expand == "instanceview"
        return Answer(
            body=store.rendered(key, f"full {view}", lambda vm: views.vm_full(store, key, vm, expand=view))
        )
    if type_ == COLLECTION and expand == "restorepoints":
        return Answer(body=store.rendered(key, "full", lambda held: views.collection_full(store, key, held)))
    return Answer(body=store.rendered(key, "plain"))


def vm_states(arm: Arm, call: Call, keys: Sequence[str]) -> Answer:
    store = arm.store
    shown, link = cut(arm, call, keys, PAGES[VM])
    return page(
        (
            store.rendered(key, "status", lambda vm, key=key: views.vm_status(store, key, vm))  # type: ignore[misc]
            for key in shown
        ),
        link,
    )


def nested(arm: Arm, call: Call, member: str) -> Answer:
    """Answer a part of a resource (a rule, a subnet, a route), or the list of its parts."""
    parts = call.key.split("/")
    parent = "/".join(parts[:-2] if names_one(call) else parts[:-1])
    body = arm.store.get(parent)
    if body is None:
        raise not_found(parent)
    held = body["properties"][member]
    if not names_one(call):
        return ok({"value": held})
    found = [part for part in held if part["name"].lower() == parts[-1]]
    if not found:
        raise not_found(call.path)
    return ok(found[0])


def instance_view(arm: Arm, call: Call) -> Answer:
    only_get(call)
    if call.key not in arm.store:
        raise not_found(call.path.rpartition("/")[0])
    return Answer(body=arm.store.rendered(call.key, "plain"))


def items(arm: Arm, call: Call) -> Answer:
    """Answer the protected items of a vault."""
    only_get(call)
    terms = filters.parse(call.query.get("$filter", ""), filters.ITEM_TERMS)
    vault = existing(arm, call.path.rpartition("/")[0])
    keys = [
        key
        for key in arm.store.keys(ITEM, vault)
        if not terms or filters.item_fits(body_of(arm, key)["properties"], terms)
    ]
    return listing(arm, call, keys, size=PAGES[ITEM])


def jobs(arm: Arm, call: Call) -> Answer:
    """Answer a job with what went wrong, or the jobs of a vault without it."""
    only_get(call)
    if names_one(call):
        return one(arm, call, JOB)
    terms = filters.parse(call.query.get("$filter", ""), filters.JOB_TERMS)
    vault = existing(arm, call.path.rpartition("/")[0])
    keys = [
        key for key in arm.store.keys(JOB, vault) if filters.job_fits(body_of(arm, key)["properties"], terms)
    ]
    return listing(arm, call, keys, "list", views.job_in_list, size=PAGES[JOB])


def backup_status(arm: Arm, call: Call) -> Answer:
    """Answer the POST that asks which vault backs a VM up."""
    if call.method != "POST":
        raise ArmError(405, "MethodNotAllowed", f"This address does not support '{call.method}'.")
    try:
        vm = ArmId(msgspec.json.decode(call.body)["resourceId"])
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError) as error:
        raise ArmError(400, "InvalidRequestContent", "The request content has no 'resourceId'.") from error
    group = vm.group.name if vm.group else ""
    name = f"iaasvmcontainerv2;{group};{vm.name}".lower()
    status: dict[str, Json] = {
        "protectionStatus": "NotProtected",
        "fabricName": "Azure",
        "containerName": f"iaasvmcontainer;{name}",
        "protectedItemName": f"vm;{name}",
        "protectedItemsCount": 0,
    }
    for key in arm.store.keys(ITEM, arm.subscription):
        item = body_of(arm, key)["properties"]
        if item["sourceResourceId"].lower() == vm.key:
            vault, _, _ = body_of(arm, key)["id"].partition("/backupFabrics/")
            status["protectionStatus"] = "Protected"
            status["vaultId"] = "/subscriptions" + vault[len("/subscriptions") :]
            status["policyName"] = item["policyName"]
    return ok({**status, "objectType": "BackupStatusResponse"})


def existing(arm: Arm, path: str) -> str:
    """Return the key of a resource that must be there."""
    if path.lower() not in arm.store:
        raise not_found(path)
    return path.lower()


def body_of(arm: Arm, key: str) -> Json:
    return arm.store.get(key)


def read_only(answering: Callable[[Arm, Call], Answer]) -> Callable[[Arm, Call], Answer]:
    """Let a GET be answered so, and any other method be refused."""

    def guarded(arm: Arm, call: Call) -> Answer:
        only_get(call)
        return answering(arm, call)

    return guarded


SPECIAL: Final[Mapping[str, Callable[[Arm, Call], Answer]]] = {
    locks.TYPE: read_only(locks.get),
    **{type_: read_only(answering) for type_, answering in governance.READS.items()},
    "microsoft.authorization/permissions": read_only(rights.permissions),
    f"{COMPUTE}/locations/operations": read_only(operations.status),
    f"{NETWORK}/locations/operations": read_only(operations.status),
    f"{NETWORK}/locations/operationresults": read_only(operations.result),
    f"{ITEM}/operationsstatus": read_only(operations.status),
    f"{ITEM}/operationresults": read_only(operations.result),
    f"{VAULT}/backupoperations": read_only(operations.status),
    f"{VAULT}/backupoperationresults": read_only(operations.result),
    f"{ITEM}/recoverypoints": read_only(copies.recovery_points),
    f"{VM}/instanceview": instance_view,
    f"{VAULT}/backupprotecteditems": items,
    JOB: jobs,
    f"{NETWORK}/locations/servicetags": tags.answer,
    f"{COMPUTE}/locations/vmsizes": read_only(sizes.listed),
    "microsoft.recoveryservices/locations/backupstatus": backup_status,
}

WRITES: Final[Mapping[tuple[str, str], Callable[[Arm, Call], Answer]]] = {
    ("PUT", locks.TYPE): locks.put,
    ("DELETE", locks.TYPE): locks.delete,
    ("PUT", VM): writes.put_vm,
    ("PATCH", VM): writes.put_vm,
    ("DELETE", f"{VM}/extensions"): writes.delete_extension,
    ("PUT", f"{COMPUTE}/disks"): writes.put_disk,
    ("DELETE", f"{COMPUTE}/disks"): writes.delete_disk,
    ("DELETE", COLLECTION): writes.delete_collection,
    ("DELETE", f"{COLLECTION}/restorepoints"): writes.delete_point,
    ("PUT", RULE): rules.put,
    ("PATCH", RULE): rules.put,
    ("DELETE", RULE): rules.delete,
    ("POST", f"{NETWORK}/networkinterfaces/{ADMIN_RULES}"): rules.admin_rules,
    ("POST", f"{NETWORK}/virtualnetworks/{ADMIN_RULES}"): rules.admin_rules,
    ("PUT", ITEM): protection.put,
    ("POST", f"{ITEM}/backup"): backup_jobs.trigger,
    ("POST", f"{JOB}/cancel"): backup_jobs.cancel,
    ("POST", f"{VM}/{attaching.VERB}"): attaching.change,
    ("POST", f"{VM}/{runcommand.VERB}"): runcommand.post,
    **{("POST", f"{VM}/{verb}"): machines.act for verb in machines.SECONDS},
}
