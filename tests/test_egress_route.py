"""egress-route: a route or private subnet stands between a VM and Azure Storage."""

from __future__ import annotations

from typing import Any

import pytest
from building import (
    arm_id,
    attached,
    estate,
    failed_item,
    failed_job,
    found,
    item,
    left,
    nic,
    nic_id,
    policy,
    subnet,
    subnet_id,
    undecided,
    view,
    vm,
    vm_id,
)

from azremedy.estate import Estate
from azremedy.plan import FixClass
from azremedy.playbook import Severity, load
from azremedy.resources import IpConfiguration, Route, RouteTable

PLAYBOOK = "egress-route"
NO_NETWORK = "ExtensionSnapshotFailedNoNetwork"
TABLE = arm_id("Microsoft.Network/routeTables", "rt1")

through_firewall = Route("default", "0.0.0.0/0", "VirtualAppliance", "10.0.0.68")
to_nowhere = Route("default", "0.0.0.0/0", "None")


def routed(*routes: Route, **changes: Any) -> tuple[Any, ...]:
    return nic(), subnet(route_table=TABLE, **changes), RouteTable(TABLE, routes)


network = routed(through_firewall)


def test_finds_the_route_and_names_where_it_leads() -> None:
    [finding] = found(PLAYBOOK, estate(vm(), failed_item(), failed_job(NO_NETWORK), *network))

    assert (finding.vm, finding.resource) == (vm_id("sql1"), TABLE)
    assert finding.severity is Severity.CORROBORATED
    assert finding.failure is not None
    assert finding.message == (
        "route 'default' (0.0.0.0/0) of table 'rt1' sends the traffic to Azure Storage to VirtualAppliance 10.0.0.68"
    )
    assert (finding.evidence.next_hop, finding.evidence.next_hop_address) == ("VirtualAppliance", "10.0.0.68")
    assert finding.evidence.nic == nic_id("sql1-nic")


def test_finds_a_route_that_drops_the_traffic() -> None:
    [finding] = found(PLAYBOOK, estate(vm(), item(), *routed(to_nowhere)))

    assert finding.message == "route 'default' (0.0.0.0/0) of table 'rt1' drops the traffic to Azure Storage"


def test_finds_a_private_subnet_without_a_way_out() -> None:
    [finding] = found(PLAYBOOK, estate(vm(), item(), nic(), subnet(default_outbound=False)))

    assert finding.resource == subnet_id()
    assert finding.evidence.route is None
    assert finding.message.startswith("subnet 'default' is private")


def test_a_person_is_told_of_each_way_a_proxy_among_them() -> None:
    told = left(PLAYBOOK, estate(vm(), failed_item(), failed_job(NO_NETWORK), *network)).reason

    for way in ("TCP 443", "service endpoint", "HTTP proxy", "asks for no password", "168.63.129.16"):
        assert way in told
    assert "proxy" in load()[PLAYBOOK].remedy


def test_is_for_a_person() -> None:
    assert load()[PLAYBOOK].fix_class is FixClass.MANUAL


failed = failed_item()


@pytest.mark.parametrize(
    ("read", "severity"),
    [
        pytest.param(estate(vm(), item(), *network), Severity.INFO, id="info where the last backup was fine"),
        pytest.param(
            estate(vm(), failed, failed_job("UserErrorUnsupportedDiskSize"), *network),
            Severity.INFO,
            id="info where a backup failed with a code that has nothing to do with it",
        ),
        pytest.param(
            estate(vm(), failed, failed_job("GuestAgentSnapshotTaskStatusError"), *network),
            Severity.SUSPECTED,
            id="suspected where a code failed for which the origin names C1",
        ),
        pytest.param(
            estate(vm(), failed, failed_job(NO_NETWORK), *network),
            Severity.CORROBORATED,
            id="corroborated by the code for no network",
        ),
        pytest.param(
            estate(vm(disks=(attached("d", 0, write_accelerated=True),)), item(), *network),
            Severity.SUSPECTED,
            id="suspected with write-accelerated disks",
        ),
        pytest.param(
            estate(vm(), item(), view(agent_version="2.7.0.0"), *network),
            Severity.SUSPECTED,
            id="suspected with an agent below the minimum",
        ),
    ],
)
def test_severity_is(read: Estate, severity: Severity) -> None:
    [finding] = found(PLAYBOOK, read)

    assert finding.severity is severity


