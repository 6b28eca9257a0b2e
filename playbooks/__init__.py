"""The playbooks that azremedy ships, one cause each. A new one is one line here."""

from __future__ import annotations

from .agent_config import PLAYBOOK as AGENT_CONFIG
from .agent_outdated import PLAYBOOK as AGENT_OUTDATED
from .agent_service import PLAYBOOK as AGENT_SERVICE
from .agent_unresponsive import PLAYBOOK as AGENT_UNRESPONSIVE
from .backup_in_progress import PLAYBOOK as BACKUP_IN_PROGRESS
from .com_system_application import PLAYBOOK as COM_SYSTEM_APPLICATION
from .disk_size import PLAYBOOK as DISK_SIZE
from .disk_support import PLAYBOOK as DISK_SUPPORT
from .dotnet_runtime import PLAYBOOK as DOTNET_RUNTIME
from .egress_route import PLAYBOOK as EGRESS_ROUTE
from .extension_operations import PLAYBOOK as EXTENSION_OPERATIONS
from .guest_dhcp import PLAYBOOK as GUEST_DHCP
from .key_vault_access import PLAYBOOK as KEY_VAULT_ACCESS
from .machine_keys import PLAYBOOK as MACHINE_KEYS
from .orphaned_item import PLAYBOOK as ORPHANED_ITEM
from .pending_reboot import PLAYBOOK as PENDING_REBOOT
from .policy_denial import PLAYBOOK as POLICY_DENIAL
from .protection_state import PLAYBOOK as PROTECTION_STATE
from .provider_service import PLAYBOOK as PROVIDER_SERVICE
from .restore_point_limit import PLAYBOOK as RESTORE_POINT_LIMIT
from .restore_point_lock import PLAYBOOK as RESTORE_POINT_LOCK
from .sql_vss import PLAYBOOK as SQL_VSS
from .stale_goal_state import PLAYBOOK as STALE_GOAL_STATE
from .storage_egress import PLAYBOOK as STORAGE_EGRESS
from .strong_crypto import PLAYBOOK as STRONG_CRYPTO
from .transaction_coordinator import PLAYBOOK as TRANSACTION_COORDINATOR
from .unprotected_vm import PLAYBOOK as UNPROTECTED_VM
from .vm_power_state import PLAYBOOK as VM_POWER_STATE
from .vm_provisioning import PLAYBOOK as VM_PROVISIONING
from .vmsnapshot_extension import PLAYBOOK as VMSNAPSHOT_EXTENSION
from .vss_writers import PLAYBOOK as VSS_WRITERS
from .windows_installer import PLAYBOOK as WINDOWS_INSTALLER
from .wire_server import PLAYBOOK as WIRE_SERVER

PLAYBOOKS = (
    RESTORE_POINT_LOCK,
    RESTORE_POINT_LIMIT,
    VMSNAPSHOT_EXTENSION,
    STORAGE_EGRESS,
    EGRESS_ROUTE,
    DISK_SIZE,
    DISK_SUPPORT,
    AGENT_UNRESPONSIVE,
    AGENT_OUTDATED,
    EXTENSION_OPERATIONS,
    VM_PROVISIONING,
    VM_POWER_STATE,
    KEY_VAULT_ACCESS,
    POLICY_DENIAL,
    BACKUP_IN_PROGRESS,
    PROTECTION_STATE,
    ORPHANED_ITEM,
    UNPROTECTED_VM,
    WIRE_SERVER,
    GUEST_DHCP,
    AGENT_SERVICE,
    AGENT_CONFIG,
    STALE_GOAL_STATE,
    DOTNET_RUNTIME,
    PROVIDER_SERVICE,
    SQL_VSS,
    COM_SYSTEM_APPLICATION,
    TRANSACTION_COORDINATOR,
    VSS_WRITERS,
    MACHINE_KEYS,
    STRONG_CRYPTO,
    WINDOWS_INSTALLER,
    PENDING_REBOOT,
)
