"""
A plan in a file, so that what a person approved is what runs, and nothing else.

The file is never a script. `--apply --plan` plans afresh and carries out the fresh groups that are equal to approved
ones; a file that was altered can withhold an approval, never make up a request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from azremedy import __version__
from azremedy.arm import ArmId, Json
from azremedy.errors import AzremedyError, PlanRefused
from azremedy.plan import ByHand, Choices, FixClass, Group
from azremedy.planfile.data import binding, by_hand_data, group_data
from azremedy.playbook import Severity
from azremedy.resources import Subscription, Unread
from azremedy.waves import amount

VERSION = 1
LIFETIME = timedelta(hours=24)
LONGEST = timedelta(weeks=99999)
"""The longest time that a flag can give."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a plan was asked for, beside the choices: planning again asks for the same."""

    playbooks: tuple[str, ...] = ()
    vms: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    severity: Severity = Severity.CORROBORATED
    lookback: timedelta = timedelta(days=7)
    deep: bool = False
    guest: bool = False
    """Whether VMs are asked from inside."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a plan holds: the address of ARM (or `sandbox`), and the subscription with its tenant."""

    cloud: str
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan that was saved. `groups` are plain data, to be compared and shown, never to be carried out."""

    path: Path
    cloud: str
    tenant: str | None
    subscription: str
    created: datetime
    expires: datetime
    asked: Asked
    choices: Choices
    groups: tuple[Mapping[str, Any], ...]
    sha256: str

    @property
    def waves(self) -> Mapping[ArmId, int]:
        """The wave of each VM, where the plan has waves."""
        waved = (group for group in self.groups if group.get("wave") is not None)
        return {ArmId(vm): group["wave"] for group in waved for vm in group["vms"]}


@dataclass(frozen=True, slots=True)
class Refused:
    """A group that was approved and is not carried out, and why."""

    group: str
    summary: str
    reason: str
    wave: int | None = None


class Planned(Protocol):
    """What is saved of a plan (see `azremedy.planning.Plan`)."""

    @property
    def groups(self) -> Sequence[Group]: ...
    @property
    def by_hand(self) -> Sequence[ByHand]: ...
    @property
    def suspected(self) -> int: ...
    def further(self, class_: FixClass, /) -> int: ...


def document(
    plan: Planned,
    *,
    place: Place,
    asked: Asked,
    choices: Choices,
    created: datetime,
    unread: Iterable[Unread] = (),
    checklists: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """
    Return a plan as `schemas/plan.json` describes it: what a dry run prints as JSON is what `--save` keeps.

    `created` is ARM's time, `checklists` are what a person does in guests (`azremedy.report.checklist`). The hash is over everything else, in canonical JSON.
    """
    made = {
        "schemaVersion": VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "cloud": place.cloud,
        "tenant": place.subscription.tenant,
        "subscription": {
            "id": place.subscription.id.subscription or place.subscription.id.text,
            "name": place.subscription.name,
        },
        "created": moment(created),
        "expires": moment(created + LIFETIME),
        "asked": asked_data(asked),
        "choices": choices_data(choices),
        "groups": [group_data(group) for group in plan.groups],
        "byHand": [by_hand_data(one) for one in plan.by_hand],
        "further": {
            "guarded": plan.further(FixClass.GUARDED),
            "destructive": plan.further(FixClass.DESTRUCTIVE),
            "suspected": plan.suspected,
        },
        "unread": [
            {"scope": gap.scope.text, "what": str(gap.read), "reason": gap.reason, "code": gap.code}
            for gap in unread
        ],
        "checklists": list(checklists),
    }
    return {**made, "sha256": digest(made)}


def dump(document: Mapping[str, Any]) -> bytes:
    """Return the bytes of a plan file."""
    return (json.dumps(document, indent=2) + "\n").encode()


def canonical(data: Json) -> bytes:
    """Return the one spelling of JSON data that a hash is made of."""
    return json.dumps(data, sort_keys=True, separators=(",", ":")).encode()


def digest(document: Mapping[str, Any]) -> str:
    return sha256(
        canonical({name: value for name, value in document.items() if name != "sha256"})
    ).hexdigest()


def load(path: Path) -> PlanFile:
    """
    Return a saved plan.

    Raises `PlanRefused` where it is none, is of another version, or was altered, `AzremedyError` where it is not there.
    """
    try:
        read = json.loads(path.read_bytes())
    except OSError as error:
        raise AzremedyError(f"The plan {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise PlanRefused(f"{path} is no plan that `azremedy fix --save` wrote: it is not JSON.") from error
    if not isinstance(read, dict) or "sha256" not in read:
        raise PlanRefused(f"{path} is no plan that `azremedy fix --save` wrote.")
    if read.get("schemaVersion") != VERSION or read.get("tool") != {
        "name": "azremedy",
        "version": __version__,
    }:
        raise PlanRefused(f"{path} was saved by another version of azremedy: plan again.")
    if read["sha256"] != digest(read):
        raise PlanRefused(f"{path} was altered after it was saved: plan again.")
    try:
        return opened(path, read)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise PlanRefused(f"{path} is no plan that `azremedy fix --save` wrote: {error!r} in it.") from error


def opened(path: Path, read: Mapping[str, Any]) -> PlanFile:
    created, expires = time(read["created"]), time(read["expires"])
    if expires > created + LIFETIME:
        raise ValueError("expires")
    return PlanFile(
        path=path,
        cloud=str(read["cloud"]),
        tenant=read["tenant"],
        subscription=str(read["subscription"]["id"]),
        created=created,
        expires=expires,
        asked=asked_of(read["asked"]),
        choices=choices_of(read["choices"]),
        groups=tuple({**group, "binding": binding(group)} for group in read["groups"]),
        sha256=str(read["sha256"]),
    )


def check(file: PlanFile, place: Place, now: datetime) -> None:
    """Raise `PlanRefused` where a plan is for another place, or its time is over by ARM's clock."""
    if file.cloud != place.cloud:
        raise PlanRefused(f"{file.path} was made for the cloud {file.cloud}, and this is {place.cloud}.")
    tenant = place.subscription.tenant
    if file.tenant != tenant:
        raise PlanRefused(f"{file.path} was made in the tenant {file.tenant}, and this is {tenant}.")
    if file.subscription != place.subscription.id.subscription:
        raise PlanRefused(
            f"{file.path} was made for the subscription {file.subscription}, and this is {place.subscription.name}."
        )
    if not file.created <= now < min(file.expires, file.created + LIFETIME):
        raise PlanRefused(f"{file.path} expired at {moment(file.expires)}: plan again.")


