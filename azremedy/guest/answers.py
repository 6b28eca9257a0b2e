"""The answer of a probe, out of the result of Run Command: one JSON object of the members that the probe writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from azremedy.arm import Json

KEPT: Final = 4096
"""How many bytes of a script's output Run Command keeps, from its end (RCW25)."""

SPOKEN: Final = 300
"""Characters of a script's own words that a person is shown."""

OUT, ERR = "[stdout]\n", "\n[stderr]"

SHARED: Final = frozenset({"azremedy", "os", "ports"})
OF_WINDOWS: Final = SHARED | {
    "services", "accounts", "settings", "marks", "adapters", "writers", "unstable", "crypto", "machinekeys",
}  # fmt: skip
OF_LINUX: Final = SHARED | {
    "distribution", "release", "agent", "restart", "package", "goal", "config", "backup", "snapshot", "stale", "leases", "dhcp",
    "static", "selinux", "pythons", "reboot",
}  # fmt: skip


def written(result: Json) -> str:
    """
    Return what a script wrote to its standard output, as Run Command tells it.

    Windows has a status of its own for it, Linux one message with both outputs.
    """
    statuses = records(result)
    for one in statuses:
        if text(one.get("code")).lower().startswith("componentstatus/stdout"):
            return text(one.get("message"))
    messages = (text(one.get("message")) for one in statuses)
    whole = next((one for one in messages if OUT in one), "")
    out = whole.partition(OUT)[2]
    return out.rpartition(ERR)[0] if ERR in out else out


def words(result: Json) -> str | None:
    """
    Return what a script complained of, or else wrote last, for a person to read: one line, printable and not long.

    It is a guest's word. Nothing is made to depend on it.
    """
    statuses = records(result)
    messages = [text(one.get("message")) for one in statuses]
    complaints = [
        text(one.get("message"))
        for one in statuses
        if text(one.get("code")).lower().startswith("componentstatus/stderr")
    ] or [one.partition(OUT)[2].rpartition(ERR)[2] for one in messages if ERR in one]
    for said in (*complaints, written(result)):
        shown = " ".join("".join(char if char.isprintable() else " " for char in said).split())
        if shown:
            return shown if len(shown) <= SPOKEN else f"…{shown[1 - SPOKEN :]}"
    return None


def told(out: str) -> Json:
    """Return the JSON in the last line that a script wrote. Raises `ValueError` where there is none."""
    lines = [line for line in out.splitlines() if line.strip()]
    if not lines:
        raise ValueError("the script wrote nothing")
    if len(lines[-1].encode()) > KEPT:
        raise ValueError("it is too long")
    try:
        return json.loads(lines[-1], object_pairs_hook=once, parse_constant=nonsense, parse_float=nonsense)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its last line is no JSON ({type(error).__name__})") from error


def answer(out: str, os: str) -> Mapping[str, Json]:
    """Return the object in the last line that a probe wrote. Raises `ValueError` for what it would not have written."""
    found = told(out)
    known = OF_WINDOWS if os == "windows" else OF_LINUX
    if (
        not isinstance(found, dict)
        or found.keys() != known
        or isinstance(found["azremedy"], bool)
        or found["azremedy"] != 1
        or found["os"] != os
    ):
        raise ValueError("it is not what the probe writes")
    return found


def shown(result: Json, os: str) -> Mapping[str, Json]:
    """
    Return what a probe told, as expectations name it.

    `services` are by name, each with its `state` and `start`; `agent` has these and its `name`. Each of `marks` is true by
    its label. `crypto`, `unstable` and `config` are lists, each member with its `name` (`key`) and its `value` or `state`:
    names may have dots, and so have paths.

    Raises `ValueError` as `answer` does.
    """
    found = dict(answer(written(result), os))
    services = found.get("services")
    if isinstance(services, dict):
        found["services"] = {
            name: {"state": one[0], "start": one[1]}
            for name, one in services.items()
            if isinstance(one, list) and len(one) == 2
        }
    crypto = found.get("crypto")
    if isinstance(crypto, dict):
        found["crypto"] = [{"name": name, "value": value} for name, value in crypto.items()]
    unstable = found.get("unstable")
    if isinstance(unstable, list):
        found["unstable"] = [
            dict(zip(("name", "state"), one, strict=True))
            for one in unstable
            if isinstance(one, list) and len(one) == 2
        ]
    unit = found.get("agent")
    if isinstance(unit, list) and len(unit) == 3:
        found["agent"] = dict(zip(("name", "state", "start"), unit, strict=True))
    marks, config = found.get("marks"), found.get("config")
    if isinstance(marks, list):
        found["marks"] = {one: True for one in marks if isinstance(one, str)}
    if isinstance(config, dict):
        found["config"] = [{"key": key, "value": value} for key, value in config.items()]
    return found


def records(result: Json) -> list[dict[str, Json]]:
    """Return the statuses of a result."""
    value = result.get("value") if isinstance(result, dict) else None
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object in which each name stands once."""
    made = dict(members)
    if len(made) != len(members):
        raise ValueError("a name stands twice")
    return made


def nonsense(word: str) -> NoReturn:
    raise ValueError(f"{word} is no value of the probe's")
