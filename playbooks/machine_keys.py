"""
The rights on the machine's keys are not those that Windows gives.

The backup extension decrypts its settings with a certificate whose key lies in `MachineKeys`, below ProgramData. Everyone has
to be allowed to read and write in that folder, and the administrators to do everything. Where somebody took these rights
away the extension does not read its settings. More rights than these do no harm to a backup.

Rights on keys are a matter of security, and the document has a certificate deleted as well, so it is left to a person.

Sources: V25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import GUEST_READS, Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import Access, Read

from ._cures import singly
from ._inside import of_windows

WANTED = {"S-1-1-0": 0x2019F, "S-1-5-32-544": 0x1F01FF}
"""What Everyone (read and write), and the administrators (everything) have to be allowed, as bits of Windows's rights."""
NAMES = {"S-1-1-0": "Everyone", "S-1-5-32-544": "Administrators"}
GENERIC = {0x80000000: 0x120089, 0x40000000: 0x120116, 0x10000000: 0x1F01FF}
"""What the generic rights to read, to write and to do everything stand for."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Who lacks rights on the folder, and what the folder allows, as bits by SID."""

    who: tuple[str, ...]
    allowed: tuple[Access, ...]


def detect(estate: Estate) -> Iterator[Finding[Missing] | NotEvaluated]:
    for protected, vm, guest in of_windows(estate):
        if not guest.machine_keys:
            yield NotEvaluated(PLAYBOOK.id, vm.id, "Windows told no rights on MachineKeys")
            continue
        lacking = [sid for sid, rights in WANTED.items() if rights & ~allowed(guest.machine_keys, sid)]
        if not lacking:
            continue
        severity, failure = corroborated(estate, protected, "C20d")
        who = tuple(NAMES[sid] for sid in lacking)
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=f"the folder MachineKeys does not allow {' and '.join(who)} what Windows does",
            severity=severity,
            evidence=Missing(who, guest.machine_keys),
            failure=failure,
        )


def allowed(held: Sequence[Access], sid: str) -> int:
    """Return all that a SID is allowed, generic rights as those that they stand for."""
    rights = 0
    for one in held:
        if one.sid == sid:
            rights |= one.rights
    for generic, stands_for in GENERIC.items():
        if rights & generic:
            rights |= stands_for
    return rights


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to do."""
    folder = "%ProgramData%\\Microsoft\\Crypto\\RSA\\MachineKeys"
    advice = (
        f'run in the VM: icacls "{folder}" /grant "*S-1-1-0:(R,W)" "*S-1-5-32-544:(F)", then delete the certificates '
        'issued to "Windows Azure CRP Certificate Generator" in the computer\'s personal store, and back up again'
    )
    yield from singly(PLAYBOOK.id, findings, choices, lambda _: advice)


PLAYBOOK = Playbook(
    id="machine-keys",
    title="The rights on the machine's keys are not those of Windows",
    causes=("C20d",),
    fix_class=FixClass.MANUAL,
    remedy="Give Everyone read and write, and the administrators everything, on the folder MachineKeys.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
