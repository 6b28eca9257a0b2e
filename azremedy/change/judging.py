"""What a change makes worse: the verdicts on the estate before and after it, and the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from azremedy import egress
from azremedy.arm import ArmId
from azremedy.change.data import Change, Edit
from azremedy.change.laying import After, laid_over
from azremedy.estate import Estate
from azremedy.playbook import Finding, NotEvaluated, Playbook, Severity
from azremedy.scan import Diagnosis, evaluate, worst_first
from azremedy.selection import EVERYTHING, Selection

NOT_THERE_YET = "nothing is broken yet: leave this out of the change"
ANYONE = "protection-state"
"""The playbook that names, if it is asked, what any of them might speak of."""
NAMED = 3
"""How many addresses a message names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Judged:
    """
    What a change would break of a subscription's backups, worst first, in the form of a scan.

    `addresses` says by fingerprint what in the change does it. `elsewhere` are the addresses of what lies in other
    subscriptions: only where no subscription that was read is theirs has nobody looked at them.
    """

    diagnoses: tuple[Diagnosis, ...]
    not_evaluated: tuple[NotEvaluated, ...]
    addresses: Mapping[str, tuple[str, ...]]
    elsewhere: tuple[str, ...]


def judge(
    estate: Estate, change: Change, playbooks: Sequence[Playbook[Any]], selection: Selection = EVERYTHING
) -> Judged:
    """
    Return what the change makes worse for the VMs selected that are protected in the estate as read.

    That is what is found after it and not before, or found worse, by the severities of `ruled`; and every verdict that
    there was before and that nobody can give of the estate after.
    """
    after = laid_over(estate, change)
    chosen = tuple(playbooks)
    protected = {one.id for one in estate.protected}
    old = evaluate(estate, chosen, selection=selection, whole=False)
    new = evaluate(after.estate, chosen, selection=selection, whole=False)
    was = {one.fingerprint: ruled(one) for one in old.diagnoses}
    worse = [
        one
        for one in new.diagnoses
        if one.finding.vm in protected and ruled(one) > was.get(one.fingerprint, UNHEARD)
    ]
    gaps = {(one.playbook, one.vm) for one in old.not_evaluated}
    lost = [one for one in new.not_evaluated if one.vm in protected and (one.playbook, one.vm) not in gaps]
    touched = Touched(after.edits)
    named = {one.fingerprint: addresses(one.finding, after, touched) for one in worse}
    actions = {edit.entry.address: edit.entry.action for edit in after.edits}
    return Judged(
        diagnoses=tuple(
            sorted((told(one, by(named[one.fingerprint], actions)) for one in worse), key=worst_first)
        ),
        not_evaluated=(*unlaid(after, chosen, selection), *attributed(lost, after, touched, actions)),
        addresses=named,
        elsewhere=after.elsewhere,
    )


UNHEARD = -1
"""Below every severity: what was not found."""


def ruled(one: Diagnosis) -> Severity:
    """Return how severe a finding is when a change would bring it about; the package's docstring has the reasons."""
    finding = one.finding
    return max(finding.severity, RULES.get(one.playbook.id, as_found)(finding))


def as_found(finding: Finding[Any]) -> Severity:
    return finding.severity


def locked(finding: Finding[Any]) -> Severity:
    read_only = getattr(finding.evidence, "level", "").lower() == "readonly"
    return Severity.BLOCKING if read_only else Severity.CORROBORATED


def blocked(_: Finding[Any]) -> Severity:
    return Severity.CORROBORATED


def routed(finding: Finding[Any]) -> Severity:
    hop = getattr(finding.evidence, "next_hop", None)
    return Severity.CORROBORATED if hop is None or hop.lower() == "none" else Severity.SUSPECTED


def forbidden(_: Finding[Any]) -> Severity:
    return Severity.BLOCKING


RULES = {
    "restore-point-lock": locked,
    "storage-egress": blocked,
    "egress-route": routed,
    "extension-operations": forbidden,
}


def told(one: Diagnosis, cause: str) -> Diagnosis:
    """Return a finding in the words of the change, with its severity there."""
    finding = replace(
        one.finding,
        message=f"{cause}: {one.finding.message}",
        severity=ruled(one),
        manual=NOT_THERE_YET,
    )
    return replace(one, finding=finding)


def by(named: Sequence[str], actions: Mapping[str, str]) -> str:
    """Return what does it: `azurerm_management_lock.keep (create)`."""
    shown = [f"{address} ({actions[address]})" for address in named[:NAMED]]
    more = len(named) - NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


class Touched:
    """What the change writes, by what it writes to, so that thousands of findings find their cause at once."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        self.all: dict[str, None] = {}
        self.at: dict[str, dict[str, None]] = {}
        for edit in edits:
            address = edit.entry.address
            self.all[address] = None
            self.at.setdefault(edit.slot.id.key, {})[address] = None

    def by(self, *ids: ArmId) -> tuple[str, ...]:
        """Return the addresses that write to one of these or to something above it."""
        found: dict[str, None] = {}
        for id_ in ids:
            for scope in scopes(id_):
                found |= self.at.get(scope, {})
        return tuple(found)


def scopes(id_: ArmId) -> list[str]:
    """Return an id and everything above it, lower-cased, the narrowest first."""
    segments = id_.key.split("/")
    return ["/".join(segments[:end]) for end in range(len(segments), 0, -1)]


def addresses(finding: Finding[Any], after: After, touched: Touched) -> tuple[str, ...]:
    """Return what in the change leads to a finding: what touches its resource, else what lies on the VM's way."""
    return touched.by(finding.resource) or touched.by(*way(finding.vm, after.estate)) or tuple(touched.all)


def way(vm: ArmId, estate: Estate) -> Iterator[ArmId]:
    """Yield what a VM's backup goes by: itself, its disks, item and policy, its interface, subnet, NSGs and routes."""
    yield vm
    for item in estate.items_of.get(vm, ()):
        yield item.id
        if item.policy:
            yield item.policy
    machine = estate.vm.get(vm)
    if machine is None:
        return
    yield from (disk.disk for disk in machine.disks if disk.disk)
    nic = egress.interface(estate, machine)
    if isinstance(nic, str):
        yield from machine.nics
        return
    yield nic.id
    subnets = [estate.subnet.get(one.subnet) for one in nic.ip_configurations if one.subnet]
    yield from (one.subnet for one in nic.ip_configurations if one.subnet)
    held = [
        nic.nsg,
        *(part for one in subnets if one for part in (one.nsg, one.route_table, one.nat_gateway)),
    ]
    yield from (one for one in held if one)


def unlaid(after: After, playbooks: Iterable[Playbook[Any]], selection: Selection) -> Iterator[NotEvaluated]:
    """Yield the gaps that one of the playbooks would speak of; one about nothing known is about the subscription."""
    chosen = [one.id for one in playbooks]
    anyone = ANYONE if ANYONE in chosen else next(iter(chosen), ANYONE)
    for gap in after.gaps:
        of_another = gap.about is not None and gap.about in after.estate.vm and gap.about not in selection
        playbook = gap.playbook or anyone
        if playbook in chosen and not of_another:
            about = gap.about or after.estate.subscription.id
            yield NotEvaluated(playbook, about, f"{gap.address}: {gap.because}")


def attributed(
    lost: Iterable[NotEvaluated], after: After, touched: Touched, actions: Mapping[str, str]
) -> Iterator[NotEvaluated]:
    """Yield the verdicts that the change makes impossible, with what in it does so."""
    for one in lost:
        named = touched.by(*way(one.vm, after.estate))
        yield replace(one, because=f"{by(named, actions)}: {one.because}") if named else one
