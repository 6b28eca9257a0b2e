"""The .NET Framework is not told to use strong cryptography."""

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
    left,
    linux,
    policy,
    undecided,
    vm,
    windows,
)

from azremedy.arm import Request
from azremedy.guest import strong_crypto
from azremedy.plan import Step
from azremedy.playbook import Severity
from azremedy.resources import Setting

ID = "strong-crypto"
CODE = "ExtensionSnapshotFailedNoSecureNetwork"
OLD, NEW = "v2.0.50727", "v4.0.30319"


def with_values(**values: str) -> Any:
    return windows(
        crypto=tuple(Setting({"old": OLD, "new": NEW}.get(n, n), value) for n, value in values.items())
    )


BAD = with_values(old="1", new="0")


@pytest.mark.parametrize(
    ("bad", "code", "severity", "says"),
    [
        (BAD, None, Severity.SUSPECTED, "is 0 for .NET v4.0.30319"),
        (BAD, CODE, Severity.CORROBORATED, "is 0 for .NET v4.0.30319"),
        (with_values(old="", new=""), CODE, Severity.CORROBORATED, "not set for .NET v2.0.50727, not set"),
        (with_values(old="", new="0"), None, Severity.SUSPECTED, "not set for .NET v2.0.50727, 0 for"),
    ],
)
def test_is_as_strong_as_its_evidence(bad: Any, code: str | None, severity: Severity, says: str) -> None:
    backup = (failed_item(), failed_job(code)) if code else (item(),)
    [finding] = found(ID, estate(vm(), *backup, bad))

    assert finding.severity is severity
    assert says in finding.message


def test_gives_no_verdict_where_no_runtime_is_named() -> None:
    [gap] = undecided(ID, estate(vm(), item(), windows(crypto=(Setting("v3.0", ""),))))

    assert "names no .NET runtime" in gap.because


def test_is_set_where_it_lacks_and_goes_back_to_what_it_was() -> None:
    bad = with_values(old="", new="0")
    [step] = cured(ID, estate(vm(), failed_item(), failed_job(CODE), bad)).nodes

    assert isinstance(step, Step)
    assert step.request.body == strong_crypto({OLD: 1, NEW: 1}).body
    assert isinstance(step.undo, Request)
    assert step.undo.body == strong_crypto({OLD: None, NEW: 0}).body
    assert [(one.path, one.value) for one in step.before[2:]] == [
        (f"crypto.[name={OLD}].value", ""),
        (f"crypto.[name={NEW}].value", "0"),
    ]


@pytest.mark.parametrize("value", ["-1", "yes", "9999999999", "\u00b2"])
def test_a_value_that_could_not_be_put_back_is_left_to_a_person(value: str) -> None:
    assert "in the registry" in left(ID, estate(vm(), item(), with_values(new=value))).reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(estate(vm(), failed_item(), failed_job(CODE), windows()), id="it is set for each"),
            pytest.param(
                estate(vm(), item(), with_values(old="", new="")), id="it is not set, and backups are fine"
            ),
            pytest.param(
                estate(vm(), failed_item(), failed_job("BackUpOperationFailed"), with_values(new="")),
                id="it is not set, and the backup failed for something else",
            ),
            pytest.param(
                estate(vm(), failed_item(), failed_job(CODE), with_values(new="1", **{"v3.0": ""})),
                id="it is not set for what is no runtime",
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
