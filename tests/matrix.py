"""
Cures that are disturbed at every request, and what must hold whatever happened.

A `Spot` is a request that goes wrong in one of `WAYS`. `wrong` says in words what must never be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from staging import Snapshot, Stage, under_way

from azremedy.arm import Json, Request
from azremedy.journal import Run
from azremedy.plan import Step
from azremedy.sandbox import Fault
from azremedy.sandbox import Request as Seen

SEED: Final = 20180604

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


def spots_of(stage: Stage) -> list[Spot]:
    """Return the requests that were made, each as a place where something can go wrong."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for one in ours(stage.sandbox.requests):
        place = one.method, pattern(path(one))
        seen[place] += 1
        found.append(Spot(*place, seen[place]))
    return found


def wrong(stage: Stage, *, carried_out: str = "") -> list[str]:
    """Return what must never be and is; `carried_out` is how the request that went wrong did."""
    before, after, run = flat(stage.before), flat(stage.at_rest()), stage.journal
    sent = written(stage.sandbox.requests)
    return [
        *locks_differ(stage, before, after),
        *twice(stage.steps, sent),
        *unannounced(run, sent),
        *unfinished(run),
        *strange(stage.steps, before, after),
        *half_made(stage.steps, before, after),
        *untrue(run, after, [one for one in sent if executed(one, carried_out)]),
    ]


def ours(requests: Iterable[Seen]) -> list[Seen]:
    """The requests to ARM, sign-in left out."""
    return [one for one in tuple(requests) if one.path.lower().startswith("/subscriptions/")]


def written(requests: Iterable[Seen]) -> list[Seen]:
    """The writes to ARM."""
    return [one for one in ours(requests) if writes(one.method, path(one))]


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


def locks_differ(stage: Stage, before: Snapshot, after: Snapshot) -> Iterator[str]:
    """Locks that are not as they were, but for those moved: an old one may be gone once all new ones are there."""
    then, now = locks(before), locks(after)
    placed = {one.request.id.key: one.request.body["properties"] for one in moves(stage, "PUT")}
    deleted = {one.request.id.key for one in moves(stage, "DELETE")}
    there = {one for one, body in placed.items() if contains(now.get(one), body)}
    for one in sorted(then.keys() | now.keys()):
        moved = (
            one in there if one in placed else one in deleted and one not in now and there == placed.keys()
        )
        if then.get(one) != now.get(one) and not moved:
            yield f"the lock {one} is {now.get(one)}, and was {then.get(one)}"


def moves(stage: Stage, method: str) -> Iterator[Step]:
    """Yield the steps that place or delete locks for good: in no bracket."""
    for group in stage.look.plan.groups:
        for one in group.nodes:
            if isinstance(one, Step) and one.request.method == method and "/locks/" in one.request.id.key:
                yield one


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
    """What changed although no step names it, nor does it follow a VM's state, nor the service change it by itself."""
    named = {one.request.id.key for one in planned}
    vms = {one.changes_vm.key for one in planned if one.changes_vm}
    named |= vms | {f"{one}/instanceview" for one in vms} | disks_of(vms, before)
    service = SERVICE if any(one.triggers_backup for one in planned) else ()
    for one in before.keys() | after.keys():
        if plain(before.get(one)) == plain(after.get(one)) or one in named:
            continue
        if not any(part in one for part in service) and "/locks/" not in one:
            yield f"{one} changed, and no step names it"


def disks_of(vms: AbstractSet[str], state: Snapshot) -> set[str]:
    """Return the disks of VMs: their own state says whether the VM is allocated."""
    return {one for one, body in state.items() if "/disks/" in one and body["managedBy"].lower() in vms}


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
            "PATCH": contains(now, request.body),
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
