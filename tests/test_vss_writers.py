"""VSS or one of its writers is in a bad state."""

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
from azremedy.guest import restarting, starting
from azremedy.plan import Irreversible, Step
from azremedy.playbook import Severity
from azremedy.resources import Service, Writer

ID = "vss-writers"
CODE = "ExtensionFailedVssWriterInBadState"
OFF = (Service("VSS", "Stopped", "Disabled"),)


def with_writers(*writers: Writer) -> Any:
    return windows(unstable=writers)


SQL = Writer("SqlServerWriter", 8)
BAD = with_writers(SQL)


@pytest.mark.parametrize(
    ("bad", "code", "severity", "says"),
    [
        (BAD, None, Severity.SUSPECTED, "SqlServerWriter (state 8)"),
        (BAD, CODE, Severity.CORROBORATED, "SqlServerWriter (state 8)"),
        (with_writers(Writer("System Writer", 5)), CODE, Severity.CORROBORATED, "System Writer (state 5)"),
        (with_writers(Writer("NTDS", 0)), None, Severity.SUSPECTED, "NTDS (state 0)"),
        (windows(services=OFF, writers=None), None, Severity.SUSPECTED, "is disabled"),
        (windows(services=OFF), "ExtensionFailedVssServiceInBadState", Severity.CORROBORATED, "is disabled"),
        (with_writers(*(Writer(f"Writer {n}", 9) for n in range(6))), None, Severity.SUSPECTED, "and 2 more"),
    ],
)
def test_is_as_strong_as_its_evidence(bad: Any, code: str | None, severity: Severity, says: str) -> None:
    backup = (failed_item(), failed_job(code)) if code else (item(),)
    [finding] = found(ID, estate(vm(), *backup, bad))

    assert finding.severity is severity
    assert says in finding.message


def test_gives_no_verdict_where_vssadmin_named_no_writer() -> None:
    [gap] = undecided(ID, estate(vm(), item(), windows(writers=None)))

    assert "named no VSS writer" in gap.because


def test_the_services_of_writers_are_restarted_once_each() -> None:
    bad = with_writers(Writer("Registry Writer", 9), SQL, Writer("COM+ REGDB Writer", 7))
    [step] = cured(ID, estate(vm(), failed_item(), failed_job(CODE), bad)).nodes

    assert isinstance(step, Step)
    assert step.request.body == restarting(("VSS", "SQLWriter")).body
    assert isinstance(step.undo, Irreversible)
    assert [(one.path, one.value) for one in step.before[2:]] == [
        ("unstable.[name=Registry Writer].state", 9),
        ("unstable.[name=SqlServerWriter].state", 8),
        ("unstable.[name=COM+ REGDB Writer].state", 7),
    ]
    assert {one.test.value for one in step.after} == {"absent"}


def test_the_service_starts_on_demand_again() -> None:
    [step] = cured(ID, estate(vm(), failed_item(), failed_job(CODE), windows(services=OFF))).nodes

    assert isinstance(step, Step)
    assert step.request.body == starting("VSS", "Manual").body
    assert isinstance(step.undo, Request)
    assert step.undo.body == starting("VSS", "Disabled").body


def test_an_application_is_restarted_by_a_person() -> None:
    bad = with_writers(SQL, Writer("Microsoft Exchange Writer", 9), Writer("Odd Writer", 9))
    reason = left(ID, estate(vm(), failed_item(), failed_job(CODE), bad)).reason

    assert reason.endswith("Microsoft Exchange Writer (MSExchangeIS), Odd Writer")


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(estate(vm(), failed_item(), failed_job(CODE), windows()), id="all are stable"),
            pytest.param(
                estate(vm(), item(), with_writers(Writer("System Writer", 5), Writer("NTDS", 2))),
                id="writers wait, as a backup of somebody else runs",
            ),
            pytest.param(
                estate(vm(), item(), windows(services=(Service("VSS", "Stopped", "Manual"),))),
                id="VSS is stopped, and starts on demand",
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
