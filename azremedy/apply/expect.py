"""Reading an `Expect`: what a fresh read of its target shows, and whether that is what is expected."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias, cast

from azremedy.addressing import quoted, version
from azremedy.agent import numbers
from azremedy.apply import backups
from azremedy.arm import Accepted, ArmId, Json, ProbingReader, Reader
from azremedy.errors import ReadError, SignInError
from azremedy.guest import ACTION, PROBES, answers, sent
from azremedy.plan import INSIDE, Expect, Step, Test, View

SEGMENT: Final = re.compile(r"\[([^=\]]+)=([^\]]*)\]|[^.\[\]]+")
GONE: Final = 404
SETTLED: Final = frozenset({"succeeded", "failed", "canceled", ""})
"""Provisioning states in which nothing goes on, in lower case."""

ANSWERED: Final = timedelta(minutes=10)
"""How long the answer of a VM is waited for."""

Shown: TypeAlias = dict[tuple[ArmId, View], Json | None]
"""What was read of each face of each resource."""


def body(reader: Reader, target: ArmId, view: View = View.RESOURCE) -> Json | None:
    """Return what ARM shows of a resource, None where there is no such resource. Raises `ReadError`."""
    if view is View.NEWEST_JOB:
        return backups.newest(reader, target)
    if view in INSIDE:
        return inside(reader, target, INSIDE[view])
    query = {"api-version": version(target)}
    address = quoted(str(target))
    match view:
        case View.INSTANCE_VIEW:
            address += "/instanceView"
        case View.RESTORE_POINTS:
            query["$expand"] = "restorePoints"
    try:
        return reader.get(address, query)
    except ReadError as error:
        if error.status == GONE:
            return None
        raise


def inside(reader: Reader, vm: ArmId, os: str) -> Json:
    """Return what a VM's probe tells. Raises `ReadError` where it cannot be asked or does not answer as the probe does."""
    if not hasattr(reader, "probe"):
        raise ReadError("Nothing here may ask inside a VM.", code="NotAsked")
    probing = cast("ProbingReader", reader)
    result = probing.outcome(probing.probe(vm, sent(PROBES[os])), ANSWERED.total_seconds())
    try:
        return answers.shown(result, os)
    except ValueError as error:
        raise ReadError(
            f"The answer from inside {vm.name} makes no sense: {error}.", code="Malformed"
        ) from error


def said(reader: Reader, step: Step, accepted: Accepted | None) -> str | None:
    """Return in a line what the script of a step wrote, as far as there is one and that can still be read."""
    if step.request.action != ACTION or accepted is None or not hasattr(reader, "outcome"):
        return None
    try:
        return answers.words(cast("ProbingReader", reader).outcome(accepted, ANSWERED.total_seconds()))
    except (ReadError, SignInError):
        return None


def unmet(
    reader: Reader, expects: Iterable[Expect], sent: datetime | None = None, shown: Shown | None = None
) -> str | None:
    """
    Return what a fresh read shows otherwise than expected, in words; None where all holds.

    `sent` is when the step was sent, for `Test.NEWER`, whose value are seconds after that. `shown` holds what was read already and takes what is read.
    Raises `ReadError` where something cannot be read.
    """
    shown = {} if shown is None else shown
    for expect in expects:
        face = (expect.target, expect.view)
        if face not in shown:
            shown[face] = body(reader, *face)
        if not holds(expect, shown[face], sent):
            return _otherwise(expect, shown[face])
    return None


