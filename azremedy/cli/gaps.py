"""What could not be read, on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azremedy.cli.output import complain
from azremedy.errors import REFUSED

if TYPE_CHECKING:
    from azremedy.cli.scan import Result


def complain_of_gaps(result: Result) -> None:
    """Say on stderr what the exit code says, whatever standard output gets."""
    for gap in result.failed:
        complain(f"nothing could be read of {gap.scope}: {gap.reason}")
    for right in missing_rights(result):
        complain(f"a right is missing: {right}; the roles Reader and Backup Reader hold what is read")
    if gaps := sum(len(scan.unread) for scan in result.scans):
        complain(f"incomplete: reads that failed: {gaps}; --allow-partial accepts that")


def missing_rights(result: Result) -> list[str]:
    """Return the actions that ARM says were refused, each with its scope, as far as its words tell."""
    gaps = (*result.failed, *(gap for scan in result.scans for gap in scan.unread))
    told = (REFUSED.search(gap.reason) for gap in gaps if gap.status == 403)
    return sorted({f"{found['action']} on {found['scope']}" for found in told if found})
