"""
Estates that nobody thought of, disturbed as nobody planned: whatever is drawn, nothing of what must never be is.

Each example is a sandbox of its own: a few VMs with causes and locks as they come, faults in any of the run's requests,
others who change a lock or back a VM up at the same time, and a word to stop in the middle.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from applying import header
from drawing import THEIRS, Story, stories, stories_of_locks
from hostile import blindly_repeated
from hypothesis import HealthCheck, Phase, given, settings
from matrix import key, of, ours, path, writes
from matrix import wrong as wronged
from scenes import Scene
from staging import EASY, SPEED, Stage

from azremedy.apply import ArmClock, Result, Stop, carry_out, check, resume
from azremedy.arm import Accepted, ArmId, Json, Look, Request, Writer
from azremedy.azure import ClientSecret, find_cloud, open_reader, open_writer
from azremedy.cli.looking import look
from azremedy.errors import AzremedyError
from azremedy.journal import Journal
from azremedy.plan import Bracket, FixClass, Node, Outcome
from azremedy.planfile import Asked
from azremedy.sandbox import Sandbox, embedded
from azremedy.session import Session

HASTY: Final = replace(EASY, max_unlocked=timedelta(minutes=40))
TRIES: Final = 3
"""How often a run is resumed while its faults still strike, and how often once they do not."""

SERVICE: Final = ("/restorepoints/", "/backupjobs/", "/recoverypoints/", "/protecteditems/")

SENT: Final = frozenset({Outcome.APPLIED, Outcome.UNCONFIRMED, Outcome.FAILED})


@dataclass
class Stopping:
    """A writer that tells its run to stop at the nth call."""

    writer: Writer
    at: int | None
    stop: Stop = field(default_factory=Stop)
    calls: int = 0

    @property
    def now(self) -> datetime:
        return self.writer.now

    @property
    def signed_in_for(self) -> float | None:
        return self.writer.signed_in_for

    def get(self, address: str, query: Mapping[str, str] | None = None) -> Json:
        self._count()
        return self.writer.get(address, query)

    def look(self, operation: str) -> Look:
        self._count()
        return self.writer.look(operation)

    def send(self, request: Request, etag: str | None = None) -> Accepted:
        self._count()
        return self.writer.send(request, etag)

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            self.stop.event.set()


@contextmanager
def told(story: Story, folder: Path) -> Iterator[Stage | None]:
    """Start a story's sandbox, read it and plan; None where nothing is to be done."""
    with embedded(folder / "sandbox", estate=story.estate, speed=SPEED) as sandbox:
        cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
        with open_reader(cloud, **known) as reader:
            session = Session(reader, "*", cloud.endpoint, partial(open_writer, cloud, **known))
            [subscription] = session.subscriptions()
            asked = Asked(deep=True, severity=story.severity)
            seen = look(session, subscription, asked, story.choices, lambda _: None)
            assert [one for one in ours(sandbox.requests) if writes(one.method, path(one))] == []
            if not seen.plan.groups:
                yield None
                return
            interfere(story, sandbox, session)
            before = sandbox.snapshot()
            looked = tuple(sandbox.requests)
            sandbox.clear()
            scene = Scene("drawn", "", story.estate, story.choices)
            yield Stage(scene, sandbox, session, seen, before, looked, folder / "run.jsonl")


def interfere(story: Story, sandbox: Sandbox, session: Session) -> None:
    """Do what others do between the plan and its run."""
    held = sandbox.snapshot()
    if story.running:
        item = next((one["id"] for name, one in held.items() if is_item(name, story.running)), None)
        if item:
            body = {"properties": {"objectType": "IaasVMBackupRequest"}}
            with session.writer() as writer, suppress(AzremedyError):
                writer.send(Request("POST", ArmId(item), "backup", body))
    for name in held:
        if "/locks/" in name and story.drift:
            match story.drift:
                case "gone":
                    sandbox.change(name, "", None)
                case "level":
                    sandbox.change(name, "properties.level", "ReadOnly")
                case "notes":
                    sandbox.change(name, "properties.notes", "somebody was here")
                case _:
                    sandbox.change(name, "properties.owners", [{"applicationId": "theirs"}])


def is_item(name: str, vm: str) -> bool:
    return "/protecteditems/" in name and name.endswith(f";{vm}") and name.count("/") == 14


def lived(story: Story, stage: Stage) -> Result | None:
    """Carry the plan out among faults, resume it while they strike and once they do not."""
    stage.sandbox.faults = list(story.faults)
    result = None
    with suppress(AzremedyError):  # one clear sentence is a fair end
        result = carried_out(story, stage)
    for attempt in range(2 * TRIES):
        if attempt == TRIES:
            stage.sandbox.faults = []
        if stage.journal is None or stage.journal.finished:
            break
        with suppress(AzremedyError):
            resumed(stage)
    stage.sandbox.faults = []
    return result


def carried_out(story: Story, stage: Stage) -> Result:
    groups = stage.look.plan.groups
    with stage.session.writer() as writer:
        check(writer, groups)
        with Journal.new(header(stage.sandbox), stage.file) as journal:
            stopping = Stopping(writer, story.stop)
            clock = ArmClock(stopping, SPEED)
            return carry_out(groups, stopping, journal, HASTY, clock, stage.told.append, stop=stopping.stop)


