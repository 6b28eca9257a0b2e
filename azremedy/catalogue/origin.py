"""The six messages of the origin document, with the codes that later editions gave them."""

from __future__ import annotations

from azremedy.catalogue.symptom import known

ORIGIN = (
    known(
        "UserErrorGuestAgentStatusUnavailable",
        "VM Agent unable to communicate with Azure Backup",
        means="Azure Backup asks the VM agent for a snapshot, and the agent gave no status: it is stopped, outdated, in an "
        "inconsistent state, or not installed.",
        order="C14 C2 C3 C8 C1w C4c C23",
        editions={"2018-01 2018-06": "C1 C2 C3 C4 C5", "2019 2025": "C2 C3 C8"},
        spanish=("El agente de máquina virtual no se puede comunicar con Azure Backup",),
        sources="SEED T18a T18b T19 T20es T25",
        in_2018="On Linux, from 4 January 2018: `sudo rm -f /var/lib/waagent/*.[0-9]*.xml`, then back up again.",
        now="That note was gone by June 2018. Agents of today clean those files up themselves and need some of them, so it "
        "is a cure for agents of that time only. Look at the agent's status first, then at the extensions.",
    ),
    known(
        "ExtensionSnapshotFailedNoNetwork",
        "Snapshot operation failed due to no network connectivity on the virtual machine",
        means="The backup extension could not take the snapshot and says that the VM has no network. The number behind it is "
        "also what the extension falls back to when all snapshots failed for another reason: it proves no network fault.",
        order="C4 C1 C1w",
        editions={"2018-01 2018-06": "C1 C4 C5", "2019": "C4 C5", "2025": "C4"},
        spanish=(
            "Error de la operación de instantánea debido a que no hay conectividad de red en la máquina virtual",
            "Se produce un error en la operación de instantánea porque la máquina virtual no está conectada a la red",
        ),
        sources="SEED T18a T18b T19 T20es T25 EXT",
        in_2018="The way to Azure Storage came first: the extension sent its snapshot commands there over HTTP.",
        now="No address has to be opened for VM backup, because the host takes most snapshots; only this code still makes "
        "the way to Azure Storage worth a look.",
    ),
    known(
        "ExtensionOperationFailedForManagedDisks",
        "VMSnapshot extension operation failed",
        means="The backup extension inside the VM was started and failed.",
        order="C4 C2 C3",
        editions={"2018-01": "C4 C5 C1 C2 C3", "2018-06 2019": "C4 C5 C2 C3", "2025": "C4 C2 C3"},
        spanish=(
            "Error en la operación de extensión VMSnapshot",
            "Error en la operación de extensión de VMSnapshot",
            "Se produce un error en la operación de la extensión VMSnapshot",
        ),
        spellings="ExtentionOperationFailed ExtentionOperationFailedForManagedDisks",
        sources="SEED T18a T18b T19 T20es T25",
    ),
    known(
        "GuestAgentSnapshotTaskStatusError",
        "Unable to perform the operation as the VM Agent is not responsive",
        "Could not communicate with the VM agent for snapshot status",
        "Backup fails because the VM agent is unresponsive",
        means="The snapshot was asked for, and the VM agent did not say what became of it.",
        order="C2 C3 C4 C18 C19",
        editions={"2018-01 2018-06": "C2 C3 C1", "2019": "C2 C3 C4 C5 C18", "2025": "C2 C3 C4 C18 C19"},
        spanish=(
            "No se puede realizar la operación: el agente de máquina virtual no responde",
            "No se pudo comunicar con el agente de máquina virtual para ver el estado de la instantánea",
            "No se pudo comunicar con el agente de máquina virtual para el estado de la instantánea",
            "Se produce un error en la copia de seguridad porque el agente de máquina virtual no responde",
        ),
        sources="SEED T18a T18b T19 T20es T25",
    ),
    known(
        "BackUpOperationFailed",
        "Backup failed with an internal error - Please retry the operation in a few minutes",
        "The backups of VMs have failed after the policy migration from Standard to Enhanced policy.",
        "Backup fails with an internal error",
        means="The backup failed, and the service names no better reason: agent, snapshot, a lock on the restore points, or a "
        "storage fault that passes.",
        order="C2 C3 C4 C6 C20e C26 C17",
        editions={
            "2018-01 2018-06": "C1 C2 C3 C4 C5 C6",
            "2018-08": "C17",
            "2019": "C2 C3 C4 C5 C6",
            "2025": "C2 C3 C4 C6 C20e C26",
        },
        spanish=(
            "Error interno al realizar la copia de seguridad. Intente volver a realizar la operación en unos minutos",
            "Error interno en la copia de seguridad. Reintente la operación en unos minutos",
            "Se produce un error interno en la copia de seguridad",
            "Se ha producido un error interno en la copia de seguridad",
        ),
        spellings="BackUpOperationFailedV2",
        sources="SEED T18a T18b V18 T19 T20es T25 V25",
        in_2018="A page of August 2018 gives two more reasons: a storage fault that passes, or a VM that was deleted.",
        now="After a move from the Standard to the Enhanced policy the same code is a case for Microsoft's support.",
    ),
    known(
        "UserErrorUnsupportedDiskSize",
        "The specified Disk configuration is not supported",
        "Currently Azure Backup does not support disk sizes greater than 1023GB",
        "Currently Azure Backup does not support disk sizes greater than 4095GB",
        "The configured disk size(s) is currently not supported by Azure Backup.",
        "Disk configuration is not supported",
        means="A disk of the VM is larger than Azure Backup takes, or of a kind that it does not take.",
        order="C7 C12",
        editions={"2018-01 2019": "C7", "2025": "C7 C12"},
        spanish=(
            "No se admite la configuración de disco especificada",
            "el tamaño de disco configurado no es compatible actualmente con Azure Backup.",
            "La configuración de disco no se admite",
        ),
        sources="SEED T18a T19 T20es T25 SM25",
        in_2018="The limit was 1023 GB; later messages say 4095 GB.",
        now="The limit is 64 TB a disk in the support matrix (the troubleshooting page still prints 32 TB), and 4 TB for a "
        "disk that Azure Disk Encryption encrypts.",
    ),
)
