"""policy-denial: an Azure Policy forbids what the backup has to make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from building import (
    SUBSCRIPTION,
    assignment,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    policy,
    undecided,
    vm,
    vm_id,
)

from azremedy.arm import ArmId
from azremedy.collect.decode import MalformedError
from azremedy.collect.governance import assignment as decoded
from azremedy.collect.governance import of_definition
from azremedy.estate import Estate
from azremedy.playbook import Severity
from azremedy.resources import Read, Unread

ID = "policy-denial"
CODE = "UserErrorRequestDisallowedByPolicy"
FAILED = failed_item(), failed_job(CODE)
TAGS = assignment(title="Require a cost centre")


def test_finds_the_assignment_that_denies() -> None:
    [finding] = found(ID, estate(vm(), *FAILED, TAGS))

    assert (finding.vm, finding.resource) == (vm_id(), TAGS.id)
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.evidence.denying == (TAGS.id,)
    assert finding.message == "an Azure Policy forbids what the backup has to make: 'Require a cost centre'"


@pytest.mark.parametrize(
    "harmless",
    [
        pytest.param(assignment("a", enforced=False), id="not enforced"),
        pytest.param(assignment("a", effect="audit"), id="audits"),
        pytest.param(assignment("a", effect="modify"), id="adds the tags itself"),
        pytest.param(assignment("a", on_tags=False), id="speaks of neither tags nor groups"),
    ],
)
def test_does_not_blame_an_assignment_that(harmless: Any) -> None:
    [finding] = found(ID, estate(vm(), *FAILED, TAGS, harmless))

    assert finding.evidence.denying == (TAGS.id,)
    assert finding.evidence.unknown == ()


def test_blames_one_that_speaks_of_groups_only() -> None:
    names = assignment("names", on_tags=False, on_groups=True)
    [finding] = found(ID, estate(vm(), *FAILED, names))

    assert finding.resource == names.id


def test_says_of_which_assignments_nothing_is_known() -> None:
    initiative = assignment("baseline", effect=None)
    [finding] = found(ID, estate(vm(), *FAILED, initiative))

    assert (finding.resource, finding.evidence.denying) == (vm_id(), ())
    assert finding.evidence.unknown == (initiative.id,)


def test_believes_the_job_that_names_one_of_several() -> None:
    other = assignment("other")
    said = replace(FAILED[1], dynamic_text=f"RequestDisallowedByPolicy: {str(other.id).upper()} refuses it")
    [several] = found(ID, estate(vm(), *FAILED, TAGS, other))
    [narrowed] = found(ID, estate(vm(), FAILED[0], said, TAGS, other))

    assert several.resource == vm_id()
    assert (narrowed.resource, narrowed.evidence.denying) == (other.id, (other.id,))


def test_the_job_alone_is_evidence_where_the_assignments_were_not_read() -> None:
    gap = Unread(Read.POLICY_ASSIGNMENTS, ArmId(f"{SUBSCRIPTION}/x"), "forbidden")
    [finding] = found(ID, estate(vm(), *FAILED, gap))

    assert finding.severity is Severity.CORROBORATED
    assert finding.evidence.assignments_unread == "forbidden"


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is there"),
        pytest.param(estate(vm(), item(), TAGS), id="a policy denies, and backups complete"),
        pytest.param(
            estate(vm(), item(), FAILED[1], TAGS), id="one was refused, and one was completed since"
        ),
        pytest.param(
            estate(vm(), failed_item(), failed_job("BackUpOperationFailed"), TAGS),
            id="a backup failed otherwise",
        ),
        pytest.param(
            estate(vm(), failed_item(protection_state="ProtectionStopped"), FAILED[1]),
            id="backups are stopped",
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


@pytest.mark.parametrize(
    ("of", "group"),
    [
        pytest.param(policy(), "AzureBackupRG_westeurope_1", id="the service's own group"),
        pytest.param(policy(group_prefix="rp-"), "rp-1", id="a prefix"),
        pytest.param(policy(group_prefix="rp-", group_suffix="-x"), "rp-1-x", id="a prefix and a suffix"),
    ],
)
def test_tells_a_person_both_ways(of: Any, group: str) -> None:
    made = left(ID, estate(vm(), *FAILED, TAGS, of))

    assert "from Deny to Modify" in made.reason
    assert f"make the group '{group}' beforehand" in made.reason
    assert made.allow is None


ASSIGNED = {
    "id": str(TAGS.id),
    "properties": {"policyDefinitionId": str(TAGS.definition), "parameters": {"effect": {"value": "Deny"}}},
}


def rule(effect: str, *conditions: Any, default: str | None = None) -> dict[str, Any]:
    parameters = {"effect": {"defaultValue": default}} if default else {}
    return {
        "properties": {
            "parameters": parameters,
            "policyRule": {"if": list(conditions), "then": {"effect": effect}},
        }
    }


@pytest.mark.parametrize(
    ("body", "effect"),
    [
        pytest.param(rule("Deny"), "deny", id="in so many words"),
        pytest.param(rule("[parameters('effect')]", default="Audit"), "deny", id="a parameter that is given"),
        pytest.param(rule("[parameters('other')]"), None, id="a parameter that nobody gives"),
        pytest.param(rule("[if(equals(1,1),'deny','audit')]"), None, id="a formula"),
    ],
)
def test_reads_the_effect_that_is_in_force(body: Any, effect: str | None) -> None:
    assert of_definition(decoded(ASSIGNED), body).effect == effect


@pytest.mark.parametrize(
    ("field", "tags", "groups"),
    [
        ("[concat('tags[', parameters('tagName'), ']')]", True, False),
        ("tags['costCentre']", True, False),
        ("tags.costCentre", True, False),
        ("tags", True, False),
        ("Microsoft.Resources/subscriptions/resourceGroups", False, True),
        ("Microsoft.Network/serviceTagsAllowed", False, False),
        ("location", False, False),
    ],
)
def test_sees_what_a_rule_speaks_of(field: str, tags: bool, groups: bool) -> None:
    told = of_definition(decoded(ASSIGNED), rule("Deny", {"allOf": [{"field": field, "exists": False}]}))

    assert (told.on_tags, told.on_groups) == (tags, groups)


def test_an_assignment_of_nothing_and_a_rule_without_effect_make_no_sense() -> None:
    with pytest.raises(MalformedError):
        decoded({"id": str(TAGS.id), "properties": {}})
    with pytest.raises(MalformedError):
        of_definition(decoded(ASSIGNED), {"properties": {"policyRule": {"if": {}}}})
