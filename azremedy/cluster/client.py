"""The side that asks: it joins a cluster, hands out subscriptions, and takes answers as they come."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from math import inf
from typing import Any, TypeAlias

import dask.config
from dask.utils import parse_timedelta
from distributed import CancelledError, Client, KilledWorker, as_completed
from distributed.security import Security
from distributed.versions import VersionMismatchWarning

from azremedy.azure import within
from azremedy.cluster.worker import Answer, Order, Seat, read
from azremedy.errors import AzremedyError, Incomplete, ReadError
from azremedy.resources import Subscription

NAME = "azremedy"
"""What a client is called at the scheduler; its id holds it, and names the run."""

Joined: TypeAlias = Any
"""A `distributed.Client`. Its methods are annotated for the way in which they are awaited, too, so as nothing."""

PACKAGES = ("azremedy", "distributed")
"""What must be of one version on every machine: what travels is made of both."""

SAME = "let all machines run the same image"

LOST = "WorkersLost"
"""The code of a gap: every worker that read this was lost while it did."""

PAUSE, LOOK, GRACE = 0.02, 2.0, 5.0
"""Seconds between two looks for answers, two looks for workers, and from the deadline to the end of waiting."""

LEAVING = 5.0
"""Seconds that the workers, and then the scheduler, have to take in that a run is over: who hangs keeps nobody."""

MOMENT = 0.01
"""Seconds that a question has at least: none at all would mean no limit to some of Dask's methods."""


def each(
    address: str, order: Order, subscriptions: Sequence[Subscription], *, debug: bool = False
) -> Iterator[tuple[Subscription, Answer | Incomplete]]:
    """
    Yield each subscription with a worker's answer, as soon as there is one.

    One that cannot be read costs only itself: its `Incomplete` is yielded; so is one whose workers were lost again and
    again, that nobody is left to read, or that was not read by the deadline. Raises `Incomplete` where there is no scheduler or no worker, `SignInError`
    where a worker cannot sign in, `AzremedyError` where the machines do not fit together.
    """
    if not subscriptions:
        return
    deadline = Deadline(order.deadline)
    with ExitStack() as stack:
        try:
            client = stack.enter_context(joined(address, deadline, debug=debug))
            run = stack.enter_context(seated(client, order, deadline))
        except ReadError as late:
            yield from ((one, late) for one in subscriptions)
            return
        yield from answers(client, run, subscriptions, deadline)


def patience() -> float:
    """Return the seconds that a scheduler, and then a worker, is waited for: Dask's own setting."""
    return float(parse_timedelta(dask.config.get("distributed.comm.timeouts.connect")))


