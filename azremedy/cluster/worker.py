"""What runs on a worker: a seat for each run, with one session, and the reading of one subscription in it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import Any

from distributed import WorkerPlugin, get_worker

from azremedy import __version__, fleet, saved
from azremedy.cluster import travel as travel  # noqa: PLC0414 - who loads this module can send and receive answers
from azremedy.errors import AzremedyError, Incomplete
from azremedy.question import Question
from azremedy.resources import Subscription
from azremedy.scan import Scan
from azremedy.session import Session, connect


@dataclass(frozen=True, slots=True)
class Order:
    """
    What a run wants of its workers: data, and nothing secret.

    `cloud` is the address of ARM, `in_flight` the number of requests of a worker at once, `deadline` the number of
    seconds after which it reads no more. With `estates` what was read comes back beside what is said of it.
    """

    question: Question
    cloud: str
    tenant: str | None
    in_flight: int
    deadline: float | None = None
    estates: bool = False
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of a subscription, and what was read of it, packed (see `azremedy.saved.pack`)."""

    scan: Scan
    estate: bytes | None = None


class Seat(WorkerPlugin):
    """The place of a run at a worker. Its threads share one session, and with it the quota, and the memory."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def setup(self, worker: Any) -> None:
        """Take a place, without signing in: that waits for the first subscription."""
        self.address = worker.address
        self._lock, self._stack, self._room = Lock(), ExitStack(), fleet.Room()
        self._session: Session | None = None
        self._over = False

    async def teardown(self, worker: Any) -> None:  # noqa: ARG002 - Dask's signature
        """End the run here: whoever still reads is woken up, and nothing more is read."""
        self._room.close()
        await asyncio.to_thread(self._close)

    def __getstate__(self) -> dict[str, Any]:
        return {"order": self.order}

    def read(self, subscription: Subscription) -> Answer:
        """Read one subscription and judge it. Raises `AzremedyError` as a scan of this machine's own would."""
        session, order = self.session(), self.order
        with self._room.entered(subscription.id) as sized:
            estate, scan = order.question.ask(session, subscription, sized=sized)
        return Answer(scan, saved.pack(estate) if order.estates else None)

    def session(self) -> Session:
        """Return the session that all threads share; the first one signs in."""
        with self._lock:
            if self._over:
                raise Incomplete("The run was ended before this was read.")
            if self._session is None:
                self._session = self._stack.enter_context(self._opened())
            return self._session

    def _close(self) -> None:
        with self._lock:
            self._over = True
            self._stack.close()

    def _opened(self) -> Any:
        order = self.order
        if order.version != __version__:
            raise AzremedyError(
                f"The worker {self.address} runs azremedy {__version__}, and this is {order.version}."
            )
        return connect(order.cloud, tenant=order.tenant, deadline=order.deadline, workers=order.in_flight)


def read(run: str, subscription: Subscription) -> Answer | AzremedyError:
    """
    Read one subscription in the seat of a run on this worker.

    What goes wrong on purpose is returned: raised, it would fill the worker's log. What goes wrong with signing in
    says where.
    """
    worker = get_worker()
    seat = worker.plugins.get(run)
    if not isinstance(seat, Seat):
        return AzremedyError(
            f"The worker {worker.address} could not take a seat in this run: does it run the same image?"
        )
    try:
        seat.session()
    except AzremedyError as error:
        error.args = (f"On the worker {worker.address}: {error}",)
        return error
    try:
        return seat.read(subscription)
    except AzremedyError as error:
        return error
