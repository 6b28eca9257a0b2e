"""DHCP is off in the Windows guest."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, undecided, vm, windows

from azremedy.playbook import Severity
from azremedy.resources import Adapter

ID = "guest-dhcp"
S1 = "UserErrorGuestAgentStatusUnavailable"

STATIC = Adapter("Ethernet", dhcp=False, addresses=1)


def test_is_suspected_where_no_backup_bears_it_out() -> None:
    [finding] = found(ID, estate(vm(), item(), windows(adapters=(STATIC,))))

    assert finding.severity is Severity.SUSPECTED
    assert finding.message.endswith("(Ethernet)")
    assert finding.evidence.adapters == (STATIC,)


@pytest.mark.parametrize("code", [S1, "ExtensionSnapshotFailedNoNetwork"])
def test_is_corroborated_by_a_code_whose_causes_name_it(code: str) -> None:
    [finding] = found(ID, estate(vm(), failed_item(), failed_job(code), windows(adapters=(STATIC, STATIC))))

    assert finding.severity is Severity.CORROBORATED


def test_gives_no_verdict_where_windows_named_no_adapter() -> None:
    [gap] = undecided(ID, estate(vm(), item(), windows(adapters=())))

    assert "no connected network adapter" in gap.because


def test_is_left_to_a_person_and_says_in_which_order() -> None:
    reason = left(ID, estate(vm(), item(), windows(adapters=(STATIC,)))).reason

    assert reason.index("in Azure first") < reason.index("turn DHCP on")


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(estate(vm(), failed_item(), failed_job(S1), windows()), id="DHCP is on"),
            pytest.param(
                estate(
                    vm(),
                    failed_item(),
                    failed_job(S1),
                    windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=3),)),
                ),
                id="several addresses ask for a static configuration",
            ),
            pytest.param(
                estate(
                    vm(),
                    failed_item(),
                    failed_job(S1),
                    windows(adapters=(Adapter("a", dhcp=True, addresses=1), STATIC)),
                ),
                id="another adapter has DHCP",
            ),
            pytest.param(estate(vm(os="Linux"), item(), linux(leases=0)), id="it is Linux"),
            pytest.param(estate(vm(), failed_item(), failed_job(S1)), id="nobody asked inside"),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=1),)),
                    power="deallocated",
                ),
                id="the VM does not run",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    policy(consistency="OnlyCrashConsistent"),
                    windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=1),)),
                ),
                id="the policy is crash-consistent",
            ),
            pytest.param(
                estate(vm(), windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=1),))),
                id="no vault backs it up",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(protection_state="ProtectionStopped"),
                    windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=1),)),
                ),
                id="protection is stopped",
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