def holds(expect: Expect, read: Json | None, sent: datetime | None = None) -> bool:
    """
    Whether a resource as it was read (None: there is none) is as expected.

    An empty list is none: ARM shows it either way.
    """
    value = at(read, expect.path)
    match expect.test:
        case Test.ABSENT:
            return value in (None, [])
        case Test.EQUALS if expect.value == []:
            return value in (None, [])
        case Test.EQUALS:
            moment = when(value)
            return same(value, expect.value) or (moment is not None and moment == when(expect.value))
        case Test.BELOW:
            size = _size(value, missing=read is None)
            return size is not None and size < expect.value
        case Test.ABOVE:
            have, old = numbers(value if isinstance(value, str) else None), numbers(expect.value)
            return have is not None and old is not None and have > old
        case Test.NEWER:
            told = when(value)
            after = timedelta(seconds=expect.value or 0)
            return told is not None and sent is not None and told > sent + after


def telling(step: Step) -> bool:
    """
    Whether what a step is to bring about shows, once it is there, that the step was carried out.

    A POST may leave everything as it was before: a reapply, a restart. Of those only what is newer than the send
    tells, or what is there and was to be absent before, or the other way round; inside a VM also what was to be otherwise
    before. That an agent still reports minutes later tells that it is well, and not that it was restarted.
    """
    if step.request.method != "POST":
        return bool(step.after)
    before = {_place(one): one.test for one in step.before}
    return any(
        (one.test is Test.NEWER and not one.value)
        or {one.test, before.get(_place(one))} == {Test.EQUALS, Test.ABSENT}
        for one in step.after
    ) or any(one.view in INSIDE and one not in step.before for one in step.after)


def looks_inside(step: Step) -> bool:
    """Whether it takes a look inside a VM to see what a step brought about."""
    return any(one.view in INSIDE for one in step.after)


def _place(expect: Expect) -> tuple[ArmId, View, str]:
    return expect.target, expect.view, expect.path


def under_way(reader: Reader, target: ArmId) -> bool:
    """Whether a resource shows that a change of it goes on. Raises `ReadError`."""
    shown = at(body(reader, target), "properties.provisioningState")
    return isinstance(shown, str) and shown.lower() not in SETTLED


def at(read: Json | None, path: str) -> Json | None:
    """Return the value at a path (see `azremedy.plan.Expect`), None where there is nothing."""
    value = read
    for found in SEGMENT.finditer(path):
        name, wanted = found.groups()
        if name is not None:
            members = value if isinstance(value, list) else []
            value = next((one for one in members if _picked(at(one, name), wanted)), None)
        else:
            value = value.get(found[0]) if isinstance(value, dict) else None
    return value


def _picked(value: Json, wanted: str) -> bool:
    number = isinstance(value, int) and not isinstance(value, bool)
    return same(str(value) if number else value, wanted)


def same(one: Json, other: Json) -> bool:
    """Whether two JSON values are equal, texts without case."""
    match one, other:
        case str(), str():
            return one.lower() == other.lower()
        case dict(), dict():
            return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
        case list() | tuple(), list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case bool(), _:
            return one is other
        case _:
            return bool(one == other) and not isinstance(other, bool)


def when(value: Json) -> datetime | None:
    """Return the moment that a text of ARM names, in UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _size(value: Any, *, missing: bool) -> float | None:
    match value:
        case list():
            return len(value)
        case bool():
            return None
        case int() | float():
            return value
        case None if missing:
            return 0
        case _:
            return None


def _otherwise(expect: Expect, read: Json | None) -> str:
    what = f"{expect.target.name}: {expect.path}" if expect.path else expect.target.name
    if read is None:
        return f"{what} is not there"
    value = at(read, expect.path)
    shown = "is there" if isinstance(value, dict) else f"is {_short(value)}"
    wanted = {
        Test.EQUALS: _short(expect.value),
        Test.ABSENT: "nothing",
        Test.BELOW: f"below {expect.value}",
        Test.ABOVE: f"a later version than {expect.value}",
        Test.NEWER: "later than the step was sent" + (f", by {expect.value} s" if expect.value else ""),
    }[expect.test]
    return f"{what} {shown}, expected {wanted}"


def _short(value: Json) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value) if isinstance(value, str) else "nothing" if value is None else str(value)
    return text if len(text) <= 80 else text[:79] + "…"