def approved(
    file: PlanFile, fresh: Sequence[Group], over: Iterable[Group] = ()
) -> tuple[tuple[Group, ...], tuple[Refused, ...]]:
    """
    Return the freshly planned groups that are equal to approved ones, and the approved ones that no fresh one equals.

    `over` are groups that earlier runs of this plan carried out: that they are not planned any more is no refusal.

    What runs is the fresh group. Equal is: same playbooks, VMs, targets, methods, bodies, classes, ways back,
    conditions and losses, in the same order and brackets; texts, times and counts may differ.
    """
    planned = {canonical(binding(group_data(group))): group for group in fresh}
    carried_out = {canonical(binding(group_data(group))) for group in over}
    run, missed = [], []
    for group in file.groups:
        if (same := planned.pop(canonical(group["binding"]), None)) is not None:
            run.append(same)
        elif canonical(group["binding"]) not in carried_out:
            missed.append(group)
    refused = (
        Refused(group["id"], group["summary"], changed(group, planned), group.get("wave")) for group in missed
    )
    return tuple(run), tuple(refused)


def changed(group: Mapping[str, Any], planned: Iterable[bytes]) -> str:
    """Return why no fresh group equals an approved one: the first thing that differs, or that nothing is planned."""
    was = group["binding"]
    for other in map(json.loads, planned):
        if other["playbooks"] == was["playbooks"] and other["vms"] == was["vms"]:
            return f"what would be done now differs in {difference(was, other)}: look at a new dry run"
    return "it is not planned any more: its findings are gone, or something stands in its way now"


