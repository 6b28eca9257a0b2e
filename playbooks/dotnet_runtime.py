"""
Windows has no .NET Framework 4.5 or later.

The Windows VM agent, and with it the backup extension, need .NET Framework 4.5. Windows Server 2012 and later bring it; on
older systems, or where it was removed, the agent does not answer or the extension does not load. The version is told by
the number `Release` in the registry: 378389 is 4.5, later ones are larger, and without the number there is no 4.5 at all.

It is installed by a person: the installer needs a restart, and may need a place to get its files from.

Sources: SEED, T25, WGA25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import Read

from ._cures import singly
from ._inside import of_windows

RELEASE = ".NET"
OLDEST = 378389
"""The release of .NET Framework 4.5."""


@dataclass(frozen=True, slots=True)
class Outdated:
    """The release that the registry tells (None: there is none), and the oldest that will do."""

    release: int | None
    oldest: int


def detect(estate: Estate) -> Iterator[Finding[Outdated] | NotEvaluated]:
    for protected, vm, guest in of_windows(estate):
        told = guest.setting(RELEASE)
        if told is not None and not (told.isascii() and told.isdigit()):
            yield NotEvaluated(PLAYBOOK.id, vm.id, "the release of .NET in the registry is no number")
            continue
        release = None if told is None else int(told)
        if release is not None and release >= OLDEST:
            continue
        severity, failure = corroborated(estate, protected, "C2")
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message="there is no .NET Framework 4.5"
            if release is None
            else f"the .NET Framework (release {release}) is older than 4.5 ({OLDEST})",
            severity=severity,
            evidence=Outdated(release, OLDEST),
            failure=failure,
        )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to do."""
    advice = "install .NET Framework 4.8 in the guest, in a maintenance window: it may ask for a restart"
    yield from singly(PLAYBOOK.id, findings, choices, lambda _: advice)


PLAYBOOK = Playbook(
    id="dotnet-runtime",
    title="Windows has no .NET Framework 4.5 or later",
    causes=("C2",),
    fix_class=FixClass.MANUAL,
    remedy="Install .NET Framework 4.5 or later in the guest.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
