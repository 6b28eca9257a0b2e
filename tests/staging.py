"""A scene in a running sandbox of its own: read, planned, and ready to be carried out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from applying import header
from scenes import GUARDED, Scene

from azremedy import journal as journals
from azremedy.apply import ArmClock, Result, Settings, carry_out, check, resume, rollback
from azremedy.arm import Json, Writer
from azremedy.azure import ClientSecret, find_cloud, open_reader, open_writer
from azremedy.cli.looking import Look, look, scanned
from azremedy.cli.undoing import ways
from azremedy.journal import Entry, Journal, Run
from azremedy.plan import Step, steps
from azremedy.planfile import Asked
from azremedy.sandbox import Request as Seen
from azremedy.sandbox import Sandbox, embedded
from azremedy.session import Session
from azremedy.verify import Verdict, verify

SPEED: Final = 1500.0
EASY: Final = Settings(settle=timedelta(seconds=10), now=True)

Snapshot = Mapping[str, Json]


@dataclass
class Stage:
    """A scene in a running sandbox, read and planned; `looked` are the requests of that, which it forgot."""

    scene: Scene
    sandbox: Sandbox
    session: Session
    look: Look
    before: Snapshot
    looked: Sequence[Seen]
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

    def roll_back(self) -> Result:
        """Take the run back, lifting what the run had lifted."""
        run = journals.read(self.file)
        with self.session.writer() as writer, Journal.append(self.file) as journal:
            found = ways(run, self.session, writer, GUARDED)
            backs = [(one.back, one.node) for one in found]
            return rollback(run, backs, writer, journal, EASY, ArmClock(writer, SPEED), self.told.append)

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


@contextmanager
def staged(scene: Scene, folder: Path) -> Iterator[Stage]:
    """Start a sandbox of its own for a scene, read it, plan the cure."""
    with embedded(folder / "sandbox", estate=scene.estate, speed=SPEED) as sandbox:
        cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
        with open_reader(cloud, guests=scene.guest, **known) as reader:
            session = Session(reader, "*", cloud.endpoint, partial(open_writer, cloud, **known))
            before = sandbox.snapshot()
            [subscription] = session.subscriptions()
            with at_home(folder):
                seen = look(
                    session, subscription, asked(scene), scene.choices, lambda _: None, now=scene.guest
                )
            before = sandbox.snapshot() if scene.guest else before
            assert seen.plan.groups, [one.reason for one in seen.plan.by_hand]
            looked = tuple(sandbox.requests)
            sandbox.clear()
            yield Stage(scene, sandbox, session, seen, before, looked, folder / "run.jsonl")


@contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Let the journals of what is asked inside VMs lie in a state folder of one's own."""
    with pytest.MonkeyPatch.context() as own:
        for name in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
            own.setenv(name, str(folder / "state"))
        yield


def asked(scene: Scene) -> Asked:
    return Asked(playbooks=(scene.playbook,), deep=True, guest=scene.guest)


def under_way(body: Json) -> bool:
    """Whether a resource shows that a change of it goes on."""
    state = str((body.get("properties") or {}).get("provisioningState"))
    return state in {"Updating", "Deleting", "Creating"}
