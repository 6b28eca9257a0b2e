"""
What happens by itself: the end of an operation, the next phase of a job, an agent that comes back.

An event is noted with the moment at which it is due and carried out, with that moment, before the next request is
answered: whoever looks sees the world as it would be by then, even if no sandbox ran meanwhile.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from azremedy.sandbox.answers import Arm

KIND: Final = "event"


Effect: TypeAlias = "Callable[..., Any]"
"""What an event does: it takes `Arm`, the second at which it was due by the sandbox's clock, and its details."""

E = TypeVar("E", bound=Effect)

EFFECTS: Final[dict[str, Effect]] = {}


def effect(function: E) -> E:
    """Make a function one that can be due: it is found again by its name, by whichever process comes then."""
    EFFECTS[name_of(function)] = function
    return function


def name_of(function: Effect) -> str:
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


def due(arm: Arm, at: float, function: Effect, **details: Any) -> None:
    """Note that an effect is due at this second of the sandbox's clock."""
    made = sum(1 for _ in arm.store.names(KIND))
    name = f"{at:017.6f} {made:06d} {uuid.uuid4()}"
    arm.store.note(KIND, name, {"what": name_of(function), "at": at, "details": details})


def catch_up(arm: Arm) -> None:
    """Carry out all that is due by now, oldest first."""
    while name := min(arm.store.names(KIND), default=None):
        if float(name.partition(" ")[0]) > arm.store.clock.now():
            return
        with arm.store.writing():
            event = arm.store.noted(KIND, name)
            arm.store.forget(KIND, name)
            EFFECTS[event["what"]](arm, event["at"], **event["details"])
