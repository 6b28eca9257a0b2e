"""The guest waits for a restart."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, vm, windows

from azremedy.playbook import Severity

ID = "pending-reboot"
S1 = "UserErrorGuestAgentStatusUnavailable"


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        (windows(marks=("reboot: update",)), "Windows Update waits for it"),
        (windows(marks=("reboot: component servicing", "reboot: renames")), "Windows servicing waits for it"),
        (linux(reboot_required=True), "/run/reboot-required"),
    ],
)
def test_is_information(inside: Any, says: str) -> None:
    [finding] = found(ID, estate(vm(), item(), inside))

    assert finding.severity is Severity.INFO
    assert says in finding.message


def test_is_left_to_a_person() -> None:
    assert "maintenance window" in left(ID, estate(vm(), item(), linux(reboot_required=True))).reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(
                estate(vm(), failed_item(), failed_job(S1), windows()), id="nothing waits on Windows"
            ),
            pytest.param(
                estate(vm(os="Linux"), failed_item(), failed_job(S1), linux()), id="nothing waits on Linux"
            ),
            pytest.param(
                estate(vm(), item(), windows(marks=("reboot: renames",))),
                id="files wait to be renamed and nothing else",
            ),
            pytest.param(estate(vm(), item(), windows(marks=("something new",))), id="a mark is not known"),
            pytest.param(estate(vm(), failed_item(), failed_job(S1)), id="nobody asked inside"),
            pytest.param(
                estate(vm(), item(), windows(marks=("reboot: update",)), power="deallocated"),
                id="the VM does not run",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    policy(consistency="OnlyCrashConsistent"),
                    windows(marks=("reboot: update",)),
                ),
                id="the policy is crash-consistent",
            ),
            pytest.param(estate(vm(), windows(marks=("reboot: update",))), id="no vault backs it up"),
            pytest.param(
                estate(vm(), item(protection_state="ProtectionStopped"), windows(marks=("reboot: update",))),
                id="protection is stopped",
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
