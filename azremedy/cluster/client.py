"""The side that asks: it joins a cluster, hands out subscriptions, and takes answers as they come."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias

import dask.config
from dask.utils import parse_timedelta
from distributed import CancelledError, Client, KilledWorker, as_completed
from distributed.security import Security
from distributed.versions import VersionMismatchWarning

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


def each(
    address: str, order: Order, subscriptions: Sequence[Subscription], *, debug: bool = False
) -> Iterator[tuple[Subscription, Answer | Incomplete]]:
    """
    Yield each subscription with a worker's answer, as soon as there is one.

    One that cannot be read costs only itself: its `Incomplete` is yielded; so is one whose workers were lost again and
    again, or that nobody is left to read. Raises `Incomplete` where there is no scheduler or no worker, `SignInError`
    where a worker cannot sign in, `AzremedyError` where the machines do not fit together.
    """
    if not subscriptions:
        return
    with joined(address, debug=debug) as client, seated(client, order) as run:
        yield from answers(client, run, subscriptions, order.deadline)


def patience() -> float:
    """Return the seconds that a scheduler, and then a worker, is waited for: Dask's own setting."""
    return float(parse_timedelta(dask.config.get("distributed.comm.timeouts.connect")))


@contextmanager
def joined(address: str, *, debug: bool) -> Iterator[Joined]:
    """Yield a client of the scheduler at an address, with at least one worker that runs what this machine runs."""
    if not debug:
        hush()
    security = trusted(address)
    try:
        client = Client(address, security=security, timeout=patience(), set_as_default=False, name=NAME)
    except OSError as error:
        raise Incomplete(f"No Dask scheduler answers at {address}: {first_line(error)}.") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=patience())
        except TimeoutError as error:
            raise Incomplete(f"No worker is at the Dask scheduler at {address}: start some first.") from error
        refuse_others(client)
        yield client


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
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def refuse_others(client: Joined) -> None:
    """Raise `AzremedyError` where the scheduler or a worker has another azremedy or Dask than this machine, or none."""
    for package in PACKAGES:
        own = version(package)
        try:
            there = {"the scheduler": client.run_on_scheduler(version, package)}
        except PackageNotFoundError as missing:
            there = {"the scheduler": missing}
        told = client.run(version, package, on_error="return")
        there |= {f"the worker {address}": found for address, found in told.items()}
        for where, found in there.items():
            if found != own:
                has = "is not installed" if isinstance(found, Exception) else f"is {found}"
                raise AzremedyError(f"On {where} {package} {has}, and here it is {own}: {SAME}.")


@contextmanager
def seated(client: Joined, order: Order) -> Iterator[str]:
    """Have a seat for this run at every worker, also at those to come, while the block lasts; yield the run's name."""
    run = str(client.id)
    for left in client.run_on_scheduler(forsaken):
        client.unregister_worker_plugin(left)
    client.register_plugin(Seat(order), name=run)
    try:
        yield run
    finally:
        with suppress(OSError, TimeoutError, ValueError, RuntimeError):
            client.unregister_worker_plugin(run)


def forsaken(dask_scheduler: Any) -> list[str]:
    """Return the runs that still have seats, although whoever asked for them is gone."""
    seats = (name for name in dask_scheduler.worker_plugins if name.startswith(f"Client-{NAME}-"))
    return [name for name in seats if name not in dask_scheduler.clients]


def answers(
    client: Joined, run: str, subscriptions: Sequence[Subscription], deadline: float | None
) -> Iterator[tuple[Subscription, Answer | Incomplete]]:
    """
    Hand out the subscriptions and yield what comes back.

    Those whose workers were lost again and again are handed out once more at the end, each alone: with a worker that one
    of them ends, all go that it had, and most are not to blame.
    """
    watch, doubtful = Watch(partial(workers, client), patience(), deadline), list[Subscription]()
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

    `workers` tells how many there are. Where there are none, others are waited for with `patience`; `deadline`,
    `patience` and `look`, the time between two looks, are in seconds.
    """

    def __init__(
        self, workers: Callable[[], int], patience: float, deadline: float | None, *, look: float = LOOK
    ) -> None:
        self._workers, self._patience, self._deadline, self._look = workers, patience, deadline, look
        self._began = self._looked = self._alive = time.monotonic()

    def answered(self) -> None:
        """Take in that somebody is there: an answer came."""
        self._looked = self._alive = time.monotonic()

    def over(self) -> ReadError | None:
        """Wait a little; return why nothing more is waited for, if so."""
        time.sleep(PAUSE)
        now = time.monotonic()
        if self._deadline is not None and now > self._began + self._deadline + GRACE:
            return ReadError(
                f"The deadline of {self._deadline:g} s left no time to read this.", code="DeadlineReached"
            )
        if now < self._looked + self._look:
            return None
        self._looked = now
        if self._workers():
            self._alive = now
        elif now > self._alive + self._patience:
            return ReadError("No worker is left to read this.", code="NoWorker")
        return None


def workers(client: Joined) -> int:
    """Return how many workers there are; none where the scheduler does not answer."""
    try:
        return len(client.nthreads())
    except (OSError, TimeoutError, RuntimeError):
        return 0


def first_line(error: BaseException) -> str:
    """Return what an error says, without its details."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
