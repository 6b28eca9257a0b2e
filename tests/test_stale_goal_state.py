"""An old Linux agent has left goal-state files behind."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, vm, windows

from azremedy.plan import Choices
from azremedy.playbook import Severity

ID = "stale-goal-state"
S1 = "UserErrorGuestAgentStatusUnavailable"

SILENT = failed_item(), failed_job(S1)
OLD: dict[str, Any] = {"stale": 7, "package": "2.2.14"}


@pytest.mark.parametrize("version", ["2.2.14", "2.2.9", "2.0.18", "2.2.19.1"])
def test_is_found_where_all_of_it_is_there(version: str) -> None:
    [finding] = found(ID, estate(vm(os="Linux"), *SILENT, linux(stale=7, package=version)))

    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert (finding.evidence.files, finding.evidence.version) == (7, version)


def test_needs_to_be_admitted() -> None:
    read = estate(vm(os="Linux"), *SILENT, linux(**OLD))

    assert "--allow guarded" in left(ID, read, Choices()).reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(
                estate(vm(os="Linux"), *SILENT, linux(stale=7, package="2.11.1.12")),
                id="the agent cleans up after itself",
            ),
            pytest.param(
                estate(vm(os="Linux"), *SILENT, linux(stale=7, package="2.2.20")),
                id="the agent is the first that does",
            ),
            pytest.param(
                estate(vm(os="Linux"), *SILENT, linux(stale=7, package="Unknown")),
                id="the version is no number",
            ),
            pytest.param(
                estate(vm(os="Linux"), *SILENT, linux(stale=7, package=None)), id="the version is not known"
            ),
            pytest.param(
                estate(vm(os="Linux"), *SILENT, linux(stale=0, package="2.2.14")),
                id="nothing but the placeholder is there",
            ),
            pytest.param(estate(vm(os="Linux"), item(), linux(**OLD)), id="no backup failed"),
            pytest.param(
                estate(
                    vm(os="Linux"),
                    failed_item(),
                    failed_job("ExtensionSnapshotFailedNoNetwork"),
                    linux(**OLD),
                ),
                id="it failed with another code",
            ),
            pytest.param(estate(vm(), *SILENT, windows()), id="it is Windows"),
            pytest.param(estate(vm(os="Linux"), failed_item(), failed_job(S1)), id="nobody asked inside"),
            pytest.param(
                estate(vm(os="Linux"), item(), linux(stale=7, package="2.2.14"), power="deallocated"),
                id="the VM does not run",
            ),
            pytest.param(
                estate(
                    vm(os="Linux"),
                    item(),
                    policy(consistency="OnlyCrashConsistent"),
                    linux(stale=7, package="2.2.14"),
                ),
                id="the policy is crash-consistent",
            ),
            pytest.param(estate(vm(os="Linux"), linux(stale=7, package="2.2.14")), id="no vault backs it up"),
            pytest.param(
                estate(
                    vm(os="Linux"),
                    item(protection_state="ProtectionStopped"),
                    linux(stale=7, package="2.2.14"),
                ),
                id="protection is stopped",
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
