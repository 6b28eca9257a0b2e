"""
What failed backups say of themselves: every documented code, with its texts and the causes listed for it.

The documents changed their minds over the years, so causes stand by edition: `2018-01` is the origin document,
`2018-06`, `2019` and `2025` are its later states, `2018-08` and `2022` are states of the page beside it, `2023` is
compute's own page on restore points. Cause ids and source tags are those of `docs/sources.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CHILDREN = frozenset("abcdefg")
"""The letters of causes that are parts of another: C4 stands for C4a to C4c. C1w is a cause of its own."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One state of the documents, and the causes it lists for a symptom, in its order."""

    name: str
    causes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Symptom:
    """
    One way in which a backup fails.

    `causes` are those of all editions, most likely first. `spellings` are other names that documents and jobs use,
    `numbers` the published values of `errorCode`. A `wrapper` says that something else went wrong, and the same job
    tells what. A `generic` code is one that other services use too: its name alone, within a text, says nothing.
    """

    code: str
    causes: tuple[str, ...]
    editions: tuple[Edition, ...]
    messages: tuple[str, ...] = ()
    spanish: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    wrapper: bool = False
    generic: bool = False

    def lists(self, *causes: str) -> bool:
        """Whether any edition names one of these causes. A listed C4 stands for C4a as well."""
        return named(self.causes, causes)

    def listed_in(self, edition: str, *causes: str) -> bool:
        """Whether this edition, e.g. `2018-01`, names one of these causes."""
        return any(one.name == edition and named(one.causes, causes) for one in self.editions)


def named(listed: Iterable[str], asked: tuple[str, ...]) -> bool:
    """Whether one of the causes asked for is listed, by itself or by what it is a part of."""
    return any(
        one == cause or (cause[:-1] == one and cause[-1] in CHILDREN) for one in listed for cause in asked
    )


def known(
    code: str,
    *messages: str,
    order: str = "",
    editions: dict[str, str] | str = "2025",
    spanish: tuple[str, ...] = (),
    spellings: str = "",
    numbers: tuple[int, ...] = (),
    sources: str = "V25",
    wrapper: bool = False,
    generic: bool = False,
) -> Symptom:
    """
    Return a symptom whose lists are written as words in one string.

    `order` is the order in which causes are looked at, over all editions. `editions` gives the causes by edition
    or by several, oldest first; as a text it names those that list `order`. What only an old one lists comes last.
    """
    stated = {editions: order} if isinstance(editions, str) else editions
    merged = " ".join((order, *reversed(stated.values()))).split()
    return Symptom(
        code=code,
        causes=tuple(dict.fromkeys(merged)),
        editions=tuple(
            Edition(name, tuple(causes.split())) for names, causes in stated.items() for name in names.split()
        ),
        messages=messages,
        spanish=spanish,
        spellings=tuple(spellings.split()),
        numbers=numbers,
        sources=tuple(sources.split()),
        wrapper=wrapper,
        generic=generic,
    )


