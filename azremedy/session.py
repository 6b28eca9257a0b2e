"""
Signed in and ready to read: what the command line runs on, and the way to use azremedy from Python.

    from azremedy.session import connect

    with connect(cloud="sandbox") as azure:
        for found in azure.scan("demo").diagnoses:
            print(found.finding.severity, found.finding.vm.name, found.finding.message)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from azremedy.azure import (
    ArmReader,
    ClientSecret,
    find_cloud,
    management_groups,
    open_reader,
    open_writer,
    subscriptions,
)
from azremedy.collect import Graph, Progress, Reading, Swept, collect
from azremedy.errors import AzremedyError
from azremedy.estate import Estate
from azremedy.playbook import Playbook, load, outside
from azremedy.resources import Read, Subscription, Unread
from azremedy.scan import Scan, evaluate, needs
from azremedy.selection import EVERYTHING, Selection
from azremedy.suppression import Suppression

if TYPE_CHECKING:
    from azremedy.asking import Inside
    from azremedy.azure.writer import ArmWriter

WORKERS = 16
"""Requests in flight at once: what ARM's refill rate can use, with room for its latency."""

WEEK = timedelta(days=7)


class Session:
    """One cloud, signed in. Make it with `connect`."""

    def __init__(
        self,
        reader: ArmReader,
        default: str | None,
        cloud: str,
        writer: Callable[[], ArmWriter],
        workers: int = WORKERS,
    ) -> None:
        self.reader = reader
        self.default = default
        self.cloud = cloud
        """The address of ARM, or `sandbox` for the embedded one, whose port is never the same."""
        self.writer = writer
        """Signs in once more, to write; whoever calls it hands what it returns to `azremedy.apply` alone."""
        self.workers = workers
        self.asked = 0
        """Requests that found subscriptions and are not counted in a reading yet."""

    def subscriptions(self, named: Sequence[str] = ()) -> tuple[Subscription, ...]:
        """
        Return the subscriptions of these names or ids (`*`: every enabled one), or the default one.

        The default is AZURE_SUBSCRIPTION_ID, else that of the `az` profile. Raises `AzremedyError` when there is
        none, `AmbiguousSubscription` for a name that fits none or several, `Incomplete` for an id that ARM does not
        show to this identity.
        """
        if not named and self.default is None:
            raise AzremedyError(
                "No subscription is named: give --subscription, or set AZURE_SUBSCRIPTION_ID, or run `az account set`."
            )
        before = self.reader.sent
        found = subscriptions.find(self.reader, named or [self.default or ""])
        self.asked += self.reader.sent - before
        return found

    def under(self, groups: Sequence[str]) -> tuple[tuple[Subscription, ...], tuple[Unread, ...]]:
        """Return the subscriptions under these management groups, and what of them ARM hides (see `management_groups`)."""
        before = self.reader.sent
        found = management_groups.under(self.reader, groups)
        self.asked += self.reader.sent - before
        return found

    def graph(self, subscriptions: Sequence[Subscription]) -> Graph:
        """Return what Azure Resource Graph holds of these subscriptions, to be asked when the first of it is wanted."""
        return Graph(self.reader, subscriptions)

    def read(
        self,
        subscription: Subscription,
        *,
        playbooks: Sequence[Playbook[Any]] | None = None,
        more: frozenset[Read] = frozenset(),
        lookback: timedelta = WEEK,
        deep: bool = False,
        selection: Selection = EVERYTHING,
        progress: Progress | None = None,
        listed: Callable[[Estate], object] = lambda _: None,
        sized: Callable[[int], object] = lambda _: None,
        swept: Swept | None = None,
    ) -> Reading:
        """
        Read what these playbooks (default: all that look at nothing inside VMs) need of a subscription, and `more`. See `azremedy.collect.collect`.

        The first reading counts the requests that found the subscriptions with its own.
        """
        chosen = outside() if playbooks is None else playbooks
        reading = collect(
            self.reader,
            subscription,
            reads=needs(chosen) | selection.needs | more,
            lookback=lookback,
            deep=deep,
            wanted=selection.within,
            workers=self.workers,
            progress=progress,
            listed=listed,
            sized=sized,
            swept=swept,
            doubts=lambda estate: (said.vm for playbook in chosen for said in playbook.detect(estate)),
        )
        return replace(reading, calls=self.charged(reading.calls))

    def charged(self, calls: Mapping[Read, int]) -> Mapping[Read, int]:
        """Return requests with those that found the subscriptions, unless another reading was charged with them."""
        asked, self.asked = self.asked, 0
        return {Read.SUBSCRIPTION: asked, **calls} if asked else calls

    def examine(
        self,
        subscription: Subscription,
        *,
        playbooks: Sequence[Playbook[Any]] | None = None,
        more: frozenset[Read] = frozenset(),
        lookback: timedelta = WEEK,
        deep: bool = False,
        selection: Selection = EVERYTHING,
        suppressions: Sequence[Suppression] = (),
        whole: bool = False,
        progress: Progress | None = None,
        listed: Callable[[Estate], object] = lambda _: None,
        sized: Callable[[int], object] = lambda _: None,
        inside: Inside | None = None,
        swept: Swept | None = None,
    ) -> tuple[Estate, Scan]:
        """
        Read a subscription, and return what was read and what the playbooks say of it.

        Without `playbooks` these are all that look at nothing inside VMs. With `inside` every VM of the selection is
        looked at closely and asked from inside, and all playbooks speak (see `azremedy.asking`); the session must have been
        opened with `guests`. `swept` is what Resource Graph told of it (see `graph`). `whole` looks closely at every suspect, though only those of `selection` are spoken of. Times
        are ARM's, so that a skewed clock here shows nowhere.
        """
        every = outside() if inside is None else tuple(load().values())
        chosen = every if playbooks is None else playbooks
        began = monotonic()
        made = self.read(
            subscription,
            playbooks=chosen,
            more=more | selection.needs,
            lookback=lookback,
            deep=deep or inside is not None,
            selection=EVERYTHING if whole and inside is None else selection,
            progress=progress,
            listed=listed,
            sized=sized,
            swept=swept,
        )
        if inside is not None:
            from azremedy.asking import asked  # noqa: PLC0415 - what writes a journal is loaded when VMs are asked

            made = asked(self.reader, made, selection.within(made.estate), inside, progress)
        finished = self.reader.now
        scan = evaluate(
            made.estate,
            chosen,
            selection=selection,
            suppressions=suppressions,
            whole=playbooks is None,
            calls=made.calls,
            started=finished - timedelta(seconds=monotonic() - began),
            finished=finished,
        )
        return made.estate, scan

    def scan(
        self,
        subscription: str | Subscription = "",
        *,
        playbooks: Sequence[Playbook[Any]] | None = None,
        lookback: timedelta = WEEK,
        deep: bool = False,
        selection: Selection = EVERYTHING,
        progress: Progress | None = None,
    ) -> Scan:
        """Read a subscription (default: see `subscriptions`) and return what the playbooks say of it, as `examine` does."""
        if isinstance(subscription, str):
            [subscription] = self.subscriptions([subscription] if subscription else ())
        return self.examine(
            subscription,
            playbooks=playbooks,
            lookback=lookback,
            deep=deep,
            selection=selection,
            progress=progress,
        )[1]


