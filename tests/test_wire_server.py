"""The guest does not reach the wire server."""

from __future__ import annotations

from typing import Any

import pytest
from building import (
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    linux,
    policy,
    undecided,
    view,
    vm,
    windows,
)

from azremedy.playbook import Severity
from azremedy.resources import Port

ID = "wire-server"
BLOCKED = (Port(80, reached=True), Port(32526, reached=False))
ALL_BLOCKED = (Port(80, reached=False), Port(32526, reached=False))
UNTRIED = (Port(80, reached=None), Port(32526, reached=None))


@pytest.mark.parametrize("inside", [windows, linux])
def test_is_suspected_where_no_backup_bears_it_out(inside: Any) -> None:
    [finding] = found(ID, estate(vm(), item(), view(), inside(ports=BLOCKED)))

    assert finding.severity is Severity.SUSPECTED
    assert finding.message == "the guest does not reach 168.63.129.16 on port 32526"
    assert (finding.evidence.blocked, finding.evidence.open) == ((32526,), (80,))


@pytest.mark.parametrize("code", ["UserErrorGuestAgentStatusUnavailable", "ExtensionSnapshotFailedNoNetwork"])
def test_is_corroborated_by_a_failure_whose_causes_name_it(code: str) -> None:
    [finding] = found(ID, estate(vm(), failed_item(), failed_job(code), windows(ports=ALL_BLOCKED)))

    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.message.endswith("on port 80 and 32526")


def test_gives_no_verdict_where_nothing_was_tried() -> None:
    [gap] = undecided(ID, estate(vm(os="Linux"), item(), linux(ports=UNTRIED)))

    assert "nothing to try the ports with" in gap.because


@pytest.mark.parametrize(("os", "where"), [("Windows", "netsh winhttp"), ("Linux", "nftables")])
def test_is_left_to_a_person(os: str, where: str) -> None:
    inside = windows if os == "Windows" else linux
    told = left(ID, estate(vm(os=os), item(), inside(ports=BLOCKED)))

    assert where in told.reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize("inside", [windows, linux])
    def test_stays_silent_when_both_ports_are_reached(self, inside: Any) -> None:
        assert (
            found(
                ID, estate(vm(), failed_item(), failed_job("UserErrorGuestAgentStatusUnavailable"), inside())
            )
            == []
        )

    def test_stays_silent_when_nobody_asked(self) -> None:
        assert found(ID, estate(vm(), failed_item(), failed_job("ExtensionSnapshotFailedNoNetwork"))) == []

    def test_stays_silent_when_the_vm_does_not_run(self) -> None:
        assert found(ID, estate(vm(), item(), windows(ports=BLOCKED), power="deallocated")) == []

    def test_stays_silent_when_the_policy_is_crash_consistent(self) -> None:
        crash = policy(consistency="OnlyCrashConsistent")
        assert found(ID, estate(vm(), item(), crash, windows(ports=BLOCKED))) == []

    def test_stays_silent_when_no_vault_backs_the_vm_up(self) -> None:
        assert found(ID, estate(vm(), windows(ports=BLOCKED))) == []

    def test_stays_silent_when_protection_is_stopped(self) -> None:
        stopped = item(protection_state="ProtectionStopped")
        assert found(ID, estate(vm(), stopped, windows(ports=BLOCKED))) == []
