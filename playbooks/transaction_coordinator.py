"""
The transaction coordinator of Windows is disabled, or runs under the wrong account.

COM+, through which the backup extension installs its provider, talks to the Distributed Transaction Coordinator. Its service
`MSDTC` has to run, and to log on as Network Service. One that is merely stopped is told of only where a backup failed with
an error of COM+.

It is started by a script. The account is for a person: a password would be needed to put another one back, and what
shares transactions with this server notices the restart.

Sources: V25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from azremedy.estate import Estate
from azremedy.plan import ByHand, Choices, Cure, FixClass, Step
from azremedy.playbook import GUEST_READS, Finding, Playbook, corroborated
from azremedy.resources import Read

from ._cures import singly
from ._inside import WRITES, of_windows
from ._windows_service import Down, disabled, said, seen, started, stopped

SERVICE = "MSDTC"
RIGHT = "ntauthority\\networkservice"
"""The account that it has to log on with, in lower case and without blanks."""


def detect(estate: Estate) -> Iterator[Finding[Down]]:
    for protected, vm, guest in of_windows(estate):
        severity, failure = corroborated(estate, protected, "C20b")
        down = seen(guest, SERVICE)
        wrong = down.start is None or disabled(down) or foreign(down)
        if not (wrong or (failure is not None and stopped(down))):
            continue
        yield Finding(
            vm=vm.id,
            resource=vm.id,
            message=wrong_with(down),
            severity=severity,
            evidence=down,
            failure=failure,
        )


def foreign(down: Down) -> bool:
    """Whether it logs on with another account, where Windows tells with which."""
    return bool(down.account) and "".join((down.account or "").split()).lower() != RIGHT


def wrong_with(down: Down) -> str:
    if foreign(down):
        return f"the service {SERVICE} logs on as {down.account}, and not as Network Service"
    return said(down, "Distributed Transaction Coordinator")


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Have the service start by itself, and start it, with a script inside the VM; the account is for a person."""
    yield from singly(PLAYBOOK.id, findings, choices, means)


def means(finding: Finding[Any]) -> tuple[Step, ...] | str:
    down: Down = finding.evidence
    if down.start is None:
        return "run in the VM, in a maintenance window: msdtc -install, net start MSDTC, net start COMSysApp"
    if foreign(down):
        return (
            'run in the VM, in a maintenance window: sc.exe config MSDTC obj= "NT AUTHORITY\\NetworkService" password= "", '
            "then Restart-Service MSDTC and Restart-Service COMSysApp"
        )
    return started(finding.vm, down, "Automatic")


PLAYBOOK = Playbook(
    id="transaction-coordinator",
    title="The transaction coordinator of Windows does not work for COM+",
    causes=("C20b",),
    fix_class=FixClass.GUARDED,
    remedy="Start the service MSDTC and let it start by itself; have it log on as Network Service.",
    needs=GUEST_READS | {Read.GUEST},
    detect=detect,
    about=__doc__ or "",
    plan=plan,
    plan_needs=frozenset({Read.LOCKS}),
    writes=WRITES,
)
