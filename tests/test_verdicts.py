"""verdicts: of each documented cause, whether it is the one, is not, or cannot be told from what was read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from building import (
    NOT_READY,
    SERVICE_GROUP,
    SUBSCRIPTION,
    attached,
    collection,
    disk,
    estate,
    failed_item,
    failed_job,
    item,
    lock,
    nic,
    nsg,
    points,
    rule,
    subnet,
    view,
    vm,
    vm_id,
)

from azremedy import facts
from azremedy.arm import ArmId
from azremedy.catalogue import SYMPTOMS
from azremedy.causes import causes
from azremedy.estate import Estate
from azremedy.facts import FACTS, Subject
from azremedy.playbook import Playbook, load
from azremedy.resources import Read, Unread
from azremedy.scan import evaluate
from azremedy.verdicts import Judged, Said, Verdict, judge

CARDS = load()
LIMIT = "UserErrorRpCollectionLimitReached"
held = collection("sql1")


def subject(read: Estate) -> Subject:
    return Subject(read, vm_id(), next(iter(read.items), None))


def verdicts(read: Estate, cards: dict[str, Playbook[Any]] | None = None) -> dict[str, Judged]:
    """What is said of each cause of the newest failure of sql1."""
    known = dict(CARDS if cards is None else cards)
    scan = evaluate(read, list(known.values()))
    failures = [one for all_ in read.failures_of.values() for one in all_]
    on = any(one.id == vm_id() for one in read.protected)
    said = Said(subject(read), known, scan.diagnoses, scan.not_evaluated, looked_at=on)
    return {one.cause.id: one for one in judge(failures[0].symptom if failures else None, said)}


def sick(*more: Any, code: str = LIMIT, **changes: Any) -> Estate:
    return estate(vm(), failed_item(), failed_job(code), view(), nic(), subnet(), *more, **changes)


locked = sick(held, points(18, held), lock(SERVICE_GROUP))


def test_what_is_borne_out_is_the_cause_with_the_finding_as_its_evidence() -> None:
    made = verdicts(locked)

    assert made["C6"].verdict is Verdict.CAUSE
    assert made["C6"].playbooks == ("restore-point-lock",)
    assert "CanNotDelete lock 'keep'" in made["C6"].evidence[0]


def test_causes_come_in_the_documented_order_with_parts_for_the_whole() -> None:
    made = verdicts(sick(code="ExtensionSnapshotFailedNoNetwork"))

    assert list(made) == ["C4a", "C4b", "C4c", "C1", "C1w", "C5"]
    assert all(one.listed for one in made.values())


def test_what_every_playbook_looked_for_in_vain_is_not_and_the_estate_says_why() -> None:
    made = verdicts(sick(code="GuestAgentSnapshotTaskStatusError"))

    assert made["C2"].verdict is Verdict.NOT
    assert made["C2"].evidence == ("power state running", "VM agent 2.7.41491.1172 is Ready")


@pytest.mark.parametrize(("os", "other", "own"), [("Windows", "C3", "C2"), ("Linux", "C2", "C3")])
def test_a_cause_of_the_other_operating_system_is_not(os: str, other: str, own: str) -> None:
    silent = view(agent=NOT_READY, agent_version="Unknown", handlers=())
    read = estate(vm(os=os), failed_item(), failed_job("GuestAgentSnapshotTaskStatusError"), silent)
    made = verdicts(read)

    assert (made[own].verdict, made[other].verdict) == (Verdict.CAUSE, Verdict.NOT)
    assert made[other].evidence == (f"the VM runs {os}",)


def test_what_nobody_sees_cannot_be_told_and_what_would_tell_is_said() -> None:
    made = verdicts(sick(code="BackUpOperationFailed"))

    assert made["C26"].verdict is Verdict.UNKNOWN
    assert made["C26"].tells == (causes()["C26"].tells,)


def test_what_is_there_and_not_borne_out_cannot_be_told() -> None:
    made = verdicts(sick(held, points(3, held), lock(SERVICE_GROUP)))

    assert made["C6"].verdict is Verdict.UNKNOWN
    assert "lock 'keep'" in made["C6"].evidence[0]
    assert "no failed backup bears it out" in made["C6"].tells[0]


def test_what_is_there_without_a_known_effect_is_not() -> None:
    read = estate(vm(disks=(attached("big", 0, 2048),)), item(), disk("big", 2048), view(), nic(), subnet())
    scan = evaluate(read, list(CARDS.values()))
    said = Said(subject(read), CARDS, scan.diagnoses, scan.not_evaluated, looked_at=True)
    [symptom] = [one for one in SYMPTOMS if one.code == "UserErrorUnsupportedDiskSize"]
    made = judge(symptom, said)[0]

    assert (made.cause.id, made.verdict) == ("C7", Verdict.NOT)
    assert "2048 GiB" in made.evidence[0]
    assert made.evidence[0].endswith("(no effect of it is known)")
    assert made.evidence[1] == "LUN 0 2048 GiB"


def test_a_right_that_is_missing_is_what_would_tell() -> None:
    blind = replace(
        sick(held, points(18, held)),
        unread=(Unread(Read.LOCKS, ArmId(SUBSCRIPTION), "not yours to see", 403, "AuthorizationFailed"),),
    )
    said = verdicts(blind)["C6"]

    assert said.verdict is Verdict.UNKNOWN
    assert "not yours to see" in said.evidence[0]
    assert said.tells == ("the right Microsoft.Authorization/locks/read",)


def test_what_was_not_asked_for_is_not_ruled_out() -> None:
    said = verdicts(replace(sick(held, points(18, held)), reads=frozenset(Read) - {Read.LOCKS}))["C6"]

    assert said.verdict is Verdict.UNKNOWN
    assert "restore-point-lock: not read were locks" in said.tells[0]


def test_one_playbook_that_did_not_look_keeps_a_cause_open_though_another_found_nothing() -> None:
    hidden = replace(CARDS["storage-egress"], id="hidden", needs=frozenset({Read.SERVICE_TAGS}))
    read = replace(sick(code="ExtensionSnapshotFailedNoNetwork"), reads=frozenset(Read) - {Read.SERVICE_TAGS})

    assert verdicts(read)["C1"].verdict is Verdict.NOT
    assert verdicts(read, {**CARDS, "hidden": hidden})["C1"].verdict is Verdict.UNKNOWN


def test_what_only_the_agent_reports_is_open_while_it_is_silent() -> None:
    silent = view(agent=NOT_READY, handlers=())
    read = estate(vm(), failed_item(), failed_job("GuestAgentSnapshotTaskStatusError"), silent)

    assert verdicts(read)["C5"].verdict is Verdict.UNKNOWN
    assert verdicts(replace(read, power_states=()))["C5"].verdict is not Verdict.CAUSE


def test_without_a_failure_what_breaks_backups_is_found_all_the_same() -> None:
    stopped = estate(vm(), item(protection_state="ProtectionStopped"))
    made = verdicts(stopped)

    assert list(made) == ["C15"]
    assert (made["C15"].verdict, made["C15"].listed) == (Verdict.CAUSE, False)


def test_a_vm_whose_backups_are_off_is_not_called_healthy_of_what_was_not_looked_for() -> None:
    read = estate(
        vm(), failed_item(protection_state="ProtectionStopped"), failed_job("BackUpOperationFailed"), view()
    )
    made = verdicts(read)

    assert made["C2"].verdict is Verdict.UNKNOWN
    assert "its backups are not on" in made["C2"].tells[0]


def test_a_well_vm_has_no_cause() -> None:
    assert verdicts(estate(vm(), item(), view(), nic(), subnet())) == {}


def test_facts_say_what_the_estate_shows() -> None:
    closed = nsg(rule("Deny", "Internet"))
    read = replace(locked, nsgs=(closed,), nics=(nic(nsg=closed.id),))

    assert {name: fact(subject(read)) for name, fact in FACTS.items()} == {
        "power": "power state running",
        "provisioning": "provisioning state Succeeded",
        "agent": "VM agent 2.7.41491.1172 is Ready",
        "extension": "VMSnapshot 1.0.91.0 is Ready",
        "locks": "locks on its restore points: CanNotDelete 'keep'",
        "points": "18 of 18 restore points",
        "disks": "OS disk 127 GiB",
        "policy": "policy 'daily' (Standard)",
        "protection": "protected in vault 'vault1', state Protected",
        "network": "NSG nsg1, no route table",
    }


def test_facts_are_silent_where_the_estate_is() -> None:
    nothing = Subject(estate(), vm_id(), None)

    assert list(facts.shown(nothing, tuple(FACTS))) == []


def test_every_cause_looks_at_what_there_is() -> None:
    assert {name for one in causes().values() for name in one.looks_at} <= set(FACTS)
