"""DHCP is off in the guest."""

from __future__ import annotations

from typing import Any

import pytest
from building import estate, failed_item, failed_job, found, item, left, linux, policy, undecided, vm, windows

from azremedy.playbook import Severity
from azremedy.resources import Adapter, Setting

ID = "guest-dhcp"
S1 = "UserErrorGuestAgentStatusUnavailable"

STATIC = Adapter("Ethernet", dhcp=False, addresses=1)


def test_is_suspected_where_no_backup_bears_it_out() -> None:
    [finding] = found(ID, estate(vm(), item(), windows(adapters=(STATIC,))))

    assert finding.severity is Severity.SUSPECTED
    assert finding.message.endswith("(Ethernet)")
    assert finding.evidence.adapters == (STATIC,)


@pytest.mark.parametrize("code", [S1, "ExtensionSnapshotFailedNoNetwork"])
def test_is_corroborated_by_a_code_whose_causes_name_it(code: str) -> None:
    [finding] = found(ID, estate(vm(), failed_item(), failed_job(code), windows(adapters=(STATIC, STATIC))))

    assert finding.severity is Severity.CORROBORATED


def test_gives_no_verdict_where_windows_named_no_adapter() -> None:
    [gap] = undecided(ID, estate(vm(), item(), windows(adapters=())))

    assert "no connected network adapter" in gap.because


def test_is_left_to_a_person_and_says_in_which_order() -> None:
    reason = left(ID, estate(vm(), item(), windows(adapters=(STATIC,)))).reason

    assert reason.index("in Azure first") < reason.index("turn DHCP on")


class TestOnLinux:
    TYPED = linux(leases=0, dhcp=0, static=("netplan", "ifcfg"))

    def test_is_suspected_where_all_is_typed_in_and_no_lease_is_there(self) -> None:
        [finding] = found(ID, estate(vm(os="Linux"), item(), self.TYPED))

        assert finding.severity is Severity.SUSPECTED
        assert finding.message == "DHCP is off in Linux, and the address is typed in there (netplan, ifcfg)"

    def test_is_corroborated_by_a_code_whose_causes_name_it(self) -> None:
        [finding] = found(ID, estate(vm(os="Linux"), failed_item(), failed_job(S1), self.TYPED))

        assert finding.severity is Severity.CORROBORATED

    @pytest.mark.parametrize(
        ("told", "says"),
        [
            ({"dhcp": 0, "static": ("netplan",)}, "which may be an old one"),
            ({"leases": 0}, "no lease of DHCP"),
            ({"leases": 0, "dhcp": 0}, "no lease of DHCP"),
        ],
    )
    def test_gives_no_verdict_where_configuration_and_leases_do_not_agree(self, told: Any, says: str) -> None:
        [gap] = undecided(ID, estate(vm(os="Linux"), item(), linux(**told)))

        assert says in gap.because

    @pytest.mark.parametrize(
        ("who", "says"),
        [
            ("netplan", "dhcp4: true"), ("NetworkManager", "ipv4.method auto"), ("ifcfg", "BOOTPROTO=dhcp"),
            ("interfaces", "inet dhcp"), ("networkd", "DHCP=ipv4"),
        ],
    )  # fmt: skip
    def test_is_left_to_a_person_and_says_where_and_in_which_order(self, who: str, says: str) -> None:
        bad = linux(leases=0, dhcp=0, static=(who,))
        reason = left(ID, estate(vm(os="Linux"), item(), bad)).reason

        assert reason.index("in Azure first") < reason.index("turn DHCP on in Linux") < reason.index(says)

    @pytest.mark.parametrize(
        "told",
        [
            pytest.param({}, id="it has DHCP and a lease"),
            pytest.param({"dhcp": 0}, id="it holds a lease, and is set up in a way that nobody knows"),
            pytest.param({"static": ("netplan",)}, id="an address is typed in beside DHCP"),
            pytest.param(
                {
                    "leases": 0, "dhcp": 0, "static": ("ifcfg",),
                    "config": (Setting("Protocol.EndpointDiscovery", "static"),),
                },
                id="the agent is told where the wire server is",
            ),
        ],
    )  # fmt: skip
    def test_stays_silent_when(self, told: Any) -> None:
        healthy = estate(vm(os="Linux"), failed_item(), failed_job(S1), linux(**told))

        assert (found(ID, healthy), undecided(ID, healthy)) == ([], [])


class TestStaysSilentWhen:
    @pytest.mark.parametrize(
        "healthy",
        [
            pytest.param(estate(vm(), failed_item(), failed_job(S1), windows()), id="DHCP is on"),
            pytest.param(
                estate(
                    vm(),
                    failed_item(),
                    failed_job(S1),
                    windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=3),)),
                ),
                id="several addresses ask for a static configuration",
            ),
            pytest.param(
                estate(
                    vm(),
                    failed_item(),
                    failed_job(S1),
                    windows(adapters=(Adapter("a", dhcp=True, addresses=1), STATIC)),
                ),
                id="another adapter has DHCP",
            ),
            pytest.param(estate(vm(os="Linux"), item(), linux()), id="it is Linux"),
            pytest.param(estate(vm(), failed_item(), failed_job(S1)), id="nobody asked inside"),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=1),)),
                    power="deallocated",
                ),
                id="the VM does not run",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(),
                    policy(consistency="OnlyCrashConsistent"),
                    windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=1),)),
                ),
                id="the policy is crash-consistent",
            ),
            pytest.param(
                estate(vm(), windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=1),))),
                id="no vault backs it up",
            ),
            pytest.param(
                estate(
                    vm(),
                    item(protection_state="ProtectionStopped"),
                    windows(adapters=(Adapter("Ethernet", dhcp=False, addresses=1),)),
                ),
                id="protection is stopped",
            ),
        ],
    )
    def test_stays_silent_when(self, healthy: Any) -> None:
        assert found(ID, healthy) == []
