"""A small estate in a sandbox whose clock runs fast, steps against it, and a journal of what is done to it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.identity import ClientSecretCredential

from azremedy import journal
from azremedy.apply import ArmClock, Result, Settings, Stop, carry_out
from azremedy.arm import ArmId, Json, Request, Writer
from azremedy.azure import ClientSecret, find_cloud, open_writer
from azremedy.azure.writer import ArmWriter
from azremedy.journal import Journal, Run
from azremedy.plan import (
    Bracket,
    Cure,
    Done,
    Expect,
    FixClass,
    Group,
    Irreversible,
    Ladder,
    Node,
    Outcome,
    Restore,
    Step,
    View,
)
from azremedy.plan import Test as Is
from azremedy.sandbox import Sandbox, embedded
from azremedy.sandbox.description import Fault

SPEED = 600.0
ROOT = "/subscriptions/5a6db0c5-0000-4000-8000-000000000001"
NOTES = 'Ask the operations desk; don\'t "just" remove it'
POINTS_GROUP = f"{ROOT}/resourceGroups/AzureBackupRG_westeurope_1"
LOCK = ArmId(f"{POINTS_GROUP}/providers/Microsoft.Authorization/locks/Keep It")
NSG = ArmId(f"{ROOT}/resourceGroups/network/providers/Microsoft.Network/networkSecurityGroups/nsg-closed")
RULE = ArmId(f"{NSG}/securityRules/azremedy-web1")
VAULT = f"{ROOT}/resourceGroups/backup/providers/Microsoft.RecoveryServices/vaults/vault"
LIMIT = 18
EASY = Settings(settle=timedelta(seconds=10), now=True)

ESTATE: Mapping[str, Any] = {
    "identities": [
        {
            "name": "ops",
            "client_id": "5a6db0c5-0000-4000-8000-c11e47000009",
            "secret": "ops",
            "role": "Contributor",
        }
    ],
    "vaults": [{"name": "vault", "group": "backup", "policies": [{"name": "daily"}]}],
    "nsgs": [
        {
            "name": "nsg-closed",
            "rules": [{"name": "deny", "access": "Deny", "priority": 200, "to": "Internet"}],
        }
    ],
    "vnets": [{"name": "vnet", "subnets": [{"name": "servers", "prefix": "10.0.0.0/22"}]}],
    "locks": [{"name": "Keep It", "scope": "AzureBackupRG_westeurope_1", "notes": NOTES}],
    "vms": [
        {
            "name": "sql1",
            "group": "shop",
            "points": {"count": LIMIT, "every": 24, "newest": 32},
            "backup": {
                "vault": "vault",
                "policy": "daily",
                "completed": 32,
                "failed": {"code": "UserErrorRpCollectionLimitReached", "hours_ago": 8},
            },
        },
        {
            "name": "app1",
            "group": "shop",
            "snapshot": {"state": "failed", "listed": True},
            "backup": {"vault": "vault", "policy": "daily", "completed": 8},
        },
        {
            "name": "dc1",
            "group": "shop",
            "agent": "not-ready",
            "backup": {"vault": "vault", "policy": "daily", "completed": 8},
        },
    ],
}


def vm(name: str) -> ArmId:
    return ArmId(f"{ROOT}/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/{name}")


def item(name: str) -> ArmId:
    place = f"backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;shop;{name}"
    return ArmId(f"{VAULT}/{place}/protectedItems/VM;iaasvmcontainerv2;shop;{name}")


EXTENSION = ArmId(f"{vm('app1')}/extensions/VMSnapshot")


@dataclass
class Bench:
    """A sandbox, a writer signed in to it, and a journal."""

    sandbox: Sandbox
    writer: ArmWriter
    file: Path
    speed: float
    told: list[str] = field(default_factory=list)

    @property
    def clock(self) -> ArmClock:
        return ArmClock(self.writer, self.speed)

    def run(
        self,
        *groups: Group,
        settings: Settings = EASY,
        stop: Stop | None = None,
        writer: Writer | None = None,
    ) -> Result:
        """Carry out groups under a journal of their own."""
        chosen = writer or self.writer
        clock = ArmClock(chosen, self.speed)
        with Journal.new(header(self.sandbox), self.file) as written:
            return carry_out(groups, chosen, written, settings, clock, self.told.append, stop=stop)

    def do(self, *nodes: Node, **options: Any) -> list[Done]:
        """Carry out one group."""
        return list(self.run(group(*nodes), **options).done)

    @property
    def journal(self) -> Run:
        return journal.read(self.file)

    def body(self, id_: ArmId) -> Json:
        return self.sandbox.snapshot().get(id_.key)

    def writes(self) -> list[str]:
        """The writes that reached the sandbox, with their last two words."""
        return [
            f"{one.method} {'/'.join(one.path.partition('?')[0].split('/')[-2:])}"
            for one in self.sandbox.requests
            if one.method != "GET" and "oauth2" not in one.path
        ]

    def fault(self, match: str, kind: str, **members: Any) -> None:
        self.sandbox.faults = [*self.sandbox.faults, Fault(match=match, kind=kind, **members)]  # type: ignore[arg-type]  # the test names a kind that there is


@contextmanager
def bench(
    folder: Path,
    estate: Mapping[str, Any] = ESTATE,
    *,
    speed: float = SPEED,
    secret: ClientSecret | None = None,
) -> Iterator[Bench]:
    """A running sandbox and what it takes to write to it."""
    with (
        embedded(folder / "sandbox", estate=estate, speed=speed) as sandbox,
        opened(sandbox, secret) as writer,
    ):
        yield Bench(sandbox, writer, folder / "run.jsonl", speed)


def opened(sandbox: Sandbox, secret: ClientSecret | None = None) -> ArmWriter:
    cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
    owner = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
    return open_writer(cloud, secret=secret or owner, ca=sandbox.ca, environ={})


@contextmanager
def signed_in_by_az(
    sandbox: Sandbox, folder: Path, patch: pytest.MonkeyPatch, *, in_ci: bool
) -> Iterator[ArmWriter]:
    """
    A writer whose token comes from a program called `az`, as on a machine where somebody signed in with it.

    The program is a script that hands out one token of the sandbox's owner, for as long as that is good.
    """
    cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
    owner = ClientSecretCredential(
        sandbox.tenant, sandbox.client_id, sandbox.client_secret,
        authority=sandbox.url, disable_instance_discovery=True, connection_verify=str(sandbox.ca),
    )  # fmt: skip
    with owner:
        token = owner.get_token(cloud.scope)
    told = {"accessToken": token.token, "expires_on": token.expires_on}
    script = folder / "bin" / "az"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\necho {shlex.quote(json.dumps(told))}\n")
    script.chmod(0o755)
    patch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    patch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    with open_writer(cloud, ca=sandbox.ca, environ={"CI": "true"} if in_ci else {}) as writer:
        yield writer


def header(sandbox: Sandbox) -> journal.Header:
    return journal.header(
        who="test",
        tenant=sandbox.tenant,
        subscription=sandbox.subscription,
        endpoint=sandbox.url,
        plan="none",
        started=sandbox.now,
        settings=EASY,
    )


def group(*nodes: Node, id_: str = "g1") -> Group:
    cure = Cure("a-playbook", (vm("sql1"),), ("finding",), nodes)
    return Group(id_, (cure,), nodes)


def outcomes(done: list[Done]) -> list[Outcome]:
    return [one.outcome for one in done]


def expect(target: ArmId, path: str, value: Json, view: View = View.RESOURCE) -> Expect:
    return Expect(target, path, Is.EQUALS, value, view)


def gone(target: ArmId) -> Expect:
    return Expect(target, "", Is.ABSENT)


def step(request: Request, **changes: Any) -> Step:
    made = Step(
        summary=f"{request.method} {request.id.name}",
        request=request,
        before=(),
        after=(),
        undo=Irreversible("a test"),
        within=timedelta(minutes=20),
        fix_class=FixClass.GUARDED,
    )
    return replace(made, **changes)


def lift(lock: ArmId = LOCK, level: str = "CanNotDelete") -> Step:
    return step(
        Request("DELETE", lock),
        before=(expect(lock, "properties.level", level),),
        after=(gone(lock),),
        undo=Restore(),
        within=timedelta(minutes=5),
    )


def backup(name: str = "sql1") -> Step:
    body = {"properties": {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": "now+P7D"}}
    return step(
        Request("POST", item(name), "backup", body),
        before=(expect(item(name), "properties.protectionState", "Protected"),),
        after=(Expect(item(name), "properties.startTime", Is.NEWER, view=View.NEWEST_JOB),),
        within=timedelta(minutes=15),
        triggers_backup=item(name),
    )


def pruned(bench: Bench, below: int = LIMIT) -> Expect:
    collection = next(
        one["id"]
        for key, one in bench.sandbox.snapshot().items()
        if ArmId(key).type == "microsoft.compute/restorepointcollections" and "sql1" in key
    )
    return Expect(ArmId(collection), "properties.restorePoints", Is.BELOW, below, View.RESTORE_POINTS)


def bracket(bench: Bench, *body: Node, **changes: Any) -> Bracket:
    return replace(Bracket(lift(), body or (backup(),), (pruned(bench),)), **changes)


def uninstall() -> Step:
    return step(
        Request("DELETE", EXTENSION),
        before=(expect(EXTENSION, "properties.type", "VMSnapshot"),),
        after=(gone(EXTENSION),),
        undo=Irreversible("the next backup installs it again"),
        changes_vm=vm("app1"),
    )


PROPERTIES = {
    "direction": "Outbound",
    "access": "Allow",
    "priority": 150,
    "protocol": "Tcp",
    "sourcePortRange": "*",
    "sourceAddressPrefix": "10.0.0.4/32",
    "destinationPortRange": "443",
    "destinationAddressPrefix": "Storage.WestEurope",
}


def allow() -> Step:
    return step(
        Request("PUT", RULE, body={"properties": PROPERTIES}),
        before=(gone(RULE),),
        after=(expect(RULE, "properties.access", "Allow"), expect(RULE, "properties.priority", 150)),
        undo=Request("DELETE", RULE),
    )


READY = "vmAgent.statuses.[code=ProvisioningState/succeeded]"


def rung(action: str, name: str = "dc1") -> Step:
    return step(
        Request("POST", vm(name), action),
        before=(Expect(vm(name), READY, Is.ABSENT, view=View.INSTANCE_VIEW),),
        after=(expect(vm(name), "properties.provisioningState", "Succeeded"),),
        changes_vm=vm(name),
    )


def ladder(*actions: str) -> Ladder:
    until = Expect(vm("dc1"), f"{READY}.time", Is.NEWER, view=View.INSTANCE_VIEW)
    return Ladder(tuple(map(rung, actions)), (until,), timedelta(minutes=10))