@dataclass(frozen=True, slots=True)
class Door:
    """Which ARM is meant and what to sign in with; `secret` is None where the environment signs in."""

    cloud: str | None
    environ: Mapping[str, str]
    ca: Path | None = None
    secret: ClientSecret | None = None
    default: str | None = None
    """The subscription that is meant where none is named, if that is not for the environment to say."""
    called: str | None = None


@contextmanager
def door(cloud: str | None, environ: Mapping[str, str] | None = None) -> Iterator[Door]:
    """Yield the door to a cloud (see `connect`); that of `sandbox` is open while the block lasts."""
    if cloud != "sandbox":
        yield Door(cloud, os.environ if environ is None else environ)
        return
    from azremedy.sandbox import embedded  # noqa: PLC0415 - an extra that only this cloud needs

    with embedded() as sandbox:
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        yield Door(sandbox.url, {}, sandbox.ca, secret, default="*", called=cloud)


@contextmanager
def connect(
    cloud: str | None = None,
    *,
    tenant: str | None = None,
    deadline: float | None = None,
    log: Callable[[str], None] | None = None,
    environ: Mapping[str, str] | None = None,
    workers: int = WORKERS,
    guests: bool = False,
) -> Iterator[Session]:
    """
    Sign in to a cloud and yield a session that can read.

    `cloud` is `public` (the default, unless AZURE_RESOURCE_MANAGER_ENDPOINT names another), `usgov`, `china`, the https address of an ARM endpoint, or `sandbox`, which starts the
    embedded sandbox in this process. `workers` is the number of requests in flight at once. `deadline` is the number of
    seconds after which no more is read. `log` gets a line for each request, without secrets. `guests` lets it send
    azremedy's probes into VMs. Raises `SignInError` without a usable credential and `Incomplete` where
    the endpoint does not answer as ARM.
    """
    with ExitStack() as stack:
        at = stack.enter_context(door(cloud, environ))
        began = monotonic()
        found = find_cloud(at.cloud, ca=at.ca, deadline=deadline, environ=at.environ)
        left = None if deadline is None else deadline - (monotonic() - began)
        known: dict[str, Any] = {
            "tenant": tenant, "secret": at.secret, "ca": at.ca, "log": log, "workers": workers,
            "environ": at.environ,
        }  # fmt: skip
        reader = stack.enter_context(open_reader(found, deadline=left, guests=guests, **known))
        yield Session(
            reader,
            at.default or subscriptions.default_subscription(at.environ, found.name),
            at.called or found.endpoint,
            partial(open_writer, found, **known),
            workers,
        )
