"""The transaction coordinator of Windows does not work for COM+."""

from __future__ import annotations

from typing import Any

import pytest
from building import cured, estate, failed_item, failed_job, found, item, left, linux, policy, vm, windows

from azremedy.arm import Request
from azremedy.guest import serving, unserving
from azremedy.plan import Step
from azremedy.playbook import Severity
from azremedy.resources import Service, Setting

ID = "transaction-coordinator"
CODE = "ExtensionInstallationFailedMDTC"


def with_service(start: str, state: str = "Stopped", account: str = r"NT AUTHORITY\NetworkService") -> Any:
    return windows(services=(Service("MSDTC", state, start),), accounts=(Setting("MSDTC", account),))


BAD = with_service("Disabled")


@pytest.mark.parametrize(
    ("bad", "code", "severity", "says"),
    [
        (BAD, None, Severity.SUSPECTED, "is disabled"),
        (BAD, CODE, Severity.CORROBORATED, "is disabled"),
        (with_service("Auto"), CODE, Severity.CORROBORATED, "is stopped"),
        (with_service("Auto", "Running", "LocalSystem"), None, Severity.SUSPECTED, "logs on as LocalSystem"),
        (with_service("Auto", "Running", r"shop\svc"), CODE, Severity.CORROBORATED, r"logs on as shop\svc"),
        (windows(services=()), CODE, Severity.CORROBORATED, "is not there"),
    ],
)
def test_is_as_strong_as_its_evidence(bad: Any, code: str | None, severity: Severity, says: str) -> None:
    backup = (failed_item(), failed_job(code)) if code else (item(),)
    [finding] = found(ID, estate(vm(), *backup, bad))

    assert finding.severity is severity
    assert says in finding.message


@pytest.mark.parametrize("start", ["Disabled", "Manual", "Auto"])
def test_is_started_and_the_way_back_is_how_it_was(start: str) -> None:
    [step] = cured(ID, estate(vm(), failed_item(), failed_job(CODE), with_service(start))).nodes

    assert isinstance(step, Step)
    assert step.request.body == serving("MSDTC", "Automatic").body
    assert isinstance(step.undo, Request)
    was = "Automatic" if start == "Auto" else start
    assert step.undo.body == unserving("MSDTC", was).body
    assert [one.value for one in step.after] == ["Auto", "Running"]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (with_service("Disabled", "Stopped", "LocalSystem"), 'obj= "NT AUTHORITY\\NetworkService"'),
        (windows(services=()), "msdtc -install"),
        (with_service("Boot"), "Set-Service"),
    ],
)
def test_what_could_not_be_taken_back_is_left_to_a_person(bad: Any, says: str) -> None:
    assert says in left(ID, estate(vm(), failed_item(), failed_job(CODE), bad)).reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(
                estate(vm(), failed_item(), failed_job(CODE), windows()), id="it runs as Network Service"
            ),
            pytest.param(
                estate(vm(), item(), with_service("Auto", "Running", r"NT AUTHORITY\NETWORK SERVICE")),
                id="its account is spelled otherwise",
            ),
            pytest.param(
                estate(vm(), item(), with_service("Manual")), id="it is stopped, and no backup failed"
            ),
            pytest.param(estate(vm(), item(), windows(accounts=())), id="Windows does not tell its account"),
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
