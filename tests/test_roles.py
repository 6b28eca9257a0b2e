"""The roles that azremedy asks for: enough for its work, and nothing in them that it can do without."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from applying import header
from commands import azremedy
from hostile import broken
from scenes import DESTRUCTIVE, LIMIT, SCENES, Scene, lock
from staging import SPEED, asked

from azremedy.apply import ArmClock, Settings, carry_out, check
from azremedy.asking import Inside
from azremedy.azure import ClientSecret, find_cloud, open_reader, open_writer
from azremedy.cli.looking import look, scanned
from azremedy.errors import AzremedyError
from azremedy.journal import Journal
from azremedy.lifting import LIFTING
from azremedy.plan import Choices, Outcome
from azremedy.playbook import load
from azremedy.roles import ANY_SUBSCRIPTION, LOOKING, roles
from azremedy.sandbox import Sandbox, embedded, reading
from azremedy.selection import Selection
from azremedy.session import Session
from azremedy.verify import Verdict, verify

EXAMPLES = Path(__file__).parents[1] / "examples" / "roles"
ROLES = roles()
CURED = [one.id for one in load().values() if one.writes]
SCRIPTS = "Microsoft.Compute/virtualMachines/runCommand/action"
INSIDE = {"scan-guest", *(one.id for one in load().values() if SCRIPTS in one.writes)}
"""Roles that may run scripts in VMs, and no other may."""
WELL = {Outcome.APPLIED, Outcome.NOT_NEEDED}
SECRET = "a-secret"
FOLLOWED = ("/locations/operations/read", "/operationsStatus/read")
"""Rights to follow a write to its end. Without them a run goes by what the resource shows, later and with less to tell."""

NOT_SHOWN = {
    "restore-point-limit": LIFTING,
    "vmsnapshot-extension": {
        "Microsoft.Compute/virtualMachines/runCommand/action",
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/backup/action",
        "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/operationsStatus/read",
    },
}
"""
The first leaves locked points to `restore-point-lock`; what it lifts is a lock on a single point, which no scene can
name. What the other takes inside VMs is shown in `test_guest_cures.py`.
"""

VM_LOCKED = [lock("shop", "ReadOnly")]
VAULT_LOCKED = [lock("backup", "ReadOnly")]
MORE = (
    Scene(
        "a collection that may go", "restore-point-lock",
        broken("sql1", LIMIT, hours=32, points={"count": 18, "every": 24, "newest": 32}, locks=[
            lock("AzureBackupRG_westeurope_1")
        ]),
        Choices(allow=DESTRUCTIVE, delete_collection=frozenset({"sql1"})),
    ),
    Scene(
        "a lock of the whole subscription, moved to its groups", "restore-point-lock",
        broken("sql1", LIMIT, hours=32, points={"count": 18, "every": 24, "newest": 32}, locks=[
            lock("subscription")
        ]),
        Choices(allow=DESTRUCTIVE, redesign_locks=True, lift_subscription_locks=True),
    ),
    Scene(
        "a collection that may go, locked", "restore-point-limit",
        broken("web2", LIMIT, hours=32, points={"count": 18, "every": 8, "newest": 32}, locks=VM_LOCKED),
        Choices(allow=DESTRUCTIVE, delete_collection=frozenset({"web2"})),
    ),
    Scene(
        "an agent that comes back after a redeploy, locked", "agent-unresponsive",
        broken(
            "dc1", "UserErrorGuestAgentStatusUnavailable", locks=VM_LOCKED,
            agent={"state": "not-ready", "back_after": "redeploy"},
        ),
        Choices(allow=DESTRUCTIVE),
    ),
    Scene(
        "extensions that are forbidden, locked", "extension-operations",
        broken(
            "edge1", "UserErrorGuestAgentStatusUnavailable", locks=VM_LOCKED, extension_operations=False
        ),
    ),
    Scene(
        "a VM that failed, locked", "vm-provisioning",
        broken(
            "files1", "UserErrorVmProvisioningStateFailed", hours=32, locks=VM_LOCKED,
            provisioning={"state": "Failed", "cured_by": "reapply"},
        ),
        Choices(allow=DESTRUCTIVE),
    ),
    Scene(
        "shut down from inside, locked", "vm-power-state",
        broken("print1", "UserErrorVmNotInDesirableState", hours=32, power="stopped", locks=VM_LOCKED),
        replace(Choices(allow=DESTRUCTIVE), power="off"),
    ),
    Scene(
        "a disk that is too large, locked", "disk-size",
        broken(
            "archive1", "UserErrorUnsupportedDiskSize", locks=VAULT_LOCKED,
            disks=[{"lun": 0, "size": 40960, "sku": "StandardSSD_LRS"}],
        ),
        Choices(allow=DESTRUCTIVE, exclude_luns={("archive1", 0): "copied elsewhere"}),
    ),
    Scene(
        "a disk that VMs share, locked", "disk-support",
        broken(
            "cluster1", "UserErrorUnsupportedDiskSize", locks=VAULT_LOCKED, backup={"policy": "enhanced"},
            disks=[{"lun": 0, "size": 256, "max_shares": 2}],
        ),
        Choices(allow=DESTRUCTIVE, exclude_luns={("cluster1", 0): "backed up by the cluster itself"}),
    ),
    Scene(
        "a backup that hangs, locked", "backup-in-progress",
        broken(
            "hung1", "UserErrorBackupOperationInProgress", hours=32, locks=VAULT_LOCKED,
            backup={"running": {"hours": 14}},
        ),
    ),
    Scene(
        "protection that was stopped, locked", "protection-state",
        broken(
            "hr1", LIMIT, locks=VAULT_LOCKED,
            backup={"state": "ProtectionStopped", "completed": 900, "failed": None},
        ),
        Choices(allow=DESTRUCTIVE, resume_protection=frozenset({"hr1"})),
    ),
)  # fmt: skip
"""What the scenes of the matrix leave out: a lock in the way, and whatever else a cure may write."""


def scenes(playbook: str) -> list[Scene]:
    """Return what a role cures; who looks inside VMs holds `scan-guest`, too."""
    return [one for one in (*MORE, *SCENES) if one.playbook == playbook and not one.guest]


def identities(*held: Sequence[str]) -> list[dict[str, Any]]:
    """Identities with exactly these actions, each named by its place."""
    return [
        {"name": f"one-{place}", "client_id": client(place), "secret": SECRET, "actions": list(actions)}
        for place, actions in enumerate(held)
    ]


def client(place: int) -> str:
    return f"5a6db0c5-0000-4000-8000-{place:012x}"


@contextmanager
def signed_in(sandbox: Sandbox, place: int, *, guests: bool = False) -> Iterator[Session]:
    """A session of one of the identities, for the subscription by its id."""
    cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
    secret = ClientSecret(sandbox.tenant, client(place), SECRET)
    known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
    with open_reader(cloud, guests=guests, **known) as reader:
        yield Session(reader, sandbox.subscription, cloud.endpoint, partial(open_writer, cloud, **known))


def every_cure(sandbox: Sandbox, place: int, scene: Scene, file: Path, *, now: bool) -> str:
    """Scan, plan, cure and look again as one of the identities; return what does not go well, in words."""
    try:
        with signed_in(sandbox, place) as session:
            [subscription] = session.subscriptions()
            seen = look(session, subscription, asked(scene), scene.choices, lambda _: None)
            if seen.estate.unread:
                return f"unread: {seen.estate.unread}"
            groups = seen.plan.groups
            if not groups:
                return f"by hand: {seen.plan.by_hand}"
            with session.writer() as writer:
                check(writer, groups)
                settings = Settings(settle=timedelta(seconds=10), now=now)
                with Journal.new(header(sandbox), file) as journal:
                    result = carry_out(groups, writer, journal, settings, ArmClock(writer, SPEED), print)
            wrong = [f"{one.outcome}: {one.reason}" for one in result.done if one.outcome not in WELL]
            if wrong:
                return "; ".join(wrong)
            estate_, scan = scanned(session, subscription, asked(scene), lambda _: None)
            said = verify(groups, seen.scan.diagnoses, estate_, scan.diagnoses, scan.not_evaluated)
            return "undecidable" if any(one.verdict is Verdict.UNDECIDABLE for one in said) else ""
    except AzremedyError as error:
        return str(error)


def refused(sandbox: Sandbox) -> bool:
    return any(one.status == 403 for one in tuple(sandbox.requests))


def wrote(sandbox: Sandbox) -> bool:
    """Whether a write was taken; signing in and the one POST that reads do not count."""
    asked = (one for one in tuple(sandbox.requests) if one.method != "GET" and one.status < 300)
    return any(
        one.path.startswith("/subscriptions/") and "listNetworkManager" not in one.path for one in asked
    )


def test_the_files_in_the_examples_are_what_the_command_writes() -> None:
    shipped = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in EXAMPLES.glob("*.json")}

    assert shipped == {name: role.definition() for name, role in ROLES.items()}


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
class TestEveryRole:
    def test_names_each_action_and_no_wildcard(self, role: Any) -> None:
        made = role.definition()

        assert made["Actions"] == sorted(set(made["Actions"]))
        assert not any("*" in action for action in made["Actions"])
        assert made["IsCustom"] is True
        assert made["AssignableScopes"] == [f"/subscriptions/{ANY_SUBSCRIPTION}"]
        assert made["NotActions"] == made["DataActions"] == made["NotDataActions"] == []

    def test_runs_scripts_in_vms_only_where_that_is_what_it_is_for(self, role: Any) -> None:
        assert (SCRIPTS in role.actions) is (role.id in INSIDE)

    def test_may_write_only_where_it_cures(self, role: Any) -> None:
        writes = {one for one in role.actions if not one.endswith("/read")}
        inside = {SCRIPTS} if role.id in INSIDE else set()
        reads = {one for one in writes if "/listNetworkManagerEffective" in one} | inside

        assert bool(writes - reads) is (role.id == "fix" or role.id in CURED)


def test_there_is_a_role_for_each_playbook_that_writes_and_for_no_other() -> None:
    assert set(ROLES) == {"scan", "scan-guest", "gate", "dry-run", "fix", *CURED}


class TestTheCommand:
    def test_prints_one_definition_that_az_takes(self) -> None:
        guid = "5a6db0c5-0000-4000-8000-00000000000A"
        ended = azremedy("roles", "--for", "scan", "-s", guid, "-o", "json")
        made = json.loads(ended.out)

        assert (ended.code, ended.err) == (0, "")
        assert made == ROLES["scan"].definition([guid.lower()])

    def test_lists_all_of_them(self) -> None:
        ended = azremedy("roles")

        assert ended.code == 0
        assert all(name in ended.out for name in ROLES)
        assert [one["Name"] for one in json.loads(azremedy("roles", "-o", "json").out)] == [
            one.name for one in ROLES.values()
        ]

    def test_writes_a_file_for_each(self, tmp_path: Path) -> None:
        ended = azremedy("roles", "--write", tmp_path / "made", "-o", "json")

        assert ended.code == 0
        assert {one["role"]: Path(one["file"]).name for one in json.loads(ended.out)} == {
            name: f"{name}.json" for name in ROLES
        }
        for file in (tmp_path / "made").iterdir():
            assert file.read_text(encoding="utf-8") == (EXAMPLES / file.name).read_text(encoding="utf-8")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--for", "storage-egres"], "Did you mean 'storage-egress'?"),
            (["-s", "prod"], "'prod' is no subscription's id"),
        ],
    )
    def test_refuses_what_it_does_not_know(self, arguments: list[str], said: str) -> None:
        ended = azremedy("roles", *arguments)

        assert (ended.code, ended.out) == (2, "")
        assert said in ended.err
        assert ended.err.count("\n") == 1


def test_the_scan_role_reads_everything_and_nothing_in_it_can_be_spared(tmp_path: Path) -> None:
    whole = sorted(ROLES["scan"].actions)
    parts = [[one for one in whole if one != left_out] for left_out in whole]
    spared = set(whole)
    for estate in ("demo", EXAMPLES.parent / "estates" / "control-plane.yaml"):
        who = {**reading.named(estate)[1], "identities": identities(whole, *parts)}
        with embedded(tmp_path / Path(estate).stem, estate=who) as sandbox:
            assert gaps(sandbox, 0) == ""
            spared &= {action for place, action in enumerate(whole, 1) if not gaps(sandbox, place)}

    assert spared == LOOKING


def gaps(sandbox: Sandbox, place: int) -> str:
    """Return what a scan by one of the identities leaves unread."""
    try:
        with signed_in(sandbox, place) as session:
            return "; ".join(str(one) for one in session.scan(deep=True).unread)
    except AzremedyError as error:
        return str(error)


def test_the_role_to_ask_inside_does_so_and_nothing_in_it_can_be_spared_but_the_schedule(
    tmp_path: Path,
) -> None:
    whole = sorted(ROLES["scan-guest"].actions)
    parts = [[one for one in whole if one != left_out] for left_out in whole]
    demo = {**reading.named("demo")[1], "identities": identities(whole, *parts)}
    one = Selection.of(["sql1"])

    def gaps(place: int) -> str:
        try:
            with signed_in(sandbox, place, guests=True) as session:
                [subscription] = session.subscriptions()
                header_ = header(sandbox)

                @contextmanager
                def begin(_: Any) -> Iterator[Journal]:
                    with Journal.new(header_, tmp_path / f"{place}.jsonl") as journal:
                        yield journal

                estate_, _ = session.examine(
                    subscription, selection=one, inside=Inside(begin, now=place % 2 == 0)
                )
                return "; ".join(str(gap) for gap in estate_.unread)
        except AzremedyError as error:
            return str(error)

    with embedded(tmp_path / "sandbox", estate=demo, speed=SPEED) as sandbox:
        assert gaps(0) == ""
        added = ROLES["scan-guest"].actions - ROLES["scan"].actions
        spared = [action for place, action in enumerate(whole, 1) if action in added and not gaps(place)]

    assert set(spared) <= {f"{ITEM}/read"}


ITEM = "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems"


@pytest.mark.parametrize(
    "playbook",
    [
        pytest.param(one, marks=() if one in {"storage-egress", "protection-state"} else pytest.mark.slow)
        for one in CURED
        if load()[one].writes - {SCRIPTS}
    ],
)
@pytest.mark.timeout(400)
def test_a_cure_works_with_its_role_and_nothing_in_it_can_be_spared(playbook: str, tmp_path: Path) -> None:
    whole = sorted(ROLES[playbook].actions)
    left = dict(enumerate(whole, 1))
    parts = [[one for one in whole if one != left_out] for left_out in whole]
    who = identities(whole, *parts)
    for number, scene in enumerate(scenes(playbook)):
        with embedded(
            tmp_path / f"{number}", estate={**scene.estate, "identities": who}, speed=SPEED
        ) as sandbox:
            assert every_cure(sandbox, 0, scene, tmp_path / f"{number}.jsonl", now=True) == "", scene.id
            assert not refused(sandbox)
        for place in needed(scene, who, left, tmp_path / f"{number}-parts"):
            del left[place]

    assert set(left.values()) == NOT_SHOWN.get(playbook, set())


def needed(scene: Scene, who: Sequence[Any], left: dict[int, str], folder: Path) -> list[int]:
    """Return the places of those actions without which the scene does not go well."""
    found: list[int] = []
    waiting = list(left)
    while waiting:
        state = folder / f"{len(waiting)}"
        with embedded(state, estate={**scene.estate, "identities": who}, speed=SPEED) as sandbox:
            while waiting and not wrote(sandbox):
                place = waiting.pop(0)
                sandbox.clear()
                words = every_cure(sandbox, place, scene, state / f"{place}.jsonl", now=False)
                told = left[place] in words or refused(sandbox)
                if told and (words or left[place].endswith(FOLLOWED)):
                    found.append(place)
    return found
