"""Estates, admissions and mishaps as hypothesis draws them, from what a sandbox's description can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from matrix import WAYS
from scenes import DESTRUCTIVE, GUARDED, NOTES

from azremedy.arm import Json
from azremedy.plan import Choices, FixClass
from azremedy.playbook import Severity
from azremedy.sandbox import Fault

VMS: Final = ("sql1", "web1", "app1", "dc1")
POINTS_GROUP: Final = "AzureBackupRG_westeurope_1"
THEIRS: Final = "theirs"
"""A collection of the customer's own."""

WRITES: Final = "^(PUT|DELETE|POST) /subscriptions/(?!.*listNetworkManager)"
READS: Final = "^GET /subscriptions/"

agents = st.fixed_dictionaries({
    "state": st.sampled_from(["not-ready", "stale", "absent"]),
    "back_after": st.sampled_from(["reapply", "restart", "redeploy", "never"]),
})  # fmt: skip
provisioning = st.fixed_dictionaries({
    "state": st.just("Failed"), "cured_by": st.sampled_from(["reapply", "restart", "redeploy", "never"]),
})  # fmt: skip
snapshots = st.fixed_dictionaries({"state": st.sampled_from(["failed", "stuck"]), "listed": st.booleans()})
own_points = st.fixed_dictionaries({
    "count": st.integers(16, 20), "every": st.sampled_from([8, 24]), "newest": st.just(32),
    "legacy": st.sampled_from([False, False, True]), "timeouts": st.integers(0, 2),
})  # fmt: skip
customers_points = st.fixed_dictionaries({"count": st.integers(1, 3), "collection": st.just(THEIRS)})


@st.composite
def point_lists(draw: st.DrawFn) -> list[Json]:
    return [draw(own_points), *draw(st.lists(customers_points, max_size=1))]


CAUSES: Final[Mapping[str, tuple[str, st.SearchStrategy[Json]]]] = {
    "agent": ("UserErrorGuestAgentStatusUnavailable", agents),
    "provisioning": ("UserErrorVmProvisioningStateFailed", provisioning),
    "snapshot": ("ExtensionOperationFailedForManagedDisks", snapshots),
    "points": ("UserErrorRpCollectionLimitReached", point_lists()),
    "nic": ("ExtensionSnapshotFailedNoNetwork", st.just({"subnet": "servers", "nsg": "closed"})),
    "disks": (
        "UserErrorUnsupportedDiskSize", st.just([{"lun": 0, "size": 40960, "sku": "StandardSSD_LRS"}]),
    ),
    "power": ("UserErrorVmNotInDesirableState", st.sampled_from(["stopped", "deallocated"])),
    "extensions": ("ExtensionOperationFailedForManagedDisks", st.just([
        {"name": "Scanner", "publisher": "Acme", "type": "VMSnapshot", "state": "Failed", "message": "no"}
    ])),
}  # fmt: skip
"""What can be wrong with a VM, by the member that describes it, with the code of the backup that failed of it."""


@st.composite
def vms(draw: st.DrawFn, name: str, *, full: bool) -> dict[str, Any]:
    likely = ["points"] if full else ["points", *CAUSES]
    first: list[str] = [draw(st.sampled_from(likely))] if name == VMS[0] else []
    more = draw(st.lists(st.sampled_from(sorted(CAUSES)), max_size=3 - len(first), unique=True))
    causes = list(dict.fromkeys((*first, *more)))
    hours = draw(st.sampled_from([32, 56]))
    state = "Protected" if first else draw(st.sampled_from(["Protected", "Protected", "ProtectionStopped"]))
    backup: dict[str, Any] = {
        "vault": "vault", "policy": "daily", "completed": hours, "state": state,
        "instant_only": draw(st.integers(0, 2)),
    }  # fmt: skip
    if causes and state == "Protected":
        backup["failed"] = {"code": CAUSES[causes[0]][0], "hours_ago": 8}
    return {
        "name": name,
        "group": draw(st.sampled_from(["shop", "office"])),
        "os": draw(st.sampled_from(["Windows", "Linux"])),
        "backup": backup,
        **{cause: draw(CAUSES[cause][1]) for cause in causes},
    }


