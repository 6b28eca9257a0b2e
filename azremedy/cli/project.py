"""
What a project file may say of each option.

It comes with a checkout, perhaps with somebody's branch, and who runs azremedy there has agreed to nothing in it. So it may
tighten safety, never loosen it, against what holds without it: the user's file or the default. It never names where a
secret is sent, what is judged in place of Azure, or a file outside of its own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

from azremedy.errors import AzremedyError
from azremedy.playbook import Severity
from azremedy.waves import Amount

THRESHOLDS = (*map(str, Severity), "never")
"""What `--fail-on` takes, from the tightest to the loosest."""

WEEK = timedelta(days=7)
"""The look-back where none is named."""

HOUR = timedelta(hours=1)
"""How old a saved estate may be for a gate where nothing is named."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which way is tighter, in words and as a rank (the higher, the tighter), and why."""

    tighter: str
    why: str
    rank: Callable[[Any], float]


def size(value: Any, without: float = inf) -> float:
    """Return a number or a duration in seconds; `without` stands for none."""
    if value is None:
        return without
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def first(waves: Sequence[Amount] | None) -> float:
    """Return how large the first wave is; every share counts as more than every number, and no waves as all at once."""
    return waves[0].number * 10.0 ** (7 if waves[0].percent else 0) if waves else inf


def on(why: str) -> Order:
    return Order("true", why, float)


def off(why: str) -> Order:
    return Order("false", why, lambda value: -float(value))


def less(tighter: str, why: str) -> Order:
    return Order(tighter, why, lambda value: -size(value))


def more(tighter: str, why: str, without: float = inf) -> Order:
    return Order(tighter, why, lambda value: size(value, without))


ORDERED = {
    "fail-on": Order(
        "a lower severity", "it fails on more findings", lambda value: -float(THRESHOLDS.index(value))
    ),
    "exit-zero": off("findings that end in 0 stop no pipeline"),
    "allow-partial": off("what was not read is not known to be healthy"),
    "deep": on("every protected VM is looked at closely, not suspects only"),
    "lookback": more("longer", "more failed backups count as evidence", WEEK.total_seconds()),
    "deadline": more("longer, or none", "what is not read is not found"),
    "max-age": Order(
        "shorter", "an old estate tells nothing of tonight", lambda value: -size(value, HOUR.total_seconds())
    ),
    "mask": on("nothing that is shown names the estate"),
    "dry-run": on("nothing is written"),
    "max-changes": less("fewer", "a plan with more writes is refused"),
    "stop-after": less("fewer", "nothing more is started once so many groups went wrong"),
    "max-unlocked": less("shorter", "lifted locks are back sooner"),
    "bracket-size": less("fewer", "one unlocking serves fewer VMs"),
    "settle": more("longer", "a VM is restarted only for what lasts"),
    "parallel": less("fewer", "less is under way when something goes wrong"),
    "prove": off("it starts backups"),
    "every": less("shorter", "news come sooner"),
    "due": more("longer", "a forecast is told sooner"),
    "wave": Order("a smaller first wave", "fewer VMs are the canary", lambda value: -first(value)),
}
"""Options that have to do with safety: a project file may move them one way."""

REFUSED = {
    "cloud": "it says where the token is sent",
    "tenant": "it says whom to sign in to",
    "scheduler": "it says whose machines read, and what they send back is taken for true",
    "journal": "it is what puts locks back, and stays where the user keeps it",
    "estate": "a file would be judged in place of Azure",
    "change": "a change would be judged in place of what is there",
    "baseline": "what it knows would stop no pipeline",
    "plan": "what is applied is named on the command line",
    "playbook": "leaving causes out would hide them",
    "vault": "what is left out is not found",
    "policy": "what is left out is not found",
    "before-backup": "what is left out is not found",
    "estimate": "it would stand in place of what is found",
    "source": "what Resource Graph tells may be behind",
    "last": "what it knows would not be told",
    "webhook": "it says where findings are sent",
    "run": "it names a program that is run",
    "once": "nobody would watch any more",
    "state": "it names a folder that `azremedy sandbox reset` deletes from",
}
"""Options that a project file may not name at all, and why."""

JUDGING = ("scan", "gate", "watch")
"""Commands that speak of everything that they were asked about."""

NARROWING = {
    "subscription": "what is left out is not found",
    "management-group": "what is left out is not found",
    "resource-group": "what is left out is not found",
    "vm": "what is left out is not found",
}
"""Options that a project file may not name for `scan`, `gate` and `watch`; elsewhere they narrow what is written or shown."""

WITHIN = (
    "report",
    "save",
    "save-estate",
    "checkpoint",
    "suppressions",
    "write",
    "write-baseline",
    "append",
    "metrics",
)
"""Options that name files: they lie in the project file's folder or below it."""

FREE = (
    "for", "item", "job", "annotate", "show-suppressed", "output", "query", "as", "color", "quiet", "verbose",
    "debug", "port", "vms", "subscriptions", "seed", "speed", "in-flight",
)  # fmt: skip
"""Options that have to do with what is shown, not with safety."""


def check(file: Path, command: str, key: str, value: Any, without: Any) -> None:
    """Raise `AzremedyError` for what a project file may not say for a command; `without` is what holds without it."""
    refuse(file, key)
    if key in ORDERED:
        check_order(file, key, value, without)
    elif key in WITHIN:
        check_place(file, key, value)
    elif key in NARROWING:
        check_command(file, command, key)
    elif key not in FREE:
        raise AzremedyError(f"{file}: a project file cannot set {key}: it may loosen safety.")


def refuse(file: Path, key: str) -> None:
    """Raise `AzremedyError` for an option that a project file may not name at all."""
    if key in REFUSED:
        raise AzremedyError(f"{file}: a project file cannot set {key}: {REFUSED[key]}.")


def check_command(file: Path, command: str, key: str) -> None:
    if command in JUDGING:
        raise AzremedyError(
            f"{file}: a project file cannot set {key} for {command}: {NARROWING[key]}; "
            f"give --{key} on the command line, or set it in the environment or in your own file."
        )


def check_order(file: Path, key: str, value: Any, without: Any) -> None:
    order = ORDERED[key]
    if order.rank(value) < order.rank(without):
        raise AzremedyError(
            f"{file}: {key} = {written(value)} is looser than {written(without)}, which holds without this file; "
            f"a project file may only tighten it ({order.tighter}: {order.why})."
        )


def check_place(file: Path, key: str, value: Any) -> None:
    folder = file.resolve().parent
    for path in paths(value):
        if not path.resolve().is_relative_to(folder):
            raise AzremedyError(
                f"{file}: {key} names {path}, and a project file names no file outside of {folder}."
            )


def paths(value: Any) -> Iterator[Path]:
    """Yield the files that a value names."""
    if isinstance(value, Path):
        yield value
    elif hasattr(value, "path"):
        yield value.path
    elif isinstance(value, Iterable):
        for one in value:
            yield from paths(one)


def written(value: Any) -> str:
    """Return a value as a file or flag would hold it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case timedelta():
            return f"{value.total_seconds():g}s"
        case tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)
