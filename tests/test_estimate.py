"""`scan --estimate`: how close it comes to what the scan then takes, what it rests on, and that it reads no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Desk, azremedy, document
from jsonschema import Draft202012Validator
from sandboxed import estate, vm

from azremedy.report.schema import schema
from azremedy.resources import Read
from azremedy.sandbox import Sandbox, Throttle, embedded
from azremedy.sandbox.description import Fault
from azremedy.sandbox.generate import fleet, generate
from azremedy.sandbox.graph import PATH

DEAD = "00000000-0000-4000-8000-00000000dead"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path / "sandbox", estate=fleet(6, 24, 1)) as running:
        yield running


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Desk:
    return Desk(sandbox, tmp_path)


@pytest.mark.parametrize("throttle", [None, Throttle(20, 10)], ids=["not throttled", "throttled"])
@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(generate(60, 1), id="60 VMs"),
        pytest.param(generate(450, 2), id="450 VMs"),
        pytest.param(fleet(8, 30, 3), id="8 x 30 VMs"),
        pytest.param(fleet(12, 20, 2), id="12 x 20 VMs"),
    ],
)
def test_calls_are_those_of_the_scan_within_a_tenth(
    tmp_path: Path, whole: Any, throttle: Throttle | None
) -> None:
    with embedded(tmp_path / "sandbox", estate=whole, throttle=throttle) as sandbox:
        run = Desk(sandbox, tmp_path)
        expected = document(run("scan", "-s", "*", "--estimate", "-o", "json"))["calls"]
        made = document(run("scan", "-s", "*", "-o", "json"))

    assert expected == pytest.approx(sum(one["calls"] for one in made["subscriptions"]), rel=0.1)


@pytest.mark.parametrize(
    "how", [("--deep",), ("--source", "graph"), ("--playbook", "disk-size")], ids=" ".join
)
def test_it_is_of_the_scan_that_is_asked_for(run: Desk, how: tuple[str, ...]) -> None:
    expected = document(run("scan", "-s", "*", *how, "--estimate", "-o", "json"))["calls"]
    made = document(run("scan", "-s", "*", *how, "-o", "json"))

    assert expected == pytest.approx(sum(one["calls"] for one in made["subscriptions"]), rel=0.1)


def test_it_asks_for_the_subscriptions_and_their_counts_and_nothing_else(run: Desk, sandbox: Sandbox) -> None:
    sandbox.clear()
    ended = run("scan", "-s", "*", "--estimate", "-o", "json")

    assert sandbox.calls() == {Read.SUBSCRIPTION: 1, Read.GRAPH: 4}
    assert (ended.code, document(ended)["basis"]) == (0, "resource graph")
    assert [document(ended)[name] for name in ("subscriptions", "vms", "vaults", "protected", "failed")] == [
        6,
        144,
        6,
        138,
        54,
    ]
    Draft202012Validator(schema("estimate")).validate(document(ended))


def test_a_checkpoint_tells_what_the_rest_takes(run: Desk, sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint"
    ids = [one["id"] for one in document(run("scan", "-s", "*", "-o", "json"))["subscriptions"]]
    part = [word for one in ids[:4] for word in ("-s", one)]
    made = document(run("scan", *part, "-s", DEAD, "--checkpoint", kept, "-o", "json"))
    before = kept.read_bytes()
    sandbox.clear()
    expected = document(run("scan", "-s", "*", "--checkpoint", kept, "--estimate", "-o", "json"))

    assert (expected["basis"], expected["done"], expected["subscriptions"]) == ("checkpoint", 4, 2)
    assert expected["calls"] == pytest.approx(sum(one["calls"] for one in made["subscriptions"]) / 2, abs=2)
    assert expected["seconds"] is not None
    assert sandbox.calls() == {Read.SUBSCRIPTION: 1}
    assert kept.read_bytes() == before
    Draft202012Validator(schema("estimate")).validate(expected)


def test_a_checkpoint_that_is_not_there_is_not_made(run: Desk, tmp_path: Path) -> None:
    ended = run("scan", "-s", "*", "--checkpoint", tmp_path / "none", "--estimate", "-o", "json")

    assert document(ended)["basis"] == "resource graph"
    assert not (tmp_path / "none").exists()


def test_a_person_is_told_in_a_sentence_what_it_rests_on(run: Desk) -> None:
    ended = run("scan", "-s", "*", "--estimate")

    assert ended.out.startswith("About ")
    assert "Azure Resource Graph counts 144 VMs in 6 subscriptions with 6 vaults" in ended.out


@pytest.mark.parametrize("form", ["yaml", "jsonl", "csv", "tsv", "none"])
def test_every_output_writes_it(run: Desk, form: str) -> None:
    ended = run("scan", "-s", "*", "--estimate", "-o", form)

    assert (ended.code, "resource graph" in ended.out) == (0, form != "none")


def test_a_query_picks_from_it(run: Desk) -> None:
    assert run("scan", "-s", "*", "--estimate", "-o", "json", "--query", "vms").out == "144\n"


def test_counts_that_are_refused_are_one_sentence(run: Desk, sandbox: Sandbox) -> None:
    sandbox.faults = [Fault(f"POST {PATH}", status=403, code="AccessDenied", body="Not you.", times=None)]
    ended = run("scan", "-s", "*", "--estimate")

    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        "azremedy: Azure Resource Graph, whose counts an estimate rests on, does not tell them: Not you. "
        "The --checkpoint of a scan that has read some of the subscriptions tells as well.\n"
    )


def test_a_subscription_that_is_not_shown_is_told_and_ends_in_3(run: Desk) -> None:
    ended = run("scan", "-s", "*", "-s", DEAD, "--estimate", "-o", "json")

    assert (ended.code, DEAD in ended.err, document(ended)["subscriptions"]) == (3, True, 6)


def test_it_means_nothing_with_a_file(tmp_path: Path) -> None:
    ended = azremedy("scan", "--estate", tmp_path / "none.json", "--estimate")

    assert (ended.code, "--estimate means nothing with --estate" in ended.err) == (2, True)


def test_an_estate_without_backups_is_estimated_too(tmp_path: Path) -> None:
    with embedded(tmp_path / "sandbox", estate={**estate(vm()), "vms": [], "vaults": []}) as sandbox:
        made = document(Desk(sandbox, tmp_path)("scan", "-s", "*", "--estimate", "-o", "json"))

    assert (made["vms"], made["vaults"]) == (0, 0)
