"""The Linux agent's configuration keeps extensions from working."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, vm, windows

from azremedy.playbook import Severity
from azremedy.resources import Service, Setting

ID = "agent-config"
S1 = "UserErrorGuestAgentStatusUnavailable"

WELL = (Setting("Extensions.Enabled", "y"),)


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ({"config": None}, "no /etc/waagent.conf"),
        ({"config": (Setting("Extensions.Enabled", "n"),)}, "Extensions.Enabled is off"),
        ({"config": (Setting("Extensions.Enabled", "N"),)}, "Extensions.Enabled is off"),
        ({"pythons": ()}, "no Python interpreter"),
    ],
)
def test_what_keeps_extensions_from_working_is_suspected(inside: Any, says: str) -> None:
    [finding] = found(ID, estate(vm(os="Linux"), item(), linux(**inside)))

    assert finding.severity is Severity.SUSPECTED
    assert says in finding.message


@pytest.mark.parametrize("code", ["GuestAgentSnapshotTaskStatusError", S1])
def test_is_corroborated_by_a_code_whose_causes_name_it(code: str) -> None:
    [finding] = found(ID, estate(vm(os="Linux"), failed_item(), failed_job(code), linux(pythons=())))

    assert finding.severity is Severity.CORROBORATED


@pytest.mark.parametrize(
    ("inside", "says"),
    [
        ({"config": (Setting("Provisioning.Agent", "disabled"),)}, "Provisioning.Agent is disabled"),
        ({"config": (Setting("AutoUpdate.Enabled", "n"),)}, "does not update itself"),
        (
            {
                "config": (
                    Setting("AutoUpdate.Enabled", "y"),
                    Setting("AutoUpdate.UpdateToLatestVersion", "n"),
                )
            },
            "does not update itself",
        ),
    ],
)
def test_what_is_only_not_as_advised_is_information_whatever_failed(inside: Any, says: str) -> None:
    [finding] = found(ID, estate(vm(os="Linux"), failed_item(), failed_job(S1), linux(**inside)))

    assert finding.severity is Severity.INFO
    assert says in finding.message


def test_is_left_to_a_person_with_all_that_was_found() -> None:
    told = linux(pythons=(), config=(Setting("Extensions.Enabled", "n"),))
    reason = left(ID, estate(vm(os="Linux"), item(), told)).reason

    assert reason.startswith("install python3 in the guest")
    assert "Extensions.Enabled is off" in reason


def test_where_python_is_all_that_is_missing_it_is_all_that_is_asked_for() -> None:
    reason = left(ID, estate(vm(os="Linux"), item(), linux(pythons=()))).reason

    assert reason.startswith("install python3 in the guest")
    assert "set this right" not in reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(
                estate(vm(os="Linux"), failed_item(), failed_job(S1), linux()), id="all is as advised"
            ),
            pytest.param(estate(vm(os="Linux"), item(), linux(config=())), id="every key is commented out"),
            pytest.param(
                estate(vm(os="Linux"), item(), linux(config=(Setting("Provisioning.Agent", "Auto"),))),
                id="a value is spelled otherwise",
            ),
            pytest.param(
                estate(
                    vm(os="Linux"),
                    item(),
                    linux(
                        config=(
                            Setting("AutoUpdate.Enabled", "n"),
                            Setting("AutoUpdate.UpdateToLatestVersion", "y"),
                        )
                    ),
                ),
                id="the newer key overrides the older one",
            ),
            pytest.param(
                estate(
                    vm(os="Linux"),
                    item(),
                    linux(agent=Service("walinuxagent", "active", "disabled"), restart="no"),
                ),
                id="it is the agent's unit that is not as it should be",
            ),
            pytest.param(estate(vm(os="Linux"), item(), linux(selinux="Enforcing")), id="SELinux enforces"),
            pytest.param(estate(vm(), failed_item(), failed_job(S1), windows()), id="it is Windows"),
            pytest.param(estate(vm(os="Linux"), failed_item(), failed_job(S1)), id="nobody asked inside"),
            pytest.param(
                estate(vm(os="Linux"), item(), linux(pythons=()), power="deallocated"),
                id="the VM does not run",
            ),
            pytest.param(
                estate(vm(os="Linux"), item(), policy(consistency="OnlyCrashConsistent"), linux(pythons=())),
                id="the policy is crash-consistent",
            ),
            pytest.param(estate(vm(os="Linux"), linux(pythons=())), id="no vault backs it up"),
            pytest.param(
                estate(vm(os="Linux"), item(protection_state="ProtectionStopped"), linux(pythons=())),
                id="protection is stopped",
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