SYMPTOMS = (
    known(
        "UserErrorGuestAgentStatusUnavailable",
        "VM Agent unable to communicate with Azure Backup",
        order="C14 C2 C3 C8 C1w C4c C23",
        editions={"2018-01 2018-06": "C1 C2 C3 C4 C5", "2019 2025": "C2 C3 C8"},
        spanish=("El agente de máquina virtual no se puede comunicar con Azure Backup",),
        sources="SEED T18a T18b T19 T20es T25",
    ),
    known(
        "ExtensionSnapshotFailedNoNetwork",
        "Snapshot operation failed due to no network connectivity on the virtual machine",
        order="C4 C1 C1w",
        editions={"2018-01 2018-06": "C1 C4 C5", "2019": "C4 C5", "2025": "C4"},
        spanish=(
            "Error de la operación de instantánea debido a que no hay conectividad de red en la máquina virtual",
        ),
        sources="SEED T18a T18b T19 T25",
    ),
    known(
        "ExtensionOperationFailedForManagedDisks",
        "VMSnapshot extension operation failed",
        order="C4 C2 C3",
        editions={"2018-01": "C4 C5 C1 C2 C3", "2018-06 2019": "C4 C5 C2 C3", "2025": "C4 C2 C3"},
        spanish=("Error en la operación de extensión VMSnapshot",),
        spellings="ExtentionOperationFailed ExtentionOperationFailedForManagedDisks",
        sources="SEED T18a T18b T19 T25",
    ),
    known(
        "GuestAgentSnapshotTaskStatusError",
        "Unable to perform the operation as the VM Agent is not responsive",
        "Could not communicate with the VM agent for snapshot status",
        order="C2 C3 C4 C18 C19",
        editions={"2018-01 2018-06": "C2 C3 C1", "2019": "C2 C3 C4 C5 C18", "2025": "C2 C3 C4 C18 C19"},
        spanish=(
            "No se puede realizar la operación: el agente de máquina virtual no responde",
            "No se pudo comunicar con el agente de máquina virtual para ver el estado de la instantánea",
        ),
        sources="SEED T18a T18b T19 T20es T25",
    ),
    known(
        "BackUpOperationFailed",
        "Backup failed with an internal error - Please retry the operation in a few minutes",
        "The backups of VMs have failed after the policy migration from Standard to Enhanced policy.",
        order="C2 C3 C4 C6 C20e C26 C17",
        editions={
            "2018-01 2018-06": "C1 C2 C3 C4 C5 C6",
            "2018-08": "C17",
            "2019": "C2 C3 C4 C5 C6",
            "2025": "C2 C3 C4 C6 C20e C26",
        },
        spanish=(
            "Error interno al realizar la copia de seguridad. Intente volver a realizar la operación en unos minutos",
        ),
        spellings="BackUpOperationFailedV2",
        sources="SEED T18a T18b V18 T19 T25 V25",
    ),
    known(
        "UserErrorUnsupportedDiskSize",
        "The specified Disk configuration is not supported",
        "Currently Azure Backup does not support disk sizes greater than 1023GB",
        "Currently Azure Backup does not support disk sizes greater than 4095GB",
        "The configured disk size(s) is currently not supported by Azure Backup.",
        order="C7 C12",
        editions={"2018-01 2019": "C7", "2025": "C7 C12"},
        spanish=(
            "No se admite la configuración de disco especificada",
            "el tamaño de disco configurado no es compatible actualmente con Azure Backup.",
        ),
        sources="SEED T18a T19 T20es T25",
    ),
    known(
        "UserErrorVmProvisioningStateFailed",
        "The VM is in failed provisioning state",
        order="C8 C5",
        editions={"2018-08": "C8 C2", "2019": "C8 C5", "2025": "C8"},
        spanish=("la máquina virtual está en un estado de aprovisionamiento con errores",),
        sources="V18 T19 T20es T25",
    ),
    known("UserErrorVmNotInDesirableState", "VM is not in a state that allows backups.", order="C8 C14 C3"),
    known("VmNotInDesirableState", "The VM isn't in a state that allows backups.", order="C8 C14 C3"),
    known(
        "UserErrorRpCollectionLimitReached",
        "The Restore Point collection max limit has reached.",
        "The number of restore points across restore point collections and resource groups for a VM cannot exceed 18.",
        order="C6 C13",
        spanish=("se ha alcanzado el límite máximo de colecciones del punto de restauración",),
        sources="T20es T25 I-47934",
    ),
    known(
        "UserErrorKeyvaultPermissionsNotConfigured",
        "Backup doesn't have sufficient permissions to the key vault for backup of encrypted VMs.",
        order="C11",
        spellings="UserErrorKeyvaultPermissionNotConfigured",
        sources="T25",
    ),
    known(
        "UserErrorBackupOperationInProgress",
        "Unable to initiate backup as another backup operation is currently in progress",
        order="C16",
        spellings="SystemBackupOperationInProgress",
        sources="T25",
    ),
    known(
        "UserErrorCrpReportedUserError",
        "Backup failed due to an error. For details, see Job Error Message Details.",
        sources="T25",
        wrapper=True,
    ),
    known(
        "UserErrorBcmDatasourceNotPresent",
        "Backup failed: This virtual machine is not (actively) protected by Azure Backup.",
        order="C15",
        sources="T25",
    ),
    known(
        "UserErrorRequestDisallowedByPolicy",
        "An invalid policy is configured on the VM which is preventing Snapshot operation.",
        order="C10",
    ),
    known(
        "ExtensionStuckInDeletionState",
        "Extension state is not supportive to the backup operation",
        order="C5 C2",
    ),
    known("ExtensionSnapshotFailedCOM", "Snapshot operation failed due to COM+ error", order="C20a C20b"),
    known(
        "ExtensionInstallationFailedCOM",
        "Extension installation/operation failed due to a COM+ error",
        order="C20a C20b",
    ),
    known(
        "ExtensionInstallationFailedMDTC",
        'Extension installation failed with the error "COM+ was unable to talk to the Microsoft Distributed Transaction'
        " Coordinator",
        order="C20a C20b",
    ),
    known(
        "ExtensionFailedVssWriterInBadState",
        "Snapshot operation failed because VSS writers were in a bad state.",
        order="C20c C24",
    ),
    known(
        "ExtensionFailedVssServiceInBadState",
        "Snapshot operation failed due to VSS (Volume Shadow Copy) service in bad state.",
        order="C20c C24",
    ),
    known(
        "ExtensionConfigParsingFailure",
        "Failure in parsing the config for the backup extension.",
        order="C20d",
    ),
    known(
        "ExtensionFailedTimeoutVMNetworkUnresponsive",
        "Snapshot operation failed due to inadequate VM resources.",
        order="C24",
    ),
    known(
        "ExtensionFailedSnapshotLimitReachedError",
        "Snapshot operation failed as snapshot limit is exceeded for some of the disks attached",
        order="C21 C13",
    ),
    known(
        "ExtensionSnapshotFailedNoSecureNetwork",
        "The snapshot operation failed because of failure to create a secure network communication channel.",
        order="C20f",
    ),
    known(
        "ExtensionVCRedistInstallationFailure",
        "The snapshot operation failed because of failure to install Visual C++ Redistributable for Visual Studio 2012",
        "The snapshot operation failed because of failure to install Visual C++ Redistributable for Visual Studio 2015",
        order="C20e C20g C19",
        editions="2022 2025",
        sources="V22 V25",
    ),
    known(
        "ExtensionSnapshotBitlockerError",
        "The snapshot operation failed with the Volume Shadow Copy Service (VSS) operation error This drive is locked"
        " by BitLocker Drive Encryption. You must unlock this drive from the Control Panel.",
    ),
    known(
        "VMRestorePointInternalError",
        "Restore Point creation failed due to an internal execution error while creating VM snapshot. Please retry the"
        " operation after some time.",
        order="C19 C2 C3 C4 C18 C8",
        editions={"2023": "C2 C3 C4 C18 C19 C8", "2025": "C19"},
        sources="V25 RPT23",
    ),
    known(
        "UserErrorFsFreezeFailed",
        "Failed to freeze one or more mount-points of the VM to take a file-system consistent snapshot.",
        order="C22",
    ),
    known("UserErrorUnableToOpenMount", order="C22"),
    known(
        "AzureVmOffline",
        "Failed to install Microsoft Recovery Services extension as virtual machine  is not running",
        order="C14 C2 C3 C23",
        numbers=(380008,),
    ),
    known(
        "ResourceNotFound",
        "Could not perform the operation as VM no longer exists.",
        order="C17",
        numbers=(320001,),
        generic=True,
    ),
    known("BCMV2VMNotFound", "The virtual machine doesn't exist", order="C17", numbers=(400094,)),
    known("UserErrorVmNotFoundV2", order="C17", sources="MAN25"),
    known(
        "UserErrorBCMPremiumStorageQuotaError",
        "Could not copy the snapshot of the virtual machine, due to insufficient free space in the storage account",
    ),
    known("CopyingVHDsFromBackUpVaultTakingLongTime", "Copying backed up data from vault timed out"),
    known(
        "UserErrorMigrationFromTrustedLaunchVMToNonTrustedVMNotAllowed",
        "Backup cannot be configured for the VM which has migrated from Trusted Launch mode to non Trusted Launch mode.",
        order="C25",
    ),
    known(
        "VMAgentStatusCommunicationError",
        "VM has not reported status for VM agent or extensions.",
        order="C2 C3 C8",
        editions="2023",
        sources="RPT23",
    ),
    known(
        "DiskRestorePointUsedByCustomer",
        "There is an active shared access signature outstanding for disk restore point. Call EndGetAccess before"
        " deleting the restore point.",
        editions="2023",
        sources="RPT23",
    ),
    known("VMRestorePointClientError", editions="2023", sources="RPT23", wrapper=True),
    known(
        "OperationNotAllowed",
        "Changes were made to the Virtual Machine while the operation 'Create Restore Point' was in progress. Operation"
        " Create Restore Point cannot be completed at this time. Please try again later.",
        editions="2023",
        sources="RPT23",
        generic=True,
    ),
)
"""The codes of the troubleshooting pages, the origin document's six first."""


