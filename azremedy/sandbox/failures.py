"""
What a failed backup says: the number and the texts that a job carries for each code of the documents.

Real jobs never carry the symbolic name. Of the numbers only 320001, 400094 and 380008 are published; the others are
the sandbox's own, and stable; so are the Spanish texts that no document prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FailureText:
    """One error: its number in a job, and its message in both languages."""

    number: int
    english: str
    spanish: str


FAILURES: Final[Mapping[str, FailureText]] = {
    "UserErrorGuestAgentStatusUnavailable": FailureText(
        400153,
        "VM Agent unable to communicate with Azure Backup",
        "El agente de máquina virtual no se puede comunicar con Azure Backup",
    ),
    "ExtensionSnapshotFailedNoNetwork": FailureText(
        400249,
        "Snapshot operation failed due to no network connectivity on the virtual machine",
        "Error de la operación de instantánea debido a que no hay conectividad de red en la máquina virtual",
    ),
    "ExtensionOperationFailedForManagedDisks": FailureText(
        400251,
        "VMSnapshot extension operation failed",
        "Error en la operación de extensión VMSnapshot",
    ),
    "GuestAgentSnapshotTaskStatusError": FailureText(
        400155,
        "Could not communicate with the VM agent for snapshot status",
        "No se pudo comunicar con el agente de máquina virtual para ver el estado de la instantánea",
    ),
    "BackUpOperationFailed": FailureText(
        400001,
        "Backup failed with an internal error - Please retry the operation in a few minutes",
        "Error interno al realizar la copia de seguridad. Intente volver a realizar la operación en unos minutos",
    ),
    "BackUpOperationFailedV2": FailureText(
        400002,
        "Backup failed with an internal error - Please retry the operation in a few minutes",
        "Error interno al realizar la copia de seguridad. Intente volver a realizar la operación en unos minutos",
    ),
    "UserErrorUnsupportedDiskSize": FailureText(
        400190,
        "The configured disk size(s) is currently not supported by Azure Backup.",
        "El tamaño de disco configurado no es compatible actualmente con Azure Backup.",
    ),
    "UserErrorVmProvisioningStateFailed": FailureText(
        400160,
        "The VM is in failed provisioning state",
        "La máquina virtual está en un estado de aprovisionamiento con errores",
    ),
    "UserErrorVmNotInDesirableState": FailureText(
        400162,
        "VM is not in a state that allows backups.",
        "La máquina virtual no está en un estado que permita copias de seguridad.",
    ),
    "UserErrorRpCollectionLimitReached": FailureText(
        400171,
        "The Restore point collection max limit has reached.",
        "Se ha alcanzado el límite máximo de colecciones del punto de restauración.",
    ),
    "UserErrorBackupOperationInProgress": FailureText(
        400175,
        "Unable to initiate backup as another backup operation is currently in progress",
        "No se puede iniciar la copia de seguridad porque hay otra operación de copia de seguridad en curso",
    ),
    "UserErrorBcmDatasourceNotPresent": FailureText(
        400181,
        "Backup failed: This virtual machine is not (actively) protected by Azure Backup.",
        "Error de copia de seguridad: Azure Backup no protege (activamente) esta máquina virtual.",
    ),
    "UserErrorRequestDisallowedByPolicy": FailureText(
        400184,
        "An invalid policy is configured on the VM which is preventing Snapshot operation.",
        "Hay una directiva no válida configurada en la máquina virtual que impide la operación de instantánea.",
    ),
    "UserErrorKeyvaultPermissionsNotConfigured": FailureText(
        400187,
        "Backup doesn't have sufficient permissions to the key vault for backup of encrypted VMs.",
        "Backup no tiene permisos suficientes para el almacén de claves para la copia de seguridad de máquinas virtuales cifradas.",
    ),
    "ExtensionStuckInDeletionState": FailureText(
        400255,
        "Extension state is not supportive to the backup operation",
        "El estado de la extensión no es compatible con la operación de copia de seguridad",
    ),
    "ExtensionFailedVssWriterInBadState": FailureText(
        400261,
        "Snapshot operation failed because VSS writers were in a bad state.",
        "Error en la operación de instantánea porque los escritores de VSS estaban en un estado incorrecto.",
    ),
    "ExtensionFailedVssServiceInBadState": FailureText(
        400262,
        "Snapshot operation failed due to VSS (Volume Shadow Copy) service in bad state.",
        "Error en la operación de instantánea porque el servicio VSS (instantáneas de volumen) está en un estado incorrecto.",
    ),
    "ExtensionSnapshotFailedCOM": FailureText(
        400257,
        "Snapshot operation failed due to COM+ error",
        "Error en la operación de instantánea debido a un error de COM+",
    ),
    "ExtensionInstallationFailedMDTC": FailureText(
        400258,
        'Extension installation failed with the error "COM+ was unable to talk to the Microsoft Distributed Transaction '
        'Coordinator"',
        'Error de instalación de la extensión: "COM+ no pudo comunicarse con el Coordinador de transacciones distribuidas '
        'de Microsoft"',
    ),
    "ExtensionConfigParsingFailure": FailureText(
        400259,
        "Failure in parsing the config for the backup extension.",
        "Error al analizar la configuración de la extensión de copia de seguridad.",
    ),
    "ExtensionSnapshotFailedNoSecureNetwork": FailureText(
        400263,
        "The snapshot operation failed because of failure to create a secure network communication channel.",
        "Error en la operación de instantánea porque no se pudo crear un canal de comunicación de red seguro.",
    ),
    "ExtensionVCRedistInstallationFailure": FailureText(
        400260,
        "The snapshot operation failed because of failure to install Visual C++ Redistributable for Visual Studio 2015.",
        "Error en la operación de instantánea porque no se pudo instalar Visual C++ Redistributable para Visual Studio 2015.",
    ),
    "UserErrorFsFreezeFailed": FailureText(
        400264,
        "Failed to freeze one or more mount-points of the VM to take a file-system consistent snapshot.",
        "No se pudieron inmovilizar uno o varios puntos de montaje de la máquina virtual para tomar una instantánea coherente con el sistema de archivos.",
    ),
    "VMRestorePointInternalError": FailureText(
        400270,
        "Restore Point creation failed due to an internal execution error while creating VM snapshot. "
        "Please retry the operation after some time.",
        "Error al crear el punto de restauración debido a un error interno de ejecución al crear la instantánea de la máquina virtual. Vuelva a intentarlo pasado un tiempo.",
    ),
    "AzureVmOffline": FailureText(
        380008,
        "Failed to install Microsoft Recovery Services extension as virtual machine is not running",
        "No se pudo instalar la extensión de Microsoft Recovery Services porque la máquina virtual no se está ejecutando",
    ),
    "ResourceNotFound": FailureText(
        320001,
        "Could not perform the operation as VM no longer exists.",
        "No se pudo realizar la operación porque la máquina virtual ya no existe.",
    ),
    "BCMV2VMNotFound": FailureText(
        400094, "The virtual machine doesn't exist", "La máquina virtual no existe"
    ),
}
