"""The key vaults that hold the keys of disks encrypted in the guest, and who may use what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from azremedy.arm import ArmId

WITHOUT_DATA: Final = frozenset(
    {
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",  # Owner
        "b24988ac-6180-42a0-ab88-20f7382dd24c",  # Contributor
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",  # Reader
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",  # User Access Administrator
    }
)
"""Roles that reach no key and no secret. Any other may: what a role of one's own holds nobody asked."""


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What a key vault lets one principal do with keys and secrets. `principal` is an object id of the tenant."""

    principal: str
    keys: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role that a principal has: `role` is the GUID of its definition, `kind` such as `ServicePrincipal`."""

    id: ArmId
    principal: str
    role: str
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class KeyVault:
    """
    A key vault. Where `rbac` is true its access policies say nothing, and the role assignments at and above it count.

    `assignments` is None where they were not read. `firewalled` says that it answers some networks only.
    """

    id: ArmId
    rbac: bool = False
    policies: tuple[AccessPolicy, ...] = ()
    assignments: tuple[RoleAssignment, ...] | None = None
    firewalled: bool = False
