"""Which VMs are asked about: by vault, by policy, and because their backup starts soon."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest
from building import VAULT, estate, failed_job, item, policy, policy_id, vm

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.resources import Schedule
from azremedy.selection import Selection

OTHER = ArmId(str(VAULT).replace("vault1", "vault2"))
NIGHTLY = policy(schedule=Schedule((time(22),)))  # the estate is read at 07:00
MORNING = policy("morning", schedule=Schedule((time(8),)))
FOREIGN = policy("foreign", schedule=Schedule((time(8),), zone="Nowhere Standard Time"))
read = estate(
    *(vm(name) for name in ("sql1", "web1", "web2", "dc1", "bare1")),
    NIGHTLY,
    MORNING,
    FOREIGN,
    item("sql1", policy=policy_id("daily")),
    item("web1", policy=policy_id("morning")),
    item("web2", policy=policy_id("foreign")),
    replace(item("dc1", policy=policy_id("gone")), vault=OTHER),
    failed_job(1, "sql1"),
    failed_job(1, "dc1"),
)


def names(selection: Selection, of: Estate = read) -> list[str]:
    return [one.id.name for one in of.vms if selection.within(of)(one.id)]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), ["bare1", "dc1", "sql1", "web1", "web2"]),
        (Selection.of(vaults=["VAULT1"]), ["sql1", "web1", "web2"]),
        (Selection.of(vaults=[str(OTHER)]), ["dc1"]),
        (Selection.of(policies=["Morning"]), ["web1"]),
        (Selection.of(policies=["morning", "daily"], vms=["SQL1"]), ["sql1"]),
        (Selection.of(vaults=["vault2"], policies=["daily"]), []),
        (Selection.of(due_within=timedelta(hours=2)), ["dc1", "web1", "web2"]),
        (Selection.of(due_within=timedelta(minutes=30)), ["dc1", "web2"]),
        (Selection.of(due_within=timedelta(hours=16), vaults=["vault1"]), ["sql1", "web1", "web2"]),
        (Selection.of(items=[str(item("web1").id).upper()]), ["web1"]),
        (Selection.of(jobs=["JOB-OF-SQL1"]), ["sql1"]),
        (Selection.of(jobs=[str(failed_job(1, "sql1").id)], vms=["web1"]), []),
        (Selection.of(jobs=["job-of-dc1"]), []),
    ],
    ids=[
        "all", "a vault", "a vault by id", "a policy", "a policy and a VM", "neither", "soon: unknown schedules count",
        "nothing starts yet", "tonight in a vault", "an item by id", "a job by name", "a job and another VM",
        "a job of another vault",
    ],
)  # fmt: skip
def test_selects(selection: Selection, expected: list[str]) -> None:
    assert sorted(names(selection)) == expected


def test_a_vm_without_a_policy_is_never_due() -> None:
    stopped = estate(vm(), item(policy=None, protection_state="ProtectionStopped"))

    assert names(Selection.of(due_within=timedelta(days=7)), stopped) == []
