"""SQL Server, and what Backup's snapshots are to it."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, vm, windows

from azremedy.playbook import Severity
from azremedy.resources import Service, Setting

ID = "sql-vss"
S1 = "UserErrorGuestAgentStatusUnavailable"

SQL = Service("MSSQLSERVER", "Running", "Auto")
NAMED = Service("MSSQL$PROD", "Stopped", "Manual")


def server(key: str | None = None, *services: Service) -> Any:
    settings = () if key is None else (Setting("USEVSSCOPYBACKUP", key),)
    return windows(services=services or (SQL,), settings=settings)


@pytest.mark.parametrize(
    ("key", "meaning"),
    [
        (None, ("full", "copy-only")), ("FALSE", ("full", "copy-only")), ("", ("full", "copy-only")),
        ("TRUE", ("copy-only", "full")), ("True", ("copy-only", "full")), ("true", ("copy-only", "full")),
    ],
)  # fmt: skip
def test_tells_both_meanings_as_information(key: str | None, meaning: tuple[str, str]) -> None:
    [finding] = found(ID, estate(vm(), item(), server(key)))

    assert finding.severity is Severity.INFO
    assert (finding.evidence.meaning_2018, finding.evidence.meaning_2025) == meaning
    assert "by the document of 2018" in finding.message
    assert finding.evidence.key == key


def test_counts_instances_and_names_none() -> None:
    [finding] = found(ID, estate(vm(), item(), server(None, SQL, NAMED)))

    assert finding.evidence.instances == 2
    assert "PROD" not in finding.message


@pytest.mark.parametrize(("key", "severity"), [(None, Severity.CORROBORATED), ("TRUE", Severity.INFO)])
def test_a_failed_snapshot_bears_it_out_only_where_the_key_is_not_set(
    key: str | None, severity: Severity
) -> None:
    broken = failed_item(), failed_job("ExtensionSnapshotFailedNoNetwork")
    [finding] = found(ID, estate(vm(), *broken, server(key)))

    assert finding.severity is severity


def test_another_failure_does_not() -> None:
    [finding] = found(
        ID, estate(vm(), failed_item(), failed_job("UserErrorRpCollectionLimitReached"), server())
    )

    assert finding.severity is Severity.INFO


def test_the_key_is_not_touched_unasked() -> None:
    broken = failed_item(), failed_job("ExtensionSnapshotFailedNoNetwork")

    assert "find out" in left(ID, estate(vm(), *broken, server())).reason


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(
                estate(vm(), failed_item(), failed_job("ExtensionSnapshotFailedNoNetwork"), windows()),
                id="there is no SQL Server",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    windows(
                        services=(
                            Service("MySQL80", "Running", "Auto"),
                            Service("SQLBrowser", "Running", "Auto"),
                        )
                    ),
                ),
                id="other software has SQL in its name",
            ),
            pytest.param(estate(vm(os="Linux"), item(), linux()), id="it is Linux"),
            pytest.param(estate(vm(), failed_item(), failed_job(S1)), id="nobody asked inside"),
            pytest.param(
                estate(vm(), item(), windows(services=(SQL,)), power="deallocated"), id="the VM does not run"
            ),
            pytest.param(
                estate(vm(), item(), policy(consistency="OnlyCrashConsistent"), windows(services=(SQL,))),
                id="the policy is crash-consistent",
            ),
            pytest.param(estate(vm(), windows(services=(SQL,))), id="no vault backs it up"),
            pytest.param(
                estate(vm(), item(protection_state="ProtectionStopped"), windows(services=(SQL,))),
                id="protection is stopped",
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
