"""Brackets: a lock is lifted, the body runs, and the same lock is put back, whatever happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from azremedy.addressing import quoted, version
from azremedy.apply import expect, shell
from azremedy.apply.attempt import Attempt, Task, attempt, noted
from azremedy.apply.keep import writable
from azremedy.apply.means import UNREADABLE, Means, Patience
from azremedy.apply.needs import Interrupted
from azremedy.apply.nodes import Place, Walked
from azremedy.apply.rights import too_short
from azremedy.arm import ArmId, Json, Reader, Request
from azremedy.errors import AzremedyError, WriteError
from azremedy.paging import listed
from azremedy.plan import Bracket, Done, Node, Outcome, Unlocked, steps

CLOSING: Final = timedelta(minutes=10)
"""How long putting a lock back is tried."""
HURRIED: Final = timedelta(minutes=1)
"""The same, where the process was told to end."""
BRIEF: Final = timedelta(seconds=10)
LAG: Final = timedelta(minutes=2)
"""How long a lock that was put back may seem to be missing (arm-sdk §3.4)."""

SAID_EVERY: Final = timedelta(minutes=10)
"""How long it is waited under a lifted lock without a word."""

Walk = Callable[[Means, Place, Sequence[Node]], Walked]
Skip = Callable[[Means, Place, Sequence[Node], str], list[Done]]


def bracketed(means: Means, place: Place, bracket: Bracket, walk: Walk, skip: Skip) -> Walked:
    """Carry out a bracket: open it, `walk` its body, wait until it is over, close it."""
    with ExitStack() as held:
        if not any(isinstance(node, Bracket) for node in bracket.body):
            held.enter_context(_in_turn(means, bracket))
        return _held(means, place, bracket, walk, skip, held)


@contextmanager
def _in_turn(means: Means, bracket: Bracket) -> Iterator[None]:
    """Hold what the body writes to from before the lock is lifted: nobody waits for others while a scope is open."""
    means.slots.release()
    with ExitStack() as held:
        try:
            held.enter_context(means.alone(*steps(*bracket.body)))
        finally:
            means.slots.acquire()
        yield


def _held(  # noqa: PLR0917 - those of `bracketed`, and what is held while the body is walked
    means: Means, place: Place, bracket: Bracket, walk: Walk, skip: Skip, held: ExitStack
) -> Walked:
    lock = bracket.open.request.id
    opens = "keep" if bracket.keep_open else "close"
    task = Task(place.opening.key, place.group, bracket.open, opens, place.unlocked)
    opened = _opened(means, task, lock)
    if opened.done.outcome is not Outcome.APPLIED:
        if opened.executed and opens == "close":
            close(means, task.key, lock, opened.read, opened.at)
        rest = skip(means, place, bracket.body, "The lock above it was not lifted.")
        return Walked([opened.done, *rest], goes_on=False, waits=False)
    done, closed = opened.done, True
    walked = Walked(goes_on=False)
    try:
        try:
            walked = walk(means, replace(place, unlocked=True), bracket.body)
        finally:
            held.close()
            means.slots.release()  # who waits lets others write, and nobody has to wait to close
        done = _over(means, task, bracket, opened, walked)
    finally:
        try:
            if bracket.keep_open:
                _kept_open(means, task, opened)
            else:
                closed = close(means, task.key, lock, opened.read, opened.at)
        finally:
            means.slots.acquire()
    goes_on = walked.goes_on and done.outcome is Outcome.APPLIED and closed
    return Walked([done, *walked.done], goes_on=goes_on, waits=walked.waits)


def _opened(means: Means, task: Task, lock: ArmId) -> Attempt:
    body: Json | None = None
    try:
        if not means.stop.told and (wider := wider_read_only(means.writer, lock)):
            reason = f"The lock {wider.name} on {wider.scope} is ReadOnly: while it is there, this one could not be put back."
            return Attempt(noted(means, task, Outcome.STALE, reason, executed=False), executed=False)
        if task.opens == "close" and (why := too_short(means.writer, means.settings.max_unlocked)):
            reason = f"It was not lifted: {why}"
            return Attempt(noted(means, task, Outcome.FAILED, reason, executed=False), executed=False)
        if not means.stop.told and (body := expect.body(means.writer, lock)):
            means.tell(
                f"If this run does not put the lock {lock.name} back, this does: {command(lock, body)}"
            )
    except UNREADABLE as error:
        reason = f"The locks could not be read, so nothing was sent: {error}"
        code = getattr(error, "code", None)
        done = noted(means, task, Outcome.FAILED, reason, code, executed=False)
        return Attempt(done, executed=False)
    try:
        return attempt(means, task)
    except BaseException:  # whatever broke, the lock may be off by now
        if task.opens == "close":
            close(means, task.key, lock, body, None)
        raise


def _over(means: Means, task: Task, bracket: Bracket, opened: Attempt, walked: Walked) -> Done:
    """Wait until the body is over; return what became of the opening."""
    done = opened.done
    if not bracket.until or not walked.waits:
        return done
    limit, lock = means.settings.max_unlocked, task.step.request.id
    patience = Patience(means, limit, opened.at or means.clock.now(), heeds=True)
    spoken = means.clock.now()

    def unmet() -> str | None:
        nonlocal spoken
        if (why := expect.unmet(means.writer, bracket.until, opened.at)) is None:
            return None
        if stands_another(expect.body(means.writer, lock), opened.read):
            raise _Others
        if (now := means.clock.now()) - spoken >= SAID_EVERY:
            spoken = now
            left = max(0, int(patience.left)) // 60
            means.tell(f"The lock {lock.name} is off: {why}. It goes back in {left} min at the latest.")
        return why

    try:
        why = patience.until(unmet)
    except Interrupted:
        return replace(done, outcome=Outcome.UNCONFIRMED, reason="The run was told to stop while it waited.")
    except _Others:
        return noted(means, task, Outcome.UNCONFIRMED, f"Somebody made another lock {lock.name} meanwhile.")
    if why is None:
        return done
    reason = (
        f"After {limit} without the lock, {why}. The lock goes back; the service may still be cleaning up: "
        "look again in some hours, or allow a longer --max-unlocked."
    )
    return noted(means, task, Outcome.UNCONFIRMED, reason)


def _kept_open(means: Means, task: Task, opened: Attempt) -> None:
    now = means.clock.now()
    means.journal.note("kept open", task.key, now)
    seconds = (now - (opened.at or now)).total_seconds()
    means.unlocked.append(Unlocked(task.step.request.id, seconds, closed=True, kept=True))


def close(means: Means, key: str, lock: ArmId, body: Json | None, opened: datetime | None) -> bool:
    """
    Put a lock back just as it was read before it was lifted, and return whether it is there.

    It heeds no word to stop. A lock of the same name that says something else is left as it is. Where the lock cannot
    be put back, `tell` gets the command that does.
    """
    if body is None:
        _note(means, "closed", key)
        return True
    others = False
    try:
        why = _put_back(means, key, lock, body)
    except _Others:
        why, others = "another lock of its name stands there, which is left as it is.", True
    now = means.clock.now()
    closed = why is None
    if closed or others:
        _note(means, "closed" if closed else "left", key)
    if not closed:
        means.tell(f"The lock {lock.name} is not back: {why} This puts it back: {command(lock, body)}")
    means.unlocked.append(Unlocked(lock, (now - (opened or now)).total_seconds(), closed, others))
    return closed


def _put_back(means: Means, key: str, lock: ArmId, body: Json) -> str | None:
    """Return why a lock is not back, None where it is. Raises `_Others`."""
    request = Request("PUT", lock, body=writable(lock, body))
    patience = means.patience(
        HURRIED if means.stop.told else CLOSING, f"put the lock {lock.name} back", heeds=False
    )

    def tried() -> str | None:
        found = expect.body(means.writer, lock)
        if stands_another(found, body):
            raise _Others
        _note(means, "closing", key)
        try:
            means.writer.send(request)
        except WriteError as error:
            return error.reason
        return None

    if why := patience.until(tried):
        return why
    lag = means.patience(BRIEF if means.stop.told else LAG, f"see the lock {lock.name} back", heeds=False)
    return lag.until(lambda: _as_before(means.writer, lock, body))


def _note(means: Means, event: str, key: str) -> None:
    """Note what becomes of a lock; it goes back even where the journal cannot be written any more."""
    with suppress(AzremedyError):
        means.journal.note(event, key, means.clock.now())


class _Others(Exception):  # noqa: N818 - a way out of the retries
    """Someone else's lock of the same name stands there."""


