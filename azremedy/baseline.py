"""What was found before, so that a gate can stop for what is new and leave what is known to its owners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from azremedy.playbook import Severity


class Since(StrEnum):
    """How a finding stands to a baseline."""

    NEW = "new"
    WORSE = "worse"
    """Known, and of a higher severity than it was."""
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Known:
    """A finding of a baseline; `vm` is the VM's id as it was written then."""

    fingerprint: str
    playbook: str
    vm: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    What was found beside what was known.

    `since` speaks of each finding by its fingerprint. `gone` was looked for and not found any more; `unseen` was not
    looked for, or could not be: nobody may take it for gone.
    """

    since: Mapping[str, Since]
    gone: tuple[Known, ...] = ()
    unseen: tuple[Known, ...] = ()

    def counts(self, fingerprint: str) -> bool:
        """Whether a finding is one that a gate stops for: new, or worse than it was."""
        return self.since.get(fingerprint, Since.NEW) is not Since.UNCHANGED


def compare(
    found: Mapping[str, Severity], known: Iterable[Known], judged: Callable[[Known], bool]
) -> Comparison:
    """Compare findings, by fingerprint, with a baseline; `judged` tells whether a known one was looked for."""
    before = {one.fingerprint: one for one in known}

    def since(fingerprint: str, severity: Severity) -> Since:
        if fingerprint not in before:
            return Since.NEW
        return Since.WORSE if severity > before[fingerprint].severity else Since.UNCHANGED

    missing = [one for one in before.values() if one.fingerprint not in found]
    return Comparison(
        {fingerprint: since(fingerprint, severity) for fingerprint, severity in found.items()},
        tuple(one for one in missing if judged(one)),
        tuple(one for one in missing if not judged(one)),
    )
