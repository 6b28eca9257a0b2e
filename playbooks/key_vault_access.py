"""
Azure Backup may not read the keys of an encrypted VM.

A VM that Azure Disk Encryption encrypts in the guest is backed up together with its keys, so that Backup Management
Service (application 262044b1-e2ce-469f-a196-69ab7ada62d3 in the public cloud) needs rights at the key vault: get, list
and backup of its secrets, and of its keys where one of them wraps the secrets; where the vault goes by roles, Key Vault
Administrator or a role with as much. Without them the backup fails with `UserErrorKeyvaultPermissionsNotConfigured`.
Encryption at rest, with whosever key, needs nothing of the kind.

ARM names principals by the object ids of the tenant and never says which of them is Azure Backup's. Where nobody has
the rights, Azure Backup has them not, and that is certain. Where somebody has, a completed backup shows that they
suffice and a failed one that they do not; without either the VM is not evaluated.

An access policy is added to those that are there: a replaced one takes everybody else's rights away. What was granted
holds after some minutes.

Sources: T25, ENC22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate, Protected, last_completed
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import Finding, NotEvaluated, Playbook, corroborated
from azremedy.resources import WITHOUT_DATA, AccessPolicy, KeyVault, Read, RoleAssignment

from ._cures import singly

ID = "key-vault-access"
USING = frozenset({"get", "list"})
COPYING = frozenset({"get", "list", "backup"})
EVERYTHING = "all"

PEOPLE = frozenset({"user"})


@dataclass(frozen=True, slots=True)
class KeysOutOfReach:
    """The key vault, what is kept there for the VM's disks, and how many principals have the rights that it takes."""

    key_vault: ArmId
    by_roles: bool
    wrapped: bool
    principals: int
    firewalled: bool


def detect(estate: Estate) -> Iterator[Finding[KeysOutOfReach] | NotEvaluated]:
    known = {vault.id: vault for vault in estate.key_vaults}
    for protected in estate.protected:
        for vault, wrapped in vaults_of(estate, protected).items():
            if because := unknown(estate, vault, known.get(vault)):
                yield NotEvaluated(ID, protected.id, because)
            elif vault in known:
                yield from judged(estate, protected, known[vault], wrapped=wrapped)


def unknown(estate: Estate, id_: ArmId, vault: KeyVault | None) -> str | None:
    """Return why nobody knows whom a key vault lets in, None also where nobody asked."""
    gap = estate.not_read(Read.KEY_VAULTS, id_) or estate.not_read(Read.ROLE_ASSIGNMENTS, id_)
    if gap is None and (vault is None or not vault.rbac or vault.assignments is not None):
        return None
    why = gap.reason if gap else "not all of its role assignments could be read"
    return f"whether key vault '{id_.name}' lets Azure Backup in is not known: {why}"


def vaults_of(estate: Estate, protected: Protected) -> dict[ArmId, bool]:
    """Return the key vaults of a VM's disks, and of each whether a key of it wraps secrets."""
    found: dict[ArmId, bool] = {}
    for disk in protected.vm.disks if protected.vm else ():
        record = estate.disk.get(disk.disk) if disk.disk else None
        for vault in record.secrets if record else ():
            found.setdefault(vault, False)
        for vault in record.keys if record else ():
            found[vault] = True
    return found


def judged(
    estate: Estate, protected: Protected, vault: KeyVault, *, wrapped: bool
) -> Iterator[Finding[KeysOutOfReach] | NotEvaluated]:
    able = principals(vault, wrapped=wrapped)
    severity, failure = corroborated(estate, protected, "C11")
    if able and failure is None:
        if last_completed(protected.item) is None:
            because = f"ARM does not tell whether Azure Backup is among those whom key vault '{vault.id.name}' lets in"
            yield NotEvaluated(ID, protected.id, because)
        return
    grants = "grants the rights to others only" if able else "grants nobody what Azure Backup needs of it"
    yield Finding(
        vm=protected.id,
        resource=vault.id,
        message=f"key vault '{vault.id.name}', which holds the keys of the VM's disks, {grants}",
        severity=severity,
        evidence=KeysOutOfReach(vault.id, vault.rbac, wrapped, len(able), vault.firewalled),
        failure=failure,
        manual=advice(vault, wrapped=wrapped),
    )


def principals(vault: KeyVault, *, wrapped: bool) -> frozenset[str]:
    """Return the object ids of those that may have all rights that Azure Backup needs."""
    if vault.rbac:
        return frozenset(held.principal for held in vault.assignments or () if may(held))
    return frozenset(held.principal for held in vault.policies if suffices(held, wrapped=wrapped))


def may(held: RoleAssignment) -> bool:
    """Whether an assignment may be what lets Azure Backup in: no person's, and of a role that may reach keys."""
    return (held.kind or "").lower() not in PEOPLE and held.role.lower() not in WITHOUT_DATA


def suffices(held: AccessPolicy, *, wrapped: bool) -> bool:
    """Whether a policy lets its principal copy secrets, or copy the keys that wrap them and use the secrets."""
    if wrapped:
        return allows(held.keys, COPYING) and allows(held.secrets, USING)
    return allows(held.secrets, COPYING)


def allows(granted: Iterable[str], needed: frozenset[str]) -> bool:
    held = {one.lower() for one in granted}
    return EVERYTHING in held or needed <= held


def advice(vault: KeyVault, *, wrapped: bool) -> str:
    if vault.rbac:
        return f"assign Backup Management Service the role Key Vault Administrator at key vault '{vault.id.name}'"
    what = "secrets and keys" if wrapped else "secrets"
    return (
        f"add an access policy to those of key vault '{vault.id.name}' that grants Backup Management Service get, list"
        f" and backup of {what}; never replace the policies that are there"
    )


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person what to grant: whom ARM means by an object id only the tenant knows."""
    yield from singly(ID, findings, choices, lambda finding: finding.manual or "")


PLAYBOOK = Playbook(
    id=ID,
    title="Azure Backup may not read the keys of an encrypted VM",
    causes=("C11",),
    fix_class=FixClass.MANUAL,
    remedy="Grant Backup Management Service get, list and backup at the key vault; wait some minutes.",
    needs=frozenset(
        {Read.VMS, Read.DISKS, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL, Read.KEY_VAULTS, Read.ROLE_ASSIGNMENTS}
    ),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
