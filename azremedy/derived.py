"""Views of frozen data that are made once, and stay where a copy differs in nothing that they rest on."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any, TypeVar

T = TypeVar("T")


class Derived(cached_property[T]):
    """A view that is made at first sight, of `fields` alone."""

    def __init__(self, make: Callable[[Any], T], fields: frozenset[str]) -> None:
        super().__init__(make)
        self.fields = fields


def derived(*fields: str) -> Callable[[Callable[[Any], T]], Derived[T]]:
    """Mark a method as a view that rests on these fields, and on nothing else."""
    return lambda make: Derived(make, frozenset(fields))


def carried(before: T, after: T, changed: Collection[str]) -> T:
    """Return `after`, a copy of `before` with these fields changed, with every view that rests on none of them."""
    made = vars(before)
    for name, view in vars(type(before)).items():
        if isinstance(view, Derived) and name in made and view.fields.isdisjoint(changed):
            vars(after)[name] = made[name]
    return after
