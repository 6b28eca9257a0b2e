"""
An Azure Policy forbids what the backup has to make.

Azure Backup keeps instant restore points in a resource group of its own and makes that group when it needs it. A policy
with the effect Deny, most often one that asks for tags, refuses the group, and the backup fails with
`UserErrorRequestDisallowedByPolicy`.

The documents know two ways. Change the policy's effect from Deny to Modify, so that it adds the tags itself. Or make the
group beforehand, with the tags, under the name that the service looks for: `AzureBackupRG_<region>_1`, or prefix, number
and suffix as the backup policy names them. Which of the two fits who governs the subscription decides: this tool changes
no policy.

Of initiatives nobody asks what is in them. The failed backup is the evidence, and the assignments show where to look.

Sources: V25, RG.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azremedy.arm import ArmId
from azremedy.estate import Estate, Failure, Protected
from azremedy.plan import ByHand, Choices, Cure, FixClass
from azremedy.playbook import Finding, Playbook, Severity
from azremedy.resources import PolicyAssignment, Read

from ._cures import singly

ID = "policy-denial"
WAYS = (
    "change {which} from Deny to Modify, so that it adds the tags itself; or make the group '{group}' beforehand, with"
    " the tags that it asks for"
)


@dataclass(frozen=True, slots=True)
class Denied:
    """The assignments that deny and speak of tags or groups, those of which it is not known, and the service's group."""

    denying: tuple[ArmId, ...]
    titles: tuple[str, ...]
    unknown: tuple[ArmId, ...]
    group: str
    assignments_unread: str | None = None


def detect(estate: Estate) -> Iterator[Finding[Denied]]:
    for protected in estate.protected:
        newest = next(iter(estate.failures_of.get(protected.item.id, ())), None)
        if newest and newest.lists("C10"):
            yield find(estate, protected, newest)


def find(estate: Estate, protected: Protected, failure: Failure) -> Finding[Denied]:
    denying = narrowed(failure, [one for one in estate.policy_assignments if denies(one)])
    unknown = [one.id for one in estate.policy_assignments if one.enforced and one.effect is None]
    gap = estate.any_unread(Read.POLICY_ASSIGNMENTS)
    evidence = Denied(
        denying=tuple(one.id for one in denying),
        titles=tuple(title(one) for one in denying),
        unknown=tuple(unknown),
        group=group_of(protected),
        assignments_unread=gap.reason if gap else None,
    )
    which = ", ".join(f"'{one}'" for one in evidence.titles)
    return Finding(
        vm=protected.id,
        resource=denying[0].id if len(denying) == 1 else protected.id,
        message="an Azure Policy forbids what the backup has to make" + (f": {which}" if which else ""),
        severity=Severity.CORROBORATED,
        evidence=evidence,
        failure=failure,
        manual=WAYS.format(which=which or "the policy that denies it", group=evidence.group),
    )


def denies(one: PolicyAssignment) -> bool:
    """Whether an assignment may refuse a group that has no tags."""
    return one.enforced and one.effect == "deny" and (one.on_tags or one.on_groups)


def narrowed(failure: Failure, denying: list[PolicyAssignment]) -> list[PolicyAssignment]:
    """Return those that the failed job names, all where it names none."""
    said = (text for error in failure.job.errors for text in (error.title, error.text))
    texts = " ".join(text.lower() for text in (*said, failure.job.dynamic_text) if text)
    named = [one for one in denying if one.id.key in texts]
    return named or denying


def title(one: PolicyAssignment) -> str:
    return one.title or one.id.name


def group_of(protected: Protected) -> str:
    """Return the name of the first group in which the service looks for a place for restore points (RG)."""
    policy = protected.policy
    if policy and policy.group_prefix:
        return f"{policy.group_prefix}1{policy.group_suffix or ''}"
    location = protected.vm.location if protected.vm else "<region>"
    return f"AzureBackupRG_{location.replace(' ', '').lower()}_1"


def plan(_: Estate, findings: Sequence[Finding[Any]], choices: Choices) -> Iterator[Cure | ByHand]:
    """Tell a person the two documented ways."""
    yield from singly(ID, findings, choices, lambda finding: finding.manual or "")


PLAYBOOK = Playbook(
    id=ID,
    title="An Azure Policy forbids what the backup has to make",
    causes=("C10",),
    fix_class=FixClass.MANUAL,
    remedy="Change the policy from Deny to Modify, or make the group of the restore points with its tags.",
    needs=frozenset(
        {
            Read.VMS,
            Read.ITEMS,
            Read.JOBS,
            Read.JOB_DETAIL,
            Read.POLICIES,
            Read.POLICY_ASSIGNMENTS,
            Read.POLICY_DEFINITIONS,
        }
    ),
    detect=detect,
    about=__doc__ or "",
    plan=plan,
)
