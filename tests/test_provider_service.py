"""The service of Backup's provider does not start by itself."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, vm, windows

from azremedy.playbook import Severity
from azremedy.resources import Service

ID = "provider-service"
S1 = "UserErrorGuestAgentStatusUnavailable"


def with_start(start: str) -> Any:
    return windows(services=(Service("IaasVmProvider", "Stopped", start),))


@pytest.mark.parametrize(
    ("start", "code", "severity"),
    [
        ("Disabled", None, Severity.SUSPECTED),
        ("Manual", None, Severity.INFO),
        ("Disabled", "ExtensionOperationFailedForManagedDisks", Severity.CORROBORATED),
        ("Manual", "ExtensionOperationFailedForManagedDisks", Severity.CORROBORATED),
        ("Disabled", "UserErrorRpCollectionLimitReached", Severity.SUSPECTED),
    ],
)
def test_is_as_strong_as_its_evidence(start: str, code: str | None, severity: Severity) -> None:
    backup = (failed_item(), failed_job(code)) if code else (item(),)
    [finding] = found(ID, estate(vm(), *backup, with_start(start)))

    assert finding.severity is severity
    assert finding.message.endswith(f"its start mode is {start}")
    assert (finding.evidence.start, finding.evidence.state) == (start, "Stopped")


def test_a_start_mode_that_is_none_of_windowss_is_left_to_a_person() -> None:
    assert "Set-Service" in left(ID, estate(vm(), item(), with_start("System"))).reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(
                estate(vm(), failed_item(), failed_job("ExtensionOperationFailedForManagedDisks"), windows()),
                id="it starts automatically",
            ),
            pytest.param(
                estate(vm(), item(), windows(services=(Service("iaasvmprovider", "Stopped", "AUTO"),))),
                id="it is spelled otherwise",
            ),
            pytest.param(
                estate(vm(), failed_item(), failed_job(S1), windows(services=())),
                id="no backup has installed it yet",
            ),
            pytest.param(
                estate(vm(), item(), windows(services=(Service("VSS", "Stopped", "Disabled"),))),
                id="another service is disabled",
            ),
            pytest.param(estate(vm(os="Linux"), item(), linux()), id="it is Linux"),
            pytest.param(estate(vm(), failed_item(), failed_job(S1)), id="nobody asked inside"),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    windows(services=(Service("IaasVmProvider", "Stopped", "Disabled"),)),
                    power="deallocated",
                ),
                id="the VM does not run",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    policy(consistency="OnlyCrashConsistent"),
                    windows(services=(Service("IaasVmProvider", "Stopped", "Disabled"),)),
                ),
                id="the policy is crash-consistent",
            ),
            pytest.param(
                estate(vm(), windows(services=(Service("IaasVmProvider", "Stopped", "Disabled"),))),
                id="no vault backs it up",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(protection_state="ProtectionStopped"),
                    windows(services=(Service("IaasVmProvider", "Stopped", "Disabled"),)),
                ),
                id="protection is stopped",
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
