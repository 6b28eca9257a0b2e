"""From an estate to what is wrong with it: findings, worst first, and what no verdict could be given on."""

from __future__ import annotations

from collections.abc import Collection as Group
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate, Failure, Protected
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity, fingerprint
from azremedy.resources import Read, Subscription, Unread
from azremedy.selection import EVERYTHING, Selection
from azremedy.suppression import Suppression


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A finding and the playbook that made it. `fingerprint` names it in every later scan."""

    playbook: Playbook[Any]
    finding: Finding[Any]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Unexplained:
    """
    A VM of which Azure Backup says that something is wrong, and no finding is borne out by it.

    `because` says what; `failure` is the newest failed backup, where a job within the look-back tells of it.
    """

    vm: ArmId
    because: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A diagnosis that somebody accepts for a time, and the suppression that says so."""

    diagnosis: Diagnosis
    by: Suppression


@dataclass(frozen=True, slots=True)
class Scan:
    """
    What a scan of one subscription says.

    `vms` counts the virtual machines, `protected` those with backups on, `close_look` those of them that were read
    one by one; the rest was judged from lists only. `calls` counts the requests to ARM by kind.
    """

    subscription: Subscription
    started: datetime
    finished: datetime
    calls: Mapping[Read, int]
    playbooks: tuple[str, ...]
    """The causes that were looked for, by id."""
    vms: int
    protected: int
    protected_vms: tuple[ArmId, ...]
    """The same by id, in order: those that every playbook looked at."""
    close_look: int
    diagnoses: tuple[Diagnosis, ...]
    """What was found, but for what is suppressed."""
    unread: tuple[Unread, ...]
    not_evaluated: tuple[NotEvaluated, ...]
    unexplained: tuple[Unexplained, ...]
    suppressed: tuple[Suppressed, ...] = ()
    selection: Selection = EVERYTHING
    from_graph: frozenset[Read] = frozenset()
    """The kinds that Azure Resource Graph told: what rests on them may be older than the scan."""
    graph_at: datetime | None = None
    """When it was asked."""
    of_change: bool = False
    """Whether it speaks of what a change would break, and not of what is there."""

    @property
    def worst(self) -> Severity | None:
        """The highest severity found."""
        return max((diagnosis.finding.severity for diagnosis in self.diagnoses), default=None)

    @property
    def told(self) -> Scan:
        """
        What is left to be known of it once it was written: its findings and gaps, not the name of every VM.

        Who reads ten thousand subscriptions as they come keeps no list of a million VMs.
        """
        return replace(self, protected_vms=(), not_evaluated=())

    def counts(self) -> Mapping[Severity, int]:
        """Return the number of findings of each severity, worst first, zeros included."""
        found = [diagnosis.finding.severity for diagnosis in self.diagnoses]
        return {severity: found.count(severity) for severity in sorted(Severity, reverse=True)}


def aged(scan: Scan, one: Diagnosis) -> frozenset[Read]:
    """Return the kinds that a finding rests on and that may be older than the scan."""
    return scan.from_graph & one.playbook.needs


def needs(playbooks: Iterable[Playbook[Any]]) -> frozenset[Read]:
    """Return what must be read for these playbooks."""
    return frozenset().union(*(playbook.needs for playbook in playbooks))


def evaluate(
    estate: Estate,
    playbooks: Sequence[Playbook[Any]],
    *,
    selection: Selection = EVERYTHING,
    suppressions: Sequence[Suppression] = (),
    whole: bool = True,
    calls: Mapping[Read, int] | None = None,
    started: datetime | None = None,
    finished: datetime | None = None,
) -> Scan:
    """
    Return what the playbooks say of the VMs selected in an estate.

    A VM for which a playbook says nothing, although something that it needs is unread, is *not evaluated*: nobody
    may take it for healthy. Failures that no finding bears out are named only where the `whole` set of playbooks looked
    for their cause. Findings that one of the `suppressions` covers and that has not ended are apart; they explain failures
    all the same. Times are those of ARM's answers; without them the moment of the reading stands in.
    """
    found: dict[str, Diagnosis] = {}
    gaps: list[NotEvaluated] = []
    selected = selection.within(estate)
    protected = [one for one in estate.protected if selected(one.id)]
    for playbook in playbooks:
        spoken: set[ArmId] = set()
        for said in playbook.detect(estate):
            if not selected(said.vm):
                continue
            spoken.add(said.vm)
            if isinstance(said, NotEvaluated):
                gaps.append(said)
            else:
                remember(found, Diagnosis(playbook, said, fingerprint(playbook.id, said)))
        gaps += unevaluated(estate, playbook, (one for one in protected if one.id not in spoken))
    diagnoses = sorted(found.values(), key=worst_first)
    day = (finished or estate.read_at).date()
    accepted = [
        Suppressed(one, by) for one in diagnoses if (by := accepting(one, suppressions, day)) is not None
    ]
    apart = {one.diagnosis.fingerprint for one in accepted}
    vms = {one.id for one in protected}
    return Scan(
        subscription=estate.subscription,
        started=started or estate.read_at,
        finished=finished or estate.read_at,
        calls=calls or {},
        playbooks=tuple(playbook.id for playbook in playbooks),
        vms=sum(selected(vm.id) for vm in estate.vms),
        protected=len(vms),
        protected_vms=tuple(sorted(vms)),
        close_look=sum(vm in estate.view for vm in vms),
        diagnoses=tuple(one for one in diagnoses if one.fingerprint not in apart),
        unread=estate.unread,
        not_evaluated=tuple(gaps),
        unexplained=tuple(unexplained(estate, protected, diagnoses)) if whole else (),
        suppressed=tuple(accepted),
        selection=selection,
        from_graph=estate.from_graph,
        graph_at=estate.graph_at,
    )