@dataclass(frozen=True, slots=True)
class ExtensionResult:
    """How the Linux backup extension says that it failed; `symptom` is the code whose causes it shares (EXT)."""

    number: int
    name: str | None  # None where only the number is published
    symptom: str | None = None


def numbered(first: int, names: str) -> Iterator[ExtensionResult]:
    return (ExtensionResult(number, name) for number, name in enumerate(names.split(), first))


EXTENSION_RESULTS = (
    ExtensionResult(16, "FailedHandlerGuestAgentCertificateNotFound"),
    # Also what the extension falls back to when all snapshots failed for another reason: no proof of a network fault.
    ExtensionResult(76, "FailedRetryableSnapshotFailedNoNetwork", "ExtensionSnapshotFailedNoNetwork"),
    ExtensionResult(85, "FailedSnapshotLimitReached", "ExtensionFailedSnapshotLimitReachedError"),
    ExtensionResult(121, "FailedRetryableFsFreezeFailed", "UserErrorFsFreezeFailed"),
    ExtensionResult(122, "FailedRetryableFsFreezeTimeout", "UserErrorFsFreezeFailed"),
    ExtensionResult(123, "FailedRetryableUnableToOpenMount", "UserErrorUnableToOpenMount"),
    ExtensionResult(124, "FailedSafeFreezeBinaryNotFound"),
    ExtensionResult(173, "FailedRetryableSnapshotRateExceeded"),
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
    ),
    ExtensionResult(402, "FailedGuestAgentInvokedCommandTooLate"),
    *numbered(
        500,
        """
        FailedWorkloadPreError FailedWorkloadConfParsingError FailedWorkloadInvalidRole
        FailedWorkloadInvalidWorkloadName FailedWorkloadPostError FailedWorkloadAuthorizationMissing
        FailedWorkloadConnectionError FailedWorkloadIPCDirectoryMissing FailedWorkloadDatabaseNotOpen
        FailedWorkloadQuiescingError FailedWorkloadQuiescingTimeout FailedWorkloadDatabaseInNoArchiveLog
        """,
    ),
    ExtensionResult(512, None),
    ExtensionResult(556, "FailedHostSnapshotRemoteServerError"),
    ExtensionResult(
        761, "FailedRetryableSnapshotFailedRestrictedNetwork", "ExtensionSnapshotFailedNoNetwork"
    ),
)
"""The result numbers of the Linux backup extension, as its log and sub-status give them."""
