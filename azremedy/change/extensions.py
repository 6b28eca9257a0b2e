"""
Extension operations are not allowed on the VM.

Azure Backup works through an extension that it installs in the VM. A VM whose model says
`allowExtensionOperations: false` takes none: the extension is neither installed nor told to make a snapshot, and
application-consistent backups fail. Some appliances forbid extensions on purpose; those are backed up
crash-consistently, which asks nothing of the guest.

A VM without a provisioned agent is no finding by itself: the agent may have been installed by hand.

Sources: AW25, V25.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from azremedy.estate import Estate
from azremedy.plan import FixClass
from azremedy.playbook import GUEST_READS, Finding, Playbook, corroborated


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What the VM's model says of extensions and of its agent."""

    allow_extension_operations: bool
    provision_agent: bool | None


def detect(estate: Estate) -> Iterator[Finding[Forbidden]]:
    for protected in estate.protected:
        vm = protected.vm
        if vm is None or not protected.needs_guest or vm.allow_extension_operations is not False:
            continue
        severity, failure = corroborated(estate, protected, "C23")
        yield Finding(
            vm=protected.id,
            resource=vm.id,
            message="the VM allows no extension operations, and its backups need the backup extension",
            severity=severity,
            evidence=Forbidden(allow_extension_operations=False, provision_agent=vm.provision_agent),
            failure=failure,
        )


EXTENSION_OPERATIONS = Playbook(
    id="extension-operations",
    title="Extension operations are not allowed on the VM",
    causes=("C23",),
    fix_class=FixClass.MANUAL,
    remedy="Allow extension operations once the VM agent is installed, or back the VM up crash-consistently.",
    needs=GUEST_READS,
    detect=detect,
    about=__doc__ or "",
)
