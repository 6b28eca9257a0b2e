"""How ARM is addressed: the api-version of each type, and ids as they stand in a URL."""

from __future__ import annotations

from collections.abc import Mapping
from string import ascii_letters, digits
from typing import Final

from azremedy.arm import ArmId

COMPUTE: Final = "2024-07-01"
NETWORK: Final = "2024-05-01"
BACKUP: Final = "2024-04-01"
PERMISSIONS: Final = "2022-04-01"

VERSIONS: Final[Mapping[str, str]] = {
    "microsoft.authorization/locks": "2020-05-01",
    "microsoft.compute/disks": "2024-03-02",
    "microsoft.compute": COMPUTE,
    "microsoft.network": NETWORK,
    "microsoft.recoveryservices": BACKUP,
}
"""By type, else by provider, in lower case (SDK)."""

PLAIN: Final = frozenset(ascii_letters + digits + "/;,:@$!'()*+=-._~&")
"""The characters of a path that stand for themselves (RFC 3986)."""

SCOPES: Final = "2021-04-01"
"""The api-version of subscriptions and resource groups."""


def version(id_: ArmId) -> str:
    """Return the api-version with which a resource or scope is read and written."""
    provider = id_.type.partition("/")[0]
    return VERSIONS.get(id_.type) or VERSIONS.get(provider) or SCOPES


def quoted(address: str) -> str:
    """Return a path as it stands in a URL: names may hold blanks, `#`, `%` and more."""
    return "".join(one if one in PLAIN else _percent(one) for one in address)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