class Deadline:
    """The end of a run, from joining to the last answer, in `seconds` from now; without it a run takes what it takes."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._end = inf if seconds is None else time.monotonic() + seconds

    def within(self, seconds: float) -> float:
        """Return so many seconds, or those that are left where they are fewer."""
        return max(MOMENT, min(seconds, self._end - time.monotonic()))

    @property
    def left(self) -> float | None:
        """The seconds that are left; None where there is no end."""
        return None if self._seconds is None else self.within(self._seconds)

    def over(self, *, grace: float = 0.0) -> bool:
        """Whether it passed so many seconds ago."""
        return time.monotonic() > self._end + grace

    def late(self, because: str = "left no time to read this") -> ReadError:
        """Return what is said of a subscription that was not read for it."""
        return ReadError(f"The deadline of {self._seconds:g} s {because}.", code="DeadlineReached")


def asked(client: Joined, deadline: Deadline, ask: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """
    Return what `ask`, a method of the client, returns. Raises `ReadError` where the deadline passes before all answered.

    A worker that hangs is waited for, until the scheduler gives it up.
    """
    try:
        return client.sync(ask, *given, callback_timeout=deadline.left, **named)
    except TimeoutError:
        if not deadline.over():
            raise
        raise deadline.late("passed before every machine of the cluster had answered: one may hang") from None


@contextmanager
def joined(address: str, deadline: Deadline, *, debug: bool) -> Iterator[Joined]:
    """Yield a client of the scheduler at an address, with at least one worker that runs what this machine runs."""
    if not debug:
        hush()
    client = called(address, deadline.within(patience()))
    try:
        wait = deadline.within(patience())
        try:
            client.sync(client.wait_for_workers, 1, timeout=wait, callback_timeout=wait + 1)
        except TimeoutError as error:
            raise Incomplete(f"No worker is at the Dask scheduler at {address}: start some first.") from error
        refuse_others(client, deadline)
        yield client
    finally:
        left(client)


def left(client: Joined) -> None:
    """Leave the cluster; a scheduler that hangs is not waited for."""
    try:
        client.close(timeout=LEAVING)
    except TimeoutError:
        client.status = "closed"  # or its destructor would wait once more, and longer


def called(address: str, wait: float) -> Joined:
    """Return a client of the scheduler at an address. Raises `Incomplete` where it does not answer in time."""
    security = trusted(address)
    try:
        # Dask itself waits without end for a scheduler that takes a connection and then says nothing.
        return within(
            wait + 1,
            lambda: Client(address, security=security, timeout=wait, set_as_default=False, name=NAME),
        )
    except ReadError:
        raise Incomplete(
            f"No Dask scheduler answers at {address}: it said nothing for {wait:.3g} s."
        ) from None
    except OSError as error:
        raise Incomplete(f"No Dask scheduler answers at {address}: {first_line(error)}.") from error


def trusted(address: str) -> Security:
    """Return what Dask's own settings say of certificates. Raises `AzremedyError` where `tls://` lacks them."""
    try:
        security = Security()
        context = security.get_connection_args("client")["ssl_context"]
    except (OSError, ValueError, TypeError) as error:
        raise AzremedyError(f"Dask's settings of certificates make no sense: {first_line(error)}.") from error
    if address.startswith("tls:") and context is None:
        raise AzremedyError(
            f"{address} needs the certificates of Dask's own settings: DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
            "and …__CLIENT__CERT and …__CLIENT__KEY beside it."
        )
    if address.startswith("tcp:") and security.require_encryption:
        raise AzremedyError(f"Dask's own settings ask for encryption, and {address} has none: give tls://…")
    return security


def hush() -> None:
    """Let Dask not speak of what azremedy says in a sentence."""
    warnings.simplefilter("ignore", VersionMismatchWarning)
    for name in ("distributed", "tornado.application", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"distributed", "tornado"}:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def refuse_others(client: Joined, deadline: Deadline) -> None:
    """Raise `AzremedyError` where the scheduler or a worker has another azremedy or Dask than this machine, or none."""
    for package in PACKAGES:
        own = version(package)
        try:
            there = {"the scheduler": asked(client, deadline, client.run_on_scheduler, version, package)}
        except PackageNotFoundError as missing:
            there = {"the scheduler": missing}
        told = asked(client, deadline, client.run, version, package, on_error="return")
        there |= {f"the worker {address}": found for address, found in told.items()}
        for where, found in there.items():
            if found != own:
                has = "is not installed" if isinstance(found, Exception) else f"is {found}"
                raise AzremedyError(f"On {where} {package} {has}, and here it is {own}: {SAME}.")


@contextmanager
def seated(client: Joined, order: Order, deadline: Deadline) -> Iterator[str]:
    """Have a seat for this run at every worker, also at those to come, while the block lasts; yield the run's name."""
    run = str(client.id)
    for former in asked(client, deadline, client.run_on_scheduler, forsaken):
        asked(client, deadline, client.unregister_worker_plugin, former)
    try:
        seat = Seat(replace(order, deadline=deadline.left))
        asked(client, deadline, client.register_plugin, seat, name=run)
        yield run
    finally:
        with suppress(OSError, TimeoutError, ValueError, RuntimeError):
            client.sync(client.unregister_worker_plugin, run, callback_timeout=LEAVING)


def forsaken(dask_scheduler: Any) -> list[str]:
    """Return the runs that still have seats, although whoever asked for them is gone."""
    seats = (name for name in dask_scheduler.worker_plugins if name.startswith(f"Client-{NAME}-"))
    return [name for name in seats if name not in dask_scheduler.clients]


