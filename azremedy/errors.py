"""
Every error that azremedy raises on purpose, and the exit code each one ends in.

    AzremedyError                 2  usage, configuration
    ├── AmbiguousSubscription     2  a name that fits none or several subscriptions
    ├── PackagingError            2  the installation lacks a part of itself
    ├── WriteRefused              2  a write was about to leave a run that only reads
    ├── Incomplete                3  ARM could not be reached or did not answer as ARM
    │   └── ReadError             3  one request for which there is no usable answer
    ├── SignInError               4  no credential, or one that was refused
    ├── WriteError                5  one write that ARM refused, or of which nobody knows what became
    ├── MissingRights             5  the identity lacks rights, so nothing was sent
    └── PlanRefused               6  a plan that is not to be carried out: changed, altered, expired

The message of each is one sentence for a person, with what to do next.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What the process ends with; the same for all commands."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    SIGN_IN = 4
    STEP_FAILED = 5
    REFUSED = 6
    INTERRUPTED = 130
    TERMINATED = 143


REFUSED: Final = re.compile(r"action '(?P<action>[^']+)' over scope '(?P<scope>[^']+)'")
"""How ARM words what an identity may not do (arm-sdk §3.2)."""


class AzremedyError(Exception):
    """The base of all of them."""

    exit = Exit.USAGE


class AmbiguousSubscription(AzremedyError):  # noqa: N818 - a name for what is wrong reads better than "Error"
    """A subscription name that matches no subscription, or several."""


class PackagingError(AzremedyError):
    """A part of azremedy itself is missing from the installation."""


class WriteRefused(AzremedyError):  # noqa: N818 - as above
    """A request that is not a read was about to leave a run that only reads."""


class Incomplete(AzremedyError):  # noqa: N818 - as above
    """What was asked cannot be answered, because something could not be read."""

    exit = Exit.INCOMPLETE


class SignInError(AzremedyError):
    """There is no credential, or the authority or ARM refused it."""

    exit = Exit.SIGN_IN


class ReadError(Incomplete):
    """
    A read that failed for good.

    `status` is the HTTP status (None where there was no answer), `code` ARM's error code
    or the name of what is wrong with the answer, `reason` a sentence.
    """

    def __init__(self, reason: str, *, status: int | None = None, code: str = "NoAnswer") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.code = code


class WriteError(AzremedyError):
    """
    A write that did not go well.

    `status` and `code` are ARM's (None and a word where there was no answer). `executed` is False where ARM refused
    the write, True where it took it and the operation behind it failed, and None where nobody knows.
    """

    exit = Exit.STEP_FAILED

    def __init__(
        self, reason: str, *, executed: bool | None, status: int | None = None, code: str = "NoAnswer"
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.executed = executed
        self.status = status
        self.code = code


class MissingRights(AzremedyError):  # noqa: N818 - as above
    """The identity lacks rights that a step or its way back needs; nothing was sent."""

    exit = Exit.STEP_FAILED


class PlanRefused(AzremedyError):  # noqa: N818 - as above
    """A plan, or a group of it, was refused before its first write."""

    exit = Exit.REFUSED
