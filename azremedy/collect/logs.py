"""
What a script wrote of a log inside a VM, out of the result of Run Command and into a `LogTold`.

It is taken whole or not at all, as the probe's answer is (`azremedy.collect.guests`). Its lines are redacted once more here:
what a guest of another make let through does not go any further.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

from azremedy.arm import Json
from azremedy.collect.guests import each, short, sized, whole
from azremedy.guest.answers import nonsense, once, written
from azremedy.guest.logs import LARGEST
from azremedy.guest.redaction import redacted
from azremedy.resources import LogFile, LogTold

LONGEST: Final = 300
"""Characters of a line."""
MEMBERS: Final = frozenset({"azremedy", "os", "log", "files", "lines"})


def log(os: str, name: str, result: Json, *, names_only: bool = False) -> LogTold:
    """
    Return what a VM of this operating system told of the log of this name.

    Raises `ValueError` for an answer that its script would not have written.
    """
    told = answer(written(result), os, name)
    lines = each(told["lines"], partial(short, longest=LONGEST))
    if names_only and lines:
        raise ValueError("it has lines of a log of which only names are read")
    return LogTold(name, each(told["files"], file), tuple(redacted(line)[:LONGEST] for line in lines))


def answer(out: str, os: str, name: str) -> Mapping[str, Json]:
    """Return the object in the last line that a script wrote."""
    lines = [line for line in out.splitlines() if line.strip()]
    if not lines:
        raise ValueError("the script wrote nothing")
    if len(lines[-1].encode()) > LARGEST:
        raise ValueError("it is too long")
    try:
        told = json.loads(lines[-1], object_pairs_hook=once, parse_constant=nonsense, parse_float=nonsense)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its last line is no JSON ({type(error).__name__})") from error
    if not isinstance(told, dict) or told.keys() != MEMBERS or whole(told["azremedy"]) != 1:
        raise ValueError("it is not what the script writes")
    if (told["os"], told["log"]) != (os, name):
        raise ValueError("it is of another log")
    return told


def file(value: Json) -> LogFile:
    path, size, changed = sized(value, 3)
    moment = None if changed is None else datetime.fromtimestamp(whole(changed), UTC)
    return LogFile(short(path), whole(size), moment)
