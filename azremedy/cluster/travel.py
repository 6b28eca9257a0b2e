"""
How values travel: what both sides have goes by its name, and is on the other side the very thing it was here.

That keeps an answer small, and no process holds the text of a symptom or a playbook twice. Importing this module is
what makes it so, for both directions.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from functools import cache
from typing import Any

from azremedy.arm import ArmId
from azremedy.catalogue import SYMPTOMS, Symptom
from azremedy.playbook import Playbook, load


@cache
def symptoms() -> dict[str, Symptom]:
    """Return the documented symptoms by code."""
    return {one.code: one for one in SYMPTOMS}


def symptom(code: str) -> Symptom:
    """Return the documented symptom of a code."""
    return symptoms()[code]


def playbook(id_: str) -> Playbook[Any]:
    """Return the shipped playbook of an id."""
    return load()[id_]


def by_code(one: Symptom) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    if symptoms().get(one.code) is not one:
        raise TypeError(f"{one.code} is no documented symptom, so it cannot travel.")
    return symptom, (one.code,)


def by_id(one: Playbook[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    if load().get(one.id) is not one:
        raise TypeError(f"{one.id} is no shipped playbook, so it cannot travel.")
    return playbook, (one.id,)


def by_text(one: ArmId) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return ArmId, (one.text,)


copyreg.pickle(Symptom, by_code)
copyreg.pickle(Playbook, by_id)
copyreg.pickle(ArmId, by_text)
