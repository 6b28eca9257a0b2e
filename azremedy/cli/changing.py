"""What a planned change would make of a subscription, in the place of what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from azremedy.change import Change, judge, read
from azremedy.errors import AzremedyError
from azremedy.estate import Estate
from azremedy.playbook import Playbook, outside
from azremedy.scan import Scan


def of_file(path: Path) -> Change:
    """Read a change. Raises `AzremedyError` for what neither Terraform nor what-if wrote."""
    try:
        return read(path.read_bytes())
    except OSError as error:
        raise AzremedyError(f"Cannot read {path}: {error.strerror}.") from error


def changed(scan: Scan, estate: Estate, change: Change, playbooks: Sequence[Playbook[Any]] | None) -> Scan:
    """Return a scan that speaks of what the change would break, and of nothing else."""
    chosen = outside() if playbooks is None else playbooks
    judged = judge(estate, change, chosen, scan.selection)
    accepted = {one.diagnosis.fingerprint for one in scan.suppressed}
    return replace(
        scan,
        diagnoses=tuple(one for one in judged.diagnoses if one.fingerprint not in accepted),
        not_evaluated=judged.not_evaluated,
        unexplained=(),
        of_change=True,
    )
