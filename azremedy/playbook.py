"""What a playbook is, and what it finds: one cause of failing backups, how to see it and how to cure it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from azremedy.arm import ArmId
from azremedy.errors import PackagingError
from azremedy.estate import Estate, Failure, Protected
from azremedy.lifting import LIFTING
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.resources import Read, rights

if TYPE_CHECKING:
    from collections.abc import Mapping

E = TypeVar("E", covariant=True)  # noqa: PLC0105 - the evidence of a finding, short as it stands everywhere


class Severity(IntEnum):
    """How strong the evidence is (`docs/severity.md`)."""

    INFO = 0
    SUSPECTED = 1
    CORROBORATED = 2
    BLOCKING = 3

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding(Generic[E]):
    """
    One cause at one VM, with the evidence for it.

    `resource` is what carries the cause (a lock, an NSG, a disk, the VM itself). `failure` is the failed backup
    that bears it out. `manual` says why this one is for a person even though the playbook can cure others. `cause` is the
    one that it is, where the playbook sees several and this finding is of none of the others. `due` is the day from which
    on backups fail for it, where they do not yet and that can be told.
    """

    vm: ArmId
    resource: ArmId
    message: str
    severity: Severity
    evidence: E
    failure: Failure | None = None
    manual: str | None = None
    cause: str | None = None
    due: date | None = None


@dataclass(frozen=True, slots=True)
class NotEvaluated:
    """A playbook that can give no verdict on a VM, and why. It is neither a finding nor a clean bill."""

    playbook: str
    vm: ArmId
    because: str


@dataclass(frozen=True, slots=True)
class Playbook(Generic[E]):
    """One cause of failing backups."""

    id: str
    """Kebab-case, equal to the module's name with `-` for `_`; never reused."""
    title: str
    causes: tuple[str, ...]
    """The cause ids of the documents that this playbook covers, e.g. `("C6",)`."""
    fix_class: FixClass
    remedy: str
    """What can be done, in one short imperative sentence; printed beside each finding."""
    needs: frozenset[Read]
    """What must be read for it; where one of these is unread for a VM, that VM is not evaluated."""
    detect: Callable[[Estate], Iterator[Finding[E] | NotEvaluated]]
    about: str
    """Why, in prose: the module's docstring."""
    plan: Callable[[Estate, Sequence[Finding[Any]], Choices], Iterator[Cure | ByHand]] | None = None
    """How findings are cured; None for a cause that only a person can cure."""
    requested: Callable[[Estate, Choices], Iterator[Cure | ByHand]] | None = None
    """What is done at VMs because a user named them for it, whatever is found there."""
    plan_needs: frozenset[Read] = frozenset()
    """What must be read beyond `needs`, for the VMs found, before a cure can be planned."""
    writes: frozenset[str] = frozenset()
    """The Azure RBAC actions that its steps and their ways back may need; locks that planning lifts come on top."""

    @property
    def enters(self) -> bool:
        """Whether it looks inside VMs, or cures there: what its cures rest on is asked there first."""
        return self.inside or bool(self.writes & rights(frozenset({Read.GUEST})))

    @property
    def inside(self) -> bool:
        """Whether it judges what only a VM itself tells, where somebody lets azremedy ask there (`--guest`)."""
        return Read.GUEST in self.needs

    @property
    def permissions(self) -> frozenset[str]:
        """The Azure RBAC actions that detection needs."""
        return rights(self.needs)

    @property
    def plan_permissions(self) -> frozenset[str]:
        """Those that it takes to plan a cure; planning looks at the locks, whichever playbook asks."""
        return rights(self.needs | self.plan_needs | {Read.LOCKS})

    @property
    def fix_permissions(self) -> frozenset[str]:
        """Those of the writes of its cures, with any lock in their way lifted and put back; none where it never writes."""
        return self.writes | LIFTING if self.writes else frozenset()


GUEST_READS = frozenset(
    {Read.VMS, Read.POWER, Read.VIEW, Read.ITEMS, Read.JOBS, Read.JOB_DETAIL, Read.POLICIES}
)
"""What a verdict rests on that is about a VM whose backups need its guest (`Protected.needs_guest`)."""


def corroborated(estate: Estate, protected: Protected, *causes: str) -> tuple[Severity, Failure | None]:
    """
    Return how strong the case is for one of `causes` at this VM, and the failed backup that bears it out.

    `corroborated` when a backup that failed within the look-back, and after the last completed one, bears a code or
    text that lists a cause in any edition of the documents, else `suspected`.
    """
    for failure in estate.failures_of.get(protected.item.id, ()):
        if failure.lists(*causes):
            return Severity.CORROBORATED, failure
    return Severity.SUSPECTED, None


def fingerprint(playbook: str, finding: Finding[Any]) -> str:
    """Return what names this finding in every later scan: a hash of the playbook's id and the lower-cased ids."""
    return sha256(f"{playbook}\n{finding.vm.key}\n{finding.resource.key}".encode()).hexdigest()[:32]


def outside() -> tuple[Playbook[Any], ...]:
    """Return the playbooks that need nothing from inside a VM: what is looked for where nobody names a cause."""
    return tuple(one for one in load().values() if not one.inside)


def judging(reads: AbstractSet[Read]) -> tuple[Playbook[Any], ...]:
    """Return the playbooks that are meant where nobody names one: all where VMs were asked from inside, else `outside`."""
    return tuple(load().values()) if Read.GUEST in reads else outside()


def load() -> Mapping[str, Playbook[Any]]:
    """Return the playbooks that azremedy ships, by id, in the order of `playbooks/__init__.py`."""
    try:
        shipped: tuple[Playbook[Any], ...] = import_module("azremedy.playbooks").PLAYBOOKS
    except ModuleNotFoundError as missing:
        if missing.name != "azremedy.playbooks":
            raise
        raise PackagingError(
            "The playbooks are not installed with this azremedy (the working directory shadows the package): "
            "run the `azremedy` command instead of `python -m azremedy`, or `pip install -e .` first."
        ) from missing
    return {playbook.id: playbook for playbook in shipped}
