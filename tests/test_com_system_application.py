"""COM+ does not work in Windows."""

from __future__ import annotations

from typing import Any

import pytest
from building import cured, estate, failed_item, failed_job, found, item, left, linux, policy, vm, windows

from azremedy.arm import Request
from azremedy.guest import serving, starting, unserving
from azremedy.plan import FixClass, Step, View
from azremedy.playbook import Severity
from azremedy.resources import Service

ID = "com-system-application"
CODE = "ExtensionSnapshotFailedCOM"


def with_service(start: str, state: str = "Stopped") -> Any:
    return windows(services=(Service("COMSysApp", state, start),))


BAD = with_service("Disabled")


@pytest.mark.parametrize(
    ("start", "code", "severity", "says"),
    [
        ("Disabled", None, Severity.SUSPECTED, "is disabled"),
        ("Disabled", CODE, Severity.CORROBORATED, "is disabled"),
        ("Manual", CODE, Severity.CORROBORATED, "is stopped"),
        ("Disabled", "UserErrorGuestAgentStatusUnavailable", Severity.SUSPECTED, "is disabled"),
    ],
)
def test_is_as_strong_as_its_evidence(start: str, code: str | None, severity: Severity, says: str) -> None:
    backup = (failed_item(), failed_job(code)) if code else (item(),)
    [finding] = found(ID, estate(vm(), *backup, with_service(start)))

    assert finding.severity is severity
    assert finding.message.endswith(says)
    assert (finding.evidence.start, finding.evidence.state) == (start, "Stopped")


@pytest.mark.parametrize("code", ["ExtensionInstallationFailedCOM", "ExtensionInstallationFailedMDTC"])
def test_is_corroborated_by_each_code_of_com(code: str) -> None:
    [finding] = found(ID, estate(vm(), failed_item(), failed_job(code), BAD))

    assert finding.severity is Severity.CORROBORATED


@pytest.mark.parametrize(
    ("start", "state", "back"),
    [
        ("Disabled", "Stopped", unserving("COMSysApp", "Disabled")),
        ("Manual", "Stopped", unserving("COMSysApp", "Manual")),
        ("Disabled", "Running", starting("COMSysApp", "Disabled")),
    ],
)
def test_is_started_and_the_way_back_is_how_it_was(start: str, state: str, back: Any) -> None:
    bad = with_service(start, state)
    [step] = cured(ID, estate(vm(), failed_item(), failed_job(CODE), bad)).nodes

    assert isinstance(step, Step)
    assert step.fix_class is FixClass.GUARDED
    assert step.request.body == serving("COMSysApp", "Manual").body
    assert isinstance(step.undo, Request)
    assert step.undo.body == back.body
    assert [(one.view, one.path, one.value) for one in step.after] == [
        (View.WINDOWS_GUEST, "services.COMSysApp.start", "Manual"),
        (View.WINDOWS_GUEST, "services.COMSysApp.state", "Running"),
    ]


def test_one_that_is_not_there_is_left_to_a_person() -> None:
    bad = estate(vm(), item(), windows(services=()))

    assert found(ID, bad)[0].message.endswith("is not there")
    assert "net start COMSysApp" in left(ID, bad).reason


def test_a_start_mode_that_nobody_knows_is_left_to_a_person() -> None:
    assert (
        "Start-Service"
        in left(ID, estate(vm(), failed_item(), failed_job(CODE), with_service("Boot"))).reason
    )


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(estate(vm(), failed_item(), failed_job(CODE), windows()), id="it runs"),
            pytest.param(
                estate(vm(), item(), with_service("Manual")), id="it is stopped, and starts on demand"
            ),
            pytest.param(
                estate(vm(), failed_item(), failed_job("BackUpOperationFailed"), with_service("Manual")),
                id="it is stopped, and the backup failed for something else",
            ),
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
