"""One step: a last look, the intent on disk, the write, its operation to the end, and a look at what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential

from azremedy.apply import backups, expect
from azremedy.apply.keep import RULE, kept, left
from azremedy.apply.means import LONG, UNREADABLE, Means, Patience
from azremedy.apply.needs import Interrupted
from azremedy.arm import Accepted, ArmId, Json, Look
from azremedy.errors import WriteError
from azremedy.plan import Done, Outcome, Step, View

RUNNING_STATE: Final = frozenset({"restart", "redeploy", "deallocate", "poweroff", "start"})
"""The actions that change a VM's running state, in lower case."""

ETAGGED: Final = ("microsoft.network/", "microsoft.compute/virtualmachines")
"""Types whose writes ARM takes an If-Match for (arm-sdk §3.3); those below without an etag send none."""

IDEMPOTENT: Final = frozenset({"PUT", "DELETE"})
BUSY: Final = frozenset({"anotheroperationinprogress", "retryableerror"})
"""Codes with which ARM asks to come back later, in lower case."""

UNLOCKING: Final = timedelta(minutes=10)
"""How long `ScopeLocked` may go on after a lock is gone (arm-sdk §3.4)."""
BUSY_FOR: Final = timedelta(minutes=5)
ADOPTING: Final = timedelta(minutes=2)
"""How long a backup of unknown fate is looked for."""
TURNS: Final = 3
"""How often a write goes out whose etag was outdated, or whose deletion timed out behind ARM's yes (T25)."""

INTERRUPTED: Final = "Interrupted"
FATE_UNKNOWN: Final = "FateUnknown"


