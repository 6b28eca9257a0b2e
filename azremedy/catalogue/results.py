"""The result numbers of the Linux backup extension, as its `extension.log` and its sub-status give them (EXT)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExtensionResult:
    """
    How the Linux backup extension says that it failed.

    `symptom` is the code whose causes it shares; `by_hand` what a person does where there is none.
    """

    number: int
    name: str | None  # None where only the number is published
    symptom: str | None = None
    means: str = ""
    by_hand: str = ""


def numbered(first: int, names: str, *, means: str, by_hand: str) -> Iterator[ExtensionResult]:
    return (
        ExtensionResult(number, name, means=means, by_hand=by_hand)
        for number, name in enumerate(names.split(), first)
    )


WORKLOADS = (
    "A database on the VM that takes part in the backup could not be brought to rest before the snapshot."
)
WORKLOADS_BY_HAND = "Look at the workload section of /etc/azure/workload.conf and at the database's own log, then back up again."

EXTENSION_RESULTS = (
    ExtensionResult(
        16,
        "FailedHandlerGuestAgentCertificateNotFound",
        means="The certificate that the extension's settings were encrypted for is not on the VM.",
        by_hand="Restart the agent (`walinuxagent` or `waagent`), which fetches its certificates anew, then back up again.",
    ),
    # Also what the extension falls back to when all snapshots failed for another reason: no proof of a network fault.
    ExtensionResult(
        76,
        "FailedRetryableSnapshotFailedNoNetwork",
        "ExtensionSnapshotFailedNoNetwork",
        means="All snapshots failed; the extension calls it no network, and uses this number for other reasons, too.",
    ),
    ExtensionResult(
        85,
        "FailedSnapshotLimitReached",
        "ExtensionFailedSnapshotLimitReachedError",
        means="A disk has as many snapshots as it may have.",
    ),
    ExtensionResult(
        121,
        "FailedRetryableFsFreezeFailed",
        "UserErrorFsFreezeFailed",
        means="A file system could not be frozen.",
    ),
    ExtensionResult(
        122,
        "FailedRetryableFsFreezeTimeout",
        "UserErrorFsFreezeFailed",
        means="A file system was not frozen in time.",
    ),
    ExtensionResult(
        123,
        "FailedRetryableUnableToOpenMount",
        "UserErrorUnableToOpenMount",
        means="A mount point could not be opened to be frozen.",
    ),
    ExtensionResult(
        124,
        "FailedSafeFreezeBinaryNotFound",
        means="The program that freezes file systems is missing from the extension's folder.",
        by_hand="Reinstall the extension: move its folder below /var/lib/waagent aside, then back up once.",
    ),
    ExtensionResult(
        173,
        "FailedRetryableSnapshotRateExceeded",
        means="Snapshots of the disks were asked for faster than storage takes them.",
        by_hand="Wait and back up again; keep other tools' snapshots away from the hour of the backup.",
    ),
    *numbered(
        300,
        """
        FailedPrepostPreScriptFailed FailedPrepostPostScriptFailed FailedPrepostPreScriptNotFound
        FailedPrepostPostScriptNotFound FailedPrepostPluginhostConfigParsing
        FailedPrepostPluginConfigParsing FailedPrepostPreScriptPermissionError
        FailedPrepostPostScriptPermissionError FailedPrepostPreScriptTimeout
        FailedPrepostPostScriptTimeout FailedPrepostPluginhostPreTimeout
        FailedPrepostPluginhostPostTimeout FailedPrepostCheckSumMismatch
        FailedPrepostPluginhostConfigNotFound FailedPrepostPluginhostConfigPermissionError
        FailedPrepostPluginhostConfigOwnershipError FailedPrepostPluginConfigNotFound
        FailedPrepostPluginConfigPermissionError FailedPrepostPluginConfigOwnershipError
        """,
        means="A script that runs before or after the snapshot failed, or its settings are wrong; the scripts are the VM "
        "owner's own.",
        by_hand="Look at the scripts and at /etc/azure/VMSnapshotScriptPluginConfig.json: they must be there, belong to root, "
        "be closed to others and end in time with 0.",
    ),
    ExtensionResult(
        402,
        "FailedGuestAgentInvokedCommandTooLate",
        means="The agent handed the command over more than 140 minutes after it was given, and the extension drops such.",
        by_hand="Find out what kept the agent busy (`/var/log/waagent.log`), then back up again.",
    ),
    *numbered(
        500,
        """
        FailedWorkloadPreError FailedWorkloadConfParsingError FailedWorkloadInvalidRole
        FailedWorkloadInvalidWorkloadName FailedWorkloadPostError FailedWorkloadAuthorizationMissing
        FailedWorkloadConnectionError FailedWorkloadIPCDirectoryMissing FailedWorkloadDatabaseNotOpen
        FailedWorkloadQuiescingError FailedWorkloadQuiescingTimeout FailedWorkloadDatabaseInNoArchiveLog
        """,
        means=WORKLOADS,
        by_hand=WORKLOADS_BY_HAND,
    ),
    ExtensionResult(512, None, means=WORKLOADS, by_hand=WORKLOADS_BY_HAND),
    ExtensionResult(
        556,
        "FailedHostSnapshotRemoteServerError",
        means="The host was asked for the snapshot and answered with an error of its own.",
        by_hand="Back up again; if it stays, it is a case for Microsoft's support.",
    ),
    ExtensionResult(
        761,
        "FailedRetryableSnapshotFailedRestrictedNetwork",
        "ExtensionSnapshotFailedNoNetwork",
        means="The snapshot failed, and the extension found its way to Azure Storage restricted.",
    ),
)
"""The result numbers that are published."""
