"""Two and three causes at one VM: diagnosed in the documented order, and cured in it until a backup completes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from building import (
    GUARDED,
    NOT_READY,
    SERVICE_GROUP,
    collection,
    copies,
    failed_item,
    failed_job,
    lock,
    points,
    view,
)
from building import estate as read
from building import vm as machine
from commands import Desk, document, locks, written
from scenes import POINTS_LOCK, estate, vm

from azremedy.catalogue import SYMPTOMS
from azremedy.causes import unfolded
from azremedy.plan import Cure, First
from azremedy.planning import plan
from azremedy.planning.order import after_their_firsts
from azremedy.playbook import Severity, load
from azremedy.sandbox import embedded
from azremedy.scan import evaluate

SPEED: Final = 2000
SILENT: Final = {"state": "not-ready", "back_after": "restart"}
FULL: Final = {"count": 18, "every": 24, "newest": 32}
FAILED: Final = {"state": "Failed", "cured_by": "reapply"}
BROKEN: Final = {"state": "failed", "listed": True}
CLOSED: Final = {"subnet": "servers", "nsg": "closed"}

LIFT, BACKUP, CLOSE = "DELETE locks", "POST backup", "PUT locks"
REAPPLY, RESTART, UNINSTALL = "POST reapply", "POST restart", "DELETE extensions"
ALLOW, OPEN = "PUT securityrules", "PATCH virtualmachines"

CASES: Final = [
    pytest.param(
        "UserErrorGuestAgentStatusUnavailable", {"agent": SILENT, "provisioning": FAILED},
        ["C2", "C8"], [[REAPPLY, RESTART, BACKUP]], id="a silent agent, and a VM that failed",
    ),
    pytest.param(
        "UserErrorVmProvisioningStateFailed", {"agent": SILENT, "provisioning": FAILED},
        ["C8", "C2"], [[REAPPLY, REAPPLY, RESTART, BACKUP]], id="a VM that failed, and a silent agent",
    ),
    pytest.param(
        "ExtensionSnapshotFailedNoNetwork", {"nic": CLOSED, "snapshot": BROKEN},
        ["C1", "C5"], [[ALLOW, UNINSTALL, BACKUP]], id="no way to Storage, and an extension that failed",
    ),
    pytest.param(
        "BackUpOperationFailed", {"points": FULL, "snapshot": BROKEN},
        ["C6", "C5"], [[LIFT, BACKUP, CLOSE, UNINSTALL, BACKUP]], id="a lock, and an extension that failed",
    ),
    pytest.param(
        "BackUpOperationFailed", {"agent": SILENT, "points": FULL},
        ["C2", "C6"], [[REAPPLY, RESTART, LIFT, BACKUP, CLOSE, BACKUP]], id="a silent agent, and a lock",
    ),
    pytest.param(
        "UserErrorGuestAgentStatusUnavailable",
        {"agent": SILENT, "provisioning": FAILED, "extension_operations": False},
        ["C2", "C8", "C23"], [[REAPPLY, RESTART, OPEN, BACKUP]],
        id="a silent agent, a VM that failed, and extensions that are forbidden",
    ),
    pytest.param(
        "BackUpOperationFailed", {"agent": SILENT, "points": FULL, "snapshot": BROKEN},
        ["C2", "C6"], [[REAPPLY, RESTART, LIFT, BACKUP, CLOSE, BACKUP], [UNINSTALL, BACKUP]],
        id="a silent agent, a lock, and behind the agent an extension that failed",
    ),
]  # fmt: skip
"""The failure, what is wrong, the causes in the documented order, and what is written in each pass until it is cured."""


@pytest.mark.parametrize(("code", "wrong", "causes", "passes"), CASES)
def test_each_is_the_cause_and_they_are_cured_in_the_documented_order_until_a_backup_completes(
    tmp_path: Path,
    code: str,
    wrong: Mapping[str, Any],
    causes: Sequence[str],
    passes: Sequence[Sequence[str]],
) -> None:
    described = estate(vm("a1", code, hours=32, **wrong), locks=[POINTS_LOCK] if "points" in wrong else [])
    with embedded(tmp_path / "sandbox", estate=described, speed=SPEED) as sandbox:
        desk, before = Desk(sandbox, tmp_path), locks(sandbox)
        assert caused(diagnosed(desk)) == causes

        for number, expected in enumerate(passes, 1):
            sandbox.clear()
            ended = desk(
                *[
                    "fix",
                    "-s",
                    "demo",
                    "--vm",
                    "a1",
                    "--allow",
                    "guarded",
                    "--apply",
                    "--yes",
                    "--now",
                    "--settle",
                    "1s",
                    "--prove",
                ]
            )
            assert sent(written(sandbox)) == expected
            proved = "proved  a1: a backup has completed since" in ended.out
            assert (ended.code == 0) is proved is (number == len(passes)), ended.out
        assert locks(sandbox) == before

        healed = diagnosed(desk)
        assert healed["failure"] is None
        assert caused(healed) == []


def diagnosed(desk: Desk) -> Mapping[str, Any]:
    return document(desk("diagnose", "--vm", "a1", "-s", "demo", "-o", "json"))


def caused(made: Mapping[str, Any]) -> list[str]:
    return [one["cause"] for one in made["causes"] if one["verdict"] == "cause"]


def sent(writes: Sequence[str]) -> list[str]:
    """Return the writes as method and action, or method and kind of what is written to."""
    return [
        f"POST {one.rpartition('/')[2]}"
        if one.startswith("POST")
        else f"{one.split()[0]} {one.split('/')[-2].lower()}"
        for one in writes
    ]


def test_the_plan_has_the_cures_of_a_vm_in_the_order_of_its_failure_whatever_their_names() -> None:
    held = collection("sql1")
    for code in (
        "UserErrorVmProvisioningStateFailed",
        "UserErrorGuestAgentStatusUnavailable",
        "BackUpOperationFailed",
    ):
        estate_ = read(
            machine(provisioning_state="Failed"), failed_item(), failed_job(code), held, points(18, held),
            copies(points(18, held), name="sql1"), lock(SERVICE_GROUP), view(agent=NOT_READY, agent_version="Unknown", handlers=()),
        )  # fmt: skip
        made = plan(estate_, evaluate(estate_, tuple(load().values())).diagnoses, GUARDED)
        [symptom] = [one for one in SYMPTOMS if one.code == code]
        listed = list(unfolded(symptom.causes))
        cures = [load()[cure.playbook].causes for group in made.groups for cure in group.cures]
        places = [min((listed.index(one) for one in card if one in listed), default=99) for card in cures]

        assert len(places) > 1
        assert places == sorted(places), (code, cures)


def test_what_waits_for_the_agent_comes_behind_its_cure_and_is_left_to_a_person_without_it() -> None:
    for code in ("UserErrorGuestAgentStatusUnavailable", "AzureVmOffline", "BackUpOperationFailed"):
        estate_ = read(
            machine(allow_extension_operations=False), failed_item(), failed_job(code),
            view(agent=NOT_READY, agent_version="Unknown", handlers=()),
        )  # fmt: skip
        known = load()
        both = plan(
            estate_, evaluate(estate_, tuple(known.values())).diagnoses, GUARDED, severity=Severity.SUSPECTED
        )
        alone = plan(
            estate_, evaluate(estate_, (known["extension-operations"],)).diagnoses, GUARDED,
            severity=Severity.SUSPECTED,
        )  # fmt: skip

        cures = [cure.playbook for group in both.groups for cure in group.cures]
        assert cures == ["agent-unresponsive", "extension-operations"]
        assert (len(both.groups), alone.groups) == (1, ())
        [left] = alone.by_hand
        assert "no ready VM agent reports" in left.reason


def test_what_comes_first_comes_first_whatever_the_documents_say() -> None:
    vm_ = machine().id
    later = Cure("extension-operations", (vm_,), ("a",), (), first=First("agent-unresponsive", "no agent"))
    other = Cure("vm-provisioning", (vm_,), ("b",), ())
    agent = Cure("agent-unresponsive", (vm_,), ("c",), ())

    assert after_their_firsts([later, other, agent]) == [other, agent, later]
    assert after_their_firsts([agent, other, later]) == [agent, other, later]


def test_the_cures_of_other_vms_stay_groups_of_their_own_under_one_lock() -> None:
    held = [collection(name) for name in ("sql1", "sql2")]
    parts: list[Any] = []
    for one, name in zip(held, ("sql1", "sql2"), strict=True):
        kept = points(18, one, f"guid-of-{name}")
        parts += [machine(name), failed_item(name), failed_job("BackUpOperationFailed", name), one, kept, copies(kept, name=name)]  # fmt: skip
    silent = view("sql1", agent=NOT_READY, agent_version="Unknown", handlers=())
    estate_ = read(*parts, lock(SERVICE_GROUP), silent)
    made = plan(estate_, evaluate(estate_, tuple(load().values())).diagnoses, GUARDED)

    assert sorted((cure.playbook, len(cure.vms)) for group in made.groups for cure in group.cures) == [
        ("agent-unresponsive", 1),
        ("restore-point-lock", 2),
    ]
    assert len(made.groups) == 2
