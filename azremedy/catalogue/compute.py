"""The codes of compute, which makes the restore points; they stand in the details of a job whose own code is a wrapper."""

from __future__ import annotations

from azremedy.catalogue.symptom import known

COMPUTE = (
    known(
        "VMRestorePointInternalError",
        "Restore Point creation failed due to an internal execution error while creating VM snapshot. Please retry the"
        " operation after some time.",
        means="Compute could not make the restore point, mostly because the extension or the agent in the VM did not do its "
        "part.",
        order="C19 C2 C3 C4 C18 C8",
        editions={"2023": "C2 C3 C4 C18 C19 C8", "2025": "C19"},
        sources="V25 RPT23",
    ),
    known(
        "VMAgentStatusCommunicationError",
        "VM has not reported status for VM agent or extensions.",
        means="The VM reports nothing of its agent: it is stopped, outdated, inconsistent or not there.",
        order="C2 C3 C8",
        editions="2023",
        sources="RPT23",
    ),
    known(
        "DiskRestorePointUsedByCustomer",
        "There is an active shared access signature outstanding for disk restore point. Call EndGetAccess before"
        " deleting the restore point.",
        means="A restore point is to be deleted while somebody holds an open access to one of its disks.",
        editions="2023",
        sources="RPT23",
        by_hand=("End that access (endGetAccess), or wait until it runs out, then delete again.",),
    ),
    known(
        "VMRestorePointClientError",
        means="Compute could not make the restore point for a reason inside the VM. One code stands for many: the text beside "
        "it says which.",
        editions="2023",
        sources="RPT23",
        wrapper=True,
        by_hand=("Read the job's details and paste the text that stands there.",),
    ),
    known(
        "OperationNotAllowed",
        "Changes were made to the Virtual Machine while the operation 'Create Restore Point' was in progress. Operation"
        " Create Restore Point cannot be completed at this time. Please try again later.",
        means="The VM was changed while its restore point was made: somebody deployed, resized or repaired it at the hour of "
        "the backup.",
        editions="2023",
        sources="RPT23",
        generic=True,
        by_hand=("Back up again, and keep changes away from the hour of the backup.",),
    ),
)
