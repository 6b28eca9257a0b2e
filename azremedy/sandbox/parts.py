"""What an estate's description is made of, and those parts of it that say who may do what."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=90, pattern=r"\A[^/?#%\\]+\Z")]
Hours = Annotated[float, msgspec.Meta(ge=0)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1_048_576)]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A mapping in an estate's description. A key that none of these names is an error."""


Permissions = tuple[Literal["get", "list", "backup", "wrapKey", "all"], ...]


class Grant(Part, frozen=True):
    """
    What a key vault grants `to` a principal, named as one likes: to Azure Backup if nothing else is said.

    Access policies grant `keys` and `secrets`, role assignments a `role`.
    """

    to: str = "Backup Management Service"
    keys: Permissions = ()
    secrets: Permissions = ()
    role: Literal["Key Vault Administrator", "Reader", "Contributor"] = "Key Vault Administrator"
    kind: Literal["ServicePrincipal", "User", "Group"] = "ServicePrincipal"


class KeyVault(Part, frozen=True):
    """A key vault that grants rights by access policies or by `roles`. VMs name it as theirs."""

    name: Name
    group: Name = "keys"
    roles: bool = False
    grants: tuple[Grant, ...] = ()


class PolicyAssignment(Part, frozen=True):
    """
    An Azure Policy at the subscription that asks groups for a `tag`, or speaks of something else where none is named.

    Of an `initiative` nothing is known but that it is there.
    """

    name: Name
    title: str | None = None
    effect: Literal["Deny", "Audit", "Modify"] = "Deny"
    tag: str | None = None
    enforced: bool = True
    initiative: bool = False