@st.composite
def estates(draw: st.DrawFn, *, locked: bool = False) -> dict[str, Any]:
    """Draw an estate; `locked`: one whose first VM is full of points under a lock that may be lifted."""
    names = VMS[: draw(st.integers(1, len(VMS)))]
    machines = [draw(vms(name, full=locked)) for name in names]
    if locked:
        machines[0]["points"][0] |= {"count": draw(st.integers(18, 20)), "legacy": False}
    groups = {one["group"] for one in machines} | {"backup", "network"}
    if any("points" in one and not one["points"][0]["legacy"] for one in machines):
        groups.add(POINTS_GROUP)
    scopes = st.sampled_from([*[POINTS_GROUP] * 3, *sorted(groups), "subscription", *names])
    found = draw(
        st.lists(st.tuples(scopes, st.sampled_from(["CanNotDelete", "ReadOnly"]), st.booleans()), max_size=3)
    )
    if locked:
        found = [(POINTS_GROUP, found[0][1] if found else "CanNotDelete", False), *found[1:2]]
    locks = [
        {
            "name": f"Keep {number}", "scope": scope, "level": level, "notes": NOTES,
            "owners": ["5a6db0c5-0000-4000-8000-0000000000aa"] if owned and number else [],
        }
        for number, (scope, level, owned) in enumerate(found)
        if scope != POINTS_GROUP or POINTS_GROUP in groups
    ]  # fmt: skip
    return {
        "vaults": [{"name": "vault", "group": "backup", "policies": [{"name": "daily"}]}],
        "nsgs": [{"name": "closed", "rules": [
            {"name": "deny", "access": "Deny", "priority": 200, "to": "Internet"}
        ]}],
        "vnets": [{"name": "vnet", "subnets": [{"name": "servers", "prefix": "10.0.0.0/22"}]}],
        "locks": locks,
        "lock_lag": {"lifted": draw(st.sampled_from([0, 5, 60])), "placed": draw(st.sampled_from([0, 2, 30]))},
        "vms": machines,
    }  # fmt: skip


@st.composite
def choices(draw: st.DrawFn) -> Choices:
    named = frozenset(draw(st.lists(st.sampled_from(VMS), max_size=2, unique=True)))
    return Choices(
        allow=draw(st.sampled_from([GUARDED, DESTRUCTIVE, GUARDED, DESTRUCTIVE, frozenset({FixClass.SAFE})])),
        bracket_size=draw(st.sampled_from([1, 20])),
        lift_subscription_locks=draw(st.sampled_from([True, True, False])),
        delete_collection=draw(st.sampled_from([frozenset(), named])),
        exclude_luns={(name, 0): "copied elsewhere" for name in named},
        power=draw(st.sampled_from(["on", "off", None])),
        resume_protection=named,
    )


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    writes_only = draw(st.booleans())
    return Fault(
        match=WRITES if writes_only else READS,
        nth=draw(st.integers(1, 6 if writes_only else 80)),
        times=draw(st.integers(1, 3)),
        **WAYS[draw(st.sampled_from(sorted(WAYS)))],
    )


@dataclass(frozen=True, slots=True)
class Story:
    """An estate, what a user admits, and what happens to the run."""

    estate: Mapping[str, Any]
    choices: Choices
    severity: Severity
    faults: tuple[Fault, ...]
    running: str | None
    """A VM of which somebody starts a backup after the plan was made."""
    drift: str | None
    """What somebody does to every lock after the plan was made."""
    stop: int | None
    """The call of the writer at which the run is told to stop."""


running = st.sampled_from([None, None, None, "sql1"])
stops = st.one_of(st.none(), st.none(), st.integers(1, 120))
mishaps = st.lists(faults(), max_size=3).map(tuple)

stories = st.builds(
    Story,
    estate=estates(),
    choices=choices(),
    severity=st.sampled_from([Severity.SUSPECTED, Severity.CORROBORATED]),
    faults=mishaps,
    running=running,
    drift=st.sampled_from([None, None, None, None, "notes", "owners", "level", "gone"]),
    stop=stops,
)
stories_of_locks = st.builds(
    Story,
    estate=estates(locked=True),
    choices=st.builds(
        Choices,
        allow=st.just(GUARDED),
        bracket_size=st.sampled_from([1, 20]),
        lift_subscription_locks=st.just(value=True),
    ),
    severity=st.just(Severity.SUSPECTED),
    faults=mishaps,
    running=running,
    drift=st.none(),
    stop=stops,
)
"""Stories in which a lock is lifted as a rule, which is rare among the others."""
