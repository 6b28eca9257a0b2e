r"""
SQL Server runs on the VM, and a key decides whether Backup's snapshot is a full or a copy-only one to it.

The key is the text `USEVSSCOPYBACKUP` below `HKLM\SOFTWARE\Microsoft\BcdrAgent`, and Microsoft's documents say opposite
things of it. In 2018: a backup is a *full* one to SQL Server, which delays it where SQL Server has backups of its own, and
`TRUE` makes it *copy-only*. In 2025: a backup is *copy-only*, and `TRUE` makes it a *full* one. One of the two breaks the
log chain of SQL Server's own backups, so which holds is for somebody who knows these backups to find out.

Hence this is information, unless a backup failed with a code whose causes name it while the key is not set. The key is
never set on its own: only a VM that is named gets it, whether or not a backup of it failed.

Sources: SEED, V25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.guest import vss_copy
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, View
from azremedy.playbook import GUEST_READS, Finding, Playbook, Severity, corroborated
from azremedy.resources import Read

from ._cures import shows, singly
from ._inside import WRITES, of_windows, run

KEY = "USEVSSCOPYBACKUP"
SET = "true"

MEANINGS = {
    True: "TRUE: copy-only by the document of 2018, full by that of 2025",
    False: "not TRUE: full by the document of 2018, copy-only by that of 2025",
}
"""What the documents say of Backup's snapshots where the key is set, and where it is not."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """How many instances of SQL Server there are, and the key's text (None: there is none)."""

    instances: int
    key: str | None
    meaning_2018: str
    meaning_2025: str


def detect(estate: Estate) -> Iterator[Finding[Snapshots]]:
    for protected, vm, guest in of_windows(estate):
        if not guest.sql:
            continue
        key = guest.setting(KEY)
        on = (key or "").lower() == SET
        severity, failure = (Severity.INFO, None) if on else corroborated(estate, protected, "C4a")
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=f"SQL Server is there, and {KEY} is {MEANINGS[on]}",
            severity=severity if failure else Severity.INFO,
            evidence=Snapshots(
                len(guest.sql), key, "copy-only" if on else "full", "full" if on else "copy-only"
            ),
            failure=failure,
        )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Set the key on the VMs that are named, with a script inside each, and tell a person of the others."""
    yield from singly(PLAYBOOK.id, findings, choices, lambda finding: means(finding, choices))


def requested(estate: Estate, choices: Choices) -> Iterator[Cure | ByHand]:
    """Yield what is done where a server is named and no failed backup speaks of the key: no finding is cured by it."""
    for finding in detect(estate):
        on = (finding.evidence.key or "").lower() == SET
        if finding.severity is Severity.INFO and choices.names(choices.vss_copy, finding.vm) and not on:
            for said in plan(estate, [finding], choices):
                none = {"findings": ()} if isinstance(said, Cure) else {"finding": ""}
                yield replace(said, **none)


def means(finding: Finding[Any], choices: Choices) -> tuple[Step, ...] | str:
    vm, before = finding.vm, finding.evidence.key
    if not choices.names(choices.vss_copy, vm):
        return (
            "find out from the backup history of SQL Server (msdb.dbo.backupset, is_copy_only) which snapshots Backup "
            f"takes here; --vss-copy {vm.name} then sets {KEY} to TRUE"
        )
    if (before or "").lower() == SET:
        return f"{KEY} is TRUE already"
    try:
        undo = vss_copy(before).on(vm)
    except ValueError:
        return f"{KEY} holds a text that could not be put back as it is: set it in the registry"
    step = run(
        vm,
        vss_copy("TRUE"),
        f"set {KEY} of {vm.name} to TRUE (it is {'not there' if before is None else before or 'empty'})",
        before=holds(vm, before),
        after=holds(vm, "TRUE"),
        undo=undo,
    )
    return (step,)


def holds(vm: ArmId, text: str | None) -> Expect:
    """Expect the key to hold this text, or that there is none (None)."""
    return shows(vm, f"settings.{KEY}", text, View.WINDOWS_GUEST)


PLAYBOOK = Playbook(
    id="sql-vss",
    title="SQL Server, and what Backup's snapshots are to it",
    causes=("C4a",),
    fix_class=FixClass.GUARDED,
    remedy=f"Find out whether Backup's snapshots are full or copy-only here before {KEY} is touched.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    requested=requested,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
