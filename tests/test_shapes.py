"""The writes that may ever leave: those of the playbooks, whatever a journal says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Desk, written
from scenes import SCENES, Scene, each
from staging import staged

from azremedy.apply.shapes import MAY_LEAVE, SHAPES, of, refusal
from azremedy.arm import ArmId, Request
from azremedy.guest import ACTION
from azremedy.lifting import LIFTING
from azremedy.plan import Irreversible
from azremedy.playbook import load
from azremedy.sandbox import Sandbox, embedded

EGRESS = (
    "fix",
    "-s",
    "demo",
    "--playbook",
    "storage-egress",
    "--allow",
    "guarded",
    "--apply",
    "--yes",
    "-o",
    "json",
)


def of_type(type_: str) -> ArmId:
    """Return the id of some resource of a type."""
    provider, *kinds = type_.split("/")
    names = "/".join(f"{kind}/x" for kind in kinds)
    return ArmId(f"/subscriptions/1/resourceGroups/rg/providers/{provider}/{names}")


def right(method: str, type_: str, action: str) -> str:
    return Request(method, of_type(type_), action).permission


def test_they_are_those_of_the_cards_and_no_others() -> None:
    asked_inside = right("POST", "microsoft.compute/virtualmachines", ACTION)
    cards = LIFTING.union(*(one.writes for one in load().values()))

    assert {right(one.method, one.type, one.action) for one in MAY_LEAVE} | {asked_inside} == cards | {
        asked_inside
    }


@each(*SCENES)
def test_every_step_of_a_scene_and_its_way_back_is_one_of_them(scene: Scene, tmp_path: Path) -> None:
    with staged(scene, tmp_path) as stage:
        for step in stage.steps:
            assert refusal(step.request) is None
            if isinstance(step.undo, Request):
                assert refusal(step.undo) is None
                assert of(step.undo) == SHAPES[of(step.request)]
                assert step.undo.id == step.request.id
            elif isinstance(step.undo, Irreversible):
                assert SHAPES[of(step.request)] is None or step.request.action == ACTION


@pytest.mark.parametrize(
    "word", ["protecteditems", "vaults", "backuppolicies", "backupconfig", "roleassignments"]
)
def test_none_deletes_a_protected_item_or_changes_a_vault_a_policy_or_a_role(word: str) -> None:
    found = {(one.method, one.action) for one in MAY_LEAVE if one.type.endswith(f"/{word}")}

    assert found == ({("PUT", ""), ("POST", "backup")} if word == "protecteditems" else set())


def test_a_lock_is_only_placed_deleted_or_put_back() -> None:
    assert {one.method for one in MAY_LEAVE if one.type.endswith("/locks")} == {"DELETE", "PUT"}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate="demo", speed=2000) as running:
        yield running


def doctored(of: str, to: Path, change: Callable[[Any], None]) -> Path:
    """Return a copy of a journal in which the one intent is another."""
    events = [json.loads(line) for line in of.splitlines()]
    for one in events:
        if one["event"] == "intend":
            change(one)
        if one["event"] == "confirmed":
            one["left"] = None
    to.write_text("".join(f"{json.dumps(one)}\n" for one in events), encoding="utf-8")
    return to


def test_a_journal_that_was_altered_is_refused_before_anything_is_sent(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    run = Desk(sandbox, tmp_path)
    made = json.loads(run(*EGRESS).out)
    whole = (tmp_path / "state" / "azremedy" / "runs" / f"{made['run']}.jsonl").read_text(encoding="utf-8")
    item = next(key for key in sandbox.snapshot() if key.endswith(";web1") and "/protecteditems/" in key)
    vm = next(key for key in sandbox.snapshot() if key.endswith("/virtualmachines/web1"))
    rule = json.loads(whole.splitlines()[2])["does"]["request"]["id"]
    before = sandbox.snapshot()
    sandbox.clear()

    def undo(method: str, id_: str, action: str = "", body: Any = None) -> Callable[[Any], None]:
        def change(one: Any) -> None:
            one["does"] |= {
                "after": [],
                "undo": {"kind": "Request", "method": method, "id": id_, "action": action, "body": body},
            }

        return change

    def opening(one: Any) -> None:
        one |= {"opens": "close", "body": {"whole": {"id": item, "properties": {"policyId": "x"}}}}
        one["does"]["request"] |= {"method": "PUT", "id": item}

    def elsewhere(one: Any) -> None:
        one["does"]["request"]["id"] = rule.replace("5a6db0c5", "00000000")

    for number, change in enumerate((
        undo("DELETE", item),
        undo("DELETE", vm),
        undo("POST", vm, "redeploy"),
        undo("PUT", rule, body={"properties": {}}),
        undo("DELETE", rule.rpartition("/")[0] + "/deny-internet"),
        opening,
        elsewhere,
    )):  # fmt: skip
        file = doctored(whole, tmp_path / f"{number}.jsonl", change)
        unfinished = doctored(
            "".join(f"{line}\n" for line in whole.splitlines()[:3]), tmp_path / f"{number}u.jsonl", change
        )
        for line in (
            ("rollback", "--journal", file, "--yes"),
            ("rollback", "--journal", file, "--dry-run"),
            ("resume", "--journal", unfinished),
        ):
            ended = run(*line)
            assert ended.code == 6, (line, ended)
            assert "Nothing was sent: the journal" in ended.err
            assert "was altered" in ended.err
            assert len(ended.err.splitlines()) == 1
    assert written(sandbox) == []
    assert sandbox.snapshot() == before