public = IpConfiguration(subnet_id(), "10.0.0.4", primary=True, public_ip=arm_id("p/publicIPAddresses", "ip"))
pooled = IpConfiguration(
    subnet_id(), "10.0.0.4", primary=True, load_balancer_pools=(arm_id("p/pools", "lb"),)
)
NAT = arm_id("Microsoft.Network/natGateways", "nat1")
elsewhere = nic("second", subnet=subnet_id("dmz"), primary=False)


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(estate(), id="nothing is protected"),
        pytest.param(estate(vm(), *network), id="the vm is not protected"),
        pytest.param(estate(item(), *network), id="the vm is gone"),
        pytest.param(estate(vm(), item(), nic(), subnet()), id="there is no route table"),
        pytest.param(estate(vm(), item(), *routed()), id="the route table is empty"),
        pytest.param(
            estate(vm(), item(), nic(), subnet(), RouteTable(TABLE, (through_firewall,))),
            id="the route table is another subnet's",
        ),
        pytest.param(
            estate(vm(), item(), *routed(Route("default", "0.0.0.0/0", "Internet"))),
            id="the default route leads to the internet",
        ),
        pytest.param(
            estate(vm(), item(), *routed(Route("office", "10.1.0.0/16", "VirtualNetworkGateway"))),
            id="only private ranges lead elsewhere",
        ),
        pytest.param(
            estate(vm(), item(), *routed(through_firewall, Route("s", "Storage.WestEurope", "Internet"))),
            id="a narrower route for storage leads to the internet",
        ),
        pytest.param(
            estate(vm(), item(), *routed(through_firewall, service_endpoints=("Microsoft.Storage",))),
            id="the subnet has a service endpoint for storage",
        ),
        pytest.param(
            estate(vm(), item(), nic(), subnet(default_outbound=False, nat_gateway=NAT)),
            id="the private subnet has a nat gateway",
        ),
        pytest.param(
            estate(vm(), item(), nic(ip_configurations=(public,)), subnet(default_outbound=False)),
            id="the interface has a public ip",
        ),
        pytest.param(
            estate(
                vm(nics=(nic_id("sql1-nic"), nic_id("second"))),
                item(),
                nic(),
                subnet(),
                elsewhere,
                subnet("dmz", route_table=TABLE),
                RouteTable(TABLE, (through_firewall,)),
            ),
            id="the route is that of an interface that is not primary",
        ),
        pytest.param(estate(vm(), item(), *network, power="deallocated"), id="the vm is deallocated"),
        pytest.param(
            estate(vm(), item(), policy(consistency="OnlyCrashConsistent"), *network),
            id="backups are crash-consistent",
        ),
    ],
)
def test_stays_silent_when(healthy: Estate) -> None:
    assert found(PLAYBOOK, healthy) == []
    assert undecided(PLAYBOOK, healthy) == []


@pytest.mark.parametrize(
    ("read", "because"),
    [
        pytest.param(
            estate(vm(), item(), *routed(through_firewall, Route("r", "20.60.0.0/16", "Internet"))),
            "route table 'rt1' may send part of the traffic to Azure Storage elsewhere",
            id="a range leads another way",
        ),
        pytest.param(
            estate(vm(), item(), nic(ip_configurations=(pooled,)), subnet(default_outbound=False)),
            "whether a load balancer's outbound rule serves private subnet 'default' is not known",
            id="a private subnet is behind a load balancer",
        ),
        pytest.param(
            estate(vm(), item(), nic(), subnet(route_table=TABLE)),
            "route table 'rt1' was not read",
            id="the route table is unread",
        ),
        pytest.param(estate(vm(), item(), nic()), "subnet 'default' was not read", id="the subnet is unread"),
        pytest.param(
            estate(vm(), item()), "network interface 'sql1-nic' was not read", id="the interface is unread"
        ),
    ],
)
def test_gives_no_verdict_when(read: Estate, because: str) -> None:
    [gap] = undecided(PLAYBOOK, read)

    assert (gap.playbook, gap.vm, gap.because) == (PLAYBOOK, vm_id("sql1"), because)
    assert found(PLAYBOOK, read) == []
