"""Windows has no .NET Framework 4.5 or later."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, undecided, vm, windows

from azremedy.playbook import Severity
from azremedy.resources import Setting

ID = "dotnet-runtime"
S1 = "UserErrorGuestAgentStatusUnavailable"


@pytest.mark.parametrize(
    ("settings", "says", "release"),
    [
        ((), "there is no .NET Framework 4.5", None),
        ((Setting(".NET", "378388"),), "release 378388", 378388),
        ((Setting(".NET", "0"),), "release 0", 0),
    ],
)
def test_is_found(settings: Any, says: str, release: int | None) -> None:
    [finding] = found(ID, estate(vm(), item(), windows(settings=settings)))

    assert finding.severity is Severity.SUSPECTED
    assert says in finding.message
    assert finding.evidence.release == release


def test_is_corroborated_by_a_silent_agent() -> None:
    [finding] = found(ID, estate(vm(), failed_item(), failed_job(S1), windows(settings=())))

    assert finding.severity is Severity.CORROBORATED


@pytest.mark.parametrize("told", ["", "4.8", "-1", "\u0663"])
def test_gives_no_verdict_on_what_is_no_number(told: str) -> None:
    [gap] = undecided(ID, estate(vm(), item(), windows(settings=(Setting(".NET", told),))))

    assert "no number" in gap.because


def test_is_left_to_a_person() -> None:
    assert ".NET Framework 4.8" in left(ID, estate(vm(), item(), windows(settings=()))).reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(estate(vm(), failed_item(), failed_job(S1), windows()), id="it is current"),
            pytest.param(
                estate(vm(), failed_item(), failed_job(S1), windows(settings=(Setting(".NET", "378389"),))),
                id="it is 4.5 to the number",
            ),
            pytest.param(estate(vm(os="Linux"), item(), linux()), id="it is Linux"),
            pytest.param(estate(vm(), failed_item(), failed_job(S1)), id="nobody asked inside"),
            pytest.param(
                estate(vm(), item(), windows(settings=()), power="deallocated"), id="the VM does not run"
            ),
            pytest.param(
                estate(vm(), item(), policy(consistency="OnlyCrashConsistent"), windows(settings=())),
                id="the policy is crash-consistent",
            ),
            pytest.param(estate(vm(), windows(settings=())), id="no vault backs it up"),
            pytest.param(
                estate(vm(), item(protection_state="ProtectionStopped"), windows(settings=())),
                id="protection is stopped",
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
