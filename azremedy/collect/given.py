"""
What of a subscription need not be read from ARM's lists, because Resource Graph told it.

Resource Graph leaves out in silence what an identity may not read, so it is believed only about kinds that the identity may
read in the whole subscription; and a vault about which anything is to be said is read from its own service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from azremedy.arm import ArmId, Json
from azremedy.collect.rows import KINDS, Swept, vault_of
from azremedy.collect.sources import Source
from azremedy.errors import ReadError
from azremedy.estate import Estate
from azremedy.resources import PER_VAULT, Read, Subscription, Vault
from azremedy.resources.reads import RIGHTS, allows

if TYPE_CHECKING:
    from azremedy.collect.sweep import Sweep

PERMISSIONS = "2022-04-01"
ITEM = "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/read"
"""The right for the type that its rows of protected items have."""

Doubts = Callable[[Estate], Iterable[ArmId]]
"""VMs of which something would be said by what is read so far."""


@dataclass(frozen=True, slots=True)
class Given:
    """
    Lists in place of ARM's: `lists` of the whole subscription, `backups` of the `vaults` that are not in trouble.

    Kinds in `refused` are neither given nor asked for: they are gaps.
    """

    lists: Mapping[Read, tuple[Any, ...]] = field(default_factory=dict)
    backups: Mapping[Read, tuple[Any, ...]] = field(default_factory=dict)
    vaults: frozenset[ArmId] = frozenset()
    refused: frozenset[Read] = frozenset()

    def of(self, vaults: Iterable[Vault]) -> Iterator[tuple[Read, Sequence[Any]]]:
        """Yield what is given of these vaults, as far as they are not in trouble."""
        calm = {vault.id: vault.id for vault in vaults if vault.id in self.vaults}
        for read, told in self.backups.items():
            held = [one for one in told if vault_of(one.id) in calm]
            yield read, [replace(one, vault=calm[one.vault]) for one in held] if read is Read.ITEMS else held

    @property
    def reads(self) -> frozenset[Read]:
        """The kinds that Resource Graph told."""
        return frozenset(self.lists) | (frozenset(self.backups) if self.vaults else frozenset())


NOTHING = Given()


def given(sweep: Sweep, subscription: Subscription, reads: frozenset[Read], swept: Swept) -> Given:
    """Return what need not be read from ARM, and note as gaps what Resource Graph did not answer."""
    shown = visible(sweep, subscription.id)
    asked = reads & KINDS & shown
    refused = {read: error for read, error in swept.refused.items() if read in asked}
    for read, error in refused.items():
        sweep.gap(read, subscription.id, error)
    told = asked - swept.doubted - refused.keys()
    whole = shown >= reads & PER_VAULT & KINDS and not refused.keys() & PER_VAULT
    return Given(
        {read: swept.lists[read] for read in told - PER_VAULT},
        {read: swept.lists[read] for read in told & PER_VAULT},
        swept.vaults - swept.troubled if whole else frozenset(),
        frozenset(refused),
    )


def visible(sweep: Sweep, subscription: ArmId) -> frozenset[Read]:
    """Return the kinds that the identity may read in the whole subscription; none where that cannot be told."""
    address = f"{subscription}/providers/Microsoft.Authorization/permissions"
    query = {"api-version": PERMISSIONS}
    source = Source(Read.PERMISSIONS, subscription, address, query, lambda body: (body,))
    try:
        held = [one for page in sweep.pages(source) for one in page if isinstance(one, dict)]
    except ReadError:
        return frozenset()
    return frozenset(read for read in KINDS if may(held, read))


def may(held: Sequence[Json], read: Read) -> bool:
    rights = (RIGHTS[read], ITEM) if read is Read.ITEMS else (RIGHTS[read],)
    return all(allows(held, right) for right in rights)


def settled(sweep: Sweep, estate: Estate, given_: Given, doubts: Doubts) -> Estate:
    """Return the estate with all from its own service that lies in a vault about whose VMs something would be said."""
    if not given_.vaults:
        return estate
    said = set(doubts(estate))
    vaults = {one.vault for one in estate.items if one.vm in said} & given_.vaults
    if not vaults:
        return estate
    asked = sweep.asked_of((one for one in estate.vaults if one.id in vaults), estate.reads, estate.lookback)
    found: dict[Read, dict[str, Any]] = {Read.ITEMS: {}, Read.JOBS: {}, Read.POLICIES: {}}
    for read, future in asked:
        found[read].update(future.result())

    def merged(listed: Iterable[Any], read: Read) -> tuple[Any, ...]:
        kept = (one for one in listed if vault_of(one.id) not in vaults)
        return tuple(sorted((*kept, *found[read].values()), key=by_id))

    return estate.changed(
        items=merged(estate.items, Read.ITEMS),
        jobs=merged(estate.jobs, Read.JOBS),
        policies=merged(estate.policies, Read.POLICIES),
    )


def by_id(resource: Any) -> ArmId:
    found: ArmId = resource.id
    return found
