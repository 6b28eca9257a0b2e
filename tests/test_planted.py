"""The estates that azremedy ships: each VM has the causes that are planted in it, and beside them nothing but news."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from commands import azremedy, variables
from staging import SPEED

from azremedy.arm import ArmId
from azremedy.azure import ClientSecret, find_cloud, open_reader, open_writer
from azremedy.playbook import Severity, load
from azremedy.resources import Read
from azremedy.sandbox import embedded, planted
from azremedy.sandbox.reading import named
from azremedy.scan import Scan
from azremedy.session import Session

EXAMPLES = Path(__file__).parents[1] / "examples" / "estates"
CONTROL_PLANE = EXAMPLES / "control-plane.yaml"
SHIPPED: tuple[str | Path, ...] = ("demo", CONTROL_PLANE, EXAMPLES / "healthy.yaml")


ASKED = {
    Read.RUNNING_JOBS: 2,
    Read.KEY_VAULTS: 2,
    Read.ROLE_ASSIGNMENTS: 1,
    Read.POLICY_ASSIGNMENTS: 1,
    Read.POLICY_DEFINITIONS: 3,
}
"""What a scan of the control plane's causes asks beside the lists: what runs, and who is let in, of what failed so."""


def scanned(estate: str | Path | Mapping[str, Any], folder: Path, *, deep: bool = False) -> Scan:
    """Scan an estate as its owner."""
    with embedded(folder, estate=estate, speed=SPEED) as sandbox:
        cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
        secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)
        known: dict[str, Any] = {"secret": secret, "ca": sandbox.ca, "environ": {}}
        with open_reader(cloud, **known) as reader:
            session = Session(reader, "*", cloud.endpoint, partial(open_writer, cloud, **known))
            return session.scan(deep=deep)


def expected(estate: str | Path) -> set[tuple[str, str]]:
    return planted(named(estate)[1])


@pytest.mark.parametrize("deep", [False, True], ids=["suspects", "all"])
@pytest.mark.parametrize("estate", SHIPPED, ids=lambda one: Path(one).stem)
def test_what_is_planted_is_found_and_nothing_else(estate: str | Path, deep: bool, tmp_path: Path) -> None:
    scan = scanned(estate, tmp_path, deep=deep)

    found = {(one.finding.vm.name, one.playbook.id): one.finding.severity for one in scan.diagnoses}
    assert expected(estate) <= found.keys()
    assert {one for one in found.keys() - expected(estate) if found[one] > Severity.INFO} == set()
    assert (scan.unexplained, scan.unread, scan.not_evaluated) == ((), (), ())


def test_a_dry_run_says_of_each_what_is_done_or_who_has_to(tmp_path: Path) -> None:
    with embedded(tmp_path, estate=CONTROL_PLANE, speed=SPEED) as sandbox:
        ended = azremedy(
            "fix", "--dry-run", "-s", "control-plane", "--allow", "guarded", "-o", "json",
            **variables(sandbox, tmp_path / "home"),
        )  # fmt: skip
    plan = json.loads(ended.out)
    cured = {
        (ArmId(vm).name, one) for group in plan["groups"] for vm in group["vms"] for one in group["playbooks"]
    }
    left = {(ArmId(one["vm"]).name, one["playbook"]) for one in plan["byHand"]}
    light = {("image1", "extension-operations"), ("wander1", "unprotected-vm")}

    assert ended.code == 0
    assert cured == {("edge1", "extension-operations"), ("hung1", "backup-in-progress")}
    assert cured | left == expected(CONTROL_PLANE) - light


def test_asks_what_few_need_for_those_few_only(tmp_path: Path) -> None:
    calls = scanned(CONTROL_PLANE, tmp_path).calls

    assert {read: calls.get(read, 0) for read in ASKED} == ASKED


def test_every_cause_is_planted_somewhere() -> None:
    """Those inside VMs in an estate of their own, which `test_asking.py` asks."""
    estates = (*SHIPPED, EXAMPLES / "inside.yaml")
    assert {playbook for estate in estates for _, playbook in expected(estate)} == load().keys()
