"""Proof by a backup while another one runs: followed where it began after the cure, waited for where it began before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from applying import EASY, backup, step
from commands import written
from sandboxed import Lab, estate, vm

from azremedy.apply import ArmClock, Stop
from azremedy.arm import ArmId, Request
from azremedy.azure import ClientSecret, find_cloud, open_reader, open_writer
from azremedy.cli.proving import Since, proved, since_done
from azremedy.cli.writing import Writing
from azremedy.plan import Bracket, Cure, Done, Group, Node, Outcome
from azremedy.sandbox import Sandbox, embedded
from azremedy.session import Session

SPEED = 40.0
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROOT = "/subscriptions/5a6db0c5-0000-4000-8000-000000000001/resourceGroups/shop/providers"
SQL1 = ArmId(f"{ROOT}/Microsoft.Compute/virtualMachines/sql1")


@contextmanager
def proving(folder: Path) -> Iterator[tuple[Writing, Sandbox, Lab]]:
    with embedded(folder / "sandbox", estate=estate(vm()), speed=SPEED) as sandbox:
        cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
        with open_reader(cloud, **known) as reader, closing(Lab(sandbox, speed=SPEED)) as lab:
            session = Session(reader, "*", cloud.endpoint, partial(open_writer, cloud, **known))
            [subscription] = session.subscriptions()
            with session.writer() as writer:
                yield Writing(writer, ArmClock(writer, SPEED), Stop(), session, subscription), sandbox, lab


def other_one(lab: Lab) -> tuple[str, datetime]:
    """Start a backup that is none of ours, and return the name of its job and when that began."""
    name = str(lab.operation(lab.trigger()).properties.job_id)
    return name, lab.backup.job_details.get(**lab.vault_of(), job_name=name).properties.start_time


@pytest.mark.slow
def test_one_that_began_after_the_cure_is_followed_and_no_second_one_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with proving(tmp_path) as (made, sandbox, lab):
        job, began = other_one(lab)
        sandbox.clear()
        ended = proved(made, [SQL1], EASY, {SQL1: began - timedelta(seconds=5)}, tmp_path / "run.jsonl")

        assert written(sandbox) == []
    [proof] = ended.proofs
    assert (proof.proved, proof.job and proof.job.name) == (True, job)
    assert (ended.done, (tmp_path / "run.jsonl").exists()) == ((), False)
    assert "no other one is started" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["cured later", "nobody knows when"])
def test_one_that_began_before_the_cure_is_waited_for_and_proves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, known: bool
) -> None:
    with proving(tmp_path) as (made, sandbox, lab):
        job, began = other_one(lab)
        sandbox.clear()
        since: Since = {SQL1: began + timedelta(seconds=5)} if known else {}
        ended = proved(made, [SQL1], EASY, since, tmp_path / "run.jsonl")

        assert [line.rpartition("/")[2] for line in written(sandbox)] == ["backup"]
    [proof] = ended.proofs
    assert (proof.proved, proof.error) == (True, None)
    assert proof.job
    assert proof.job.name != job
    assert "its end is waited for" in capsys.readouterr().err


class TestSince:
    def test_a_vm_is_cured_by_the_last_write_that_is_no_backup(self) -> None:
        first, last, again = (step(Request("POST", SQL1, name)) for name in ("one", "two", "three"))
        again = replace(again, triggers_backup=backup().triggers_backup)
        whole = group(first, last, again)
        done = [
            Done(whole.id, one, Outcome.APPLIED, at=NOON + timedelta(minutes=number))
            for number, one in enumerate((first, last, again))
        ]

        assert since_done([whole], done) == {SQL1: NOON + timedelta(minutes=1)}

    def test_a_lock_that_is_put_back_after_its_last_step_leaves_it_open(self) -> None:
        lift = step(Request("DELETE", SQL1))
        whole = group(Bracket(lift, (backup(),), ()))

        assert since_done([whole], [Done(whole.id, lift, Outcome.APPLIED, at=NOON)]) == {}


def group(*nodes: Node) -> Group:
    return Group("g1", (Cure("p", (SQL1,), (), nodes),), nodes)
