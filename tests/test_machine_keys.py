"""The rights on the machine's keys are not those of Windows."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, undecided, vm, windows

from azremedy.playbook import Severity
from azremedy.resources import Access

ID = "machine-keys"
CODE = "ExtensionConfigParsingFailure"
EVERYONE, ADMINISTRATORS = "S-1-1-0", "S-1-5-32-544"
FULL = Access(ADMINISTRATORS, 2032127)


def with_rights(*held: Access) -> Any:
    return windows(machine_keys=held)


BAD = with_rights(FULL)


@pytest.mark.parametrize(
    ("held", "who"),
    [
        ((FULL,), "Everyone"),
        ((Access(EVERYONE, 0x120089), FULL), "Everyone"),
        ((Access(EVERYONE, 0x12019F), Access(ADMINISTRATORS, 0x12019F)), "Administrators"),
        ((Access(EVERYONE, 1), Access(ADMINISTRATORS, 1)), "Everyone and Administrators"),
    ],
)
def test_tells_who_lacks_rights(held: tuple[Access, ...], who: str) -> None:
    [finding] = found(ID, estate(vm(), item(), with_rights(*held)))

    assert finding.severity is Severity.SUSPECTED
    assert f"does not allow {who} what" in finding.message


def test_is_corroborated_by_a_code_whose_causes_name_it() -> None:
    [finding] = found(ID, estate(vm(), failed_item(), failed_job(CODE), BAD))

    assert finding.severity is Severity.CORROBORATED


def test_gives_no_verdict_where_windows_told_no_rights() -> None:
    [gap] = undecided(ID, estate(vm(), item(), with_rights()))

    assert "told no rights" in gap.because


def test_is_left_to_a_person_with_the_command() -> None:
    reason = left(ID, estate(vm(), failed_item(), failed_job(CODE), BAD)).reason

    assert '/grant "*S-1-1-0:(R,W)" "*S-1-5-32-544:(F)"' in reason
    assert reason.index("icacls") < reason.index("certificates")


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(
                estate(vm(), failed_item(), failed_job(CODE), windows()), id="the rights are Windows's own"
            ),
            pytest.param(
                estate(vm(), item(), with_rights(Access(EVERYONE, 2032127), FULL)), id="everyone may do more"
            ),
            pytest.param(
                estate(
                    vm(), item(), with_rights(Access(EVERYONE, 0x120089), Access(EVERYONE, 0x120116), FULL)
                ),
                id="the rights come in two entries",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    with_rights(Access(EVERYONE, 0xC0000000), Access(ADMINISTRATORS, 0x10000000)),
                ),
                id="the rights are generic ones",
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