def _as_before(reader: Reader, lock: ArmId, body: Json) -> str | None:
    found = expect.body(reader, lock)
    if found is None:
        return "it was put back and is not shown."
    if stands_another(found, body):
        raise _Others
    return None


def stands_another(found: Json | None, body: Json | None) -> bool:
    """Whether a lock stands there (`found`) that is not the one that was lifted (`body`)."""
    return found is not None and content(found) != content(body or {})


def content(lock: Json) -> tuple[str, str, Any]:
    """Return what makes a lock the same: level, notes and owners."""
    properties = lock.get("properties") or {}
    level = str(properties.get("level") or "").lower()
    return level, properties.get("notes") or "", properties.get("owners") or []


def wider_read_only(reader: Reader, lock: ArmId) -> ArmId | None:
    """Return another ReadOnly lock whose scope holds this lock's scope. Raises `ReadError`."""
    address = f"/subscriptions/{lock.subscription}/providers/Microsoft.Authorization/locks"
    for one in listed(reader, quoted(address), {"api-version": version(lock)}):
        found = ArmId(one["id"])
        if found != lock and content(one)[0] == "readonly" and found.scope.covers(lock.scope):
            return found
    return None


def command(lock: ArmId, body: Json) -> str:
    """Return the `az` command that makes a lock again as this body shows it, quoted for bash."""
    properties = body.get("properties") or {}
    return shell.lock(lock, properties.get("level") or "", properties.get("notes"), properties.get("owners"))
