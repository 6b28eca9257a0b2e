"""
What a probe wrote inside a VM, out of the result of Run Command and into a `Guest`.

A guest may be in anybody's hands: its answer is taken whole or not at all. It is one JSON object of the members that
the probe writes and no others, each of its own type and bounded, texts printable and short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from azremedy.arm import ArmId, Json
from azremedy.guest.answers import answer, written
from azremedy.resources import (
    Access,
    Adapter,
    Guest,
    LinuxGuest,
    Port,
    Service,
    Setting,
    WindowsGuest,
    Writer,
)

T = TypeVar("T")

LONGEST: Final = 128
"""Characters of a text."""
MOST: Final = 64
"""Members of a list."""
LARGEST: Final = 2**32
"""What any number in an answer is below."""


def guest(vm: ArmId, os: str, asked: datetime, result: Json) -> Guest:
    """
    Return what a VM of this operating system (`windows`, `linux`) told.

    Raises `ValueError` for an answer that the probe would not have written.
    """
    told = answer(written(result), os)
    ports = tuple(
        Port(whole(digits(number)), None if reached is None else truth(reached))
        for number, reached in pairs(told["ports"])
    )
    if os == "windows":
        return Guest(vm, asked, windows=windows(told), ports=ports)
    return Guest(vm, asked, linux=linux(told), ports=ports)


def windows(told: Mapping[str, Json]) -> WindowsGuest:
    count = whole(told["writers"])
    return WindowsGuest(
        services=tuple(
            Service(short(name), *(short(one) for one in sized(value, 2)))
            for name, value in pairs(told["services"])
        ),
        accounts=settings(told["accounts"]),
        settings=settings(told["settings"]),
        marks=each(told["marks"], short),
        adapters=each(told["adapters"], adapter),
        writers=count or None,
        unstable=each(told["unstable"], writer),
        crypto=settings(told["crypto"]),
        machine_keys=each(told["machinekeys"], access),
    )


def linux(told: Mapping[str, Json]) -> LinuxGuest:
    unit = told["agent"]
    return LinuxGuest(
        distribution=optional(told["distribution"]),
        release=optional(told["release"]),
        agent=None if unit is None else Service(*(optional(one) or "unknown" for one in sized(unit, 3))),
        restart=optional(told["restart"]),
        package=optional(told["package"]),
        goal_state=optional(told["goal"]),
        config=None if told["config"] is None else settings(told["config"]),
        backup_config=settings(told["backup"]),
        snapshot=whole(told["snapshot"]),
        stale=whole(told["stale"]),
        leases=whole(told["leases"]),
        dhcp=whole(told["dhcp"]),
        static=each(told["static"], short),
        selinux=optional(told["selinux"]),
        pythons=each(told["pythons"], short),
        reboot_required=truth(told["reboot"]),
    )


def adapter(value: Json) -> Adapter:
    name, dhcp, addresses = sized(value, 3)
    return Adapter(short(name), short(dhcp).lower() == "enabled", whole(addresses))


def writer(value: Json) -> Writer:
    name, state = sized(value, 2)
    return Writer(short(name), whole(state))


def access(value: Json) -> Access:
    sid, rights = sized(value, 2)
    return Access(short(sid), bits(rights))


def settings(value: Json) -> tuple[Setting, ...]:
    return tuple(Setting(short(name), short(one)) for name, one in pairs(value))


def short(value: Json, longest: int = LONGEST) -> str:
    """Return a text that is printable and not long."""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise ValueError("a text in it is none, too long, or not printable")
    return value


def optional(value: Json) -> str | None:
    return None if value is None else short(value)


def whole(value: Json) -> int:
    """Return a whole number that is neither negative nor large."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < LARGEST:
        raise ValueError("a number in it is none, or too large")
    return value


def bits(value: Json) -> int:
    """Return rights as bits; Windows writes those with the highest one as a negative number."""
    negative = isinstance(value, int) and not isinstance(value, bool) and -LARGEST // 2 <= value < 0
    return value + LARGEST if negative else whole(value)


def digits(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 5):
        raise ValueError("a port in it is no number")
    return int(value)


def truth(value: Json) -> bool:
    if not isinstance(value, bool):
        raise ValueError("a value in it is neither true nor false")  # noqa: TRY004 - whoever asks catches one error
    return value


def each(value: Json, make: Callable[[Json], T]) -> tuple[T, ...]:
    """Return the members of a list that is not long."""
    if not isinstance(value, list) or len(value) > MOST:
        raise ValueError("a list in it is none, or too long")
    return tuple(map(make, value))


def sized(value: Json, size: int) -> list[Json]:
    if not isinstance(value, list) or len(value) != size:
        raise ValueError("a list in it is of another length")
    return value


def pairs(value: Json) -> Iterable[tuple[str, Json]]:
    """Return names and values of an object that is not long."""
    if not isinstance(value, dict) or len(value) > MOST:
        raise ValueError("an object in it is none, or too long")
    return value.items()
