"""What must never happen, sentence by sentence, and a place where a test tries to make it happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import commands
from applying import header
from commands import Ended
from matrix import ours, path, writes
from scenes import estate, vm
from staging import EASY, Snapshot

from azremedy import planfile
from azremedy.apply import ArmClock, Result, Settings, carry_out
from azremedy.arm import Accepted, Json, Request, Writer
from azremedy.arm import Look as Seen
from azremedy.azure import ClientSecret, find_cloud, open_reader, open_writer
from azremedy.cli.looking import Look, look
from azremedy.journal import Journal
from azremedy.plan import Choices, FixClass
from azremedy.planfile import Asked, Place
from azremedy.playbook import Severity
from azremedy.sandbox import Fault, Sandbox, embedded
from azremedy.session import Session

SENTENCES: Final[Mapping[int, tuple[str, ...]]] = {
    1: ("a write in a scan", "a write in a dry run"),
    2: ("a lifted lock that is not back", "a lock that is put back different"),
    3: ("a restore point lost that only the snapshot tier has",),
    4: (
        "a collection touched that is not proven to be the VM's",
        "an NSG or extension touched that is not proven to be the VM's",
    ),
    5: (
        "a customer's own restore points touched",
        "another vendor's extension touched",
        "a service-owned lock touched",
    ),
    6: ("a VM changed while a backup of it runs", "a VM changed while a backup of it is due"),
    7: ("healthy where something was unread", "exit 0 after a failed write"),
    8: ("a secret in a log, journal, plan or report",),
    9: ("a text from Azure obeyed by a terminal or a build server", "a text from Azure obeyed by a shell"),
    10: (
        "a Run Command sent unasked",
        "a Run Command sent to an agent that is not ready",
        "a script that stops the agent",
    ),
    11: ("a write of unknown fate repeated without a read",),
    12: (
        "a protected item deleted",
        "a vault or a policy changed",
        "a protected item changed without its VM being named",
    ),
}
"""The twelve sentences in their clauses; every one is tried in `test_never*.py`."""

ALL: Final = frozenset({FixClass.SAFE, FixClass.GUARDED, FixClass.DESTRUCTIVE})

T = TypeVar("T")


def never(number: int, clause: str) -> Callable[[T], T]:
    """Say which clause of which sentence a test tries to make untrue."""
    assert clause in SENTENCES[number]
    return lambda test: test


@dataclass
class Ward:
    """A sandbox that is signed in to, and what is tried in it."""

    sandbox: Sandbox
    session: Session
    folder: Path
    speed: float
    told: list[str] = field(default_factory=list)

    def look(self, choices: Choices, *playbooks: str, severity: Severity = Severity.CORROBORATED) -> Look:
        """Read and plan."""
        [subscription] = self.session.subscriptions()
        asked = Asked(playbooks=playbooks, severity=severity, deep=True)
        return look(self.session, subscription, asked, choices, lambda _: None)

    def carry_out(
        self, seen: Look, settings: Settings = EASY, wrap: Callable[[Writer], Writer] | None = None
    ) -> Result:
        """Carry a plan out under a journal of its own; `wrap` comes between the run and its writer."""
        with self.session.writer() as writer, Journal.new(header(self.sandbox), self.journal) as journal:
            used = wrap(writer) if wrap else writer
            clock = ArmClock(used, self.speed)
            return carry_out(seen.plan.groups, used, journal, settings, clock, self.told.append)

    @property
    def journal(self) -> Path:
        return self.folder / "run.jsonl"

    def plan_file(self, seen: Look, choices: Choices, *playbooks: str) -> dict[str, Any]:
        """Return what `--save` would keep of a plan."""
        [subscription] = self.session.subscriptions()
        return planfile.document(
            seen.plan,
            place=Place(self.session.cloud, subscription),
            asked=Asked(playbooks=playbooks, deep=True),
            choices=choices,
            created=self.session.reader.now,
        )

    def cli(self, *arguments: str | Path, **variables: str) -> Ended:
        """Run the command as a process, signed in to this sandbox, with a state folder of its own."""
        return commands.azremedy(*arguments, **{**self.variables, **variables})

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AZREMEDY_CLOUD": self.sandbox.url,
            "AZURE_TENANT_ID": self.sandbox.tenant,
            "AZURE_CLIENT_ID": self.sandbox.client_id,
            "AZURE_CLIENT_SECRET": self.sandbox.client_secret,
            "REQUESTS_CA_BUNDLE": str(self.sandbox.ca),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "LOCALAPPDATA": str(self.folder / "state"),
            "HOME": str(self.folder),
        }

    @property
    def sent(self) -> list[str]:
        """The writes that reached ARM."""
        return [
            f"{one.method} {path(one)}"
            for one in ours(self.sandbox.requests)
            if writes(one.method, path(one))
        ]

    @property
    def state(self) -> Snapshot:
        return self.sandbox.snapshot()

    def find(self, *parts: str) -> str:
        """Return the id of the one resource whose id has these parts."""
        [found] = [one for one in self.state if all(part.lower() in one for part in parts)]
        return found

    def change(self, id_: str, path_: str, value: Json) -> None:
        """Do what somebody else does meanwhile."""
        self.sandbox.change(id_, path_, value)

    def fault(self, match: str, **members: Any) -> None:
        self.sandbox.faults = [*self.sandbox.faults, Fault(match=match, **members)]


@contextmanager
def ward(folder: Path, estate: str | Mapping[str, Any], speed: float = 1500.0) -> Iterator[Ward]:
    """Run a sandbox, and sign in to it."""
    with embedded(folder / "sandbox", estate=estate, speed=speed) as sandbox:
        cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
        with open_reader(cloud, **known) as reader:
            session = Session(reader, "*", cloud.endpoint, partial(open_writer, cloud, **known))
            yield Ward(sandbox, session, folder, speed)


def locks_of(state: Snapshot) -> dict[str, Json]:
    return {one: body["properties"] for one, body in state.items() if "/locks/" in one}


def blindly_repeated(sandbox: Sandbox, methods: Sequence[str] = ("POST", "PUT", "DELETE")) -> list[str]:
    """Return the writes that went out again after an answer that tells nothing, with no read in between."""
    found, unknown = [], set[str]()
    for one in ours(sandbox.requests):
        if not writes(one.method, path(one)):
            unknown.clear()
            continue
        name = f"{one.method} {path(one)}"
        if name in unknown and one.method in methods:
            found.append(name)
        if one.status == 0 or one.status >= 500 or one.status == 408:
            unknown.add(name)
    return found


POINTS: Final = {"count": 18, "every": 24, "newest": 32}
"""A full collection."""


def broken(name: str, failed: str, *, locks: Sequence[Any] = (), **of: Any) -> dict[str, Any]:
    """Describe an estate of one VM whose last backup failed with this code."""
    return estate(vm(name, failed, **of), locks=locks)


@dataclass
class Breaking:
    """A writer that breaks, as nothing should, at the nth call after its first write."""

    writer: Writer
    nth: int
    calls: int = 0
    wrote: bool = False

    @property
    def now(self) -> datetime:
        return self.writer.now

    @property
    def signed_in_for(self) -> float | None:
        return self.writer.signed_in_for

    def get(self, address: str, query: Mapping[str, str] | None = None) -> Json:
        self._count()
        return self.writer.get(address, query)

    def look(self, operation: str) -> Seen:
        self._count()
        return self.writer.look(operation)

    def send(self, request: Request, etag: str | None = None) -> Accepted:
        self._count()
        accepted = self.writer.send(request, etag)
        self.wrote = True
        self._count()
        return accepted

    def _count(self) -> None:
        self.calls += self.wrote
        if self.calls == self.nth:
            self.calls += 1
            self._break()

    def _break(self) -> NoReturn:
        raise MemoryError("the machine is at its end")


@dataclass
class Meddling(Breaking):
    """A writer beside which somebody does something once, right after its first write."""

    writer: Writer
    meddle: Any = None
    nth: int = 1

    def __init__(self, writer: Writer, meddle: Any) -> None:
        super().__init__(writer, 1)
        self.meddle = meddle

    def _break(self) -> None:  # type: ignore[override]  # it goes on
        self.meddle()
