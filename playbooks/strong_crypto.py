"""
The .NET Framework is not told to use strong cryptography, so the extension opens no connection that Azure accepts.

The registry has a value `SchUseStrongCrypto` for each .NET runtime; without 1 older programs offer TLS versions that Azure
refuses. Most Windows VMs do not have the value and back up all the same, so a missing one is told of only where a backup
failed because no secure connection could be made. One that somebody set to 0 is told of in any case.

The value is set for the runtimes that programs of today run on, 2.0 and 4.0, where Windows has them; the way back puts the old
value back, or removes it. Programs take it up when they start next.

Sources: V25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate
from azremedy.guest import strong_crypto
from azremedy.guest.components import RUNTIMES, STRONG_CRYPTO
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, Test, View
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import Read, Setting

from ._cures import singly
from ._inside import WRITES, of_windows, run

ON = "1"
LARGEST = 999_999_999
"""The largest number that has a place in a script."""


@dataclass(frozen=True, slots=True)
class Weak:
    """The .NET runtimes without strong cryptography, and the value of each (empty: there is none)."""

    runtimes: tuple[Setting, ...]


def detect(estate: Estate) -> Iterator[Finding[Weak] | NotEvaluated]:
    for protected, vm, guest in of_windows(estate):
        severity, failure = corroborated(estate, protected, "C20f")
        held = [one for one in guest.crypto if one.name in RUNTIMES]
        weak = tuple(one for one in held if one.value != ON)
        if not held:
            yield NotEvaluated(PLAYBOOK.id, vm.id, "the registry names no .NET runtime")
        if not (weak if failure else [one for one in weak if one.value]):
            continue
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=f"{STRONG_CRYPTO} is {', '.join(map(said, weak))}",
            severity=severity,
            evidence=Weak(weak),
            failure=failure,
        )


def said(one: Setting) -> str:
    return f"{one.value or 'not set'} for .NET {one.name}"


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Set the value for each runtime that lacks it, with a script inside the VM."""
    yield from singly(PLAYBOOK.id, findings, choices, means)


def means(finding: Finding[Any]) -> tuple[Step, ...] | str:
    vm, weak = finding.vm, finding.evidence.runtimes
    before = {one.name: number(one.value) for one in weak}
    if any(one.value and before[one.name] is None for one in weak):
        return f"{STRONG_CRYPTO} holds what could not be put back as it is: set it to 1 in the registry"
    step = run(
        vm,
        strong_crypto(dict.fromkeys(before, int(ON))),
        f"set {STRONG_CRYPTO} of {vm.name} to {ON} for .NET {' and '.join(before)}",
        before=tuple(expect(finding, one.name, one.value) for one in weak),
        after=tuple(expect(finding, one.name, ON) for one in weak),
        undo=strong_crypto(before).on(vm),
    )
    return (step,)


def number(text: str) -> int | None:
    """Return a value as a number, None where it is none, or none that has a place in a script."""
    return int(text) if text.isascii() and text.isdigit() and int(text) <= LARGEST else None


def expect(finding: Finding[Any], runtime: str, value: str) -> Expect:
    path = f"crypto.[name={runtime}].value"
    return Expect(finding.vm, path, Test.EQUALS, value, View.WINDOWS_GUEST)


PLAYBOOK = Playbook(
    id="strong-crypto",
    title="The .NET Framework is not told to use strong cryptography",
    causes=("C20f",),
    fix_class=FixClass.GUARDED,
    remedy="Set SchUseStrongCrypto to 1 for each .NET runtime.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