def answers(
    client: Joined, run: str, subscriptions: Sequence[Subscription], deadline: Deadline
) -> Iterator[tuple[Subscription, Answer | Incomplete]]:
    """
    Hand out the subscriptions and yield what comes back.

    Those whose workers were lost again and again are handed out once more at the end, each alone: with a worker that one
    of them ends, all go that it had, and most are not to blame.
    """
    watch = Watch(partial(workers, client, deadline), patience(), deadline)
    doubtful = list[Subscription]()
    for one, answer in handed_out(client, run, subscriptions, watch):
        if isinstance(answer, ReadError) and answer.code == LOST:
            doubtful.append(one)
        else:
            yield one, answer
    for one in doubtful:
        yield from handed_out(client, run, [one], watch, "-alone")


def handed_out(
    client: Joined, run: str, subscriptions: Sequence[Subscription], watch: Watch, mark: str = ""
) -> Iterator[tuple[Subscription, Answer | Incomplete]]:
    """Hand out subscriptions together and yield what comes back; what is still out at the end is called off."""
    keys = [f"{run}-{one.id.name}{mark}" for one in subscriptions]
    out = dict(
        zip(
            client.map(read, [run] * len(keys), subscriptions, key=keys, pure=False),
            subscriptions,
            strict=True,
        )
    )
    done = as_completed(out, loop=client.loop, with_results=True, raise_errors=False)
    try:
        while out:
            batch = done.next_batch(block=False)
            yield from ((out.pop(future), told(result)) for future, result in batch)
            if batch:
                watch.answered()
            elif over := watch.over():
                yield from ((one, over) for one in out.values())
                return
    finally:
        with suppress(OSError, TimeoutError, RuntimeError):
            client.cancel(list(out))


def told(result: Any) -> Answer | Incomplete:
    """Return what a future holds. Raises what ends all."""
    match result:
        case Answer() | Incomplete():
            return result
        case AzremedyError():
            raise result
        case (_, KilledWorker() as killed, _):
            return ReadError(
                f"{killed.allowed_failures + 1} workers were lost one after the other while they read this: "
                "see why in their logs, and whether they have memory enough.",
                code=LOST,
            )
        case (_, ModuleNotFoundError() as missing, _):
            raise AzremedyError(f"On a worker that joined {missing.name} is not installed: {SAME}.")
        case (_, Exception() as error, _):
            raise error
        case CancelledError():
            return ReadError("The scheduler was lost before this was read.", code="SchedulerLost")
        case _:
            raise TypeError(f"A worker answered {type(result).__name__}.")


class Watch:
    """
    What is looked at while no answer comes: the deadline, and whether anybody is left to answer.

    `workers` tells how many there are. Where there are none, others are waited for with `patience`; that and `look`,
    the time between two looks, are in seconds.
    """

    def __init__(
        self, workers: Callable[[], int], patience: float, deadline: Deadline, *, look: float = LOOK
    ) -> None:
        self._workers, self._patience, self._deadline, self._look = workers, patience, deadline, look
        self._looked = self._alive = time.monotonic()

    def answered(self) -> None:
        """Take in that somebody is there: an answer came."""
        self._looked = self._alive = time.monotonic()

    def over(self) -> ReadError | None:
        """Wait a little; return why nothing more is waited for, if so."""
        time.sleep(PAUSE)
        now = time.monotonic()
        if self._deadline.over(grace=GRACE):
            return self._deadline.late()
        if now < self._looked + self._look:
            return None
        self._looked = now
        if self._workers():
            self._alive = now
        elif now > self._alive + self._patience:
            return ReadError("No worker is left to read this.", code="NoWorker")
        return None


def workers(client: Joined, deadline: Deadline) -> int:
    """Return how many workers there are; none where the scheduler does not answer."""
    try:
        return len(client.sync(client.nthreads, callback_timeout=deadline.within(patience())))
    except (OSError, TimeoutError, RuntimeError):
        return 0


def first_line(error: BaseException) -> str:
    """Return what an error says, without its details."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
