"""The codes of the backup extension inside the VM."""

from __future__ import annotations

from azremedy.catalogue.symptom import known

EXTENSION = (
    known(
        "ExtensionStuckInDeletionState",
        "Extension state is not supportive to the backup operation",
        means="The backup extension hangs while it is being removed. It is to be removed whole, once the agent answers.",
        order="C5 C2",
    ),
    known(
        "ExtensionSnapshotFailedCOM",
        "Snapshot operation failed due to COM+ error",
        means="The extension could not talk to COM+ in Windows, which the snapshot needs.",
        order="C20a C20b",
    ),
    known(
        "ExtensionInstallationFailedCOM",
        "Extension installation/operation failed due to a COM+ error",
        means="The extension could not be installed, because COM+ in Windows does not answer.",
        order="C20a C20b",
    ),
    known(
        "ExtensionInstallationFailedMDTC",
        'Extension installation failed with the error "COM+ was unable to talk to the Microsoft Distributed Transaction'
        " Coordinator",
        means="The extension could not be installed, because COM+ cannot talk to the transaction coordinator (MSDTC).",
        order="C20a C20b",
    ),
    known(
        "ExtensionFailedVssWriterInBadState",
        "Snapshot operation failed because VSS writers were in a bad state.",
        means="A program in Windows that takes part in the snapshot (a VSS writer, such as SQL Server) is not in a stable state.",
        order="C20c C24",
    ),
    known(
        "ExtensionFailedVssServiceInBadState",
        "Snapshot operation failed due to VSS (Volume Shadow Copy) service in bad state.",
        means="The Volume Shadow Copy service in Windows does not work.",
        order="C20c C24",
    ),
    known(
        "ExtensionConfigParsingFailure",
        "Failure in parsing the config for the backup extension.",
        means="The extension cannot decrypt its own settings: the rights on Windows' machine keys are wrong, or the certificate "
        "that the settings were encrypted for is broken.",
        order="C20d",
    ),
    known(
        "ExtensionFailedTimeoutVMNetworkUnresponsive",
        "Snapshot operation failed due to inadequate VM resources.",
        means="The VM was too busy for the snapshot to be done in time.",
        order="C24",
    ),
    known(
        "ExtensionFailedSnapshotLimitReachedError",
        "Snapshot operation failed as snapshot limit is exceeded for some of the disks attached",
        means="A disk has too many snapshots already, whoever made them.",
        order="C21 C13",
        sources="V25 EXT",
    ),
    known(
        "ExtensionSnapshotFailedNoSecureNetwork",
        "The snapshot operation failed because of failure to create a secure network communication channel.",
        means="The extension could not open a TLS connection, because .NET in Windows is not told to use strong cryptography.",
        order="C20f",
    ),
    known(
        "ExtensionVCRedistInstallationFailure",
        "The snapshot operation failed because of failure to install Visual C++ Redistributable for Visual Studio 2012",
        "The snapshot operation failed because of failure to install Visual C++ Redistributable for Visual Studio 2015",
        means="The extension brings the Visual C++ runtime with it, and Windows did not install it.",
        order="C20e C20g C19",
        editions="2022 2025",
        sources="V22 V25",
    ),
    known(
        "ExtensionSnapshotBitlockerError",
        "The snapshot operation failed with the Volume Shadow Copy Service (VSS) operation error This drive is locked"
        " by BitLocker Drive Encryption. You must unlock this drive from the Control Panel.",
        means="A volume in Windows is locked by BitLocker, and no snapshot is taken of a locked volume.",
        by_hand=(
            "Unlock the volume in Windows, and let it unlock itself at start if it is to be backed up every night.",
        ),
    ),
    known(
        "UserErrorFsFreezeFailed",
        "Failed to freeze one or more mount-points of the VM to take a file-system consistent snapshot.",
        means="Linux did not freeze a file system in time, so the snapshot would not be consistent.",
        order="C22",
        sources="V25 EXT",
    ),
    known(
        "UserErrorUnableToOpenMount",
        means="The extension cannot open all mount points in Linux.",
        order="C22",
        sources="V25 EXT",
    ),
)