def accepting(one: Diagnosis, suppressions: Sequence[Suppression], day: date) -> Suppression | None:
    """Return the first suppression in force that covers a diagnosis."""
    finding = one.finding
    in_force = (each for each in suppressions if each.holds(day))
    return next(
        (each for each in in_force if each.covers(one.playbook.id, finding.vm, finding.resource)), None
    )


def remember(found: dict[str, Diagnosis], one: Diagnosis) -> None:
    """Keep one finding per playbook, VM and resource: the worst, where two items of a VM lead to the same."""
    held = found.get(one.fingerprint)
    if held is None or held.finding.severity < one.finding.severity:
        found[one.fingerprint] = one


def worst_first(one: Diagnosis) -> tuple[int, str, str, str]:
    return -one.finding.severity, one.finding.vm.key, one.playbook.id, one.finding.resource.key


def unevaluated(
    estate: Estate, playbook: Playbook[Any], silent: Iterable[Protected]
) -> Iterator[NotEvaluated]:
    """Yield the VMs on which a playbook was silent although something that it needs is unread for them."""
    reads = playbook.needs & {gap.read for gap in estate.unread}
    if not reads:
        return
    for one in silent:
        if gap := missing(estate, one, reads):
            yield NotEvaluated(playbook.id, one.id, f"{gap.read} not read: {gap.reason}")


def missing(estate: Estate, one: Protected, reads: Group[Read]) -> Unread | None:
    """Return a gap that leaves one of `reads` unknown for this VM, if there is one."""
    collections = estate.collections_of.get(one.id, ())
    held = {id_ for held in collections for id_ in (held.id, held.id.group) if id_}
    parts = (*one.vm.nics, *(disk.disk for disk in one.vm.disks if disk.disk)) if one.vm else ()
    policy = (one.item.policy,) if one.item.policy else ()
    scopes = (one.id, one.item.vault, one.item.id, *policy, *held, *parts)
    return next((gap for read in sorted(reads) if (gap := estate.not_read(read, *scopes))), None)


def unexplained(
    estate: Estate, protected: Iterable[Protected], diagnoses: Iterable[Diagnosis]
) -> Iterator[Unexplained]:
    """Yield the VMs of which Azure Backup says that something is wrong, and no finding says what."""
    blocked = {one.finding.vm for one in diagnoses if one.finding.severity is Severity.BLOCKING}
    borne_out = {one.finding.failure.job.id for one in diagnoses if one.finding.failure}
    suspected = {one.finding.vm for one in diagnoses if one.finding.severity >= Severity.SUSPECTED}
    for one in protected:
        if one.id in blocked:
            continue
        if failure := next(iter(estate.failures_of.get(one.item.id, ())), None):
            if failure.job.id not in borne_out:
                yield Unexplained(one.id, "its last backup failed", failure)
        elif one.id not in suspected and (because := complaint(estate, one)):
            yield Unexplained(one.id, because)


def complaint(estate: Estate, one: Protected) -> str | None:
    """Return what the protected item itself says is wrong, where no failed job does."""
    item = one.item
    if one.vm is None and estate.not_read(Read.VMS, item.vm) is None and Read.VMS in estate.reads:
        return "the VM that it protects is gone"
    if (item.last_backup_status or "").lower() == "failed":
        return "its last backup failed, before the look-back"
    if (item.protection_state or "").lower() == "protectionerror":
        return "its protection state is ProtectionError"
    if (item.health or "").lower() in UNWELL or (item.protection_status or "").lower() == "unhealthy":
        return f"Azure Backup calls it {item.health if (item.health or '').lower() in UNWELL else item.protection_status}"
    return None


UNWELL = frozenset({"actionrequired", "actionsuggested"})