@dataclass(frozen=True, slots=True)
class Task:
    """
    A step where it stands in a run.

    `opens` is `close` or `keep` for a write that lifts a lock, `unlocked` says that a lock above it was just lifted.
    """

    key: str
    group: str
    step: Step
    opens: str | None = None
    unlocked: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a step; `executed` is False only where ARM surely did not carry it out; `read` is the body before."""

    done: Done
    executed: bool
    read: Json | None = None
    at: datetime | None = None


def attempt(means: Means, task: Task) -> Attempt:
    """Carry out one step, as far as it is safe."""
    try:
        with means.alone(task.step):
            if means.stop.told:
                raise Interrupted  # noqa: TRY301 - the wait above may have been long
            if why := _unsettled(means, task.step):
                return _unsent(means, task, Outcome.STALE, why)
            if why := _not_now(means, task.step):
                return _unsent(means, task, Outcome.DEFERRED, why)
            return _Sending(means, task).go()
    except Interrupted:
        return _unsent(means, task, Outcome.SKIPPED, "The run was told to stop.")
    except UNREADABLE as error:
        reason = f"What it changes could not be read, so nothing was sent: {error}"
        return _unsent(means, task, Outcome.FAILED, reason, getattr(error, "code", None))


def skipped(means: Means, task: Task, outcome: Outcome, reason: str) -> Done:
    """Note a step that is not sent."""
    return _unsent(means, task, outcome, reason).done


def _unsent(means: Means, task: Task, outcome: Outcome, reason: str, code: str | None = None) -> Attempt:
    return Attempt(noted(means, task, outcome, reason, code, executed=False), executed=False)


def noted(
    means: Means,
    task: Task,
    outcome: Outcome,
    reason: str | None = None,
    code: str | None = None,
    *,
    executed: bool = True,
) -> Done:
    """Note an outcome in the journal and return it; `executed` is False only for what was surely not carried out."""
    event = "confirmed" if outcome is Outcome.APPLIED else outcome.value
    members: dict[str, Json] = {"reason": reason, "code": code, "executed": executed}
    if outcome is Outcome.APPLIED:
        members = {"left": left(means.writer, task.step)}
    at = means.clock.now()
    means.journal.note(event, task.key, at, **members)
    return Done(task.group, task.step, outcome, reason, code, at)


def _unsettled(means: Means, step: Step) -> str | None:
    """
    Return why a running state is not to be changed: its condition must be seen twice, some time apart.

    The second time is the last look before the send.
    """
    if step.request.action.lower() not in RUNNING_STATE:
        return None
    if why := expect.unmet(means.writer, step.before):
        return why
    settle = means.settings.settle
    if settle > LONG:
        minutes = settle.total_seconds() / 60
        means.tell(f"{step.summary}: looked at once more in {minutes:.2g} min (--settle), and only then sent")
    means.patience(settle).sleep(settle.total_seconds())
    return None


def _not_now(means: Means, step: Step) -> str | None:
    """Return why a step has to wait for another day, or for a backup."""
    try:
        items = means.items_of(step.changes_vm) if step.changes_vm else ()
        for item in items:
            if why := backups.in_the_way(means.writer, item, whatever_the_schedule=means.settings.now):
                return f"{step.changes_vm.name if step.changes_vm else item.name} is left alone: {why}."
        if step.triggers_backup:
            today = backups.triggered_today(means.writer, step.triggers_backup)
            if today >= means.settings.backup_budget:
                return f"{today} backups of it were started by hand today (UTC), and the service takes nine a day."
    except UNREADABLE as error:
        return f"It could not be read whether a backup is in the way: {error}"
    return None


class _Sending:
    """A step from its last look on."""

    def __init__(self, means: Means, task: Task) -> None:
        self.means, self.task, self.step = means, task, task.step
        self.at = means.clock.now()
        self.patience = means.patience(self.step.within, self.step.summary)
        self.read: Json | None = None
        self.turns = 0
        self.accepted: Accepted | None = None
        self.uncertain = False
        """Whether it went out before, and may have been carried out."""

    def go(self) -> Attempt:
        etag, why = self._last_look()
        if why and self.uncertain:
            return self._looked_after(surely=False)
        if why:
            return _unsent(self.means, self.task, Outcome.STALE, why)
        self.turns += 1
        try:
            return self._taken(self._send(etag))
        except WriteError as error:
            return self._refused(error)

    def _last_look(self) -> tuple[str | None, str | None]:
        """Read what the plan was made for, note the intent; return the etag to send, and what is otherwise."""
        shown: expect.Shown = {}
        target = self.step.request.id
        if self.step.request.method != "POST":
            shown[target, View.RESOURCE] = expect.body(self.means.writer, target)
        etag = self._etag(shown.get((target, View.RESOURCE)))
        if why := expect.unmet(self.means.writer, self.step.before, shown=shown):
            return None, why
        self.read = shown.get((target, View.RESOURCE))
        self.at = self.means.clock.now()
        self.patience = self.means.patience(self.step.within, self.step.summary)
        body, opens = kept(self.step, shown), self.task.opens
        self.means.journal.intend(
            self.task.key, self.task.group, self.step, body=body, at=self.at, opens=opens
        )
        return etag, None

    def _etag(self, body: Json | None) -> str | None:
        """Return the etag to send, for types that have one: a rule that is still to be made has that of its NSG."""
        request = self.step.request
        if request.method == "POST" or not request.id.type.startswith(ETAGGED):
            return None
        if body is None and request.id.type == RULE:
            body = expect.body(self.means.writer, ArmId("/".join(request.id.text.split("/")[:-2])))
        etag: str | None = (body or {}).get("etag")
        return etag

    def _send(self, etag: str | None) -> Accepted:
        patience = self.means.patience(
            UNLOCKING if self.task.unlocked else BUSY_FOR, f"{self.step.summary}, as soon as ARM takes it"
        )

        def later(error: BaseException) -> bool:
            if not isinstance(error, WriteError) or error.executed is not False:
                return False
            code = error.code.lower()
            return code in BUSY or (code == "scopelocked" and self.task.unlocked)

        retrying = Retrying(
            retry=retry_if_exception(later),
            wait=wait_exponential(multiplier=2, max=30),
            stop=lambda _: patience.left <= 0,
            sleep=patience.sleep,
            retry_error_callback=_raised,
        )
        accepted: Accepted = retrying(self.means.writer.send, self.step.request, etag)
        self.means.journal.note("sent", self.task.key, self.means.clock.now(), operation=accepted.operation)
        return accepted

    def _taken(self, accepted: Accepted) -> Attempt:
        self.accepted = accepted
        try:
            look = follow(self.means, accepted, self.patience)
            if look and look.over and not look.succeeded:
                return self._operation_failed(look)
            surely = look.succeeded if look else accepted.status != 202
            return self._looked_after(surely=surely)
        except Interrupted:
            return self._interrupted()

    def _operation_failed(self, look: Look) -> Attempt:
        writer, step = self.means.writer, self.step
        deletes_points = (
            step.request.method == "DELETE" and "/restorepointcollections/" in step.request.id.key
        )
        try:
            if deletes_points and expect.unmet(writer, step.after, self.at) is None:
                return self._end(Outcome.APPLIED)
            if deletes_points and self.turns < TURNS and expect.unmet(writer, step.before) is None:
                self.uncertain = True
                return self.go()
        except UNREADABLE as error:
            return self._unknown(
                f"The operation ended {look.status}, and what it left could not be read: {error}"
            )
        reason = f"ARM took it, and the operation ended {look.status}: {look.reason or 'no reason is given'}"
        return self._end(Outcome.FAILED, reason, look.code)

    def _looked_after(self, *, surely: bool) -> Attempt:
        if not self.step.after:
            if surely:
                return self._end(Outcome.APPLIED)
            return self._end(Outcome.UNCONFIRMED, "ARM took it and named no operation that tells its end.")
        why = self.patience.until(lambda: expect.unmet(self.means.writer, self.step.after, self.at))
        if why is None:
            return self._end(Outcome.APPLIED)
        said = expect.said(self.means.writer, self.step, self.accepted)
        told = f" Its script wrote: {said}" if said else ""
        return self._end(Outcome.UNCONFIRMED, f"It was sent, and after {self.step.within} {why}.{told}")

    def _refused(self, error: WriteError) -> Attempt:
        if error.executed is None:
            return self._fate_unknown(error)
        if self.uncertain:
            try:
                return self._looked_after(surely=False)
            except Interrupted:
                return self._interrupted()
        if error.status == 412 and self.turns < TURNS:
            return self.go()
        if error.status == 412:
            return _unsent(
                self.means, self.task, Outcome.STALE, "It was changed by others again and again.", error.code
            )
        return _unsent(self.means, self.task, Outcome.FAILED, error.reason, error.code)

    def _fate_unknown(self, error: WriteError) -> Attempt:
        try:
            self.means.journal.note("unknown", self.task.key, self.means.clock.now(), reason=error.reason)
            inside = expect.looks_inside(self.step) and expect.telling(self.step)
            return self._looked_inside(error) if inside else self._found_out(error)
        except Interrupted:
            return self._interrupted()
        except UNREADABLE as unread:
            return self._unknown(f"{error.reason} What became of it could not be read: {unread}")

    def _found_out(self, error: WriteError) -> Attempt:
        """Read before anything else; send again only what may be sent twice and was not carried out."""
        if self.step.triggers_backup:
            if not adopted(self.means, self.task, self.at):
                return self._unknown(f"{error.reason} No backup that it started was found.")
            return self._looked_after(surely=True)
        writer = self.means.writer
        if not expect.telling(self.step):
            return self._unknown(f"{error.reason} Nothing that can be read tells whether ARM took it.")
        if expect.unmet(writer, self.step.after, self.at) is None:
            return self._end(Outcome.APPLIED)
        twice = self.step.request.method in IDEMPOTENT and self.turns == 1
        again = twice and not expect.under_way(writer, self.step.request.id)
        self.uncertain = True
        if again and expect.unmet(writer, self.step.before) is None:
            return self.go()
        why = self.patience.until(lambda: expect.unmet(writer, self.step.after, self.at))
        return self._end(Outcome.APPLIED) if why is None else self._unknown(f"{error.reason} Later {why}.")

    def _looked_inside(self, error: WriteError) -> Attempt:
        """Ask inside the VM until it answers: as long as the script runs there, Azure lets no other one in."""
        after = self.step.after
        why = self.patience.until(lambda: expect.unmet(self.means.writer, after, self.at))
        return self._end(Outcome.APPLIED) if why is None else self._unknown(f"{error.reason} Later {why}.")

    def _unknown(self, reason: str) -> Attempt:
        return self._end(Outcome.UNCONFIRMED, reason, FATE_UNKNOWN)

    def _interrupted(self) -> Attempt:
        reason = "The run was told to stop: `azremedy resume` looks at what came of it."
        done = Done(self.task.group, self.step, Outcome.UNCONFIRMED, reason, INTERRUPTED)
        return Attempt(done, executed=True, read=self.read, at=self.at)

    def _end(self, outcome: Outcome, reason: str | None = None, code: str | None = None) -> Attempt:
        return Attempt(
            noted(self.means, self.task, outcome, reason, code), executed=True, read=self.read, at=self.at
        )


def follow(means: Means, accepted: Accepted, patience: Patience) -> Look | None:
    """
    Follow the operation behind a write to its end, as patiently as ARM asks.

    Return the last look: not over where patience ended, None where there is no operation or it cannot be read.
    """
    if accepted.operation is None:
        return None
    look: Look | None = None
    pause = accepted.retry_after
    while patience.left > 0:
        patience.sleep(pause if pause is not None else 2.0)
        try:
            look = means.writer.look(accepted.operation)
        except UNREADABLE:
            return None
        if look.over:
            return look
        pause = look.retry_after or 5.0
    return look


def adopted(means: Means, task: Task, since: datetime) -> bool:
    """Look for the backup that a trigger of unknown fate started, and note it as that trigger's."""
    item = task.step.triggers_backup
    found: list[backups.Job] = []

    def unmet() -> str | None:
        found[:] = backups.jobs(means.writer, item, since, operation=backups.BACKUP_JOB)[:1] if item else []
        return None if found else "no backup was found"

    if (
        means.patience(ADOPTING, f"{task.step.summary}, of which it is not known whether it began").until(
            unmet
        )
        is not None
    ):
        return False
    means.journal.note("sent", task.key, means.clock.now(), job=str(found[0].id))
    return True


def _raised(state: RetryCallState) -> Accepted:
    if state.outcome is None:
        raise RuntimeError("nothing was tried")
    accepted: Accepted = state.outcome.result()
    return accepted
