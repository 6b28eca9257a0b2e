"""`azremedy rollback` where a lock has come to stand in the way of what it sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import Ended, azremedy, locks, variables, written

from azremedy.sandbox import Sandbox, embedded

WEB1 = ("-s", "demo", "--playbook", "storage-egress", "--allow", "guarded", "--apply", "--yes", "-o", "json")
LOCK = {"level": "CanNotDelete", "notes": "the network is the network team's"}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate="demo", speed=2000) as running:
        yield running


def test_a_lock_in_the_way_is_named_and_lifted_only_where_that_is_admitted(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    def run(*arguments: str) -> Ended:
        return azremedy(*arguments, **variables(sandbox, tmp_path))

    made = json.loads(run("fix", *WEB1).out)
    rules = rules_of(sandbox)
    network = next(key for key in sandbox.snapshot() if key.endswith("/networksecuritygroups/nsg-closed"))
    lock = f"{network.partition('/providers/')[0]}/providers/Microsoft.Authorization/locks/network"
    sandbox.change(lock, "", {"id": lock, "name": "network", "properties": LOCK})
    before = locks(sandbox)
    sandbox.clear()

    shown = run("rollback", made["run"], "--dry-run")
    refused = run("rollback", made["run"], "--yes")

    for said in (shown.out, refused.err):
        assert "stays: take back: allow VM web1" in said
        assert "CanNotDelete lock 'network' on group" in said
        assert "--allow guarded lifts it meanwhile and puts it back" in said
    assert (shown.code, refused.code) == (0, 1)
    assert written(sandbox) == []
    assert rules_of(sandbox) == rules

    admitted = run("rollback", made["run"], "--yes", "--allow", "guarded")

    assert admitted.code == 0, admitted.err
    assert "applied  lift the CanNotDelete lock 'network'" in admitted.out
    assert len(rules) == 2
    assert rules_of(sandbox) == ["deny-internet"]
    assert locks(sandbox) == before


def rules_of(sandbox: Sandbox) -> list[str]:
    [nsg] = [body for key, body in sandbox.snapshot().items() if key.endswith("/nsg-closed")]
    return [one["name"] for one in nsg["properties"]["securityRules"]]
