"""The words of the catalogue: a symptom, the editions of the documents, and how one is written down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CHILDREN = frozenset("abcdefg")
"""The letters of causes that are parts of another: C4 stands for C4a to C4c. C1w is a cause of its own."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One state of the documents, and the causes it lists for a symptom, in its order."""

    name: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Symptom:
    """
    One way in which a backup fails.

    `causes` are those of all editions, most likely first. `spellings` are other names that documents and jobs use,
    `numbers` the published values of `errorCode`. A `wrapper` says that something else went wrong, and the same job
    tells what. A `generic` code is one that other services use too: its name alone, within a text, says nothing.

    `means` says in words what happened; `in_2018` and `now` what was advised then and what holds today beyond what its
    causes say; `by_hand` what a person does where no cause of its own is listed.
    """

    code: str
    causes: tuple[str, ...]
    editions: tuple[Edition, ...]
    messages: tuple[str, ...] = ()
    spanish: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    wrapper: bool = False
    generic: bool = False
    means: str = ""
    in_2018: str = ""
    now: str = ""
    by_hand: tuple[str, ...] = ()

    def lists(self, *causes: str) -> bool:
        """Whether any edition names one of these causes. A listed C4 stands for C4a as well."""
        return named(self.causes, causes)

    def listed_in(self, edition: str, *causes: str) -> bool:
        """Whether this edition, e.g. `2018-01`, names one of these causes."""
        return any(one.name == edition and named(one.causes, causes) for one in self.editions)


def named(listed: Iterable[str], asked: tuple[str, ...]) -> bool:
    """Whether one of the causes asked for is listed, by itself or by what it is a part of."""
    return any(one == cause or is_part(cause, one) for one in listed for cause in asked)


def is_part(cause: str, of: str) -> bool:
    """Whether a cause such as C4a is a part of another, C4."""
    return cause[:-1] == of and cause[-1] in CHILDREN


def known(
    code: str,
    *messages: str,
    means: str,
    order: str = "",
    editions: dict[str, str] | str = "2025",
    spanish: tuple[str, ...] = (),
    spellings: str = "",
    numbers: tuple[int, ...] = (),
    sources: str = "V25",
    wrapper: bool = False,
    generic: bool = False,
    in_2018: str = "",
    now: str = "",
    by_hand: tuple[str, ...] = (),
) -> Symptom:
    """
    Return a symptom whose lists are written as words in one string.

    `order` is the order in which causes are looked at, over all editions. `editions` gives the causes by edition
    or by several, oldest first; as a text it names those that list `order`. What only an old one lists comes last.
    """
    stated = {editions: order} if isinstance(editions, str) else editions
    merged = " ".join((order, *reversed(stated.values()))).split()
    return Symptom(
        code=code,
        causes=tuple(dict.fromkeys(merged)),
        editions=tuple(
            Edition(name, tuple(causes.split())) for names, causes in stated.items() for name in names.split()
        ),
        messages=messages,
        spanish=spanish,
        spellings=tuple(spellings.split()),
        numbers=numbers,
        sources=tuple(sources.split()),
        wrapper=wrapper,
        generic=generic,
        means=means,
        in_2018=in_2018,
        now=now,
        by_hand=by_hand,
    )
