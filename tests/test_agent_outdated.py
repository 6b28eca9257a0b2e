"""agent-outdated: the VM agent is older than the oldest supported version."""

from __future__ import annotations

from typing import Any

import pytest
from building import (
    NOT_READY,
    VAULT,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    policy,
    undecided,
    view,
    vm,
    vm_id,
)

from azremedy import playbook, scan
from azremedy.estate import Estate
from azremedy.limits import AGENT_LINUX, AGENT_WINDOWS
from azremedy.playbook import Severity
from azremedy.resources import InstanceView, Read, Unread, Vm

ID = "agent-outdated"
TASK_STATUS = "GuestAgentSnapshotTaskStatusError"


def linux(**changes: Any) -> Vm:
    return vm(os="Linux", **changes)


def agent(version: str | None, **changes: Any) -> InstanceView:
    return view(agent_version=version, **changes)


def test_finds_the_old_agent_and_names_both_versions() -> None:
    failed = failed_job(TASK_STATUS)
    [finding] = found(ID, estate(linux(), failed_item(), failed, agent("2.2.40")))

    assert (finding.vm, finding.resource) == (vm_id(), vm_id())
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.failure.job == failed
    assert (finding.evidence.version, finding.evidence.minimum) == ("2.2.40", AGENT_LINUX)
    assert "2.2.40" in finding.message
    assert AGENT_LINUX in finding.message
    assert finding.manual is None


def test_leaves_the_windows_agent_to_a_person() -> None:
    [finding] = found(ID, estate(vm(), item(), agent("2.7.41491.1009")))

    assert finding.evidence.minimum == AGENT_WINDOWS
    assert finding.manual is not None
    assert "installer" in finding.manual


@pytest.mark.parametrize(
    ("os", "version"),
    [
        ("Linux", "2.2.53.0"),
        ("Linux", "2.2.53"),
        ("Linux", "2.2.9.1"),
        ("Linux", "1.9.99.99"),
        ("Linux", "2"),
        ("linux", " 2.2.40 "),
        ("Windows", "2.7.41491.1009"),
        ("Windows", "2.7.41491.999"),
        ("Windows", "2.6.1198.718"),
        ("WINDOWS", "2.7.9.2000"),
    ],
)
def test_finds_it_outdated(os: str, version: str) -> None:
    [finding] = found(ID, estate(vm(os=os), item(), agent(version)))

    assert finding.severity is Severity.SUSPECTED


@pytest.mark.parametrize(
    ("read", "severity"),
    [
        pytest.param(
            estate(vm(), failed_item(), failed_job(TASK_STATUS), agent("2.7.0.0")),
            Severity.CORROBORATED,
            id="corroborated on Windows by a code that lists its agent",
        ),
        pytest.param(
            estate(linux(), failed_item(), failed_job("ExtensionStuckInDeletionState"), agent("2.2.40")),
            Severity.SUSPECTED,
            id="suspected on Linux by a code that lists the Windows agent only",
        ),
        pytest.param(
            estate(linux(), failed_item(), failed_job("VmNotInDesirableState"), agent("2.2.40")),
            Severity.CORROBORATED,
            id="corroborated on Linux by a code that lists the Linux agent only",
        ),
        pytest.param(
            estate(linux(), failed_item(), failed_job("UserErrorUnsupportedDiskSize"), agent("2.2.40")),
            Severity.SUSPECTED,
            id="suspected where the backup failed with another code",
        ),
        pytest.param(
            estate(linux(), item(), failed_job(TASK_STATUS), agent("2.2.40")),
            Severity.SUSPECTED,
            id="suspected where a later backup completed",
        ),
    ],
)
def test_severity_is(read: Estate, severity: Severity) -> None:
    [finding] = found(ID, read)

    assert finding.severity is severity


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(linux(), item(), agent(AGENT_LINUX)), id="it is the oldest supported on Linux"),
        pytest.param(estate(vm(), item(), agent(AGENT_WINDOWS)), id="it is the oldest supported on Windows"),
        pytest.param(estate(linux(), item(), agent("2.2.100")), id="2.2.100 only reads older than 2.2.53"),
        pytest.param(estate(linux(), item(), agent("2.10.0.8")), id="2.10 only reads older than 2.2"),
        pytest.param(estate(vm(), item(), agent("2.7.41491.1083")), id="it is newer"),
        pytest.param(estate(vm(), item(), agent("10.0")), id="it is of a new major version"),
        pytest.param(estate(linux(), item(), agent("Unknown")), id="the version is Unknown"),
        pytest.param(estate(linux(), item(), agent(None)), id="no version is known"),
        pytest.param(estate(linux(), item(), agent("")), id="the version is empty"),
        pytest.param(estate(linux(), item(), agent("1.x-custom")), id="the version is not made of numbers"),
        pytest.param(estate(linux(), item(), agent("1..2")), id="the version lacks a part"),
        pytest.param(estate(linux(), item(), agent("-1.0")), id="the version has a sign"),
        pytest.param(
            estate(linux(), item(), agent("\u0662.\u0662")), id="the version has other scripts' digits"
        ),
        pytest.param(estate(linux(), item(), agent("1" * 5000)), id="the version is endless"),
        pytest.param(estate(vm(os=None), item(), agent("1.0")), id="the operating system is unknown"),
        pytest.param(
            estate(linux(), item(), agent("2.2.40"), power="deallocated"), id="the vm is deallocated"
        ),
        pytest.param(estate(linux(), item(), agent("2.2.40"), power="stopped"), id="the vm is stopped"),
        pytest.param(
            estate(linux(), item(), agent("2.2.40"), policy(consistency="onlyCrashConsistent")),
            id="the policy is crash-consistent",
        ),
        pytest.param(estate(linux(), item()), id="the instance view was not looked at"),
        pytest.param(estate(linux(), agent("2.2.40")), id="the vm is not protected"),
        pytest.param(estate(item(), agent("2.2.40")), id="the vm is gone"),
        pytest.param(
            estate(linux(), item(protection_state="BackupsSuspended"), agent("2.2.40")),
            id="backups are suspended",
        ),
        pytest.param(
            estate(linux(), item(), agent("Unknown", agent=NOT_READY)),
            id="the agent is dead, which is another cause",
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(ID, healthy) == []
    assert undecided(ID, healthy) == []


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(
            estate(linux(), item(), Unread(Read.VIEW, vm_id(), "forbidden", 403)), id="the instance view"
        ),
        pytest.param(
            estate(
                linux(), item(), agent("2.2.40"), Unread(Read.POLICIES, VAULT, "forbidden", 403), policies=()
            ),
            id="the policies",
        ),
    ],
)
def test_gives_no_verdict_where_there_is_no_answer_about(read: Estate) -> None:
    said = scan.evaluate(read, [playbook.load()[ID]])

    assert said.diagnoses == ()
    assert [one.vm for one in said.not_evaluated] == [vm_id()]
