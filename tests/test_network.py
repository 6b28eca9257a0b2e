"""Verdicts on the way from a network interface to Azure Storage: security rules, and routes."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

import pytest
from building import DEFAULT_RULES, arm_id, estate, nic, nic_id, nsg, nsg_id, rule, subnet, subnet_id, vm
from hypothesis import given, settings
from hypothesis import strategies as st

from azremedy.addresses import Match, storage
from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.network import (
    Outcome,
    Routing,
    Verdict,
    Way,
    combined,
    filters,
    primary_nic,
    routing,
)
from azremedy.resources import IpConfiguration, Nic, Nsg, Route, RouteTable, Rule

ALLOWED, BLOCKED, INDETERMINATE = Outcome.ALLOWED, Outcome.BLOCKED, Outcome.INDETERMINATE
REGION = "westeurope"
GROUP = arm_id("Microsoft.Network/applicationSecurityGroups", "db")
OTHER_GROUP = arm_id("Microsoft.Network/applicationSecurityGroups", "web")
TABLE = arm_id("Microsoft.Network/routeTables", "rt1")
NAT = arm_id("Microsoft.Network/natGateways", "nat1")
PUBLIC_IP = arm_id("Microsoft.Network/publicIPAddresses", "ip1")
POOL = arm_id("Microsoft.Network/loadBalancers", "lb1/backendAddressPools/pool")

deny_all = rule("Deny", "*", 4000)
filtered = nic(nsg=nsg_id("nsg1"))


def configured(**changes: Any) -> IpConfiguration:
    return replace(IpConfiguration(subnet_id(), "10.0.0.4", primary=True), **changes)


def table(*routes: Route) -> RouteTable:
    return RouteTable(TABLE, routes)


def to(hop: str, prefix: str = "0.0.0.0/0") -> Route:
    return Route(f"to-{hop}", prefix, hop, "10.0.0.68" if hop == "VirtualAppliance" else None)


def judged(read: Estate, by: Nic = filtered, region: str = REGION) -> Verdict:
    return combined(filters(read)(by, region))


def behind(*rules: Rule, by: Nic = filtered, region: str = REGION, routes: tuple[Route, ...] = ()) -> Verdict:
    """The verdict on an interface behind these rules and the default ones, and these routes of its subnet."""
    place = subnet(route_table=TABLE) if routes else subnet()
    return judged(estate(by, nsg(*rules), place, table(*routes)), by, region)


def test_without_an_nsg_everything_is_allowed() -> None:
    assert judged(estate(nic(), subnet()), nic()).outcome is ALLOWED


def test_the_default_rules_alone_allow() -> None:
    assert behind().outcome is ALLOWED


def test_blocked_names_nsg_rule_and_priority() -> None:
    assert behind(rule("Deny", "Internet", 300)) == Verdict(BLOCKED, nsg_id("nsg1"), "deny-300", 300)


@pytest.mark.parametrize(
    "destination",
    [
        "*",
        "0.0.0.0/0",
        "Internet",
        "INTERNET",
        "AzureCloud",
        "AzureCloud.WestEurope",
        "Storage",
        "Storage.WestEurope",
        "storage.west europe",
        "STORAGE.WESTEUROPE",
    ],
)
def test_a_deny_covers_storage_of_the_region_by(destination: str) -> None:
    assert behind(rule("Deny", destination)).outcome is BLOCKED


@pytest.mark.parametrize(
    "destination",
    [
        "Storage.NorthEurope",
        "Storage.WestEurope2",
        "AzureCloud.NorthEurope",
        "Sql.WestEurope",
        "AzureBackup",
        "VirtualNetwork",
        "AzureLoadBalancer",
        "10.0.0.0/8",
        "192.168.1.1",
        "::/0",
        "",
    ],
)
def test_a_deny_does_not_cover_storage_by(destination: str) -> None:
    assert behind(rule("Deny", destination)).outcome is ALLOWED


@pytest.mark.parametrize(
    ("region", "tag"),
    [("francecentral", "Storage.centralfrance"), ("France Central", "Storage.FranceCentral")],
)
def test_regions_are_the_same_whatever_their_spelling(region: str, tag: str) -> None:
    assert behind(rule("Deny", tag), region=region).outcome is BLOCKED


def test_many_ranges_in_one_rule_that_hold_all_public_addresses_are_all_of_storage() -> None:
    halves = rule("Deny", "", destinations=("0.0.0.0/1", "128.0.0.0/1"))
    around_private = storage(
        [
            "0.0.0.0/5",
            "8.0.0.0/7",
            "11.0.0.0/8",
            "12.0.0.0/6",
            "16.0.0.0/4",
            "32.0.0.0/3",
            "64.0.0.0/2",
            "128.0.0.0/1",
        ],
        REGION,
        default_route=False,
    )

    assert behind(halves).outcome is BLOCKED
    assert around_private is Match.ALL
    assert storage(["0.0.0.0/1"], REGION, default_route=False) is Match.SOME


@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        pytest.param((rule("Allow", "Storage", 100), deny_all), ALLOWED, id="allow above deny"),
        pytest.param((rule("Deny", "Storage", 100), rule("Allow", "*", 200)), BLOCKED, id="deny above allow"),
        pytest.param((rule("Deny", "20.60.0.0/16", 100),), INDETERMINATE, id="range denied above allow"),
        pytest.param(
            (rule("Allow", "20.60.0.0/16", 100), deny_all), INDETERMINATE, id="range allowed above deny"
        ),
        pytest.param((rule("Deny", "20.60.0.0/16", 100), deny_all), BLOCKED, id="range denied above deny"),
        pytest.param((rule("Allow", "20.60.0.0/16", 100),), ALLOWED, id="range allowed above allow"),
        pytest.param(
            (rule("Allow", "Storage", 100), rule("Deny", "20.60.0.0/16", 200)),
            ALLOWED,
            id="range denied below the rule that decides",
        ),
        pytest.param(
            (rule("Allow", "Storage.NorthEurope", 100), deny_all), BLOCKED, id="another region is allowed"
        ),
    ],
)
def test_rules_in_order(rules: tuple[Rule, ...], outcome: Outcome) -> None:
    assert behind(*rules).outcome is outcome


def test_indeterminate_names_the_rule_that_leaves_it_open() -> None:
    verdict = behind(rule("Allow", "20.60.0.0/16", 100), deny_all)

    assert (verdict.rule, verdict.priority) == ("allow-100", 100)
    assert verdict.reason is not None
    assert "'allow-100' of NSG 'nsg1'" in verdict.reason


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"direction": "Inbound"}, id="direction"),
        pytest.param({"protocol": "Udp"}, id="udp"),
        pytest.param({"protocol": "Icmp"}, id="icmp"),
        pytest.param({"ports": ("80",)}, id="another port"),
        pytest.param({"ports": ("80", "8000-9000", "444")}, id="other ports"),
        pytest.param({"ports": ("4430",)}, id="a port that begins like it"),
        pytest.param({"ports": ("https", "9" * 5000)}, id="ports that are none"),
        pytest.param({"sources": ("10.0.1.0/24",)}, id="another source"),
        pytest.param({"sources": ("10.0.0.5",)}, id="another address"),
        pytest.param({"sources": ("Internet",)}, id="a public source"),
        pytest.param({"sources": ("fd00::/8",)}, id="an ipv6 source"),
        pytest.param({"sources": (), "source_groups": (OTHER_GROUP,)}, id="another group's source"),
        pytest.param({"destinations": (), "destination_groups": (GROUP,)}, id="a group as destination"),
    ],
)
def test_a_deny_does_not_match_by(changes: dict[str, Any]) -> None:
    assert behind(rule("Deny", "*", **changes)).outcome is ALLOWED


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"direction": "OUTBOUND", "protocol": "TCP"}, id="any case"),
        pytest.param({"ports": ("80", "443")}, id="a list of ports"),
        pytest.param({"ports": ("400-500",)}, id="a range of ports"),
        pytest.param({"ports": ("443-443",)}, id="a range of one port"),
        pytest.param({"sources": ("VirtualNetwork",)}, id="the virtual network"),
        pytest.param({"sources": ("10.0.0.4",)}, id="the address"),
        pytest.param({"sources": ("10.9.0.0/16", "10.0.0.0/24")}, id="a list of ranges"),
        pytest.param({"sources": ("0.0.0.0/0",)}, id="every range"),
        pytest.param({"sources": ("9.0.0.0/8",), "source_groups": (GROUP,)}, id="a group of the interface"),
    ],
)
def test_a_deny_matches_by(changes: dict[str, Any]) -> None:
    member = nic(nsg=nsg_id("nsg1"), ip_configurations=(configured(application_groups=(GROUP,)),))

    assert behind(rule("Deny", "*", **changes), by=member).outcome is BLOCKED


def test_the_primary_ip_configuration_is_the_source() -> None:
    two = nic(
        nsg=nsg_id("nsg1"),
        ip_configurations=(configured(address="10.0.0.9", primary=False), configured(address="10.0.0.4")),
    )

    assert behind(rule("Deny", "*", sources=("10.0.0.9",)), by=two).outcome is ALLOWED
    assert behind(rule("Deny", "*", sources=("10.0.0.4",)), by=two).outcome is BLOCKED


def test_an_unknown_address_leaves_rules_for_ranges_open_and_no_others() -> None:
    nameless = nic(nsg=nsg_id("nsg1"), ip_configurations=(configured(address=None),))

    assert behind(rule("Deny", "*", sources=("10.0.0.0/24",)), by=nameless).outcome is INDETERMINATE
    assert behind(rule("Deny", "*"), by=nameless).outcome is BLOCKED
    assert behind(by=nameless).outcome is ALLOWED


@pytest.mark.parametrize(
    "garbled",
    [{"sources": ("10.0.0.0/99",)}, {"destinations": ("20.60/16/1",)}],
    ids=["source", "destination"],
)
def test_a_prefix_that_makes_no_sense_decides_nothing(garbled: dict[str, Any]) -> None:
    assert behind(rule("Deny", "*", **garbled)).outcome is INDETERMINATE


@pytest.mark.parametrize(
    ("rules", "routes", "outcome"),
    [
        pytest.param((rule("Deny", "VirtualNetwork"),), (), ALLOWED, id="is private without one"),
        pytest.param(
            (rule("Deny", "VirtualNetwork"),), (to("VirtualAppliance"),), INDETERMINATE, id="denied with one"
        ),
        pytest.param(
            (rule("Allow", "VirtualNetwork"), deny_all), (to("None"),), INDETERMINATE, id="allowed with one"
        ),
        pytest.param((), (to("VirtualAppliance"),), ALLOWED, id="with the default rules"),
        pytest.param((rule("Deny", "Internet"),), (to("None"),), BLOCKED, id="below a deny"),
        pytest.param(
            (rule("Deny", "VirtualNetwork"),),
            (to("VirtualAppliance", "0.0.0.0/1"), to("VirtualAppliance", "128.0.0.0/1")),
            INDETERMINATE,
            id="with a default route in two halves",
        ),
        pytest.param(
            (rule("Deny", "VirtualNetwork"),), (to("None", "10.0.0.0/8"),), ALLOWED, id="with a private route"
        ),
    ],
)
def test_the_virtual_network_and_a_default_route(
    rules: tuple[Rule, ...], routes: tuple[Route, ...], outcome: Outcome
) -> None:
    assert behind(*rules, routes=routes).outcome is outcome


nic_rules = nsg(name="on-nic")
subnet_rules = nsg(name="on-subnet")
closed = (rule("Deny", "Internet"),)
both = nic(nsg=nsg_id("on-nic"))
below = subnet(nsg=nsg_id("on-subnet"))


@pytest.mark.parametrize(
    ("on_nic", "on_subnet", "verdict"),
    [
        pytest.param((), (), (ALLOWED, None), id="both allow"),
        pytest.param(closed, (), (BLOCKED, "on-nic"), id="the interface's blocks"),
        pytest.param((), closed, (BLOCKED, "on-subnet"), id="the subnet's blocks"),
        pytest.param(closed, closed, (BLOCKED, "on-nic"), id="both block"),
        pytest.param(
            (rule("Deny", "20.60.0.0/16"),), closed, (BLOCKED, "on-subnet"), id="one blocks, one is open"
        ),
        pytest.param(
            (), (rule("Deny", "20.60.0.0/16"),), (INDETERMINATE, "on-subnet"), id="one allows, one is open"
        ),
    ],
)
def test_both_nsgs_must_allow(
    on_nic: tuple[Rule, ...], on_subnet: tuple[Rule, ...], verdict: tuple[Outcome, str | None]
) -> None:
    read = estate(both, below, nsg(*on_nic, name="on-nic"), nsg(*on_subnet, name="on-subnet"))
    found = judged(read, both)

    assert (found.outcome, found.nsg and found.nsg.name) == verdict


def test_each_nsg_on_the_way_has_a_verdict_of_its_own_and_one_nsg_on_both_has_one() -> None:
    read = estate(both, below, nsg(*closed, name="on-nic"), nsg(*closed, name="on-subnet"))
    same = subnet(nsg=nsg_id("ON-NIC"))

    assert [verdict.nsg for verdict in filters(read)(both, REGION)] == [nsg_id("on-nic"), nsg_id("on-subnet")]
    assert len(filters(estate(both, same, nic_rules))(both, REGION)) == 1


@pytest.mark.parametrize(
    ("read", "by", "reason"),
    [
        pytest.param(estate(both, subnet()), both, "NSG 'on-nic' was not read", id="the interface's nsg"),
        pytest.param(estate(nic(), below), nic(), "NSG 'on-subnet' was not read", id="the subnet's nsg"),
        pytest.param(estate(both, nic_rules), both, "subnet 'default' was not read", id="the subnet"),
        pytest.param(
            estate(nic(), subnet(route_table=TABLE)), nic(), "route table 'rt1' was not read", id="the table"
        ),
        pytest.param(
            estate(subnet()),
            nic(ip_configurations=()),
            "network interface 'sql1-nic' has no primary ip configuration",
            id="the ip configuration",
        ),
        pytest.param(
            estate(subnet()),
            nic(ip_configurations=(configured(subnet=None),)),
            "network interface 'sql1-nic' names no subnet",
            id="the subnet's name",
        ),
        pytest.param(
            estate(both, subnet(), Nsg(nsg_id("on-nic"), REGION)),
            both,
            "no rule of NSG 'on-nic' decides on Azure Storage",
            id="every rule",
        ),
    ],
)
def test_what_is_not_known_is_never_allowed(read: Estate, by: Nic, reason: str) -> None:
    verdict = judged(read, by)

    assert (verdict.outcome, verdict.reason) == (INDETERMINATE, reason)


def test_an_nsg_that_blocks_is_enough_whatever_else_is_unread() -> None:
    assert judged(estate(both, nsg(*closed, name="on-nic")), both).outcome is BLOCKED


def test_an_unread_route_table_leaves_the_virtual_network_open() -> None:
    read = estate(
        both, subnet(route_table=TABLE), nsg(rule("Allow", "VirtualNetwork"), deny_all, name="on-nic")
    )

    assert judged(read, both).outcome is INDETERMINATE


DESTINATIONS = st.sampled_from(
    ["*", "Internet", "Storage", "Storage.NorthEurope", "VirtualNetwork", "20.60.0.0/16", "10.0.0.0/8"]
)
RULES = st.lists(
    st.builds(
        lambda access, destination, protocol, source, priority: rule(
            access, destination, priority, protocol=protocol, sources=(source,)
        ),
        st.sampled_from(["Allow", "Deny"]),
        DESTINATIONS,
        st.sampled_from(["*", "Tcp", "Udp"]),
        st.sampled_from(["*", "VirtualNetwork", "10.0.0.0/24", "10.0.1.0/24"]),
        st.integers(101, 4096),
    ),
    unique_by=lambda one: one.priority,
    max_size=8,
)


@settings(deadline=None)
@given(RULES, st.sampled_from(["Allow", "Deny"]))
def test_a_rule_for_everything_above_all_others_decides(rules: list[Rule], access: str) -> None:
    assert behind(rule(access, "*", 100), *rules).outcome is (ALLOWED if access == "Allow" else BLOCKED)


@settings(deadline=None)
@given(RULES, st.randoms(use_true_random=False))
def test_the_order_in_which_rules_are_listed_is_irrelevant(rules: list[Rule], random: Any) -> None:
    shuffled = [*rules, *DEFAULT_RULES]
    random.shuffle(shuffled)
    mixed = Nsg(nsg_id("nsg1"), REGION, tuple(shuffled))

    assert judged(estate(filtered, subnet(), mixed)) == behind(*rules)


@settings(deadline=None)
@given(RULES, RULES)
def test_rules_below_one_for_everything_change_nothing(above: list[Rule], under: list[Rule]) -> None:
    top = [replace(one, priority=index) for index, one in enumerate(above, 1)]
    low = [replace(one, priority=index) for index, one in enumerate(under, 5000)]
    last = rule("Deny", "*", 4999)

    assert behind(*top, last, *low) == behind(*top, last)


@settings(deadline=None)
@given(RULES)
def test_swapping_allow_and_deny_swaps_the_verdict(rules: list[Rule]) -> None:
    def swapped(one: Rule) -> Rule:
        return replace(one, access="Deny" if one.access == "Allow" else "Allow")

    opposite = {ALLOWED: BLOCKED, BLOCKED: ALLOWED, INDETERMINATE: INDETERMINATE}
    last = rule("Deny", "*", 5000)

    assert behind(*map(swapped, rules), swapped(last)).outcome is opposite[behind(*rules, last).outcome]


@settings(deadline=None)
@given(st.text(), st.text(), st.text())
def test_no_text_in_a_rule_is_an_error(prefix: str, port: str, region: str) -> None:
    assert behind(rule("Deny", prefix, ports=(port, "443"), sources=(prefix, "*")), region=region).outcome


def test_a_big_nsg_that_thousands_share_is_looked_through_once() -> None:
    big = nsg(
        *(
            rule("Allow", f"Storage.Region{number}", number, ports=("443", "1000-2000"))
            for number in range(100, 1100)
        )
    )
    nics = [nic(f"nic{number}", nsg=nsg_id("nsg1")) for number in range(5000)]
    judge = filters(estate(*nics, big, subnet()))
    started = perf_counter()

    assert {combined(judge(one, REGION)).outcome for one in nics} == {ALLOWED}
    assert perf_counter() - started < 2


# Routes


def routed(*routes: Route, by: Nic | None = None, **changes: Any) -> Routing:
    by = by or nic()
    place = subnet(route_table=TABLE if routes else None, **changes)
    return routing(estate(by, place, table(*routes)), by, REGION)


@pytest.mark.parametrize("hop", ["VirtualAppliance", "VirtualNetworkGateway", "None", "virtualappliance"])
def test_a_default_route_leads_elsewhere_by(hop: str) -> None:
    assert routed(to(hop)) == Routing(Way.ELSEWHERE, TABLE, to(hop))


@pytest.mark.parametrize(
    ("routes", "changes"),
    [
        pytest.param((), {}, id="no route table"),
        pytest.param((to("Internet"),), {}, id="a default route to the internet"),
        pytest.param((to("VirtualAppliance", "10.0.0.0/8"),), {}, id="a private range"),
        pytest.param((to("VirtualAppliance", "20.60.1.1/32"),), {}, id="a single address"),
        pytest.param((to("VirtualAppliance", "Storage.NorthEurope"),), {}, id="another region's tag"),
        pytest.param((to("VirtualAppliance", "Sql"),), {}, id="another service's tag"),
        pytest.param((to("VirtualAppliance"), to("Internet", "Storage")), {}, id="the tag of storage"),
        pytest.param(
            (to("VirtualAppliance"), to("Internet", "storage.west europe")), {}, id="the region's tag"
        ),
        pytest.param((to("VirtualAppliance"), to("Internet", "AzureCloud")), {}, id="the cloud's tag"),
        pytest.param(
            (to("None", "AzureCloud"), to("Internet", "Storage.WestEurope")),
            {},
            id="the narrower of two tags",
        ),
        pytest.param(
            (to("VirtualAppliance"),), {"service_endpoints": ("Microsoft.Storage",)}, id="a service endpoint"
        ),
        pytest.param(
            (to("None"),),
            {"service_endpoints": ("microsoft.storage.global",)},
            id="a global service endpoint",
        ),
        pytest.param((), {"default_outbound": True}, id="default outbound access"),
        pytest.param((), {"default_outbound": False, "nat_gateway": NAT}, id="a nat gateway"),
        pytest.param(
            (),
            {"default_outbound": False, "service_endpoints": ("Microsoft.Storage",)},
            id="private, endpoint",
        ),
    ],
)
def test_storage_is_reached_directly_with(routes: tuple[Route, ...], changes: dict[str, Any]) -> None:
    assert routed(*routes, **changes) == Routing(Way.DIRECT)


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param((to("VirtualAppliance", "Storage"),), id="the tag of storage"),
        pytest.param(
            (to("Internet"), to("None", "AzureCloud.WestEurope")), id="a tag above the default route"
        ),
        pytest.param(
            (to("VirtualAppliance", "0.0.0.0/1"), to("VirtualAppliance", "128.0.0.0/1")), id="two halves"
        ),
        pytest.param((to("VirtualAppliance"), to("Internet", "23.102.135.246/32")), id="but for one address"),
        pytest.param((to("VirtualAppliance"), to("Internet", "10.1.0.0/16")), id="but for a private range"),
        pytest.param((to("VirtualAppliance"), to("None", "20.0.0.0/8")), id="two ways elsewhere"),
    ],
)
def test_storage_lies_elsewhere_with(routes: tuple[Route, ...]) -> None:
    found = routed(*routes)

    assert (found.way, found.resource) == (Way.ELSEWHERE, TABLE)


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param((to("VirtualAppliance"), to("Internet", "20.60.0.0/16")), id="a range to the internet"),
        pytest.param((to("VirtualAppliance", "20.60.0.0/16"),), id="a range elsewhere"),
        pytest.param((to("VirtualAppliance", "0.0.0.0/1"),), id="one half"),
        pytest.param((to("Internet", "Storage"), to("None", "20.60.0.0/16")), id="a range beside the tag"),
        pytest.param((to("Teleport"),), id="an unknown kind of hop"),
    ],
)
def test_routes_leave_it_open_with(routes: tuple[Route, ...]) -> None:
    found = routed(*routes)

    assert (found.way, found.resource) == (Way.INDETERMINATE, TABLE)
    assert found.reason == "route table 'rt1' may send part of the traffic to Azure Storage elsewhere"


def test_a_private_subnet_without_a_way_out_is_named() -> None:
    assert routed(default_outbound=False) == Routing(Way.ELSEWHERE, subnet_id())
    assert routed(to("Internet"), default_outbound=False) == Routing(Way.ELSEWHERE, subnet_id())


def test_a_private_subnet_goes_out_through_the_public_ip_of_the_primary_ip_configuration() -> None:
    public = nic(ip_configurations=(configured(public_ip=PUBLIC_IP),))
    second = nic(ip_configurations=(configured(), configured(public_ip=PUBLIC_IP, primary=False)))

    assert routed(by=public, default_outbound=False).way is Way.DIRECT
    assert routed(by=second, default_outbound=False).way is Way.ELSEWHERE


def test_a_load_balancer_leaves_a_private_subnet_open() -> None:
    pooled = nic(ip_configurations=(configured(load_balancer_pools=(POOL,)),))

    assert routed(by=pooled, default_outbound=False).way is Way.INDETERMINATE
    assert routed(by=pooled).way is Way.DIRECT


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (estate(nic()), "subnet 'default' was not read"),
        (estate(nic(), subnet(route_table=TABLE)), "route table 'rt1' was not read"),
    ],
)
def test_routes_that_are_unread_leave_it_open(read: Estate, reason: str) -> None:
    assert routing(read, nic(), REGION) == Routing(Way.INDETERMINATE, reason=reason)


first, second = nic_id("a"), nic_id("b")


@pytest.mark.parametrize(
    ("nics", "named", "primary", "expected"),
    [
        pytest.param((first, second), second, first, second, id="the one that the vm names"),
        pytest.param((first, second), None, second, second, id="the one that says so itself"),
        pytest.param((first,), None, None, first, id="the only one"),
        pytest.param((first, second), None, None, None, id="none of several"),
        pytest.param((), None, None, None, id="none at all"),
    ],
)
def test_the_primary_interface_is(
    nics: tuple[ArmId, ...], named: ArmId | None, primary: ArmId | None, expected: ArmId | None
) -> None:
    machine = vm(nics=nics, primary_nic=named)
    held = (nic(one.name, primary=one == primary) for one in nics)

    assert primary_nic(estate(machine, *held), machine) == expected
