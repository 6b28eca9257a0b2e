"""The limits of Azure Backup that verdicts look at, each with the date from which it holds and its source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that Azure Backup documents. `source` is the document, by the tag of `docs/sources.md`."""

    value: int
    unit: str
    since: date
    source: str

    def __str__(self) -> str:
        return f"{self.value} {self.unit}"


@dataclass(frozen=True, slots=True)
class Support:
    """What Azure Backup takes of a kind of disk, in words that follow "takes"; from when this holds, and its source."""

    says: str
    since: date
    source: str


POINTS_STANDARD = Limit(18, "restore points", date(2018, 1, 9), "SEED, T25")
"""Instant restore points of one VM under a Standard (V1) policy, over all its collections."""

POINTS_STANDARD_WARNING = Limit(16, "restore points", date(2018, 1, 9), "two below POINTS_STANDARD")
"""From here on a scan warns."""

POINTS_PLATFORM = Limit(500, "restore points", date(2022, 7, 5), "RP23, RPS22, RPT23")
"""Restore points of one VM over all collections, whoever made them: the platform's own limit."""

DISK_2018 = Limit(1023, "GiB", date(2018, 1, 9), "SEED")
"""The largest disk of the origin document. Today's service takes larger ones."""

DISK_PRINTED = Limit(32767, "GiB", date(2025, 11, 12), "T25, IR25")
"""The largest disk that the troubleshooting page still prints (32 TB)."""

DISK = Limit(65536, "GiB", date(2025, 10, 27), "SM25, FAQ25")
"""The largest disk of today's support matrix (64 TB)."""

DISK_ADE = Limit(4096, "GiB", date(2025, 11, 12), "T25")
"""The largest disk that is encrypted in the guest by Azure Disk Encryption."""

DATA_DISKS = Limit(32, "data disks", date(2025, 10, 27), "SM25")
"""Data disks of one VM that Azure Backup takes."""

JOB_SLOW = Limit(12, "hours", date(2025, 11, 12), "V25")
"""From then on a backup that is not a VM's first is called slow."""

ENHANCED_ONLY = Support("these under an Enhanced policy only", date(2025, 6, 11), "SM25, EP25")
"""Ultra disks and Premium SSD v2."""

SHARED = Support("no shared disks", date(2025, 10, 27), "SM25, EP25")
"""Disks that several VMs may hold; under an Enhanced policy they may be left out."""

DATA_ACCESS = Support("no such disks", date(2025, 6, 11), "EP25")
"""Disks whose export is a matter of Entra ID (`dataAccessAuthMode`)."""

EPHEMERAL = Support("these as its documents say, but restore points do not", date(2023, 11, 6), "SM25, RP23")
"""OS disks on the host's own storage; the documents disagree."""

WRITE_ACCELERATOR = Support("these where the VM has a way to the internet", date(2025, 10, 27), "SM25")
"""Disks with Write Accelerator; so it is even where they are left out."""

AGENT_WINDOWS = "2.7.41491.1010"
"""The oldest supported Windows VM agent (MINV25)."""

AGENT_LINUX = "2.2.53.1"
"""The oldest supported Linux VM agent, compared with the goal-state agent's version (MINV25)."""
