"""
The causes of failing backups, as the documents know them: what each is, what was advised in 2018, what holds today.

They stand as texts in the TOML files beside this module: `origin` holds those of the origin document, `later` and `guest`
those of later pages. Which playbook sees a cause stands on the playbooks' own cards and nowhere else (`covers`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from azremedy.catalogue import named
from azremedy.catalogue.symptom import is_part

FILES = ("origin", "later", "guest")


@dataclass(frozen=True, slots=True)
class Cause:
    """
    One documented cause.

    `os` is `windows` or `linux` where it can only be there. `tells` says what has to be looked at to know; empty for a
    cause that is only the sum of its parts. `looks_at` names what of an estate shows it, by the names of `azremedy.facts`.
    `by_agent` holds where ARM knows of it only what the VM agent reports, so that a dead one leaves it open.
    `by_hand` is what a person does, in order. `in_2018` is empty where the documents of that year do not know it.
    """

    id: str
    title: str
    means: str
    now: str
    sources: tuple[str, ...]
    in_2018: str = ""
    os: str = ""
    tells: str = ""
    looks_at: tuple[str, ...] = ()
    by_agent: bool = False
    by_hand: tuple[str, ...] = ()


@cache
def causes() -> Mapping[str, Cause]:
    """Return all causes by id, in the order of their numbers."""
    folder = files("azremedy.causes")
    held: dict[str, Any] = {}
    for name in FILES:
        held |= tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    return {id_: cause(id_, held[id_]) for id_ in sorted(held, key=by_number)}


def cause(id_: str, written: Mapping[str, Any]) -> Cause:
    """Return a cause as it stands in a file, its paragraphs each on one line."""
    return Cause(id_, **{name: settled(value) for name, value in written.items()})


def settled(value: Any) -> Any:
    match value:
        case list():
            return tuple(value)
        case str():
            return " ".join(value.split())
        case _:
            return value


def by_number(id_: str) -> tuple[int, str]:
    digits = "".join(char for char in id_ if char.isdigit())
    return int(digits), id_


def parts(id_: str) -> tuple[str, ...]:
    """Return the causes that a listed one stands for: C4 for C4a, C4b and C4c, any other for itself."""
    found = tuple(one for one in causes() if is_part(one, id_))
    return found or (id_,)


def unfolded(listed: Iterable[str]) -> Iterator[str]:
    """Yield listed causes in their order, each that has parts as its parts."""
    return (part for one in listed for part in parts(one))


def covers(card: Iterable[str], cause: str) -> bool:
    """Whether a playbook whose card names these causes sees one; C4 on a card stands for C4a as well."""
    return named(card, (cause,))