def resumed(stage: Stage) -> None:
    run = stage.journal
    assert run is not None
    with stage.session.writer() as writer, Journal.append(stage.file) as journal:
        resume(run, writer, journal, HASTY, ArmClock(writer, SPEED), stage.told.append)


def wrong(story: Story, stage: Stage, result: Result | None) -> Iterator[str]:
    """Yield what must never be and is."""
    way = "drop-after" if any(one.kind == "drop-after" for one in story.faults) else ""
    own = SERVICE if story.running else ()
    powered = any(one.request.action in {"start", "deallocate"} for one in stage.steps)
    own = (*own, "/disks/") if powered else own  # which say whether their VM holds them
    inside = tuple(f"{one.request.id.key}/" for one in stage.steps if one.request.method == "DELETE")
    for said in wronged(stage, carried_out=way):
        if not (
            said.endswith("no step names it") and (said.startswith(inside) or any(one in said for one in own))
        ):
            yield said
    sent = [of(one) for one in ours(stage.sandbox.requests) if writes(one.method, path(one))]
    yield from unplanned(stage, sent)
    yield from untouchable(stage, sent)
    yield from lost_unsaid(story, stage, sent)
    yield from outcomes_differ(stage, result)
    yield from (f"{one} was sent again without a look" for one in blindly_repeated(stage.sandbox))


def unplanned(stage: Stage, sent: Sequence[str]) -> Iterator[str]:
    """What was sent and is neither a step that was shown nor the lock of one put back."""
    shown = {key(one.request) for one in stage.steps} | set(closings(stage))
    yield from (f"{one} was sent, and was not in the plan" for one in sent if one not in shown)


def closings(stage: Stage) -> Iterator[str]:
    return (f"put {one}" for group in stage.look.plan.groups for one in lifted(group.nodes))


def lifted(nodes: Sequence[Node]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Bracket):
            yield node.open.request.id.key
            yield from lifted(node.body)


def untouchable(stage: Stage, sent: Sequence[str]) -> Iterator[str]:
    """What belongs to others, and was written to."""
    owned = [
        name for name, body in stage.before.items() if "/locks/" in name and body["properties"].get("owners")
    ]
    for one in sent:
        _, _, target = one.partition(" ")
        if target in owned:
            yield f"{one}: that lock belongs to a service"
        if f"/restorepointcollections/{THEIRS}" in target:
            yield f"{one}: these points are the customer's own"
        if target.endswith("/extensions/scanner"):
            yield f"{one}: that extension is another vendor's"
        if "/protecteditems/" in target and one.startswith("delete"):
            yield f"{one}: that is the protection itself"
        if target.count("/") <= 8 and "/vaults/" in target:
            yield f"{one}: that is a vault"


def lost_unsaid(story: Story, stage: Stage, sent: Sequence[str]) -> Iterator[str]:
    """Restore points that were deleted without being admitted, and without a word that they would be."""
    losing = {key(one.request): one.loses for one in stage.steps}
    for one in sent:
        if one.startswith("delete ") and "/restorepointcollections/" in one and "/locks/" not in one:
            if FixClass.DESTRUCTIVE not in story.choices.allow:
                yield f"{one}: nothing that destroys was admitted"
            if not losing.get(one):
                yield f"{one}: nobody said what is lost"


def outcomes_differ(stage: Stage, result: Result | None) -> Iterator[str]:
    confirmed = {key(one.step.request) for one in stage.entries if one.state == "confirmed"}
    for one in result.done if result else ():
        if one.outcome is Outcome.APPLIED and key(one.step.request) not in confirmed:
            yield f"{one.step.summary} is said to be applied, and the journal does not say so"
    sent = [of(one) for one in ours(stage.sandbox.requests) if writes(one.method, path(one))]
    tried = {key(one.step.request) for one in result.done if one.outcome in SENT} if result else set()
    for one in result.done if result else ():
        if one.outcome not in SENT and key(one.step.request) in set(sent) - tried:
            yield f"{one.step.summary} is said to be {one.outcome}, and was sent"
    for lock in result.unlocked if result else ():
        if not lock.closed and not any("az lock create" in line for line in stage.told):
            yield f"{lock.lock} is not back, and nobody was told how to put it back"


def holds(story: Story) -> None:
    with tempfile.TemporaryDirectory() as folder, told(story, Path(folder)) as stage:
        if stage is not None:
            assert list(wrong(story, stage, lived(story, stage))) == []


quickly = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=20,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""Each example starts a server and waits for what takes its time in Azure; shrinking would wait again and again."""

at_length = settings(quickly, derandomize=False, max_examples=600)


@quickly
@given(stories)
def test_nothing_is_lost_in_estates_that_nobody_thought_of(story: Story) -> None:
    holds(story)


@quickly
@given(stories_of_locks)
def test_no_lock_is_lost_in_them(story: Story) -> None:
    holds(story)


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@at_length
@given(stories)
def test_nothing_is_lost_in_a_great_many_of_them(story: Story) -> None:
    holds(story)


@pytest.mark.matrix
@pytest.mark.timeout(3600)
@at_length
@given(stories_of_locks)
def test_no_lock_is_lost_in_a_great_many_of_them(story: Story) -> None:
    holds(story)
