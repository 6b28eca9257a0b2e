"""
Cures on a sandbox that are disturbed at every request, and what must hold whatever happened.

A `Scene` is a small estate with one thing wrong and what a user admits; its plan is made of a real reading each time.
A `Stage` is a scene in a running sandbox. `wrong` says in words what must never be.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pytest
from applying import header

from azremedy import journal as journals
from azremedy.apply import ArmClock, Result, Settings, carry_out, check, resume
from azremedy.arm import Json, Request, Writer
from azremedy.azure import ClientSecret, find_cloud, open_reader, open_writer
from azremedy.cli.looking import Look, look, scanned
from azremedy.journal import Entry, Journal, Run
from azremedy.plan import Choices, FixClass, Step, steps
from azremedy.planfile import Asked
from azremedy.sandbox import Fault, Sandbox, embedded
from azremedy.sandbox import Request as Seen
from azremedy.session import Session
from azremedy.verify import Verdict, verify

SPEED: Final = 1500.0
SEED: Final = 20180604
EASY: Final = Settings(settle=timedelta(seconds=10), now=True)

GUARDED: Final = frozenset({FixClass.SAFE, FixClass.GUARDED})
DESTRUCTIVE: Final = GUARDED | {FixClass.DESTRUCTIVE}
ADMITTED: Final = Choices(allow=GUARDED)
NOTES: Final = 'Ask the operations desk; don\'t "just" remove it'

Snapshot = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Scene:
    """An estate with one thing wrong, the playbook that cures it, and what is admitted for that."""

    id: str
    playbook: str
    estate: Mapping[str, Any]
    choices: Choices = ADMITTED
    lasting: bool = True
    """Whether the finding is gone, or lighter, once the cure is over."""


def estate(
    name: str, failed: str, *, hours: int = 56, locks: Sequence[Any] = (), **vm: Any
) -> dict[str, Any]:
    """Describe one protected VM whose last backup failed with this code."""
    backup = {
        "vault": "vault", "policy": "daily", "completed": hours, "failed": {"code": failed, "hours_ago": 8},
        **vm.pop("backup", {}),
    }  # fmt: skip
    return {
        "vaults": [{"name": "vault", "group": "backup", "policies": [{"name": "daily"}]}],
        "nsgs": [{"name": "closed", "rules": [
            {"name": "deny", "access": "Deny", "priority": 200, "to": "Internet"}
        ]}],
        "vnets": [{"name": "vnet", "subnets": [{"name": "servers", "prefix": "10.0.0.0/22"}]}],
        "locks": list(locks),
        "lock_lag": {"lifted": 5, "placed": 2},
        "vms": [{"name": name, "group": "shop", "backup": backup, **vm}],
    }  # fmt: skip


def lock(scope: str, level: str = "CanNotDelete", name: str = "Keep It") -> dict[str, str]:
    return {"name": name, "scope": scope, "level": level, "notes": NOTES}


LIMIT = "UserErrorRpCollectionLimitReached"
POINTS = {"count": 18, "every": 24, "newest": 32}

SCENES = (
    Scene(
        "a lock on the points", "restore-point-lock",
        estate("sql1", LIMIT, hours=32, points=POINTS, locks=[lock("AzureBackupRG_westeurope_1")]),
    ),
    Scene(
        "two locks on the points", "restore-point-lock",
        estate("sql1", LIMIT, hours=32, points=POINTS, locks=[
            lock("AzureBackupRG_westeurope_1", "ReadOnly", "Outer"), lock("AzureBackupRG_westeurope_1"),
        ]),
        lasting=False,
    ),
    Scene(
        "a point too many under a lock", "restore-point-lock",
        estate("sql1", LIMIT, hours=32, points=POINTS, locks=[lock("AzureBackupRG_westeurope_1")]),
        Choices(allow=DESTRUCTIVE),
        lasting=False,
    ),
    Scene(
        "an agent that comes back after a restart", "agent-unresponsive",
        estate("dc1", "UserErrorGuestAgentStatusUnavailable", agent={"state": "not-ready", "back_after": "restart"}),
    ),
    Scene(
        "a VM that failed", "vm-provisioning",
        estate(
            "files1", "UserErrorVmProvisioningStateFailed", hours=32,
            provisioning={"state": "Failed", "cured_by": "reapply"},
        ),
    ),
    Scene(
        "no way to Storage", "storage-egress",
        estate("web1", "ExtensionSnapshotFailedNoNetwork", os="Linux", nic={"subnet": "servers", "nsg": "closed"}),
    ),
    Scene(
        "no way to Storage, locked", "storage-egress",
        estate(
            "web1", "ExtensionSnapshotFailedNoNetwork", os="Linux", nic={"subnet": "servers", "nsg": "closed"},
            locks=[lock("network", "ReadOnly")],
        ),
    ),
    Scene(
        "an extension that failed, locked", "vmsnapshot-extension",
        estate(
            "app1", "ExtensionOperationFailedForManagedDisks",
            snapshot={"state": "failed", "listed": True}, locks=[lock("shop")],
        ),
    ),
    Scene(
        "too many points", "restore-point-limit",
        estate("web2", LIMIT, hours=32, points={"count": 18, "every": 8, "newest": 32}),
        Choices(allow=DESTRUCTIVE),
    ),
    Scene(
        "a disk that is too large", "disk-size",
        estate(
            "archive1", "UserErrorUnsupportedDiskSize",
            disks=[{"lun": 0, "size": 40960, "sku": "StandardSSD_LRS"}],
        ),
        Choices(allow=GUARDED, exclude_luns={("archive1", 0): "copied elsewhere"}),
    ),
    Scene(
        "a disk that is too large, and smaller ones beside it", "disk-size",
        estate(
            "archive1", "UserErrorUnsupportedDiskSize",
            disks=[{"lun": 0, "size": 40960, "sku": "StandardSSD_LRS"}],
        ),
        Choices(allow=GUARDED, attach_disks=frozenset({("archive1", 0)})),
        lasting=False,
    ),
    Scene(
        "shut down from inside", "vm-power-state",
        estate("print1", "UserErrorVmNotInDesirableState", hours=32, power="stopped"),
        Choices(allow=GUARDED, power="on"),
    ),
    Scene(
        "protection that was stopped", "protection-state",
        estate("hr1", LIMIT, backup={"state": "ProtectionStopped", "completed": 900, "failed": None}),
        Choices(allow=GUARDED, resume_protection=frozenset({"hr1"})),
    ),
)  # fmt: skip

scenes = pytest.mark.parametrize("scene", [
    pytest.param(one, id=one.id) for one in SCENES
])  # fmt: skip
"""Has a test run once for each scene."""

WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "429": {"kind": "status", "status": 429, "code": "TooManyRequests", "retry_after": 0.05},
    "500": {"kind": "status", "status": 500, "code": "InternalServerError"},
    "503": {"kind": "status", "status": 503, "retry_after": 0.05},
    "drop-before": {"kind": "drop-before"},
    "drop-after": {"kind": "drop-after"},
    "slow": {"kind": "slow", "seconds": 0.05},
    "truncate": {"kind": "truncate"},
}
"""The ways in which a request goes wrong, once."""

VARYING: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{5,}(?:_[0-9]+)*")
"""Parts of a path that are others in each sandbox."""

SERVICE: Final = ("/restorepoints/", "/backupjobs/", "/recoverypoints/", "/protecteditems/")
"""What the backup service itself changes once a backup was started."""


@dataclass(frozen=True, slots=True)
class Spot:
    """The nth request of a method to a path, told by what does not vary between two sandboxes."""

    method: str
    pattern: str
    nth: int

    @property
    def writes(self) -> bool:
        return writes(self.method, self.pattern)

    def fault(self, way: str) -> Fault:
        return Fault(match=f"^{self.method} {self.pattern}$", nth=self.nth, **WAYS[way])

    def __str__(self) -> str:
        return f"{self.method} …{self.pattern[-60:]} ({self.nth})"


@dataclass
class Stage:
    """A scene in a running sandbox, read and planned; the requests of that are forgotten."""

    scene: Scene
    sandbox: Sandbox
    session: Session
    look: Look
    before: Snapshot
    file: Path
    told: list[str] = field(default_factory=list)

    @property
    def journal(self) -> Run | None:
        return journals.read(self.file) if self.file.exists() else None

    @property
    def entries(self) -> Sequence[Entry]:
        return self.journal.entries if self.journal else ()

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(one for group in self.look.plan.groups for one in steps(*group.nodes))

    def carry_out(self, writer: Writer) -> Result:
        """Do what is done once a plan is confirmed: ask for the rights, write, keep the journal."""
        groups = self.look.plan.groups
        check(writer, groups)
        with Journal.new(header(self.sandbox), self.file) as journal:
            return carry_out(groups, writer, journal, EASY, ArmClock(writer, SPEED), self.told.append)

    def resume(self) -> None:
        """Go on with the run if it did not come to its end."""
        run = self.journal
        if run and not run.finished:
            with self.session.writer() as writer, Journal.append(self.file) as journal:
                resume(run, writer, journal, EASY, ArmClock(writer, SPEED), self.told.append)

    def verdicts(self) -> set[Verdict]:
        """Look again, and return what is said of the findings."""
        groups, before = self.look.plan.groups, self.look.scan.diagnoses
        [subscription] = self.session.subscriptions()
        estate, scan = scanned(self.session, subscription, asked(self.scene), lambda _: None)
        return {one.verdict for one in verify(groups, before, estate, scan.diagnoses, scan.not_evaluated)}

    def at_rest(self) -> Snapshot:
        """Return the state once no operation goes on any more."""
        end = time.monotonic() + 5
        while any(map(under_way, (after := self.sandbox.snapshot()).values())) and time.monotonic() < end:
            time.sleep(0.01)
        return after

    def spots(self) -> list[Spot]:
        """Return the requests that were made, each as a place where something can go wrong."""
        seen: Counter[tuple[str, str]] = Counter()
        found = []
        for one in ours(self.sandbox):
            place = one.method, pattern(path(one))
            seen[place] += 1
            found.append(Spot(*place, seen[place]))
        return found

    def wrong(self, *, carried_out: str = "") -> list[str]:
        """Return what must never be and is; `carried_out` is how the request that went wrong did."""
        before, after, run = flat(self.before), flat(self.at_rest()), self.journal
        sent = [one for one in ours(self.sandbox) if writes(one.method, path(one))]
        return [
            *locks_differ(before, after),
            *twice(self.steps, sent),
            *unannounced(run, sent),
            *unfinished(run),
            *strange(self.steps, before, after),
            *half_made(self.steps, before, after),
            *untrue(run, after, [one for one in sent if executed(one, carried_out)]),
        ]


@contextmanager
def staged(scene: Scene, folder: Path) -> Iterator[Stage]:
    """Start a sandbox of its own for a scene, read it, plan the cure."""
    with embedded(folder / "sandbox", estate=scene.estate, speed=SPEED) as sandbox:
        cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
        with open_reader(cloud, **known) as reader:
            session = Session(reader, "*", cloud.endpoint, partial(open_writer, cloud, **known))
            before = sandbox.snapshot()
            [subscription] = session.subscriptions()
            seen = look(session, subscription, asked(scene), scene.choices, lambda _: None)
            assert seen.plan.groups, [one.reason for one in seen.plan.by_hand]
            sandbox.clear()
            yield Stage(scene, sandbox, session, seen, before, folder / "run.jsonl")


def asked(scene: Scene) -> Asked:
    return Asked(playbooks=(scene.playbook,), deep=True)


def ours(sandbox: Sandbox) -> list[Seen]:
    """The requests to ARM, sign-in left out."""
    return [one for one in tuple(sandbox.requests) if one.path.lower().startswith("/subscriptions/")]


def writes(method: str, path: str) -> bool:
    """Whether a request writes; one POST only reads."""
    return method != "GET" and "listnetworkmanager" not in path


def pattern(path: str) -> str:
    """Return what finds a path in any sandbox."""
    return "[0-9a-f_-]+".join(re.escape(part) for part in VARYING.split(path))


def path(one: Seen) -> str:
    return unquote(one.path.partition("?")[0]).lower()


def key(request: Request) -> str:
    """Spell a planned request as `method path`."""
    return f"{request.method} {request.id.key}{'/' if request.action else ''}{request.action}".lower()


def of(one: Seen) -> str:
    return f"{one.method} {path(one)}".lower()


def executed(one: Seen, way: str) -> bool:
    """Whether the sandbox carried a request out."""
    return 200 <= one.status < 300 or (one.status == 0 and way == "drop-after")


def under_way(body: Json) -> bool:
    state = str((body.get("properties") or {}).get("provisioningState"))
    return state in {"Updating", "Deleting", "Creating"}


def flat(state: Snapshot) -> Snapshot:
    """Return a state in which the rules of an NSG stand as resources of their own."""
    made: dict[str, Json] = {}
    for one, body in state.items():
        if rules := (body.get("properties") or {}).get("securityRules"):
            made |= {f"{one}/securityrules/{rule['name'].lower()}": rule for rule in rules}
            made[one] = {**body, "properties": {**body["properties"], "securityRules": []}}
        else:
            made[one] = body
    return made


def locks_differ(before: Snapshot, after: Snapshot) -> Iterator[str]:
    then, now = locks(before), locks(after)
    for one in sorted(then.keys() | now.keys()):
        if then.get(one) != now.get(one):
            yield f"the lock {one} is {now.get(one)}, and was {then.get(one)}"


def locks(state: Snapshot) -> Snapshot:
    """Return level, notes and owners of each lock."""
    return {
        one: {name: body["properties"].get(name) or None for name in ("level", "notes", "owners")}
        for one, body in state.items()
        if "/locks/" in one
    }


def twice(planned: Sequence[Step], sent: Sequence[Seen]) -> Iterator[str]:
    """What may not be sent twice, was, other than after a word that it was not carried out."""
    allowed = Counter(key(one.request) for one in planned)
    counted = Counter(of(one) for one in sent if not 400 <= one.status < 500)
    for one, number in counted.items():
        if one.startswith("post ") and number > allowed[one]:
            yield f"{one} was sent {number} times, planned {allowed[one]} times"


def unannounced(run: Run | None, sent: Sequence[Seen]) -> Iterator[str]:
    """What was written although the journal does not say that it would be."""
    entries = run.entries if run else ()
    announced = {key(one.step.request) for one in entries}
    announced |= {f"put {one.step.request.id.key}" for one in entries if one.opens == "close"}
    yield from (f"{of(one)} is not announced in the journal" for one in sent if of(one) not in announced)


def unfinished(run: Run | None) -> Iterator[str]:
    if run and (run.open_brackets or not run.finished):
        yield f"the run did not come to its end: {dict(run.outcomes)}"


def strange(planned: Sequence[Step], before: Snapshot, after: Snapshot) -> Iterator[str]:
    """What changed although no step names it, nor does the service change it by itself."""
    named = {one.request.id.key for one in planned}
    vms = {one.changes_vm.key for one in planned if one.changes_vm}
    named |= vms | {f"{one}/instanceview" for one in vms}
    service = SERVICE if any(one.triggers_backup for one in planned) else ()
    for one in before.keys() | after.keys():
        if plain(before.get(one)) == plain(after.get(one)) or one in named:
            continue
        if not any(part in one for part in service) and "/locks/" not in one:
            yield f"{one} changed, and no step names it"


def half_made(planned: Sequence[Step], before: Snapshot, after: Snapshot) -> Iterator[str]:
    for one in planned:
        target = one.request.id.key
        then, now = before.get(target), after.get(target)
        if one.request.method == "POST" or plain(then) == plain(now):
            continue
        done = now is None if one.request.method == "DELETE" else contains(now, one.request.body)
        if not done or (now and under_way(now)):
            yield f"{target} is half made: {now}"


def untrue(run: Run | None, after: Snapshot, carried_out: Sequence[Seen]) -> Iterator[str]:
    """Steps that are said to be applied and whose effect is not there."""
    sent = {of(one) for one in carried_out}
    for entry in run.entries if run else ():
        request = entry.step.request
        now = after.get(request.id.key)
        if entry.state != "confirmed" or entry.opens:
            continue
        there = {
            "POST": key(request) in sent,
            "PUT": contains(now, request.body),
            "DELETE": now is None,
        }[request.method]
        if not there:
            yield f"{key(request)} is said to be applied, and is not"


def plain(value: Json) -> Json:
    """Return a value without the etags in it."""
    match value:
        case dict():
            return {name: plain(one) for name, one in value.items() if name != "etag"}
        case list():
            return list(map(plain, value))
        case _:
            return value


def contains(whole: Json, part: Json) -> bool:
    """Whether one JSON value says all that another one does, without case."""
    match whole, part:
        case dict(), dict():
            return all(contains(whole.get(name), value) for name, value in part.items())
        case list(), list() | tuple():
            return len(whole) == len(part) and all(map(contains, whole, part))
        case str(), str():
            return whole.lower() == part.lower()
        case _:
            return bool(whole == part)
