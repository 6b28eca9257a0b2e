"""The Windows Installer is disabled."""

from __future__ import annotations

from typing import Any

import pytest
from building import (
    cured,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    linux,
    policy,
    undecided,
    vm,
    windows,
)

from azremedy.arm import Request
from azremedy.guest import installer
from azremedy.plan import Step
from azremedy.playbook import Severity
from azremedy.resources import Setting

ID = "windows-installer"
CODE = "ExtensionVCRedistInstallationFailure"


def with_start(start: str) -> Any:
    return windows(settings=(Setting("installer", start),))


BAD = with_start("4")


@pytest.mark.parametrize(
    ("code", "severity"),
    [
        (None, Severity.SUSPECTED),
        (CODE, Severity.CORROBORATED),
        ("UserErrorGuestAgentStatusUnavailable", Severity.SUSPECTED),
    ],
)
def test_is_as_strong_as_its_evidence(code: str | None, severity: Severity) -> None:
    backup = (failed_item(), failed_job(code)) if code else (item(),)
    [finding] = found(ID, estate(vm(), *backup, BAD))

    assert finding.severity is severity
    assert finding.evidence.start == "4"


def test_gives_no_verdict_where_the_registry_does_not_tell() -> None:
    [gap] = undecided(ID, estate(vm(), item(), windows(settings=())))

    assert "does not tell" in gap.because


def test_starts_on_demand_and_the_way_back_disables_it() -> None:
    [step] = cured(ID, estate(vm(), failed_item(), failed_job(CODE), BAD)).nodes

    assert isinstance(step, Step)
    assert step.request.body == installer(3).body
    assert isinstance(step.undo, Request)
    assert step.undo.body == installer(4).body
    assert [one.value for one in (step.before[-1], *step.after)] == ["4", "3"]


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(estate(vm(), failed_item(), failed_job(CODE), windows()), id="it starts on demand"),
            pytest.param(estate(vm(), item(), with_start("2")), id="it starts by itself"),
            pytest.param(estate(vm(os="Linux"), item(), linux()), id="it is Linux"),
            pytest.param(estate(vm(), failed_item(), failed_job(CODE)), id="nobody asked inside"),
            pytest.param(estate(vm(), item(), BAD, power="deallocated"), id="the VM does not run"),
            pytest.param(
                estate(vm(), item(), policy(consistency="OnlyCrashConsistent"), BAD),
                id="the policy is crash-consistent",
            ),
            pytest.param(estate(vm(), BAD), id="no vault backs it up"),
            pytest.param(
                estate(vm(), item(protection_state="ProtectionStopped"), BAD), id="protection is stopped"
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
