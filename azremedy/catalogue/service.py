"""The codes of the backup service itself: the state of the VM, of its protection, of its restore points and of the job."""

from __future__ import annotations

from azremedy.catalogue.symptom import known

SERVICE = (
    known(
        "UserErrorVmProvisioningStateFailed",
        "The VM is in failed provisioning state",
        means="The last change of the VM failed, mostly that of an extension, and Azure Backup does not back up a VM in this "
        "state.",
        order="C8 C5",
        editions={"2018-08": "C8 C2", "2019": "C8 C5", "2025": "C8"},
        spanish=("la máquina virtual está en un estado de aprovisionamiento con errores",),
        sources="V18 T19 T20es T25",
        in_2018="Remove the failed extension, restart the VM, then look at the agent's service.",
        now="Reapply the VM first; it is the mild step, and mostly enough.",
    ),
    known(
        "UserErrorVmNotInDesirableState",
        "VM is not in a state that allows backups.",
        means="The VM is neither running nor stopped: it is in a failed state, or between two states.",
        order="C8 C14 C3",
        now="A VM that is starting or shutting down is only waited for. On Linux SELinux must leave /var/lib/waagent alone.",
    ),
    known(
        "VmNotInDesirableState",
        "The VM isn't in a state that allows backups.",
        means="The VM is neither running nor stopped, or its agent is not there.",
        order="C8 C14 C3",
    ),
    known(
        "UserErrorRpCollectionLimitReached",
        "The Restore Point collection max limit has reached.",
        "The number of restore points across restore point collections and resource groups for a VM cannot exceed 18.",
        means="The VM has as many restore points as it may have, so no backup can make another one: old ones are not deleted, "
        "or too many were made.",
        order="C6 C13",
        spanish=("se ha alcanzado el límite máximo de colecciones del punto de restauración",),
        sources="T20es T25 I-47934",
        in_2018="The limit had no message of its own and showed as an internal error.",
    ),
    known(
        "UserErrorKeyvaultPermissionsNotConfigured",
        "Backup doesn't have sufficient permissions to the key vault for backup of encrypted VMs.",
        means="The disks are encrypted by Azure Disk Encryption, and Azure Backup may not read their keys in the key vault.",
        order="C11",
        spellings="UserErrorKeyvaultPermissionNotConfigured",
        spanish=(
            "Backup no tiene suficientes permisos para el almacén de claves y no se puede realizar la copia de seguridad de las máquinas virtuales cifradas.",
        ),
        sources="T20es T25",
    ),
    known(
        "UserErrorBackupOperationInProgress",
        "Unable to initiate backup as another backup operation is currently in progress",
        means="A backup of the VM runs already, in this vault or in one that protected it before.",
        order="C16",
        spellings="SystemBackupOperationInProgress",
        spanish=(
            "No se puede iniciar la copia de seguridad, ya que otra operación de copia de seguridad está en curso actualmente",
        ),
        sources="T20es T25",
    ),
    known(
        "UserErrorCrpReportedUserError",
        "Backup failed due to an error. For details, see Job Error Message Details.",
        means="Compute refused the snapshot. The cause is the compute error in the details of the job: explain that one.",
        spanish=(
            "Se ha producido un error en la copia de seguridad. Para más información, consulte los detalles del mensaje de error del trabajo.",
        ),
        sources="T20es T25",
        wrapper=True,
        by_hand=("Read the job's details and paste the text that stands there.",),
    ),
    known(
        "UserErrorBcmDatasourceNotPresent",
        "Backup failed: This virtual machine is not (actively) protected by Azure Backup.",
        means="The vault takes no backups of this VM: its protection is stopped, paused or deleted.",
        order="C15",
        spanish=(
            "Error de copia de seguridad: esta máquina virtual no está protegida (activamente) con Azure Backup.",
        ),
        sources="T20es T25",
    ),
    known(
        "UserErrorRequestDisallowedByPolicy",
        "An invalid policy is configured on the VM which is preventing Snapshot operation.",
        means="An Azure Policy refuses what the service needs to create, mostly the group of its restore points.",
        order="C10",
    ),
    known(
        "AzureVmOffline",
        "Failed to install Microsoft Recovery Services extension as virtual machine  is not running",
        means="The backup extension was to be installed, and the VM is off, or has no agent.",
        order="C14 C2 C3 C23",
        numbers=(380008,),
    ),
    known(
        "ResourceNotFound",
        "Could not perform the operation as VM no longer exists.",
        means="The VM is gone, and its protection goes on.",
        order="C17",
        numbers=(320001,),
        generic=True,
    ),
    known(
        "BCMV2VMNotFound",
        "The virtual machine doesn't exist",
        means="The VM is gone, and its protection goes on.",
        order="C17",
        numbers=(400094,),
    ),
    known(
        "UserErrorVmNotFoundV2",
        means="The VM is gone, or was moved to another group or subscription while it was protected.",
        order="C17",
        sources="MAN25",
    ),
    known(
        "UserErrorBCMPremiumStorageQuotaError",
        "Could not copy the snapshot of the virtual machine, due to insufficient free space in the storage account",
        means="Unmanaged premium disks are copied within their storage account before they go to the vault, and there is no "
        "room for the copy.",
        by_hand=(
            "Keep half of the storage account free, or move the VM to managed disks, which need no such copy.",
        ),
    ),
    known(
        "CopyingVHDsFromBackUpVaultTakingLongTime",
        "Copying backed up data from vault timed out",
        means="The transfer between storage and vault took too long: a storage fault that passes, or too few operations a "
        "second in the storage account.",
        by_hand=(
            "Try again; if it stays, spread the backups over the night or the disks over more accounts.",
        ),
    ),
    known(
        "UserErrorMigrationFromTrustedLaunchVMToNonTrustedVMNotAllowed",
        "Backup cannot be configured for the VM which has migrated from Trusted Launch mode to non Trusted Launch mode.",
        means="The vault knows the VM as one with Trusted Launch, and it has it no longer, or a VM of the same name took its "
        "place.",
        order="C25",
    ),
)
