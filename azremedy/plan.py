"""
What a cure is before anybody carries it out: steps, brackets and ladders, as data.

A plan can be printed, saved, compared and signed. Nothing here reads or writes; `azremedy.apply` does, and only what
stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from azremedy.arm import ArmId, Json, Request, permission_type
from azremedy.waves import Amount


class FixClass(StrEnum):
    """What a cure may do to running work, and whether it can be taken back."""

    SAFE = "safe"
    GUARDED = "guarded"
    DESTRUCTIVE = "destructive"
    MANUAL = "manual"


class Test(StrEnum):
    """What is asked of the value at a path."""

    EQUALS = "equals"
    ABSENT = "absent"
    """There is no such resource, or nothing at the path."""
    BELOW = "below"
    """The number, or the length of the list, is smaller than the value."""
    ABOVE = "above"
    """The dotted version is a later one than the value."""
    NEWER = "newer than the send"
    """The time is later than the moment the step was sent, by as many seconds as the value says."""


class View(StrEnum):
    """Which of a resource's faces is read."""

    RESOURCE = ""
    INSTANCE_VIEW = "instanceView"
    RESTORE_POINTS = "restorePoints"
    """The resource with `$expand=restorePoints`."""
    NEWEST_JOB = "newestJob"
    """For a protected item: the newest backup job of it, whatever its status."""
    WINDOWS_GUEST = "windowsGuest"
    """For a VM with Windows: what its probe tells from inside (`azremedy.guest.answers.shown`)."""
    LINUX_GUEST = "linuxGuest"
    """The same for Linux."""


INSIDE: Final[Mapping[View, str]] = {View.WINDOWS_GUEST: "windows", View.LINUX_GUEST: "linux"}
"""The views that are asked inside a VM, each with the operating system whose probe is sent."""


@dataclass(frozen=True, slots=True)
class Expect:
    """
    What a fresh read of `target` must show at `path`: a dotted path in ARM's JSON, empty for the whole resource.

    A segment `[name=value]` picks the member of a list, without case, a number by its digits. Text is compared
    without case.
    """

    target: ArmId
    path: str
    test: Test
    value: Json = None
    view: View = View.RESOURCE


@dataclass(frozen=True, slots=True)
class Restore:
    """The way back is the very body that was read just before the write, without its read-only members."""


@dataclass(frozen=True, slots=True)
class Irreversible:
    """There is no way back, and why."""

    reason: str


Undo: TypeAlias = Request | Restore | Irreversible


@dataclass(frozen=True, slots=True)
class Step:
    """
    One write.

    `before` is what a fresh read must still show, or the step is stale; `after` what a later read must show within
    `within`, or it is unconfirmed. `loses` names, one a line, what will be gone for good.
    """

    summary: str
    request: Request
    before: tuple[Expect, ...]
    after: tuple[Expect, ...]
    undo: Undo
    within: timedelta
    fix_class: FixClass
    loses: tuple[str, ...] = ()
    changes_vm: ArmId | None = None
    """The VM whose model or running state the step changes: not while a backup of it runs or is about to."""
    triggers_backup: ArmId | None = None
    """The protected item that the step backs up, which counts against the service's budget of nine a day."""

    @property
    def permissions(self) -> frozenset[str]:
        """The RBAC actions of the write and of its way back."""
        back = self.undo.permission if isinstance(self.undo, Request) else None
        if isinstance(self.undo, Restore):
            back = f"{permission_type(self.request.id)}/write"
        return frozenset({self.request.permission} | ({back} if back else set()))


@dataclass(frozen=True, slots=True)
class Bracket:
    """
    A write that is taken back when its body is over: a lifted lock.

    The body is over when `until` holds, in any case at `--max-unlocked`; then `open` is undone. `keep_open` leaves it
    as it is on purpose.
    """

    open: Step
    body: tuple[Node, ...]
    until: tuple[Expect, ...]
    keep_open: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """Ever stronger means: after each rung `until` is read, and once it holds the rest is not needed."""

    rungs: tuple[Node, ...]
    until: tuple[Expect, ...]
    within: timedelta


Node: TypeAlias = "Step | Bracket | Ladder"


@dataclass(frozen=True, slots=True)
class Guarded:
    """Something that locks guard: the strictest level in force over it before a cure and after it, None for none."""

    resource: ArmId
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class First:
    """A cure that has to come before another one at the same VM: its playbook, and why without it the other one is left."""

    playbook: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cure:
    """
    How one or more findings of a playbook are cured together.

    `findings` are fingerprints; there are none where something was asked for by name that cures no finding. `relief` says, where the cure takes back what it lifted, on which day backups fail
    again and what to do for good: the outcome is then *relieved*, not fixed. `afterwards` says, in order, what is left
    to people once its steps are done, without which nothing is cured: the finding is then *still there*. `guards` says,
    where it moves locks, what they guard before and after. `first` is the cure that has to come before it at the same VM.
    """

    playbook: str
    vms: tuple[ArmId, ...]
    findings: tuple[str, ...]
    nodes: tuple[Node, ...]
    relief: str | None = None
    afterwards: tuple[str, ...] = ()
    guards: tuple[Guarded, ...] = ()
    first: First | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """
    Cures that share steps or targets and are carried out one after the other; groups know nothing of one another.

    `id` is short, stable for equal content, and what journals and reports call the group by. Equal steps of its cures
    stand in `nodes` once.
    """

    id: str
    cures: tuple[Cure, ...]
    nodes: tuple[Node, ...]
    wave: int | None = None
    """Its wave, from 1: it begins once those of the wave before are over; None where there are none."""

    @property
    def vms(self) -> tuple[ArmId, ...]:
        """The VMs that its cures are for, each once."""
        return tuple(dict.fromkeys(vm for cure in self.cures for vm in cure.vms))


