"""Subscriptions and the locks on scopes."""

from __future__ import annotations

from dataclasses import dataclass

from azremedy.arm import ArmId


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription, as the identity sees it."""

    id: ArmId
    name: str
    tenant: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceGroup:
    """A resource group."""

    id: ArmId


@dataclass(frozen=True, slots=True)
class Lock:
    """A management lock. It holds on `scope` and everything below it."""

    id: ArmId
    level: str
    notes: str | None = None
    owners: tuple[str, ...] = ()

    @property
    def scope(self) -> ArmId:
        return self.id.scope

    @property
    def read_only(self) -> bool:
        return self.level.lower() == "readonly"