def difference(was: Json, now: Json, path: str = "") -> str:
    """Return the path to the first member in which two bindings differ."""
    if isinstance(was, dict) and isinstance(now, dict) and was.keys() == now.keys():
        return next(
            (difference(was[one], now[one], f"{path}.{one}") for one in was if was[one] != now[one]), path
        ).lstrip(".")
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return next(
            difference(one, other, f"{path}[{number}]")
            for number, (one, other) in enumerate(zip(was, now, strict=True))
            if one != other
        )
    return path


def asked_data(asked: Asked) -> dict[str, Any]:
    return {
        "playbooks": list(asked.playbooks),
        "vms": list(asked.vms),
        "groups": list(asked.groups),
        "severity": str(asked.severity),
        "lookback": asked.lookback.total_seconds(),
        "deep": asked.deep,
        "guest": asked.guest,
    }


def asked_of(data: Mapping[str, Any]) -> Asked:
    return Asked(
        playbooks=texts(data["playbooks"]),
        vms=texts(data["vms"]),
        groups=texts(data["groups"]),
        severity=Severity[data["severity"].upper()],
        lookback=span(data["lookback"]),
        deep=data["deep"] is True,
        guest=data.get("guest") is True,
    )


def choices_data(choices: Choices) -> dict[str, Any]:
    return {
        "allow": sorted(one.value for one in choices.allow),
        "maxUnlocked": choices.max_unlocked.total_seconds(),
        "bracketSize": choices.bracket_size,
        "keepUnlocked": choices.keep_unlocked,
        "liftSubscriptionLocks": choices.lift_subscription_locks,
        "redesignLocks": choices.redesign_locks,
        "deleteCollection": sorted(choices.delete_collection),
        "excludeLuns": [
            {"vm": vm, "lun": lun, "reason": reason}
            for (vm, lun), reason in sorted(choices.exclude_luns.items())
        ],
        "attachDisks": [{"vm": vm, "lun": lun} for vm, lun in sorted(choices.attach_disks)],
        "detachDisks": [{"vm": vm, "lun": lun} for vm, lun in sorted(choices.detach_disks)],
        "power": choices.power,
        "resumeProtection": sorted(choices.resume_protection),
        "vssCopy": sorted(choices.vss_copy),
        "waves": list(map(str, choices.waves)),
        "verboseAgentLog": [{"vm": vm, "on": on} for vm, on in sorted(choices.verbose_agent_log)],
    }


def choices_of(data: Mapping[str, Any]) -> Choices:
    return Choices(
        allow=frozenset(FixClass(one) for one in data["allow"]),
        max_unlocked=span(data["maxUnlocked"]),
        bracket_size=positive(data["bracketSize"]),
        keep_unlocked=data["keepUnlocked"] is True,
        lift_subscription_locks=data["liftSubscriptionLocks"] is True,
        redesign_locks=data["redesignLocks"] is True,
        delete_collection=frozenset(texts(data["deleteCollection"])),
        exclude_luns={(str(one["vm"]), int(one["lun"])): str(one["reason"]) for one in data["excludeLuns"]},
        attach_disks=frozenset((str(one["vm"]), int(one["lun"])) for one in data["attachDisks"]),
        detach_disks=frozenset((str(one["vm"]), int(one["lun"])) for one in data.get("detachDisks", ())),
        power=data["power"] if data["power"] in ("on", "off") else None,
        resume_protection=frozenset(texts(data["resumeProtection"])),
        vss_copy=frozenset(texts(data.get("vssCopy", ()))),
        waves=tuple(map(amount, texts(data.get("waves", ())))),
        verbose_agent_log=frozenset(
            (str(one["vm"]), one["on"] is True) for one in data.get("verboseAgentLog", ())
        ),
    )


def span(seconds: Any) -> timedelta:
    """Return a length of time. Raises `ValueError` for one that no flag can give."""
    length = timedelta(seconds=seconds)
    if not timedelta() < length <= LONGEST:
        raise ValueError(seconds)
    return length


def positive(number: Any) -> int:
    if not isinstance(number, int) or number < 1:
        raise ValueError(number)
    return number


def texts(data: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(one) for one in data)


def time(written: str) -> datetime:
    """Return the moment that `moment` wrote."""
    read = datetime.fromisoformat(written)
    if read.tzinfo is None:
        raise ValueError(written)
    return read


def moment(time: datetime) -> str:
    """Return a time as files hold it: `2026-11-22T07:00:00Z`."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