class Outcome(StrEnum):
    """What became of a step."""

    APPLIED = "applied"
    """Sent, and a later read shows what it was to bring about."""
    NOT_NEEDED = "not needed"
    """Not sent: an earlier rung of its ladder was enough."""
    STALE = "stale"
    """Not sent: a fresh read showed something else than the plan was made for."""
    DEFERRED = "deferred"
    """Not sent: a backup runs, or is about to."""
    SKIPPED = "skipped"
    """Not sent: a step before it in its group went wrong, or the run was told to stop."""
    UNCONFIRMED = "unconfirmed"
    """Sent, and its effect was not seen in time."""
    FAILED = "failed"
    """Refused by ARM, or ended in an error."""


@dataclass(frozen=True, slots=True)
class Done:
    """
    A step and its outcome; `reason` in words where it is not applied, `code` where ARM gave one.

    `at` is when the outcome was noted, None where it was not noted in this run.
    """

    group: str
    step: Step
    outcome: Outcome
    reason: str | None = None
    code: str | None = None
    at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unlocked:
    """
    A scope that was unlocked by a bracket, for how long (seconds), and whether its lock is back.

    `others`: it is not, as another lock of its name stands there, which only a person may weigh. `kept`: it is seen to
    in that it stays off, as was asked for.
    """

    lock: ArmId
    seconds: float
    closed: bool
    others: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class ByHand:
    """A finding that no write of this tool cures as it was asked to, and what a person has to do or to allow."""

    playbook: str
    vm: ArmId
    finding: str
    """Its fingerprint; empty where something was asked for by name, and no finding is cured by it."""
    reason: str
    allow: FixClass | None = None
    """The class that would have to be admitted, where that is all that is missing."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user admits, names or asks for; it decides which cures are planned."""

    allow: frozenset[FixClass] = frozenset({FixClass.SAFE})
    max_unlocked: timedelta = timedelta(hours=4)
    bracket_size: int = 20
    keep_unlocked: bool = False
    lift_subscription_locks: bool = False
    redesign_locks: bool = False
    """Whether locks on restore points are moved to what they are meant to guard, and not put back."""
    delete_collection: frozenset[str] = frozenset()
    """Names or ids, lower-cased, of VMs whose whole collection may go."""
    exclude_luns: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """The reason, by VM (name or id, lower-cased) and LUN."""
    attach_disks: frozenset[tuple[str, int]] = frozenset()
    """VM (name or id, lower-cased) and LUN of disks beside which smaller ones are attached."""
    detach_disks: frozenset[tuple[str, int]] = frozenset()
    """VM (name or id, lower-cased) and LUN of disks that are detached once their copy is proven."""
    power: str | None = None
    """`on` or `off`: what becomes of VMs that were shut down from inside."""
    resume_protection: frozenset[str] = frozenset()
    """Names or ids, lower-cased, of VMs whose protection is resumed."""
    vss_copy: frozenset[str] = frozenset()
    """Names or ids, lower-cased, of VMs whose key `USEVSSCOPYBACKUP` is set to TRUE."""
    verbose_agent_log: frozenset[tuple[str, bool]] = frozenset()
    """Names or ids, lower-cased, of VMs with Linux, and whether the agent of each is to log more."""
    waves: tuple[Amount, ...] = ()
    """How many VMs each wave reaches, those before it included; without any, all groups are carried out at once."""

    @property
    def vms(self) -> tuple[str, ...]:
        """The names and ids of VMs that something is asked for by name, lower-cased."""
        disks = {vm for vm, _ in (*self.exclude_luns, *self.attach_disks)}
        return tuple(sorted(disks | self.delete_collection | self.resume_protection))

    def names(self, named: frozenset[str], vm: ArmId) -> bool:
        """Whether a set of names or ids names this VM."""
        return vm.key in named or vm.name.lower() in named


def steps(*nodes: Node) -> Iterator[Step]:
    """Yield every step of these nodes, in order."""
    for node in nodes:
        match node:
            case Step():
                yield node
            case Bracket():
                yield node.open
                yield from steps(*node.body)
            case Ladder():
                yield from steps(*node.rungs)


def brackets(*nodes: Node) -> Iterator[Bracket]:
    """Yield every bracket of these nodes, those inside others included."""
    for node in nodes:
        match node:
            case Bracket():
                yield node
                yield from brackets(*node.body)
            case Ladder():
                yield from brackets(*node.rungs)


def fix_class(*nodes: Node) -> FixClass:
    """Return the strongest class among the steps of these nodes."""
    order = list(FixClass)
    return max((step.fix_class for step in steps(*nodes)), key=order.index, default=FixClass.SAFE)


def as_data(value: Any) -> Json:
    """Return plan data as plain JSON values, in a form that is equal for equal plans."""
    match value:
        case ArmId():
            plain: Json = value.key
        case timedelta():
            plain = value.total_seconds()
        case tuple() | list():
            plain = [as_data(one) for one in value]
        case dict():
            plain = {str(key): as_data(one) for key, one in sorted(value.items())}
        case frozenset() | set():
            plain = sorted(as_data(one) for one in value)
        case _ if is_dataclass(value):
            members = {one.name: as_data(getattr(value, one.name)) for one in fields(value)}
            plain = {"kind": type(value).__name__.lower(), **members}
        case _:
            plain = value
    return plain
